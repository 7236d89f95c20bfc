/* ledger/batch.c - batches and their lines.
 *
 * What a line asks for never changes; its state does, and a trigger
 * (schema_batch.c) ends it together with its order. */
#include "batch.h"

#include <string.h>

#include "internal.h"

#define COLUMNS                                                                                    \
    "id, key, kind, name, state, who, reason, wave, every, wave_left, next_at, deadline, since,"   \
    " until, issuer, created, started, ended, text"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_batch, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_batch, key),
    LEDGER_COL(TEXT, struct ledger_batch, kind),
    LEDGER_COL(TEXT, struct ledger_batch, name),
    LEDGER_COL(TEXT, struct ledger_batch, state), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_batch, by),
    LEDGER_COL(TEXT, struct ledger_batch, reason),
    LEDGER_COL(INT, struct ledger_batch, wave),
    LEDGER_COL(INT, struct ledger_batch, every),
    LEDGER_COL(INT, struct ledger_batch, wave_left), /* ?10 */
    LEDGER_COL(INT, struct ledger_batch, next_at),
    LEDGER_COL(INT, struct ledger_batch, deadline),
    LEDGER_COL(INT, struct ledger_batch, since),
    LEDGER_COL(INT, struct ledger_batch, until),
    LEDGER_COL(TEXT, struct ledger_batch, issuer), /* ?15 */
    LEDGER_COL(INT, struct ledger_batch, created),
    LEDGER_COL(INT, struct ledger_batch, started),
    LEDGER_COL(INT, struct ledger_batch, ended),
    LEDGER_COL(TEXT, struct ledger_batch, text),
};
static const struct ledger_table table = LEDGER_TABLE("batch", struct ledger_batch, columns);

enum base_fail_class ledger_batch_add(struct ledger *l, const struct ledger_batch *b, int64_t *id,
                                      struct base_fail *f)
{
    return ledger_insert(l, &table, b, id, f,
                         "INSERT INTO batch (key, kind, name, state, who, reason, wave, every,"
                         " wave_left, next_at, deadline, since, until, issuer, created, started,"
                         " ended, text) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                         " ?14, ?15, ?16, ?17, ?18, ?19)");
}

enum base_fail_class ledger_batch_get(struct ledger *l, struct base_arena *a, int64_t id,
                                      struct ledger_batch *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " COLUMNS " FROM batch WHERE id = ?1", "i", id);
}

enum base_fail_class ledger_batch_find(struct ledger *l, struct base_arena *a, const char *key,
                                       struct ledger_batch *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM batch WHERE key = ?1 ORDER BY id DESC LIMIT 1", "t",
                      key);
}

enum base_fail_class ledger_batch_update(struct ledger *l, const struct ledger_batch *b,
                                         struct base_fail *f)
{
    return ledger_update(l, &table, b, f,
                         "UPDATE batch SET name = ?4, state = ?5, reason = ?7, wave = ?8,"
                         " every = ?9, wave_left = ?10, next_at = ?11, deadline = ?12, since = ?13,"
                         " until = ?14, issuer = ?15, started = ?17, ended = ?18, text = ?19"
                         " WHERE id = ?1");
}

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_batch **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_batch_list(struct ledger *l, struct base_arena *a, int64_t before,
                                       size_t limit, struct ledger_batch **out, size_t *n,
                                       struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &table, &list, f,
        "SELECT " COLUMNS " FROM batch WHERE id < ?1 ORDER BY id DESC LIMIT ?2", "in",
        before > 0 ? before : INT64_MAX, limit);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_batch_active(struct ledger *l, struct base_arena *a,
                                         struct ledger_batch **out, size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM batch WHERE state IN ('running', 'braked', 'placed')"
                    " ORDER BY id LIMIT 100",
                    "");

    return give(cls, &list, out, n);
}

/* ---- counts ----------------------------------------------------------------------------- */

struct count {
    const char *state;
    int64_t n;
};
static const struct ledger_column count_columns[] = {
    LEDGER_COL(TEXT, struct count, state),
    LEDGER_COL(INT, struct count, n),
};
static const struct ledger_table count_table = LEDGER_TABLE("batch", struct count, count_columns);

