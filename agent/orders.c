/* agent/orders.c - the life of an order, one committed step at a time.
 *
 *   (CAA, key)
 *   preparing -> requesting -> waiting -> issued -> stored
 *                    |  ^ certainly not there
 *                    v  |
 *                  unclear -> waiting (found at the CA)
 *
 * "requesting" is committed before the POST. Whoever finds an order in that
 * state later (a crash, a lost answer) treats it as unclear: looks at the CA
 * whether it arrived, and orders again only when two looks, one poll interval
 * apart, say that it did not. An order costs money. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "form.h"
#include "batch.h"
#include "orderrun.h"

#define LOOKS 2           /* that must agree that an order never arrived */

static void go(struct agent *ag, struct order_run *k, enum order_step step);

/* ---- in the loop ---------------------------------------------------------------------- */

static void run_free(struct agent *ag, struct order_run *k)
{
    agent_job_over(ag, k->job.id);
    json_decref(k->request);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static bool save(struct agent *ag, struct order_run *k, const char *state, const char *reason)
{
    struct base_fail f = {0};
    bool news = strcmp(k->o.state, state) != 0;
    k->o.state = state;
    k->o.reason = reason;
    k->o.changed = base_now();
    if (!agent_ok(ag, ledger_order_update(ag->ledger, &k->o, &f), &f, "order"))
        return false;
    if (!news)
        return true;
    json_t *data = json_object();
    base_json_set(data, "state", state);
    base_json_set(data, "mailbox", k->o.mailbox);
    base_json_set(data, "ca_order", k->o.ca_order);
    base_json_set(data, "ca_status", k->o.ca_status);
    base_json_set(data, "reason", reason);
    agent_event(ag, strcmp(state, "failed") == 0 ? LOG_ERR : LOG_NOTICE, "order.state", k->o.tenant,
                agent_object(k->a, "order", k->o.id), NULL, data);
    return strcmp(state, "requesting") != 0 || k->reissue || agent_order_early(ag, k);
}

static void failed(struct agent *ag, struct order_run *k, const char *why)
{
    if (k->reissue) {
        if (agent_reissue_undo(ag, k->a, &k->o, why))
            agent_job_done(ag, k->job.id);
        return;
    }
    bool gone = k->got.status_text && strncasecmp(k->got.status_text, "cancel", 6) == 0;
    if (save(ag, k, gone ? "cancelled" : "failed", why) && agent_order_forget(ag, k, "its order failed")) {
        agent_notice(ag, base_arena_printf(k->a, "order-failed:%lld", (long long)k->o.id),
                     agent_contact(ag, k->o.tenant),
                     base_arena_printf(k->a, "certmilter: the order for %s failed", k->o.mailbox),
                     base_arena_printf(k->a,
                                       "The order of a certificate for\n\n    %s\n\nfailed:\n\n    "
                                       "%s\n\nNothing more happens by itself. See \"certmilter show "
                                       "order:%lld\"; when the cause is gone, order again.\n",
                                       k->o.mailbox, why, (long long)k->o.id));
        agent_job_done(ag, k->job.id);
    }
}

/* The answer to a reissue names neither order nor certificate: the next look does. */
static void note_ids(struct order_run *k)
{
    if (!k->reissue || k->got.id)
        k->o.ca_order = k->got.id;
    k->o.ca_certificate = k->got.certificate;
    k->o.ca_status = k->got.status_text;
}

static void accepted(struct agent *ag, struct order_run *k)
{
    note_ids(k);
    int64_t spread = agent_rate_spread(ag, k->o.account);
    k->o.next_look = base_now() + (spread > 2 ? spread : 2);
    if (agent_price_note(ag, k) && save(ag, k, "waiting", "the CA has the order") &&
        agent_order_expect(ag, k))
        agent_job_done(ag, k->job.id);
}

static void looked(struct agent *ag, struct order_run *k)
{
    const char *why = "";
    const int64_t patience = k->conf->cfg->certificate_mail;
    k->o.ca_status = k->got.status_text;
    if (k->got.certificate)
        k->o.ca_certificate = k->got.certificate;
    k->o.next_look = agent_order_next_look(ag, k);
    if (!agent_price_note(ag, k))
        return;
    switch (k->got.status) {
    case CA_FAILED:
        failed(ag, k, base_arena_printf(k->a, "the CA says: %s", k->got.status_text));
        return;
    case CA_ISSUED:
        if (k->reissue && agent_reissue_withdrawn(k)) {
            failed(ag, k, "the reissue was withdrawn at the CA: the certificate before goes on");
            return;
        }
        if (!k->o.issued_at)
            k->o.issued_at = base_now();
        /* of a reissue the mail may be the one of the certificate before; where the recipient
         * made the key, only the API is believed */
        if (k->reissue || agent_form_later(k->request) || base_now() - k->o.issued_at >= patience) {
            if (save(ag, k, "issued", "issued; fetching the certificate"))
                go(ag, k, STEP_DOWNLOAD);
            return;
        }
        k->o.next_look = base_now() + patience;
        if (save(ag, k, "issued", "issued; waiting for the mail with the certificate"))
            agent_job_done(ag, k->job.id);
        return;
    case CA_WAITING_PERSON:
    case CA_WAITING_US:
        if (save(ag, k, "person",
                 k->got.status == CA_WAITING_PERSON && agent_form_later(k->request)
                     ? agent_later_waits(k->a, &k->o, k->request)
                     : base_arena_printf(k->a, "a person has to act in the CA's portal: %s",
                                         k->got.status_text)))
            agent_job_done(ag, k->job.id);
        return;
    case CA_UNKNOWN:
        base_log(LOG_WARNING, "order.status-unknown", "order", base_log_num(k->o.id), "status",
                 k->got.status_text, NULL);
        why = base_arena_printf(k->a, "the CA says \"%s\", which this program does not know: waiting",
                                k->got.status_text);
        break;
    case CA_WAITING_CA:
        if (!agent_order_waits(ag, k, &why))
            return;
        break;
    }
    if (save(ag, k, "waiting", why))
        agent_job_done(ag, k->job.id);
}

static void found(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    if (k->found == CA_FOUND) {
        accepted(ag, k);
        return;
    }
    if (k->found == CA_FOUND_UNSURE) {
        if (save(ag, k, "person",
                 k->reissue ? "an answer of the CA was lost, and a reissue is under way there that may or "
                              "may not be this one: compare in the portal"
                            : "an answer of the CA was lost, and an order there may or may not be this one: "
                 "compare in the portal, then \"certmilter expect\" it or order again; \"certmilter "
                 "cancel\" closes this one") &&
            /* its number stays unknown: no mail can be told to be of it */
            (k->reissue || agent_order_forget(ag, k, "whether its order arrived at the CA is not known")))
            agent_job_done(ag, k->job.id);
        return;
    }
    k->o.tries++;
    if (k->o.tries < LOOKS) {
        base_failf(&f, BASE_TEMPORARY, "order.unclear",
                   "the CA does not list the order yet: looking once more before ordering again");
        if (save(ag, k, "unclear", f.text))
            agent_job_retry(ag, &k->job, &f, base_now() + agent_order_poll(k));
        return;
    }
    k->o.tries = 0;
    /* restored from before its key was made */
    if (!base_json_str(k->request, "csr") && !agent_form_later(k->request)) {
        if (save(ag, k, "preparing", "the CA does not have the order: ordering it now"))
            go(ag, k, STEP_KEY);
        return;
    }
    if (save(ag, k, "requesting", "the first request did not arrive at the CA: asking again")) {
        go(ag, k, STEP_POST);
        agent_order_sent(ag, k);
    }
}

static void key_made(struct agent *ag, struct order_run *k)
{
    k->o.key_id = k->key_id;
    k->o.spki = base_arena_strdup(k->a, k->spki);
    base_json_set(k->request, "csr", k->csr);
    char *text = base_json_text(k->request);
    k->o.request = base_arena_strdup(k->a, text);
    free(text);
    if (save(ag, k, "requesting", "asking the CA")) {
        go(ag, k, STEP_POST);
        agent_order_sent(ag, k);
    }
}

/* A record that excludes the CA is the domain owner's word; no answer proves nothing. */
static void caa_looked(struct agent *ag, struct order_run *k)
{
    if (k->caa == AGENT_CAA_EXCLUDED) {
        failed(ag, k, k->caa_text);
        return;
    }
    if (k->caa == AGENT_CAA_UNKNOWN) {
        json_t *data = json_object();
        base_json_set(data, "text", k->caa_text);
        agent_event(ag, LOG_WARNING, "order.caa", k->o.tenant, agent_object(k->a, "order", k->o.id),
                    NULL, data);
    }
    if (k->after_caa == STEP_KEY)
        go(ag, k, STEP_KEY);
    else if (save(ag, k, "requesting", "asking the CA")) {
        go(ag, k, STEP_POST);
        agent_order_sent(ag, k);
    }
}

/* The step is tried again later. What a person has to do stays written, all else waits for this. */
static void wait_for(struct agent *ag, struct order_run *k)
{
    static const char *const what[] = {
        [STEP_CAA] = "the DNS is asked again",
        [STEP_KEY] = "its key can't be made now",
        [STEP_POST] = "the order can't be sent now",
        [STEP_FIND] = "looking whether the order arrived at the CA",
        [STEP_INFO] = "its state can't be seen at the CA, looking again",
        [STEP_DOWNLOAD] = "its certificate can't be fetched now",
    };
    if (strcmp(k->o.state, "person") == 0 ||
        save(ag, k, k->o.state, base_arena_printf(k->a, "%s: %s", what[k->step], k->fail.text)))
        agent_job_retry(ag, &k->job, &k->fail, 0);
}

static void failed_step(struct agent *ag, struct order_run *k)
{
    bool lost = strcmp(k->fail.code, "ca.lost") == 0;
    if (k->step == STEP_POST && lost) {
        if (save(ag, k, "unclear", "the CA's answer to the order was lost: looking whether it arrived"))
            agent_job_retry(ag, &k->job, &k->fail, base_now() + 2);
    } else if (k->step == STEP_POST && k->cls == BASE_TEMPORARY) {
        /* certainly not sent */
        if (save(ag, k, "preparing", k->fail.text))
            agent_job_retry(ag, &k->job, &k->fail, 0);
    } else if (agent_key_refused(&k->fail)) {
        agent_notice_key(ag, k->a, k->o.account, k->o.tenant);
        wait_for(ag, k);
    } else if (k->cls == BASE_PERMANENT && k->step == STEP_INFO) {
        /* the CA has the order: a look that it refuses ends nothing */
        k->o.next_look = agent_order_next_look(ag, k);
        if (save(ag, k, k->o.state,
                 base_arena_printf(k->a, "its state can't be seen at the CA, looking again: %s",
                                   k->fail.text)))
            agent_job_done(ag, k->job.id);
    } else if (k->cls == BASE_PERMANENT && k->step != STEP_DOWNLOAD && k->step != STEP_FIND)
        failed(ag, k, k->fail.text);
    else /* whether an order arrived stays open until a look at the CA succeeds */
        wait_for(ag, k);
}

/* What the API gave goes the same way as what a mail brings. */
static void downloaded(struct agent *ag, struct order_run *k)
{
    json_t *data = json_object();
    json_object_set_new(data, "pem",
                        json_stringn_nocheck((const char *)k->pem.p, k->pem.n));
    char *text = base_json_text(data);
    json_decref(data);
    if (agent_job_add(ag, "collect", base_arena_printf(k->a, "collect:order:%lld", (long long)k->o.id),
                      k->o.id, 0, text))
        agent_job_done(ag, k->job.id);
    free(text);
}

/* The certificate's mail was faster than this step: the state stays, the ids are kept. */
static void overtaken(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    if (!k->cls && k->step == STEP_POST) {
        const char *known = k->o.ca_certificate; /* what the answer leaves out is no news */
        note_ids(k);
        k->o.ca_certificate = k->o.ca_certificate ? k->o.ca_certificate : known;
        if (agent_price_note(ag, k))
            agent_ok(ag, ledger_order_update(ag->ledger, &k->o, &f), &f, "order");
    }
    agent_job_done(ag, k->job.id);
}

static void step_done(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    /* as it is now: a mail may have brought the certificate meanwhile */
    if (!agent_ok(ag, ledger_order_get(ag->ledger, k->a, k->job.ref, &k->o, &f), &f, "order"))
        return;
    if (agent_order_ended(&k->o))
        overtaken(ag, k);
    else if (k->cls)
        failed_step(ag, k);
    else if (k->step == STEP_CAA)
        caa_looked(ag, k);
    else if (k->step == STEP_KEY)
        key_made(ag, k);
    else if (k->step == STEP_POST)
        accepted(ag, k);
    else if (k->step == STEP_FIND)
        found(ag, k);
    else if (k->step == STEP_INFO)
        looked(ag, k);
    else
        downloaded(ag, k);
}

/* At most two at once at the keeper or one account; the DNS has no such limit. */
static void submit(struct agent *ag, struct order_run *k)
{
    snprintf(k->task.key, sizeof(k->task.key), "%s",
             k->step == STEP_CAA   ? ""
             : k->step == STEP_KEY ? "keeper"
                                   : k->o.account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct order_run *k = (struct order_run *)t;
    enum order_step step = k->step;
    if (ag->stopping || !agent_begin(ag)) {
        run_free(ag, k);
        return;
    }
    k->task.next = NULL;
    step_done(ag, k);
    bool ok = agent_commit(ag);
    /* the next request leaves only when its step is committed */
    if (ok && k->step != step)
        submit(ag, k);
    else
        run_free(ag, k);
}

/* Sets the next step; done() (or the job's start) submits it after the commit. */
static void go(struct agent *ag, struct order_run *k, enum order_step step)
{
    k->step = step;
    k->want_price = step == STEP_POST && !k->reissue && agent_price_wanted(ag, k);
    k->cls = BASE_OK;
    agent_order_request(k);
    memset(&k->got, 0, sizeof(k->got));
}

static void start_step(struct agent *ag, struct order_run *k, enum order_step step)
{
    go(ag, k, step);
    k->task.run = agent_order_task;
    k->task.done = done;
    submit(ag, k);
}

void agent_order_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    enum order_step step;
    struct order_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_order_get(ag->ledger, k->a, job->ref, &k->o, &f)) {
        agent_job_unread(ag, job, &f);
        run_free(ag, k);
        return;
    }
    if (k->o.request)
        k->request = base_json_parse(k->o.request, strlen(k->o.request), 1 << 20, &f);
    k->reissue = base_json_obj(k->request, "reissue");
    if (!k->request || !agent_order_first_step(k, &step)) {
        agent_job_done(ag, job->id);
        run_free(ag, k);
        return;
    }
    k->ca = agent_conf_ca(k->conf, k->o.account);
    if (!k->ca) {
        base_failf(&f, BASE_TEMPORARY, "account.unusable", "account \"%s\" can't be used now",
                   k->o.account);
        agent_job_retry(ag, job, &f, base_now() + 60);
        run_free(ag, k);
    } else
        start_step(ag, k, step);
}
