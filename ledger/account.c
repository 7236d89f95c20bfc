/* ledger/account.c - prices and organizations. */
#include "account.h"

#include "internal.h"

#define PRICE "order_row, account, product, days, each, currency, at"

static const struct ledger_column price_columns[] = {
    LEDGER_COL(INT, struct ledger_price, order_row), LEDGER_COL(TEXT, struct ledger_price, account),
    LEDGER_COL(TEXT, struct ledger_price, product),  LEDGER_COL(INT, struct ledger_price, days),
    LEDGER_COL(TEXT, struct ledger_price, each),     LEDGER_COL(TEXT, struct ledger_price, currency),
    LEDGER_COL(INT, struct ledger_price, at),
};
static const struct ledger_table prices = LEDGER_TABLE("price", struct ledger_price, price_columns);

enum base_fail_class ledger_price_put(struct ledger *l, const struct ledger_price *p,
                                      struct base_fail *f)
{
    return ledger_insert(l, &prices, p, NULL, f,
                         "INSERT INTO order_price (" PRICE ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                         " ON CONFLICT (order_row) DO UPDATE SET each = excluded.each,"
                         " currency = excluded.currency, at = excluded.at");
}

enum base_fail_class ledger_price_get(struct ledger *l, struct base_arena *a, int64_t order_row,
                                      struct ledger_price *out, struct base_fail *f)
{
    return ledger_row(l, a, &prices, out, f,
                      "SELECT " PRICE " FROM order_price WHERE order_row = ?1", "i", order_row);
}

enum base_fail_class ledger_price_last(struct ledger *l, struct base_arena *a, const char *account,
                                       const char *product, int64_t days, struct ledger_price *out,
                                       struct base_fail *f)
{
    return ledger_row(l, a, &prices, out, f,
                      "SELECT " PRICE " FROM order_price WHERE account = ?1 AND product = ?2"
                      " AND days = ?3 ORDER BY at DESC LIMIT 1",
                      "tti", account, product, days);
}

#define ORG "id, account, tenant, name, form, state, ca_id, by, reason, created, changed"

static const struct ledger_column columns[] = {
    LEDGER_COL(REF, struct ledger_organization, id),
    LEDGER_COL(TEXT, struct ledger_organization, account),
    LEDGER_COL(TEXT, struct ledger_organization, tenant),
    LEDGER_COL(TEXT, struct ledger_organization, name),
    LEDGER_COL(TEXT, struct ledger_organization, form),
    LEDGER_COL(TEXT, struct ledger_organization, state),
    LEDGER_COL(TEXT, struct ledger_organization, ca_id),
    LEDGER_COL(TEXT, struct ledger_organization, by),
    LEDGER_COL(TEXT, struct ledger_organization, reason),
    LEDGER_COL(INT, struct ledger_organization, created),
    LEDGER_COL(INT, struct ledger_organization, changed),
};
static const struct ledger_table table =
    LEDGER_TABLE("organization", struct ledger_organization, columns);

enum base_fail_class ledger_organization_add(struct ledger *l, const struct ledger_organization *o,
                                             int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &table, o, id, f,
                         "INSERT INTO organization (" ORG ")"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
}

enum base_fail_class ledger_organization_update(struct ledger *l,
                                                const struct ledger_organization *o,
                                                struct base_fail *f)
{
    return ledger_update(l, &table, o, f,
                         "UPDATE organization SET account = ?2, tenant = ?3, name = ?4, form = ?5,"
                         " state = ?6, ca_id = ?7, by = ?8, reason = ?9, created = ?10,"
                         " changed = ?11 WHERE id = ?1");
}

enum base_fail_class ledger_organization_get(struct ledger *l, struct base_arena *a, int64_t id,
                                             struct ledger_organization *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " ORG " FROM organization WHERE id = ?1", "i",
                      id);
}

enum base_fail_class ledger_organization_list(struct ledger *l, struct base_arena *a,
                                              const char *account, const char *ca_id,
                                              const char *name, size_t limit,
                                              struct ledger_organization **out, size_t *n,
                                              struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " ORG " FROM organization WHERE account = ?1"
                    " AND (?2 IS NULL OR ca_id = ?2) AND (?3 IS NULL OR name = ?3)"
                    " ORDER BY id DESC LIMIT ?4",
                    "tttn", account, ca_id, name, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}