enum base_fail_class ledger_batch_count(struct ledger *l, int64_t batch,
                                        struct ledger_batch_counts *out, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_list list;
    const struct {
        const char *state;
        int64_t *n;
    } places[] = {
        {"waiting", &out->waiting}, {"placed", &out->placed},   {"issued", &out->issued},
        {"failed", &out->failed},   {"refused", &out->refused}, {"duplicate", &out->duplicate},
    };
    enum base_fail_class cls =
        ledger_rows(l, a, &count_table, &list, f,
                    "SELECT state, n FROM batch_count WHERE batch = ?1", "i", batch);
    const struct count *v = list.rows;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; cls == BASE_OK && i < list.n; i++) {
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            if (strcmp(v[i].state, places[k].state) == 0) {
                *places[k].n = v[i].n;
            }
        }
    }
    base_arena_free(a);
    return cls;
}

/* ---- lines -------------------------------------------------------------------------------- */

static const struct ledger_column line_columns[] = {
    LEDGER_COL(INT, struct ledger_batch_line, id), /* ?1 */
    LEDGER_COL(INT, struct ledger_batch_line, batch),
    LEDGER_COL(INT, struct ledger_batch_line, line),
    LEDGER_COL(TEXT, struct ledger_batch_line, key),
    LEDGER_COL(TEXT, struct ledger_batch_line, mailbox), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_batch_line, state),
    LEDGER_COL(REF, struct ledger_batch_line, order_row),
    LEDGER_COL(INT, struct ledger_batch_line, changed),
    LEDGER_COL(TEXT, struct ledger_batch_line, text),
    LEDGER_COL(TEXT, struct ledger_batch_line, request), /* ?10 */
};
static const struct ledger_table line_table =
    LEDGER_TABLE("line", struct ledger_batch_line, line_columns);

enum base_fail_class ledger_batch_line_add(struct ledger *l, const struct ledger_batch_line *line,
                                           struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "INSERT INTO batch_line (batch, line, key, mailbox, state, order_row,"
                         " changed, text, request) VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7, ?8)"
                         " ON CONFLICT (batch, line) DO NOTHING",
                         "iitttitt", line->batch, line->line, line->key, line->mailbox, line->state,
                         line->changed, line->text, line->request);
}

enum base_fail_class ledger_batch_line_next(struct ledger *l, struct base_arena *a, int64_t batch,
                                            size_t limit, struct ledger_batch_line **out, size_t *n,
                                            struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &line_table, &list, f,
        "SELECT id, batch, line, key, mailbox, state, order_row, changed, text, request"
        " FROM batch_line WHERE batch = ?1 AND state = 'waiting' ORDER BY line LIMIT ?2",
        "in", batch, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}

enum base_fail_class ledger_batch_line_update(struct ledger *l,
                                              const struct ledger_batch_line *line,
                                              struct base_fail *f)
{
    return ledger_update(l, &line_table, line, f,
                         "UPDATE batch_line SET state = ?6, order_row = ?7, changed = ?8, text = ?9"
                         " WHERE id = ?1");
}

enum base_fail_class ledger_batch_line_fail(struct ledger *l, int64_t order, int64_t at,
                                            const char *text, struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "UPDATE batch_line SET state = 'failed', changed = ?2, text = ?3"
                         " WHERE order_row = ?1 AND state = 'placed'",
                         "iit", order, at, text);
}

enum base_fail_class ledger_batch_line_retry(struct ledger *l, int64_t batch, int64_t at, int64_t *n,
                                             struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls = ledger_change(
        l, &changed, f,
        "UPDATE batch_line SET state = 'waiting', order_row = NULL, text = NULL, changed = ?2"
        " WHERE batch = ?1 AND state IN ('failed', 'refused')",
        "ii", batch, at);

    *n = changed;
    return cls;
}

enum base_fail_class ledger_batch_line_last(struct ledger *l, int64_t batch, int64_t *line,
                                            struct base_fail *f)
{
    *line = 0;
    return ledger_number(l, line, f, "SELECT max(line) FROM batch_line WHERE batch = ?1", "i",
                         batch);
}

/* A stored order counts as long as a certificate of it is current. */
enum base_fail_class ledger_batch_line_twin(struct ledger *l, const char *key, int64_t line,
                                            int64_t *order, struct base_fail *f)
{
    *order = 0;
    return ledger_number(
        l, order, f,
        "SELECT o.id FROM batch_line AS l CROSS JOIN orders AS o ON o.id = l.order_row"
        " WHERE l.key = ?1 AND l.id <> ?2 AND o.state NOT IN ('failed', 'cancelled')"
        " AND (o.state <> 'stored' OR EXISTS (SELECT 1 FROM mailbox AS m"
        "   CROSS JOIN certificate_mailbox AS x ON x.mailbox = m.id"
        "   CROSS JOIN certificate AS c ON c.id = x.certificate"
        "   WHERE m.key = o.mailbox_key AND c.order_row = o.id AND c.state = 'current'))"
        " LIMIT 1",
        "ti", key, line);
}

