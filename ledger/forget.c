/* ledger/forget.c - forgotten mailboxes, and the erasing itself. */
#include "forget.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mailbox.h"
#include "folding.h"
#include "internal.h"

#define COLUMNS                                                                                    \
    "id, hash, mailbox, tenant, reason, asked_by, confirmed_by, state, asked_at, confirmed_at,"    \
    " done_at, erase_at, erased_at, keys, certificates"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_forget, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_forget, hash),
    LEDGER_COL(TEXT, struct ledger_forget, mailbox),
    LEDGER_COL(TEXT, struct ledger_forget, tenant),
    LEDGER_COL(TEXT, struct ledger_forget, reason), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_forget, asked_by),
    LEDGER_COL(TEXT, struct ledger_forget, confirmed_by),
    LEDGER_COL(TEXT, struct ledger_forget, state),
    LEDGER_COL(INT, struct ledger_forget, asked_at),
    LEDGER_COL(INT, struct ledger_forget, confirmed_at), /* ?10 */
    LEDGER_COL(INT, struct ledger_forget, done_at),
    LEDGER_COL(INT, struct ledger_forget, erase_at),
    LEDGER_COL(INT, struct ledger_forget, erased_at),
    LEDGER_COL(INT, struct ledger_forget, keys),
    LEDGER_COL(INT, struct ledger_forget, certificates), /* ?15 */
};
static const struct ledger_table table = LEDGER_TABLE("forgotten mailbox", struct ledger_forget, columns);

static void hash_of(const char *mailbox, bool fold, char out[BASE_SHA256_HEX])
{
    struct base_arena *a = base_arena_new();
    const char *key = base_mailbox_key(a, mailbox, fold);

    base_sha256_hex(key, strlen(key), out);
    base_arena_free(a);
}

enum base_fail_class ledger_forget_add(struct ledger *l, const struct ledger_forget *r, int64_t *id,
                                       struct base_fail *f)
{
    struct ledger_forget row = *r;
    char hash[BASE_SHA256_HEX];

    hash_of(r->mailbox, ledger_folds(l, r->mailbox), hash);
    row.hash = hash;
    return ledger_insert(l, &table, &row, id, f,
                         "INSERT INTO forget (hash, mailbox, tenant, reason, asked_by, confirmed_by,"
                         " state, asked_at, confirmed_at, done_at, erase_at, erased_at, keys,"
                         " certificates) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                         " ?14, ?15)");
}

enum base_fail_class ledger_forget_get(struct ledger *l, struct base_arena *a, int64_t id,
                                       struct ledger_forget *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " COLUMNS " FROM forget WHERE id = ?1", "i", id);
}

enum base_fail_class ledger_forget_of(struct ledger *l, struct base_arena *a, const char *mailbox,
                                      struct ledger_forget *out, struct base_fail *f)
{
    char folded[BASE_SHA256_HEX], exact[BASE_SHA256_HEX];

    /* of whichever time; one of a time when spellings were one mailbox is its own spelling's, and
     * everybody's once it names nobody any more */
    hash_of(mailbox, true, folded);
    hash_of(mailbox, false, exact);
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM forget WHERE (hash = ?1 OR hash = ?2)"
                      " AND (?3 OR mailbox IS NULL OR mailbox = ?4) ORDER BY id DESC LIMIT 1",
                      "ttit", folded, exact, (int64_t)ledger_folds(l, mailbox), mailbox);
}

enum base_fail_class ledger_forget_update(struct ledger *l, const struct ledger_forget *r,
                                          struct base_fail *f)
{
    return ledger_update(l, &table, r, f,
                         "UPDATE forget SET mailbox = ?3, confirmed_by = ?7, state = ?8,"
                         " confirmed_at = ?10, done_at = ?11, erase_at = ?12, erased_at = ?13,"
                         " keys = ?14, certificates = ?15 WHERE id = ?1");
}

