/* cli/day.c - reissue --issued-between: the day on which a CA revokes in bulk; renew --batch.
 *
 * Both ask the agent to find what they are about. What it forecasts of a reissue is said
 * first; with --drill that is all. Else the found become a batch that is watched like any
 * other. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "bulk.h"
#include "commands.h"

#define DAY 86400

struct day {
    int64_t since, until, deadline, wave, every, seconds;
    const char *issuer, *reason;
    int64_t price; /* hundredths; -1 = not told */
};

/* A date means its whole day: at the end of a span the next one's start. */
static bool moment(const char *s, bool end, int64_t *t)
{
    if (!base_time_parse(s, t))
        return false;
    if (end && strlen(s) == 10)
        *t += DAY;
    return true;
}

static bool read_span(struct cli *c, const char *s, struct day *d)
{
    const char *dots = strstr(s, "..");
    return dots && moment(base_arena_strndup(c->a, s, (size_t)(dots - s)), false, &d->since) &&
           moment(dots + 2, true, &d->until) && d->since < d->until;
}

/* "12" or "12.50" */
static bool read_price(const char *s, int64_t *hundredths)
{
    const char *dot = strchr(s, '.');
    int64_t whole, part = 0;
    char number[16];
    size_t n = dot ? (size_t)(dot - s) : strlen(s);
    if (n == 0 || n >= sizeof(number))
        return false;
    memcpy(number, s, n);
    number[n] = 0;
    if (!base_parse_int(number, 0, 1000000, &whole) ||
        (dot && (strlen(dot) != 3 || !base_parse_int(dot + 1, 0, 99, &part))))
        return false;
    *hundredths = whole * 100 + part;
    return true;
}

static int read_options(struct cli *c, const struct cli_args *args, struct day *d)
{
    const char *span = cli_opt(args, "issued-between"), *deadline = cli_opt(args, "deadline");
    const char *wave = cli_opt(args, "wave"), *price = cli_opt(args, "price");
    int64_t in;
    *d = (struct day){.issuer = cli_opt(args, "issuer"), .reason = cli_opt(args, "reason"), .price = -1};
    if (args->npos > 0)
        return cli_misused(c, args, "reissue: an order, or --issued-between, not both");
    if (!read_span(c, span, d))
        return cli_misused(c, args, "--issued-between: expected 2026-11-01..2026-11-22, found \"%s\"",
                           cli_text(c, span));
    if (deadline && base_parse_duration(deadline, 1, (int64_t)3660 * DAY, &in))
        d->deadline = c->now + in;
    else if (deadline && !moment(deadline, true, &d->deadline))
        return cli_misused(c, args, "--deadline: expected a time such as 2026-11-27T12:00:00Z or 5d, "
                                    "found \"%s\"", cli_text(c, deadline));
    if (wave && !base_parse_int(wave, 1, 200000, &d->wave))
        return cli_misused(c, args, "--wave: expected a number of lines, found \"%s\"", wave);
    if (price && !read_price(price, &d->price))
        return cli_misused(c, args, "--price: expected an amount such as 12.50, found \"%s\"",
                           cli_text(c, price));
    if (!cli_opt_duration(c, args, "every", 0, &d->every) ||
        !cli_opt_duration(c, args, "timeout", 0, &d->seconds))
        return CLI_USAGE;
    return CLI_DONE;
}

static void put_question(json_t *req, const struct day *d)
{
    base_json_setn(req, "since", d->since);
    base_json_setn(req, "until", d->until);
    base_json_set(req, "issuer", d->issuer);
    if (d->deadline)
        base_json_setn(req, "deadline", d->deadline);
}

/* ---- the forecast ---------------------------------------------------------------------------- */

static void say_money(struct cli *c, const struct day *d, int64_t n)
{
    if (d->price >= 0)
        fprintf(c->out, "money: %lld.%02lld, at %lld.%02lld each\n", (long long)(n * d->price / 100),
                (long long)(n * d->price % 100), (long long)(d->price / 100),
                (long long)(d->price % 100));
    else
        fprintf(c->out, "money: not told by the CA (--price AMOUNT reckons with what a reissue costs "
                        "by your contract; many contracts include it)\n");
}

static void say_forecast(struct cli *c, const struct day *d, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "accounts");
    char span[BASE_TIME_LEN];
    int64_t n = base_json_int(answer, "certificates", 0), s = base_json_int(answer, "seconds", 0);
    fprintf(c->out, "%lld certificates are affected; at the allowed rate that is about %s (%.1f hours)\n",
            (long long)n, base_time_span(s, span), (double)s / 3600);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        fprintf(c->out, "  account %s: %s, about %s\n", cli_cell(c, o, "account"),
                cli_cell(c, o, "certificates"), base_time_span(base_json_int(o, "seconds", 0), span));
    }
    fprintf(c->out, "mails of the CA to mailboxes here: %s\n", cli_cell(c, answer, "mails"));
    say_money(c, d, n);
    if (d->deadline && base_json_bool(answer, "reachable", false))
        fprintf(c->out, "the deadline %s can be kept\n", cli_when(c, d->deadline));
}

static void list_page(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, o, "mailbox"), cli_cell(c, o, "certificate"),
                      cli_cell(c, o, "order"), cli_day(c, base_json_int(o, "not_before", 0)),
                      base_json_bool(o, "key_held", false) ? "" : "key not here: needs --csr");
    }
}

