/* ledger/copy.c - the file as a whole, for backup and restore.
 *
 * The snapshot is the engine's online backup; a read transaction that is opened
 * first holds it to one moment, so it never starts again however much is
 * written. Owns its connections and, until it is closed, nothing else. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "internal.h"

struct ledger_snapshot {
    sqlite3 *from, *to;
    sqlite3_backup *backup;
    char *dest;
};
struct ledger_copy {
    struct ledger l; /* no lock, no cache of statements in use */
    sqlite3_stmt *keys;
    void (*tick)(void *ctx);
    void *tick_ctx;
};

static enum base_fail_class engine(sqlite3 *db, int rc, const char *doing, struct base_fail *f)
{
    struct ledger l = {.db = db, .lock = -1};
    return ledger_failure(&l, rc, doing, f);
}

static int open_at(const char *path, const char *options, int flags, sqlite3 **db)
{
    struct base_buf uri;
    base_buf_init(&uri, 0);
    base_buf_adds(&uri, path[0] == '/' ? "file:" : "file:./");
    for (const char *p = path; *p; p++)
        if (strchr("%?#", *p))
            base_buf_addf(&uri, "%%%02x", (unsigned)*p);
        else
            base_buf_add(&uri, p, 1);
    base_buf_adds(&uri, options);
    int rc = sqlite3_open_v2(base_buf_str(&uri), db,
                             flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                             NULL);
    base_buf_free(&uri);
    if (rc == SQLITE_OK)
        (void)sqlite3_busy_timeout(*db, 5000);
    return rc;
}

/* ---- snapshot ------------------------------------------------------------------------- */

static enum base_fail_class fresh_file(const char *dest, struct base_fail *f)
{
    (void)unlink(dest);
    int fd = open(dest, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? BASE_OK
                   : base_failf(f, BASE_TEMPORARY, errno == ENOSPC ? "ledger.full" : "ledger.io",
                                "%s: %s", dest, strerror(errno));
}

enum base_fail_class ledger_snapshot_open(const char *path, const char *dest,
                                          struct ledger_snapshot **out, struct base_fail *f)
{
    struct ledger_snapshot *s = base_xmalloc(sizeof *s);
    *s = (struct ledger_snapshot){.dest = base_xstrdup(dest)};
    *out = NULL;
    enum base_fail_class c = fresh_file(dest, f);
    int rc = c ? SQLITE_OK : open_at(path, "", SQLITE_OPEN_READWRITE, &s->from);
    if (!c && rc == SQLITE_OK)
        rc = open_at(dest, "", SQLITE_OPEN_READWRITE, &s->to);
    /* reading anything opens the transaction that all steps then see */
    if (!c && rc == SQLITE_OK)
        rc = sqlite3_exec(s->from, "PRAGMA cache_size = -2000; BEGIN; SELECT count(*) FROM sqlite_schema",
                          NULL, NULL, NULL);
    if (!c && rc == SQLITE_OK)
        rc = sqlite3_exec(s->to, "PRAGMA cache_size = -2000; PRAGMA journal_mode = OFF;"
                                 "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (!c && rc == SQLITE_OK) {
        s->backup = sqlite3_backup_init(s->to, "main", s->from, "main");
        rc = s->backup ? SQLITE_OK : sqlite3_extended_errcode(s->to);
    }
    if (!c && rc != SQLITE_OK)
        c = engine(s->backup || !s->to ? s->from : s->to, rc, "the snapshot", f);
    if (c)
        ledger_snapshot_close(s);
    else
        *out = s;
    return c;
}

static enum base_fail_class sync_copy(const char *path, struct base_fail *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && fsync(fd) == 0;
    int e = errno;
    if (fd >= 0)
        close(fd);
    return good ? BASE_OK : base_failf(f, BASE_TEMPORARY, "ledger.io", "%s: %s", path, strerror(e));
}

enum base_fail_class ledger_snapshot_step(struct ledger_snapshot *s, int pages, int64_t *left,
                                          int64_t *total, struct base_fail *f)
{
    int rc = sqlite3_backup_step(s->backup, pages);
    *left = sqlite3_backup_remaining(s->backup);
    *total = sqlite3_backup_pagecount(s->backup);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        *left = *left > 0 ? *left : 1;
        return BASE_OK;
    }
    if (rc == SQLITE_DONE) {
        rc = sqlite3_backup_finish(s->backup);
        s->backup = NULL;
        *left = 0;
        if (rc == SQLITE_OK)
            return sync_copy(s->dest, f);
    }
    return engine(s->to, rc, "the snapshot", f);
}

void ledger_snapshot_close(struct ledger_snapshot *s)
{
    if (!s)
        return;
    if (s->backup)
        (void)sqlite3_backup_finish(s->backup);
    (void)sqlite3_close(s->to);
    (void)sqlite3_close(s->from);
    free(s->dest);
    free(s);
}

/* ---- a copy ---------------------------------------------------------------------------- */

enum base_fail_class ledger_copy_open(const char *path, struct ledger_copy **out,
                                      struct base_fail *f)
{
    struct ledger_copy *k = base_xmalloc(sizeof *k);
    memset(k, 0, sizeof *k);
    k->l.lock = -1;
    *out = NULL;
    int rc = open_at(path, "?immutable=1", SQLITE_OPEN_READONLY, &k->l.db);
    enum base_fail_class c = rc == SQLITE_OK ? BASE_OK : ledger_failure(&k->l, rc, path, f);
    if (!c)
        c = ledger_check_version(&k->l, path, &ledger_schema, f);
    if (!c && k->l.version == 0)
        c = base_failf(f, BASE_PERMANENT, "ledger.damaged", "%s is empty", path);
    if (c)
        ledger_copy_close(k);
    else
        *out = k;
    return c;
}

