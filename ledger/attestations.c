/* ledger/attestations.c - who asserted that an order's person is ours, and under which text; and
 * the mails that belong to an intent, as evidence shows them. */
#include "internal.h"
#include "trust.h"

static const struct ledger_column text_columns[] = {
    LEDGER_COL(TEXT, struct ledger_stated, sha256),
    LEDGER_COL(TEXT, struct ledger_stated, version),
    LEDGER_COL(TEXT, struct ledger_stated, body),
};
static const struct ledger_table texts = LEDGER_TABLE("text", struct ledger_stated, text_columns);

enum base_fail_class ledger_stated_put(struct ledger *l, const char *sha256, const char *version,
                                       const char *body, struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "INSERT INTO stated_text (sha256, version, body) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT DO NOTHING",
                         "ttt", sha256, version, body);
}

enum base_fail_class ledger_stated_get(struct ledger *l, struct base_arena *a, const char *sha256,
                                       struct ledger_stated *out, struct base_fail *f)
{
    return ledger_row(l, a, &texts, out, f,
                      "SELECT sha256, version, body FROM stated_text WHERE sha256 = ?1", "t",
                      sha256);
}

#define COLUMNS                                                                                    \
    "id, order_row, source, asserted_by, dn, vals, at, text_version, text_sha256, entered_by,"     \
    " earlier, recorded"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_attestation, id), /* ?1 */
    LEDGER_COL(INT, struct ledger_attestation, order_row),
    LEDGER_COL(TEXT, struct ledger_attestation, source),
    LEDGER_COL(TEXT, struct ledger_attestation, asserted_by),
    LEDGER_COL(TEXT, struct ledger_attestation, dn), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_attestation, values),
    LEDGER_COL(INT, struct ledger_attestation, at),
    LEDGER_COL(TEXT, struct ledger_attestation, text_version),
    LEDGER_COL(TEXT, struct ledger_attestation, text_sha256),
    LEDGER_COL(TEXT, struct ledger_attestation, entered_by), /* ?10 */
    LEDGER_COL(REF, struct ledger_attestation, earlier),
    LEDGER_COL(INT, struct ledger_attestation, recorded),
};
static const struct ledger_table table =
    LEDGER_TABLE("attestation", struct ledger_attestation, columns);

enum base_fail_class ledger_attestation_add(struct ledger *l, const struct ledger_attestation *t,
                                            int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &table, t, id, f,
                         "INSERT INTO attestation (order_row, source, asserted_by, dn, vals, at,"
                         " text_version, text_sha256, entered_by, earlier, recorded)"
                         " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
}

enum base_fail_class ledger_attestation_of(struct ledger *l, struct base_arena *a, int64_t order,
                                           struct ledger_attestation *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM attestation WHERE order_row = ?1"
                      " ORDER BY id DESC LIMIT 1",
                      "i", order);
}

enum base_fail_class ledger_attestation_list(struct ledger *l, struct base_arena *a, int64_t order,
                                             struct ledger_attestation **out, size_t *n,
                                             struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM attestation WHERE order_row = ?1 ORDER BY id", "i",
                    order);

    *out = list.rows;
    *n = list.n;
    return cls;
}

enum base_fail_class ledger_mails_of_intent(struct ledger *l, struct base_arena *a, int64_t intent,
                                            size_t limit, int64_t **out, size_t *n,
                                            struct base_fail *f)
{
    static const struct ledger_column column[] = {{LEDGER_INT, 0, 0}};
    static const struct ledger_table ids = {"mail", sizeof(int64_t), column, 1};
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &ids, &list, f,
                    "SELECT id FROM mail WHERE intent = ?1 ORDER BY received, id LIMIT ?2", "in", intent,
                    limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}
