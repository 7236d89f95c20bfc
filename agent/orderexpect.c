/* agent/orderexpect.c - which mails an order makes expected, and until when.
 *
 * Intents are added when the CA has the order and when it says that it waits
 * for a mailbox or a domain; they end with the order. All within the caller's
 * transaction. */
#include <string.h>

#include "base/clock.h"
#include "form.h"
#include "orderrun.h"
#include "plan.h"

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

static bool has_intent(const struct policy_config *cfg, const struct ledger_intent *v, size_t n,
                       enum policy_intent_kind kind, const char *domain, const char *mailbox)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].p.kind == kind &&
            (mailbox ? policy_config_same_mailbox(cfg, mailbox, v[i].p.mailbox)
                     : strcmp(v[i].p.domain, domain) == 0))
            return true;
    return false;
}

/* The CA waits for the validation of ADDRESS, or of its domain, by mail: it is expected
 * from now on. */
static bool add_validation_intent(struct agent *ag, struct order_run *k,
                                  enum policy_intent_kind kind, const char *address)
{
    struct base_fail f = {0};
    struct ledger_intent *have;
    size_t n;
    int64_t id, now = base_now();
    bool of_mailbox = kind == POLICY_INTENT_MAILBOX, asked = false;
    const struct policy_config *cfg = k->conf->cfg;
    const char *at = strrchr(address, '@'), *domain = at ? at + 1 : "";
    if (!agent_ok(ag, ledger_intent_of_order(ag->ledger, k->a, k->o.id, &have, &n, &f), &f, "intent"))
        return false;
    if (has_intent(ag->conf->cfg, have, n, kind, domain, of_mailbox ? address : NULL))
        return true;
    if (!of_mailbox && at && !asked_already(ag, k, domain, &asked))
        return false;
    if (asked)
        return true;
    struct ledger_intent i = {
        .p = {.kind = kind,
              .state = POLICY_INTENT_OPEN,
              .tenant = k->o.tenant,
              .account = k->o.account,
              .domain = domain,
              .mailbox = of_mailbox ? address : NULL,
              .order = k->o.ca_order,
              .created = k->o.created,
              .copies = of_mailbox ? 1 : 5,
              .expires = now + (of_mailbox ? cfg->intent_life_mailbox : cfg->intent_life_domain)},
        .by = k->o.by,
        .order_row = k->o.id,
        .requested_at = k->o.created,
    };
    i.next_look = i.p.expires;
    if (of_mailbox)
        i.p.recipients = (struct policy_strings){&address, 1};
    ag->watch_dirty = true;
    if (!agent_ok(ag, ledger_intent_add(ag->ledger, &i, &id, &f), &f, "intent"))
        return false;
    agent_mails_reconsider(ag, of_mailbox ? NULL : i.p.domain, of_mailbox ? address : NULL);
    return true;
}

static bool domain_is_valid(struct agent *ag, struct order_run *k, const char *domain, bool *valid)
{
    struct base_fail f = {0};
    struct ledger_domain d;
    enum base_fail_class r = ledger_domain_get(ag->ledger, k->a, domain, k->o.account, &d, &f);
    *valid = !r && strcmp(d.state, "valid") == 0;
    return !r || strcmp(f.code, "ledger.absent") == 0 || agent_ok(ag, r, &f, "domain");
}

/* What is missing for ADDRESS; *WHY stays where it is nothing. Products that show an
 * organization are proved by the domain, whatever the list of mailboxes says; the older
 * ones and those of a mailbox alone by the mailbox. */
static bool wait_for_address(struct agent *ag, struct order_run *k, const char *address,
                             const char **why)
{
    const struct agent_product *about = agent_product(k->o.product);
    bool by_domain = !about || (about->kind != AGENT_PRODUCT_MAILBOX && !about->ended), valid = false;
    const char *at = strrchr(address, '@');
    if (by_domain && at && !domain_is_valid(ag, k, at + 1, &valid))
        return false;
    if (by_domain && at && !valid) {
        *why = base_arena_printf(k->a, "waits for the validation of the domain %s", at + 1);
        return add_validation_intent(ag, k, POLICY_INTENT_DOMAIN, address);
    }
    for (size_t i = 0; i < k->boxes.n; i++)
        if (!k->boxes.v[i].validated && policy_config_same_mailbox(ag->conf->cfg, address, k->boxes.v[i].mailbox)) {
            *why = base_arena_printf(k->a, "waits for the validation of the mailbox %s", address);
            return add_validation_intent(ag, k, POLICY_INTENT_MAILBOX, address);
        }
    return true;
}

/* A pending order: what is it waiting for? */
bool agent_order_waits(struct agent *ag, struct order_run *k, const char **why)
{
    if (agent_order_is_portal(&k->o)) { /* its mails are a person's, until "expect" */
        *why = "ordered in the CA's portal; the CA is working on it";
        return true;
    }
    struct policy_strings all = agent_form_addresses(k->a, k->request, k->o.mailbox);
    static const char working[] = "the CA is working on it";
    const char *organization = NULL;
    if (!agent_order_organization(ag, k, &organization))
        return false;
    *why = working;
    for (size_t i = 0; i < all.n; i++)
        if (!wait_for_address(ag, k, all.v[i], why))
            return false;
    if (organization)
        *why = *why == working ? organization : base_arena_printf(k->a, "%s; it %s", organization, *why);
    return true;
}

bool agent_order_forget(struct agent *ag, struct order_run *k, const char *why)
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
            !agent_intent_end(ag, &v[i], POLICY_INTENT_CANCELLED, why))
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
        o.reason = base_arena_printf(a, "certificate %lld is stored%s", (long long)certificate,
                                     o.key_id ? ""
                                     : agent_order_after_backup(&o)
                                         ? "; its key is not in the backup that was restored: mail that is "
                                           "encrypted to it can't be read. Order anew, then revoke it"
                                         : "; its key is held elsewhere, not here");
        o.request = agent_reissue_settled(a, o.request);
        o.changed = base_now();
        o.next_look = 0;
        if (!o.issued_at)
            o.issued_at = base_now();
        if (agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order") &&
            agent_ok(ag, ledger_intent_of_order(ag->ledger, a, order_row, &v, &n, &f), &f, "intent"))
            for (size_t i = 0; i < n; i++)
                /* requesting: the mail with it was faster than the answer to the order */
                if (v[i].p.state == POLICY_INTENT_REQUESTING || v[i].p.state == POLICY_INTENT_OPEN ||
                    v[i].p.state == POLICY_INTENT_UNKNOWN)
                    agent_intent_end(ag, &v[i], POLICY_INTENT_CONFIRMED, "the certificate is here");
    }
    base_arena_free(a);
}
