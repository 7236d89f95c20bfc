/* ledger/certificates.c - certificates: added once, never changed but for their
 * state and what is known about their revocation.
 *
 * Three tables: the certificate, its body (texts and DER, read only where
 * wanted), and its mailboxes in the order that `show` needs. */
#include <string.h>

#include "base/bytes.h"
#include "internal.h"

#define THUMBPRINT_LEN 64
#define PREFIX_MIN 8

#define COLUMNS                                                                                    \
    "c.id, c.thumbprint, c.serial, c.issuer, c.subject, c.tenant, c.account, c.mailboxes,"         \
    " c.order_row, c.key_id, c.spki, c.not_before, c.not_after, c.stored_at, c.usage, c.state,"    \
    " c.source, c.revocation, c.revocation_at, c.revocation_next"
#define BODY ", b.fields, b.checks, b.chain_pem, b.der"
#define WHOLE COLUMNS BODY " FROM certificate AS c JOIN certificate_body AS b ON b.id = c.id "

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_certificate, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_certificate, thumbprint),
    LEDGER_COL(TEXT, struct ledger_certificate, serial),
    LEDGER_COL(TEXT, struct ledger_certificate, issuer),
    LEDGER_COL(TEXT, struct ledger_certificate, subject), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_certificate, tenant),
    LEDGER_COL(TEXT, struct ledger_certificate, account),
    LEDGER_COL2(NAMES, struct ledger_certificate, mailboxes, nmailboxes),
    LEDGER_COL(REF, struct ledger_certificate, order_row),
    LEDGER_COL(TEXT, struct ledger_certificate, key_id), /* ?10 */
    LEDGER_COL(TEXT, struct ledger_certificate, spki),
    LEDGER_COL(INT, struct ledger_certificate, not_before),
    LEDGER_COL(INT, struct ledger_certificate, not_after),
    LEDGER_COL(INT, struct ledger_certificate, stored_at),
    LEDGER_COL(TEXT, struct ledger_certificate, usage), /* ?15 */
    LEDGER_COL(TEXT, struct ledger_certificate, state),
    LEDGER_COL(TEXT, struct ledger_certificate, source),
    LEDGER_COL(TEXT, struct ledger_certificate, revocation),
    LEDGER_COL(INT, struct ledger_certificate, revocation_at),
    LEDGER_COL(INT, struct ledger_certificate, revocation_next), /* ?20 */
    LEDGER_COL(TEXT, struct ledger_certificate, fields),
    LEDGER_COL(TEXT, struct ledger_certificate, checks),
    LEDGER_COL(TEXT, struct ledger_certificate, chain_pem),
    LEDGER_COL2(BYTES, struct ledger_certificate, der, der_len), /* ?24 */
};
static const struct ledger_table table =
    LEDGER_TABLE("certificate", struct ledger_certificate, columns);

/* ---- adding ----------------------------------------------------------------------- */

