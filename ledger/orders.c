/* ledger/orders.c - certificates that we ordered or are about to order.
 *
 * Who ordered what for which mailbox never changes (a trigger sees to it);
 * state, ids, keys and times do. */
#include <string.h>

#include "base/bytes.h"
#include "internal.h"

#define COLUMNS                                                                                    \
    "id, reference, tenant, account, mailbox, product, state, ca_status, ca_order,"                \
    " ca_certificate, key_id, spki, request, reason, who, created, changed, next_look, tries,"     \
    " issued_at, batch"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_order, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_order, reference),
    LEDGER_COL(TEXT, struct ledger_order, tenant),
    LEDGER_COL(TEXT, struct ledger_order, account),
    LEDGER_COL(TEXT, struct ledger_order, mailbox), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_order, product),
    LEDGER_COL(TEXT, struct ledger_order, state),
    LEDGER_COL(TEXT, struct ledger_order, ca_status),
    LEDGER_COL(TEXT, struct ledger_order, ca_order),
    LEDGER_COL(TEXT, struct ledger_order, ca_certificate), /* ?10 */
    LEDGER_COL(TEXT, struct ledger_order, key_id),
    LEDGER_COL(TEXT, struct ledger_order, spki),
    LEDGER_COL(TEXT, struct ledger_order, request),
    LEDGER_COL(TEXT, struct ledger_order, reason),
    LEDGER_COL(TEXT, struct ledger_order, by), /* ?15 */
    LEDGER_COL(INT, struct ledger_order, created),
    LEDGER_COL(INT, struct ledger_order, changed),
    LEDGER_COL(INT, struct ledger_order, next_look),
    LEDGER_COL(INT, struct ledger_order, tries),
    LEDGER_COL(INT, struct ledger_order, issued_at), /* ?20 */
    LEDGER_COL(INT, struct ledger_order, batch),
    LEDGER_COL(KEY, struct ledger_order, mailbox),
};
static const struct ledger_table table = LEDGER_TABLE("order", struct ledger_order, columns);

enum base_fail_class ledger_order_add(struct ledger *l, const struct ledger_order *o, int64_t *id,
                                      struct base_fail *f)
{
    enum base_fail_class cls = ledger_insert(
        l, &table, o, id, f,
        "INSERT INTO orders (reference, tenant, account, mailbox, product, state, ca_status,"
        " ca_order, ca_certificate, key_id, spki, request, reason, who, created, changed,"
        " next_look, tries, issued_at, batch, mailbox_key) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
        " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)");

    return cls == BASE_OK ? ledger_mailbox_row(l, o->mailbox, o->tenant, NULL, f) : cls;
}

enum base_fail_class ledger_order_get(struct ledger *l, struct base_arena *a, int64_t id,
                                      struct ledger_order *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " COLUMNS " FROM orders WHERE id = ?1", "i",
                      id);
}

static enum base_fail_class find_by_ca(struct ledger *l, struct base_arena *a, const char *any,
                                       struct ledger_order *out, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM orders WHERE ca_order = ?1 LIMIT 2", "t", any);

    memset(out, 0, sizeof *out);
    if (cls != BASE_OK) {
        return cls;
    }
    if (list.n != 1) {
        return ledger_absent(f, list.n == 0 ? "order" : "single order: several CAs gave this id");
    }
    memcpy(out, list.rows, sizeof *out);
    return BASE_OK;
}

enum base_fail_class ledger_order_find(struct ledger *l, struct base_arena *a, const char *any,
                                       struct ledger_order *out, struct base_fail *f)
{
    enum base_fail_class cls = BASE_PERMANENT;
    struct base_fail first = {.code = "ledger.absent"};
    int64_t id;

    /* a later way is tried only if the earlier one found nothing */
    if (base_parse_int(any, 1, INT64_MAX, &id)) {
        cls = ledger_order_get(l, a, id, out, &first);
    }
    if (cls != BASE_OK && strcmp(first.code, "ledger.absent") == 0) {
        cls = ledger_row(l, a, &table, out, &first,
                         "SELECT " COLUMNS " FROM orders WHERE reference = ?1", "t", any);
    }
    if (cls != BASE_OK && strcmp(first.code, "ledger.absent") == 0) {
        return find_by_ca(l, a, any, out, f);
    }
    return cls == BASE_OK ? cls : base_failf(f, first.cls, first.code, "%s", first.text);
}

enum base_fail_class ledger_order_of_ca(struct ledger *l, struct base_arena *a, const char *account,
                                        const char *ca_order, struct ledger_order *out,
                                        struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM orders WHERE ca_order = ?1 AND account = ?2"
                      " ORDER BY id LIMIT 1",
                      "tt", ca_order, account);
}

enum base_fail_class ledger_order_by_spki(struct ledger *l, struct base_arena *a, const char *spki,
                                          struct ledger_order *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM orders WHERE spki = ?1 ORDER BY id DESC LIMIT 1",
                      "t", spki);
}

enum base_fail_class ledger_order_update(struct ledger *l, const struct ledger_order *o,
                                         struct base_fail *f)
{
    return ledger_update(
        l, &table, o, f,
        "UPDATE orders SET product = ?6, state = ?7, ca_status = ?8, ca_order = ?9,"
        " ca_certificate = ?10, key_id = ?11, spki = ?12, request = ?13, reason = ?14,"
        " changed = ?17, next_look = ?18, tries = ?19, issued_at = ?20 WHERE id = ?1");
}

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_order **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_order_due(struct ledger *l, struct base_arena *a, int64_t now,
                                      size_t limit, struct ledger_order **out, size_t *n,
                                      struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM orders WHERE next_look > 0 AND next_look <= ?1"
                    " ORDER BY next_look, id LIMIT ?2",
                    "in", now, limit);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_order_list(struct ledger *l, struct base_arena *a, const char *mailbox,
                                       int64_t after, size_t limit, struct ledger_order **out,
                                       size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls;

    if (mailbox == NULL) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM orders WHERE id > ?1 ORDER BY id LIMIT ?2", "in",
                          after, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM orders WHERE mailbox_key = ?1"
                          " AND id > ?2 ORDER BY id LIMIT ?3",
                          "min", mailbox, after, limit);
    }
    return give(cls, &list, out, n);
}

enum base_fail_class ledger_order_count(struct ledger *l, const char *account, int64_t since,
                                        int64_t *n, struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM orders WHERE account = ?1 AND created >= ?2", "ti",
                         account, since);
}
