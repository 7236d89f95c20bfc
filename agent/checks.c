/* agent/checks.c - domain.check and doctor: looking at the world for a person.
 *
 * Both run in the pool and change nothing. Each check is a name, ok / warn /
 * fail, and a sentence that says what to do. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "dcv/dns.h"
#include "dcv/http.h"
#include "domainlook.h"
#include "folding.h"
#include "keeper/client.h"
#include "policy/recognise.h"
#include "policy/watch.h"
#include "publish.h"
#include "trust.h"

struct checks {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const struct policy_domain *domain; /* NULL: doctor */
    json_t *list;
    json_t *answer;
};

static void say(struct checks *k, const char *name, const char *result, const char *text)
{
    json_t *o = json_object();
    base_json_set(o, "name", name);
    base_json_set(o, "result", result);
    base_json_set(o, "text", text);
    json_array_append_new(k->list, o);
}

/* ---- one domain -------------------------------------------------------------------------- */

static void check_mx(struct checks *k)
{
    struct net_dns_answer ans;
    const char *name = k->domain->name, *host = k->conf->cfg->hostname, *names = "";
    bool ours = false;
    net_dns_lookup(k->conf->resolver, NET_DNS_MX, name, k->a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL) {
        say(k, "mx", "warn", base_arena_printf(k->a, "the MX records of %s can't be looked up now: %s",
                                               name, ans.why ? ans.why : ""));
        return;
    }
    if (ans.status == NET_DNS_NONE) {
        say(k, "mx", "fail", base_arena_printf(k->a,
                                               "%s has no MX record: the CA sends validation mail "
                                               "only to domains that have one", name));
        return;
    }
    for (size_t i = 0; i < ans.n && i < 10; i++) {
        names = base_arena_printf(k->a, "%s%s%s", names, i ? ", " : "", ans.records[i].text);
        ours = ours || agent_is_our_host(k->conf->cfg, ans.records[i].text);
    }
    say(k, "mx", ours ? "ok" : "warn",
        ours ? base_arena_printf(k->a, "mail for %s comes here (%s)", name, names)
             : base_arena_printf(k->a, "mail for %s goes to %s; this host is %s: its validation mail "
                                       "must pass a certmilter to be seen", name, names,
                                 host ? host : "(hostname not configured)"));
}

static void check_caa(struct checks *k)
{
    static const char *const results[] = {"ok", "ok", "warn", "fail"};
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->domain->account);
    struct policy_strings issuers = {0};
    const char *text;
    if (acc)
        issuers = agent_caa_issuers(k->conf->cfg, acc);
    enum agent_caa caa = agent_caa_look(k->conf->resolver, k->domain->name, &issuers, k->a, &text);
    say(k, "caa", results[caa], text);
}

static void check_at_ca(struct checks *k)
{
    struct base_fail f = {0};
    struct ca_domains d = {0};
    struct ca_account *ca = agent_conf_ca(k->conf, k->domain->account);
    char when[BASE_TIME_LEN];
    if (!k->domain->account) {
        say(k, "ca", "ok", "guard only: no account is configured for this domain");
        return;
    }
    if (!ca) {
        say(k, "ca", "fail", base_arena_printf(k->a, "account %s can't be used", k->domain->account));
        return;
    }
    if (ca_domain_list(ca, k->domain->name, k->a, &d, &f))
        say(k, "ca", "fail", base_arena_printf(k->a, "the CA can't be asked: %s", f.text));
    else if (d.n == 0)
        say(k, "ca", "warn", "the CA does not know this domain yet: certmilter domain add");
    else if (d.v[0].valid)
        say(k, "ca", "ok",
            base_arena_printf(k->a, "validated at the CA until %s",
                              d.v[0].valid_till ? base_time_rfc3339(d.v[0].valid_till, when)
                                                : "(not told)"));
    else
        say(k, "ca", "warn",
            base_arena_printf(k->a, "not validated at the CA (%s)",
                              d.v[0].pending ? "pending" : "expired or not submitted"));
}

