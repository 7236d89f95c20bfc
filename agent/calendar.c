/* agent/calendar.c - what time brings to a domain: a daily look at its DNS, and a new
 * validation before the one that holds ends.
 *
 * Goes over the configured domains, some at a time. A new validation is begun by the
 * domain's own method, once a day at most until it works; a person is told when it can't be
 * begun, failed, or needs a hand. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"

#define DAY 86400
#define AT_ONCE 8     /* looks at the DNS under way */
#define DOMAINS 300   /* of one step */
#define PASS_MAX 60   /* seconds between two passes */

static size_t running; /* looks under way; the loop's own, as the rest here */
static char cursor[256];
static int64_t next_pass; /* base_mono_ms() */

int64_t agent_domain_until(const struct policy_config *cfg, const struct ledger_domain *ca,
                           const struct ledger_domain_look *look)
{
    if (strcmp(ca->state, "valid") != 0)
        return 0;
    if (ca->valid_until)
        return ca->valid_until;
    return look->valid_since ? look->valid_since + cfg->reuse : 0;
}

bool agent_domain_is_due(const struct policy_domain *d, int64_t until, int64_t now)
{
    return d->revalidate_days > 0 && until > 0 && now >= until - d->revalidate_days * DAY;
}

/* ---- a new validation ----------------------------------------------------------------- */

static void trouble(struct agent *ag, struct base_arena *a, const char *name,
                    struct ledger_domain_look *st, const char *why, int64_t until)
{
    const struct policy_domain *d = policy_config_domain(ag->conf->cfg, name);
    char day[BASE_TIME_LEN], when[BASE_TIME_LEN];
    json_t *data = json_object();
    st->trouble = why;
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    base_json_set(data, "domain", name);
    base_json_set(data, "text", why);
    agent_event(ag, LOG_WARNING, "revalidate.trouble", d ? d->tenant : NULL,
                base_arena_printf(a, "domain:%s", name), NULL, data);
    agent_notice(ag, base_arena_printf(a, "revalidate:%s:%s", name, day),
                 agent_contact(ag, d ? d->tenant : NULL),
                 base_arena_printf(a, "certmilter: the validation of %s needs you", name),
                 base_arena_printf(a,
                                   "The domain\n\n    %s\n\nhas to be validated anew%s%s, but:\n\n    "
                                   "%s\n\nWithout it no certificate can be ordered for its mailboxes. "
                                   "It is tried again\nevery day; \"certmilter domain list\" tells how "
                                   "far it is.\n",
                                   name, until ? ": it ends on " : "",
                                   until ? base_time_rfc5322(until, when) : "", why));
}

/* Why it can't go by itself; NULL = it can. */
static const char *obstacle(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                            const struct ledger_domain *ca)
{
    if (agent_domain_mode(ag, d) == POLICY_MODE_OBSERVE)
        return base_arena_printf(a, "%s is only observed (%s): nothing is validated by itself", d->name,
                                 d->mode == POLICY_MODE_OBSERVE ? d->where : "its MX left us");
    if (d->method == POLICY_METHOD_EMAIL && strcmp(ca->state, "valid") == 0 && !ca->valid_until)
        return "the CA tells no date, so a new validation by mail could not be told from the old "
               "one: use dns-txt or http";
    return NULL;
}

static void begin(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                  const struct ledger_domain *ca, struct ledger_domain_look *st, int64_t until)
{
    struct base_fail f = {0};
    int64_t id = 0;
    const char *why = obstacle(ag, a, d, ca);
    st->tried = base_now();
    st->trouble = NULL;
    if (!why &&
        agent_domain_request(ag, d->name, "agent (re-validation)", 0, &id, &f))
        why = base_arena_strdup(a, f.text);
    if (!why && agent_dns_by_hand(ag->conf->cfg, d->name, d->method))
        why = base_arena_printf(a, "what the CA wants to see has to be put there by a person: "
                                   "\"certmilter show %s\" tells what and where", d->name);
    if (!why && d->mode == POLICY_MODE_HOLD && d->method != POLICY_METHOD_EMAIL)
        why = base_arena_printf(a, "mode hold: \"certmilter domain release %s --reason TEXT\" has what "
                                   "the CA wants to see written", d->name);
    if (why)
        trouble(ag, a, d->name, st, why, until);
}

