/* ledger/brake.c - what the spending brake counts, and what persons released above it.
 *
 * An order that used a release counts for that release alone, no more for the limits:
 * the rows themselves are the counters, so no crash can lose or double one. */
#include "internal.h"
#include "trust.h"

enum base_fail_class ledger_brake_count(struct ledger *l, const char *account, int64_t since,
                                        int64_t *n, struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM orders WHERE account = ?1 AND created >= ?2"
                         " AND NOT EXISTS (SELECT 1 FROM brake_use u WHERE u.order_row = orders.id)",
                         "ti", account, since);
}

enum base_fail_class ledger_brake_batch(struct ledger *l, const char *account, int64_t batch,
                                        int64_t *n, struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM orders WHERE batch = ?2 AND batch <> 0"
                         " AND account = ?1"
                         " AND NOT EXISTS (SELECT 1 FROM brake_use u WHERE u.order_row = orders.id)",
                         "ti", account, batch);
}

enum base_fail_class ledger_brake_placed(struct ledger *l, struct base_arena *a, int64_t batch,
                                         const char **who, struct base_fail *f)
{
    static const struct ledger_column column[] = {{LEDGER_TEXT, 0, 0}};
    static const struct ledger_table one = {"order", sizeof(const char *), column, 1};
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &one, &list, f,
                    "SELECT who FROM orders WHERE batch = ?1 AND batch <> 0 ORDER BY id LIMIT 1", "i",
                    batch);

    *who = cls == BASE_OK && list.n == 1 ? *(const char *const *)list.rows : NULL;
    return cls;
}

#define COLUMNS                                                                                    \
    "id, account, batch, orders, reason, who, at, until,"                                          \
    " (SELECT count(*) FROM brake_use u WHERE u.release = brake_release.id) AS used"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_release, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_release, account),
    LEDGER_COL(INT, struct ledger_release, batch),
    LEDGER_COL(INT, struct ledger_release, orders),
    LEDGER_COL(TEXT, struct ledger_release, reason), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_release, who),
    LEDGER_COL(INT, struct ledger_release, at),
    LEDGER_COL(INT, struct ledger_release, until),
    LEDGER_COL(INT, struct ledger_release, used),
};
static const struct ledger_table table = LEDGER_TABLE("release", struct ledger_release, columns);
/* what is written: all but the count */
static const struct ledger_table written = {"release", sizeof(struct ledger_release), columns, 8};

enum base_fail_class ledger_release_add(struct ledger *l, const struct ledger_release *r,
                                        int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &written, r, id, f,
                         "INSERT INTO brake_release (account, batch, orders, reason, who, at, until)"
                         " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8)");
}

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_release **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_release_list(struct ledger *l, struct base_arena *a,
                                         const char *account, int64_t after, size_t limit,
                                         struct ledger_release **out, size_t *n,
                                         struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls;

    if (account == NULL) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM brake_release WHERE id > ?1 ORDER BY id LIMIT ?2",
                          "in", after, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM brake_release WHERE account = ?1 AND id > ?2"
                          " ORDER BY id LIMIT ?3",
                          "tin", account, after, limit);
    }
    return give(cls, &list, out, n);
}

enum base_fail_class ledger_release_open(struct ledger *l, struct base_arena *a,
                                         const char *account, int64_t batch, int64_t now,
                                         size_t limit, struct ledger_release **out, size_t *n,
                                         struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM brake_release WHERE account = ?1"
                    " AND until > ?3 AND (batch = 0 OR batch = ?2)"
                    " AND orders > (SELECT count(*) FROM brake_use u"
                    "   WHERE u.release = brake_release.id)"
                    " ORDER BY until, id LIMIT ?4",
                    "tiin", account, batch, now, limit);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_release_use(struct ledger *l, int64_t release, int64_t order,
                                        struct base_fail *f)
{
    return ledger_change(l, NULL, f, "INSERT INTO brake_use (order_row, release) VALUES (?1, ?2)",
                         "ii", order, release);
}

enum base_fail_class ledger_release_of(struct ledger *l, struct base_arena *a, int64_t order,
                                       struct ledger_release *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM brake_release WHERE id ="
                      " (SELECT release FROM brake_use WHERE order_row = ?1)",
                      "i", order);
}
