/* ledger/row.c - between the members of a struct and the columns of a row.
 *
 * Owns nothing: what is bound is only read until the statement ends, what is
 * read is copied into the caller's arena. Binding gives the engine's code;
 * reading says false when a column can't have been written by us. Out of memory
 * ends the process like everywhere. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/json.h"
#include "folding.h"
#include "internal.h"

#define AT(row, col, type) ((type *)((char *)(row) + (col)))
#define AT_CONST(row, col, type) ((type const *)((const char *)(row) + (col)))

/* ---- binding --------------------------------------------------------------------- */

static int bind_text(sqlite3_stmt *st, int i, const char *s)
{
    return s == NULL ? sqlite3_bind_null(st, i) : sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}

static int bind_ref(sqlite3_stmt *st, int i, int64_t v)
{
    return v == 0 ? sqlite3_bind_null(st, i) : sqlite3_bind_int64(st, i, v);
}

static int bind_names(sqlite3_stmt *st, int i, const char *const *names, size_t n)
{
    json_t *a = json_array();

    for (size_t k = 0; k < n; k++) {
        if (json_array_append_new(a, json_string(names[k])) != 0) {
            json_decref(a);
            return SQLITE_MISMATCH; /* no valid UTF-8 */
        }
    }
    char *text = base_json_text(a);
    json_decref(a);
    return sqlite3_bind_text(st, i, text, -1, free);
}

static int bind_key(const struct ledger *l, sqlite3_stmt *st, int i, const char *mailbox)
{
    struct base_arena *a = base_arena_new();
    const char *key = ledger_mailbox_key(l, a, mailbox);
    int rc = key == NULL ? sqlite3_bind_null(st, i)
                         : sqlite3_bind_text(st, i, key, -1, SQLITE_TRANSIENT);

    base_arena_free(a);
    return rc;
}

int ledger_bind_arguments(const struct ledger *l, sqlite3_stmt *st, const char *types, va_list ap)
{
    int rc = SQLITE_OK;

    for (int i = 1; types[i - 1] != '\0' && rc == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 'i':
            rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
            break;
        case 'r':
            rc = bind_ref(st, i, va_arg(ap, int64_t));
            break;
        case 'n': {
            size_t n = va_arg(ap, size_t);
            rc = sqlite3_bind_int64(st, i, n > INT_MAX ? INT_MAX : (int64_t)n);
            break;
        }
        case 't':
            rc = bind_text(st, i, va_arg(ap, const char *));
            break;
        case 'm':
            rc = bind_key(l, st, i, va_arg(ap, const char *));
            break;
        default:
            rc = SQLITE_MISUSE;
        }
    }
    return rc;
}

static int bind_column(const struct ledger *l, sqlite3_stmt *st, int i, const struct ledger_column *c,
                       const void *row)
{
    const char *s;

    switch (c->type) {
    case LEDGER_INT:
        return sqlite3_bind_int64(st, i, *AT_CONST(row, c->at, int64_t));
    case LEDGER_INT32:
        return sqlite3_bind_int64(st, i, *AT_CONST(row, c->at, int));
    case LEDGER_BOOL:
        return sqlite3_bind_int64(st, i, *AT_CONST(row, c->at, bool));
    case LEDGER_REF:
        return bind_ref(st, i, *AT_CONST(row, c->at, int64_t));
    case LEDGER_TEXT:
        return bind_text(st, i, *AT_CONST(row, c->at, const char *));
    case LEDGER_WORD:
        s = *AT_CONST(row, c->at, const char *);
        return bind_text(st, i, s == NULL ? "" : s);
    case LEDGER_BYTES: {
        const unsigned char *p = *AT_CONST(row, c->at, const unsigned char *);
        size_t n = *AT_CONST(row, c->count_at, size_t);
        return p == NULL ? sqlite3_bind_null(st, i)
                         : sqlite3_bind_blob64(st, i, p, n, SQLITE_STATIC);
    }
    case LEDGER_NAMES:
        return bind_names(st, i, *AT_CONST(row, c->at, const char **),
                          *AT_CONST(row, c->count_at, size_t));
    case LEDGER_KEY:
        return bind_key(l, st, i, *AT_CONST(row, c->at, const char *));
    }
    return SQLITE_MISUSE;
}

