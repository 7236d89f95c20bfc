/* cli/pem.c - certificate and chain as PEM: from the agent, else from the keeper. */
#include <string.h>

#include "base/json.h"
#include "commands.h"
#include "keeper/client.h"
#include "out_file.h"
#include "policy/recognise.h"

static bool is_key_id(const char *s)
{
    return strlen(s) == KEEPER_ID_LEN && strspn(s, "abcdefghijklmnopqrstuvwxyz234567") == KEEPER_ID_LEN;
}

/* Newest chain kept beside KEY; *at its time. */
static const char *chain_of(struct cli *c, const char *key, int64_t *at, struct base_fail *f)
{
    struct keeper_key info;
    const char *pem = NULL;
    if (keeper_key_info(c->cfg->keeper_admin_socket, c->a, key, &info, f))
        return NULL;
    for (size_t i = 0; i < info.n_certs; i++)
        if (!pem || info.certs[i].attached >= *at) {
            pem = info.certs[i].pem;
            *at = info.certs[i].attached;
        }
    if (!pem)
        base_failf(f, BASE_PERMANENT, "show.absent", "the key %s has no certificate yet", key);
    return pem;
}

/* Without an agent: the keeper holds the chains of the keys that it made. */
static const char *from_keeper(struct cli *c, const char *what, struct base_fail *f)
{
    struct keeper_key *list;
    const char *best = NULL, *after = NULL;
    int64_t best_at = 0;
    size_t n = KEEPER_PAGE_MAX;
    if (is_key_id(what))
        return chain_of(c, what, &best_at, f);
    while (n == KEEPER_PAGE_MAX) {
        if (keeper_list(c->cfg->keeper_admin_socket, c->a, after, what,
                        !policy_config_folds(c->cfg, what), KEEPER_PAGE_MAX, &list, &n,
                        f))
            return NULL;
        for (size_t i = 0; i < n; i++) {
            int64_t at = 0;
            const char *pem = list[i].n_certs ? chain_of(c, list[i].id, &at, f) : NULL;
            if (pem && (!best || at >= best_at)) {
                best = pem;
                best_at = at;
            }
            after = list[i].id;
        }
    }
    if (!best)
        base_failf(f, BASE_PERMANENT, "show.absent",
                   "the keeper has no certificate for %s (and the agent, which knows all, can't be "
                   "reached)",
                   what);
    return best;
}

static const char *from_agent(struct cli *c, const char *what, json_t **answer, struct base_fail *f)
{
    json_t *req = cli_request(c, "certificate.pem");
    base_json_set(req, "what", what);
    if (cli_try(c, req, CLI_TIMEOUT_MS, answer, f))
        return NULL;
    const char *pem = base_json_str(*answer, "pem");
    if (!pem)
        base_failf(f, BASE_PERMANENT, "show.absent", "%s has no certificate", what);
    return pem;
}

static int write_pem(struct cli *c, const char *file, bool force, const char *pem)
{
    bool reserved;
    int r = cli_file_reserve(c, file, force, &reserved);
    if (r)
        return r;
    r = cli_file_fill(c, file, pem, strlen(pem));
    cli_file_release(file, reserved && r);
    return r;
}

static void say_json(struct cli *c, const json_t *answer, const char *pem, const char *file)
{
    json_t *o = answer ? json_deep_copy(answer) : json_object();
    base_json_setb(o, "ok", true);
    base_json_set(o, "pem", pem);
    base_json_set(o, "source", answer ? "agent" : "keeper");
    if (strcmp(file, "-") != 0)
        base_json_set(o, "file", file);
    cli_json(c, o);
    json_decref(o);
}

int cli_cmd_export_pem(struct cli *c, const struct cli_args *args)
{
    struct base_fail f = {0}, kf = {0};
    json_t *answer = NULL;
    const char *what = args->pos[0], *file = cli_opt(args, "pem");
    file = file && file[0] ? file : "-";
    int r = cli_config(c);
    if (r)
        return r;
    const char *pem = from_agent(c, what, &answer, &f);
    if (!pem && (f.cls == BASE_TEMPORARY || is_key_id(what))) {
        json_decref(answer);
        answer = NULL;
        pem = from_keeper(c, what, &kf);
        if (!pem && kf.cls == BASE_PERMANENT)
            f = kf;
    }
    if (!pem)
        r = cli_failed(c, &f);
    else if (strcmp(file, "-") != 0)
        r = write_pem(c, file, cli_has(args, "force"), pem);
    if (!r && c->json)
        say_json(c, answer, pem, file);
    else if (!r && strcmp(file, "-") == 0)
        fputs(pem, c->out);
    json_decref(answer);
    return r;
}

int cli_cmd_export(struct cli *c, const struct cli_args *args)
{
    bool p12 = cli_has(args, "p12"), pem = cli_has(args, "pem");
    struct cli_args a = *args;
    if (p12 == pem)
        return cli_misused(c, args, "export: give one of --p12 FILE and --pem [FILE]");
    /* in "export --pem alice@example.org" the address is no file */
    for (size_t i = 0; i < a.ngiven && a.npos == 0; i++)
        if (strcmp(a.given[i].name, "pem") == 0 && a.given[i].apart) {
            a.npos = 1;
            const char **moved = base_arena_array(c->a, 1, sizeof(*moved));
            moved[0] = a.given[i].value;
            a.pos = moved;
            a.given[i].value = NULL;
        }
    if (a.npos == 0)
        return cli_misused(c, args, "export: MAILBOX|KEY is missing");
    const char **name = base_arena_array(c->a, 1, sizeof(*name));
    const char *normal = strchr(a.pos[0], '@') ? policy_mailbox_normal(c->a, a.pos[0]) : NULL;
    name[0] = cli_owner(c, normal ? normal : a.pos[0]); /* as agent and keeper write it */
    a.pos = name;
    return p12 ? cli_cmd_export_p12(c, &a) : cli_cmd_export_pem(c, &a);
}
