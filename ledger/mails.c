/* ledger/mails.c - CA mails that we took, each once for a recipient, with the
 * newest decision about it. */
#include "internal.h"

#define COLUMNS                                                                                    \
    "id, identity, rcpt, sender, client, queue_id, message_id, subject, spool_id, source,"         \
    " profile, kind, domain, mailbox, account, token_hash, received, taken, intent, state,"        \
    " verdict, reason, text, approved_by, approved_why, decision, facts"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_mail, id), /* ?1 */
    LEDGER_COL(TEXT, struct ledger_mail, identity),
    LEDGER_COL(TEXT, struct ledger_mail, rcpt),
    LEDGER_COL(TEXT, struct ledger_mail, sender),
    LEDGER_COL(TEXT, struct ledger_mail, client), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_mail, queue_id),
    LEDGER_COL(TEXT, struct ledger_mail, message_id),
    LEDGER_COL(TEXT, struct ledger_mail, subject),
    LEDGER_COL(TEXT, struct ledger_mail, spool_id),
    LEDGER_COL(TEXT, struct ledger_mail, source), /* ?10 */
    LEDGER_COL(TEXT, struct ledger_mail, profile),
    LEDGER_COL(TEXT, struct ledger_mail, kind),
    LEDGER_COL(TEXT, struct ledger_mail, domain),
    LEDGER_COL(TEXT, struct ledger_mail, mailbox),
    LEDGER_COL(TEXT, struct ledger_mail, account), /* ?15 */
    LEDGER_COL(TEXT, struct ledger_mail, token_hash),
    LEDGER_COL(INT, struct ledger_mail, received),
    LEDGER_COL(INT, struct ledger_mail, taken),
    LEDGER_COL(REF, struct ledger_mail, intent),
    LEDGER_COL(TEXT, struct ledger_mail, state), /* ?20 */
    LEDGER_COL(TEXT, struct ledger_mail, verdict),
    LEDGER_COL(TEXT, struct ledger_mail, reason),
    LEDGER_COL(TEXT, struct ledger_mail, text),
    LEDGER_COL(TEXT, struct ledger_mail, approved_by),
    LEDGER_COL(TEXT, struct ledger_mail, approved_why), /* ?25 */
    LEDGER_COL(TEXT, struct ledger_mail, decision),
    LEDGER_COL(TEXT, struct ledger_mail, facts), /* ?27 */
};
static const struct ledger_table table = LEDGER_TABLE("mail", struct ledger_mail, columns);

static const struct ledger_column count_columns[] = {
    LEDGER_COL(TEXT, struct ledger_count, a),
    LEDGER_COL(TEXT, struct ledger_count, b),
    LEDGER_COL(INT, struct ledger_count, n),
};
static const struct ledger_table count_table =
    LEDGER_TABLE("count", struct ledger_count, count_columns);

enum base_fail_class ledger_mail_add(struct ledger *l, const struct ledger_mail *m, int64_t *id,
                                     struct base_fail *f)
{
    int64_t row = 0;
    enum base_fail_class cls =
        ledger_number(l, &row, f, "SELECT id FROM mail WHERE identity = ?1 AND rcpt = ?2", "tt",
                      m->identity, m->rcpt);

    if (cls == BASE_OK && row != 0) {
        *id = row;
        return base_failf(f, BASE_PERMANENT, "ledger.exists",
                          "the mail was taken before, as mail %lld", (long long)row);
    }
    if (cls != BASE_OK) {
        return cls;
    }
    return ledger_insert(
        l, &table, m, id, f,
        "INSERT INTO mail (identity, rcpt, sender, client, queue_id, message_id, subject,"
        " spool_id, source, profile, kind, domain, mailbox, account, token_hash, received, taken,"
        " intent, state, verdict, reason, text, approved_by, approved_why, decision, facts)"
        " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)");
}

enum base_fail_class ledger_mail_get(struct ledger *l, struct base_arena *a, int64_t id,
                                     struct ledger_mail *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, "SELECT " COLUMNS " FROM mail WHERE id = ?1", "i", id);
}

enum base_fail_class ledger_mail_update(struct ledger *l, const struct ledger_mail *m,
                                        struct base_fail *f)
{
    return ledger_update(l, &table, m, f,
                         "UPDATE mail SET account = ?15, intent = ?19, state = ?20, verdict = ?21,"
                         " reason = ?22, text = ?23, approved_by = ?24, approved_why = ?25,"
                         " decision = ?26, facts = ?27 WHERE id = ?1");
}

enum base_fail_class ledger_mail_list(struct ledger *l, struct base_arena *a, const char *state,
                                      int64_t before, size_t limit, struct ledger_mail **out,
                                      size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    int64_t below = before > 0 ? before : INT64_MAX;
    enum base_fail_class cls;

    if (state == NULL) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM mail WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                          "in", below, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM mail WHERE state = ?1 AND id < ?2"
                          " ORDER BY id DESC LIMIT ?3",
                          "tin", state, below, limit);
    }
    *out = list.rows;
    *n = list.n;
    return cls;
}

enum base_fail_class ledger_mail_unexplained(struct ledger *l, const char *domain, int64_t since,
                                             int64_t *n, struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM mail WHERE intent IS NULL AND domain = ?1"
                         " AND received >= ?2 AND kind IN (?3, ?4)",
                         "titt", domain, since, policy_kind_name(POLICY_KIND_DOMAIN_VALIDATION),
                         policy_kind_name(POLICY_KIND_MAILBOX_VALIDATION));
}

enum base_fail_class ledger_mail_count(struct ledger *l, int64_t intent, int64_t since, int64_t *n,
                                       struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f, "SELECT count(*) FROM mail WHERE intent = ?1 AND received >= ?2",
                         "ii", intent, since);
}

enum base_fail_class ledger_mail_totals(struct ledger *l, struct base_arena *a, int64_t since,
                                        struct ledger_count **out, size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &count_table, &list, f,
                    "SELECT kind, verdict, count(*) FROM mail INDEXED BY mail_totals"
                    " WHERE received >= ?1"
                    " GROUP BY kind, verdict ORDER BY kind, verdict",
                    "i", since);

    *out = list.rows;
    *n = list.n;
    return cls;
}
