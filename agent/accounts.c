/* agent/accounts.c - looking at a whole account: what the CA holds as validated.
 *
 * After each confirmation and at every poll the list of the account's domains
 * is compared with the one of the look before: a name that became valid
 * without an intent of ours is an alarm (that is how SSL.com's mistake of 2025
 * would have been seen). The list also keeps the ledger's domain states true. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "fields.h"
#include "ca/terms.h"
#include "trust.h"

#define DAY 86400

struct look {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    const char *account;
    struct ca_account *ca;
    struct ca_domains now;
    bool whole; /* the catalog is asked for too */
    json_t *catalog;
    struct ca_fields fields;
    bool have_fields;
    const char *product; /* whose terms are looked at too; NULL = not this time */
    const char *terms;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void look_run(struct agent_task *t)
{
    struct look *k = (struct look *)t;
    struct base_fail ignored = {0};
    k->cls = ca_domain_list(k->ca, NULL, k->a, &k->now, &k->fail);
    if (k->whole)
        ca_catalog(k->ca, k->a, &k->catalog, &ignored);
    /* a key may be too small for this; the numbers of the fields work without it */
    k->have_fields = !k->cls && !ca_fields(k->ca, k->a, &k->fields, &ignored);
    /* not every CA tells its terms: they are looked at again the next day */
    if (!k->cls && k->product)
        ca_product_terms(k->ca, k->product, k->a, &k->terms, &ignored);
}

static void look_free(struct agent *ag, struct look *k)
{
    agent_job_over(ag, k->job.id);
    json_decref(k->catalog);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

/* An answer of ours whose fate was unknown worked, if the CA holds the domain now. */
static void settle(struct agent *ag, struct look *k, struct ledger_intent *i,
                   const struct ca_domain *d)
{
    if (i->p.state == POLICY_INTENT_UNKNOWN && ca_domain_holds(d, i->p.renews) && i->p.account &&
        strcmp(i->p.account, k->account) == 0)
        agent_intent_end(ag, i, POLICY_INTENT_CONFIRMED, "the CA holds it as validated");
}

/* Did an intent of ours, ended or not, ask for this domain? */
static bool explained(struct agent *ag, struct look *k, const struct ca_domain *d)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n;
    bool ours = false;
    if (!agent_ok(ag, ledger_intent_match(ag->ledger, k->a, d->name, NULL, base_now(), &v, &n, &f),
                  &f, "intents"))
        return true; /* the next look finds it again: its state isn't written now */
    for (size_t i = 0; i < n; i++)
        if (v[i].p.kind == POLICY_INTENT_DOMAIN) {
            ours = true;
            settle(ag, k, &v[i], d);
        }
    return ours;
}

static void alarm_unexplained(struct agent *ag, struct look *k, const char *domain)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->account);
    json_t *data = json_object();
    base_json_set(data, "domain", domain);
    base_json_set(data, "account", k->account);
    agent_event(ag, LOG_ALERT, "alarm.validated", acc ? acc->tenant : NULL,
                base_arena_printf(k->a, "domain:%s", domain), NULL, data);
    agent_notice(
        ag, base_arena_printf(k->a, "validated:%s:%s", k->account, domain),
        agent_contact(ag, acc ? acc->tenant : NULL),
        base_arena_printf(k->a, "certmilter: ALARM: %s was validated, and not by us", domain),
        base_arena_printf(
            k->a,
            "The certificate authority now holds the domain\n\n    %s\n\n"
            "as validated in our account \"%s\", and certmilter never asked for it.\n\n"
            "If somebody of yours did that in the CA's portal, nothing is wrong.\n"
            "If nobody did: somebody may be able to order certificates for this domain.\n"
            "Call the CA's support, name the account and the domain, have the validation\n"
            "withdrawn, and look at the account's list of orders and users.\n",
            domain, k->account));
}

/* One domain of the CA's list against the ledger. */
static void compare(struct agent *ag, struct look *k, const struct ca_domain *d, bool first_look)
{
    struct base_fail f = {0};
    struct ledger_domain old = {0};
    const char *state = d->valid ? "valid" : d->pending ? "pending" : "expired";
    enum base_fail_class r = ledger_domain_get(ag->ledger, k->a, d->name, k->account, &old, &f);
    if (r && strcmp(f.code, "ledger.absent") != 0) {
        agent_ok(ag, r, &f, "domain");
        return;
    }
    bool was_valid = !r && strcmp(old.state, "valid") == 0;
    if (d->valid && !was_valid && !explained(ag, k, d) && !first_look)
        alarm_unexplained(ag, k, d->name);
    struct ledger_domain now = {
        .name = d->name,
        .account = k->account,
        .ca_id = d->id,
        .state = state,
        .method = d->dcv_method,
        .valid_until = d->valid_till,
        .looked_at = base_now(),
    };
    if (ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_domain_put(ag->ledger, &now, &f), &f, "domain");
}

