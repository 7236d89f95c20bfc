/* agent/predict.c - what the CA would refuse, from what is known without asking it.
 *
 * The account's catalog may be absent or an hour old: only what it says counts, never what it
 * leaves out. Nothing here writes; each refusal says what would do instead. */
#include <string.h>

#include "base/json.h"
#include "catalog.h"
#include "policy/providers.h"

static const char *domain_of(const char *mailbox)
{
    const char *at = strrchr(mailbox, '@');
    return at ? at + 1 : mailbox;
}

static enum base_fail_class refuse_provider(const char *mailbox, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "order.provider",
                      "%s is an address at a public mail provider, which no organization controls: "
                      "the product for it is secure_email_mailbox (Secure Email for Individual)",
                      mailbox);
}

void agent_predict_provider(struct base_arena *a, const char *mailbox, struct base_fail *f)
{
    char *domain = base_arena_strdup(a, domain_of(mailbox));
    base_ascii_lower(domain);
    if (policy_public_provider(domain))
        base_failf(f, BASE_PERMANENT, "order.provider",
                   "%s is an address at a public mail provider, and %s is no controlled domain here: "
                   "only secure_email_mailbox (Secure Email for Individual) is for such addresses, and "
                   "its holder orders it",
                   mailbox, domain);
}

/* Unless the domain is controlled here and the CA holds it as validated in this account. */
static enum base_fail_class check_provider(struct agent *ag, struct base_arena *a,
                                           const struct agent_plan *p, struct base_fail *f)
{
    struct base_fail ignored = {0};
    struct ledger_domain d;
    if (!policy_public_provider(p->domain->name) || !agent_product_of_organization(p->product))
        return BASE_OK;
    if (!ledger_domain_get(ag->ledger, a, p->domain->name, p->account->id, &d, &ignored) &&
        strcmp(d.state, "valid") == 0)
        return BASE_OK;
    return refuse_provider(p->mailbox, f);
}

static const json_t *find(const json_t *list, const char *id)
{
    size_t i;
    json_t *e;
    json_array_foreach((json_t *)list, i, e)
    {
        if (strcmp(base_json_strd(e, "id", ""), id) == 0)
            return e;
    }
    return NULL;
}

/* "secure_email_mailbox (Secure Email for Individual), ...": S/MIME products alone. */
static const char *offered(struct base_arena *a, const json_t *products)
{
    const char *text = "";
    size_t i;
    json_t *e;
    json_array_foreach((json_t *)products, i, e)
    {
        const char *as = base_json_str(e, "known_as");
        if (as)
            text = base_arena_printf(a, "%s%s%s (%s%s)", text, text[0] ? ", " : "",
                                     base_json_strd(e, "id", ""), as,
                                     base_json_str(e, "ended") ? ", ended" : "");
    }
    return text[0] ? text : "no S/MIME product at all";
}

static enum base_fail_class check_product(struct base_arena *a, const struct agent_plan *p,
                                          const json_t *catalog, struct base_fail *f)
{
    const json_t *products = base_json_arr(catalog, "products"), *e, *years;
    int64_t longest = 0;
    size_t i;
    json_t *v;
    if (json_array_size(products) == 0)
        return BASE_OK; /* not told */
    e = find(products, p->product);
    if (!e)
        return base_failf(f, BASE_PERMANENT, "order.product",
                          "account \"%s\" may not order %s; it may order: %s", p->account->id,
                          p->product, offered(a, products));
    years = base_json_arr(e, "years");
    json_array_foreach((json_t *)years, i, v)
    {
        longest = json_integer_value(v) > longest ? json_integer_value(v) : longest;
    }
    if (longest > 0 && !base_json_bool(e, "any_date", true) && p->days > longest * 366)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "%lld days: the account's %s is valid for at most %lld years",
                          (long long)p->days, p->product, (long long)longest);
    return BASE_OK;
}

static const char *known_organizations(struct base_arena *a, const json_t *catalog)
{
    const char *text = "";
    size_t i;
    json_t *o;
    json_array_foreach(base_json_arr(catalog, "organizations"), i, o)
    {
        if (i < 10)
            text = base_arena_printf(a, "%s%s%lld %s (%s)", text, text[0] ? ", " : "",
                                     (long long)base_json_int(o, "id", 0),
                                     base_json_strd(o, "name", ""),
                                     base_json_strd(o, "smime", "not told"));
    }
    return text[0] ? text : "none";
}

/* ORGANIZATION of tenant OWNER, by the configuration: is it ours to use, is it another's alone? */
static void note_owner(const struct agent_plan *p, int64_t organization, const char *owner,
                       bool *ours, const char **others)
{
    if (organization != p->organization || !owner)
        return;
    if (strcmp(owner, p->domain->tenant) == 0)
        *ours = true; /* two platforms may number two organizations alike, and tenants may share one */
    else
        *others = owner;
}

/* What is configured as another tenant's organization is no business of this one. */
static enum base_fail_class check_tenant(struct agent *ag, const struct agent_plan *p,
                                         struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *owner = NULL;
    bool ours = false;
    if (!p->organization)
        return BASE_OK;
    for (size_t i = 0; i < cfg->ntenants; i++)
        note_owner(p, cfg->tenants[i].organization, cfg->tenants[i].id, &ours, &owner);
    for (size_t i = 0; i < cfg->naccounts; i++)
        note_owner(p, cfg->accounts[i].organization, cfg->accounts[i].tenant, &ours, &owner);
    if (owner && !ours)
        return base_failf(f, BASE_PERMANENT, "order.tenant",
                          "organization %lld is tenant \"%s\"'s, and %s is tenant \"%s\"'s: an "
                          "organization goes with the domains of its own tenant only",
                          (long long)p->organization, owner, p->domain->name, p->domain->tenant);
    return BASE_OK;
}

/* A new or expired organization may be ordered for: the order waits. */
static enum base_fail_class check_organization(struct agent *ag, struct base_arena *a,
                                               const struct agent_plan *p, const json_t *catalog,
                                               struct base_fail *f)
{
    int64_t id = p->organization ? p->organization : agent_organization_id(ag->conf->cfg, p->account);
    const json_t *o;
    if (!agent_product_of_organization(p->product) || !base_json_arr(catalog, "organizations"))
        return BASE_OK;
    if (id == 0)
        return base_failf(f, BASE_PERMANENT, "order.organization",
                          "%s needs an organization, and account \"%s\" names none: set organization in "
                          "its section; the CA lists: %s",
                          p->product, p->account->id, known_organizations(a, catalog));
    o = agent_catalog_organization(catalog, id);
    if (!o || !base_json_bool(o, "active", true))
        return base_failf(f, BASE_PERMANENT, "order.organization",
                          "organization %lld is %s in account \"%s\"; the CA lists: %s", (long long)id,
                          o ? "not active" : "not known", p->account->id,
                          known_organizations(a, catalog));
    return BASE_OK;
}

enum base_fail_class agent_plan_predict(struct agent *ag, struct base_arena *a,
                                        const struct agent_plan *p, struct base_fail *f)
{
    enum base_fail_class r = agent_right_check(ag, p->account->id, AGENT_RIGHT_ORDER, f);
    json_t *catalog = r ? NULL : agent_catalog(ag, p->account->id);
    if (!r)
        r = check_provider(ag, a, p, f);
    if (!r)
        r = check_tenant(ag, p, f);
    if (!r && catalog) {
        r = check_product(a, p, catalog, f);
        if (!r)
            r = check_organization(ag, a, p, catalog, f);
    }
    json_decref(catalog);
    return r;
}