static void check_mode(struct checks *k)
{
    say(k, "mode", k->domain->mode == POLICY_MODE_CONFIRM || !k->domain->account ? "ok" : "warn",
        base_arena_printf(k->a, "mode %s (%s)%s", policy_mode_name(k->domain->mode), k->domain->where,
                          k->domain->mode == POLICY_MODE_CONFIRM ? ""
                          : k->domain->mode == POLICY_MODE_HOLD  ? ": a person releases each mail"
                                                                 : ": nothing is confirmed, only told"));
}

static void check_http(struct checks *k)
{
    const struct policy_http *h = policy_config_http(k->conf->cfg, k->domain->name);
    struct base_fail f = {0};
    if (k->domain->method != POLICY_METHOD_HTTP)
        return;
    for (size_t i = 0; i < h->webroots.n; i++) {
        struct policy_strings root = {&h->webroots.v[i], 1};
        /* a file of our own comes and goes: that is the right that is needed */
        enum base_fail_class r = dcv_file_put(&root, "certmilter-check.txt", "certmilter", &f);
        if (!r)
            r = dcv_file_remove(&root, "certmilter-check.txt", "certmilter", &f);
        say(k, "http", r ? "fail" : "ok",
            r ? base_arena_strdup(k->a, f.text)
              : base_arena_printf(k->a, "a file can be put below %s by http \"%s\"",
                                  h->webroots.v[i], h->id));
    }
    if (h->webroots.n == 0)
        say(k, "http", "ok",
            base_arena_printf(k->a, "a person puts the file where http \"%s\" has no webroots", h->id));
}

static void check_dns(struct checks *k)
{
    if (k->domain->method == POLICY_METHOD_HTTP)
        return;
    const struct policy_dns *s = policy_config_dns(k->conf->cfg, k->domain->name);
    const char *method = policy_method_name(k->domain->method);
    enum policy_method m = k->domain->method;
    struct base_fail f = {0};
    struct dcv_record rec;
    if (m == POLICY_METHOD_EMAIL && !s)
        return;
    if (m == POLICY_METHOD_EMAIL) /* the way that is there, should it be wanted */
        m = POLICY_METHOD_DNS_TXT;
    if (dcv_record(k->a, s, k->domain->name, m, "certmilter-check", "certmilter.invalid", &rec,
                   &f)) {
        say(k, "dns", "fail", base_arena_strdup(k->a, f.text));
        return;
    }
    const char *place = base_arena_printf(k->a, "method %s; a record would be %s %s by dns \"%s\"",
                                          method, rec.rr.type == NET_DNS_CNAME ? "CNAME" : "TXT",
                                          rec.rr.name, s->id);
    if (dcv_alias_check(k->conf->resolver, &rec, k->a, &f))
        say(k, "delegation", "fail", base_arena_strdup(k->a, f.text));
    else if (rec.alias)
        say(k, "delegation", "ok", base_arena_printf(k->a, "%s points to %s", rec.alias,
                                                     rec.rr.name));
    if (s->manual)
        say(k, "dns", "ok", base_arena_printf(k->a, "%s, put there by a person", place));
    else if (s->hook)
        say(k, "dns", access(s->hook, X_OK) == 0 ? "ok" : "fail",
            base_arena_printf(k->a, "%s, put there by %s%s", place, s->hook,
                              access(s->hook, X_OK) == 0 ? "" : ", which can't be run"));
    /* taking away what isn't there changes nothing, and needs the same right */
    else if (dcv_record_put(s, k->conf->cfg->credentials_dir, &rec, false, k->a, &f))
        say(k, "dns", "fail", base_arena_printf(k->a, "%s, but: %s", place, f.text));
    else
        say(k, "dns", "ok", base_arena_printf(k->a, "%s; %s lets us write it", place, s->server));
}

static void domain_run(struct agent_task *t)
{
    struct checks *k = (struct checks *)t;
    check_mode(k);
    check_dns(k);
    check_http(k);
    check_mx(k);
    check_caa(k);
    check_at_ca(k);
}

