/* ledger/domainlook.c - what the DNS shows of each domain, and its calendar: one row for a name. */
#include "domainlook.h"

#include <string.h>

#include "internal.h"

#define COLUMNS                                                                                    \
    "name, looked_at, next_look, mx_ours, mx_missed, dropped, mx, contacts, persist,"              \
    " persist_until, valid_since, tried, trouble"

static const struct ledger_column columns[] = {
    LEDGER_COL(TEXT, struct ledger_domain_look, name),
    LEDGER_COL(INT, struct ledger_domain_look, looked_at),
    LEDGER_COL(INT, struct ledger_domain_look, next_look),
    LEDGER_COL(INT, struct ledger_domain_look, mx_ours),
    LEDGER_COL(INT, struct ledger_domain_look, mx_missed),
    LEDGER_COL(INT, struct ledger_domain_look, dropped),
    LEDGER_COL(TEXT, struct ledger_domain_look, mx),
    LEDGER_COL2(NAMES, struct ledger_domain_look, contacts, ncontacts),
    LEDGER_COL(TEXT, struct ledger_domain_look, persist),
    LEDGER_COL(INT, struct ledger_domain_look, persist_until),
    LEDGER_COL(INT, struct ledger_domain_look, valid_since),
    LEDGER_COL(INT, struct ledger_domain_look, tried),
    LEDGER_COL(TEXT, struct ledger_domain_look, trouble),
};
static const struct ledger_table table =
    LEDGER_TABLE("domain_look", struct ledger_domain_look, columns);

enum base_fail_class ledger_domain_look_get(struct ledger *l, struct base_arena *a,
                                            const char *name, struct ledger_domain_look *out,
                                            struct base_fail *f)
{
    struct base_fail why = {0};
    enum base_fail_class cls =
        ledger_row(l, a, &table, out, &why, "SELECT " COLUMNS " FROM domain_look WHERE name = ?1",
                   "t", name);

    if (cls != BASE_OK && strcmp(why.code, "ledger.absent") == 0) {
        *out = (struct ledger_domain_look){.name = base_arena_strdup(a, name)};
        return BASE_OK;
    }
    return cls == BASE_OK ? BASE_OK : base_failf(f, cls, why.code, "%s", why.text);
}

enum base_fail_class ledger_domain_look_put(struct ledger *l, const struct ledger_domain_look *d,
                                            struct base_fail *f)
{
    return ledger_insert(l, &table, d, NULL, f,
                         "INSERT OR REPLACE INTO domain_look (" COLUMNS ") VALUES (?1, ?2, ?3, ?4,"
                         " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
}

enum base_fail_class ledger_domain_look_list(struct ledger *l, struct base_arena *a,
                                             enum ledger_domain_which which, const char *after,
                                             size_t limit, struct ledger_domain_look **out,
                                             size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    static const char *const sql[] = {
        "SELECT " COLUMNS " FROM domain_look WHERE dropped > 0 AND name > ?1 ORDER BY name LIMIT ?2",
        "SELECT " COLUMNS " FROM domain_look WHERE contacts <> '[]' AND name > ?1"
        " ORDER BY name LIMIT ?2",
        "SELECT " COLUMNS " FROM domain_look WHERE (trouble IS NOT NULL OR persist_until > 0)"
        " AND name > ?1 ORDER BY name LIMIT ?2",
    };
    enum base_fail_class cls = ledger_rows(l, a, &table, &list, f, sql[which], "tn", after, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}