int ledger_bind_row(const struct ledger *l, sqlite3_stmt *st, const struct ledger_table *t,
                    const void *row)
{
    int n = sqlite3_bind_parameter_count(st);
    int rc = n > (int)t->ncolumns ? SQLITE_RANGE : SQLITE_OK;

    for (int i = 1; i <= n && rc == SQLITE_OK; i++) {
        rc = bind_column(l, st, i, &t->columns[i - 1], row);
    }
    return rc;
}

/* ---- reading --------------------------------------------------------------------- */

static char *read_text(sqlite3_stmt *st, int i, struct base_arena *a)
{
    if (sqlite3_column_type(st, i) == SQLITE_NULL) {
        return NULL;
    }
    const unsigned char *s = sqlite3_column_text(st, i);
    if (s == NULL) {
        base_die("ledger: out of memory");
    }
    return base_arena_strndup(a, (const char *)s, (size_t)sqlite3_column_bytes(st, i));
}

static void read_bytes(sqlite3_stmt *st, int i, struct base_arena *a, const unsigned char **p,
                       size_t *n)
{
    const void *blob = sqlite3_column_blob(st, i);

    *n = (size_t)sqlite3_column_bytes(st, i);
    *p = NULL;
    if (blob != NULL && *n > 0) {
        unsigned char *copy = base_arena_alloc(a, *n);
        memcpy(copy, blob, *n);
        *p = copy;
    }
}

static bool read_names(sqlite3_stmt *st, int i, struct base_arena *a, const char ***out, size_t *n)
{
    const char *s = (const char *)sqlite3_column_text(st, i);
    size_t len = (size_t)sqlite3_column_bytes(st, i);
    json_t *list = s == NULL ? NULL : base_json_parse(s, len, LEDGER_ROW_MAX, NULL);
    bool good = json_is_array(list);

    *n = good ? json_array_size(list) : 0;
    *out = *n == 0 ? NULL : base_arena_array(a, *n, sizeof **out);
    for (size_t k = 0; k < *n && good; k++) {
        const char *name = json_string_value(json_array_get(list, k));
        good = name != NULL;
        (*out)[k] = base_arena_strdup(a, name);
    }
    json_decref(list);
    return good;
}

bool ledger_read_row(sqlite3_stmt *st, struct base_arena *a, const struct ledger_table *t,
                     void *row)
{
    int n = sqlite3_column_count(st);
    bool good = n <= (int)t->ncolumns;

    for (int i = 0; i < n && good; i++) {
        const struct ledger_column *c = &t->columns[i];
        switch (c->type) {
        case LEDGER_INT:
        case LEDGER_REF:
            *AT(row, c->at, int64_t) = sqlite3_column_int64(st, i);
            break;
        case LEDGER_INT32:
            *AT(row, c->at, int) = sqlite3_column_int(st, i);
            break;
        case LEDGER_BOOL:
            *AT(row, c->at, bool) = sqlite3_column_int(st, i) != 0;
            break;
        case LEDGER_TEXT:
        case LEDGER_WORD:
            *AT(row, c->at, const char *) = read_text(st, i, a);
            break;
        case LEDGER_BYTES:
            read_bytes(st, i, a, AT(row, c->at, const unsigned char *),
                       AT(row, c->count_at, size_t));
            break;
        case LEDGER_KEY:
            good = false;
            break;
        case LEDGER_NAMES:
            good =
                read_names(st, i, a, AT(row, c->at, const char **), AT(row, c->count_at, size_t));
            break;
        }
    }
    return good;
}