/* ---- results -------------------------------------------------------------------------------- */

static const struct ledger_column result_columns[] = {
    LEDGER_COL(INT, struct ledger_batch_result, line),
    LEDGER_COL(TEXT, struct ledger_batch_result, mailbox),
    LEDGER_COL(TEXT, struct ledger_batch_result, state),
    LEDGER_COL(REF, struct ledger_batch_result, order_row),
    LEDGER_COL(REF, struct ledger_batch_result, certificate),
    LEDGER_COL(TEXT, struct ledger_batch_result, text),
};
static const struct ledger_table result_table =
    LEDGER_TABLE("line", struct ledger_batch_result, result_columns);

enum base_fail_class ledger_batch_results(struct ledger *l, struct base_arena *a, int64_t batch,
                                          int64_t after, size_t limit,
                                          struct ledger_batch_result **out, size_t *n,
                                          struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &result_table, &list, f,
        "SELECT l.line, l.mailbox, l.state, l.order_row,"
        " (SELECT max(c.id) FROM mailbox AS m CROSS JOIN certificate_mailbox AS x ON x.mailbox = m.id"
        "   CROSS JOIN certificate AS c ON c.id = x.certificate"
        "   WHERE l.state IN ('issued', 'duplicate') AND m.key = o.mailbox_key"
        "   AND c.order_row = o.id),"
        " CASE l.state WHEN 'placed' THEN o.reason ELSE l.text END"
        " FROM batch_line AS l LEFT JOIN orders AS o ON o.id = l.order_row"
        " WHERE l.batch = ?1 AND l.line > ?2 ORDER BY l.line LIMIT ?3",
        "iin", batch, after, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}

/* ---- how much is on its way ---------------------------------------------------------------- */

enum base_fail_class ledger_order_early(struct ledger *l, const char *account, int64_t *n,
                                        struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM orders INDEXED BY orders_early WHERE account = ?1"
                         " AND state IN ('preparing', 'requesting', 'unclear')",
                         "t", account);
}

enum base_fail_class ledger_order_open(struct ledger *l, const char *account, int64_t *n,
                                       struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM orders INDEXED BY orders_open WHERE account = ?1"
                         " AND state NOT IN ('stored', 'failed', 'cancelled')",
                         "t", account);
}

/* ---- what was issued in a time ----------------------------------------------------------------- */

static const struct ledger_column issued_columns[] = {
    LEDGER_COL(INT, struct ledger_issued, id),
    LEDGER_COL(INT, struct ledger_issued, not_before),
    LEDGER_COL(REF, struct ledger_issued, order_row),
    LEDGER_COL(TEXT, struct ledger_issued, mailbox),
    LEDGER_COL(TEXT, struct ledger_issued, account),
    LEDGER_COL(TEXT, struct ledger_issued, key_id),
};
static const struct ledger_table issued_table =
    LEDGER_TABLE("certificate", struct ledger_issued, issued_columns);

#define ISSUED                                                                                     \
    " FROM certificate AS c INDEXED BY certificate_issued WHERE c.state = 'current'"               \
    " AND c.not_before >= ?1 AND c.not_before < ?2 AND c.order_row IS NOT NULL"                    \
    " AND (?3 IS NULL OR instr(lower(c.issuer), lower(?3)) > 0)"

enum base_fail_class ledger_issued_list(struct ledger *l, struct base_arena *a, int64_t since,
                                        int64_t until, const char *issuer, int64_t after_time,
                                        int64_t after_id, size_t limit, struct ledger_issued **out,
                                        size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &issued_table, &list, f,
        "SELECT c.id, c.not_before, c.order_row,"
        " (SELECT o.mailbox FROM orders AS o WHERE o.id = c.order_row), c.account, c.key_id" ISSUED
        " AND (c.not_before, c.id) > (?4, ?5) ORDER BY c.not_before, c.id LIMIT ?6",
        "iitiin", since, until, issuer, after_time, after_id, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}

enum base_fail_class ledger_issued_count(struct ledger *l, int64_t since, int64_t until,
                                         const char *issuer, const char *account, int64_t *n,
                                         struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*)" ISSUED " AND (?4 IS NULL OR c.account = ?4)", "iitt", since,
                         until, issuer, account);
}
