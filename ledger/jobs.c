/* ledger/jobs.c - work that is waiting, leased or failed for now.
 *
 * A row lives as long as its job. `due` is the later of run_at and the end of
 * the lease, so one index finds both what waits and whose worker is gone. */
#include "base/clock.h"
#include "internal.h"

#define COLUMNS "id, kind, key, ref, data, run_at, lease_until, tries, created, first_failed, error"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_job, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_job, kind),
    LEDGER_COL(TEXT, struct ledger_job, key),
    LEDGER_COL(INT, struct ledger_job, ref),
    LEDGER_COL(TEXT, struct ledger_job, data), /* ?5 */
    LEDGER_COL(INT, struct ledger_job, run_at),
    LEDGER_COL(INT, struct ledger_job, lease_until),
    LEDGER_COL(INT, struct ledger_job, tries),
    LEDGER_COL(INT, struct ledger_job, created),
    LEDGER_COL(INT, struct ledger_job, first_failed), /* ?10 */
    LEDGER_COL(TEXT, struct ledger_job, error),
};
static const struct ledger_table table = LEDGER_TABLE("job", struct ledger_job, columns);

enum base_fail_class ledger_job_add(struct ledger *l, const struct ledger_job *j, int64_t *id,
                                    struct base_fail *f)
{
    int64_t row = 0;
    enum base_fail_class cls = ledger_change_number(
        l, &row, f,
        "INSERT INTO job (kind, key, ref, data, run_at, lease_until, tries, created, first_failed)"
        " VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, 0)"
        " ON CONFLICT (key) DO UPDATE SET run_at = min(run_at, excluded.run_at) RETURNING id",
        "ttitii", j->kind, j->key, j->ref, j->data, j->run_at, j->created);

    if (cls == BASE_OK && id != NULL) {
        *id = row;
    }
    return cls;
}

static enum base_fail_class lease_due(struct ledger *l, struct base_arena *a, int64_t now,
                                      int64_t until, size_t limit, struct ledger_list *list,
                                      struct base_fail *f)
{
    enum base_fail_class cls = ledger_rows(
        l, a, &table, list, f,
        "SELECT " COLUMNS " FROM job WHERE due <= ?1 ORDER BY due, id LIMIT ?2", "in", now, limit);
    struct ledger_job *jobs = list->rows;

    for (size_t i = 0; i < list->n && cls == BASE_OK; i++) {
        jobs[i].lease_until = until;
        cls = ledger_change(l, NULL, f, "UPDATE job SET lease_until = ?2 WHERE id = ?1", "ii",
                            jobs[i].id, until);
    }
    return cls;
}

enum base_fail_class ledger_job_lease(struct ledger *l, struct base_arena *a, int64_t now,
                                      int64_t lease, size_t limit, struct ledger_job **out,
                                      size_t *n, struct base_fail *f)
{
    struct ledger_list list = {0};
    enum base_fail_class cls = ledger_begin(l, f);

    *out = NULL;
    *n = 0;
    if (cls != BASE_OK) {
        return cls;
    }
    cls = lease_due(l, a, now, now + lease, limit, &list, f);
    if (cls != BASE_OK) {
        ledger_rollback(l);
        return cls;
    }
    cls = ledger_commit(l, f);
    if (cls == BASE_OK) {
        *out = list.rows;
        *n = list.n;
    }
    return cls;
}

static enum base_fail_class one_changed(enum base_fail_class cls, int changed, struct base_fail *f)
{
    return cls == BASE_OK && changed == 0 ? ledger_absent(f, table.what) : cls;
}

enum base_fail_class ledger_job_save(struct ledger *l, int64_t id, const char *data,
                                     struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls =
        ledger_change(l, &changed, f, "UPDATE job SET data = ?2 WHERE id = ?1", "it", id, data);

    return one_changed(cls, changed, f);
}

enum base_fail_class ledger_job_later(struct ledger *l, int64_t id, int64_t run_at,
                                      const char *error, bool count, struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls = ledger_change(
        l, &changed, f,
        "UPDATE job SET run_at = ?2, lease_until = 0, error = ?3, tries = tries + ?4,"
        " first_failed = CASE WHEN ?3 IS NULL THEN 0 WHEN first_failed > 0 THEN first_failed"
        " ELSE ?5 END WHERE id = ?1",
        "iitii", id, run_at, error, (int64_t)count, base_now());

    return one_changed(cls, changed, f);
}

enum base_fail_class ledger_job_done(struct ledger *l, int64_t id, struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls =
        ledger_change(l, &changed, f, "DELETE FROM job WHERE id = ?1", "i", id);

    return one_changed(cls, changed, f);
}

enum base_fail_class ledger_job_release_all(struct ledger *l, struct base_fail *f)
{
    return ledger_change(l, NULL, f, "UPDATE job SET lease_until = 0 WHERE lease_until > 0", "");
}

enum base_fail_class ledger_job_find(struct ledger *l, struct base_arena *a, const char *key,
                                     struct ledger_job *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " COLUMNS " FROM job WHERE key = ?1", "t", key);
}

enum base_fail_class ledger_job_next(struct ledger *l, int64_t *at, struct base_fail *f)
{
    int64_t due = -1;
    enum base_fail_class cls = ledger_number(l, &due, f, "SELECT min(due) FROM job", "");

    /* 0 means that there is none, so a job of time 0 is due since 1 */
    *at = due < 0 ? 0 : due == 0 ? 1 : due;
    return cls;
}
