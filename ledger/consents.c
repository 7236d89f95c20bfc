/* ledger/consents.c - what the owners of mailboxes agreed to. A consent is
 * withdrawn, never changed or removed; triggers see to it. */
#include "internal.h"

#define COLUMNS "id, mailbox, what, who, how, text, entered_by, given, withdrawn, withdrawn_by"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_consent, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_consent, mailbox),
    LEDGER_COL(TEXT, struct ledger_consent, what),
    LEDGER_COL(TEXT, struct ledger_consent, who),
    LEDGER_COL(TEXT, struct ledger_consent, how), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_consent, text),
    LEDGER_COL(TEXT, struct ledger_consent, entered_by),
    LEDGER_COL(INT, struct ledger_consent, given),
    LEDGER_COL(INT, struct ledger_consent, withdrawn),
    LEDGER_COL(TEXT, struct ledger_consent, withdrawn_by), /* ?10 */
    LEDGER_COL(KEY, struct ledger_consent, mailbox),
};
static const struct ledger_table table = LEDGER_TABLE("consent", struct ledger_consent, columns);

enum base_fail_class ledger_consent_add(struct ledger *l, const struct ledger_consent *c,
                                        int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &table, c, id, f,
                         "INSERT INTO consent (mailbox, what, who, how, text, entered_by, given,"
                         " withdrawn, withdrawn_by, mailbox_key)"
                         " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
}

enum base_fail_class ledger_consent_withdraw(struct ledger *l, int64_t id, int64_t at,
                                             const char *by, struct base_fail *f)
{
    int changed = 0;
    int64_t there = 0;
    enum base_fail_class cls = ledger_change(l, &changed, f,
                                             "UPDATE consent SET withdrawn = ?2, withdrawn_by = ?3"
                                             " WHERE id = ?1 AND withdrawn = 0",
                                             "iit", id, at, by);

    if (cls != BASE_OK || changed == 1) {
        return cls;
    }
    cls = ledger_number(l, &there, f, "SELECT id FROM consent WHERE id = ?1", "i", id);
    if (cls != BASE_OK) {
        return cls;
    }
    return there == 0 ? ledger_absent(f, table.what)
                      : base_failf(f, BASE_PERMANENT, "ledger.state",
                                   "consent %lld was withdrawn before", (long long)id);
}

enum base_fail_class ledger_consent_valid(struct ledger *l, const char *mailbox, const char *what,
                                          bool *valid, struct base_fail *f)
{
    int64_t n = 0;
    enum base_fail_class cls =
        ledger_number(l, &n, f,
                      "SELECT count(*) FROM consent WHERE mailbox_key = ?1 AND what = ?2"
                      " AND withdrawn = 0",
                      "mt", mailbox, what);

    *valid = n != 0;
    return cls;
}

enum base_fail_class ledger_consent_list(struct ledger *l, struct base_arena *a,
                                         const char *mailbox, int64_t after, size_t limit,
                                         struct ledger_consent **out, size_t *n,
                                         struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls;

    if (mailbox == NULL) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM consent WHERE id > ?1 ORDER BY id LIMIT ?2",
                          "in", after, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM consent WHERE mailbox_key = ?1"
                          " AND id > ?2 ORDER BY id LIMIT ?3",
                          "min", mailbox, after, limit);
    }
    *out = list.rows;
    *n = list.n;
    return cls;
}
