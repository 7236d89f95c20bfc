/* cli/export.c - certificate and key as PKCS#12, from the keeper itself.
 *
 * Works without the agent. The file is in its place, whole and synced, before the
 * keeper hears that it is delivered: a key in custody `forget` is destroyed then. A
 * passphrase goes to a terminal, into a file, or comes from one; never into a pipe,
 * and it is wiped. */
#include <string.h>

#include "base/json.h"
#include "commands.h"
#include "keeper/client.h"
#include "out_file.h"

#define PASSPHRASE_MAX 1024
#define HINT_MS 2000

struct job {
    const char *key, *file, *secret_file; /* secret_file: NULL = the terminal, or none */
    bool file_reserved, secret_reserved;
    char *given; /* the administrator's own passphrase; NULL = the keeper makes one */
    struct keeper_export e;
};

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
}

/* First line of FILE. False: said. */
static bool read_passphrase(struct cli *c, const char *file, char **out)
{
    struct base_buf b;
    struct base_fail f = {0};
    if (!cli_read(c, file, PASSPHRASE_MAX, &b))
        return false;
    size_t n = b.n ? strcspn(base_buf_str(&b), "\r\n") : 0;
    if (n == 0) {
        base_buf_wipe(&b);
        base_failf(&f, BASE_PERMANENT, "export.passphrase", "%s: the first line is empty", file);
        cli_failed(c, &f);
        return false;
    }
    *out = base_arena_strndup(c->a, (const char *)b.p, n);
    base_buf_wipe(&b);
    return true;
}

/* Where the passphrase comes from or goes to, before anything is asked for. */
static int prepare(struct cli *c, const struct cli_args *args, struct job *j)
{
    const char *from = cli_opt(args, "passphrase-file");
    bool force = cli_has(args, "force");
    j->secret_file = cli_opt(args, "passphrase-out");
    if (from && j->secret_file)
        return cli_misused(c, args, "export: --passphrase-file and --passphrase-out don't go together");
    if (!from && !j->secret_file && (!c->tty || c->json))
        return cli_misused(c, args,
                           "export: the passphrase is shown to a terminal only: give --passphrase-out "
                           "FILE, or your own with --passphrase-file");
    if (strcmp(j->file, "-") == 0)
        return cli_misused(c, args, "export: a PKCS#12 goes into a file, not to standard output");
    if (from && !read_passphrase(c, from, &j->given))
        return CLI_REFUSED;
    int r = cli_config(c);
    if (!r)
        r = cli_file_reserve(c, j->file, force, &j->file_reserved);
    if (!r && j->secret_file)
        r = cli_file_reserve(c, j->secret_file, force, &j->secret_reserved);
    return r;
}

static int keeper_failed(struct cli *c, struct base_fail *f)
{
    if (strcmp(f->code, "ipc.connect") == 0)
        base_failf(f, f->cls, "keeper.down",
                   "certkeeperd can't be reached at %s (it is for root and the keeper's admin group): "
                   "systemctl status certkeeperd",
                   c->cfg->keeper_admin_socket);
    return cli_failed(c, f);
}

static int ask_keeper(struct cli *c, const struct cli_args *args, struct job *j)
{
    struct base_fail f = {0};
    const char *reason = cli_opt(args, "reason");
    if (keeper_export_p12(c->cfg->keeper_admin_socket, c->a, j->key,
                          !policy_config_folds(c->cfg, j->key), j->given, cli_who(c),
                          reason ? reason : "certmilter export", &j->e, &f))
        return keeper_failed(c, &f);
    return CLI_DONE;
}

/* Everything that the administrator keeps, on disk. */
static int deliver(struct cli *c, struct job *j)
{
    int r = CLI_DONE;
    if (j->secret_file) {
        char *line = base_arena_printf(c->a, "%s\n", j->e.passphrase);
        r = cli_file_fill(c, j->secret_file, line, strlen(line));
        wipe(line);
        j->secret_reserved = j->secret_reserved && r;
    }
    if (!r)
        r = cli_file_fill(c, j->file, j->e.p12.p, j->e.p12.n);
    j->file_reserved = j->file_reserved && r;
    return r;
}

static void say_result(struct cli *c, const struct job *j, const char *warning)
{
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_set(o, "export", j->e.id);
        base_json_set(o, "key", j->e.key_id);
        base_json_set(o, "mailbox", j->e.mailbox);
        base_json_set(o, "certificate", j->e.cert_sha256);
        base_json_set(o, "file", j->file);
        base_json_set(o, "passphrase_file", j->secret_file);
        base_json_set(o, "warning", warning);
        cli_json(c, o);
        json_decref(o);
        return;
    }
    fprintf(c->out, "%s: key and certificate of %s\n", cli_text(c, j->file),
            cli_text(c, j->e.mailbox));
    if (j->secret_file)
        fprintf(c->out, "%s: its passphrase\n", cli_text(c, j->secret_file));
    if (warning)
        cli_complain(c, "%s", warning);
}

/* The agent tells the owner of an export; without an agent it will when it starts. */
static void hint_agent(struct cli *c)
{
    struct base_fail f = {0};
    json_t *answer;
    (void)cli_try(c, cli_request(c, "exported"), HINT_MS, &answer, &f);
    json_decref(answer);
}

int cli_cmd_export_p12(struct cli *c, const struct cli_args *args)
{
    struct job j = {.key = args->pos[0], .file = cli_opt(args, "p12")};
    struct base_fail f = {0};
    const char *warning = NULL;
    int r = prepare(c, args, &j);
    if (!r)
        r = ask_keeper(c, args, &j);
    if (!r) {
        r = deliver(c, &j);
        if (!r && !j.given && !j.secret_file) {
            fprintf(c->out, "passphrase (shown this once): %s\n", j.e.passphrase);
            fflush(c->out);
        }
        if (keeper_export_finish(&j.e, r == CLI_DONE, &f) && !r)
            warning = base_arena_printf(c->a, "the file is good, but the keeper doesn't know that it "
                                              "arrived: %s", f.text);
        if (!r)
            say_result(c, &j, warning);
        hint_agent(c);
    }
    wipe(j.given);
    cli_file_release(j.file, j.file_reserved && r);
    if (j.secret_file)
        cli_file_release(j.secret_file, j.secret_reserved && r);
    return r ? r : warning ? CLI_ATTENTION : CLI_DONE;
}
