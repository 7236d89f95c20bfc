/* cli/quote.c - price, balance and room of an account before anything is ordered. */
#include "quote.h"

#include <string.h>

#include "base/json.h"

#define QUOTE_MS 5000

static const char *money(struct cli *c, const json_t *q, const char *key)
{
    const char *v = cli_cell(c, q, key), *currency = cli_cell(c, q, "currency");
    return v[0] ? base_arena_printf(c->a, "%s%s%s", v, currency[0] ? " " : "", currency) : "not told";
}

static const char *payment_name(const char *payment)
{
    return strcmp(payment, "profile") == 0 ? "the terms of the contract"
           : strcmp(payment, "card") == 0  ? "card (authorized until issuance)"
                                           : "the account's balance";
}

static void show(struct cli *c, const json_t *q)
{
    const json_t *notes = base_json_arr(q, "notes"), *room = base_json_obj(q, "room");
    const char *source = cli_cell(c, q, "source");
    int64_t n = base_json_int(q, "orders", 1);
    const char *count = n == 1 ? "1 order" : base_arena_printf(c->a, "%lld orders", (long long)n);
    bool priced = cli_cell(c, q, "each")[0];
    fprintf(c->err, "%s of %s over account %s: %s%s%s%s%s", count, cli_cell(c, q, "product"),
            cli_cell(c, q, "account"), priced ? money(c, q, "each") : "price not told",
            priced ? " each" : "", source[0] ? " (as told by " : "", source, source[0] ? ")" : "");
    if (n > 1 && priced)
        fprintf(c->err, ", %s in all", money(c, q, "total"));
    fprintf(c->err, "; paid by %s", payment_name(base_json_strd(q, "payment", "")));
    fprintf(c->err, "; balance %s", money(c, q, "balance"));
    if (room)
        fprintf(c->err, "; the limits have room for %lld today, %lld in this month",
                (long long)base_json_int(room, "day", 0), (long long)base_json_int(room, "month", 0));
    fputs("\n", c->err);
    for (size_t i = 0; i < json_array_size(notes); i++)
        fprintf(c->err, "! %s\n", cli_text(c, json_string_value(json_array_get(notes, i))));
    fflush(c->err);
}

int cli_quote(struct cli *c, const json_t *order, int64_t n)
{
    static const char *const same[] = {"mailbox", "product", "validity_days", "validity_years",
                                       "payment", "account"};
    json_t *req, *q = NULL;
    struct base_fail f = {0};
    int r = cli_config(c);
    if (r)
        return r;
    req = cli_request(c, "quote");
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        if (json_object_get(order, same[i]))
            json_object_set(req, same[i], json_object_get(order, same[i]));
    base_json_setn(req, "n", n);
    if (cli_try(c, req, QUOTE_MS, &q, &f)) {
        /* an agent that isn't there, or what is wrong with the order: the order says it */
        if (!c->json && strcmp(f.code, "ipc.timeout") == 0)
            fprintf(c->err, "price and balance can't be told now: the CA did not answer within %d s\n",
                    QUOTE_MS / 1000);
        json_decref(q);
        return CLI_DONE;
    }
    if (!c->json)
        show(c, q);
    if (base_json_str(q, "missing")) {
        base_failf(&f, BASE_PERMANENT, "order.balance",
                   "the balance of account \"%s\" is too small: %s is missing; nothing was ordered. Add "
                   "funds in the CA's portal, or set payment in the account's section",
                   cli_cell(c, q, "account"), money(c, q, "missing"));
        json_decref(q);
        return cli_failed(c, &f);
    }
    json_decref(q);
    return CLI_DONE;
}