/* Looked at again as often as always: poll_accounts() goes by the mark "tried". */
static void look_failed(struct agent *ag, struct look *k)
{
    struct base_fail f = {0};
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->account);
    base_log_fail(LOG_WARNING, "account.look", &k->fail, "account", k->account, NULL);
    if (agent_key_refused(&k->fail))
        agent_notice_key(ag, k->a, k->account, acc ? acc->tenant : NULL);
    if (ledger_in_transaction(ag->ledger) &&
        agent_ok(ag,
                 ledger_meta_set(ag->ledger, base_arena_printf(k->a, "tried:%s", k->account),
                                 base_now(), &f),
                 &f, "meta"))
        agent_job_done(ag, k->job.id);
}

static const char *terms_mark(struct look *k)
{
    return base_arena_printf(k->a, "terms:%s", k->account);
}

/* The product whose terms are due: once a day, and after each start. */
static const char *terms_due(struct agent *ag, struct look *k)
{
    const struct policy_config *cfg = k->conf->cfg;
    struct base_fail f = {0};
    int64_t last = 0;
    if (ledger_meta_get(ag->ledger, terms_mark(k), &last, 0, &f) ||
        (last > ag->started && base_now() - last < DAY))
        return NULL;
    for (size_t i = 0; i < cfg->ndomains; i++)
        if (cfg->domains[i].account && strcmp(cfg->domains[i].account, k->account) == 0)
            return cfg->domains[i].product;
    return NULL;
}

static bool keep_terms(struct agent *ag, struct look *k)
{
    struct base_fail f = {0};
    if (!k->product)
        return true;
    if (k->terms && k->terms[0] && !agent_agreement_text(ag, k->account, k->terms))
        return false;
    return agent_ok(ag, ledger_meta_set(ag->ledger, terms_mark(k), base_now(), &f), &f, "meta");
}

static void look_done(struct agent *ag, struct agent_task *t)
{
    struct look *k = (struct look *)t;
    struct base_fail f = {0};
    int64_t looked = 0;
    const char *mark = base_arena_printf(k->a, "looked:%s", k->account);
    if (ag->stopping || !agent_begin(ag)) {
        look_free(ag, k);
        return;
    }
    if (k->catalog && agent_catalog_save(ag, k->account, k->catalog))
        agent_ok(ag,
                 ledger_meta_set(ag->ledger, base_arena_printf(k->a, "catalog-asked:%s", k->account),
                                 base_now(), &f),
                 &f, "meta");
    if (k->have_fields)
        agent_fields_keep(ag, k->account, &k->fields);
    if (k->cls)
        look_failed(ag, k);
    else if (agent_ok(ag, ledger_meta_get(ag->ledger, mark, &looked, 0, &f), &f, "meta")) {
        for (size_t i = 0; i < k->now.n && ledger_in_transaction(ag->ledger); i++)
            if (k->now.v[i].name)
                compare(ag, k, &k->now.v[i], looked == 0);
        if (ledger_in_transaction(ag->ledger) && keep_terms(ag, k) &&
            agent_ok(ag, ledger_meta_set(ag->ledger, mark, base_now(), &f), &f, "meta"))
            agent_job_done(ag, k->job.id);
    }
    agent_commit(ag);
    look_free(ag, k);
}

void agent_look_job(struct agent *ag, const struct ledger_job *job)
{
    struct look *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    /* the key names it: "look:ACCOUNT" */
    k->account = strchr(k->job.key, ':') ? strchr(k->job.key, ':') + 1 : "";
    k->ca = agent_conf_ca(k->conf, k->account);
    if (!k->ca) {
        agent_job_done(ag, job->id);
        look_free(ag, k);
        return;
    }
    k->product = terms_due(ag, k);
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->account);
    k->whole = acc && agent_catalog_due(ag, acc);
    k->task.run = look_run;
    k->task.done = look_done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", k->account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