/* Is it asked for already? */
static bool under_way(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                      struct ledger_intent *out)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    if (ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, &f))
        return true; /* can't be told now */
    for (size_t i = 0; i < n; i++)
        if (v[i].p.kind == POLICY_INTENT_DOMAIN && v[i].p.account &&
            strcmp(v[i].p.account, d->account) == 0 &&
            (v[i].p.state <= POLICY_INTENT_CONFIRMING || v[i].p.state == POLICY_INTENT_UNKNOWN)) {
            *out = v[i];
            return true;
        }
    return false;
}

/* A third of the time is gone and it isn't through. */
static void late(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                 struct ledger_domain_look *st, const struct ledger_intent *i, int64_t until)
{
    if (!i->p.renews || base_now() < until - d->revalidate_days * DAY * 2 / 3)
        return;
    trouble(ag, a, d->name, st,
            base_arena_printf(a, "the new validation that was begun is not through yet (request %lld)",
                              (long long)i->p.id),
            until);
}

static void revalidate(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                       struct ledger_domain_look *st)
{
    struct base_fail f = {0};
    struct ledger_domain ca;
    struct ledger_intent open = {0};
    int64_t now = base_now();
    if (!d->account || d->revalidate_days == 0 ||
        ledger_domain_get(ag->ledger, a, d->name, d->account, &ca, &f) || !agent_begin(ag))
        return;
    bool valid = strcmp(ca.state, "valid") == 0;
    bool changed = valid && !st->valid_since;
    if (changed)
        st->valid_since = now;
    int64_t until = agent_domain_until(ag->conf->cfg, &ca, st);
    bool over = !valid && st->valid_since; /* it held once, and has to again */
    if ((agent_domain_is_due(d, until, now) || over) &&
        st->tried + ag->conf->cfg->domain_check <= now) {
        changed = true;
        if (!under_way(ag, a, d, &open))
            begin(ag, a, d, &ca, st, until);
        else {
            st->tried = now;
            if (open.p.id)
                late(ag, a, d, st, &open, until);
        }
    }
    if (changed && ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_domain_look_put(ag->ledger, st, &f), &f, "domain");
    agent_commit(ag);
}

void agent_domain_ended(struct agent *ag, struct base_arena *a, const struct ledger_intent *i)
{
    struct base_fail f = {0};
    struct ledger_domain_look st;
    bool good = i->p.state == POLICY_INTENT_CONFIRMED;
    bool bad = i->p.renews && (i->p.state == POLICY_INTENT_FAILED ||
                               i->p.state == POLICY_INTENT_EXPIRED);
    if (i->p.kind != POLICY_INTENT_DOMAIN || (!good && !bad) ||
        !agent_ok(ag, ledger_domain_look_get(ag->ledger, a, i->p.domain, &st, &f), &f, "domain"))
        return;
    if (good) {
        st.valid_since = base_now();
        st.tried = 0;
        st.trouble = NULL;
    } else
        trouble(ag, a, i->p.domain, &st, i->note ? i->note : "the CA did not validate it",
                i->p.renews);
    if (ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_domain_look_put(ag->ledger, &st, &f), &f, "domain");
}

/* ---- the timer --------------------------------------------------------------------------- */

/* False: enough is under way, this domain comes later. */
static bool one(struct agent *ag, const struct policy_domain *d)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_domain_look st;
    bool go_on = true;
    if (agent_ok(ag, ledger_domain_look_get(ag->ledger, a, d->name, &st, &f), &f, "domain")) {
        if (st.next_look <= base_now()) {
            go_on = running < AT_ONCE;
            if (go_on)
                agent_domain_look_start(ag, d, &running);
        }
        if (go_on)
            revalidate(ag, a, d, &st);
    }
    base_arena_free(a);
    return go_on;
}

void agent_calendar_due(struct agent *ag)
{
    const struct policy_config *cfg = ag->conf->cfg;
    size_t i = 0, n = 0;
    if (ag->ledger_sick || base_mono_ms() < next_pass)
        return;
    while (i < cfg->ndomains && cursor[0] && strcmp(cfg->domains[i].name, cursor) <= 0)
        i++;
    for (; i < cfg->ndomains && n < DOMAINS && !ag->ledger_sick; i++, n++) {
        if (!one(ag, &cfg->domains[i]))
            return;
        snprintf(cursor, sizeof(cursor), "%s", cfg->domains[i].name);
    }
    if (i < cfg->ndomains || running > 0) /* none is looked at twice at the same time */
        return;
    cursor[0] = 0;
    next_pass = base_mono_ms() + 1000 * (cfg->domain_check < PASS_MAX ? cfg->domain_check : PASS_MAX);
}
