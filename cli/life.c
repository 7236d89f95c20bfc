/* cli/life.c - what happens to an order after it was placed: cancel, revoke, reissue,
 * renew, additional addresses, requests that wait for approval.
 *
 * What the CA is asked for is waited for a while; it goes on when this ends. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "commands.h"
#include "orderform.h"

#define POLL_MS 300
#define PATIENCE 60 /* seconds */

static void show_answer(struct cli *c, const json_t *answer)
{
    const json_t *sends = base_json_obj(answer, "sends");
    if (base_json_str(answer, "text"))
        fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
    if (sends)
        cli_object(c, sends, NULL);
}

static bool reason_given(struct cli *c, const struct cli_args *args)
{
    const char *reason = cli_opt(args, "reason");
    if (reason && reason[strspn(reason, " \t")])
        return true;
    cli_misused(c, args, "%s: --reason is missing; it is kept with your name", args->command->name);
    return false;
}

/* The newest event about ACT, if it says what became of it; NULL if there is none yet. */
static json_t *fate_of(struct cli *c, const char *act, int *status)
{
    json_t *req = cli_request(c, "events"), *answer, *found = NULL;
    base_json_set(req, "prefix", "act.");
    base_json_setn(req, "limit", 500);
    *status = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    if (*status)
        return NULL;
    const json_t *list = base_json_arr(answer, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *e = json_array_get(list, i);
        const char *of = base_json_strd(base_json_obj(e, "data"), "act", "");
        if (strcmp(of, act) == 0 &&
            (!found || base_json_int(e, "id", 0) > base_json_int(found, "id", 0)))
            found = e;
    }
    if (strcmp(base_json_strd(found, "type", ""), "act.asked") == 0)
        found = NULL; /* asked, and nothing since */
    json_incref(found);
    json_decref(answer);
    return found;
}

/* Waits until the CA has answered about ACT. */
static int await(struct cli *c, const char *act, int64_t seconds)
{
    int64_t until = base_mono_ms() + seconds * 1000;
    for (;;) {
        int status;
        json_t *e = fate_of(c, act, &status);
        if (status)
            return status;
        if (e) {
            const char *type = base_json_strd(e, "type", "");
            int r = strcmp(type, "act.done") == 0     ? CLI_DONE
                    : strcmp(type, "act.waits") == 0 ? CLI_ATTENTION
                                                     : CLI_REFUSED;
            if (c->json)
                cli_json(c, e);
            else if (r == CLI_REFUSED)
                cli_complain(c, "%s", base_json_strd(base_json_obj(e, "data"), "text", "refused"));
            else
                fprintf(c->out, "%s\n", cli_cell(c, base_json_obj(e, "data"), "text"));
            json_decref(e);
            return r;
        }
        if (base_mono_ms() >= until) {
            cli_complain(c, "the CA has not answered yet; it goes on: certmilter events --prefix act.");
            return CLI_TEMPORARY;
        }
        usleep(POLL_MS * 1000);
    }
}

static int act(struct cli *c, const struct cli_args *args, json_t *req)
{
    json_t *answer;
    int64_t seconds;
    if (!cli_opt_duration(c, args, "timeout", PATIENCE, &seconds)) {
        json_decref(req);
        return CLI_USAGE;
    }
    base_json_set(req, "reason", cli_opt(args, "reason"));
    if (cli_has(args, "dry-run")) {
        base_json_setb(req, "dry_run", true);
        return cli_do(c, req, show_answer);
    }
    int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    if (r)
        return r;
    const char *key = base_json_str(answer, "act");
    if (!c->json)
        show_answer(c, answer);
    if (!key || seconds == 0) {
        if (c->json)
            cli_json(c, answer);
    } else
        r = await(c, key, seconds);
    json_decref(answer);
    return r;
}

int cli_cmd_cancel(struct cli *c, const struct cli_args *args)
{
    if (!reason_given(c, args))
        return CLI_USAGE;
    json_t *req = cli_request(c, "cancel");
    base_json_set(req, "order", args->pos[0]);
    return act(c, args, req);
}

