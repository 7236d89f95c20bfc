/* agent/control_record.c - commands about the local records of what a CA's mails and pages look like.
 *
 * A record takes effect by the reload that ends each command. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "policy/recognise.h"

static enum base_fail_class rebuild(struct agent *ag, struct base_fail *f)
{
    json_t *req = json_object(), *answer = json_object();
    enum base_fail_class r = agent_cmd_reload(ag, req, "record", answer, f);
    json_decref(req);
    json_decref(answer);
    return r;
}

enum base_fail_class agent_cmd_record_approve(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *profile = base_json_strd(req, "profile", ""), *kn = base_json_strd(req, "kind", "");
    const char *tmpl = base_json_strd(req, "template", ""), *host = NULL;
    const struct policy_profile *p = policy_config_profile(ag->conf->cfg, profile);
    enum policy_kind kind;
    int port;
    enum base_fail_class r = BASE_OK;
    const char *wrong = policy_template_check(a, tmpl, true, p && p->rehearsal);
    (void)answer;
    if (!p || !policy_kind_parse(kn, &kind) || !policy_profile_kind(p, kind))
        r = base_failf(f, BASE_PERMANENT, "record.kind", "profile \"%s\" has no kind \"%s\"",
                       profile, kn);
    else if (wrong || !policy_url_host(a, tmpl, &host, &port))
        r = base_failf(f, BASE_PERMANENT, "record.template", "\"%s\": %s", tmpl,
                       wrong ? wrong : "names no host");
    else if (strcmp(host, base_json_strd(req, "host", "")) != 0)
        r = base_failf(f, BASE_PERMANENT, "record.host",
                       "the template's host is %s: approve it by that name", host);
    if (!r) {
        json_t *rec = json_object();
        char when[BASE_TIME_LEN];
        base_json_set(rec, "profile", profile);
        base_json_set(rec, "kind", kn);
        base_json_set(rec, "host", host);
        base_json_set(rec, "template", tmpl);
        if (base_json_obj(req, "form"))
            json_object_set(rec, "form", base_json_obj(req, "form"));
        base_json_set(rec, "by", by);
        base_json_set(rec, "at", base_time_rfc3339(base_now(), when));
        char *text = base_json_text(rec);
        r = ledger_text_set(ag->ledger, base_arena_printf(a, "record:%s:%s", profile, kn), text, f);
        free(text);
        agent_event(ag, LOG_NOTICE, "record.approved", NULL,
                    base_arena_printf(a, "profile:%s", profile), by, rec);
    }
    base_arena_free(a);
    return r ? r : rebuild(ag, f);
}

enum base_fail_class agent_cmd_record_withdraw(struct agent *ag, const json_t *req, const char *by,
                                               json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *key = base_arena_printf(a, "record:%s:%s", base_json_strd(req, "profile", ""),
                                        base_json_strd(req, "kind", ""));
    const char *old = NULL;
    (void)answer;
    enum base_fail_class r = ledger_text_get(ag->ledger, a, key, &old, f);
    if (!r && (!old || !old[0]))
        r = base_failf(f, BASE_PERMANENT, "record.absent", "nothing of that name is approved");
    if (!r)
        r = ledger_text_set(ag->ledger, key, "", f);
    if (!r)
        agent_event(ag, LOG_NOTICE, "record.withdrawn", NULL, key, by, NULL);
    base_arena_free(a);
    return r ? r : rebuild(ag, f);
}
