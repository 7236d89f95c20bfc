/* agent/control_held.c - commands about held mails: a person approves or denies one.
 *
 * A failed check can't be approved away; what is approved goes the whole way through policy again. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/json.h"

static enum base_fail_class get_held(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct ledger_mail *m, struct base_fail *f)
{
    int64_t id = base_json_int(req, "id", 0);
    const char *reason = base_json_strd(req, "reason", "");
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, m, f);
    if (r)
        return strcmp(f->code, "ledger.absent") == 0
                   ? base_failf(f, BASE_PERMANENT, "held.absent", "there is no mail %lld",
                                (long long)id)
                   : r;
    if (agent_mail_busy(ag, id))
        return base_failf(f, BASE_TEMPORARY, "held.busy",
                          "mail %lld is just being looked at again: try once more in a moment",
                          (long long)id);
    if (strcmp(m->state, "held") != 0)
        return base_failf(f, BASE_PERMANENT, "held.state", "mail %lld is not held (it is %s: %s)",
                          (long long)id, m->state, m->text ? m->text : "");
    if (!reason[0])
        return base_failf(f, BASE_PERMANENT, "held.reason",
                          "a reason is needed; it is kept with your name: --reason TEXT");
    return BASE_OK;
}

enum base_fail_class agent_cmd_held_approve(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    struct agent_case c = {0};
    struct policy_decision d;
    enum base_fail_class r = get_held(ag, a, req, &m, f);
    if (!r) {
        m.approved_by = by;
        m.approved_why = base_json_str(req, "reason");
        if (!agent_case_build(ag, a, &m, NULL, &c))
            r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the mail can't be read now");
    }
    if (!r) {
        policy_decide(a, POLICY_GATE_ASK, &c.ev, ag->conf->cfg, &d);
        if (d.verdict != POLICY_CONFIRM && d.verdict != POLICY_COLLECT)
            r = base_failf(f, BASE_PERMANENT, "held.refused",
                           "this can't be approved away: %s", d.text ? d.text : d.reason);
    }
    if (!r)
        r = ledger_mail_update(ag->ledger, &m, f);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "reason", m.approved_why);
        agent_event(ag, LOG_NOTICE, "held.approved", NULL, agent_object(a, "mail", m.id), by, data);
        agent_mail_requeue(ag, m.id);
        base_json_set(answer, "state", "working");
        base_json_set(answer, "text", "approved: the CA is asked, and the mail goes on its way");
    }
    agent_case_free(&c);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_held_deny(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    struct agent_case c = {0};
    enum base_fail_class r = get_held(ag, a, req, &m, f);
    if (!r && !agent_case_build(ag, a, &m, NULL, &c))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the mail can't be read now");
    if (!r) {
        char *masked = agent_facts_masked(c.facts);
        m.facts = base_arena_strdup(a, masked);
        free(masked);
        m.state = "final";
        m.reason = "denied";
        m.text = base_arena_printf(a, "denied by %s: %s", by, base_json_strd(req, "reason", ""));
        r = ledger_mail_update(ag->ledger, &m, f);
    }
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "reason", base_json_str(req, "reason"));
        agent_event(ag, LOG_NOTICE, "held.denied", NULL, agent_object(a, "mail", m.id), by, data);
        base_json_set(answer, "state", "final");
        base_json_set(answer, "text", m.text);
    }
    agent_case_free(&c);
    base_arena_free(a);
    return r;
}
