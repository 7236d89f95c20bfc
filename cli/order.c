/* cli/order.c - ordering certificates, one order for each recipient, and waiting for them if
 * asked to. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "bulk.h"
#include "commands.h"
#include "orderform.h"
#include "quote.h"

#define POLL_MS 500

/* One option into REQ, however often it was given. CLI_DONE, or the status (said). */
static int put_field(struct cli *c, const struct cli_args *args, json_t *req, const char *name)
{
    struct base_fail f = {0};
    const char *value;
    size_t at = 0;
    if (strcmp(name, "later") == 0 && cli_has(args, name)) {
        cli_orderform_set(c, req, name, "yes", &f);
        return CLI_DONE;
    }
    while ((value = cli_opt_next(args, name, &at))) {
        if (cli_orderform_set(c, req, name, value, &f))
            continue;
        if (strcmp(f.code, "form.value") == 0)
            return cli_misused(c, args, "--%s", f.text);
        return CLI_REFUSED; /* said already */
    }
    return CLI_DONE;
}

static int make_request(struct cli *c, const struct cli_args *args, const char *recipient,
                        json_t *req)
{
    struct base_fail f = {0};
    int r = CLI_DONE;
    cli_orderform_set(c, req, "mailbox", recipient, &f);
    for (size_t i = 0; !r && cli_orderform_names[i]; i++)
        if (strcmp(cli_orderform_names[i], "mailbox") != 0)
            r = put_field(c, args, req, cli_orderform_names[i]);
    if (cli_has(args, "dry-run"))
        base_json_setb(req, "dry_run", true);
    return r;
}

/* Method, path and body as they would leave. */
static void show_request(struct cli *c, const json_t *sends)
{
    char *body = json_dumps(json_object_get(sends, "body"),
                            JSON_INDENT(2) | (c->tty ? JSON_ENSURE_ASCII : 0));
    fprintf(c->out, "%s %s\n%s\n", cli_cell(c, sends, "method"), cli_cell(c, sends, "path"),
            body ? body : "");
    free(body);
}

static void show_order(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
    if (base_json_obj(answer, "sends"))
        show_request(c, base_json_obj(answer, "sends"));
}

static bool is_final(const char *state)
{
    return strcmp(state, "stored") == 0 || strcmp(state, "failed") == 0 ||
           strcmp(state, "cancelled") == 0;
}

/* Asks until order ID is over or the time is up; *last is the newest answer. */
static int await_order(struct cli *c, int64_t id, int64_t until, json_t **last)
{
    char seen[40] = "";
    *last = NULL;
    for (;;) {
        json_t *req = cli_request(c, "show"), *answer;
        base_json_set(req, "what", base_arena_printf(c->a, "order:%lld", (long long)id));
        int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
        if (r)
            return r;
        json_decref(*last);
        *last = answer;
        const char *state = base_json_strd(base_json_obj(answer, "order"), "state", "");
        if (c->tty && !c->json && strcmp(seen, state) != 0) {
            snprintf(seen, sizeof(seen), "%s", state);
            fprintf(c->out, "%s\n", cli_text(c, state));
            fflush(c->out);
        }
        if (is_final(state))
            return strcmp(state, "stored") == 0 ? CLI_DONE : CLI_REFUSED;
        if (base_mono_ms() >= until)
            return CLI_TEMPORARY;
        usleep(POLL_MS * 1000);
    }
}

static int wait_for(struct cli *c, int64_t id, int64_t seconds)
{
    json_t *last;
    int r = await_order(c, id, base_mono_ms() + seconds * 1000, &last);
    if (!last)
        return r; /* said already */
    if (c->json)
        cli_json(c, last);
    else if (r == CLI_TEMPORARY)
        cli_complain(c, "order %lld isn't finished yet; it goes on: certmilter show order:%lld",
                     (long long)id, (long long)id);
    else
        cli_object(c, base_json_obj(last, "order"), NULL);
    json_decref(last);
    return r;
}

/* ---- several recipients ------------------------------------------------------------------ */

/* Of two exit statuses the one that matters more. */
static int worse(int x, int y)
{
    static const int rank[] = {CLI_DONE, CLI_ATTENTION, CLI_TEMPORARY, CLI_REFUSED, CLI_USAGE};
    int rx = 0, ry = 0;
    for (int i = 0; i < (int)(sizeof(rank) / sizeof(*rank)); i++) {
        rx = rank[i] == x ? i : rx;
        ry = rank[i] == y ? i : ry;
    }
    return rx > ry ? x : y;
}

/* What belongs to one person can't be said for several. */
static int check_several(struct cli *c, const struct cli_args *args)
{
    static const char *const own[] = {"first-name", "last-name", "pseudonym", "csr", "addresses"};
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        if (cli_has(args, own[i]))
            return cli_misused(c, args, "order: --%s is one person's: give one recipient, or all of "
                                        "them in a file: order --csv FILE", own[i]);
    return CLI_DONE;
}

