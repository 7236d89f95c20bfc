/* cli/look.c - list and show. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void page_mailboxes(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *open = cli_cell(c, m, "open_orders");
        cli_table_row(c, t, cli_cell(c, m, "mailbox"), cli_cell(c, m, "tenant"),
                      cli_cell(c, m, "certificates"), cli_cell(c, m, "not_after"),
                      strcmp(open, "0") == 0 ? "" : open);
    }
}

static void page_expiring(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *k = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, k, "id"), cli_cell(c, k, "mailboxes"),
                      cli_cell(c, k, "not_after"), cli_cell(c, k, "state"), cli_cell(c, k, "serial"));
    }
}

int cli_cmd_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    int64_t within;
    if (!cli_opt_duration(c, args, "expiring", 0, &within))
        return CLI_USAGE;
    json_t *req = cli_request(c, "list");
    if (!cli_has(args, "expiring")) {
        cli_table_init(&t, "MAILBOX", "TENANT", "CERTIFICATES", "VALID UNTIL", "OPEN ORDERS", NULL);
        return cli_pages(c, req, "mailboxes", page_mailboxes, &t, "no mailbox has a certificate yet");
    }
    base_json_setn(req, "expiring_before", c->now + within);
    cli_table_init(&t, "ID", "MAILBOX", "VALID UNTIL", "STATE", "SERIAL", NULL);
    return cli_pages(c, req, "certificates", page_expiring, &t, NULL);
}

/* ---- show ---------------------------------------------------------------------------- */

/* A list of objects under its name, one table row each, columns from the first ones. */
static void show_list(struct cli *c, const json_t *answer, const char *name,
                      const char *const *columns)
{
    const json_t *list = base_json_arr(answer, name);
    struct cli_table t = {0};
    if (json_array_size(list) == 0)
        return;
    for (size_t i = 0; columns[i] && t.ncol < CLI_COLUMNS; i++) {
        char *head = base_arena_strdup(c->a, columns[i]);
        for (char *p = head; *p; p++)
            *p = *p == '_' ? ' ' : *p;
        t.head[t.ncol++] = head;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *v[CLI_COLUMNS] = {0};
        for (size_t k = 0; k < t.ncol; k++)
            v[k] = cli_cell(c, o, columns[k]);
        cli_table_row(c, &t, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]);
    }
    fprintf(c->out, "\n%s\n", name);
    cli_table_print(c, &t);
}

static void show_events(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "events");
    struct cli_table t = {.ncol = 4, .headed = true};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        const json_t *data = json_object_get(e, "data");
        const char *why = base_json_strd(data, "reason", base_json_strd(data, "text", ""));
        cli_table_row(c, &t, cli_when(c, base_json_int(e, "at", 0)), cli_cell(c, e, "type"),
                      cli_cell(c, e, "actor"), cli_text(c, why));
    }
    if (t.nrows)
        fprintf(c->out, "\nevents\n");
    cli_table_print(c, &t);
}

/* What happened to an order, why, and what comes next. */
static void show_timeline(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "timeline"), *next = base_json_obj(answer, "next");
    struct cli_table t = {.ncol = 4, .headed = true, .wrap = true};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        const char *action = base_json_str(e, "action");
        cli_table_row(c, &t, cli_when(c, base_json_int(e, "at", 0)),
                      action ? base_arena_printf(c->a, "%s %s", cli_text(c, action),
                                                 cli_cell(c, e, "what"))
                             : cli_cell(c, e, "what"),
                      cli_cell(c, e, "by"), cli_cell(c, e, "cause"));
    }
    if (next)
        cli_table_row(c, &t, cli_when(c, base_json_int(next, "at", 0)), "next", "",
                      cli_cell(c, next, "text"));
    if (t.nrows)
        fprintf(c->out, "\ntimeline\n");
    cli_table_print(c, &t);
}

static void show_what(struct cli *c, const json_t *answer)
{
    static const char *const certificates[] = {"id",    "mailboxes", "not_before", "not_after",
                                               "state", "serial",    "thumbprint", NULL};
    static const char *const orders[] = {"id",      "mailbox", "product", "state", "ca_order",
                                         "created", "by",      "reason",  NULL};
    static const char *const intents[] = {"id", "kind", "state", "domain", "mailbox",
                                          "created", "expires", "note", NULL};
    static const char *const publications[] = {"publisher", "kind", "certificate", "state", "reason",
                                               "where", "note", "next_try", "error", NULL};
    const char *type = base_json_strd(answer, "type", "");
    static const char *const apart[] = {"checks", NULL};
    static const char *const shown_above[] = {"product", NULL};
    const json_t *o = base_json_obj(answer, type);
    const json_t *checks = json_object_get(json_object_get(answer, "checks") ? answer : o, "checks");
    if (o)
        cli_object(c, o, apart);
    if (json_array_size(checks)) {
        fprintf(c->out, "\nchecks\n");
        cli_checks(c, checks);
    }
    if (base_json_obj(answer, "form")) {
        fprintf(c->out, "\nform\n");
        cli_object(c, base_json_obj(answer, "form"), shown_above);
    }
    if (base_json_obj(answer, "forgotten")) {
        fprintf(c->out, "\nforgotten\n");
        cli_object(c, base_json_obj(answer, "forgotten"), apart);
    }
    show_list(c, answer, "certificates", certificates);
    show_list(c, answer, "publications", publications);
    show_list(c, answer, "orders", orders);
    show_list(c, answer, "intents", intents);
    if (base_json_obj(answer, "attestation")) {
        fprintf(c->out, "\nattestation\n");
        cli_object(c, base_json_obj(answer, "attestation"), NULL);
    }
    show_timeline(c, answer);
    if (!base_json_arr(answer, "timeline"))
        show_events(c, answer);
}

int cli_cmd_show(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "show");
    base_json_set(req, "what", cli_owner(c, args->pos[0]));
    return cli_do(c, req, show_what);
}
