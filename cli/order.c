/* cli/order.c - ordering a certificate, and waiting for it if asked to. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "bulk.h"
#include "commands.h"
#include "orderform.h"

#define POLL_MS 500

static int make_request(struct cli *c, const struct cli_args *args, json_t *req)
{
    struct base_fail f = {0};
    base_json_set(req, "mailbox", args->pos[0]);
    for (size_t i = 0; cli_orderform_names[i]; i++) {
        const char *value = cli_opt(args, cli_orderform_names[i]);
        if (!value || cli_orderform_set(c, req, cli_orderform_names[i], value, &f))
            continue;
        if (strcmp(f.code, "form.value") == 0)
            return cli_misused(c, args, "--%s", f.text);
        return CLI_REFUSED; /* said already */
    }
    if (cli_has(args, "dry-run"))
        base_json_setb(req, "dry_run", true);
    return CLI_DONE;
}

static void show_order(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
    if (base_json_obj(answer, "request"))
        cli_object(c, base_json_obj(answer, "request"), NULL);
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

int cli_cmd_order(struct cli *c, const struct cli_args *args)
{
    if (cli_has(args, "csv"))
        return cli_bulk_order(c, args);
    if (args->npos == 0)
        return cli_misused(c, args, "order: expected a mailbox, or --csv FILE");
    json_t *req = cli_request(c, "order"), *answer;
    int64_t seconds;
    int r = cli_opt_duration(c, args, "timeout", 15 * 60, &seconds) ? make_request(c, args, req)
                                                                    : CLI_USAGE;
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
    r = wait_for(c, base_json_int(answer, "order", 0), seconds);
    json_decref(answer);
    return r;
}
