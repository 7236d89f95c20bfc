/* cli/batch.c - batches that were asked for: list, show, pause, resume, stop. */
#include <string.h>

#include "base/json.h"
#include "bulk.h"
#include "commands.h"

static bool number(struct cli *c, const struct cli_args *args, int64_t *id)
{
    if (base_parse_int(args->pos[0], 1, INT64_MAX, id))
        return true;
    cli_misused(c, args, "%s: expected the number of a batch, found \"%s\"", args->command->name,
                cli_text(c, args->pos[0]));
    return false;
}

static void list_page(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, o, "batch"), cli_cell(c, o, "kind"), cli_cell(c, o, "state"),
                      cli_cell(c, o, "lines"), cli_cell(c, o, "waiting"), cli_cell(c, o, "placed"),
                      cli_cell(c, o, "issued"), cli_cell(c, o, "failed"), cli_cell(c, o, "refused"),
                      cli_cell(c, o, "name"));
    }
}

int cli_cmd_batch_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "BATCH", "KIND", "STATE", "LINES", "LEFT", "UNDER WAY", "ISSUED", "FAILED",
                   "REFUSED", "NAME", NULL);
    return cli_pages(c, cli_request(c, "batch.list"), "batches", list_page, &t,
                     c->tty ? "no batch was ever ordered" : NULL);
}

int cli_cmd_batch_show(struct cli *c, const struct cli_args *args)
{
    int64_t id, seconds;
    if (!number(c, args, &id) || !cli_opt_duration(c, args, "timeout", 0, &seconds))
        return CLI_USAGE;
    int r = cli_config(c);
    return r ? r : cli_bulk_watch(c, id, cli_bulk_waits(args, false), seconds, cli_opt(args, "result"));
}

static void show_change(struct cli *c, const json_t *answer)
{
    const char *text = cli_cell(c, answer, "text");
    fprintf(c->out, "batch %s is %s%s%s; %s left, %s under way\n", cli_cell(c, answer, "batch"),
            cli_cell(c, answer, "state"), *text ? ": " : "", text, cli_cell(c, answer, "waiting"),
            cli_cell(c, answer, "placed"));
}

static int change(struct cli *c, const struct cli_args *args, const char *cmd)
{
    int64_t id;
    if (!number(c, args, &id))
        return CLI_USAGE;
    json_t *req = cli_request(c, cmd);
    base_json_setn(req, "batch", id);
    if (cli_has(args, "failed"))
        base_json_setb(req, "failed", true);
    return cli_do(c, req, show_change);
}

int cli_cmd_batch_pause(struct cli *c, const struct cli_args *args)
{
    return change(c, args, "batch.pause");
}

int cli_cmd_batch_resume(struct cli *c, const struct cli_args *args)
{
    return change(c, args, "batch.resume");
}

int cli_cmd_batch_stop(struct cli *c, const struct cli_args *args)
{
    return change(c, args, "batch.stop");
}
