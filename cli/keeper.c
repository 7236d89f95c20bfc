/* cli/keeper.c - the keeper's key-encryption key: its recovery sheet, another one in its place.
 *
 * The keeper never gives its key out: the sheet is made from the credential's file,
 * which root can read. The new key of a rewrap goes to the keeper over its own
 * socket, once. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands.h"
#include "out_file.h"
#include "sheet.h"

/* ---- the sheet --------------------------------------------------------------------------------- */

static void write_sheet(FILE *to, const unsigned char kek[KEEPER_KEK_BYTES], const char *id)
{
    char host[256] = "", when[BASE_TIME_LEN], line[CLI_SHEET_LINE];
    (void)gethostname(host, sizeof host - 1);
    fprintf(to,
            "RECOVERY SHEET OF CERTMILTER\n\n"
            "Host:     %s\nDate:     %s\nKey id:   %s\n\n"
            "This is the key-encryption key of the keeper of private S/MIME keys. A backup\n"
            "holds the private keys encrypted; with this key, and only with it, they can be\n"
            "opened. Whoever has this sheet and a backup has every private key.\n\n"
            "Keep it on paper in a safe, not on this host and not where its backups are.\n\n",
            host, base_time_rfc3339(base_now(), when), id);
    for (int n = 1; n <= CLI_SHEET_LINES; n++) {
        cli_sheet_line(kek, n, line);
        fprintf(to, "        %s\n", line);
    }
    explicit_bzero(line, sizeof line);
    fprintf(to,
            "\nThe two digits at the end of a line are its check. They belong to the line.\n\n"
            "To prove that sheet and backup fit (again after every change of this key):\n"
            "        certmilter backup verify FILE --sheet\n"
            "To restore on an empty host with the programs installed and the daemons stopped:\n"
            "        certmilter restore FILE --sheet\n"
            "which writes this key where the keeper reads it, and the data in their places.\n");
}

int cli_cmd_keeper_sheet(struct cli *c, const struct cli_args *args)
{
    unsigned char kek[KEEPER_KEK_BYTES];
    char id[KEEPER_KEK_ID], *text = NULL;
    size_t n = 0;
    bool sheet, reserved = false;
    int status = cli_config(c);
    const char *out = cli_opt(args, "out"), *file = cli_opt(args, "kek");
    if (status)
        return status;
    if (c->json)
        return cli_misused(c, args, "keeper recovery-sheet: a key never stands in JSON");
    if ((status = cli_kek_read(c, file ? file : cli_kek_file(c), kek, &sheet)))
        return status;
    FILE *to = keeper_kek_name(kek, id) ? open_memstream(&text, &n) : NULL;
    if (!to) {
        explicit_bzero(kek, sizeof kek);
        cli_complain(c, "the sheet can't be written");
        return CLI_REFUSED;
    }
    write_sheet(to, kek, id);
    (void)fclose(to);
    explicit_bzero(kek, sizeof kek);
    if (out) {
        status = cli_file_reserve(c, out, cli_has(args, "force"), &reserved);
        if (!status && (status = cli_file_fill(c, out, text, n)))
            cli_file_release(out, reserved);
    } else {
        fputs(text, c->out);
        fflush(c->out);
    }
    explicit_bzero(text, n);
    free(text);
    return status;
}

/* ---- rewrap ---------------------------------------------------------------------------------------- */

struct told {
    struct cli *c;
    const char *what;
    int64_t total;
};

static void tell(void *ctx, const struct keeper_rewrapped *sum)
{
    struct told *t = ctx;
    cli_progress(t->c, t->what, sum->seen, t->total, false);
}

static enum base_fail_class all(struct cli *c, const struct keeper_begun *k, bool dry,
                                struct keeper_rewrapped *keys, struct keeper_rewrapped *exports,
                                struct base_fail *f)
{
    const char *sock = c->cfg->keeper_admin_socket;
    struct told t = {c, "keys", k->keys};
    enum base_fail_class r = keeper_rewrap_all(sock, "keys", dry, keys, tell, &t, f);
    t.what = "passphrases";
    t.total = k->exports;
    if (!r)
        r = keeper_rewrap_all(sock, "exports", dry, exports, tell, &t, f);
    cli_progress(c, t.what, exports->seen, t.total, true);
    return r;
}

