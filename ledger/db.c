/* ledger/db.c - opening, closing, transactions.
 *
 * Owns the connection and the lock file. The lock (flock on PATH.lock) is held
 * as long as the ledger is open and falls with the process, so a killed agent
 * never blocks the next one. The file is made with mode 0600 before the engine
 * sees it; its -wal and -shm inherit that. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define BUSY_MS 5000
#define CACHE_KIB 32768
#define WAL_KEPT (16 << 20) /* a longer one is cut after a checkpoint */

bool ledger_sync_directory(const char *path)
{
    char *copy = base_xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int e = errno;

    if (fd >= 0) {
        close(fd);
    }
    free(copy);
    errno = e;
    return good;
}

static enum base_fail_class system_failure(const char *path, struct base_fail *f)
{
    bool full = errno == ENOSPC || errno == EDQUOT;

    return base_failf(f, BASE_TEMPORARY, full ? "ledger.full" : "ledger.io", "%s: %s", path,
                      strerror(errno));
}

static enum base_fail_class take_lock(struct ledger *l, const char *path, struct base_fail *f)
{
    char *name = base_xmalloc(strlen(path) + sizeof ".lock");
    enum base_fail_class cls = BASE_OK;

    (void)sprintf(name, "%s.lock", path);
    l->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock < 0) {
        cls = system_failure(name, f);
    } else if (flock(l->lock, LOCK_EX | LOCK_NB) != 0) {
        cls = errno != EWOULDBLOCK ? system_failure(name, f)
                                   : base_failf(f, BASE_TEMPORARY, "ledger.locked",
                                                "%s: another process has the ledger open", name);
    }
    free(name);
    return cls;
}

/* Ours alone, and if it is new on disk under its name; false with errno. */
static bool secure_file(int fd, const struct stat *st, const char *path)
{
    if ((st->st_mode & 077) != 0 && fchmod(fd, 0600) != 0) {
        return false;
    }
    return st->st_size != 0 || (fsync(fd) == 0 && ledger_sync_directory(path));
}

/* Makes sure that there is a plain file that only we can read. */
static enum base_fail_class prepare_file(const char *path, struct base_fail *f)
{
    struct stat st;
    enum base_fail_class cls = BASE_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd < 0) {
        return system_failure(path, f);
    }
    bool known = fstat(fd, &st) == 0;
    if (known && !S_ISREG(st.st_mode)) {
        cls = base_failf(f, BASE_PERMANENT, "ledger.damaged", "%s is not a plain file", path);
    } else if (!known || !secure_file(fd, &st, path)) {
        cls = system_failure(path, f);
    }
    close(fd);
    return cls;
}

static enum base_fail_class set_option(struct ledger *l, int option, int value, struct base_fail *f)
{
    int now = !value;
    int rc = sqlite3_db_config(l->db, option, value, &now);

    return rc == SQLITE_OK && now == value ? BASE_OK : ledger_failure(l, rc, "db_config", f);
}

static enum base_fail_class set_options(struct ledger *l, struct base_fail *f)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},     {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    enum base_fail_class cls = BASE_OK;

    for (size_t i = 0; i < sizeof options / sizeof options[0] && cls == BASE_OK; i++) {
        cls = set_option(l, options[i].option, options[i].value, f);
    }
    (void)sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, LEDGER_ROW_MAX);
    (void)sqlite3_limit(l->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO needs one */
    (void)sqlite3_busy_timeout(l->db, BUSY_MS);
    return cls;
}

static enum base_fail_class set_pragmas(struct ledger *l, struct base_fail *f)
{
    char *sql = sqlite3_mprintf("PRAGMA journal_mode = WAL;"
                                "PRAGMA synchronous = FULL;"
                                "PRAGMA recursive_triggers = ON;"
                                "PRAGMA secure_delete = ON;"
                                "PRAGMA cell_size_check = ON;"
                                "PRAGMA temp_store = MEMORY;"
                                "PRAGMA cache_size = -%d;"
                                "PRAGMA journal_size_limit = %d;",
                                CACHE_KIB, WAL_KEPT);
    enum base_fail_class cls =
        sql == NULL ? ledger_failure(l, SQLITE_NOMEM, "open", f) : ledger_script(l, f, sql);
    int64_t full = 0;

    sqlite3_free(sql);
    if (cls == BASE_OK) {
        cls = ledger_pragma(l, "PRAGMA synchronous", &full, f);
    }
    if (cls == BASE_OK && full != 2) {
        cls = ledger_misuse(f, "the engine refuses synchronous = FULL");
    }
    return cls;
}

/* WAL isn't possible everywhere (network file systems): refuse, as FULL without
 * it would be another contract. */
