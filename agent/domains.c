/* agent/domains.c - asking the CA to validate a domain, and what becomes of it.
 *
 * The intent is written before the CA is asked; the job that asks looks first
 * what the CA has, so that a lost answer or a crash asks nothing twice. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "policy/recognise.h"
#include "catalog.h"

static const char *const roles[] = {"admin", "administrator", "webmaster", "hostmaster",
                                    "postmaster"};

struct ask { /* one request at the CA for one intent */
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_intent intent;
    struct ca_account *ca;
    struct ca_domain domain;
    struct policy_strings recipients;
    bool already_valid;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool ------------------------------------------------------------------ */

/* Looks first; then adds, submits or has the mails sent again. */
static enum base_fail_class ask_ca(struct ask *k)
{
    struct ca_domains have = {0};
    const char *name = k->intent.p.domain;
    enum base_fail_class r = ca_domain_list(k->ca, name, k->a, &have, &k->fail);
    if (r)
        return r;
    if (have.n == 0) {
        r = ca_domain_add(k->ca, name, NULL, k->a, &k->domain, &k->fail);
        k->recipients = k->domain.recipients;
        return r;
    }
    r = ca_domain_info(k->ca, have.v[0].id, k->a, &k->domain, &k->fail);
    if (r)
        return r;
    if (ca_domain_holds(&k->domain, k->intent.p.renews)) {
        k->already_valid = true;
        return BASE_OK;
    }
    /* what is to be replaced still holds: whether its mails were asked for, we know ourselves */
    bool waits = k->intent.p.renews ? k->intent.p.copies > 0 : k->domain.pending;
    if (waits && k->domain.dcv_method && strcmp(k->domain.dcv_method, "email") == 0)
        r = ca_domain_resend(k->ca, k->domain.id, name, NULL, &k->fail);
    else
        r = ca_domain_submit(k->ca, k->domain.id, &k->fail);
    return r;
}

static void ask_run(struct agent_task *t)
{
    struct ask *k = (struct ask *)t;
    struct base_fail ignored = {0};
    k->cls = ask_ca(k);
    if (!k->cls && !k->already_valid && k->recipients.n == 0)
        ca_domain_recipients(k->ca, k->domain.id, k->a, &k->recipients, &ignored);
}

/* ---- in the loop --------------------------------------------------------------------- */