int cli_cmd_revoke(struct cli *c, const struct cli_args *args)
{
    if (!reason_given(c, args))
        return CLI_USAGE;
    json_t *req = cli_request(c, "revoke");
    base_json_set(req, "what", args->pos[0]);
    if (cli_has(args, "whole-order"))
        base_json_setb(req, "whole_order", true);
    return act(c, args, req);
}

int cli_cmd_emails(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "emails"), *list = json_array();
    base_json_set(req, "order", args->pos[0]);
    for (size_t i = 1; i < args->npos; i++)
        json_array_append_new(list, json_string(args->pos[i]));
    json_object_set_new(req, "emails", list);
    return act(c, args, req);
}

/* ---- reissue, renew ---------------------------------------------------------------------- */

int cli_cmd_reissue(struct cli *c, const struct cli_args *args)
{
    const char *csr = cli_opt(args, "csr");
    if (!reason_given(c, args))
        return CLI_USAGE;
    if (csr && !(csr = cli_read_text(c, csr, CLI_TEXT_MAX)))
        return CLI_REFUSED;
    json_t *req = cli_request(c, "reissue");
    base_json_set(req, "what", args->pos[0]);
    base_json_set(req, "csr", csr);
    int r = cli_orderform_attestation(c, args, req);
    if (r) {
        json_decref(req);
        return r;
    }
    return act(c, args, req);
}

static void show_renewals(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "renewals");
    struct cli_table t;
    if (!list) {
        show_answer(c, answer);
        return;
    }
    cli_table_init(&t, "MAILBOX", "VALID UNTIL", "STATE", "ORDER", "WHY", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_table_row(c, &t, cli_cell(c, o, "mailbox"), cli_cell(c, o, "not_after"),
                      cli_cell(c, o, "state"), cli_cell(c, o, "order"), cli_cell(c, o, "text"));
    }
    cli_table_print(c, &t);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *sends = base_json_obj(json_array_get(list, i), "sends");
        if (sends) {
            fputc('\n', c->out);
            cli_object(c, sends, NULL);
        }
    }
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

int cli_cmd_renew(struct cli *c, const struct cli_args *args)
{
    const char *days = cli_opt(args, "days");
    int64_t n = 0;
    if ((args->npos == 1) == (days != NULL))
        return cli_misused(c, args, "renew: expected a mailbox, or --days N for all that end then");
    if (days && !base_parse_int(days, 0, 4000, &n))
        return cli_misused(c, args, "--days: expected a number of days, found \"%s\"", days);
    json_t *req = cli_request(c, "renew");
    if (days)
        base_json_setn(req, "days", n);
    else
        base_json_set(req, "mailbox", args->pos[0]);
    base_json_set(req, "key", cli_opt(args, "key"));
    if (cli_has(args, "dry-run"))
        base_json_setb(req, "dry_run", true);
    int r = cli_orderform_attestation(c, args, req);
    if (r) {
        json_decref(req);
        return r;
    }
    return cli_do(c, req, show_renewals);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void show_requests(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "requests");
    struct cli_table t;
    cli_table_init(&t, "ID", "ACCOUNT", "TYPE", "ORDER", "MAILBOX", "BY", "DATE", "COMMENT", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_table_row(c, &t, cli_cell(c, o, "id"), cli_cell(c, o, "account"), cli_cell(c, o, "type"),
                      cli_cell(c, o, "order"), cli_cell(c, o, "mailbox"),
                      cli_cell(c, o, "requester"), cli_cell(c, o, "date"),
                      cli_cell(c, o, "comments"));
    }
    if (json_array_size(list) == 0 && c->tty)
        fprintf(c->out, "no request waits\n");
    cli_table_print(c, &t);
}

int cli_cmd_request_list(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "request.list");
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_do(c, req, show_requests);
}

static int decide(struct cli *c, const struct cli_args *args, bool approve)
{
    if (!reason_given(c, args))
        return CLI_USAGE;
    json_t *req = cli_request(c, "request.decide");
    base_json_set(req, "id", args->pos[0]);
    base_json_set(req, "account", cli_opt(args, "account"));
    base_json_setb(req, "approve", approve);
    return act(c, args, req);
}

int cli_cmd_request_approve(struct cli *c, const struct cli_args *args)
{
    return decide(c, args, true);
}

int cli_cmd_request_reject(struct cli *c, const struct cli_args *args)
{
    return decide(c, args, false);
}
