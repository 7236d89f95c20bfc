/* cli/ingest.c - handing over a mail that missed the milter, and its outcome. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static void show_outcome(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "mails");
    struct cli_table t;
    cli_table_init(&t, "MAIL", "RECIPIENT", "KIND", "STATE", "DECISION", "WHY", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *text = cli_cell(c, m, "text");
        cli_table_row(c, &t, cli_cell(c, m, "id"), cli_cell(c, m, "rcpt"), cli_cell(c, m, "kind"),
                      cli_cell(c, m, "state"), cli_cell(c, m, "verdict"),
                      text[0] ? text : cli_cell(c, m, "reason"));
    }
    cli_table_print(c, &t);
}

static bool finished(const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "mails");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(base_json_strd(json_array_get(list, i), "state", ""), "working") == 0)
            return false;
    return json_array_size(list) > 0;
}

static int await_mail(struct cli *c, const char *spool, int64_t seconds)
{
    json_t *req = cli_request(c, "mail.wait"), *answer;
    base_json_set(req, "spool", spool);
    base_json_setn(req, "timeout", seconds);
    int r = cli_ask(c, req, (int)seconds * 1000 + CLI_TIMEOUT_MS, &answer);
    if (r)
        return r;
    if (!base_json_str(answer, "spool"))
        base_json_set(answer, "spool", spool);
    if (c->json)
        cli_json(c, answer);
    else
        show_outcome(c, answer);
    r = cli_attention(c, answer);
    if (!finished(answer)) {
        if (!c->json)
            cli_complain(c, "taken (%s); it isn't finished after %lld s and goes on", spool,
                         (long long)seconds);
        r = CLI_TEMPORARY;
    }
    json_decref(answer);
    return r;
}

int cli_cmd_ingest(struct cli *c, const struct cli_args *args)
{
    struct base_buf raw;
    json_t *req, *answer;
    int64_t seconds;
    if (!cli_opt(args, "rcpt"))
        return cli_misused(c, args, "ingest: --rcpt is missing: to whom was the mail sent?");
    if (!cli_opt_duration(c, args, "wait", 30, &seconds))
        return CLI_USAGE;
    if (!cli_read(c, args->pos[0], CLI_MAIL_MAX, &raw))
        return CLI_REFUSED;
    if (raw.n == 0) {
        struct base_fail f = {0};
        base_buf_free(&raw);
        base_failf(&f, BASE_PERMANENT, "mail.none", "%s is empty", args->pos[0]);
        return cli_failed(c, &f);
    }
    req = cli_request(c, "ingest");
    base_json_set(req, "rcpt", cli_opt(args, "rcpt"));
    base_json_set(req, "sender", cli_opt(args, "sender"));
    base_json_set(req, "raw", base_base64(c->a, raw.p, raw.n));
    base_buf_free(&raw);
    int r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r)
        return r;
    const char *spool = base_arena_strdup(c->a, base_json_strd(answer, "spool", ""));
    if (seconds == 0) {
        if (c->json)
            cli_json(c, answer);
        else
            fprintf(c->out, "taken: %s\n", cli_text(c, spool));
    }
    json_decref(answer);
    return seconds == 0 ? CLI_DONE : await_mail(c, spool, seconds > 600 ? 600 : seconds);
}
