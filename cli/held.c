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

static void pair(struct cli *c, struct cli_table *t, const char *name, const json_t *o, const char *key)
{
    const char *v = cli_cell(c, o, key);
    if (v[0])
        cli_pair(c, t, name, v);
}

static const char *ids_of(struct cli *c, const json_t *shown)
{
    const json_t *ids = base_json_arr(shown, "ids");
    const char *text = "none";
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        text = base_arena_printf(c->a, "%s%s%s %s", i ? text : "", i ? ", " : "",
                                 cli_cell(c, id, "name"), cli_cell(c, id, "value"));
    }
    return text;
}

static const char *domain_line(struct cli *c, const json_t *d)
{
    if (!base_json_bool(d, "controlled", false))
        return "not one of the controlled domains";
    return base_arena_printf(c->a, "controlled, tenant %s, account %s, mode %s", cli_cell(c, d, "tenant"),
                             base_json_str(d, "account") ? cli_cell(c, d, "account") : "none",
                             cli_cell(c, d, "mode"));
}

/* What came: all that a person compares with what colleagues say. */
static void show_mail(struct cli *c, const json_t *answer)
{
    const json_t *m = base_json_obj(answer, "mail"), *shown = base_json_obj(answer, "shown");
    struct cli_table t;
    cli_table_init(&t, "", "", NULL);
    pair(c, &t, "mail", m, "id");
    pair(c, &t, "kind", m, "kind");
    pair(c, &t, "state", m, "state");
    pair(c, &t, "domain", m, "domain");
    pair(c, &t, "mailbox", m, "mailbox");
    if (base_json_obj(answer, "domain"))
        cli_pair(c, &t, "", domain_line(c, base_json_obj(answer, "domain")));
    pair(c, &t, "to", m, "rcpt");
    cli_pair(c, &t, "received", cli_when(c, base_json_int(m, "received", 0)));
    pair(c, &t, "subject", m, "subject");
    pair(c, &t, "Message-ID", m, "message_id");
    pair(c, &t, "queue id", m, "queue_id");
    pair(c, &t, "client", m, "client");
    pair(c, &t, "signed by", shown, "signer");
    if (shown)
        cli_pair(c, &t, "ids in it", ids_of(c, shown));
    pair(c, &t, "held because", m, "text");
    cli_table_print(c, &t);
}

/* What we asked for: the only thing that may make it ours. */
static void show_ours(struct cli *c, const json_t *answer)
{
    const json_t *l = base_json_arr(answer, "intents");
    struct cli_table t;
    if (!l)
        return;
    if (json_array_size(l) == 0)
        fprintf(c->out, "\nNobody of us asked for it: no request for this name is recorded.\n");
    else {
        fprintf(c->out, "\n");
        cli_table_init(&t, "OUR REQUEST", "STATE", "SINCE", "ORDER", "BY", NULL);
        for (size_t i = 0; i < json_array_size(l); i++) {
            const json_t *o = json_array_get(l, i);
            cli_table_row(c, &t, base_arena_printf(c->a, "intent:%s", cli_cell(c, o, "id")),
                          cli_cell(c, o, "state"), cli_when(c, base_json_int(o, "created", 0)),
                          cli_cell(c, o, "order"), cli_cell(c, o, "by"));
        }
        cli_table_print(c, &t);
    }
    int64_t others = base_json_int(answer, "unexplained", 0);
    if (others > 0)
        fprintf(c->out, "%lld validation mails for this name in the last 7 days belong to no request.\n",
                (long long)others);
}

static void show_held(struct cli *c, const json_t *answer)
{
    const json_t *dns = json_object_get(answer, "dns");
    show_mail(c, answer);
    show_ours(c, answer);
    fputc('\n', c->out);
    cli_checks(c, base_json_arr(answer, "checks"));
    if (base_json_str(answer, "would"))
        fprintf(c->out, "\n%s\n", cli_cell(c, answer, "would"));
    if (json_is_string(dns) && json_string_value(dns)[0])
        fprintf(c->out, "%s\n", cli_text(c, json_string_value(dns)));
    else if (json_is_object(dns))
        cli_object(c, dns, NULL);
    if (base_json_str(answer, "would"))
        fprintf(c->out,
                "\ncertmilter held approve %s --reason TEXT   or   certmilter held deny %s --reason TEXT\n",
                cli_cell(c, base_json_obj(answer, "mail"), "id"),
                cli_cell(c, base_json_obj(answer, "mail"), "id"));
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
