/* cli/consent.c - what mailbox owners agreed to: recorded, listed, withdrawn. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void show_added(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "consent %s recorded\n", cli_cell(c, answer, "consent"));
}

int cli_cmd_consent_add(struct cli *c, const struct cli_args *args)
{
    static const char *const needed[] = {"what", "who", "how", "text"};
    const char *text = cli_opt(args, "text");
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!cli_opt(args, needed[i]) || !cli_opt(args, needed[i])[0])
            return cli_misused(c, args,
                               "consent add: --%s is missing (a consent says what, who, how, and to "
                               "which text)",
                               needed[i]);
    if (text[0] == '@' && !(text = cli_read_text(c, text + 1, CLI_TEXT_MAX)))
        return CLI_REFUSED;
    json_t *req = cli_request(c, "consent.add");
    base_json_set(req, "mailbox", args->pos[0]);
    for (size_t i = 0; i < 3; i++)
        base_json_set(req, needed[i], cli_opt(args, needed[i]));
    base_json_set(req, "text", text);
    return cli_do(c, req, show_added);
}

static void page_consents(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *k = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, k, "id"), cli_cell(c, k, "mailbox"), cli_cell(c, k, "what"),
                      cli_cell(c, k, "given"), cli_cell(c, k, "who"), cli_cell(c, k, "how"),
                      cli_cell(c, k, "entered_by"), cli_cell(c, k, "withdrawn"),
                      cli_cell(c, k, "text"));
    }
}

int cli_cmd_consent_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    json_t *req = cli_request(c, "consent.list");
    cli_table_init(&t, "ID", "MAILBOX", "WHAT", "GIVEN", "BY", "HOW", "ENTERED BY", "WITHDRAWN",
                   "TEXT", NULL);
    base_json_set(req, "mailbox", cli_opt(args, "mailbox"));
    return cli_pages(c, req, "consents", page_consents, &t, "no consent is recorded");
}

int cli_cmd_consent_withdraw(struct cli *c, const struct cli_args *args)
{
    int64_t id;
    if (!base_parse_int(args->pos[0], 1, INT64_MAX, &id))
        return cli_misused(c, args, "consent withdraw: expected the number of a consent, found \"%s\"",
                           args->pos[0]);
    json_t *req = cli_request(c, "consent.withdraw");
    base_json_setn(req, "id", id);
    return cli_do(c, req, NULL);
}
