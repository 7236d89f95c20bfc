/* cli/backup_check.c - a backup looked through from its first to its last member, and
 * unpacked on the way. One pass; one member at a time in memory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#define RECORD_MAX (8 * 1024 * 1024)
#define SMALL_MAX 65536

struct pass {
    struct cli *c;
    struct cli_reader *r;
    const struct cli_unpack *u;
    const unsigned char *kek;
    struct cli_verified *v;
    struct cli_match match;
    struct keeper_copy *copy;
    char *check, *both;
    bool have_ledger;
};

/* ---- files ---------------------------------------------------------------------------------- */

static enum base_fail_class failed(struct base_fail *f, const char *what)
{
    int e = errno;
    bool full = e == ENOSPC || e == EDQUOT || e == EFBIG;
    return base_failf(f, full ? BASE_TEMPORARY : BASE_OURS, full ? "file.space" : "file.write",
                      "%s: %s", what, strerror(e));
}

static enum base_fail_class put_text(const struct cli_unpack *u, const char *name, const void *p,
                                     size_t n, struct base_fail *f)
{
    int fd = openat(u->keeper, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && base_write_all(fd, p, n) && fchown(fd, u->keeper_uid, u->keeper_gid) == 0;
    enum base_fail_class c = good ? BASE_OK : failed(f, name);
    if (fd >= 0 && close(fd) != 0 && !c)
        c = failed(f, name);
    return c;
}

/* A member of any size into a file; the caller's way of closing says whether it is on disk. */
static enum base_fail_class copy_out(struct pass *p, int at, const char *name, uid_t uid, gid_t gid,
                                     const struct cli_member *m, struct base_fail *f)
{
    char buf[65536];
    size_t got = 1;
    int64_t n = 0;
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum base_fail_class c = fd >= 0 && fchown(fd, uid, gid) == 0 ? BASE_OK : failed(f, name);
    while (!c && got > 0)
        if (!(c = cli_reader_read(p->r, buf, sizeof buf, &got, f)) && !base_write_all(fd, buf, got))
            c = failed(f, name);
        else
            cli_progress(p->c, "MiB of the ledger", (n += (int64_t)got) >> 20, m->size >> 20, false);
    if (!c && fsync(fd) != 0)
        c = failed(f, name);
    if (fd >= 0)
        close(fd);
    return c;
}

/* ---- members ---------------------------------------------------------------------------------- */

static enum base_fail_class take_ledger(struct pass *p, const struct cli_member *m,
                                        struct base_fail *f)
{
    struct cli_on on = {.c = p->c, .what = "checking the ledger"};
    enum base_fail_class c = copy_out(p, AT_FDCWD, p->u->ledger, p->u->ledger_uid, p->u->ledger_gid,
                                      m, f);
    if (!c)
        c = ledger_copy_open(p->u->ledger, &p->match.ledger, f);
    if (!c) {
        ledger_copy_tick(p->match.ledger, cli_progress_on, &on);
        c = ledger_copy_check(p->match.ledger, f);
    }
    if (!c) {
        c = ledger_copy_facts(p->match.ledger, &p->v->ledger, f);
        ledger_copy_tick(p->match.ledger, NULL, NULL);
    }
    p->have_ledger = !c;
    return c;
}

static enum base_fail_class open_copy(struct pass *p, struct base_fail *f)
{
    if (!p->kek || p->copy)
        return BASE_OK;
    return keeper_copy_open(p->kek, p->check, p->both, &p->copy, f);
}

static bool take_id(const char *name, const char *dir, char id[KEEPER_ID])
{
    size_t n = strlen(dir);
    if (strncmp(name, dir, n) != 0 || strlen(name) != n + KEEPER_ID_LEN + 5 ||
        strcmp(name + n + KEEPER_ID_LEN, ".json") != 0 ||
        strspn(name + n, "abcdefghijklmnopqrstuvwxyz234567") != KEEPER_ID_LEN)
        return false;
    memcpy(id, name + n, KEEPER_ID_LEN);
    id[KEEPER_ID_LEN] = '\0';
    return true;
}

static bool make_dir(const struct cli_unpack *u, const char *name)
{
    return (mkdirat(u->keeper, name, 0700) == 0 || errno == EEXIST) &&
           fchownat(u->keeper, name, u->keeper_uid, u->keeper_gid, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum base_fail_class put_index(struct pass *p, const struct base_buf *text,
                                      struct base_fail *f)
{
    char dir[16], name[64];
    if (!keeper_copy_index(text->p, text->n, dir, name))
        return base_failf(f, BASE_PERMANENT, "keeper.damaged", "a key without a mailbox");
    if (!make_dir(p->u, dir))
        return failed(f, dir);
    return put_text(p->u, base_arena_printf(p->c->a, "%s/%s", dir, name), "", 0, f);
}

static enum base_fail_class take_key(struct pass *p, const char *id, const char *name,
                                     const struct base_buf *text, struct base_fail *f)
{
    bool destroyed = false;
    enum base_fail_class c = open_copy(p, f);
    if (!c)
        c = keeper_copy_key(p->copy, id, text->p, text->n, &destroyed, f);
    if (!c && p->u->keeper >= 0 && !(c = put_text(p->u, name, text->p, text->n, f)))
        c = put_index(p, text, f);
    if (!c)
        c = cli_match_key(&p->match, id, f);
    if (c)
        return c;
    p->v->keys++;
    p->v->destroyed += destroyed;
    p->v->opened += p->copy && !destroyed;
    cli_progress(p->c, "keys", p->v->keys,
                 base_json_int(cli_reader_manifest(p->r), "keys", 0), false);
    return BASE_OK;
}

static enum base_fail_class take_export(struct pass *p, const char *id, const char *name,
                                        const struct base_buf *text, struct base_fail *f)
{
    enum base_fail_class c = open_copy(p, f);
    if (!c)
        c = keeper_copy_export(p->copy, id, text->p, text->n, f);
    if (!c && p->u->keeper >= 0)
        c = put_text(p->u, name, text->p, text->n, f);
    p->v->exports += !c;
    return c;
}

static enum base_fail_class take_small(struct pass *p, const char *name,
                                       const struct base_buf *text, struct base_fail *f)
{
    char *kept = base_arena_strndup(p->c->a, (const char *)text->p, text->n);
    if (strcmp(name, "kek-check.json") == 0)
        p->check = kept;
    else if (strcmp(name, "kek-both.json") == 0)
        p->both = kept;
    return p->u->keeper < 0 ? BASE_OK : put_text(p->u, name, text->p, text->n, f);
}

static enum base_fail_class take_keeper(struct pass *p, const struct cli_member *m, const char *name,
                                        struct base_fail *f)
{
    struct base_buf text;
    char id[KEEPER_ID];
    struct base_arena *outer = p->c->a, *inner = base_arena_new();
    bool key = take_id(name, "keys/", id), export = !key && take_id(name, "exports/", id);
    if (!key && !export && (strchr(name, '/') || name[0] == '.')) {
        base_arena_free(inner);
        return base_failf(f, BASE_PERMANENT, "backup.damaged", "%s is nothing of a keeper", m->name);
    }
    enum base_fail_class c = cli_reader_text(p->r, m, key ? RECORD_MAX : SMALL_MAX, &text, f);
    p->c->a = key || export ? inner : outer;
    if (!c)
        c = key ? take_key(p, id, name, &text, f)
            : export ? take_export(p, id, name, &text, f)
                     : take_small(p, name, &text, f);
    p->c->a = outer;
    base_buf_free(&text);
    base_arena_free(inner);
    return c;
}

static enum base_fail_class take_member(struct pass *p, const struct cli_member *m,
                                        struct base_fail *f)
{
    if (strcmp(m->name, "ledger.db") == 0 && !p->have_ledger)
        return take_ledger(p, m, f);
    if (!p->have_ledger || strncmp(m->name, "keeper/", 7) != 0)
        return base_failf(f, BASE_PERMANENT, "backup.damaged", "%s is not where a backup has it",
                          m->name);
    if (strcmp(m->name, "keeper/exports.log") == 0)
        return p->u->keeper < 0 ? BASE_OK
                                : copy_out(p, p->u->keeper, "exports.log", p->u->keeper_uid,
                                           p->u->keeper_gid, m, f);
    return take_keeper(p, m, m->name + 7, f);
}

enum base_fail_class cli_backup_check(struct cli *c, struct cli_reader *r, const struct cli_unpack *u,
                                      const unsigned char *kek, struct cli_verified *out,
                                      struct base_fail *f)
{
    static const char *const dirs[] = {"keys", "exports", "mailboxes"};
    struct pass p = {.c = c, .r = r, .u = u, .kek = kek, .v = out};
    struct cli_member m;
    bool more = true;
    enum base_fail_class k = BASE_OK;
    *out = (struct cli_verified){0};
    for (size_t i = 0; u->keeper >= 0 && !k && i < 3; i++)
        if (!make_dir(u, dirs[i]))
            k = failed(f, dirs[i]);
    while (!k && more)
        if (!(k = cli_reader_next(r, &m, &more, f)) && more)
            k = take_member(&p, &m, f);
    if (!k && !p.have_ledger)
        k = base_failf(f, BASE_PERMANENT, "backup.damaged", "there is no ledger in it");
    if (!k)
        k = open_copy(&p, f); /* a keeper without a key: its check file tells all the same */
    if (!k)
        k = cli_match_end(&p.match, f);
    if (!k && out->keys != base_json_int(cli_reader_manifest(r), "keys", -1))
        k = base_failf(f, BASE_PERMANENT, "backup.damaged", "%lld keys are in it, %lld should be",
                       (long long)out->keys,
                       (long long)base_json_int(cli_reader_manifest(r), "keys", -1));
    out->missing = p.match.missing;
    memcpy(out->first_missing, p.match.first, KEEPER_ID);
    cli_progress(c, "keys", out->keys, out->keys, true);
    keeper_copy_close(p.copy);
    ledger_copy_close(p.match.ledger);
    return k;
}
