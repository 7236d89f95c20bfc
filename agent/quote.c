/* agent/quote.c - what orders would cost, before anything leaves; and what they did cost.
 *
 * The CA is asked; where it tells no price, the last order of this product counts, then the
 * configuration. Amounts are counted in hundredths. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "ledger/account.h"
#include "orderrun.h"
#include "policy/recognise.h"

#define MANY 1000000

/* "25", "25.5", "25.00" in hundredths; -1 if it is no amount. */
static int64_t cents(const char *s)
{
    size_t whole = s ? strspn(s, "0123456789") : 0;
    int64_t v = 0, part = 0;
    if (whole == 0 || whole > 12)
        return -1;
    for (size_t i = 0; i < whole; i++)
        v = v * 10 + (s[i] - '0');
    if (s[whole] == '.') {
        const char *p = s + whole + 1;
        size_t n = strspn(p, "0123456789");
        if (p[n])
            return -1;
        part = (n > 0 ? (p[0] - '0') * 10 : 0) + (n > 1 ? p[1] - '0' : 0);
    } else if (s[whole])
        return -1;
    return v * 100 + part;
}

static const char *amount(struct base_arena *a, int64_t c)
{
    return base_arena_printf(a, "%lld.%02lld", (long long)(c / 100), (long long)(c % 100));
}

/* ---- what an order cost --------------------------------------------------------------------- */

bool agent_price_note(struct agent *ag, const struct order_run *k)
{
    struct base_fail f = {0};
    struct ledger_price p = {.order_row = k->o.id,
                             .account = k->o.account,
                             .product = k->o.product,
                             .days = base_json_int(k->request, "validity_days", 0),
                             .each = k->got.price,
                             .currency = k->got.currency,
                             .at = base_now()};
    return !p.each || !p.product || agent_ok(ag, ledger_price_put(ag->ledger, &p, &f), &f, "price");
}

bool agent_price_wanted(struct agent *ag, const struct order_run *k)
{
    struct base_fail f = {0};
    struct ledger_price last;
    return ledger_price_last(ag->ledger, k->a, k->o.account, k->o.product,
                             base_json_int(k->request, "validity_days", 0), &last, &f) != BASE_OK;
}

const char *agent_price_of(struct agent *ag, struct base_arena *a, int64_t order)
{
    struct base_fail f = {0};
    struct ledger_price p;
    if (ledger_price_get(ag->ledger, a, order, &p, &f))
        return NULL;
    return p.currency ? base_arena_printf(a, "%s %s", p.each, p.currency) : p.each;
}

/* ---- the command ------------------------------------------------------------------------------ */

struct quote {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client, n, days;
    const struct policy_account *acc;
    const struct policy_domain *domain; /* NULL: an account was named */
    const char *product, *payment; /* payment: of this order; NULL = the account's */
    struct ca_account *ca;
    json_t *answer, *notes;
    /* what the pool finds */
    struct ca_price price;
    struct ca_balance balance;
    enum base_fail_class price_cls, balance_cls;
    struct base_fail price_fail, balance_fail;
};

static void run(struct agent_task *t)
{
    struct quote *k = (struct quote *)t;
    k->price_cls = ca_price(k->ca, k->product, k->days, k->a, &k->price, &k->price_fail);
    k->balance_cls = ca_balance(k->ca, k->a, &k->balance, &k->balance_fail);
}

static void note(struct quote *k, const char *text)
{
    json_array_append_new(k->notes, json_string(text));
}

/* Price of one, and where it is from. */
static const char *find_price(struct agent *ag, struct quote *k, const char **currency)
{
    struct base_fail f = {0};
    struct ledger_price last;
    *currency = k->price.currency ? k->price.currency : k->balance.currency;
    if (!k->price_cls) {
        base_json_set(k->answer, "source", "the CA");
        return k->price.each;
    }
    if (!ledger_price_last(ag->ledger, k->a, k->acc->id, k->product, k->days, &last, &f)) {
        *currency = last.currency ? last.currency : *currency;
        base_json_set(k->answer, "source", "the last such order");
        return last.each;
    }
    for (size_t i = 0; i < k->acc->nprices; i++)
        if (strcmp(k->acc->prices[i].product, k->product) == 0) {
            *currency = k->acc->prices[i].currency;
            base_json_set(k->answer, "source", "the configuration");
            return k->acc->prices[i].each;
        }
    return NULL;
}

static void put_money(struct agent *ag, struct quote *k)
{
    const char *currency, *payment = k->payment ? k->payment : ca_payment(k->ca);
    const char *each = find_price(ag, k, &currency);
    int64_t one = cents(each), have = k->balance_cls ? -1 : cents(k->balance.available);
    base_json_set(k->answer, "payment", payment);
    base_json_set(k->answer, "each", each);
    base_json_set(k->answer, "currency", each || have >= 0 ? currency : NULL);
    base_json_set(k->answer, "balance", k->balance.available);
    if (!each)
        note(k, "the price is not told: neither by the CA nor by an earlier order; prices in the "
                "account's section can say it");
    if (one >= 0)
        base_json_set(k->answer, "total", amount(k->a, one * k->n));
    if (strcmp(payment, "balance") == 0 && one >= 0 && have >= 0 && one * k->n > have)
        base_json_set(k->answer, "missing", amount(k->a, one * k->n - have));
    if (strcmp(payment, "card") == 0)
        note(k, "the card is authorized, and charged when the certificate is issued");
}

