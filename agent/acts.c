/* agent/acts.c - cancel, revoke, approve, reject, additional addresses: one request
 * to the CA each, with committed steps.
 *
 * The job's data says whether the request may have left: "sent" is committed before
 * it does. Whoever finds it so later (a crash, a lost answer) looks at the CA first.
 * What waits there for a person's approval is looked at until that is given. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orderrun.h"

enum fate { NOT_YET, DONE, WAITS, REFUSED };

struct act_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    json_t *data;
    struct agent_act act;
    struct ca_account *ca;
    bool look, lost; /* this task looks; an answer was lost before */
    /* what the pool finds */
    enum fate fate;
    struct ca_acted got;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool ------------------------------------------------------------------------ */

static bool is(const char *word, const char *text)
{
    return text && strncasecmp(text, word, strlen(word)) == 0;
}

static enum fate fate_of_request(const struct ca_request_entry *r)
{
    return is("pending", r->status) ? WAITS : is("approved", r->status) ? DONE : REFUSED;
}

/* A certificate's own state is not told by every CA: the newest request of ours to revoke is. */
static enum fate fate_of_order(const struct act_run *k, const struct ca_order *o)
{
    const char *request = base_json_str(k->data, "request");
    if (k->act.action == CA_CANCEL)
        return is("cancel", o->status_text)                                       ? DONE
               : base_json_bool(k->data, "reissue", false) &&
                       !is("reissue_pending", o->status_text)                     ? DONE
                                                                                  : NOT_YET;
    if (is("revoked", o->status_text))
        return DONE;
    for (size_t i = o->nrequests; i > 0; i--) {
        const struct ca_request_entry *r = &o->requests[i - 1];
        if (!is("revoke", r->type))
            continue;
        if (request ? strcmp(request, r->id) == 0 : is("pending", r->status))
            return fate_of_request(r);
    }
    return NOT_YET;
}

static void look(struct act_run *k)
{
    struct ca_order o;
    struct ca_request_entry r;
    k->fate = NOT_YET;
    if (k->act.action == CA_EMAILS)
        return; /* the list is replaced as a whole: sending it again changes nothing */
    if (k->act.action == CA_APPROVE || k->act.action == CA_REJECT) {
        k->cls = ca_request_info(k->ca, k->act.id, k->a, &r, &k->fail);
        if (!k->cls && !is("pending", r.status))
            k->fate = is(k->act.action == CA_APPROVE ? "approved" : "rejected", r.status) ? DONE
                                                                                         : REFUSED;
        return;
    }
    k->cls = ca_order_info(k->ca, k->act.ca_order, k->a, &o, &k->fail);
    if (!k->cls)
        k->fate = fate_of_order(k, &o);
}

static void run(struct agent_task *t)
{
    struct act_run *k = (struct act_run *)t;
    struct ca_act r;
    if (k->look) {
        look(k);
        return;
    }
    agent_act_fill(k->a, &k->act, &r);
    k->cls = ca_act(k->ca, &r, k->a, &k->got, &k->fail);
}

/* ---- what follows ------------------------------------------------------------------------- */