/* ?1 the mailbox, ?2 the name in its place, ?3 and ?4 their keys, ?5 whether its spellings are one
 * (rows have domains in lower case: what differs in nothing has the same key then). Certificates
 * first, while the links are there. */
#define IS(column) "(" column " = ?1 OR (?5 AND lower(" column ") = ?3))"
static const struct {
    const char *types, *sql; /* as many arguments as it has */
} erasing[] = {
    {"ttm",
     "DELETE FROM certificate_body WHERE id IN"
     " (SELECT c.id FROM mailbox AS m JOIN certificate_mailbox AS x ON x.mailbox = m.id"
     "  JOIN certificate AS c ON c.id = x.certificate"
     "  WHERE m.key = ?3 AND json_array_length(c.mailboxes) = 1)"},
    {"ttmmi",
     "UPDATE certificate SET"
     "  subject = iif(json_array_length(mailboxes) = 1, ?2, subject),"
     "  mailboxes = (SELECT json_group_array(iif(" IS("value") ", ?2, value))"
     "               FROM json_each(certificate.mailboxes))"
     " WHERE id IN (SELECT x.certificate FROM mailbox AS m JOIN certificate_mailbox AS x"
     "              ON x.mailbox = m.id WHERE m.key = ?3)"},
    {"ttm",
     "UPDATE attestation SET asserted_by = ?2, dn = NULL, vals = NULL, entered_by = NULL"
     " WHERE order_row IN (SELECT id FROM orders WHERE mailbox_key = ?3)"},
    {"ttmm",
     "UPDATE orders SET mailbox = ?2, mailbox_key = ?4, request = NULL, reason = NULL, who = NULL"
     " WHERE mailbox_key = ?3"},
    {"ttmm",
     "UPDATE intent SET mailbox = ?2, mailbox_key = ?4, recipients = '[]', who = NULL, note = NULL"
     " WHERE mailbox_key = ?3"},
    {"ttmmi",
     "UPDATE mail SET mailbox = ?2, rcpt = ?2 || ':' || id, sender = NULL, client = NULL,"
     "  message_id = NULL, subject = NULL, text = NULL, decision = NULL, facts = NULL"
     " WHERE " IS("mailbox") " OR " IS("rcpt")},
    {"ttmm",
     "UPDATE consent SET mailbox = ?2, mailbox_key = ?4, who = NULL, how = NULL, text = NULL,"
     "  entered_by = NULL, withdrawn_by = NULL WHERE mailbox_key = ?3"},
    {"ttmmi",
     "UPDATE event SET data = iif(?5, replace(replace(data, ?1, ?2), ?3, ?2), replace(data, ?1, ?2))"
     " WHERE instr(data, ?1) > 0 OR (?5 AND instr(lower(data), ?3) > 0)"},
    {"ttm",
     "UPDATE publication SET place = NULL, note = NULL, error = NULL"
     " WHERE mailbox IN (SELECT id FROM mailbox WHERE key = ?3)"},
    {"ttmm",
     "UPDATE mailbox SET name = ?2, key = ?4 WHERE key = ?3"},
};

enum base_fail_class ledger_forget_erase(struct ledger *l, const char *mailbox, const char *name,
                                         int64_t *certificates, struct base_fail *f)
{
    enum base_fail_class cls =
        ledger_number(l, certificates, f,
                      "SELECT count(*) FROM mailbox AS m JOIN certificate_mailbox AS x"
                      " ON x.mailbox = m.id WHERE m.key = ?1",
                      "m", mailbox);

    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "INSERT INTO erasing (mailbox) VALUES (?1)", "t", mailbox);
    }
    for (size_t i = 0; cls == BASE_OK && i < sizeof erasing / sizeof erasing[0]; i++) {
        cls = ledger_change(l, NULL, f, erasing[i].sql, erasing[i].types, mailbox, name, mailbox, name,
                            (int64_t)ledger_folds(l, mailbox));
    }
    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "DELETE FROM erasing", "");
    }
    return cls;
}
