/* ledger/forget.c - forgotten mailboxes, and the erasing itself. */
#include "forget.h"

#include <string.h>

#include "base/bytes.h"
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

static void hash_of(const char *mailbox, char out[BASE_SHA256_HEX])
{
    struct base_arena *a = base_arena_new();
    char *low = base_arena_strdup(a, mailbox);

    for (char *p = low; *p != '\0'; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    }
    base_sha256_hex(low, strlen(low), out);
    base_arena_free(a);
}

enum base_fail_class ledger_forget_add(struct ledger *l, const struct ledger_forget *r, int64_t *id,
                                       struct base_fail *f)
{
    struct ledger_forget row = *r;
    char hash[BASE_SHA256_HEX];

    hash_of(r->mailbox, hash);
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
    char hash[BASE_SHA256_HEX];

    hash_of(mailbox, hash);
    return ledger_row(l, a, &table, out, f,
                      "SELECT " COLUMNS " FROM forget WHERE hash = ?1 ORDER BY id DESC LIMIT 1", "t",
                      hash);
}

enum base_fail_class ledger_forget_update(struct ledger *l, const struct ledger_forget *r,
                                          struct base_fail *f)
{
    return ledger_update(l, &table, r, f,
                         "UPDATE forget SET mailbox = ?3, confirmed_by = ?7, state = ?8,"
                         " confirmed_at = ?10, done_at = ?11, erase_at = ?12, erased_at = ?13,"
                         " keys = ?14, certificates = ?15 WHERE id = ?1");
}

/* ?1 the mailbox, ?2 the name in its place. Certificates first, while the links are there. */
static const char *const erasing[] = {
    "DELETE FROM certificate_body WHERE id IN"
    " (SELECT c.id FROM mailbox AS m JOIN certificate_mailbox AS x ON x.mailbox = m.id"
    "  JOIN certificate AS c ON c.id = x.certificate"
    "  WHERE m.key = lower(?1) AND json_array_length(c.mailboxes) = 1) AND ?2 <> ''",
    "UPDATE certificate SET"
    "  subject = iif(json_array_length(mailboxes) = 1, ?2, subject),"
    "  mailboxes = (SELECT json_group_array(iif(lower(value) = lower(?1), ?2, value))"
    "               FROM json_each(certificate.mailboxes))"
    " WHERE id IN (SELECT x.certificate FROM mailbox AS m JOIN certificate_mailbox AS x"
    "              ON x.mailbox = m.id WHERE m.key = lower(?1))",
    "UPDATE attestation SET asserted_by = ?2, dn = NULL, vals = NULL, entered_by = NULL"
    " WHERE order_row IN (SELECT id FROM orders WHERE mailbox_key = lower(?1))",
    "UPDATE orders SET mailbox = ?2, request = NULL, reason = NULL, who = NULL"
    " WHERE mailbox_key = lower(?1)",
    "UPDATE intent SET mailbox = ?2, recipients = '[]', who = NULL, note = NULL"
    " WHERE mailbox_key = lower(?1)",
    "UPDATE mail SET mailbox = ?2, rcpt = ?2 || ':' || id, sender = NULL, client = NULL,"
    "  message_id = NULL, subject = NULL, text = NULL, decision = NULL, facts = NULL"
    " WHERE lower(mailbox) = lower(?1) OR lower(rcpt) = lower(?1)",
    "UPDATE consent SET mailbox = ?2, who = NULL, how = NULL, text = NULL, entered_by = NULL,"
    "  withdrawn_by = NULL WHERE mailbox_key = lower(?1)",
    "UPDATE event SET data = replace(replace(data, ?1, ?2), lower(?1), ?2)"
    " WHERE instr(lower(data), lower(?1)) > 0",
    "UPDATE publication SET place = NULL, note = NULL, error = NULL"
    " WHERE mailbox IN (SELECT id FROM mailbox WHERE key = lower(?1)) AND ?2 <> ''",
    "DELETE FROM alias WHERE (address = lower(?1) OR lower(mailbox) = lower(?1)) AND ?2 <> ''",
    "UPDATE mailbox SET name = ?2 WHERE key = lower(?1)",
};

enum base_fail_class ledger_forget_erase(struct ledger *l, const char *mailbox, const char *name,
                                         int64_t *certificates, struct base_fail *f)
{
    enum base_fail_class cls =
        ledger_number(l, certificates, f,
                      "SELECT count(*) FROM mailbox AS m JOIN certificate_mailbox AS x"
                      " ON x.mailbox = m.id WHERE m.key = lower(?1)",
                      "t", mailbox);

    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "INSERT INTO erasing (mailbox) VALUES (?1)", "t", mailbox);
    }
    for (size_t i = 0; cls == BASE_OK && i < sizeof erasing / sizeof erasing[0]; i++) {
        cls = ledger_change(l, NULL, f, erasing[i], "tt", mailbox, name);
    }
    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "DELETE FROM erasing", "");
    }
    return cls;
}
