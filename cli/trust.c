/* cli/trust.c - the CA's terms, and orders released above the spending brake. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void show_text(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

/* ---- agreements ------------------------------------------------------------------------ */

static void page_agreements(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *g = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, g, "account"), cli_cell(c, g, "what"),
                      cli_cell(c, g, "required"), cli_cell(c, g, "version"),
                      cli_cell(c, g, "accepted_at"), cli_cell(c, g, "name"),
                      cli_cell(c, g, "entered_by"), cli_cell(c, g, "state"));
    }
}

int cli_cmd_agreement_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "ACCOUNT", "TERMS", "REQUIRED", "VERSION", "ACCEPTED", "BY", "ENTERED BY",
                   "STATE", NULL);
    return cli_pages(c, cli_request(c, "agreement.list"), "agreements", page_agreements, &t,
                     "there is no account");
}

int cli_cmd_agreement_accept(struct cli *c, const struct cli_args *args)
{
    static const char *const needed[] = {"what", "version", "name"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!cli_opt(args, needed[i]) || !cli_opt(args, needed[i])[0])
            return cli_misused(c, args,
                               "agreement accept: --%s is missing (which terms, in which version, "
                               "and who accepts them)",
                               needed[i]);
    json_t *req = cli_request(c, "agreement.accept");
    base_json_set(req, "account", args->pos[0]);
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        base_json_set(req, needed[i], cli_opt(args, needed[i]));
    return cli_do(c, req, show_text);
}

/* ---- releases ---------------------------------------------------------------------------- */

/* A number option into REQ; false (said) if it is none. */
static bool put_number(struct cli *c, const struct cli_args *args, const char *name, json_t *req)
{
    int64_t n;
    const char *s = cli_opt(args, name);
    if (!s)
        return true;
    if (!base_parse_int(s, 1, INT64_MAX, &n)) {
        cli_misused(c, args, "--%s: expected a number, found \"%s\"", name, s);
        return false;
    }
    base_json_setn(req, name, n);
    return true;
}

int cli_cmd_release(struct cli *c, const struct cli_args *args)
{
    int64_t valid;
    const char *reason = cli_opt(args, "reason");
    if (!cli_opt(args, "orders"))
        return cli_misused(c, args, "release: --orders is missing: how many above the limits");
    if (!reason || !reason[strspn(reason, " \t")])
        return cli_misused(c, args, "release: --reason is missing; it is kept with your name");
    json_t *req = cli_request(c, "release");
    if (!cli_opt_duration(c, args, "valid", 86400, &valid) || !put_number(c, args, "orders", req) ||
        !put_number(c, args, "batch", req)) {
        json_decref(req);
        return CLI_USAGE;
    }
    base_json_set(req, "account", args->pos[0]);
    base_json_set(req, "reason", reason);
    base_json_setn(req, "valid", valid);
    return cli_do(c, req, show_text);
}

static void page_releases(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *r = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, r, "id"), cli_cell(c, r, "account"),
                      cli_cell(c, r, "orders"), cli_cell(c, r, "used"), cli_cell(c, r, "batch"),
                      cli_cell(c, r, "until"), cli_cell(c, r, "who"), cli_cell(c, r, "reason"));
    }
}

int cli_cmd_release_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    json_t *req = cli_request(c, "release.list");
    cli_table_init(&t, "ID", "ACCOUNT", "ORDERS", "USED", "BATCH", "UNTIL", "BY", "REASON", NULL);
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_pages(c, req, "releases", page_releases, &t, "nothing was released");
}
