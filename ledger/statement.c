/* ledger/statement.c - statements: prepared once, run to their end, answered.
 *
 * Owns the cache of prepared statements in struct ledger. Every call resets
 * its statement before it returns, so nothing stays locked between calls.
 * Fails as ledger_failure() maps the engine's codes. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

/* ---- the cache ----------------------------------------------------------------- */

static enum base_fail_class statement(struct ledger *l, const char *sql, sqlite3_stmt **out,
                                      struct base_fail *f)
{
    size_t i = ((uintptr_t)sql >> 2) * 2654435761u % LEDGER_SLOTS;

    for (size_t tried = 0; tried < LEDGER_SLOTS; tried++, i = (i + 1) % LEDGER_SLOTS) {
        if (l->slots[i].sql == sql) {
            *out = l->slots[i].st;
            return BASE_OK;
        }
        if (l->slots[i].sql == NULL) {
            int rc = sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
            if (rc != SQLITE_OK) {
                return ledger_failure(l, rc, sql, f);
            }
            l->slots[i] = (struct ledger_slot){sql, *out};
            return BASE_OK;
        }
    }
    return ledger_misuse(f, "more statements than the cache has places");
}

void ledger_forget_statements(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        sqlite3_finalize(l->slots[i].st);
        l->slots[i] = (struct ledger_slot){0};
    }
}

static void finish(sqlite3_stmt *st)
{
    /* the failure, if any, was seen at sqlite3_step() */
    (void)sqlite3_reset(st);
    (void)sqlite3_clear_bindings(st);
}

/* One step. *row tells whether there is a row; otherwise the statement is finished. */
static enum base_fail_class step(struct ledger *l, sqlite3_stmt *st, bool *row, struct base_fail *f)
{
    int rc = sqlite3_step(st);

    *row = rc == SQLITE_ROW;
    if (*row) {
        return BASE_OK;
    }
    enum base_fail_class cls =
        rc == SQLITE_DONE ? BASE_OK : ledger_failure(l, rc, sqlite3_sql(st), f);
    finish(st);
    return cls;
}

static enum base_fail_class check_transaction(struct ledger *l, struct base_fail *f)
{
    if (!l->in_transaction) {
        return ledger_misuse(f, "a change outside a transaction");
    }
    if (l->lost.cls != BASE_OK) {
        return base_failf(f, l->lost.cls, l->lost.code, "%s", l->lost.text);
    }
    return BASE_OK;
}

/* ---- what the subjects call -------------------------------------------------------- */

static enum base_fail_class unreadable(sqlite3_stmt *st, const char *what, struct base_fail *f)
{
    finish(st);
    return base_failf(f, BASE_PERMANENT, "ledger.damaged",
                      "a row (%s) of the ledger holds something that was never written", what);
}

/* Statement and arguments, ready to step. */
static enum base_fail_class begin_statement(struct ledger *l, const char *sql, const char *types,
                                            va_list ap, sqlite3_stmt **st, struct base_fail *f)
{
    enum base_fail_class cls = statement(l, sql, st, f);

    if (cls != BASE_OK) {
        return cls;
    }
    int rc = ledger_bind_arguments(l, *st, types, ap);
    if (rc != SQLITE_OK) {
        finish(*st);
        return ledger_failure(l, rc, sql, f);
    }
    return BASE_OK;
}

enum base_fail_class ledger_rows(struct ledger *l, struct base_arena *a,
                                 const struct ledger_table *t, struct ledger_list *out,
                                 struct base_fail *f, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    size_t room = 0;
    bool row;

    *out = (struct ledger_list){0};
    va_start(ap, types);
    enum base_fail_class cls = begin_statement(l, sql, types, ap, &st, f);
    va_end(ap);
    if (cls != BASE_OK) {
        return cls;
    }
    while ((cls = step(l, st, &row, f)) == BASE_OK && row) {
        if (out->n == room) {
            room = room == 0 ? 16 : room * 2;
            void *more = base_arena_array(a, room, t->size);
            if (out->n > 0) {
                memcpy(more, out->rows, out->n * t->size);
            }
            out->rows = more;
        }
        if (!ledger_read_row(st, a, t, (char *)out->rows + out->n * t->size)) {
            cls = unreadable(st, t->what, f);
            break;
        }
        out->n++;
    }
    if (cls != BASE_OK) {
        *out = (struct ledger_list){0};
    }
    return cls;
}

