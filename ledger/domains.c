/* ledger/domains.c - domains as the CA holds them: one row for a name and account. */
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