static void ask_free(struct agent *ag, struct ask *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

/* Every address that the CA may have written to; ours count, theirs complete. */
static void set_recipients(struct ask *k)
{
    struct ledger_intent *i = &k->intent;
    const char **v = base_arena_array(k->a, k->recipients.n + 5, sizeof(*v));
    size_t n = 0;
    for (size_t x = 0; x < k->recipients.n; x++) {
        const char *m = policy_mailbox_normal(k->a, k->recipients.v[x]);
        if (m)
            v[n++] = m;
    }
    if (n == 0)
        for (size_t x = 0; x < 5; x++)
            v[n++] = base_arena_printf(k->a, "%s@%s", roles[x], i->p.domain);
    i->p.recipients.v = v;
    i->p.recipients.n = n;
}

static void opened(struct agent *ag, struct ask *k)
{
    struct base_fail f = {0};
    struct ledger_intent *i = &k->intent;
    int64_t now = base_now();
    set_recipients(k);
    i->p.state = POLICY_INTENT_OPEN;
    i->p.domain_id = k->domain.id;
    i->p.copies += (int)i->p.recipients.n;
    i->requested_at = now;
    const struct policy_kind_rules *rules = agent_intent_rules(k->conf->cfg, i);
    i->next_look = now + (rules && rules->bind_by_resend && i->resends > 0
                              ? rules->settle
                              : k->conf->cfg->resend_after * (1 + i->resends));
    struct ledger_domain d = {
        .name = i->p.domain,
        .account = i->p.account,
        .ca_id = k->domain.id,
        .state = "pending",
        .method = "email",
        .looked_at = now,
    };
    if (!agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent") ||
        (!i->p.renews && /* else what is replaced still holds */
         !agent_ok(ag, ledger_domain_put(ag->ledger, &d, &f), &f, "domain")))
        return;
    json_t *data = json_object();
    base_json_set(data, "domain", i->p.domain);
    base_json_set(data, "account", i->p.account);
    base_json_set(data, "domain_id", i->p.domain_id);
    base_json_setn(data, "mails", (int64_t)i->p.recipients.n);
    base_json_setn(data, "expires", i->p.expires);
    agent_event(ag, LOG_NOTICE, "intent.opened", i->p.tenant, agent_object(k->a, "intent", i->p.id),
                i->by, data);
    /* a mail may have been faster than the CA's answer to us */
    agent_mails_reconsider(ag, i->p.domain, NULL);
    agent_job_done(ag, k->job.id);
}

static void already_valid(struct agent *ag, struct ask *k)
{
    struct base_fail f = {0};
    struct ledger_domain d = {
        .name = k->intent.p.domain,
        .account = k->intent.p.account,
        .ca_id = k->domain.id,
        .state = "valid",
        .method = k->domain.dcv_method,
        .valid_until = k->domain.valid_till,
        .looked_at = base_now(),
    };
    if (agent_ok(ag, ledger_domain_put(ag->ledger, &d, &f), &f, "domain") &&
        agent_intent_end(ag, &k->intent,
                         k->intent.p.copies ? POLICY_INTENT_CONFIRMED : POLICY_INTENT_CANCELLED,
                         "the CA holds this domain as validated"))
        agent_job_done(ag, k->job.id);
}

/* Intents that the CA may be asked about: not those that are being answered or ended. */
static bool may_ask(const struct ledger_intent *i)
{
    return i->p.state == POLICY_INTENT_REQUESTING || i->p.state == POLICY_INTENT_OPEN ||
           i->p.state == POLICY_INTENT_UNKNOWN;
}

static void ask_failed(struct agent *ag, struct ask *k)
{
    struct base_fail f = {0};
    bool key = agent_key_refused(&k->fail);
    if (k->cls == BASE_PERMANENT && !key) {
        if (agent_intent_end(ag, &k->intent, POLICY_INTENT_FAILED, k->fail.text))
            agent_job_done(ag, k->job.id);
        return;
    }
    if (key)
        agent_notice_key(ag, k->a, k->intent.p.account, k->intent.p.tenant);
    if (strcmp(k->fail.code, "ca.lost") == 0) { /* its mails may come, too */
        k->intent.p.copies += 5;
        agent_ok(ag, ledger_intent_update(ag->ledger, &k->intent, &f), &f, "intent");
    }
    agent_job_retry(ag, &k->job, &k->fail, 0);
}

static void ask_done(struct agent *ag, struct agent_task *t)
{
    struct ask *k = (struct ask *)t;
    struct base_fail f = {0};
    if (!ag->stopping && agent_begin(ag)) {
        /* as it is now: a mail may have been answered while the CA was asked */
        if (agent_ok(ag, ledger_intent_get(ag->ledger, k->a, k->job.ref, &k->intent, &f), &f,
                     "intent")) {
            if (!may_ask(&k->intent))
                agent_job_done(ag, k->job.id);
            else if (k->cls)
                ask_failed(ag, k);
            else if (k->already_valid)
                already_valid(ag, k);
            else
                opened(ag, k);
        }
        agent_commit(ag);
    }
    ask_free(ag, k);
}

void agent_domain_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct ask *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_intent_get(ag->ledger, k->a, job->ref, &k->intent, &f)) {
        agent_job_unread(ag, job, &f);
        ask_free(ag, k);
        return;
    }
    if (!may_ask(&k->intent)) {
        agent_job_done(ag, job->id);
        ask_free(ag, k);
        return;
    }
    k->ca = agent_conf_ca(k->conf, k->intent.p.account);
    if (!k->ca) {
        base_failf(&f, BASE_TEMPORARY, "account.unusable",
                   "account \"%s\" can't be used now (see certmilter status)",
                   k->intent.p.account ? k->intent.p.account : "");
        agent_job_retry(ag, job, &f, base_now() + 60);
        ask_free(ag, k);
        return;
    }
    k->task.run = ask_run;
    k->task.done = ask_done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", k->intent.p.account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