static enum base_fail_class add_mailboxes(struct ledger *l, const struct ledger_certificate *c,
                                          int64_t id, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;

    for (size_t i = 0; i < c->nmailboxes && cls == BASE_OK; i++) {
        int64_t mailbox = 0;
        cls = ledger_mailbox_row(l, c->mailboxes[i], c->tenant, &mailbox, f);
        if (cls == BASE_OK) {
            /* two spellings of one mailbox are one row */
            cls = ledger_change(l, NULL, f,
                                "INSERT INTO certificate_mailbox (mailbox, not_before, certificate)"
                                " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                                "iii", mailbox, c->not_before, id);
        }
    }
    return cls;
}

static enum base_fail_class add_body(struct ledger *l, const struct ledger_certificate *c,
                                     int64_t id, struct base_fail *f)
{
    struct ledger_certificate row = *c;

    row.id = id;
    return ledger_insert(l, &table, &row, NULL, f,
                         "INSERT INTO certificate_body (id, fields, checks, chain_pem, der)"
                         " VALUES (?1, ?21, ?22, ?23, ?24)");
}

enum base_fail_class ledger_certificate_add(struct ledger *l, const struct ledger_certificate *c,
                                            int64_t *id, struct base_fail *f)
{
    int64_t row = 0;
    enum base_fail_class cls = ledger_number(
        l, &row, f, "SELECT id FROM certificate WHERE thumbprint = lower(?1)", "t", c->thumbprint);

    if (cls == BASE_OK && row != 0) {
        *id = row;
        return base_failf(f, BASE_PERMANENT, "ledger.exists",
                          "the certificate is there already as %lld", (long long)row);
    }
    if (cls == BASE_OK) {
        cls = ledger_insert(
            l, &table, c, &row, f,
            "INSERT INTO certificate (thumbprint, serial, issuer, subject, tenant, account,"
            " mailboxes, order_row, key_id, spki, not_before, not_after, stored_at, usage, state,"
            " source, revocation, revocation_at, revocation_next)"
            " VALUES (lower(?2), upper(?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
            " ?16, ?17, ?18, ?19, ?20)");
    }
    if (cls == BASE_OK) {
        cls = add_body(l, c, row, f);
    }
    if (cls == BASE_OK) {
        cls = add_mailboxes(l, c, row, f);
    }
    if (cls == BASE_OK) {
        *id = row;
    }
    return cls;
}

/* ---- one of them ------------------------------------------------------------------- */

enum base_fail_class ledger_certificate_get(struct ledger *l, struct base_arena *a, int64_t id,
                                            struct ledger_certificate *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " WHOLE "WHERE c.id = ?1", "i", id);
}

/* *id = 0 if none fits. More than one is "ledger.absent" that says so. */
static enum base_fail_class only_one(int64_t first, int64_t second, int64_t *id, const char *any,
                                     struct base_fail *f)
{
    *id = first;
    if (first != second) {
        *id = 0;
        return base_failf(f, BASE_PERMANENT, "ledger.absent",
                          "%.80s fits more than one certificate", any);
    }
    return BASE_OK;
}

static enum base_fail_class by_thumbprint(struct ledger *l, const char *any, int64_t *id,
                                          struct base_fail *f)
{
    size_t n = strlen(any);
    int64_t first = 0, second = 0;
    enum base_fail_class cls;

    if (n < PREFIX_MIN || n > THUMBPRINT_LEN || any[strspn(any, "0123456789abcdefABCDEF")] != 0) {
        return BASE_OK;
    }
    /* "g" comes after every hex digit */
    cls = ledger_number(l, &first, f,
                        "SELECT id FROM certificate WHERE thumbprint >= lower(?1)"
                        " AND thumbprint < lower(?1) || 'g' ORDER BY thumbprint LIMIT 1",
                        "t", any);
    if (cls == BASE_OK) {
        cls = ledger_number(l, &second, f,
                            "SELECT id FROM certificate WHERE thumbprint >= lower(?1)"
                            " AND thumbprint < lower(?1) || 'g' ORDER BY thumbprint DESC LIMIT 1",
                            "t", any);
    }
    return cls == BASE_OK ? only_one(first, second, id, any, f) : cls;
}

static enum base_fail_class by_serial(struct ledger *l, const char *any, int64_t *id,
                                      struct base_fail *f)
{
    int64_t first = 0, second = 0;
    enum base_fail_class cls = ledger_number(
        l, &first, f, "SELECT min(id) FROM certificate WHERE serial = upper(?1)", "t", any);

    if (cls == BASE_OK) {
        cls = ledger_number(l, &second, f,
                            "SELECT max(id) FROM certificate WHERE serial = upper(?1)", "t", any);
    }
    return cls == BASE_OK ? only_one(first, second, id, any, f) : cls;
}

enum base_fail_class ledger_certificate_find(struct ledger *l, struct base_arena *a,
                                             const char *any, struct ledger_certificate *out,
                                             struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;
    int64_t id = 0, number;

    memset(out, 0, sizeof *out);
    if (base_parse_int(any, 1, INT64_MAX, &number)) {
        cls = ledger_number(l, &id, f, "SELECT id FROM certificate WHERE id = ?1", "i", number);
    }
    if (cls == BASE_OK && id == 0) {
        cls = by_thumbprint(l, any, &id, f);
    }
    if (cls == BASE_OK && id == 0) {
        cls = by_serial(l, any, &id, f);
    }
    return cls == BASE_OK ? ledger_certificate_get(l, a, id, out, f) : cls;
}

/* ---- what changes ------------------------------------------------------------------- */

static enum base_fail_class one_changed(enum base_fail_class cls, int changed, struct base_fail *f)
{
    return cls == BASE_OK && changed == 0 ? ledger_absent(f, table.what) : cls;
}

enum base_fail_class ledger_certificate_state(struct ledger *l, int64_t id, const char *state,
                                              struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls = ledger_change(
        l, &changed, f, "UPDATE certificate SET state = ?2 WHERE id = ?1", "it", id, state);

    return one_changed(cls, changed, f);
}

enum base_fail_class ledger_certificate_revocation(struct ledger *l, int64_t id, const char *status,
                                                   int64_t at, int64_t next, struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls =
        ledger_change(l, &changed, f,
                      "UPDATE certificate SET revocation = ?2, revocation_at = ?3,"
                      " revocation_next = ?4 WHERE id = ?1",
                      "itii", id, status, at, next);

    return one_changed(cls, changed, f);
}

/* ---- lists --------------------------------------------------------------------------- */

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_certificate **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_certificate_of(struct ledger *l, struct base_arena *a,
                                           const char *mailbox, size_t limit,
                                           struct ledger_certificate **out, size_t *n,
                                           struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS BODY " FROM certificate_mailbox AS m"
                    " CROSS JOIN certificate AS c ON c.id = m.certificate"
                    " CROSS JOIN certificate_body AS b ON b.id = c.id"
                    " WHERE m.mailbox = (SELECT id FROM mailbox WHERE key = ?1)"
                    " ORDER BY m.not_before DESC, m.certificate DESC LIMIT ?2",
                    "mn", mailbox, limit);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_certificate_expiring(struct ledger *l, struct base_arena *a,
                                                 int64_t before, int64_t after_time,
                                                 int64_t after_id, size_t limit,
                                                 struct ledger_certificate **out, size_t *n,
                                                 struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &table, &list, f,
        "SELECT " COLUMNS " FROM certificate AS c WHERE c.state = 'current' AND c.not_after < ?1"
        " AND (c.not_after, c.id) > (?2, ?3) ORDER BY c.not_after, c.id LIMIT ?4",
        "iiin", before, after_time, after_id, limit);

    return give(cls, &list, out, n);
}