/* ---- doctor: what only the agent sees -------------------------------------------------------- */

static void check_keeper(struct checks *k)
{
    struct base_fail f = {0};
    struct keeper_status st;
    if (!k->conf->naccounts) {
        say(k, "keeper", "ok", "not needed: there is no CA account (guard mode)");
        return;
    }
    if (keeper_ping(k->conf->cfg->keeper_socket, k->a, &st, &f))
        say(k, "keeper", "fail",
            base_arena_printf(k->a, "the keeper does not answer: %s. Is certkeeperd running?", f.text));
    else if (!st.locked)
        say(k, "keeper", "warn", "the keeper's secret memory can be swapped out: raise LimitMEMLOCK");
    else
        say(k, "keeper", "ok", base_arena_printf(k->a, "the keeper answers (key-encryption key %s)",
                                                 st.kek_id));
    const char *differs = agent_folding_keeper(k->a, k->conf->cfg, &st);
    if (st.version && differs)
        say(k, "local parts", "warn", differs);
}

/* Which rights a task needs: orders (ordering, reissue, revocation), domains (validation),
 * organizations; view-only is enough for looking before a click. */
static void check_rights(struct checks *k, const struct agent_account *acc, const char *name,
                         json_t *rights)
{
    json_t *catalog = json_object();
    json_object_set_new(catalog, "rights", rights);
    const char *lacks = agent_rights_lack(k->a, catalog);
    const char *role = base_arena_strdup(k->a, base_json_str(rights, "role"));
    bool admin = base_json_bool(rights, "admin", false);
    json_decref(catalog);
    if (lacks)
        say(k, name, "warn",
            base_arena_printf(k->a, "the API key works, but (%s) it %s. Ordering, reissue and revocation "
                                    "need the right for orders, validation those for domains and "
                                    "organizations; looking at a mail before it is answered needs none",
                              role ? role : "role not told", lacks));
    else if (admin)
        say(k, name, "warn",
            base_arena_printf(k->a, "the API key belongs to an administrator (%s): a key restricted to "
                                    "orders, domains and organizations is enough%s", role ? role : "",
                              acc->cfg->skip_approval ? ", but for skip_approval, which is on" : ""));
    else if (acc->cfg->skip_approval)
        say(k, name, "warn",
            base_arena_printf(k->a, "the API key works (%s), and skip_approval is on: the CA takes that "
                                    "from an administrator's key only",
                              role ? role : "role not told"));
    else
        say(k, name, "ok", base_arena_printf(k->a, "the API key works%s%s", role ? ", role " : "",
                                             role ? role : ""));
}

static void check_account(struct checks *k, const struct agent_account *acc)
{
    struct base_fail f = {0};
    json_t *rights;
    const char *name = base_arena_printf(k->a, "account %s", acc->cfg->id);
    if (!acc->ca)
        say(k, name, "fail", acc->error ? acc->error : "can't be used");
    else if (ca_rights(acc->ca, k->a, &rights, &f))
        say(k, name, "fail", base_arena_printf(k->a, "the CA does not accept us: %s", f.text));
    else
        check_rights(k, acc, name, rights);
}

static void check_keys(struct checks *k)
{
    for (size_t i = 0; i < k->conf->cfg->nprofiles; i++) {
        const struct policy_profile *p = k->conf->cfg->profiles[i];
        for (size_t n = 0; n < p->dkim.n; n++) {
            struct net_dns_answer ans;
            net_dns_lookup(k->conf->resolver, NET_DNS_TXT, p->dkim.v[n], k->a, &ans);
            say(k, "dkim", ans.status == NET_DNS_RECORD ? "ok" : "warn",
                base_arena_printf(k->a, "%s: %s", p->dkim.v[n],
                                  ans.status == NET_DNS_RECORD ? "the key is there"
                                  : ans.status == NET_DNS_NONE ? "there is no such key (any more)"
                                                               : "can't be looked up now"));
        }
    }
}