static void tell_rewrapped(struct cli *c, const char *id, const struct keeper_rewrapped *keys,
                           const struct keeper_rewrapped *exports)
{
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_set(o, "kek_id", id);
        base_json_setn(o, "keys", keys->changed);
        base_json_setn(o, "passphrases", exports->changed);
        base_json_setn(o, "purged", exports->purged);
        cli_json(c, o);
        json_decref(o);
        return;
    }
    fprintf(c->out,
            "%lld keys and %lld passphrases are now under key-encryption key %s (%lld old passphrases "
            "were removed)\n"
            "Now: put the new key where the keeper reads its credential, restart certkeeperd, print\n"
            "its recovery sheet, and prove it with a new backup. Until that restart the old key still\n"
            "opens everything; after it, nothing but backups made before.\n",
            (long long)keys->changed, (long long)exports->changed, id, (long long)exports->purged);
}

int cli_cmd_keeper_rewrap(struct cli *c, const struct cli_args *args)
{
    unsigned char kek[KEEPER_KEK_BYTES];
    struct keeper_begun k = {0};
    struct keeper_rewrapped keys = {0}, exports = {0};
    struct base_fail f = {0};
    char id[KEEPER_KEK_ID] = "";
    bool sheet;
    const char *file = cli_opt(args, "new-kek");
    int status = cli_config(c);
    if (status || !cli_need_root(c))
        return status ? status : CLI_REFUSED;
    if (!file)
        return cli_misused(c, args, "keeper rewrap: --new-kek FILE is needed");
    if ((status = cli_kek_read(c, file, kek, &sheet)))
        return status;
    enum base_fail_class r = keeper_rewrap_begin(c->cfg->keeper_admin_socket, c->a, kek, &k, &f);
    (void)keeper_kek_name(kek, id);
    explicit_bzero(kek, sizeof kek);
    if (!r)
        r = all(c, &k, false, &keys, &exports, &f);
    struct told t = {c, "checked", k.keys + k.exports};
    if (!r)
        r = keeper_rewrap_finish(c->cfg->keeper_admin_socket, tell, &t, &f);
    cli_progress(c, t.what, t.total, t.total, true);
    if (r)
        return cli_failed(c, &f);
    tell_rewrapped(c, id, &keys, &exports);
    return CLI_DONE;
}

/* ---- status ------------------------------------------------------------------------------------------ */

int cli_cmd_keeper_status(struct cli *c, const struct cli_args *args)
{
    struct keeper_status s;
    struct keeper_begun k = {0};
    struct keeper_rewrapped keys = {0}, exports = {0};
    struct base_fail f = {0};
    const char *skip[] = {"ok", NULL};
    (void)args;
    int status = cli_config(c);
    if (status || !cli_need_root(c))
        return status ? status : CLI_REFUSED;
    enum base_fail_class r = keeper_ping(c->cfg->keeper_admin_socket, c->a, &s, &f);
    if (!r)
        r = keeper_backup_begin(c->cfg->keeper_admin_socket, c->a, &k, &f);
    if (!r && s.old_kek_id[0])
        r = all(c, &k, true, &keys, &exports, &f);
    if (r)
        return cli_failed(c, &f);
    json_t *o = json_object();
    base_json_setb(o, "ok", true);
    base_json_set(o, "version", s.version);
    base_json_set(o, "kek_id", s.kek_id);
    base_json_setn(o, "keys", k.keys);
    base_json_setn(o, "passphrases", k.exports);
    if (s.old_kek_id[0]) {
        base_json_set(o, "old_kek_id", s.old_kek_id);
        base_json_setn(o, "left", keys.left + exports.left);
    }
    if (c->json)
        cli_json(c, o);
    else
        cli_object(c, o, skip);
    json_decref(o);
    if (!s.old_kek_id[0])
        return CLI_DONE;
    cli_complain(c, keys.left + exports.left
                        ? "a rewrap is under way: go on with certmilter keeper rewrap --new-kek FILE"
                        : "the rewrap is through: put the new key in the credential's place and restart "
                          "certkeeperd");
    return CLI_ATTENTION;
}
