/* cli/evidence.c - the signed file about an order: written, and verified.
 *
 * Verifying needs no agent; the signer's certificate comes from the keeper, or from a file that
 * was kept apart ("certmilter evidence --signer"). */
#include <string.h>

#include "base/json.h"
#include "cert/evidence.h"
#include "commands.h"
#include "keeper/client.h"
#include "out_file.h"

/* TEXT into the file of --out, or on standard output. */
static int put_out(struct cli *c, const char *file, bool reserved, const char *text)
{
    if (!file || strcmp(file, "-") == 0) {
        fputs(text, c->out);
        return CLI_DONE;
    }
    int r = cli_file_fill(c, file, text, strlen(text));
    if (r)
        cli_file_release(file, reserved);
    return r;
}

static int reserve(struct cli *c, const struct cli_args *args, const char *file, bool *reserved)
{
    *reserved = false;
    return file && strcmp(file, "-") != 0
               ? cli_file_reserve(c, file, cli_has(args, "force"), reserved)
               : CLI_DONE;
}

static int write_evidence(struct cli *c, const struct cli_args *args)
{
    const char *file = cli_opt(args, "out");
    json_t *answer, *req;
    bool reserved;
    int r = reserve(c, args, file, &reserved);
    if (r)
        return r;
    req = cli_request(c, "evidence");
    base_json_set(req, "order", args->pos[0]);
    r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r) {
        if (file)
            cli_file_release(file, reserved);
        return r;
    }
    if (c->json && !file)
        cli_json(c, answer);
    else
        r = put_out(c, file, reserved, base_json_strd(answer, "evidence", ""));
    if (!r && file && !c->json)
        fprintf(c->out, "evidence of %s is in %s\n", cli_cell(c, answer, "order"),
                cli_text(c, file));
    json_decref(answer);
    return r;
}

/* The certificate that evidence must be signed with; NULL (said). */
static const char *signer(struct cli *c, const char *file, int *r)
{
    struct base_fail f = {0};
    const char *pem = NULL;
    *r = CLI_DONE;
    if (file) {
        pem = cli_read_text(c, file, CLI_TEXT_MAX);
        *r = pem ? CLI_DONE : CLI_REFUSED;
    } else if (!(*r = cli_config(c)) &&
               keeper_evidence_signer(c->cfg->keeper_admin_socket, c->a, &pem, &f))
        *r = cli_failed(c, &f);
    return pem;
}

static void show_content(struct cli *c, const json_t *doc)
{
    static const char *const skip[] = {"attestations", "agreements", "consents", "events", "intents",
                                       "mails", "certificates", "timeline", "next", "order", NULL};
    static const char *const lists[] = {"attestations", "agreements", "consents", "intents",
                                        "mails", "events", "certificates", NULL};
    const json_t *o = base_json_obj(doc, "order");
    fprintf(c->out, "the signature is good: order %s for %s\n", cli_cell(c, o, "id"),
            cli_cell(c, o, "mailbox"));
    cli_object(c, doc, skip);
    for (size_t i = 0; lists[i]; i++)
        fprintf(c->out, "%s: %zu\n", lists[i], json_array_size(base_json_arr(doc, lists[i])));
}

static int verify(struct cli *c, const struct cli_args *args)
{
    struct base_buf text;
    struct base_bytes content;
    struct base_fail f = {0};
    int r;
    const char *pem = signer(c, cli_opt(args, "certificate"), &r);
    if (!pem)
        return r;
    if (!cli_read(c, args->pos[0], 2 * (size_t)CERT_EVIDENCE_MAX, &text))
        return CLI_REFUSED;
    if (cert_evidence_verify(c->a, (const char *)text.p, text.n, pem, &content, &f)) {
        base_buf_free(&text);
        return cli_failed(c, &f);
    }
    base_buf_free(&text);
    json_t *doc = base_json_parse((const char *)content.p, content.n, CERT_EVIDENCE_MAX, &f);
    if (!doc)
        return cli_failed(c, &f);
    if (c->json)
        cli_json(c, doc);
    else
        show_content(c, doc);
    json_decref(doc);
    return CLI_DONE;
}

int cli_cmd_evidence(struct cli *c, const struct cli_args *args)
{
    bool reserved;
    int r;
    if (cli_has(args, "signer")) {
        const char *file = cli_opt(args, "out"), *pem;
        r = reserve(c, args, file, &reserved);
        if (r)
            return r;
        pem = signer(c, NULL, &r);
        if (!pem && file)
            cli_file_release(file, reserved);
        return pem ? put_out(c, file, reserved, pem) : r;
    }
    if (args->npos != 1)
        return cli_misused(c, args, "evidence: expected an order, or a FILE with --verify");
    return cli_has(args, "verify") ? verify(c, args) : write_evidence(c, args);
}
