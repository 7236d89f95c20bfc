/* agent/orgwait.c - orders that wait until the CA has validated the organization.
 *
 * A person of the CA calls, and somebody has to answer: whoever that may be is told once for
 * each validation, not for each order. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "ledger/account.h"
#include "orderrun.h"

#define CALL_WITHIN 86400 /* "usually within 24 hours of the order" */
#define CONTACTS_MAX 16

static const char *round_key(struct base_arena *a, const char *account, const json_t *o)
{
    return base_arena_printf(a, "organization-call:%s:%lld:%lld", account,
                             (long long)base_json_int(o, "id", 0),
                             (long long)base_json_int(o, "until", 0));
}

int64_t agent_organization_call(struct agent *ag, struct base_arena *a, const char *account,
                                const json_t *o)
{
    struct base_fail f = {0};
    int64_t by = 0;
    if (strcmp(base_json_strd(o, "smime", "valid"), "valid") == 0 ||
        ledger_meta_get(ag->ledger, round_key(a, account, o), &by, 0, &f))
        return 0;
    return by;
}

/* ---- whom it concerns --------------------------------------------------------------------- */

struct people {
    const char *v[CONTACTS_MAX];
    size_t n;
};

static void add(struct people *p, const char *address)
{
    if (!address || !strchr(address, '@') || p->n == CONTACTS_MAX)
        return;
    for (size_t i = 0; i < p->n; i++)
        if (strcasecmp(p->v[i], address) == 0)
            return;
    p->v[p->n++] = address;
}

/* Contacts that were given when it was added from here. */
static void add_given(struct agent *ag, struct base_arena *a, const char *account, const json_t *o,
                      struct people *p)
{
    struct base_fail f = {0};
    struct ledger_organization *v;
    size_t n = 0;
    const char *id = base_arena_printf(a, "%lld", (long long)base_json_int(o, "id", 0));
    if (ledger_organization_list(ag->ledger, a, account, id, NULL, 1, &v, &n, &f) || n == 0)
        return;
    json_t *form = base_json_parse(v[0].form, strlen(v[0].form), 65536, &f);
    const char *first = base_json_str(base_json_obj(form, "organization_contact"), "email");
    const char *second = base_json_str(base_json_obj(form, "technical_contact"), "email");
    add(p, base_arena_strdup(a, first));
    add(p, base_arena_strdup(a, second));
    json_decref(form);
}

static void tell(struct agent *ag, struct order_run *k, const struct policy_account *acc,
                 const json_t *o, int64_t by)
{
    struct people p = {0};
    char when[BASE_TIME_LEN];
    size_t i;
    json_t *c;
    add(&p, acc->reception);
    json_array_foreach(base_json_arr(o, "contacts"), i, c)
    {
        add(&p, json_string_value(c));
    }
    add_given(ag, k->a, acc->id, o, &p);
    if (p.n == 0 || (p.n == 1 && acc->reception))
        add(&p, agent_contact(ag, k->o.tenant));
    const char *name = base_json_strd(o, "name", "your organization");
    const char *subject =
        base_arena_printf(k->a, "certmilter: the certificate authority calls about %s", name);
    const char *body = base_arena_printf(
        k->a,
        "A certificate was ordered for\n\n    %s\n\nand the certificate authority has to validate the "
        "organization\n\n    %s\n\nfirst. For that a person of the authority calls, at a telephone number "
        "that it finds in\na public register, usually within 24 hours of the order (until %s).\n\n"
        "What is asked: whether the organization exists at that address and number, whether the\n"
        "person who ordered works there and may order certificates in its name.\n\n"
        "If nobody answers, the caller leaves a number to call back and a verification code. The\n"
        "code shows the authority that whoever calls back was reached at the organization's own\n"
        "number. Keep it, and give it to nobody else: neither this mail nor any other asks for it.\n\n"
        "Whoever takes calls at your reception should know of this and put the call through to the\n"
        "contact of the organization. The order waits until then: certmilter show order:%lld\n",
        k->o.mailbox, name, base_time_rfc3339(by, when), (long long)k->o.id);
    for (size_t n = 0; n < p.n; n++)
        agent_notice(ag, base_arena_printf(k->a, "%s:%s", round_key(k->a, acc->id, o), p.v[n]), p.v[n],
                     subject, body);
}

/* The first order that waits starts the clock. */
static bool start_clock(struct agent *ag, struct order_run *k, const struct policy_account *acc,
                        const json_t *o, int64_t *by)
{
    struct base_fail f = {0};
    const char *key = round_key(k->a, acc->id, o);
    if (!agent_ok(ag, ledger_meta_get(ag->ledger, key, by, 0, &f), &f, "meta"))
        return false;
    if (*by)
        return true;
    *by = k->o.created + CALL_WITHIN;
    if (!agent_ok(ag, ledger_meta_set(ag->ledger, key, *by, &f), &f, "meta"))
        return false;
    json_t *data = json_object();
    base_json_setn(data, "organization", base_json_int(o, "id", 0));
    base_json_set(data, "name", base_json_str(o, "name"));
    base_json_set(data, "account", acc->id);
    base_json_setn(data, "call_until", *by);
    agent_event(ag, LOG_NOTICE, "organization.waits", k->o.tenant,
                agent_object(k->a, "order", k->o.id), NULL, data);
    tell(ag, k, acc, o, *by);
    return true;
}

bool agent_order_organization(struct agent *ag, struct order_run *k, const char **why)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->o.account);
    json_t *catalog =
        acc && agent_product_of_organization(k->o.product) ? agent_catalog(ag, k->o.account) : NULL;
    const json_t *o =
        catalog ? agent_catalog_organization(
                      catalog, base_json_int(k->request, "organization",
                                             agent_organization_id(k->conf->cfg, acc)))
                : NULL;
    const char *smime = base_json_strd(o, "smime", "valid");
    char when[BASE_TIME_LEN];
    int64_t by = 0;
    bool ok = true;
    if (strcmp(smime, "valid") != 0) {
        ok = start_clock(ag, k, acc, o, &by);
        *why = base_arena_printf(
            k->a, "organization validation: the CA has not validated %s (%s) and calls, %s %s",
            base_json_strd(o, "name", "the organization"), smime,
            by >= base_now() ? "usually until" : "should have called until",
            base_time_rfc3339(by, when));
        if (ok)
            agent_catalog_want(ag, k->o.account);
        ok = ok && ledger_in_transaction(ag->ledger);
    }
    json_decref(catalog);
    return ok;
}
