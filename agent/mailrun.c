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
#include "dcv/dcv.h"
#include "inspect/client.h"
#include "policy/recognise.h"

enum step { STEP_API, STEP_LINK, STEP_FORM, STEP_AFTER };

struct agent_run {
    struct agent_task task;
    struct agent_run *next;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    int64_t mail_id, intent_id; /* intent 0 = none */
    bool parked;                /* waits until another run of its intent ends */
    enum step step;
    struct agent_case c;
    struct policy_decision d;
    bool sent;                  /* the request that confirms may have left (also before a crash) */
    int after_tries;
    /* what the task in the pool works on and finds */
    struct ca_look look;
    struct policy_api api;
    struct dcv_page opened, answered;
    struct policy_page *page, *answer;
    char *host_error;
    bool unreachable;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void advance(struct agent *ag, struct agent_run *r, enum policy_gate gate);
static void run_end(struct agent *ag, struct agent_run *r);

/* ---- tasks in the pool ------------------------------------------------------------ */

static void run_api(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    memset(&r->api, 0, sizeof(r->api));
    r->cls = ca_evidence(&r->look, r->a, &r->api, &r->fail);
}

static struct dcv_context link_context(const struct agent_run *r)
{
    return (struct dcv_context){.scope = r->conf->links};
}

/* Sorts a failed fetch into "come back" and "the CA's server says no". */
static void fetch_failed(struct agent_run *r)
{
    r->unreachable = r->cls == BASE_TEMPORARY;
    if (r->cls == BASE_PERMANENT)
        r->host_error = base_arena_strdup(r->a, r->fail.text);
}

static void inspect(struct agent_run *r, const struct dcv_page *raw, struct policy_page **out)
{
    const struct policy_profile *p = policy_config_profile(r->conf->cfg, r->c.facts->profile);
    r->cls = inspect_page(r->a, r->conf->inspector, p, r->c.facts->kind, raw->body, raw->url, out,
                          &r->fail);
    if (r->cls)
        r->host_error = base_arena_printf(r->a, "the page can't be read: %s", r->fail.text);
}

/* A page may come with an error status (expired links answer 410): what the
 * profile knows of it says more than the number. */
static void inspect_refusal(struct agent_run *r, const struct dcv_page *raw,
                            struct policy_page **out)
{
    struct policy_page *page = NULL;
    const struct base_fail why = r->fail;
    enum base_fail_class cls = r->cls;
    char *host_error = r->host_error;
    if (raw->body.n == 0)
        return;
    inspect(r, raw, &page);
    if (!r->cls && (page->state == POLICY_PAGE_EXPIRED || page->state == POLICY_PAGE_DONE ||
                    page->state == POLICY_PAGE_REFUSED)) {
        *out = page;
        r->host_error = NULL;
        r->unreachable = false;
        return;
    }
    r->cls = cls;
    r->fail = why;
    r->host_error = host_error;
}

static void run_link(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    struct dcv_context ctx = link_context(r);
    const struct policy_link *link = policy_facts_link(r->c.facts);
    r->cls = dcv_link_open(&ctx, r->d.rules, link->url, r->a, &r->opened, &r->fail);
    if (!r->cls) {
        inspect(r, &r->opened, &r->page);
        return;
    }
    fetch_failed(r);
    inspect_refusal(r, &r->opened, &r->page);
}

static void run_form(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    struct dcv_context ctx = link_context(r);
    const char *code = r->d.rules->action == POLICY_ACT_CODE ? r->c.facts->code : NULL;
    r->cls = dcv_link_submit(&ctx, r->d.rules, r->page, &r->opened, code, r->a, &r->answered,
                             &r->fail);
    if (!r->cls)
        inspect(r, &r->answered, &r->answer);
    else if (r->answered.sent == DCV_ANSWERED)
        inspect_refusal(r, &r->answered, &r->answer);
}

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
        advance(ag, r, POLICY_GATE_DONE);
        break;
    }
}

static void submit(struct agent *ag, struct agent_run *r, enum step step)
{
    const struct policy_link *link = policy_facts_link(r->c.facts);
    const char *host = "", *key = r->d.intent ? r->d.intent->account : "";
    int port;
    r->step = step;
    r->task.run = step == STEP_LINK ? run_link : step == STEP_FORM ? run_form : run_api;
    r->task.done = run_done;
    if ((step == STEP_LINK || step == STEP_FORM) && link)
        if (policy_url_host(r->a, link->url, &host, &port))
            key = host;
    snprintf(r->task.key, sizeof(r->task.key), "%s", key ? key : "");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &r->task);
}

