/* agent/mailrun.c - a validation mail on its way through the four gates.
 *
 * One run per mail, and one run per intent at a time (the others wait and then
 * find it confirmed). Each step is: decide, commit, one blocking task, again.
 * "confirming" with the token marked used is committed before the request that
 * confirms leaves; a run that finds its intent in that state never sends it
 * again, it asks the API.
 *
 *   ASK -> api -> OPEN -> link -> SUBMIT -> form -> api -> DONE
 */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "mailrun.h"

#define PARKED_MAX 128 /* runs in memory that wait for another one of their intent */

static void advance(struct agent *ag, struct agent_run *r, enum policy_gate gate);

static void run_done(struct agent *ag, struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    if (ag->stopping)
        return; /* the job is in the ledger */
    switch (r->step) {
    case STEP_API:
        r->c.ev.before = r->api;
        advance(ag, r, POLICY_GATE_OPEN);
        break;
    case STEP_LINK:
        r->c.ev.page = r->page;
        r->c.ev.page_host_error = r->host_error;
        r->c.ev.page_unreachable = r->unreachable;
        if (r->sent) /* opening it was the confirmation */
            r->c.ev.answer = r->page;
        advance(ag, r, r->sent ? POLICY_GATE_DONE : POLICY_GATE_SUBMIT);
        break;
    case STEP_FORM:
        if (r->answered.sent == DCV_NOT_SENT && r->cls) {
            r->c.ev.page_host_error = r->fail.text;
            r->c.ev.page_unreachable = r->cls == BASE_TEMPORARY;
        }
        r->c.ev.answer = r->answer;
        advance(ag, r, POLICY_GATE_DONE);
        break;
    case STEP_AFTER:
        r->c.ev.after = r->api;
        if (r->api.state == POLICY_API_UNASKED) /* no account is usable now */
            r->c.ev.after.state = POLICY_API_UNREACHABLE;
        advance(ag, r, POLICY_GATE_DONE);
        break;
    }
}

/* ---- the gates ---------------------------------------------------------------------------- */

static void next_step(struct agent *ag, struct agent_run *r, enum policy_gate gate)
{
    bool opening_confirms = r->d.rules && r->d.rules->action == POLICY_ACT_GET;
    if (r->sent && gate != POLICY_GATE_DONE) {
        r->d.verdict = POLICY_OBSERVE;
        r->d.reason = "already-done";
        r->d.text = "This mail was answered before; its request is open again for a new mail.";
        agent_run_conclude(ag, r);
        return;
    }
    switch (gate) {
    case POLICY_GATE_ASK:
        agent_run_submit(ag, r, STEP_API, run_done);
        return;
    case POLICY_GATE_OPEN:
        if (!policy_facts_link(r->c.facts))
            break;
        if (opening_confirms && !agent_run_confirming(ag, r))
            return agent_run_not_now(ag, r);
        agent_run_submit(ag, r, STEP_LINK, run_done);
        return;
    case POLICY_GATE_SUBMIT:
        if (!r->d.submit_wanted)
            break;
        if (!agent_run_confirming(ag, r))
            return agent_run_not_now(ag, r);
        agent_run_submit(ag, r, STEP_FORM, run_done);
        return;
    case POLICY_GATE_DONE:
        return agent_run_confirmed(ag, r);
    }
    /* policy would go on, but there is nothing to open: a person's business */
    r->d.verdict = POLICY_HOLD;
    r->d.reason = "no-way";
    r->d.text = "the mail has no link that this program may open";
    agent_run_conclude(ag, r);
}

static void advance(struct agent *ag, struct agent_run *r, enum policy_gate gate)
{
    r->c.ev.now = base_now();
    r->c.ev.tries_since = r->job.first_failed;
    if (gate == POLICY_GATE_SUBMIT)
        r->c.ev.record_differs = agent_case_record_differs(ag, &r->c, r->d.rules, r->page, r->opened.url);
    if (gate == POLICY_GATE_DONE && r->c.ev.after.state == POLICY_API_UNASKED && r->d.intent) {
        agent_run_submit(ag, r, STEP_AFTER, run_done);
        return;
    }
    policy_decide(r->a, gate, &r->c.ev, r->conf->cfg, &r->d);
    if (r->d.intent)
        r->intent_id = r->d.intent->id;
    if (r->d.verdict == POLICY_LATER)
        agent_run_later(ag, r);
    else if (r->d.verdict == POLICY_CONFIRM ||
             (r->d.ask_api && gate == POLICY_GATE_ASK && r->conf->nusable > 0))
        next_step(ag, r, gate);
    else
        agent_run_conclude(ag, r);
}

/* ---- beginning and end ------------------------------------------------------------------------ */

static void run_free(struct agent_run *r)
{
    agent_case_free(&r->c);
    agent_conf_unref(r->conf);
    base_arena_free(r->a);
    free(r);
}

static bool intent_busy(const struct agent *ag, const struct agent_run *self)
{
    for (const struct agent_run *r = ag->runs; r; r = r->next)
        if (r != self && !r->parked && r->intent_id == self->intent_id)
            return true;
    return false;
}

