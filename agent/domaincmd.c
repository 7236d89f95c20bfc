/* agent/domaincmd.c - domain.resend, domain.plan, domain.persist. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dcv/dns.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "policy/recognise.h"
#include "show.h"

static const struct policy_domain *named(struct agent *ag, struct base_arena *a, const json_t *req,
                                         struct base_fail *f)
{
    const char *given = base_json_strd(req, "domain", ""), *name = policy_domain_alabel(a, given);
    const struct policy_domain *d = name ? policy_config_domain(ag->conf->cfg, name) : NULL;
    if (!d)
        base_failf(f, BASE_PERMANENT, "domain.unknown", "%s is no controlled domain of %s", given,
                   ag->conf->cfg->path);
    return d;
}

/* ---- domain.resend -------------------------------------------------------------------------- */

/* The request of D that waits for mails. */
static enum base_fail_class open_by_mail(struct agent *ag, struct base_arena *a,
                                         const struct policy_domain *d, struct ledger_intent *out,
                                         struct base_fail *f)
{
    struct ledger_intent *v;
    size_t n = 0;
    enum base_fail_class r = ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, f);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++)
        if (v[i].p.kind == POLICY_INTENT_DOMAIN && v[i].p.state == POLICY_INTENT_OPEN &&
            agent_dns_method(ag, a, v[i].p.id) == POLICY_METHOD_EMAIL) {
            *out = v[i];
            return BASE_OK;
        }
    return base_failf(f, BASE_PERMANENT, "domain.resend",
                      "no request for %s waits for mails: \"certmilter domain add %s\" makes one",
                      d->name, d->name);
}

enum base_fail_class agent_cmd_domain_resend(struct agent *ag, const json_t *req, const char *by,
                                             json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_intent i = {0};
    struct ledger_job job;
    const struct policy_domain *d = named(ag, a, req, f);
    enum base_fail_class r = d ? open_by_mail(ag, a, d, &i, f) : BASE_PERMANENT;
    const char *key = agent_object(a, "intent", i.p.id);
    if (!r && !i.prevalidation)
        r = base_failf(f, BASE_PERMANENT, "domain.resend",
                       "the CA sent these mails for order %lld; \"certmilter domain add %s\" has the "
                       "domain validated by itself", (long long)i.order_row, d->name);
    if (!r && ledger_job_find(ag->ledger, a, key, &job, &(struct base_fail){0}) == BASE_OK)
        r = base_failf(f, BASE_TEMPORARY, "domain.resend",
                       "the CA is about to be asked already; try again in a minute");
    if (!r && !agent_domain_resend(ag, &i))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    if (!r && ledger_job_find(ag->ledger, a, key, &job, f))
        r = f->cls;
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "domain", d->name);
        agent_event(ag, LOG_NOTICE, "intent.resend", d->tenant, key, by, data);
        base_json_setn(answer, "intent", i.p.id);
        base_json_set(answer, "domain", d->name);
        json_object_set_new(answer, "recipients",
                            agent_string_list(i.p.recipients.v, i.p.recipients.n));
        base_json_setn(answer, "at", job.run_at);
        base_json_setn(answer, "expires", i.p.expires);
        base_json_set(answer, "text",
                      job.run_at > base_now()
                          ? "the CA is asked to send again, at a moment that nobody can foresee"
                          : "the CA is asked to send again");
    }
    base_arena_free(a);
    return r;
}

/* ---- domain.plan ----------------------------------------------------------------------------- */

#define ENDS "2028-03-15" /* of domain control by e-mail, CA/Browser Forum */

static const char *step_of(struct base_arena *a, const struct policy_config *cfg,
                           const struct policy_domain *d, const char **covered)
{
    const struct policy_dns *s = policy_config_dns(cfg, d->name);
    const struct policy_http *h = policy_config_http(cfg, d->name);
    const char *then = base_arena_printf(a, "then: certmilter domain check %s; certmilter domain add %s",
                                         d->name, d->name);
    struct dcv_record rec;
    struct base_fail f = {0};
    *covered = s ? base_arena_printf(a, "dns \"%s\"", s->id)
               : h ? base_arena_printf(a, "http \"%s\"", h->id)
                   : NULL;
    if (s && !policy_dns_unfit(s, POLICY_METHOD_DNS_TXT) &&
        !dcv_record(a, s, d->name, POLICY_METHOD_DNS_TXT, NULL, NULL, &rec, &f))
        return base_arena_printf(
            a, "%sset method = dns-txt at %s, certmilter reload, %s",
            rec.alias ? base_arena_printf(a, "put \"%s. CNAME %s.\" into its zone, once; then ",
                                          rec.alias, rec.rr.name)
                      : s->manual ? "a person puts the record there each time: " : "",
            d->where, then);
    if (h)
        return base_arena_printf(a, "set method = http at %s, certmilter reload, %s", d->where, then);
    return base_arena_printf(
        a, "add a dns section that covers it (a server with a TSIG key, a hook, or a validation_zone "
           "of your own for zones of others) or an http section, set method at %s, "
           "certmilter reload, %s", d->where, then);
}

