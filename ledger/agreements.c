/* ledger/agreements.c - which of the CA's terms were accepted for an account, by whom, when. */
#include "internal.h"
#include "trust.h"

#define COLUMNS "id, account, what, version, name, entered_by, at, text_sha256"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_agreement, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_agreement, account),
    LEDGER_COL(TEXT, struct ledger_agreement, what),
    LEDGER_COL(TEXT, struct ledger_agreement, version),
    LEDGER_COL(TEXT, struct ledger_agreement, name), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_agreement, entered_by),
    LEDGER_COL(INT, struct ledger_agreement, at),
    LEDGER_COL(TEXT, struct ledger_agreement, text_sha256),
};
static const struct ledger_table table =
    LEDGER_TABLE("agreement", struct ledger_agreement, columns);

enum base_fail_class ledger_agreement_add(struct ledger *l, const struct ledger_agreement *g,
                                          int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &table, g, id, f,
                         "INSERT INTO agreement (account, what, version, name, entered_by, at,"
                         " text_sha256) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8)");
}

enum base_fail_class ledger_agreement_of(struct ledger *l, struct base_arena *a,
                                         const char *account, const char *what,
                                         const char *version, struct ledger_agreement *out,
                                         struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM agreement WHERE account = ?1 AND what = ?2"
                      " AND (?3 IS NULL OR version = ?3) ORDER BY id DESC LIMIT 1",
                      "ttt", account, what, version);
}

enum base_fail_class ledger_agreement_list(struct ledger *l, struct base_arena *a,
                                           const char *account, int64_t before, int64_t after,
                                           size_t limit, struct ledger_agreement **out, size_t *n,
                                           struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM agreement WHERE account = ?1"
                    " AND (?2 = 0 OR at <= ?2) AND id > ?3 ORDER BY id LIMIT ?4",
                    "tiin", account, before, after, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}
