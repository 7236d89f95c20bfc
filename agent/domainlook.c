/* agent/domainlook.c - looking at a domain's DNS: MX, contacts for validation mails, the
 * persistent record.
 *
 * A task per domain, begun by the calendar; the loop writes what was found. Only definite
 * answers change anything: a domain is dropped to observe after two of them, some time apart, that
 * name none of our hosts, and comes back with the first that does. Nothing here must survive
 * a crash: the next look finds the same. */
#include "domainlook.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "policy/recognise.h"

#define CONTACTS 10 /* of each of both places */
#define MX_SHOWN 8

struct dns_look {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    const struct policy_domain *d;
    size_t *running;
    /* what was found */
    bool mx_definite, mx_ours, contacts_definite;
    const char *mx;
    const char **contacts;
    size_t ncontacts;
    bool persist;
    struct dcv_persist_found persisted;
};

/* ---- in the pool ------------------------------------------------------------------ */

bool agent_is_our_host(const struct policy_config *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->mx_hosts.n; i++)
        if (base_ascii_caseeq(cfg->mx_hosts.v[i], name))
            return true;
    return cfg->mx_hosts.n == 0 && cfg->hostname && base_ascii_caseeq(cfg->hostname, name);
}

static void look_at_mx(struct dns_look *k)
{
    struct net_dns_answer ans;
    net_dns_lookup(k->conf->resolver, NET_DNS_MX, k->d->name, k->a, &ans);
    k->mx_definite = ans.status != NET_DNS_TEMPFAIL;
    k->mx = "";
    for (size_t i = 0; k->mx_definite && i < ans.n; i++) {
        k->mx_ours = k->mx_ours || agent_is_our_host(k->conf->cfg, ans.records[i].text);
        if (i < MX_SHOWN)
            k->mx = base_arena_printf(k->a, "%s%s%s", k->mx, i ? ", " : "", ans.records[i].text);
    }
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The addresses in the records of ANS (CAA: of this TAG), sorted, as servers rotate them. */
static void add_contacts(struct dns_look *k, const struct net_dns_answer *ans, const char *tag)
{
    const char **v = base_arena_array(k->a, ans->n + 1, sizeof(*v));
    size_t n = 0, taken = 0;
    for (size_t i = 0; i < ans->n; i++) {
        const struct net_dns_record *r = &ans->records[i];
        if (r->len < 3 || r->len > 254 || strlen(r->text) != r->len ||
            (tag && (!r->tag || strcmp(r->tag, tag) != 0)))
            continue;
        v[n] = policy_mailbox_normal(k->a, r->text);
        n += v[n] != NULL;
    }
    if (n > 0)
        qsort(v, n, sizeof(*v), by_text);
    for (size_t i = 0; i < n && taken < CONTACTS; i++) {
        bool there = false;
        for (size_t c = 0; c < k->ncontacts; c++)
            there = there || strcmp(k->contacts[c], v[i]) == 0;
        if (!there) {
            k->contacts[k->ncontacts++] = v[i];
            taken++;
        }
    }
}

/* TXT at _validation-contactemail and CAA contactemail: baseline requirements, appendix A. */
static void look_at_contacts(struct dns_look *k)
{
    struct net_dns_answer txt, caa;
    net_dns_lookup(k->conf->resolver, NET_DNS_TXT,
                   base_arena_printf(k->a, "_validation-contactemail.%s", k->d->name), k->a, &txt);
    net_dns_caa(k->conf->resolver, k->d->name, k->a, &caa);
    k->contacts_definite = txt.status != NET_DNS_TEMPFAIL && caa.status != NET_DNS_TEMPFAIL;
    k->contacts = base_arena_array(k->a, (size_t)2 * CONTACTS + 1, sizeof(*k->contacts));
    if (k->contacts_definite) {
        add_contacts(k, &txt, NULL);
        add_contacts(k, &caa, "contactemail");
    }
}

bool agent_persist_wanted(const struct policy_config *cfg, const struct policy_domain *d,
                          struct dcv_persist *out)
{
    const struct policy_account *acc = d->account ? policy_config_account(cfg, d->account) : NULL;
    *out = (struct dcv_persist){.issuer = acc ? acc->persist_issuer : NULL,
                                .account_uri = acc ? acc->persist_account_uri : NULL};
    return out->issuer && out->account_uri;
}

static void look_run(struct agent_task *t)
{
    struct dns_look *k = (struct dns_look *)t;
    struct dcv_persist want;
    look_at_mx(k);
    look_at_contacts(k);
    k->persist = agent_persist_wanted(k->conf->cfg, k->d, &want);
    if (k->persist)
        dcv_persist_look(k->conf->resolver, k->d->name, &want, base_now(), k->a, &k->persisted);
}

/* ---- in the loop --------------------------------------------------------------------- */

static const char *object_of(struct dns_look *k)
{
    return base_arena_printf(k->a, "domain:%s", k->d->name);
}

static void tell(struct agent *ag, struct dns_look *k, int priority, const char *type,
                 const char *text, const char *subject, const char *body)
{
    json_t *data = json_object();
    base_json_set(data, "domain", k->d->name);
    base_json_set(data, "text", text);
    agent_event(ag, priority, type, k->d->tenant, object_of(k), NULL, data);
    if (subject)
        agent_notice(ag, base_arena_printf(k->a, "%s:%s:%lld", type, k->d->name,
                                           (long long)base_now()),
                     agent_contact(ag, k->d->tenant), subject, body);
}

static void drop(struct agent *ag, struct dns_look *k, struct ledger_domain_look *st)
{
    st->dropped = base_now();
    tell(ag, k, LOG_ALERT, "domain.dropped",
         base_arena_printf(k->a, "its MX names none of our hosts: %s", k->mx[0] ? k->mx : "no MX"),
         base_arena_printf(k->a, "certmilter: %s is only observed now: its MX left us", k->d->name),
         base_arena_printf(k->a,
                           "The mail of\n\n    %s\n\nno longer comes to a host of ours. Its MX records "
                           "now name:\n\n    %s\n\nUntil they name one of ours again, nothing is "
                           "confirmed or written for this domain,\nwhatever its mode in the "
                           "configuration (%s) is. If the domain is yours no more,\ntake it out of "
                           "the configuration; if it moved within your organization, name the\nnew "
                           "host in mx_hosts.\n",
                           k->d->name, k->mx[0] ? k->mx : "(there is no MX record)", k->d->where));
}

static void take_mx(struct agent *ag, struct dns_look *k, struct ledger_domain_look *st)
{
    const struct policy_config *cfg = k->conf->cfg;
    int64_t now = base_now();
    if (!k->mx_definite)
        return;
    st->mx = k->mx;
    if (k->mx_ours) {
        if (st->dropped) {
            tell(ag, k, LOG_NOTICE, "domain.back", "its MX names one of our hosts again",
                 base_arena_printf(k->a, "certmilter: the mail of %s comes here again", k->d->name),
                 base_arena_printf(k->a, "The MX records of\n\n    %s\n\nname one of our hosts again. Its "
                                         "mode in the configuration counts from now on.\n",
                                   k->d->name));
            agent_mails_reconsider(ag, k->d->name, NULL);
        }
        st->mx_ours = now;
        st->mx_missed = st->dropped = 0;
        return;
    }
    /* a domain that never came here by a name that we know is a matter of configuration */
    if (!st->mx_ours && cfg->mx_hosts.n == 0)
        return;
    if (!st->mx_missed)
        st->mx_missed = now;
    else if (!st->dropped && now - st->mx_missed >= cfg->domain_check / 4)
        drop(ag, k, st);
}

static void take_contacts(struct agent *ag, struct dns_look *k, struct ledger_domain_look *st)
{
    bool same = st->ncontacts == k->ncontacts;
    if (!k->contacts_definite)
        return;
    for (size_t i = 0; same && i < k->ncontacts; i++)
        same = strcmp(st->contacts[i], k->contacts[i]) == 0;
    st->contacts = k->contacts;
    st->ncontacts = k->ncontacts;
    if (same)
        return;
    const char *all = "";
    for (size_t i = 0; i < k->ncontacts; i++)
        all = base_arena_printf(k->a, "%s%s%s", all, i ? ", " : "", k->contacts[i]);
    tell(ag, k, LOG_NOTICE, "domain.contacts",
         base_arena_printf(k->a, "the DNS names for validation mails: %s", all[0] ? all : "nobody"),
         NULL, NULL);
    ag->watch_dirty = true;
}

static void take_persist(struct agent *ag, struct dns_look *k, struct ledger_domain_look *st)
{
    const struct dcv_persist_found *p = &k->persisted;
    char when[BASE_TIME_LEN];
    if (!k->persist) {
        st->persist = NULL;
        st->persist_until = 0;
        return;
    }
    if (p->state == DCV_PERSIST_UNKNOWN && !p->bogus)
        return; /* what was seen last still counts */
    st->persist = p->text;
    st->persist_until = p->state == DCV_PERSIST_OK || p->state == DCV_PERSIST_ENDED ? p->until : 0;
    if (!st->persist_until || st->persist_until - AGENT_PERSIST_WARN > base_now())
        return;
    agent_notice(ag, base_arena_printf(k->a, "persist:%s:%lld", k->d->name,
                                       (long long)st->persist_until),
                 agent_contact(ag, k->d->tenant),
                 base_arena_printf(k->a, "certmilter: the persistent validation record of %s ends",
                                   k->d->name),
                 base_arena_printf(k->a,
                                   "The record %s\nends on %s. After that the CA does not validate "
                                   "the\ndomain by it any more. \"certmilter domain persist %s\" prints "
                                   "a new one.\n",
                                   dcv_persist_name(k->a, k->d->name),
                                   base_time_rfc5322(st->persist_until, when), k->d->name));
}

static int64_t next_look(const struct dns_look *k, const struct ledger_domain_look *st)
{
    int64_t day = k->conf->cfg->domain_check;
    int64_t in = !k->mx_definite || !k->contacts_definite ? day / 24
                 : st->mx_missed                          ? day / 4
                                                          : day;
    return base_now() + (in > 0 ? in : 1);
}

static void look_done(struct agent *ag, struct agent_task *t)
{
    struct dns_look *k = (struct dns_look *)t;
    struct base_fail f = {0};
    struct ledger_domain_look st;
    (*k->running)--;
    if (!ag->stopping && agent_begin(ag)) {
        if (agent_ok(ag, ledger_domain_look_get(ag->ledger, k->a, k->d->name, &st, &f), &f,
                     "domain")) {
            take_mx(ag, k, &st);
            take_contacts(ag, k, &st);
            take_persist(ag, k, &st);
            st.looked_at = base_now();
            st.next_look = next_look(k, &st);
            if (ledger_in_transaction(ag->ledger))
                agent_ok(ag, ledger_domain_look_put(ag->ledger, &st, &f), &f, "domain");
        }
        agent_commit(ag);
    }
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

void agent_domain_look_start(struct agent *ag, const struct policy_domain *d, size_t *running)
{
    struct dns_look *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->d = d;
    k->running = running;
    (*running)++;
    k->task.run = look_run;
    k->task.done = look_done;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

enum policy_mode agent_domain_mode(struct agent *ag, const struct policy_domain *d)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_domain_look st;
    enum policy_mode mode = d->mode;
    /* what can't be read can't allow anything */
    if (ledger_domain_look_get(ag->ledger, a, d->name, &st, &f) || st.dropped)
        mode = POLICY_MODE_OBSERVE;
    base_arena_free(a);
    return mode;
}