static void unlink_run(struct agent *ag, struct agent_run *r)
{
    for (struct agent_run **p = &ag->runs; *p; p = &(*p)->next)
        if (*p == r) {
            *p = r->next;
            return;
        }
}

void agent_run_end(struct agent *ag, struct agent_run *r)
{
    unlink_run(ag, r);
    agent_job_over(ag, r->job.id);
    run_free(r);
    ag->runs_ended = true;
    ag->mails_changed = true;
}

void agent_mail_wake(struct agent *ag)
{
    while (ag->runs_ended && !ag->stopping) {
        struct agent_run *r = ag->runs;
        while (r && (!r->parked || intent_busy(ag, r)))
            r = r->next;
        ag->runs_ended = r != NULL;
        if (!r)
            return;
        struct base_arena *a = base_arena_new();
        struct ledger_job job = agent_job_copy(a, &r->job);
        unlink_run(ag, r);
        run_free(r);
        agent_mail_job(ag, &job);
        base_arena_free(a);
    }
}

/* A run that was killed after "confirming" was committed: only the API may be asked. */
static bool was_sent(const struct agent_run *r)
{
    struct base_fail f = {0};
    json_t *j = r->job.data ? base_json_parse(r->job.data, strlen(r->job.data), 65536, &f) : NULL;
    bool sent = base_json_bool(j, "sent", false);
    json_decref(j);
    return sent;
}

bool agent_mail_busy(const struct agent *ag, int64_t mail)
{
    for (const struct agent_run *r = ag->runs; r; r = r->next)
        if (r->mail_id == mail)
            return true;
    return false;
}

static void resume_sent(struct agent *ag, struct agent_run *r)
{
    for (size_t i = 0; i < r->c.nintents; i++) {
        enum policy_intent_state st = r->c.intents[i].p.state;
        if (st != POLICY_INTENT_CONFIRMING && st != POLICY_INTENT_UNKNOWN)
            continue;
        r->d.intent = &r->c.ev.intents[i];
        r->intent_id = r->d.intent->id;
        break;
    }
    r->sent = true;
    if (!r->d.intent) { /* ended, or opened again, by somebody else in between */
        advance(ag, r, POLICY_GATE_ASK);
        return;
    }
    r->c.ev.token_used = false; /* by this very run: the API says what became of it */
    advance(ag, r, POLICY_GATE_DONE);
}

/* False: the mail can't be read now, or there is nothing to do; the job knows. */
static bool run_load(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_mail mail;
    if (ledger_mail_get(ag->ledger, r->a, r->job.ref, &mail, &f)) {
        agent_job_unread(ag, &r->job, &f);
        return false;
    }
    if (strcmp(mail.state, "final") == 0) {
        agent_job_done(ag, r->job.id);
        return false;
    }
    if (agent_case_build(ag, r->a, &mail, NULL, &r->c))
        return true;
    if (ag->ledger_sick) {
        base_failf(&f, BASE_TEMPORARY, "ledger.io", "the ledger can't be read now");
        agent_job_retry(ag, &r->job, &f, 0);
    } else if (agent_begin(ag)) { /* its facts are damaged: never silently dropped */
        mail.state = "final";
        mail.reason = "unreadable";
        mail.text = "what was found in this mail can't be read back from the ledger";
        agent_ok(ag, ledger_mail_update(ag->ledger, &mail, &f), &f, "mail");
        agent_event(ag, LOG_ERR, "mail.unreadable", NULL, agent_object(r->a, "mail", mail.id), NULL,
                    NULL);
        agent_job_done(ag, r->job.id);
        agent_commit(ag);
    }
    return false;
}

/* Waits for the run of its intent; in the ledger if too many wait already. */
static void park(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    size_t n = 0;
    for (const struct agent_run *o = ag->runs; o; o = o->next)
        n += o->parked;
    if (n < PARKED_MAX) {
        r->parked = true;
        return;
    }
    if (agent_begin(ag)) {
        int64_t at = base_now() + 2 + (int64_t)base_random_below(5);
        agent_ok(ag, ledger_job_later(ag->ledger, r->job.id, at, NULL, false, &f), &f, "job");
        agent_commit(ag);
    }
    agent_run_end(ag, r);
}

void agent_mail_job(struct agent *ag, const struct ledger_job *job)
{
    struct agent_run *r = base_xmalloc(sizeof(*r));
    memset(r, 0, sizeof(*r));
    r->a = base_arena_new();
    r->conf = agent_conf_ref(ag->conf);
    r->job = agent_job_copy(r->a, job);
    r->mail_id = job->ref;
    r->next = ag->runs;
    ag->runs = r;
    if (!run_load(ag, r)) {
        agent_run_end(ag, r);
        return;
    }
    if (was_sent(r)) {
        resume_sent(ag, r);
        return;
    }
    policy_decide(r->a, POLICY_GATE_ASK, &r->c.ev, r->conf->cfg, &r->d);
    r->intent_id = r->d.intent ? r->d.intent->id : 0;
    if (r->intent_id && intent_busy(ag, r)) {
        park(ag, r);
        return;
    }
    advance(ag, r, POLICY_GATE_ASK);
}