static void act_free(struct agent *ag, struct act_run *k)
{
    agent_job_over(ag, k->job.id);
    json_decref(k->data);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void tell(struct agent *ag, const struct act_run *k, const char *type, int priority,
                 const char *text)
{
    agent_act_event(ag, &k->act, k->job.key, type, priority, text);
}

static bool cancelled(struct agent *ag, struct act_run *k)
{
    struct base_fail f = {0};
    struct order_run o = {.a = k->a};
    if (!agent_ok(ag, ledger_order_get(ag->ledger, k->a, k->act.order, &o.o, &f), &f, "order"))
        return false;
    if (base_json_bool(k->data, "reissue", false))
        return strcmp(o.o.state, "stored") == 0 ||
               agent_reissue_undo(ag, k->a, &o.o,
                                  base_arena_printf(k->a, "cancelled by %s: %s", k->act.by,
                                                    k->act.reason));
    o.o.state = "cancelled";
    o.o.ca_status = "canceled";
    o.o.reason = base_arena_printf(k->a, "cancelled by %s: %s", k->act.by, k->act.reason);
    o.o.changed = base_now();
    o.o.next_look = 0;
    return agent_ok(ag, ledger_order_update(ag->ledger, &o.o, &f), &f, "order") &&
           agent_order_forget(ag, &o, "its order was cancelled");
}

static bool certificate_revoked(struct agent *ag, int64_t id)
{
    struct base_fail f = {0};
    return agent_ok(ag, ledger_certificate_state(ag->ledger, id, "revoked", &f), &f, "certificate") &&
           agent_ok(ag,
                    ledger_certificate_revocation(ag->ledger, id, "revoked", base_now(), 0, &f), &f,
                    "certificate");
}

static bool order_revoked(struct agent *ag, struct act_run *k)
{
    struct base_fail f = {0};
    struct ledger_order o;
    struct ledger_certificate *v;
    size_t n = 0;
    if (!agent_ok(ag, ledger_order_get(ag->ledger, k->a, k->act.order, &o, &f), &f, "order") ||
        !agent_ok(ag, ledger_certificate_of(ag->ledger, k->a, o.mailbox, 500, &v, &n, &f), &f,
                  "certificates"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].order_row == o.id && strcmp(v[i].state, "revoked") != 0 &&
            !certificate_revoked(ag, v[i].id))
            return false;
    if (strcmp(o.state, "stored") != 0)
        o.state = "cancelled";
    o.ca_status = "revoked";
    o.reason = base_arena_printf(k->a, "revoked by %s: %s", k->act.by, k->act.reason);
    o.changed = base_now();
    o.next_look = 0;
    return agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order");
}

static void done_at_ca(struct agent *ag, struct act_run *k)
{
    bool ok = true;
    if (k->act.action == CA_CANCEL)
        ok = cancelled(ag, k);
    else if (k->act.action == CA_REVOKE_CERTIFICATE && k->act.certificate)
        ok = certificate_revoked(ag, k->act.certificate);
    else if (k->act.action == CA_REVOKE_ORDER)
        ok = order_revoked(ag, k);
    else if (k->act.action == CA_APPROVE) /* what it was about goes on: seen at the next look */
        ok = agent_job_add(ag, "account.sync", base_arena_printf(k->a, "sync:%s", k->act.account), 0,
                           0, NULL);
    if (ok) {
        tell(ag, k, "act.done", LOG_NOTICE, "the CA did it");
        agent_job_done(ag, k->job.id);
    }
}

static void refused(struct agent *ag, struct act_run *k, const char *why)
{
    tell(ag, k, "act.failed", LOG_ERR, why);
    agent_job_done(ag, k->job.id);
}

static int64_t poll_of(const struct act_run *k)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->act.account);
    return acc && acc->poll > 0 ? acc->poll : 300;
}

static bool save(struct agent *ag, struct act_run *k)
{
    struct base_fail f = {0};
    char *text = base_json_text(k->data);
    bool ok = agent_ok(ag, ledger_job_save(ag->ledger, k->job.id, text, &f), &f, "job");
    free(text);
    return ok;
}

static void waits(struct agent *ag, struct act_run *k)
{
    struct base_fail f = {0};
    bool told = base_json_bool(k->data, "told", false);
    if (k->got.request)
        base_json_set(k->data, "request", k->got.request);
    base_json_setb(k->data, "told", true);
    if (!save(ag, k))
        return;
    if (!told)
        tell(ag, k, "act.waits", LOG_NOTICE, "it waits for a person's approval at the CA: certmilter "
                                             "request list");
    agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, base_now() + poll_of(k), NULL, false, &f), &f,
             "job");
}

/* After a lost answer "there is nothing to revoke" is what a success looks like: the CA's
 * own word about the certificate (OCSP) decides, and is no alarm then. */
