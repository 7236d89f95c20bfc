/* cli/held.c - mails that wait for a person; and mails that missed the milter. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void page_held(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *domain = cli_cell(c, m, "domain"), *box = cli_cell(c, m, "mailbox");
        cli_table_row(c, t, cli_cell(c, m, "id"), cli_when(c, base_json_int(m, "received", 0)),
                      cli_cell(c, m, "kind"), box[0] ? box : domain, cli_cell(c, m, "rcpt"),
                      cli_cell(c, m, "approvable"), cli_cell(c, m, "text"));
    }
}

int cli_cmd_held_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "ID", "RECEIVED", "KIND", "FOR", "RECIPIENT", "APPROVABLE", "WHY", NULL);
    return cli_pages(c, cli_request(c, "held.list"), "held", page_held, &t, "nothing is held");
}

static void show_held(struct cli *c, const json_t *answer)
{
    const json_t *dns = json_object_get(answer, "dns");
    cli_object(c, base_json_obj(answer, "mail"), NULL);
    fputc('\n', c->out);
    cli_checks(c, base_json_arr(answer, "checks"));
    if (base_json_str(answer, "would"))
        fprintf(c->out, "\n%s\n", cli_cell(c, answer, "would"));
    if (json_is_string(dns) && json_string_value(dns)[0])
        fprintf(c->out, "%s\n", cli_text(c, json_string_value(dns)));
    else if (json_is_object(dns))
        cli_object(c, dns, NULL);
}

/* 0 = usage was said. */
static int64_t mail_id(struct cli *c, const struct cli_args *args)
{
    int64_t id = 0;
    const char *s = strncmp(args->pos[0], "mail:", 5) == 0 ? args->pos[0] + 5 : args->pos[0];
    if (!base_parse_int(s, 1, INT64_MAX, &id))
        cli_misused(c, args, "%s: expected the number of a mail, found \"%s\"", args->command->name,
                    args->pos[0]);
    return id;
}

int cli_cmd_held_show(struct cli *c, const struct cli_args *args)
{
    int64_t id = mail_id(c, args);
    if (!id)
        return CLI_USAGE;
    json_t *req = cli_request(c, "held.show");
    base_json_setn(req, "id", id);
    return cli_do(c, req, show_held);
}

static void show_text(struct cli *c, const json_t *answer)
{
    if (base_json_str(answer, "text"))
        fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

static int decide(struct cli *c, const struct cli_args *args, const char *cmd)
{
    const char *reason = cli_opt(args, "reason");
    int64_t id = mail_id(c, args);
    if (!id)
        return CLI_USAGE;
    if (!reason || !reason[strspn(reason, " \t")])
        return cli_misused(c, args, "%s: --reason is missing; it is kept with your name",
                           args->command->name);
    json_t *req = cli_request(c, cmd);
    base_json_setn(req, "id", id);
    base_json_set(req, "reason", reason);
    return cli_do(c, req, show_text);
}

int cli_cmd_held_approve(struct cli *c, const struct cli_args *args)
{
    return decide(c, args, "held.approve");
}

int cli_cmd_held_deny(struct cli *c, const struct cli_args *args)
{
    return decide(c, args, "held.deny");
}
