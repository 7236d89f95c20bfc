/* agent/mailcommit.c - what a validation mail's run commits between its steps.
 *
 * Each function is one transaction. Before the request that confirms leaves:
 * token used, intent confirming, job marked. After it: confirmed, held, closed,
 * or tried again, always with what the intent is at that moment, because other
 * jobs may have changed it while the run was in the pool. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "mailrun.h"

static struct ledger_intent *intent_of(struct agent_run *r)
{
    for (size_t i = 0; r->d.intent && i < r->c.nintents; i++)
        if (r->c.intents[i].p.id == r->d.intent->id)
            return &r->c.intents[i];
    return NULL;
}

/* The intent as it is now: others may have changed it while the task ran. */
static bool refresh(struct agent *ag, struct agent_run *r, struct ledger_intent *i)
{
    struct base_fail f = {0};
    return agent_ok(ag, ledger_intent_get(ag->ledger, r->a, i->p.id, i, &f), &f, "intent");
}

static bool has_ended(const struct ledger_intent *i)
{
    return i->p.state == POLICY_INTENT_CONFIRMED || i->p.state == POLICY_INTENT_EXPIRED ||
           i->p.state == POLICY_INTENT_CANCELLED || i->p.state == POLICY_INTENT_FAILED;
}

static bool set_intent(struct agent *ag, struct ledger_intent *i, enum policy_intent_state st)
{
    struct base_fail f = {0};
    if (i->p.state == st)
        return true;
    i->p.state = st;
    return agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
}

/* The point of no return: committed before the request leaves. Only an intent that
 * is open at this moment gets there. The job's clock starts anew: from now on it
 * measures how long the API takes to show what was sent. */
bool agent_run_confirming(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (!i || !agent_begin(ag))
        return false;
    if (refresh(ag, r, i) && i->p.state != POLICY_INTENT_OPEN)
        agent_rollback(ag); /* requesting: its answer is on the way */
    if (!ledger_in_transaction(ag->ledger)) {
        agent_rollback(ag);
        return false;
    }
    json_t *data = json_object();
    base_json_set(data, "domain", r->c.facts->domain);
    base_json_set(data, "mailbox", r->c.facts->mailbox);
    base_json_set(data, "mail", agent_object(r->a, "mail", r->mail_id));
    base_json_set(data, "by", r->c.mail.approved_by);
    bool ok = true;
    if (r->c.token_hash[0])
        ok = agent_ok(ag,
                      ledger_token_seen(ag->ledger, r->c.token_hash, r->mail_id, i->p.id, &f), &f,
                      "token") &&
             agent_ok(ag, ledger_token_use(ag->ledger, r->c.token_hash, &f), &f, "token");
    ok = ok && set_intent(ag, i, POLICY_INTENT_CONFIRMING) &&
         agent_ok(ag, ledger_job_save(ag->ledger, r->job.id, "{\"sent\":true}", &f), &f, "job") &&
         agent_ok(ag, ledger_job_later(ag->ledger, r->job.id, base_now(), NULL, false, &f), &f,
                  "job");
    agent_event(ag, LOG_NOTICE, "confirm.sending", i->p.tenant,
                agent_object(r->a, "intent", i->p.id), NULL, data);
    ok = agent_commit(ag) && ok;
    if (ok) {
        r->sent = true;
        r->job.first_failed = 0;
    }
    return ok;
}

/* The step could not be committed: nothing left, the mail is looked at again. */
void agent_run_not_now(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    base_failf(&f, BASE_TEMPORARY, "mail.not-now", "its request is not ready to be answered yet");
    agent_job_retry(ag, &r->job, &f, base_now() + 1);
    agent_run_end(ag, r);
}

/* What the API just proved is true for orders too, before the next look at the account. */
static bool note_valid(struct agent *ag, const struct ledger_intent *i)
{
    struct base_fail f = {0};
    struct ledger_domain d = {
        .name = i->p.domain,
        .account = i->p.account,
        .ca_id = i->p.domain_id,
        .state = "valid",
        .method = "email",
        .looked_at = base_now(),
    };
    return i->p.kind != POLICY_INTENT_DOMAIN ||
           agent_ok(ag, ledger_domain_put(ag->ledger, &d, &f), &f, "domain");
}

/* It worked: the intent ends, its other copies are closed unused. */
void agent_run_confirmed(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (!i || !agent_begin(ag))
        return agent_run_end(ag, r);
    agent_mail_conclude(ag, &r->c, &r->d);
    if (refresh(ag, r, i) &&
        agent_ok(ag, ledger_token_close(ag->ledger, i->p.id, &f), &f, "token") &&
        note_valid(ag, i) &&
        (has_ended(i) || agent_intent_end(ag, i, POLICY_INTENT_CONFIRMED, "confirmed by mail"))) {
        agent_job_add(ag, "account.look", base_arena_printf(r->a, "look:%s", i->p.account), 0,
                      base_now() + 2, NULL);
        agent_ok(ag, ledger_job_done(ag->ledger, r->job.id, &f), &f, "job");
    }
    agent_commit(ag);
    agent_run_end(ag, r);
}

void agent_run_conclude(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (agent_begin(ag)) {
        if (i)
            refresh(ag, r, i);
        /* sent, and not proven: what became of it only the API or a person can say */
        if (r->sent && i && i->p.state == POLICY_INTENT_CONFIRMING)
            set_intent(ag, i, POLICY_INTENT_UNKNOWN);
        agent_mail_conclude(ag, &r->c, &r->d);
        if (i && i->p.state == POLICY_INTENT_OPEN && r->d.verdict == POLICY_OBSERVE &&
            r->c.ev.before.state == POLICY_API_OK && r->c.ev.before.found && r->c.ev.before.valid &&
            note_valid(ag, i)) /* done without us: in the portal, or by a mail that we never saw */
            agent_intent_end(ag, i, POLICY_INTENT_CONFIRMED, "the CA holds it as validated");
        if (r->d.resend && r->d.verdict == POLICY_HOLD && i && i->resends == 0 &&
            i->p.state == POLICY_INTENT_OPEN && r->d.rules && r->d.rules->bind_by_resend)
            agent_domain_resend(ag, i);
        if (ledger_in_transaction(ag->ledger))
            agent_ok(ag, ledger_job_done(ag->ledger, r->job.id, &f), &f, "job");
        agent_commit(ag);
    }
    agent_run_end(ag, r);
}

/* "show" tells why a mail waits. */
static void note_later(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    if (r->c.mail.text && r->d.text && strcmp(r->c.mail.text, r->d.text) == 0)
        return;
    r->c.mail.verdict = policy_verdict_name(r->d.verdict);
    r->c.mail.reason = r->d.reason;
    r->c.mail.text = r->d.text;
    agent_ok(ag, ledger_mail_update(ag->ledger, &r->c.mail, &f), &f, "mail");
}

void agent_run_later(struct agent *ag, struct agent_run *r)
{
    struct ledger_intent *i = intent_of(r);
    struct base_fail f = {0};
    base_failf(&f, BASE_TEMPORARY, "mail.later", "%s", r->d.text ? r->d.text : "later");
    if (agent_begin(ag)) {
        if (r->sent && i && refresh(ag, r, i) && i->p.state == POLICY_INTENT_CONFIRMING)
            set_intent(ag, i, POLICY_INTENT_UNKNOWN);
        note_later(ag, r);
        int64_t wait = r->sent && r->job.tries < 5 ? 1 + r->job.tries : 0;
        agent_job_retry(ag, &r->job, &f, wait ? base_now() + wait : 0);
        agent_commit(ag);
    }
    agent_run_end(ag, r);
}
