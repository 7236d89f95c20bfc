/* ledger/forget.c - forgotten mailboxes, and the erasing itself. */
#include "forget.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/mailbox.h"
#include "folding.h"
#include "internal.h"

#define PAGE ((size_t)200) /* events read at a time */

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
    /* the key of a line stays: it is a hash, and orders nothing twice */
    {"ttmmi",
     "UPDATE batch_line SET mailbox = ?2, request = '{}', text = NULL"
     " WHERE order_row IN (SELECT id FROM orders WHERE mailbox_key = ?3) OR " IS("mailbox")},
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
    {"ttm",
     "UPDATE publication SET place = NULL, note = NULL, error = NULL"
     " WHERE mailbox IN (SELECT id FROM mailbox WHERE key = ?3)"},
    {"ttmm",
     "UPDATE mailbox SET name = ?2, key = ?4 WHERE key = ?3"},
};

/* ---- in the middle of texts ---------------------------------------------------------------- */

/* Is the N bytes at P of TEXT a whole address? "ann@b.test" isn't in "joann@b.test", nor in
 * "ann@b.test.example"; "\\n" before it is a line end in JSON. */
static bool whole(const char *text, const char *p, size_t n)
{
    const char *after = p + n;
    unsigned char c = p > text ? (unsigned char)p[-1] : ' ';
    unsigned char d = (unsigned char)*after;

    if (p - text >= 2 && p[-2] == '\\') {
        c = ' ';
    }
    if (d == '.') {
        d = (unsigned char)after[1];
    }
    return !isalnum(c) && c < 0x80 && strchr("._+-", c) == NULL && !isalnum(d) && d < 0x80 && d != '-';
}

/* TEXT with NAME in the place of each MAILBOX; NULL: it isn't there. */
static const char *without(struct base_arena *a, const char *text, const char *mailbox,
                           const char *name, bool fold)
{
    size_t n = strlen(mailbox), m = strlen(name), len = strlen(text), used = 0;
    char *out = base_arena_alloc(a, (len / n + 1) * m + len + 1);
    bool found = false;

    for (const char *p = text; *p != 0;) {
        bool here = (fold ? strncasecmp(p, mailbox, n) : strncmp(p, mailbox, n)) == 0 &&
                    whole(text, p, n);
        memcpy(out + used, here ? name : p, here ? m : 1);
        used += here ? m : 1;
        p += here ? n : 1;
        found |= here;
    }
    out[used] = 0;
    return found ? out : NULL;
}

struct text {
    int64_t id;
    const char *text;
};
static const struct ledger_column text_columns[] = {
    LEDGER_COL(INT, struct text, id),
    LEDGER_COL(TEXT, struct text, text),
};
static const struct ledger_table texts = LEDGER_TABLE("text", struct text, text_columns);

static enum base_fail_class erase_events(struct ledger *l, const char *mailbox, const char *name,
                                         bool fold, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;
    int64_t after = 0;

    for (size_t n = PAGE; cls == BASE_OK && n == PAGE;) {
        struct base_arena *a = base_arena_new();
        struct ledger_list list;
        cls = ledger_rows(l, a, &texts, &list, f,
                          "SELECT id, data FROM event WHERE id > ?1 AND (instr(data, ?2) > 0"
                          " OR (?3 AND instr(lower(data), ?4) > 0)) ORDER BY id LIMIT ?5",
                          "itimn", after, mailbox, (int64_t)fold, mailbox, PAGE);
        n = list.n;
        for (size_t i = 0; cls == BASE_OK && i < n; i++) {
            const struct text *t = (const struct text *)list.rows + i;
            const char *now = without(a, t->text, mailbox, name, fold);
            after = t->id;
            if (now != NULL) {
                cls = ledger_change(l, NULL, f, "UPDATE event SET data = ?2 WHERE id = ?1", "it", t->id, now);
            }
        }
        base_arena_free(a);
    }
    return cls;
}

/* What was mailed already, and how often, is kept under keys that name whom it was about. */
static enum base_fail_class erase_keys(struct ledger *l, const char *mailbox, bool fold, struct base_fail *f)
{
    static const struct {
        const char *read, *remove;
    } tables[] = {
        {"SELECT 0, key FROM notice WHERE instr(key, ?1) > 0 OR (?2 AND instr(lower(key), ?3) > 0)",
         "DELETE FROM notice WHERE key = ?1"},
        {"SELECT 0, key FROM meta WHERE instr(key, ?1) > 0 OR (?2 AND instr(lower(key), ?3) > 0)",
         "DELETE FROM meta WHERE key = ?1"},
    };
    struct base_arena *a = base_arena_new();
    enum base_fail_class cls = BASE_OK;

    for (size_t k = 0; cls == BASE_OK && k < sizeof tables / sizeof tables[0]; k++) {
        struct ledger_list list;
        cls = ledger_rows(l, a, &texts, &list, f, tables[k].read, "tim", mailbox, (int64_t)fold, mailbox);
        for (size_t i = 0; cls == BASE_OK && i < list.n; i++) {
            const char *key = ((const struct text *)list.rows + i)->text;
            if (without(a, key, mailbox, "", fold) != NULL) {
                cls = ledger_change(l, NULL, f, tables[k].remove, "t", key);
            }
        }
    }
    base_arena_free(a);
    return cls;
}

enum base_fail_class ledger_forget_erase(struct ledger *l, const char *mailbox, const char *name,
                                         int64_t *certificates, struct base_fail *f)
{
    bool fold = ledger_folds(l, mailbox);
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
                            (int64_t)fold);
    }
    if (cls == BASE_OK) {
        cls = erase_events(l, mailbox, name, fold, f);
    }
    if (cls == BASE_OK) {
        cls = erase_keys(l, mailbox, fold, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "DELETE FROM erasing", "");
    }
    return cls;
}
