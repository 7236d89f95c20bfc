/* cli/backup_verify.c - is a backup good, and does the recovery sheet open it?
 *
 * The ledger is unpacked into a directory of its own under $TMPDIR (0700) for the
 * engine's check and removed again. What was proved with the sheet is told to the
 * agent, so that doctor knows. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "base/json.h"
#include "commands.h"
#include "sheet.h"

static bool prove(struct cli *c, const char *file, const char *kek_id, int64_t at)
{
    struct base_fail f = {0};
    json_t *answer = NULL, *req = cli_request(c, "backup.proved");
    base_json_set(req, "kek_id", kek_id);
    base_json_set(req, "file", file);
    base_json_setn(req, "backup_at", at);
    enum base_fail_class r = cli_try(c, req, CLI_TIMEOUT_MS, &answer, &f);
    json_decref(answer);
    if (r)
        cli_complain(c, "the proof could not be recorded, doctor stays red: %s", f.text);
    return r == BASE_OK;
}

static int check(struct cli *c, struct cli_reader *r, const unsigned char *kek,
                 struct cli_verified *v)
{
    struct base_fail f = {0};
    const char *tmp = getenv("TMPDIR");
    char *dir = base_arena_printf(c->a, "%s/certmilter-verify.XXXXXX", tmp && tmp[0] ? tmp : "/var/tmp");
    if (!mkdtemp(dir)) {
        base_failf(&f, BASE_OURS, "file.write", "%s: a directory can't be made there", dir);
        return cli_failed(c, &f);
    }
    struct cli_unpack u = {.ledger = base_arena_printf(c->a, "%s/ledger.db", dir),
                           .keeper = -1,
                           .ledger_uid = geteuid(),
                           .ledger_gid = getegid()};
    enum base_fail_class k = cli_backup_check(c, r, &u, kek, v, &f);
    (void)unlink(u.ledger);
    (void)rmdir(dir);
    return k ? cli_failed(c, &f) : CLI_DONE;
}

static void tell(struct cli *c, const json_t *m, const struct cli_verified *v, const char *kek_id,
                 bool proved)
{
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_setn(o, "keys", v->keys);
        base_json_setn(o, "opened", v->opened);
        base_json_setn(o, "destroyed", v->destroyed);
        base_json_setn(o, "exports", v->exports);
        base_json_setn(o, "missing", v->missing);
        base_json_setn(o, "mailboxes", v->ledger.mailboxes);
        base_json_setn(o, "certificates", v->ledger.certificates);
        base_json_set(o, "kek_id", kek_id);
        base_json_setb(o, "proved", proved);
        json_object_set(o, "manifest", (json_t *)m);
        cli_json(c, o);
        json_decref(o);
        return;
    }
    fprintf(c->out, "whole: %lld members, the ledger is sound (%lld mailboxes, %lld certificates)\n",
            (long long)base_json_int(m, "members", 0), (long long)v->ledger.mailboxes,
            (long long)v->ledger.certificates);
    if (kek_id)
        fprintf(c->out, "opened with key-encryption key %s: all %lld keys (%lld more are tombstones)\n",
                kek_id, (long long)v->opened, (long long)v->destroyed);
    else
        fprintf(c->out, "%lld keys, none of them opened: that takes --sheet\n", (long long)v->keys);
    if (proved)
        fprintf(c->out, "recorded: this key's recovery sheet is proved\n");
}

int cli_cmd_backup_verify(struct cli *c, const struct cli_args *args)
{
    const char *file = cli_opt(args, "sheet"), *raw = cli_opt(args, "kek");
    struct cli_reader *r = NULL;
    struct base_fail f = {0};
    struct cli_verified v = {0};
    unsigned char kek[KEEPER_KEK_BYTES];
    char id[KEEPER_KEK_ID] = "";
    bool with = cli_has(args, "sheet") || raw, sheet = cli_has(args, "sheet"), proved = false;
    int status = cli_config(c);
    if (!status && file)
        status = cli_kek_read(c, file, kek, &sheet);
    else if (!status && sheet)
        status = cli_sheet_ask(c, kek);
    else if (!status && raw)
        status = cli_kek_read(c, raw, kek, &sheet);
    if (!status && with && !keeper_kek_name(kek, id)) {
        cli_complain(c, "this key-encryption key can't be used");
        status = CLI_REFUSED;
    }
    if (!status && cli_reader_open(args->pos[0], &r, &f))
        status = cli_failed(c, &f);
    if (!status)
        status = check(c, r, with ? kek : NULL, &v);
    explicit_bzero(kek, sizeof kek);
    if (!status) {
        const json_t *m = cli_reader_manifest(r);
        bool whole = base_json_bool(m, "keeper", false) && v.missing == 0;
        if (sheet && whole)
            proved = prove(c, args->pos[0], id, base_json_int(m, "at", 0));
        tell(c, m, &v, with ? id : NULL, proved);
        if (v.missing) {
            cli_complain(c, "the ledger names %lld keys that the backup doesn't have, the first is %s",
                         (long long)v.missing, v.first_missing);
            status = CLI_ATTENTION;
        } else if (sheet && !proved)
            status = CLI_ATTENTION;
    }
    cli_reader_close(r);
    return status;
}
