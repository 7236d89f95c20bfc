/* cli/publish.c - where certificates are published; trying again. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void page_publications(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *why = cli_cell(c, o, "error");
        cli_table_row(c, t, cli_cell(c, o, "mailbox"), cli_cell(c, o, "publisher"),
                      cli_cell(c, o, "state"), cli_cell(c, o, "certificate"),
                      cli_cell(c, o, "next_try"), why[0] ? why : cli_cell(c, o, "where"));
    }
}

int cli_cmd_publish_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    json_t *req = cli_request(c, "publish.list");
    base_json_set(req, "publisher", cli_opt(args, "publisher"));
    base_json_set(req, "state", cli_opt(args, "state"));
    cli_table_init(&t, "MAILBOX", "PUBLISHER", "STATE", "CERTIFICATE", "NEXT TRY", "WHERE OR WHY",
                   NULL);
    return cli_pages(c, req, "publications", page_publications, &t, "nothing is published yet");
}

static void show_text(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

int cli_cmd_publish_retry(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "publish.retry");
    base_json_set(req, "what", args->pos[0]);
    return cli_do(c, req, show_text);
}

int cli_cmd_publish_run(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "publish.run");
    base_json_set(req, "mailbox", args->pos[0]);
    return cli_do(c, req, show_text);
}

int cli_cmd_publish_history(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "publish.history");
    base_json_set(req, "mailbox", args->pos[0]);
    return cli_do(c, req, show_text);
}