static int list_affected(struct cli *c, const struct day *d)
{
    struct cli_table t;
    json_t *req = cli_request(c, "issued");
    put_question(req, d);
    cli_table_init(&t, "MAILBOX", "CERTIFICATE", "ORDER", "ISSUED", "NOTE", NULL);
    return cli_pages(c, req, "certificates", list_page, &t, NULL);
}

static int forecast(struct cli *c, const struct day *d, json_t **answer)
{
    json_t *req = cli_request(c, "reissue.forecast");
    put_question(req, d);
    return cli_ask(c, req, CLI_TIMEOUT_MS, answer);
}

/* ---- the batch ----------------------------------------------------------------------------------- */

static int open_batch(struct cli *c, const struct day *d, json_t **answer)
{
    char key[BASE_SHA256_HEX];
    const char *name = base_arena_printf(c->a, "issued %lld..%lld%s%s", (long long)d->since,
                                         (long long)d->until, d->issuer ? " by " : "",
                                         d->issuer ? d->issuer : "");
    json_t *req = cli_request(c, "batch.open");
    base_sha256_hex(name, strlen(name), key);
    put_question(req, d);
    base_json_set(req, "key", key);
    base_json_set(req, "kind", "reissue");
    base_json_set(req, "name", name);
    base_json_set(req, "reason", d->reason);
    base_json_setn(req, "wave", d->wave);
    base_json_setn(req, "every", d->every);
    return cli_ask(c, req, CLI_TIMEOUT_MS, answer);
}

/* Has the agent write the batch's lines, a page at a time, and starts it. */
static int fill(struct cli *c, int64_t id)
{
    const char *after = "0:0";
    int64_t received = 0;
    json_t *answer;
    while (after) {
        json_t *req = cli_request(c, "batch.fill");
        base_json_setn(req, "batch", id);
        base_json_setn(req, "received", received);
        base_json_set(req, "after", after);
        int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
        if (r)
            return r;
        received = base_json_int(answer, "received", 0);
        after = base_arena_strdup(c->a, base_json_str(answer, "next"));
        json_decref(answer);
    }
    json_t *req = cli_request(c, "batch.start");
    base_json_setn(req, "batch", id);
    base_json_setn(req, "lines", received);
    int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    if (!r)
        json_decref(answer);
    return r;
}

/* Takes ANSWER, the batch as it was opened. */
static int go_on(struct cli *c, const struct cli_args *args, const struct day *d, json_t *answer)
{
    int64_t id = base_json_int(answer, "batch", 0);
    bool open = strcmp(base_json_strd(answer, "state", ""), "open") == 0;
    if (!c->json)
        fprintf(c->out, "batch %lld%s\n", (long long)id,
                base_json_bool(answer, "existing", false) ? ", which was begun before" : "");
    json_decref(answer);
    int r = open ? fill(c, id) : CLI_DONE;
    return r ? r : cli_bulk_watch(c, id, cli_bulk_waits(args, true), d->seconds, cli_opt(args, "result"));
}

int cli_renew_batch(struct cli *c, const struct cli_args *args, int64_t days)
{
    char key[BASE_SHA256_HEX], day[BASE_TIME_LEN];
    struct day d = {.until = (c->now / DAY + 1 + days) * DAY};
    const char *wave = cli_opt(args, "wave");
    json_t *answer;
    if (wave && !base_parse_int(wave, 1, 200000, &d.wave))
        return cli_misused(c, args, "--wave: expected a number of lines, found \"%s\"", wave);
    if (!cli_opt_duration(c, args, "every", 0, &d.every) ||
        !cli_opt_duration(c, args, "timeout", 0, &d.seconds))
        return CLI_USAGE;
    int r = cli_config(c);
    if (r)
        return r;
    base_time_rfc3339(d.until, day);
    const char *name = base_arena_printf(c->a, "certificates that end before %.10s", day);
    json_t *req = cli_request(c, "batch.open");
    base_sha256_hex(name, strlen(name), key);
    base_json_set(req, "key", key);
    base_json_set(req, "kind", "renew");
    base_json_set(req, "name", name);
    base_json_setn(req, "until", d.until);
    base_json_setn(req, "wave", d.wave);
    base_json_setn(req, "every", d.every);
    r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    return r ? r : go_on(c, args, &d, answer);
}

int cli_reissue_day(struct cli *c, const struct cli_args *args)
{
    bool drill = cli_has(args, "drill") || cli_has(args, "dry-run");
    struct day d;
    json_t *answer;
    int r = read_options(c, args, &d);
    if (!r && !drill && (!d.reason || !d.reason[strspn(d.reason, " \t")]))
        r = cli_misused(c, args, "reissue: --reason is missing; it is kept with your name");
    r = r ? r : cli_config(c);
    r = r ? r : forecast(c, &d, &answer);
    if (r)
        return r;
    if (!c->json) {
        if (drill)
            list_affected(c, &d);
        say_forecast(c, &d, answer);
    } else if (drill)
        cli_json(c, answer);
    int attention = cli_attention(c, answer);
    int64_t n = base_json_int(answer, "certificates", 0);
    json_decref(answer);
    if (drill || n == 0)
        return attention;
    r = open_batch(c, &d, &answer);
    r = r ? r : go_on(c, args, &d, answer);
    return r ? r : attention;
}