/* Does it depend on mails: by configuration, or by what the CA holds now? */
static bool by_mail(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                    const char **held)
{
    struct base_fail f = {0};
    struct ledger_domain ca;
    *held = NULL;
    if (d->account && !ledger_domain_get(ag->ledger, a, d->name, d->account, &ca, &f))
        *held = ca.method;
    return d->account && d->method == POLICY_METHOD_EMAIL;
}

enum base_fail_class agent_cmd_domain_plan(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *after = base_json_strd(req, "after", ""), *covered, *held;
    size_t limit = agent_page_limit(req), i = 0, n = 0;
    int64_t ends = 0, now = base_now();
    json_t *l = json_array();
    (void)by;
    (void)f;
    while (i < cfg->ndomains && after[0] && strcmp(cfg->domains[i].name, after) <= 0)
        i++;
    for (; i < cfg->ndomains && n < limit; i++) {
        struct base_arena *a = base_arena_new();
        const struct policy_domain *d = &cfg->domains[i];
        if (by_mail(ag, a, d, &held)) {
            json_t *o = json_object();
            n++;
            base_json_set(o, "domain", d->name);
            base_json_set(o, "tenant", d->tenant);
            base_json_set(o, "method", policy_method_name(d->method));
            base_json_set(o, "held", held);
            base_json_set(o, "step", step_of(a, cfg, d, &covered));
            base_json_set(o, "covered", covered);
            base_json_set(o, "where", d->where);
            json_array_append_new(l, o);
        }
        base_arena_free(a);
    }
    if (i < cfg->ndomains && n > 0)
        base_json_set(answer, "next", cfg->domains[i - 1].name);
    json_object_set_new(answer, "plan", l);
    base_json_set(answer, "ends", ENDS);
    if (base_time_parse(ENDS, &ends))
        base_json_setn(answer, "days_left", ends > now ? (ends - now) / 86400 : 0);
    return BASE_OK;
}

/* ---- domain.persist ---------------------------------------------------------------------------- */

struct persist {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const struct policy_domain *d;
    struct dcv_persist want;
    struct dcv_persist_found found;
};

static void persist_run(struct agent_task *t)
{
    struct persist *k = (struct persist *)t;
    dcv_persist_look(k->conf->resolver, k->d->name, &k->want, base_now(), k->a, &k->found);
}

static void persist_done(struct agent *ag, struct agent_task *t)
{
    static const char *const states[] = {"ok", "absent", "other-account", "ended", "unknown"};
    struct persist *k = (struct persist *)t;
    const struct dcv_persist_found *p = &k->found;
    const char *name = dcv_persist_name(k->a, k->d->name), *value = dcv_persist_value(k->a, &k->want);
    json_t *answer = json_object();
    bool soon = p->until && p->until - AGENT_PERSIST_WARN <= base_now();
    base_json_set(answer, "domain", k->d->name);
    base_json_set(answer, "name", name);
    base_json_set(answer, "value", value);
    base_json_set(answer, "record", base_arena_printf(k->a, "%s. IN TXT \"%s\"", name, value));
    base_json_set(answer, "state", states[p->state]);
    base_json_set(answer, "dnssec", p->bogus    ? "bogus"
                                    : p->secure ? "secure"
                                    : p->state == DCV_PERSIST_UNKNOWN ? "unknown"
                                                                      : "insecure");
    base_json_setn(answer, "persist_until", p->until);
    base_json_set(answer, "text", p->text);
    if (p->state != DCV_PERSIST_OK || soon)
        json_object_set_new(answer, "attention",
                            json_pack("[s]", soon && p->state == DCV_PERSIST_OK
                                                 ? "the record ends soon: put a new one into the zone"
                                                 : p->text));
    agent_control_answer(ag, k->client, answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static bool read_wanted(const json_t *req, const struct policy_domain *d,
                        const struct policy_config *cfg, struct dcv_persist *want,
                        struct base_fail *f)
{
    const char *policy = base_json_str(req, "policy");
    if (!agent_persist_wanted(cfg, d, want)) {
        base_failf(f, BASE_PERMANENT, "domain.persist",
                   "account %s names no persist_issuer and persist_account_uri: the CA tells both",
                   d->account ? d->account : "(none)");
        return false;
    }
    if (policy && strcmp(policy, "wildcard") != 0) {
        base_failf(f, BASE_PERMANENT, "domain.persist", "policy: expected wildcard");
        return false;
    }
    want->policy = policy ? "wildcard" : NULL;
    want->until = base_json_int(req, "until", 0);
    if (want->until && want->until <= base_now()) {
        base_failf(f, BASE_PERMANENT, "domain.persist", "until: expected a time to come");
        return false;
    }
    return true;
}

bool agent_cmd_domain_persist_start(struct agent *ag, int64_t client, const json_t *req,
                                    struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct dcv_persist want;
    const struct policy_domain *d = named(ag, a, req, f);
    if (!d || !read_wanted(req, d, ag->conf->cfg, &want, f)) {
        base_arena_free(a);
        return false;
    }
    struct persist *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = a;
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->d = d;
    k->want = want;
    k->task.run = persist_run;
    k->task.done = persist_done;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}