static enum base_fail_class check_wal(struct ledger *l, const char *path, struct base_fail *f)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(l->db, "PRAGMA journal_mode", -1, &st, NULL);

    if (rc != SQLITE_OK) {
        return ledger_failure(l, rc, "PRAGMA journal_mode", f);
    }
    bool wal = sqlite3_step(st) == SQLITE_ROW &&
               sqlite3_stricmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
    sqlite3_finalize(st);
    return wal ? BASE_OK
               : base_failf(f, BASE_TEMPORARY, "ledger.io",
                            "%s: its file system doesn't allow a write-ahead log", path);
}

static enum base_fail_class connect_file(struct ledger *l, const char *path,
                                         const struct ledger_schema *schema, struct base_fail *f)
{
    /* a path that isn't absolute gets "./": else "file:x" would be a URI */
    char *name = sqlite3_mprintf("%s%s", path[0] == '/' ? "" : "./", path);
    int rc = name == NULL ? SQLITE_NOMEM
                          : sqlite3_open_v2(name, &l->db,
                                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                                SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                                            NULL);
    enum base_fail_class cls = rc == SQLITE_OK ? BASE_OK : ledger_failure(l, rc, path, f);

    sqlite3_free(name);
    if (cls == BASE_OK) {
        cls = set_options(l, f);
    }
    /* before the pragmas: they would turn another program's database into WAL */
    if (cls == BASE_OK) {
        cls = ledger_check_version(l, path, schema, f);
    }
    if (cls == BASE_OK) {
        cls = set_pragmas(l, f);
    }
    return cls == BASE_OK ? check_wal(l, path, f) : cls;
}

enum base_fail_class ledger_open_schema(const char *path, const struct ledger_schema *schema,
                                        struct ledger **out, struct base_fail *f)
{
    struct ledger *l = base_xmalloc(sizeof *l);

    memset(l, 0, sizeof *l);
    l->lock = -1;
    *out = NULL;
    enum base_fail_class cls = take_lock(l, path, f);
    if (cls == BASE_OK) {
        cls = prepare_file(path, f);
    }
    if (cls == BASE_OK) {
        cls = connect_file(l, path, schema, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_migrate(l, path, schema, f);
    }
    /* a step of long ago, which only tests of migrations stop at, had no such table */
    if (cls == BASE_OK && schema == &ledger_schema) {
        cls = ledger_folding_load(l, f);
    }
    if (cls != BASE_OK) {
        ledger_close(l);
        return cls;
    }
    *out = l;
    return BASE_OK;
}

enum base_fail_class ledger_open(const char *path, struct ledger **out, struct base_fail *f)
{
    return ledger_open_schema(path, &ledger_schema, out, f);
}

void ledger_close(struct ledger *l)
{
    if (l == NULL) {
        return;
    }
    if (l->db != NULL) {
        ledger_rollback(l);
        ledger_forget_statements(l);
        (void)sqlite3_close(l->db);
    }
    if (l->lock >= 0) {
        close(l->lock);
    }
    base_arena_free(l->exact);
    free(l);
}

int ledger_schema_version(const struct ledger *l)
{
    return l->version;
}

/* ---- transactions ----------------------------------------------------------------- */

enum base_fail_class ledger_begin(struct ledger *l, struct base_fail *f)
{
    if (l->in_transaction) {
        return ledger_misuse(f, "transactions don't nest");
    }
    enum base_fail_class cls = ledger_plain(l, f, "BEGIN IMMEDIATE");
    l->in_transaction = cls == BASE_OK;
    l->lost = (struct base_fail){0};
    return cls;
}

void ledger_rollback(struct ledger *l)
{
    l->in_transaction = false;
    l->lost = (struct base_fail){0};
    if (!sqlite3_get_autocommit(l->db)) {
        /* can't fail in a way that leaves the transaction open: no statement is running */
        (void)ledger_plain(l, NULL, "ROLLBACK");
    }
    /* a ledger that can't be read now says so at the next look-up; keys are made as they were */
    if (l->folding_changed) {
        (void)ledger_folding_load(l, NULL);
    }
}

enum base_fail_class ledger_commit(struct ledger *l, struct base_fail *f)
{
    enum base_fail_class cls;

    if (!l->in_transaction) {
        return ledger_misuse(f, "a commit without a transaction");
    }
    if (l->lost.cls != BASE_OK) {
        cls = base_failf(f, l->lost.cls, l->lost.code, "%s", l->lost.text);
    } else {
        cls = ledger_plain(l, f, "COMMIT");
    }
    if (cls != BASE_OK) {
        ledger_rollback(l);
    }
    l->in_transaction = false;
    l->folding_changed = false;
    return cls;
}

bool ledger_in_transaction(const struct ledger *l)
{
    return l->in_transaction;
}
