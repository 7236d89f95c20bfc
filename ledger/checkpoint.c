/* ledger/checkpoint.c - the engine's checkpoints, passive ones only: nobody waits for them.
 * The engine's own, after so many pages, are off while the agent does them. */
#include "checkpoint.h"

#include "internal.h"

int ledger_log_pages(const struct ledger *l)
{
    return l->log_pages;
}

/* After each commit. */
static int count(void *p, sqlite3 *db, const char *name, int pages)
{
    struct ledger *l = p;

    (void)db;
    (void)name;
    l->log_pages = pages;
    return SQLITE_OK;
}

void ledger_log_count(struct ledger *l)
{
    (void)sqlite3_wal_hook(l->db, count, l); /* takes the place of the automatic checkpoint */
}

enum base_fail_class ledger_checkpoint(struct ledger *l, struct base_fail *f)
{
    int rc = sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? BASE_OK
                                                         : ledger_failure(l, rc, "a checkpoint", f);
}

enum base_fail_class ledger_checkpoint_beside(const char *path, struct base_fail *f)
{
    struct ledger other = {.lock = -1};
    int rc = sqlite3_open_v2(path, &other.db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(other.db, "PRAGMA cache_size = -2000; PRAGMA synchronous = FULL", NULL, NULL,
                          NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_wal_checkpoint_v2(other.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    enum base_fail_class cls = rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY
                                   ? BASE_OK
                                   : ledger_failure(&other, rc, "a checkpoint", f);
    (void)sqlite3_close(other.db);
    return cls;
}
