/* agent/control_consent.c - commands about what owners of mailboxes agreed to. */
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "policy/recognise.h"

enum base_fail_class agent_cmd_consent_add(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *given = base_json_strd(req, "mailbox", "");
    struct ledger_consent c = {
        .mailbox = policy_mailbox_normal(a, given),
        .what = base_json_strd(req, "what", ""),
        .who = base_json_strd(req, "who", ""),
        .how = base_json_strd(req, "how", ""),
        .text = base_json_strd(req, "text", ""),
        .entered_by = by,
        .given = base_now(),
    };
    int64_t id = 0;
    enum base_fail_class r;
    if (!c.mailbox || !policy_config_mailbox_domain(ag->conf->cfg, c.mailbox))
        r = base_failf(f, BASE_PERMANENT, "consent.mailbox",
                       "\"%s\" is no address in a controlled domain", given);
    else if (strcmp(c.what, "mailbox-validation") != 0 && strcmp(c.what, "custody") != 0)
        r = base_failf(f, BASE_PERMANENT, "consent.what",
                       "\"%s\": expected mailbox-validation or custody", c.what);
    else if (!c.who[0] || !c.how[0] || !c.text[0])
        r = base_failf(f, BASE_PERMANENT, "consent.fields",
                       "a consent says who gave it, how, and to which text: --who, --how, --text");
    else
        r = ledger_consent_add(ag->ledger, &c, &id, f);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "mailbox", c.mailbox);
        base_json_set(data, "what", c.what);
        base_json_set(data, "who", c.who);
        base_json_set(data, "how", c.how);
        agent_event(ag, LOG_NOTICE, "consent.given", NULL, agent_object(a, "consent", id), by, data);
        agent_mails_reconsider(ag, NULL, c.mailbox);
        base_json_setn(answer, "consent", id);
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_consent_withdraw(struct agent *ag, const json_t *req, const char *by,
                                                json_t *answer, struct base_fail *f)
{
    int64_t id = base_json_int(req, "id", 0);
    char object[40];
    (void)answer;
    enum base_fail_class r = ledger_consent_withdraw(ag->ledger, id, base_now(), by, f);
    if (r) {
        if (strcmp(f->code, "ledger.absent") == 0)
            return base_failf(f, BASE_PERMANENT, "consent.absent", "there is no consent %lld",
                              (long long)id);
        return r;
    }
    snprintf(object, sizeof(object), "consent:%lld", (long long)id);
    agent_event(ag, LOG_NOTICE, "consent.withdrawn", NULL, object, by, NULL);
    return BASE_OK;
}
