/* cli/passphrase.c - passphrases that owners set beforehand, kept by the keeper; and one
 * of a sealed PKCS#12, shown.
 *
 * They come from the terminal without echo or as the first line of a file or of standard
 * input, never from the command line; they go to a terminal or into a file of mode 0600,
 * never into a pipe; and are wiped. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "commands.h"
#include "keeper/delivery.h"
#include "out_file.h"

#define LINE_LIMIT 1024

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
}

/* A line of the terminal without echo, in the arena; NULL at its end. */
static char *ask(struct cli *c, const char *prompt)
{
    char line[LINE_LIMIT] = "";
    char *out = NULL;
    if (isatty(STDIN_FILENO) && cli_hidden(c, STDIN_FILENO, prompt, line, sizeof line))
        out = base_arena_strdup(c->a, line);
    explicit_bzero(line, sizeof line);
    return out;
}

static char *from_terminal(struct cli *c, const char *mailbox)
{
    struct base_fail f = {0};
    char *one = ask(c, base_arena_printf(c->a, "passphrase for %s: ", cli_text(c, mailbox)));
    char *two = one ? ask(c, "the same again: ") : NULL;
    bool same = one && two && strcmp(one, two) == 0;
    wipe(two);
    if (same)
        return one;
    wipe(one);
    base_failf(&f, BASE_PERMANENT, "passphrase.differs", "the two lines differ: nothing was set");
    cli_failed(c, &f);
    return NULL;
}

static char *from_file(struct cli *c, const char *file)
{
    struct base_buf b;
    if (!cli_read(c, file, LINE_LIMIT, &b))
        return NULL;
    char *out = base_arena_strndup(c->a, base_buf_str(&b), strcspn(base_buf_str(&b), "\r\n"));
    base_buf_wipe(&b);
    return out;
}

static int send_it(struct cli *c, const char *mailbox, const char *pass)
{
    struct base_fail f = {0};
    if (keeper_preset(c->cfg->keeper_admin_socket, mailbox, !policy_config_folds(c->cfg, mailbox), pass, &f)) {
        if (strcmp(f.code, "ipc.connect") == 0)
            base_failf(&f, f.cls, "keeper.down",
                       "certkeeperd can't be reached at %s (it is for root and the keeper's admin "
                       "group): systemctl status certkeeperd",
                       c->cfg->keeper_admin_socket);
        return cli_failed(c, &f);
    }
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_set(o, "mailbox", mailbox);
        cli_json(c, o);
        json_decref(o);
    } else
        fprintf(c->out, pass ? "%s: every PKCS#12 for it is sealed with this passphrase from now on\n"
                             : "%s: its passphrase is taken away\n",
                cli_text(c, mailbox));
    return CLI_DONE;
}

int cli_cmd_passphrase_set(struct cli *c, const struct cli_args *args)
{
    const char *mailbox = args->pos[0], *file = cli_opt(args, "passphrase-file");
    if (!file && !isatty(STDIN_FILENO))
        return cli_misused(c, args, "passphrase set: without a terminal give --passphrase-file FILE "
                                    "(- = standard input)");
    int r = cli_config(c);
    if (r)
        return r;
    char *pass = file ? from_file(c, file) : from_terminal(c, mailbox);
    if (!pass)
        return CLI_REFUSED;
    r = send_it(c, mailbox, pass);
    wipe(pass);
    return r;
}

int cli_cmd_passphrase_clear(struct cli *c, const struct cli_args *args)
{
    int r = cli_config(c);
    return r ? r : send_it(c, args->pos[0], NULL);
}

/* ---- one of a sealed PKCS#12 ----------------------------------------------------------- */

static int show_it(struct cli *c, const char *export, const char *file)
{
    struct base_fail f = {0};
    char *pass = NULL;
    if (keeper_admin_passphrase(c->cfg->keeper_admin_socket, c->a, export, cli_who(c),
                                "certmilter passphrase show", &pass, &f))
        return cli_failed(c, &f);
    char *line = base_arena_printf(c->a, "%s\n", pass);
    wipe(pass);
    int r = CLI_DONE;
    if (file)
        r = cli_file_fill(c, file, line, strlen(line));
    else
        fputs(line, c->out);
    wipe(line);
    return r;
}

int cli_cmd_passphrase_show(struct cli *c, const struct cli_args *args)
{
    const char *file = cli_opt(args, "passphrase-out");
    bool reserved = false;
    if (!file && (!c->tty || c->json))
        return cli_misused(c, args, "passphrase show: it is shown to a terminal only: give "
                                    "--passphrase-out FILE");
    int r = cli_config(c);
    if (!r && file)
        r = cli_file_reserve(c, file, false, &reserved);
    if (r)
        return r;
    r = show_it(c, args->pos[0], file);
    cli_file_release(file, reserved && r);
    if (!r && c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_set(o, "export", args->pos[0]);
        base_json_set(o, "passphrase_file", file);
        cli_json(c, o);
        json_decref(o);
    }
    return r;
}
