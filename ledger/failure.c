/* ledger/failure.c - the engine's result codes as failure classes.
 *
 * What the disk or another process may mend is temporary; what contradicts a
 * rule of the schema is permanent; what only a wrong statement or a wrong call
 * can cause is ours. Messages show the statement, never a value: values are
 * bound, so the statement's text has none. */
#include <errno.h>

#include "internal.h"

struct meaning {
    enum base_fail_class cls;
    const char *code, *text;
};

static const struct meaning busy = {BASE_TEMPORARY, "ledger.busy", "the ledger is in use"};
static const struct meaning full = {BASE_TEMPORARY, "ledger.full", "no space for the ledger"};
static const struct meaning io = {BASE_TEMPORARY, "ledger.io",
                                  "the ledger can't be read or written"};
static const struct meaning damaged = {BASE_PERMANENT, "ledger.damaged", "the ledger is damaged"};
static const struct meaning exists = {BASE_PERMANENT, "ledger.exists", "this is there already"};
static const struct meaning absent = {BASE_PERMANENT, "ledger.absent",
                                      "a row that this one names isn't there"};
static const struct meaning state = {BASE_PERMANENT, "ledger.state",
                                     "the ledger doesn't allow this change"};
static const struct meaning use = {BASE_OURS, "ledger.use", "a wrong call of the ledger"};

static const struct meaning *of_constraint(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return &exists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return &absent;
    case SQLITE_CONSTRAINT_TRIGGER:
        return &state;
    default:
        return &use; /* CHECK, NOT NULL, a value of another type */
    }
}

/* errno of the last call that failed on the database or its log. The engine's
 * own sqlite3_system_errno() is not set when a COMMIT fails. */
static int last_errno(sqlite3 *db)
{
    int main_errno = 0, log_errno = 0;
    sqlite3_file *log = NULL;

    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &main_errno);
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL) {
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &log_errno);
    }
    return log_errno != 0 ? log_errno : main_errno;
}

/* A write past the quota or the size limit of a file is an input/output error
 * for SQLite, but for us the same as a full disk. */
static const struct meaning *of_write(sqlite3 *db)
{
    int e = db == NULL ? 0 : last_errno(db);

    return e == ENOSPC || e == EDQUOT || e == EFBIG ? &full : &io;
}

static const struct meaning *of_result(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return &busy;
    case SQLITE_FULL:
        return &full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return &damaged;
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_CORRUPTFS || rc == SQLITE_IOERR_DATA ? &damaged
               : rc == SQLITE_IOERR_WRITE                              ? of_write(db)
                                                                       : &io;
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
        return &io;
    case SQLITE_CONSTRAINT:
        return of_constraint(rc);
    default:
        return &use;
    }
}

enum base_fail_class ledger_failure(struct ledger *l, int rc, const char *doing,
                                    struct base_fail *f)
{
    const struct meaning *m = of_result(l->db, rc);
    struct base_fail made;

    base_failf(&made, m->cls, m->code, "%s: %s (at: %.120s)", m->text,
               l->db != NULL ? sqlite3_errmsg(l->db) : sqlite3_errstr(rc), doing);
    /* After some failures the engine rolls back by itself. What follows must
     * not be committed piece by piece as if the transaction were still there. */
    if (l->in_transaction && l->lost.cls == BASE_OK && sqlite3_get_autocommit(l->db)) {
        l->lost = made;
    }
    return base_failf(f, made.cls, made.code, "%s", made.text);
}

enum base_fail_class ledger_misuse(struct base_fail *f, const char *text)
{
    return base_failf(f, use.cls, use.code, "%s: %s", use.text, text);
}

enum base_fail_class ledger_absent(struct base_fail *f, const char *what)
{
    return base_failf(f, absent.cls, absent.code, "no such %s", what);
}