static void ask_api(struct agent *ag, struct agent_run *r, enum step step)
{
    r->look = (struct ca_look){
        .accounts = r->conf->usable,
        .naccounts = r->conf->nusable,
        .intent = r->d.intent,
        .domain = r->c.facts->domain,
        .mailbox = r->c.facts->mailbox,
        .ids = r->c.facts->ids,
        .nids = r->c.facts->nids,
    };
    submit(ag, r, step);
}

/* ---- what is committed between the steps -------------------------------------------- */

static struct ledger_intent *intent_of(struct agent_run *r)
{
    for (size_t i = 0; r->d.intent && i < r->c.nintents; i++)
        if (r->c.intents[i].p.id == r->d.intent->id)
            return &r->c.intents[i];
    return NULL;
}

static bool set_intent(struct agent *ag, struct ledger_intent *i, enum policy_intent_state st)
{
    struct base_fail f = {0};
    if (i->p.state == st)
        return true;
    i->p.state = st;
    return agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
}

/* The point of no return: committed before the request leaves. */
static bool commit_confirming(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (!i || !agent_begin(ag))
        return false;
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
         agent_ok(ag, ledger_job_save(ag->ledger, r->job.id, "{\"sent\":true}", &f), &f, "job");
    agent_event(ag, LOG_NOTICE, "confirm.sending", i->p.tenant,
                agent_object(r->a, "intent", i->p.id), NULL, data);
    ok = agent_commit(ag) && ok;
    if (ok)
        r->sent = true;
    return ok;
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
static void confirmed(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (!i || !agent_begin(ag))
        return run_end(ag, r);
    agent_mail_conclude(ag, &r->c, &r->d);
    if (agent_ok(ag, ledger_token_close(ag->ledger, i->p.id, &f), &f, "token") &&
        note_valid(ag, i) &&
        agent_intent_end(ag, i, POLICY_INTENT_CONFIRMED, "confirmed by mail")) {
        agent_job_add(ag, "account.look", base_arena_printf(r->a, "look:%s", i->p.account), 0,
                      base_now() + 2, NULL);
        agent_ok(ag, ledger_job_done(ag->ledger, r->job.id, &f), &f, "job");
    }
    agent_commit(ag);
    run_end(ag, r);
}

static void conclude(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    struct ledger_intent *i = intent_of(r);
    if (agent_begin(ag)) {
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
    run_end(ag, r);
}

static void later(struct agent *ag, struct agent_run *r)
{
    struct ledger_intent *i = intent_of(r);
    struct base_fail f = {0};
    base_failf(&f, BASE_TEMPORARY, "mail.later", "%s", r->d.text ? r->d.text : "later");
    if (agent_begin(ag)) {
        if (r->sent && i && i->p.state == POLICY_INTENT_CONFIRMING)
            set_intent(ag, i, POLICY_INTENT_UNKNOWN);
        int64_t wait = r->sent && r->job.tries < 5 ? 1 + r->job.tries : 0;
        agent_job_retry(ag, &r->job, &f, wait ? base_now() + wait : 0);
        agent_commit(ag);
    }
    run_end(ag, r);
}

/* ---- the gates ---------------------------------------------------------------------------- */

static bool record_differs(struct agent *ag, struct agent_run *r)
{
    struct base_fail f = {0};
    const char *text = NULL;
    const char *key = base_arena_printf(r->a, "record:%s:%s", r->c.facts->profile,
                                        policy_kind_name(r->c.facts->kind));
    if (!r->c.ev.record_approved || !r->page)
        return false;
    if (ledger_text_get(ag->ledger, r->a, key, &text, &f) || !text)
        return true;
    json_t *rec = base_json_parse(text, strlen(text), 65536, &f), *form = base_json_obj(rec, "form");
    struct dcv_post post;
    bool differs = true;
    if (!form)
        differs = r->page->nforms > 0;
    else if (!dcv_form_build(r->a, r->d.rules, r->page, r->opened.url, NULL, &post, &f)) {
        const char *want = base_json_strd(form, "action", ""), *host, *path = NULL;
        int port;
        if (policy_url_host(r->a, post.url, &host, &port))
            path = strchr(post.url + strlen("https://"), '/');
        differs = !path || strncmp(path, want, strlen(want)) != 0;
    }
    json_decref(rec);
    return differs;
}

static void next_step(struct agent *ag, struct agent_run *r, enum policy_gate gate)
{
    bool opening_confirms = r->d.rules && r->d.rules->action == POLICY_ACT_GET;
    switch (gate) {
    case POLICY_GATE_ASK:
        ask_api(ag, r, STEP_API);
        return;
    case POLICY_GATE_OPEN:
        if (!policy_facts_link(r->c.facts))
            break;
        if (opening_confirms && !commit_confirming(ag, r))
            return run_end(ag, r); /* the job's lease runs out, and it is tried again */
        submit(ag, r, STEP_LINK);
        return;
    case POLICY_GATE_SUBMIT:
        if (!r->d.submit_wanted)
            break;
        if (!commit_confirming(ag, r))
            return run_end(ag, r);
        submit(ag, r, STEP_FORM);
        return;
    case POLICY_GATE_DONE:
        return confirmed(ag, r);
    }
    /* policy would go on, but there is nothing to open: a person's business */
    r->d.verdict = POLICY_HOLD;
    r->d.reason = "no-way";
    r->d.text = "the mail has no link that this program may open";
    conclude(ag, r);
}

static void advance(struct agent *ag, struct agent_run *r, enum policy_gate gate)
{
    r->c.ev.now = base_now();
    r->c.ev.tries_since = r->job.first_failed;
    if (gate == POLICY_GATE_SUBMIT)
        r->c.ev.record_differs = record_differs(ag, r);
    if (gate == POLICY_GATE_DONE && r->c.ev.after.state == POLICY_API_UNASKED && r->d.intent) {
        ask_api(ag, r, STEP_AFTER);
        return;
    }
    policy_decide(r->a, gate, &r->c.ev, r->conf->cfg, &r->d);
    if (r->d.intent)
        r->intent_id = r->d.intent->id;
    if (r->d.verdict == POLICY_LATER)
        later(ag, r);
    else if (r->d.verdict == POLICY_CONFIRM ||
             (r->d.ask_api && gate == POLICY_GATE_ASK && r->conf->nusable > 0))
        next_step(ag, r, gate);
    else
        conclude(ag, r);
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

static void run_end(struct agent *ag, struct agent_run *r)
{
    unlink_run(ag, r);
    run_free(r);
    ag->runs_ended = true;
    agent_control_mail_changed(ag);
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
    r->c.ev.token_used = false; /* by this very run: the API says what became of it */
    if (!r->d.intent) { /* ended by somebody else in between */
        advance(ag, r, POLICY_GATE_ASK);
        return;
    }
    advance(ag, r, POLICY_GATE_DONE);
}

void agent_mail_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct ledger_mail mail;
    /* a lease that ran out while the run waits: it is still being worked on */
    for (const struct agent_run *other = ag->runs; other; other = other->next)
        if (other->job.id == job->id)
            return;
    struct agent_run *r = base_xmalloc(sizeof(*r));
    memset(r, 0, sizeof(*r));
    r->a = base_arena_new();
    r->conf = agent_conf_ref(ag->conf);
    r->job = agent_job_copy(r->a, job);
    r->mail_id = job->ref;
    r->next = ag->runs;
    ag->runs = r;
    if (ledger_mail_get(ag->ledger, r->a, job->ref, &mail, &f) ||
        strcmp(mail.state, "final") == 0 || !agent_case_build(ag, r->a, &mail, NULL, &r->c)) {
        agent_job_done(ag, job->id);
        run_end(ag, r);
        return;
    }
    if (was_sent(r)) {
        resume_sent(ag, r);
        return;
    }
    policy_decide(r->a, POLICY_GATE_ASK, &r->c.ev, r->conf->cfg, &r->d);
    r->intent_id = r->d.intent ? r->d.intent->id : 0;
    if (r->intent_id && intent_busy(ag, r)) {
        r->parked = true;
        return;
    }
    advance(ag, r, POLICY_GATE_ASK);
}