static bool ask_responder(struct agent *ag, struct act_run *k)
{
    struct base_fail f = {0};
    if (!k->lost || k->act.action != CA_REVOKE_CERTIFICATE || !k->act.certificate ||
        strcmp(k->fail.code, "ca.refused") != 0)
        return false;
    if (agent_ok(ag,
                 ledger_meta_set(ag->ledger,
                                 base_arena_printf(k->a, "revoking:%lld",
                                                   (long long)k->act.certificate),
                                 base_now(), &f),
                 &f, "meta") &&
        agent_job_add(ag, "revocation", agent_object(k->a, "revocation", k->act.certificate),
                      k->act.certificate, base_now(), NULL)) {
        tell(ag, k, "act.waits", LOG_NOTICE,
             "the CA's answer was lost, and now it says that there is nothing to revoke: its "
             "responder is asked");
        agent_job_done(ag, k->job.id);
    }
    return true;
}

static void sent(struct agent *ag, struct act_run *k)
{
    if (!k->cls && k->got.waits)
        waits(ag, k);
    else if (!k->cls)
        done_at_ca(ag, k);
    else if (strcmp(k->fail.code, "ca.lost") == 0) {
        base_json_setb(k->data, "lost", true);
        if (save(ag, k))
            agent_job_retry(ag, &k->job, &k->fail, base_now() + 2);
    } else if (k->cls == BASE_TEMPORARY) { /* certainly not sent */
        base_json_setb(k->data, "sent", false);
        if (save(ag, k))
            agent_job_retry(ag, &k->job, &k->fail, 0);
    } else if (!ask_responder(ag, k))
        refused(ag, k, k->fail.text);
}

static void looked(struct agent *ag, struct act_run *k)
{
    if (k->cls == BASE_PERMANENT && !agent_key_refused(&k->fail))
        refused(ag, k, k->fail.text);
    else if (k->cls)
        agent_job_retry(ag, &k->job, &k->fail, 0);
    else if (k->fate == DONE)
        done_at_ca(ag, k);
    else if (k->fate == WAITS)
        waits(ag, k);
    else if (k->fate == REFUSED)
        refused(ag, k, "it was decided otherwise at the CA");
    else
        k->look = false; /* it did not arrive: done() sends it now */
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct act_run *k = (struct act_run *)t;
    bool was_look = k->look;
    if (ag->stopping || !agent_begin(ag)) {
        act_free(ag, k);
        return;
    }
    if (was_look)
        looked(ag, k);
    else
        sent(ag, k);
    bool again = was_look && !k->look;
    if (agent_commit(ag) && again) {
        k->task.next = NULL;
        k->cls = BASE_OK;
        agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    } else
        act_free(ag, k);
}

/* ---- the job ------------------------------------------------------------------------------- */

static bool read_data(struct act_run *k)
{
    struct base_fail f = {0};
    k->data = base_json_parse(k->job.data, strlen(k->job.data), 1 << 20, &f);
    const char *what = base_json_strd(k->data, "action", "");
    for (enum ca_action i = CA_CANCEL; i <= CA_EMAILS; i++)
        if (strcmp(agent_act_name(i), what) == 0) {
            k->act = (struct agent_act){
                .action = i,
                .account = base_json_strd(k->data, "account", ""),
                .tenant = base_json_str(k->data, "tenant"),
                .id = base_json_strd(k->data, "id", ""),
                .ca_order = base_json_str(k->data, "ca_order"),
                .order = base_json_int(k->data, "order", 0),
                .certificate = base_json_int(k->data, "certificate", 0),
                .by = base_json_strd(k->data, "by", "agent"),
                .reason = base_json_strd(k->data, "reason", ""),
                .emails = base_json_arr(k->data, "emails"),
            };
            return true;
        }
    return false;
}

void agent_act_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct act_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (!read_data(k)) {
        agent_job_done(ag, job->id);
        act_free(ag, k);
        return;
    }
    k->look = base_json_bool(k->data, "sent", false);
    k->lost = k->look && !base_json_bool(k->data, "told", false);
    k->ca = agent_conf_ca(k->conf, k->act.account);
    base_json_setb(k->data, "sent", true);
    bool ok = k->ca && agent_begin(ag) && save(ag, k);
    if (!k->ca) {
        base_failf(&f, BASE_TEMPORARY, "account.unusable", "account \"%s\" can't be used now",
                   k->act.account);
        agent_job_retry(ag, job, &f, base_now() + 60);
    }
    if (!ok || !agent_commit(ag)) {
        act_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", k->act.account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