/* One recipient's order; *OUT gets its answer or its failure as an object. */
static int order_one(struct cli *c, const struct cli_args *args, const char *recipient, json_t **out)
{
    struct base_fail f = {0};
    json_t *req = cli_request(c, "order"), *answer = NULL;
    *out = json_object();
    base_json_set(*out, "mailbox", recipient);
    int r = make_request(c, args, recipient, req);
    if (r) {
        json_decref(req);
        return r;
    }
    enum base_fail_class cls = cli_try(c, req, CLI_TIMEOUT_LONG_MS, &answer, &f);
    if (cls) {
        base_json_setb(*out, "ok", false);
        base_json_set(*out, "class", base_fail_class_name(cls));
        base_json_set(*out, "code", f.code);
        base_json_set(*out, "text", f.text);
        if (!c->json)
            fprintf(c->out, "%s: refused: %s\n", cli_text(c, recipient), cli_text(c, f.text));
        return cli_status_of(cls);
    }
    json_object_update(*out, answer);
    json_decref(answer);
    if (!c->json) {
        fprintf(c->out, "%s: ", cli_text(c, recipient));
        show_order(c, *out);
    }
    return cli_attention(c, *out);
}

/* Waits for an order of several; its last state goes into ONE. */
static int wait_in_turn(struct cli *c, json_t *one, int64_t until)
{
    json_t *last = NULL;
    int64_t id = base_json_int(one, "order", 0);
    int r = id ? await_order(c, id, until, &last) : CLI_DONE; /* refused: counted already */
    if (!last)
        return r;
    const json_t *o = base_json_obj(last, "order");
    base_json_set(one, "state", base_json_str(o, "state"));
    base_json_set(one, "reason", base_json_str(o, "reason"));
    if (!c->json)
        fprintf(c->out, "%s: %s: %s\n", cli_cell(c, one, "mailbox"), cli_cell(c, o, "state"),
                cli_cell(c, o, "reason"));
    json_decref(last);
    return r;
}

/* REQ as a question that changes nothing. */
static json_t *without_effect(const json_t *req)
{
    json_t *copy = json_deep_copy(req);
    base_json_setb(copy, "dry_run", true);
    return copy;
}

/* Of those that the agent would place, as if each were like the first of them; what it refuses
 * has no price, and says so when its turn comes. */
static int quote_several(struct cli *c, const struct cli_args *args)
{
    json_t *first = NULL;
    int64_t n = 0;
    int r = CLI_DONE;
    for (size_t i = 0; i < args->npos && !r; i++) {
        struct base_fail f = {0};
        json_t *req = cli_request(c, "order"), *answer = NULL;
        r = make_request(c, args, args->pos[i], req);
        if (!r && !cli_try(c, without_effect(req), CLI_TIMEOUT_LONG_MS, &answer, &f)) {
            n++;
            if (!first)
                first = json_incref(req);
        }
        json_decref(answer);
        json_decref(req);
    }
    if (!r && n > 0)
        r = cli_quote(c, first, n);
    json_decref(first);
    return r;
}

static int order_several(struct cli *c, const struct cli_args *args, int64_t seconds)
{
    json_t *all = json_array(), *one;
    size_t i;
    int r = check_several(c, args);
    r = r ? r : cli_config(c);
    bool wait = cli_has(args, "wait") && !cli_has(args, "dry-run");
    if (r) {
        json_decref(all);
        return r;
    }
    r = quote_several(c, args);
    if (r) {
        json_decref(all);
        return r;
    }
    for (i = 0; i < args->npos && r != CLI_USAGE; i++) {
        r = worse(r, order_one(c, args, args->pos[i], &one));
        json_array_append_new(all, one);
        fflush(c->out);
    }
    int64_t until = base_mono_ms() + seconds * 1000;
    json_array_foreach(all, i, one)
        if (wait)
            r = worse(r, wait_in_turn(c, one, until));
    if (c->json)
        cli_json(c, all);
    json_decref(all);
    return r;
}

/* ---- the command --------------------------------------------------------------------------- */

int cli_cmd_order(struct cli *c, const struct cli_args *args)
{
    json_t *req, *answer;
    int64_t seconds;
    if (cli_has(args, "csv"))
        return cli_bulk_order(c, args);
    if (args->npos == 0)
        return cli_misused(c, args, "order: RECIPIENT... is missing, or --csv FILE");
    if (!cli_opt_duration(c, args, "timeout", 15 * 60, &seconds))
        return CLI_USAGE;
    if (args->npos > 1)
        return order_several(c, args, seconds);
    req = cli_request(c, "order");
    int r = make_request(c, args, args->pos[0], req);
    r = r ? r : cli_config(c);
    if (!r && !(r = cli_ask(c, without_effect(req), CLI_TIMEOUT_LONG_MS, &answer))) {
        json_decref(answer); /* it would be placed: what it costs is said first */
        r = cli_quote(c, req, 1);
    }
    if (r) {
        json_decref(req);
        return r;
    }
    if (!cli_has(args, "wait") || cli_has(args, "dry-run"))
        return cli_do(c, req, show_order);
    r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r)
        return r;
    if (!c->json)
        show_order(c, answer);
    int noted = cli_attention(c, answer);
    r = worse(noted, wait_for(c, base_json_int(answer, "order", 0), seconds));
    json_decref(answer);
    return r;
}