static void check_bundle(struct checks *k)
{
    if (k->conf->bundle_error)
        say(k, "trust bundle", k->conf->naccounts ? "fail" : "warn",
            base_arena_printf(k->a, "%s: no certificate can be checked", k->conf->bundle_error));
    else
        say(k, "trust bundle", "ok",
            base_arena_printf(k->a, "%s is readable", k->conf->cfg->trust_bundle));
}

static void doctor_run(struct agent_task *t)
{
    struct checks *k = (struct checks *)t;
    check_keeper(k);
    for (size_t i = 0; i < k->conf->naccounts; i++)
        check_account(k, &k->conf->accounts[i]);
    check_keys(k);
    check_bundle(k);
}

/* ---- both --------------------------------------------------------------------------------------- */

static void done(struct agent *ag, struct agent_task *t)
{
    struct checks *k = (struct checks *)t;
    if (k->domain)
        base_json_set(k->answer, "domain", k->domain->name);
    json_object_set_new(k->answer, "checks", k->list);
    agent_control_answer(ag, k->client, k->answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

/* The CA's terms, and the spending brake. */
static void check_orders(struct agent *ag, struct checks *k)
{
    json_t *attention = json_array();
    agent_trust_attention(ag, attention);
    for (size_t i = 0; i < json_array_size(attention); i++)
        say(k, "orders", "warn",
            base_arena_strdup(k->a, json_string_value(json_array_get(attention, i))));
    if (json_array_size(attention) == 0 && k->conf->naccounts)
        say(k, "orders", "ok", "the CA's terms are accepted, and the limits leave room");
    json_decref(attention);
}

static void start(struct agent *ag, int64_t client, const struct policy_domain *d)
{
    struct checks *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->domain = d;
    k->list = json_array();
    k->answer = json_object();
    if (!d) { /* what the loop knows itself */
        struct spool_counts c;
        spool_count(ag->reader, &c);
        say(k, "ledger", ag->ledger_sick ? "fail" : "ok",
            ag->ledger_sick ? "the ledger can't be written: see the log"
                            : base_arena_printf(k->a, "the ledger works (schema %d)",
                                                ledger_schema_version(ag->ledger)));
        say(k, "spool", c.strange ? "warn" : "ok",
            c.strange ? "there are files in the spool that no writer of ours makes"
                      : base_arena_printf(k->a, "%lld mails wait", (long long)c.new_files + c.cur_files));
        say(k, "watch file", ag->watch_written ? "ok" : "fail",
            ag->watch_written ? "the watch file is written" : "the watch file can't be written: see the log");
        if (ag->conf->cfg->npublishers) {
            bool warn;
            const char *text = agent_publish_doctor(ag, k->a, &warn);
            say(k, "publishers", warn ? "warn" : "ok", text);
        }
        for (size_t i = 0; i < json_array_size(agent_folding_kept(ag)); i++)
            say(k, "local parts", "warn",
                base_arena_strdup(k->a, json_string_value(json_array_get(agent_folding_kept(ag), i))));
        check_orders(ag, k);
    }
    k->task.run = d ? domain_run : doctor_run;
    k->task.done = done;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

bool agent_cmd_domain_check_start(struct agent *ag, int64_t client, const json_t *req,
                                  struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *given = base_json_strd(req, "domain", ""), *name = policy_domain_alabel(a, given);
    const struct policy_domain *d = name ? policy_config_domain(ag->conf->cfg, name) : NULL;
    base_arena_free(a);
    if (!d) {
        base_failf(f, BASE_PERMANENT, "domain.unknown", "%s is no controlled domain of %s", given,
                   ag->conf->cfg->path);
        return false;
    }
    start(ag, client, d);
    return true;
}

bool agent_cmd_doctor_start(struct agent *ag, int64_t client, struct base_fail *f)
{
    (void)f;
    start(ag, client, NULL);
    return true;
}
