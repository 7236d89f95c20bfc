/* agent/orderexpect.c - which mails an order makes expected, and until when.
 *
 * Intents are added when the CA has the order and when it says that it waits
 * for a mailbox or a domain; they end with the order. All within the caller's
 * transaction. */
#include <string.h>

#include "base/clock.h"
#include "orderrun.h"

/* The intents that make the mails of this order expected. */
bool agent_order_expect(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    struct ledger_intent *have;
    size_t n;
    int64_t id, now = base_now();
    const char *at = strrchr(k->o.mailbox, '@');
    if (!agent_ok(ag, ledger_intent_of_order(ag->ledger, k->a, k->o.id, &have, &n, &f), &f, "intent"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (have[i].p.kind == POLICY_INTENT_ORDER)
            return true;
    struct ledger_intent i = {
        .p = {.kind = POLICY_INTENT_ORDER,
              .state = POLICY_INTENT_OPEN,
              .tenant = k->o.tenant,
              .account = k->o.account,
              .domain = at ? at + 1 : "",
              .mailbox = k->o.mailbox,
              .order = k->o.ca_order,
              .created = now,
              .expires = now + k->conf->cfg->intent_life_domain},
        .by = k->o.by,
        .order_row = k->o.id,
        .next_look = now + k->conf->cfg->intent_life_domain,
    };
    ag->watch_dirty = true;
    return agent_ok(ag, ledger_intent_add(ag->ledger, &i, &id, &f), &f, "intent") &&
           agent_order_early_open(ag, k);
}

/* Two open requests for one domain would make each other's mails ambiguous. */
static bool asked_already(struct agent *ag, struct order_run *k, const char *domain, bool *asked)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n;
    if (!agent_ok(ag, ledger_intent_match(ag->ledger, k->a, domain, NULL, base_now(), &v, &n, &f),
                  &f, "intents"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].p.kind == POLICY_INTENT_DOMAIN && v[i].p.account &&
            strcmp(v[i].p.account, k->o.account) == 0 &&
            (v[i].p.state <= POLICY_INTENT_CONFIRMING || v[i].p.state == POLICY_INTENT_UNKNOWN))
            *asked = true;
    return true;
}

/* The CA waits for a validation by mail: the mail is expected from now on. */
static bool add_validation_intent(struct agent *ag, struct order_run *k,
                                  enum policy_intent_kind kind)
{
    struct base_fail f = {0};
    struct ledger_intent *have;
    size_t n;
    int64_t id, now = base_now();
    const struct policy_config *cfg = k->conf->cfg;
    const char *at = strrchr(k->o.mailbox, '@');
    if (!agent_ok(ag, ledger_intent_of_order(ag->ledger, k->a, k->o.id, &have, &n, &f), &f, "intent"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (have[i].p.kind == kind)
            return true;
    bool asked = false;
    if (kind == POLICY_INTENT_DOMAIN && at && !asked_already(ag, k, at + 1, &asked))
        return false;
    if (asked)
        return true;
    struct ledger_intent i = {
        .p = {.kind = kind,
              .state = POLICY_INTENT_OPEN,
              .tenant = k->o.tenant,
              .account = k->o.account,
              .domain = at ? at + 1 : "",
              .mailbox = kind == POLICY_INTENT_MAILBOX ? k->o.mailbox : NULL,
              .order = k->o.ca_order,
              .created = k->o.created,
              .copies = kind == POLICY_INTENT_MAILBOX ? 1 : 5,
              .expires = now + (kind == POLICY_INTENT_MAILBOX ? cfg->intent_life_mailbox
                                                              : cfg->intent_life_domain)},
        .by = k->o.by,
        .order_row = k->o.id,
        .requested_at = k->o.created,
    };
    i.next_look = i.p.expires;
    const char *box = k->o.mailbox;
    if (kind == POLICY_INTENT_MAILBOX)
        i.p.recipients = (struct policy_strings){&box, 1};
    ag->watch_dirty = true;
    if (!agent_ok(ag, ledger_intent_add(ag->ledger, &i, &id, &f), &f, "intent"))
        return false;
    agent_mails_reconsider(ag, kind == POLICY_INTENT_DOMAIN ? i.p.domain : NULL,
                           kind == POLICY_INTENT_MAILBOX ? k->o.mailbox : NULL);
    return true;
}

/* A pending order: what is it waiting for? */
bool agent_order_waits(struct agent *ag, struct order_run *k, const char **why)
{
    struct base_fail f = {0};
    if (agent_order_is_portal(&k->o)) { /* its mails are a person's, until "expect" */
        *why = "ordered in the CA's portal; the CA is working on it";
        return true;
    }
    struct ledger_domain d;
    const char *at = strrchr(k->o.mailbox, '@');
    *why = "the CA is working on it";
    for (size_t i = 0; i < k->boxes.n; i++)
        if (!k->boxes.v[i].validated &&
            base_ascii_caseeq(k->boxes.v[i].mailbox, k->o.mailbox)) {
            *why = "waits for the validation of the mailbox";
            return add_validation_intent(ag, k, POLICY_INTENT_MAILBOX);
        }
    enum base_fail_class r =
        at ? ledger_domain_get(ag->ledger, k->a, at + 1, k->o.account, &d, &f) : BASE_OK;
    if (r && strcmp(f.code, "ledger.absent") != 0)
        return agent_ok(ag, r, &f, "domain");
    if (at && (r || strcmp(d.state, "valid") != 0) &&
        strcmp(k->o.product, "secure_email_mailbox") != 0) {
        *why = "waits for the validation of the domain";
        return add_validation_intent(ag, k, POLICY_INTENT_DOMAIN);
    }
    return true;
}

bool agent_order_forget(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n;
    if (!agent_ok(ag, ledger_intent_of_order(ag->ledger, k->a, k->o.id, &v, &n, &f), &f, "intent"))
        return false;
    for (size_t i = 0; i < n; i++)
        /* a domain's validation may serve other orders too, and one under way ends by itself */
        if ((v[i].p.kind != POLICY_INTENT_DOMAIN || v[i].p.state == POLICY_INTENT_REQUESTING) &&
            (v[i].p.state == POLICY_INTENT_REQUESTING || v[i].p.state == POLICY_INTENT_OPEN ||
             v[i].p.state == POLICY_INTENT_UNKNOWN) &&
            !agent_intent_end(ag, &v[i], POLICY_INTENT_CANCELLED, "its order failed"))
            return false;
    return true;
}

void agent_order_stored(struct agent *ag, int64_t order_row, int64_t certificate)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_order o;
    struct ledger_intent *v;
    size_t n;
    if (agent_ok(ag, ledger_order_get(ag->ledger, a, order_row, &o, &f), &f, "order")) {
        o.state = "stored";
        o.reason = base_arena_printf(a, "certificate %lld is stored", (long long)certificate);
        o.request = agent_reissue_settled(a, o.request);
        o.changed = base_now();
        o.next_look = 0;
        if (!o.issued_at)
            o.issued_at = base_now();
        if (agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order") &&
            agent_ok(ag, ledger_intent_of_order(ag->ledger, a, order_row, &v, &n, &f), &f, "intent"))
            for (size_t i = 0; i < n; i++)
                if (v[i].p.state == POLICY_INTENT_OPEN || v[i].p.state == POLICY_INTENT_UNKNOWN)
                    agent_intent_end(ag, &v[i], POLICY_INTENT_CONFIRMED, "the certificate is here");
    }
    base_arena_free(a);
}