void ledger_copy_close(struct ledger_copy *k)
{
    if (!k)
        return;
    sqlite3_finalize(k->keys);
    ledger_forget_statements(&k->l);
    (void)sqlite3_close(k->l.db);
    free(k);
}

static int ticked(void *p)
{
    struct ledger_copy *k = p;
    k->tick(k->tick_ctx);
    return 0; /* go on */
}

void ledger_copy_tick(struct ledger_copy *k, void (*tick)(void *ctx), void *ctx)
{
    k->tick = tick;
    k->tick_ctx = ctx;
    sqlite3_progress_handler(k->l.db, tick ? 100000 : 0, tick ? ticked : NULL, k);
}

#define NAMED                                                                                      \
    "SELECT key_id FROM certificate WHERE key_id IS NOT NULL UNION "                               \
    "SELECT key_id FROM orders WHERE key_id IS NOT NULL"

enum base_fail_class ledger_copy_facts(struct ledger_copy *k, struct ledger_copy_facts *out,
                                       struct base_fail *f)
{
    *out = (struct ledger_copy_facts){.schema = k->l.version};
    enum base_fail_class c = ledger_pragma(&k->l, "SELECT count(*) FROM orders", &out->orders, f);
    if (!c)
        c = ledger_pragma(&k->l, "SELECT count(*) FROM certificate", &out->certificates, f);
    if (!c)
        c = ledger_pragma(&k->l, "SELECT count(*) FROM mailbox", &out->mailboxes, f);
    if (!c)
        c = ledger_pragma(&k->l, "SELECT coalesce(max(id), 0) FROM event", &out->events, f);
    return c ? c : ledger_pragma(&k->l, "SELECT count(*) FROM (" NAMED ")", &out->keys, f);
}

enum base_fail_class ledger_copy_check(struct ledger_copy *k, struct base_fail *f)
{
    sqlite3_stmt *st = NULL;
    int64_t broken = 0;
    int rc = sqlite3_prepare_v2(k->l.db, "PRAGMA integrity_check(1)", -1, &st, NULL);
    enum base_fail_class c = BASE_OK;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        c = ledger_failure(&k->l, rc, "the integrity check", f);
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        c = base_failf(f, BASE_PERMANENT, "ledger.damaged", "the ledger is damaged: %.300s",
                       (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    if (!c)
        c = ledger_pragma(&k->l, "SELECT count(*) FROM pragma_foreign_key_check", &broken, f);
    if (!c && broken)
        c = base_failf(f, BASE_PERMANENT, "ledger.damaged",
                       "%lld rows name rows that aren't there", (long long)broken);
    return c;
}

enum base_fail_class ledger_copy_next_key(struct ledger_copy *k, const char **key,
                                          struct base_fail *f)
{
    int rc = SQLITE_OK;
    *key = NULL;
    if (!k->keys)
        rc = sqlite3_prepare_v2(k->l.db, NAMED " ORDER BY 1", -1, &k->keys, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(k->keys);
    if (rc == SQLITE_ROW)
        *key = (const char *)sqlite3_column_text(k->keys, 0);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? BASE_OK
                                                 : ledger_failure(&k->l, rc, "the keys' names", f);
}

enum base_fail_class ledger_copy_meta(struct ledger_copy *k, const char *key, int64_t *v,
                                      struct base_fail *f)
{
    return ledger_meta_get(&k->l, key, v, 0, f);
}

enum base_fail_class ledger_copy_text(struct ledger_copy *k, struct base_arena *a, const char *key,
                                      const char **v, struct base_fail *f)
{
    return ledger_text_get(&k->l, a, key, v, f);
}

/* ---- the fence ------------------------------------------------------------------------------ */

/* Orders that had not left when the backup was made may have left since: they are looked
 * for at the CA before anything is sent for them. Marks of what was read go. */
static const char forget[] =
    "DELETE FROM meta WHERE key LIKE 'synced:%' OR key LIKE 'sync-tried:%' OR key LIKE 'tried:%';"
    "UPDATE orders SET state = 'unclear', tries = 0,"
    "  reason = 'restored from a backup: looking whether the CA has it'"
    "  WHERE state IN ('preparing', 'requesting', 'unclear') AND ca_order IS NULL;";

enum base_fail_class ledger_copy_fence(const char *path, int64_t now, int64_t backup_at,
                                       const char *archive, struct base_fail *f)
{
    struct ledger l = {.lock = -1};
    int rc = open_at(path, "", SQLITE_OPEN_READWRITE, &l.db);
    enum base_fail_class c = rc == SQLITE_OK ? BASE_OK : ledger_failure(&l, rc, path, f);
    if (!c)
        c = ledger_script(&l, f, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
                                 "PRAGMA secure_delete = ON");
    if (!c)
        c = ledger_begin(&l, f);
    if (!c) {
        if (!(c = ledger_script(&l, f, forget)) &&
            !(c = ledger_meta_set(&l, LEDGER_FENCE, now, f)) &&
            !(c = ledger_meta_set(&l, LEDGER_FENCE_BACKUP, backup_at, f)))
            c = ledger_text_set(&l, LEDGER_FENCE_FILE, archive, f);
        if (!c)
            c = ledger_commit(&l, f);
        else
            ledger_rollback(&l);
    }
    ledger_forget_statements(&l);
    (void)sqlite3_close(l.db);
    return c;
}
