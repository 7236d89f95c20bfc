/* ledger/domains.c - domains as the CA holds them: one row for a name and account. */
#include <string.h>

#include "internal.h"

#define COLUMNS "name, account, ca_id, state, method, valid_until, looked_at"

static const struct ledger_column columns[] = {
    LEDGER_COL(TEXT, struct ledger_domain, name),
    LEDGER_COL(TEXT, struct ledger_domain, account),
    LEDGER_COL(TEXT, struct ledger_domain, ca_id),
    LEDGER_COL(TEXT, struct ledger_domain, state),
    LEDGER_COL(TEXT, struct ledger_domain, method),
    LEDGER_COL(INT, struct ledger_domain, valid_until),
    LEDGER_COL(INT, struct ledger_domain, looked_at),
};
static const struct ledger_table table = LEDGER_TABLE("domain", struct ledger_domain, columns);

enum base_fail_class ledger_domain_put(struct ledger *l, const struct ledger_domain *d,
                                       struct base_fail *f)
{
    return ledger_insert(l, &table, d, NULL, f,
                         "INSERT INTO domain (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                         " ON CONFLICT (name, account) DO UPDATE SET ca_id = excluded.ca_id,"
                         " state = excluded.state, method = excluded.method,"
                         " valid_until = excluded.valid_until, looked_at = excluded.looked_at");
}

enum base_fail_class ledger_domain_get(struct ledger *l, struct base_arena *a, const char *name,
                                       const char *account, struct ledger_domain *out,
                                       struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM domain WHERE name = ?1 AND account = ?2", "tt", name,
                      account);
}

/* A page ends between two names, never within one: the next page starts with
 * names > the last, and would leave out the rest of its accounts. */
static size_t whole_names(const struct ledger_domain *rows, size_t n, size_t limit)
{
    if (n <= limit) {
        return n;
    }
    size_t cut = limit;
    while (cut > 0 && strcmp(rows[cut - 1].name, rows[limit].name) == 0) {
        cut--;
    }
    return cut;
}

enum base_fail_class ledger_domain_list(struct ledger *l, struct base_arena *a, const char *after,
                                        size_t limit, struct ledger_domain **out, size_t *n,
                                        struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(l, a, &table, &list, f,
                                           "SELECT " COLUMNS " FROM domain WHERE name > ?1"
                                           " ORDER BY name, account LIMIT ?2 + 1",
                                           "tn", after, limit);

    *out = list.rows;
    *n = whole_names(list.rows, list.n, limit);
    if (cls == BASE_OK && *n == 0 && list.n > 0 && limit > 0) {
        return ledger_misuse(f, "a page of domains is smaller than the accounts of one name");
    }
    return cls;
}
