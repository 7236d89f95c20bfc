/* agent/orderearly.c - the validation of its domain that an order asks for.
 *
 * A product that shows an organization is proved by the domain. Where that isn't validated, the
 * CA writes to it as soon as it has the order, which may be before we have its
 * answer: so the request is recorded before the order leaves, and waits for the
 * order's number. One request serves all orders of a domain. */
#include <string.h>

#include "base/clock.h"
#include "dnsrun.h"
#include "orderrun.h"

#define COPIES 5 /* the role addresses */

static bool by_domain(const char *product)
{
    return product && strncmp(product, "secure_email_", 13) == 0 &&
           strcmp(product, "secure_email_mailbox") != 0;
}

static const char *domain_of(const struct order_run *k)
{
    const char *at = strrchr(k->o.mailbox, '@');
    return at ? at + 1 : NULL;
}

/* Nothing to ask for, or an open request that serves this order too. */
static bool is_served(struct agent *ag, struct order_run *k, const char *domain, bool *served)
{
    struct base_fail f = {0};
    struct ledger_domain d;
    struct ledger_intent *v;
    size_t n;
    enum base_fail_class r = ledger_domain_get(ag->ledger, k->a, domain, k->o.account, &d, &f);
    *served = !r && strcmp(d.state, "valid") == 0;
    if (r && strcmp(f.code, "ledger.absent") != 0)
        return agent_ok(ag, r, &f, "domain");
    if (*served)
        return true;
    f = (struct base_fail){0};
    if (!agent_ok(ag, ledger_intent_match(ag->ledger, k->a, domain, NULL, base_now(), &v, &n, &f), &f,
                  "intents"))
        return false;
    for (size_t i = 0; i < n && !*served; i++) {
        if (v[i].p.kind != POLICY_INTENT_DOMAIN || !v[i].p.account ||
            strcmp(v[i].p.account, k->o.account) != 0 ||
            (v[i].p.state > POLICY_INTENT_CONFIRMING && v[i].p.state != POLICY_INTENT_UNKNOWN))
            continue;
        *served = true;
        if (v[i].order_row == k->o.id || agent_dns_method(ag, k->a, v[i].p.id) != POLICY_METHOD_EMAIL)
            break;
        v[i].p.copies += COPIES; /* this order's mails are explained by it */
        return agent_ok(ag, ledger_intent_update(ag->ledger, &v[i], &f), &f, "intent");
    }
    return true;
}

bool agent_order_early(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    const char *domain = domain_of(k);
    bool served = false;
    int64_t id, now = base_now();
    if (!by_domain(k->o.product) || !domain)
        return true;
    if (!is_served(ag, k, domain, &served) || served)
        return served;
    struct ledger_intent i = {
        .p = {.kind = POLICY_INTENT_DOMAIN,
              .state = POLICY_INTENT_REQUESTING,
              .tenant = k->o.tenant,
              .account = k->o.account,
              .domain = domain,
              .created = now,
              .copies = COPIES,
              .expires = now + k->conf->cfg->intent_life_domain},
        .by = k->o.by,
        .order_row = k->o.id,
        .requested_at = now,
        .next_look = now + k->conf->cfg->intent_life_domain,
    };
    ag->watch_dirty = true;
    return agent_ok(ag, ledger_intent_add(ag->ledger, &i, &id, &f), &f, "intent");
}

bool agent_order_early_open(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n;
    if (!agent_ok(ag, ledger_intent_of_order(ag->ledger, k->a, k->o.id, &v, &n, &f), &f, "intent"))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].p.kind != POLICY_INTENT_DOMAIN || v[i].p.state != POLICY_INTENT_REQUESTING)
            continue;
        v[i].p.state = POLICY_INTENT_OPEN;
        v[i].p.order = k->o.ca_order;
        if (!agent_ok(ag, ledger_intent_update(ag->ledger, &v[i], &f), &f, "intent"))
            return false;
        agent_mails_reconsider(ag, v[i].p.domain, NULL);
    }
    return true;
}
