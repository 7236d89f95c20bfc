/* agent/control_list.c - lists, page by page: domains, mailboxes, certificates, consents, held
 * mails. Reads only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "policy/recognise.h"
#include "policy/watch.h"
#include "show.h"

enum base_fail_class agent_cmd_domain_list(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *after = base_json_strd(req, "after", "");
    size_t limit = agent_page_limit(req), i = 0, n = 0;
    json_t *l = json_array();
    (void)by;
    (void)f;
    while (i < cfg->ndomains && after[0] && strcmp(cfg->domains[i].name, after) <= 0)
        i++;
    for (; i < cfg->ndomains && n < limit; i++, n++) {
        struct base_arena *a = base_arena_new();
        json_array_append_new(l, agent_domain_json(ag, a, &cfg->domains[i]));
        base_arena_free(a);
    }
    if (i < cfg->ndomains && n > 0)
        base_json_set(answer, "next", cfg->domains[i - 1].name);
    json_object_set_new(answer, "domains", l);
    return BASE_OK;
}

static enum base_fail_class list_expiring(struct agent *ag, struct base_arena *a, const json_t *req,
                                          json_t *answer, struct base_fail *f)
{
    struct ledger_certificate *v;
    size_t n = 0, limit = agent_page_limit(req);
    long long at = 0, id = 0;
    json_t *l = json_array();
    const char *after = base_json_str(req, "after");
    if (after && sscanf(after, "%lld.%lld", &at, &id) != 2) // NOLINT(cert-err34-c): opaque, ours
        at = id = 0;
    enum base_fail_class r =
        ledger_certificate_expiring(ag->ledger, a, base_json_int(req, "expiring_before", 0), at, id,
                                    limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        json_array_append_new(l, agent_certificate_json(&v[i], false));
    if (!r && n == limit)
        base_json_set(answer, "next",
                      base_arena_printf(a, "%lld.%lld", (long long)v[n - 1].not_after,
                                        (long long)v[n - 1].id));
    json_object_set_new(answer, "certificates", l);
    if (!r && n)
        json_object_set_new(answer, "attention",
                            json_pack("[s]", "certificates are about to end"));
    return r;
}

enum base_fail_class agent_cmd_list(struct agent *ag, const json_t *req, const char *by,
                                    json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mailbox *v;
    size_t n = 0, limit = agent_page_limit(req);
    enum base_fail_class r;
    (void)by;
    if (base_json_int(req, "expiring_before", 0)) {
        r = list_expiring(ag, a, req, answer, f);
        base_arena_free(a);
        return r;
    }
    json_t *l = json_array();
    r = ledger_mailbox_list(ag->ledger, a, base_json_strd(req, "after", ""), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "tenant", v[i].tenant);
        base_json_setn(o, "certificates", v[i].certificates);
        base_json_setn(o, "current", v[i].current);
        base_json_setn(o, "not_after", v[i].not_after);
        base_json_setn(o, "open_orders", v[i].open_orders);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_set(answer, "next", v[n - 1].mailbox);
    json_object_set_new(answer, "mailboxes", l);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_consent_list(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_consent *v;
    size_t n = 0, limit = agent_page_limit(req);
    json_t *l = json_array();
    const char *box = base_json_str(req, "mailbox");
    (void)by;
    enum base_fail_class r =
        ledger_consent_list(ag->ledger, a, box ? policy_mailbox_normal(a, box) : NULL,
                            base_json_int(req, "after", 0), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "id", v[i].id);
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "what", v[i].what);
        base_json_set(o, "who", v[i].who);
        base_json_set(o, "how", v[i].how);
        base_json_set(o, "text", v[i].text);
        base_json_set(o, "entered_by", v[i].entered_by);
        base_json_setn(o, "given", v[i].given);
        base_json_setn(o, "withdrawn", v[i].withdrawn);
        base_json_set(o, "withdrawn_by", v[i].withdrawn_by);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    json_object_set_new(answer, "consents", l);
    base_arena_free(a);
    return r;
}

/* ---- held --------------------------------------------------------------------------------- */

/* Would a person's approval change the verdict? Judged as if it were given. */
static void put_outlook(struct agent *ag, struct base_arena *a, const struct ledger_mail *mail,
                        json_t *o)
{
    struct ledger_mail m = *mail;
    struct agent_case c = {0};
    struct policy_decision d;
    m.approved_by = "?";
    m.approved_why = "?";
    bool yes = agent_case_build(ag, a, &m, NULL, &c);
    if (yes) {
        policy_decide(a, POLICY_GATE_ASK, &c.ev, ag->conf->cfg, &d);
        yes = d.verdict == POLICY_CONFIRM || d.verdict == POLICY_COLLECT;
        base_json_set(o, "would",
                      yes ? "approving asks the CA whether this is pending in our account, opens the "
                            "link, compares the page, and confirms"
                          : base_arena_printf(a, "approving changes nothing: %s", d.text));
    }
    base_json_setb(o, "approvable", yes);
    agent_case_free(&c);
}

enum base_fail_class agent_cmd_held_list(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail *v;
    size_t n = 0, limit = agent_page_limit(req);
    json_t *l = json_array();
    (void)by;
    enum base_fail_class r = ledger_mail_list(ag->ledger, a, "held", base_json_int(req, "after", 0),
                                              limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = agent_mail_json(&v[i]);
        put_outlook(ag, a, &v[i], o);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    if (!r && n)
        json_object_set_new(answer, "attention", json_pack("[s]", "held mails wait for a person"));
    json_object_set_new(answer, "held", l);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_held_show(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    int64_t id = base_json_int(req, "id", 0);
    (void)by;
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, &m, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "held.absent", "there is no mail %lld", (long long)id);
    if (!r) {
        json_object_set_new(answer, "mail", agent_mail_json(&m));
        agent_put_checks(answer, &m);
        agent_put_held_case(ag, a, &m, answer);
        if (strcmp(m.state, "held") == 0)
            put_outlook(ag, a, &m, answer);
        if (m.domain)
            base_json_set(answer, "dns",
                          base_arena_printf(a,
                                            "without this mail: validate %s by a DNS record in the "
                                            "CA's portal; no link is needed then",
                                            m.domain));
        agent_put_events(ag, a, answer, agent_object(a, "mail", id));
    }
    base_arena_free(a);
    return r;
}
