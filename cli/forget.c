/* cli/forget.c - a mailbox is forgotten: asked for by one person, confirmed by another. */
#include "base/json.h"
#include "commands.h"

static void show_text(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

int cli_cmd_forget(struct cli *c, const struct cli_args *args)
{
    bool confirm = cli_has(args, "confirm");
    if (!confirm && !cli_opt(args, "reason"))
        return cli_misused(c, args, "forget: --reason is missing; it is kept with your name");
    json_t *req = cli_request(c, "forget");
    base_json_set(req, "mailbox", args->pos[0]);
    base_json_set(req, "reason", cli_opt(args, "reason"));
    base_json_setb(req, "confirm", confirm);
    return cli_do(c, req, show_text);
}
