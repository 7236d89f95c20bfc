/* ledger/events.c - the record of what happened. Rows are only ever added: the
 * schema's triggers refuse everything else. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define COLUMNS "id, at, type, tenant, object, actor, data"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_event, id),      LEDGER_COL(INT, struct ledger_event, at),
    LEDGER_COL(TEXT, struct ledger_event, type),   LEDGER_COL(TEXT, struct ledger_event, tenant),
    LEDGER_COL(TEXT, struct ledger_event, object), LEDGER_COL(TEXT, struct ledger_event, actor),
    LEDGER_COL(TEXT, struct ledger_event, data),
};
static const struct ledger_table table = LEDGER_TABLE("event", struct ledger_event, columns);

enum base_fail_class ledger_event_add(struct ledger *l, const struct ledger_event *e,
                                      struct base_fail *f)
{
    return ledger_insert(l, &table, e, NULL, f,
                         "INSERT INTO event (at, type, tenant, object, actor, data)"
                         " VALUES (?2, ?3, ?4, ?5, ?6, coalesce(?7, '{}'))");
}

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_event **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_event_list(struct ledger *l, struct base_arena *a, const char *object,
                                       int64_t after, size_t limit, struct ledger_event **out,
                                       size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls;

    if (object == NULL) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM event WHERE id > ?1 ORDER BY id LIMIT ?2", "in",
                          after, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM event WHERE object = ?1 AND id > ?2"
                          " ORDER BY id LIMIT ?3",
                          "tin", object, after, limit);
    }
    return give(cls, &list, out, n);
}

/* There are few types and many events: walk the types that begin with the
 * prefix (?1 up to ?2) and take the newest of each by the index, then the
 * newest of all these. */
#define RECENT_OF_TYPES                                                                            \
    "WITH RECURSIVE types(type) AS ("                                                              \
    "  SELECT min(type) FROM event WHERE type >= ?1 AND type < ?2"                                 \
    "  UNION ALL"                                                                                  \
    "  SELECT (SELECT min(type) FROM event WHERE type > types.type AND type < ?2) FROM types"      \
    "    WHERE types.type IS NOT NULL)"                                                            \
    " SELECT e.id, e.at, e.type, e.tenant, e.object, e.actor, e.data"                              \
    " FROM types CROSS JOIN event AS e ON e.id IN (SELECT id FROM event"                           \
    "    WHERE type = types.type AND at >= ?3 ORDER BY at DESC, id DESC LIMIT ?4)"                 \
    " ORDER BY e.at DESC, e.id DESC LIMIT ?4"

enum base_fail_class ledger_event_recent(struct ledger *l, struct base_arena *a,
                                         const char *type_prefix, int64_t since, size_t limit,
                                         struct ledger_event **out, size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls;

    if (type_prefix == NULL || type_prefix[0] == '\0') {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM event WHERE at >= ?1"
                          " ORDER BY at DESC, id DESC LIMIT ?2",
                          "in", since, limit);
        return give(cls, &list, out, n);
    }
    /* "mail." up to "mail/": everything that begins with the prefix */
    char *end = base_arena_strdup(a, type_prefix);
    size_t last = strlen(end) - 1;
    end[last] = (char)(end[last] + 1);
    cls = ledger_rows(l, a, &table, &list, f, RECENT_OF_TYPES, "ttin", type_prefix, end, since,
                      limit);
    return give(cls, &list, out, n);
}