static void put_room(struct agent *ag, struct quote *k)
{
    struct base_fail f = {0};
    int64_t day = 0, month = 0, now = base_now();
    json_t *room = json_object();
    if (ledger_order_count(ag->ledger, k->acc->id, now - 86400, &day, &f) ||
        ledger_order_count(ag->ledger, k->acc->id, now - 30 * 86400, &month, &f)) {
        json_decref(room);
        return;
    }
    base_json_setn(room, "day", k->acc->limit.day - day);
    base_json_setn(room, "month", k->acc->limit.month - month);
    json_object_set_new(k->answer, "room", room);
}

static void put_notes(struct agent *ag, struct quote *k)
{
    json_t *catalog = agent_catalog(ag, k->acc->id), *e;
    struct base_fail f = {0};
    struct ledger_domain d;
    size_t i;
    json_array_foreach(base_json_arr(catalog, "products"), i, e)
    {
        if (strcmp(base_json_strd(e, "id", ""), k->product) == 0 && base_json_str(e, "ended"))
            note(k, base_arena_printf(k->a, "%s (%s) ended on %s: the CA may refuse it; Secure Email "
                                            "products come in its place",
                                      k->product, base_json_strd(e, "known_as", ""),
                                      base_json_str(e, "ended")));
    }
    if (agent_product_of_organization(k->product)) {
        const json_t *o = agent_catalog_organization(catalog, agent_organization_id(k->conf->cfg, k->acc));
        if (o && strcmp(base_json_strd(o, "smime", "valid"), "valid") != 0)
            note(k, base_arena_printf(k->a, "the order will wait for the validation of organization %s "
                                            "(%s): the CA calls, usually within 24 hours",
                                      base_json_strd(o, "name", ""), base_json_str(o, "smime")));
        if (k->domain && (ledger_domain_get(ag->ledger, k->a, k->domain->name, k->acc->id, &d, &f) ||
                          strcmp(d.state, "valid") != 0))
            note(k, base_arena_printf(k->a, "the order will wait for the validation of domain %s: "
                                            "certmilter domain add %s",
                                      k->domain->name, k->domain->name));
    }
    json_decref(catalog);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct quote *k = (struct quote *)t;
    const struct base_fail *why = agent_key_refused(&k->balance_fail) ? &k->balance_fail : NULL;
    base_json_set(k->answer, "account", k->acc->id);
    base_json_set(k->answer, "product", k->product);
    base_json_setn(k->answer, "days", k->days);
    base_json_setn(k->answer, "orders", k->n);
    put_money(ag, k);
    put_room(ag, k);
    put_notes(ag, k);
    if (k->balance_cls)
        note(k, base_arena_printf(k->a, "the balance can't be asked for%s: %s",
                                  why ? " with this key" : " now", k->balance_fail.text));
    json_object_set_new(k->answer, "notes", k->notes);
    agent_control_answer(ag, k->client, k->answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

/* The account of REQ and, if one is named, the domain. */
static enum base_fail_class find_account(struct agent *ag, const json_t *req,
                                         const struct policy_account **acc,
                                         const struct policy_domain **domain, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *box = base_json_str(req, "mailbox"), *name = base_json_str(req, "domain");
    const char *id = base_json_str(req, "account");
    struct base_arena *a = base_arena_new();
    const char *normal = box ? policy_mailbox_normal(a, box) : NULL;
    const char *label = name ? policy_domain_alabel(a, name) : NULL;
    *domain = normal  ? policy_config_mailbox_domain(cfg, normal)
              : label ? policy_config_domain(cfg, label)
                      : NULL;
    base_arena_free(a);
    if (!id && *domain)
        id = (*domain)->account;
    if (!id && cfg->naccounts == 1 && !box && !name)
        id = cfg->accounts[0].id;
    *acc = id ? policy_config_account(cfg, id) : NULL;
    if (!*acc)
        return base_failf(f, BASE_PERMANENT, "account.absent",
                          "no account is known for this: name one, or a mailbox of a domain that has one");
    return BASE_OK;
}

bool agent_cmd_quote_start(struct agent *ag, int64_t client, const json_t *req, struct base_fail *f)
{
    const struct policy_account *acc;
    const struct policy_domain *domain;
    if (find_account(ag, req, &acc, &domain, f))
        return false;
    const char *product = base_json_strd(req, "product", domain ? domain->product : "secure_email_mailbox");
    int64_t n = base_json_int(req, "n", 1);
    int64_t years = base_json_int(req, "validity_years", 0);
    int64_t days = years > 0 && years <= 10
                       ? years * 366
                       : base_json_int(req, "validity_days", domain ? domain->validity_days : 365);
    if (agent_product(product))
        product = agent_product(product)->name;
    struct ca_account *ca = agent_conf_ca(ag->conf, acc->id);
    if (!ca || n < 1 || n > MANY || days < 1 || days > 36500) {
        base_failf(f, BASE_PERMANENT, "quote.input", ca ? "expected 1 to %d orders of 1 to 36500 days"
                                                        : "the account can't be used (%d orders)",
                   MANY);
        return false;
    }
    struct quote *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->acc = acc;
    k->domain = domain;
    k->product = base_arena_strdup(k->a, product);
    k->n = n;
    k->payment = base_arena_strdup(k->a, base_json_str(req, "payment"));
    k->days = days;
    k->ca = ca;
    k->answer = json_object();
    k->notes = json_array();
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", acc->id);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}