enum base_fail_class ledger_row(struct ledger *l, struct base_arena *a,
                                const struct ledger_table *t, void *out, struct base_fail *f,
                                const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    bool row;

    memset(out, 0, t->size);
    va_start(ap, types);
    enum base_fail_class cls = begin_statement(l, sql, types, ap, &st, f);
    va_end(ap);
    if (cls != BASE_OK || (cls = step(l, st, &row, f)) != BASE_OK) {
        return cls;
    }
    if (!row) {
        return ledger_absent(f, t->what);
    }
    if (!ledger_read_row(st, a, t, out)) {
        return unreadable(st, t->what, f);
    }
    finish(st);
    return BASE_OK;
}

static enum base_fail_class number(struct ledger *l, int64_t *v, struct base_fail *f,
                                   const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *st;
    bool row;
    enum base_fail_class cls = begin_statement(l, sql, types, ap, &st, f);

    if (cls != BASE_OK || (cls = step(l, st, &row, f)) != BASE_OK || !row) {
        return cls;
    }
    if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
        *v = sqlite3_column_int64(st, 0);
    }
    /* to its end: a change is complete only then */
    while ((cls = step(l, st, &row, f)) == BASE_OK && row) {
    }
    return cls;
}

enum base_fail_class ledger_number(struct ledger *l, int64_t *v, struct base_fail *f,
                                   const char *sql, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    enum base_fail_class cls = number(l, v, f, sql, types, ap);
    va_end(ap);
    return cls;
}

enum base_fail_class ledger_change_number(struct ledger *l, int64_t *v, struct base_fail *f,
                                          const char *sql, const char *types, ...)
{
    va_list ap;
    enum base_fail_class cls = check_transaction(l, f);

    if (cls != BASE_OK) {
        return cls;
    }
    va_start(ap, types);
    cls = number(l, v, f, sql, types, ap);
    va_end(ap);
    return cls;
}

/* Steps to the end; rows, if any, are dropped. */
static enum base_fail_class run(struct ledger *l, sqlite3_stmt *st, struct base_fail *f)
{
    enum base_fail_class cls;
    bool row;

    while ((cls = step(l, st, &row, f)) == BASE_OK && row) {
    }
    return cls;
}

enum base_fail_class ledger_change(struct ledger *l, int *changed, struct base_fail *f,
                                   const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    enum base_fail_class cls = check_transaction(l, f);

    if (cls != BASE_OK) {
        return cls;
    }
    va_start(ap, types);
    cls = begin_statement(l, sql, types, ap, &st, f);
    va_end(ap);
    if (cls == BASE_OK) {
        cls = run(l, st, f);
    }
    if (cls == BASE_OK && changed != NULL) {
        *changed = sqlite3_changes(l->db);
    }
    return cls;
}

static enum base_fail_class write_row(struct ledger *l, const struct ledger_table *t,
                                      const void *row, struct base_fail *f, const char *sql)
{
    sqlite3_stmt *st;
    enum base_fail_class cls = check_transaction(l, f);

    if (cls != BASE_OK || (cls = statement(l, sql, &st, f)) != BASE_OK) {
        return cls;
    }
    int rc = ledger_bind_row(l, st, t, row);
    if (rc != SQLITE_OK) {
        finish(st);
        return ledger_failure(l, rc, sql, f);
    }
    return run(l, st, f);
}

enum base_fail_class ledger_insert(struct ledger *l, const struct ledger_table *t, const void *row,
                                   int64_t *id, struct base_fail *f, const char *sql)
{
    enum base_fail_class cls = write_row(l, t, row, f, sql);

    if (cls == BASE_OK && id != NULL) {
        *id = sqlite3_last_insert_rowid(l->db);
    }
    return cls;
}

enum base_fail_class ledger_update(struct ledger *l, const struct ledger_table *t, const void *row,
                                   struct base_fail *f, const char *sql)
{
    enum base_fail_class cls = write_row(l, t, row, f, sql);

    if (cls == BASE_OK && sqlite3_changes(l->db) == 0) {
        return ledger_absent(f, t->what);
    }
    return cls;
}

enum base_fail_class ledger_plain(struct ledger *l, struct base_fail *f, const char *sql)
{
    sqlite3_stmt *st;
    enum base_fail_class cls = statement(l, sql, &st, f);

    return cls == BASE_OK ? run(l, st, f) : cls;
}

enum base_fail_class ledger_script(struct ledger *l, struct base_fail *f, const char *sql)
{
    int rc = sqlite3_exec(l->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? BASE_OK : ledger_failure(l, rc, sql, f);
}

enum base_fail_class ledger_pragma(struct ledger *l, const char *sql, int64_t *v,
                                   struct base_fail *f)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &st, NULL);

    if (rc != SQLITE_OK) {
        return ledger_failure(l, rc, sql, f);
    }
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *v = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? BASE_OK : ledger_failure(l, rc, sql, f);
}
