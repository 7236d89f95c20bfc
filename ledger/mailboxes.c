/* ledger/mailboxes.c - names that have orders or certificates, so that they can
 * be listed without reading either. A name keeps the spelling it came with
 * first and compares by its key (folding.c). */
#include "internal.h"

static const struct ledger_column columns[] = {
    LEDGER_COL(TEXT, struct ledger_mailbox, mailbox),
    LEDGER_COL(TEXT, struct ledger_mailbox, tenant),
    LEDGER_COL(INT, struct ledger_mailbox, certificates),
    LEDGER_COL(INT, struct ledger_mailbox, current),
    LEDGER_COL(INT, struct ledger_mailbox, not_after),
    LEDGER_COL(INT, struct ledger_mailbox, open_orders),
};
static const struct ledger_table table = LEDGER_TABLE("mailbox", struct ledger_mailbox, columns);

enum base_fail_class ledger_mailbox_row(struct ledger *l, const char *name, const char *tenant,
                                        int64_t *id, struct base_fail *f)
{
    int64_t row = 0;
    enum base_fail_class cls = ledger_change_number(
        l, &row, f,
        "INSERT INTO mailbox (name, tenant, key) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (key) DO UPDATE SET tenant = excluded.tenant RETURNING id",
        "ttm", name, tenant, name);

    if (cls == BASE_OK && id != NULL) {
        *id = row;
    }
    return cls;
}

/* CROSS JOIN fixes the order: first the mailbox's few certificates, then each. */
#define CURRENT                                                                                    \
    " FROM certificate_mailbox AS x CROSS JOIN certificate AS c ON c.id = x.certificate"           \
    " WHERE x.mailbox = m.id AND c.state = 'current'"

enum base_fail_class ledger_mailbox_list(struct ledger *l, struct base_arena *a, const char *after,
                                         size_t limit, struct ledger_mailbox **out, size_t *n,
                                         struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &table, &list, f,
        "SELECT m.name, m.tenant,"
        " (SELECT count(*) FROM certificate_mailbox AS x WHERE x.mailbox = m.id),"
        " (SELECT count(*)" CURRENT "),"
        " (SELECT c.not_after" CURRENT " ORDER BY x.not_before DESC, x.certificate DESC LIMIT 1),"
        " (SELECT count(*) FROM orders AS o WHERE o.mailbox_key = m.key"
        "   AND o.state NOT IN ('stored', 'failed', 'cancelled'))"
        " FROM mailbox AS m WHERE m.key > ?1 ORDER BY m.key LIMIT ?2",
        "mn", after, limit);

    *out = list.rows;
    *n = list.n;
    return cls;
}
