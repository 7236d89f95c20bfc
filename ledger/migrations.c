/* ledger/migrations.c - bringing a ledger from the version it has to ours.
 *
 * The version is the file's user_version; 0 is an empty file. Each step is one
 * transaction that ends with the new version, so a process that dies between
 * two steps goes on with the next one. An existing ledger is copied first, as
 * PATH.before-<version it shall get>: fsynced and renamed in, so that a file of that
 * name is always whole. A ledger of a newer program, or a database that isn't
 * a ledger, is left as it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "internal.h"

/* The version, if this is a ledger or an empty file. */
static enum base_fail_class read_version(struct ledger *l, const char *path, int64_t *version,
                                         struct base_fail *f)
{
    int64_t application = 0, tables = 0;
    enum base_fail_class cls = ledger_pragma(l, "PRAGMA user_version", version, f);

    if (cls == BASE_OK) {
        cls = ledger_pragma(l, "PRAGMA application_id", &application, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_pragma(l, "SELECT count(*) FROM sqlite_schema", &tables, f);
    }
    if (cls != BASE_OK) {
        return cls;
    }
    bool empty = *version == 0 && application == 0 && tables == 0;
    bool ours = *version > 0 && application == LEDGER_APPLICATION && tables > 0;
    return empty || ours ? BASE_OK
                         : base_failf(f, BASE_PERMANENT, "ledger.damaged",
                                      "%s is a database, but not a ledger", path);
}

/* ---- the copy before ------------------------------------------------------------- */

static enum base_fail_class copy_failure(const char *name, struct base_fail *f)
{
    return base_failf(f, BASE_TEMPORARY, errno == ENOSPC ? "ledger.full" : "ledger.io",
                      "the copy %s that must exist before the ledger is changed: %s", name,
                      strerror(errno));
}

/* An empty file with our mode: VACUUM INTO fills it and would make it readable for all. */
static bool make_empty(const char *name)
{
    (void)unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 && close(fd) == 0;
}

/* VACUUM INTO doesn't sync what it wrote. */
static bool sync_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static enum base_fail_class vacuum_into(struct ledger *l, const char *name, struct base_fail *f)
{
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", name);
    enum base_fail_class cls =
        sql == NULL ? ledger_failure(l, SQLITE_NOMEM, "VACUUM INTO", f) : ledger_script(l, f, sql);

    sqlite3_free(sql);
    return cls;
}

static enum base_fail_class copy_before(struct ledger *l, const char *path, int version,
                                        struct base_fail *f)
{
    size_t room = strlen(path) + sizeof ".before-2147483647.tmp";
    char *name = base_xmalloc(room), *tmp = base_xmalloc(room);
    enum base_fail_class cls;

    (void)snprintf(name, room, "%s.before-%d", path, version);
    (void)snprintf(tmp, room, "%s.tmp", name);
    if (!make_empty(tmp)) {
        cls = copy_failure(tmp, f);
    } else if ((cls = vacuum_into(l, tmp, f)) == BASE_OK &&
               (!sync_file(tmp) || rename(tmp, name) != 0 || !ledger_sync_directory(name))) {
        cls = copy_failure(name, f);
    }
    if (cls != BASE_OK) {
        (void)unlink(tmp);
    } else {
        base_log(LOG_NOTICE, "ledger.copied", "file", name, NULL);
    }
    free(name);
    free(tmp);
    return cls;
}

/* ---- the steps -------------------------------------------------------------------- */

static enum base_fail_class check_references(struct ledger *l, struct base_fail *f)
{
    int64_t broken = 0;
    enum base_fail_class cls =
        ledger_pragma(l, "SELECT count(*) FROM pragma_foreign_key_check", &broken, f);

    return cls != BASE_OK || broken == 0
               ? cls
               : base_failf(f, BASE_PERMANENT, "ledger.damaged",
                            "%lld rows name rows that aren't there", (long long)broken);
}

static enum base_fail_class one_step(struct ledger *l, const char *sql, int version,
                                     struct base_fail *f)
{
    char stamp[120];
    enum base_fail_class cls = ledger_begin(l, f);

    if (cls != BASE_OK) {
        return cls;
    }
    (void)snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   LEDGER_APPLICATION, version);
    cls = ledger_script(l, f, sql);
    if (cls == BASE_OK) {
        cls = check_references(l, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_script(l, f, stamp);
    }
    if (cls == BASE_OK) {
        return ledger_commit(l, f);
    }
    ledger_rollback(l);
    return cls;
}

enum base_fail_class ledger_check_version(struct ledger *l, const char *path,
                                          const struct ledger_schema *schema, struct base_fail *f)
{
    int64_t version = 0;
    enum base_fail_class cls = read_version(l, path, &version, f);

    if (cls == BASE_OK && version > schema->n) {
        cls = base_failf(f, BASE_PERMANENT, "ledger.newer",
                         "%s has schema %lld; this program knows up to %d", path,
                         (long long)version, schema->n);
    }
    l->version = cls == BASE_OK ? (int)version : 0;
    return cls;
}

enum base_fail_class ledger_migrate(struct ledger *l, const char *path,
                                    const struct ledger_schema *schema, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;

    if (l->version > 0 && l->version < schema->n) {
        cls = copy_before(l, path, schema->n, f);
    }
    /* a step may rebuild a table that others refer to */
    if (cls == BASE_OK) {
        cls = ledger_script(l, f, "PRAGMA foreign_keys = OFF");
    }
    while (cls == BASE_OK && l->version < schema->n) {
        cls = one_step(l, schema->steps[l->version], l->version + 1, f);
        if (cls == BASE_OK) {
            l->version++;
            base_log(LOG_NOTICE, "ledger.migrated", "version", base_log_num(l->version), NULL);
        }
    }
    return cls == BASE_OK ? ledger_script(l, f, "PRAGMA foreign_keys = ON") : cls;
}