/* The open request for DOMAIN in ACCOUNT; out->p.id is 0 if there is none. */
static enum base_fail_class open_already(struct agent *ag, struct base_arena *a,
                                         const char *domain, const char *account,
                                         struct ledger_intent *out, struct base_fail *f)
{
    struct ledger_intent *v;
    size_t n;
    enum base_fail_class r =
        ledger_intent_match(ag->ledger, a, domain, NULL, base_now(), &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (v[i].p.kind == POLICY_INTENT_DOMAIN && v[i].p.state <= POLICY_INTENT_CONFIRMING &&
            v[i].p.account && strcmp(v[i].p.account, account) == 0) {
            *out = v[i];
            break;
        }
    return r;
}

/* Another method is wanted than that of the open request O: it ends, and what it left
 * behind is cleared away by its own job. */
static enum base_fail_class end_other(struct agent *ag, struct base_arena *a,
                                      struct ledger_intent *o, enum policy_method method,
                                      struct base_fail *f)
{
    enum policy_method has = agent_dns_method(ag, a, o->p.id);
    if (!o->p.id || has == method)
        return BASE_OK;
    if (o->p.state == POLICY_INTENT_CONFIRMING)
        return base_failf(f, BASE_TEMPORARY, "domain.answering",
                          "%s is being answered by %s at this moment: try again in a minute",
                          o->p.domain, policy_method_name(has));
    if (!agent_intent_end(ag, o, POLICY_INTENT_CANCELLED,
                          base_arena_printf(a, "asked for by %s instead",
                                            policy_method_name(method))))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    if (has != POLICY_METHOD_EMAIL) /* its job runs now and takes the record away */
        agent_job_add(ag, "domain.dns", agent_dns_key(a, o->p.id), o->p.id, 0, NULL);
    o->p.id = 0;
    return BASE_OK;
}

static enum base_fail_class add_request(struct agent *ag, struct base_arena *a,
                                        struct ledger_intent *i, enum policy_method method,
                                        struct base_fail *f)
{
    bool dns = method != POLICY_METHOD_EMAIL;
    enum base_fail_class r = i->p.id ? BASE_OK : ledger_intent_add(ag->ledger, i, &i->p.id, f);
    if (r)
        return r;
    json_t *data = json_object();
    base_json_set(data, "domain", i->p.domain);
    base_json_set(data, "account", i->p.account);
    base_json_set(data, "method", policy_method_name(method));
    agent_event(ag, LOG_NOTICE, "intent.requested", i->p.tenant,
                agent_object(a, "intent", i->p.id), i->by, data);
    if (!agent_job_add(ag, dns ? "domain.dns" : "domain.request",
                       dns ? agent_dns_key(a, i->p.id) : agent_object(a, "intent", i->p.id),
                       i->p.id, 0, dns ? agent_dns_data(a, method) : NULL))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    ag->watch_dirty = true;
    return BASE_OK;
}

/* Until when D is validated, if that is so near its end that it is validated anew; else 0. */
static int64_t to_replace(struct agent *ag, struct base_arena *a, const struct policy_domain *d)
{
    struct base_fail f = {0};
    struct ledger_domain ca;
    struct ledger_domain_look st;
    if (ledger_domain_get(ag->ledger, a, d->name, d->account, &ca, &f) ||
        ledger_domain_look_get(ag->ledger, a, d->name, &st, &f))
        return 0;
    int64_t until = agent_domain_until(ag->conf->cfg, &ca, &st);
    return agent_domain_is_due(d, until, base_now()) ? until : 0;
}

enum base_fail_class agent_domain_request_by(struct agent *ag, const char *domain,
                                             enum policy_method method, const char *by,
                                             int64_t order_row, int64_t *intent,
                                             struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const struct policy_domain *d = policy_config_domain(cfg, domain);
    if (!d)
        return base_failf(f, BASE_PERMANENT, "domain.unknown",
                          "%s is no controlled domain: add a domain section for it to %s and reload",
                          domain, cfg->path);
    if (!d->account)
        return base_failf(f, BASE_PERMANENT, "domain.guard",
                          "%s has no account (%s): without one it is only guarded", domain,
                          d->where);
    if (agent_right_check(ag, d->account, AGENT_RIGHT_DOMAIN, f))
        return BASE_PERMANENT;
    const char *unfit = policy_method_unfit(cfg, d->name, method);
    if (unfit)
        return base_failf(f, BASE_PERMANENT, "domain.method", "%s of %s: %s",
                          policy_method_name(method), d->name, unfit);
    struct base_arena *a = base_arena_new();
    struct ledger_intent open = {0};
    int64_t now = base_now();
    enum base_fail_class r = open_already(ag, a, d->name, d->account, &open, f);
    if (!r)
        r = end_other(ag, a, &open, method, f);
    struct ledger_intent i = {
        .p = {.id = open.p.id,
              .kind = POLICY_INTENT_DOMAIN,
              .state = POLICY_INTENT_REQUESTING,
              .tenant = d->tenant,
              .account = d->account,
              .domain = d->name,
              .created = now,
              .expires = now + cfg->intent_life_domain,
              .renews = to_replace(ag, a, d)},
        .by = by,
        .order_row = order_row,
        .prevalidation = order_row == 0,
        .next_look = now + cfg->intent_life_domain, /* until the CA's answer sets it anew */
    };
    /* its mails are on the way: "domain resend" asks for others */
    bool asked = open.p.id && i.p.id && open.prevalidation && open.p.state == POLICY_INTENT_OPEN &&
                 method == POLICY_METHOD_EMAIL;
    if (!r && !asked)
        r = add_request(ag, a, &i, method, f);
    *intent = i.p.id;
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_domain_request(struct agent *ag, const char *domain, const char *by,
                                          int64_t order_row, int64_t *intent, struct base_fail *f)
{
    const struct policy_domain *d = policy_config_domain(ag->conf->cfg, domain);
    return agent_domain_request_by(ag, domain, d ? d->method : POLICY_METHOD_EMAIL, by, order_row,
                                   intent, f);
}
