/* ledger/intents.c - what we asked a CA for, and the domains as the CA holds
 * them. The steps of an intent's state are policy's; they are checked here,
 * where nobody gets around them. */
#include <string.h>

#include "base/clock.h"
#include "internal.h"

#define MATCH_MAX ((size_t)100)
#define ENDED_KEPT                                                                                 \
    INT64_C(3456000) /* 40 days: an intent that ended earlier meets no mail any more */

/* An intent with its enums as words, and when it ended. */
struct intent_row {
    struct ledger_intent i;
    const char *kind, *state;
    int64_t ended;
};

#define COLUMNS                                                                                    \
    "id, kind, state, tenant, account, domain, mailbox, ca_order, ca_certificate, ca_domain,"      \
    " ca_support, recipients, created, expires, copies, confirmed_copies, answered_resends, who,"  \
    " note, order_row, requested_at, next_look, resends, adopted, prevalidation, ended, renews"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct intent_row, i.p.id), /* ?1 */
    LEDGER_COL(TEXT, struct intent_row, kind),
    LEDGER_COL(TEXT, struct intent_row, state),
    LEDGER_COL(TEXT, struct intent_row, i.p.tenant),
    LEDGER_COL(TEXT, struct intent_row, i.p.account), /* ?5 */
    LEDGER_COL(TEXT, struct intent_row, i.p.domain),
    LEDGER_COL(TEXT, struct intent_row, i.p.mailbox),
    LEDGER_COL(TEXT, struct intent_row, i.p.order),
    LEDGER_COL(TEXT, struct intent_row, i.p.certificate),
    LEDGER_COL(TEXT, struct intent_row, i.p.domain_id), /* ?10 */
    LEDGER_COL(TEXT, struct intent_row, i.p.support),
    LEDGER_COL2(NAMES, struct intent_row, i.p.recipients.v, i.p.recipients.n),
    LEDGER_COL(INT, struct intent_row, i.p.created),
    LEDGER_COL(INT, struct intent_row, i.p.expires),
    LEDGER_COL(INT32, struct intent_row, i.p.copies), /* ?15 */
    LEDGER_COL(INT32, struct intent_row, i.p.confirmed_copies),
    LEDGER_COL(INT32, struct intent_row, i.p.answered_resends),
    LEDGER_COL(TEXT, struct intent_row, i.by),
    LEDGER_COL(TEXT, struct intent_row, i.note),
    LEDGER_COL(REF, struct intent_row, i.order_row), /* ?20 */
    LEDGER_COL(INT, struct intent_row, i.requested_at),
    LEDGER_COL(INT, struct intent_row, i.next_look),
    LEDGER_COL(INT, struct intent_row, i.resends),
    LEDGER_COL(BOOL, struct intent_row, i.adopted),
    LEDGER_COL(BOOL, struct intent_row, i.prevalidation), /* ?25 */
    LEDGER_COL(INT, struct intent_row, ended),
    LEDGER_COL(INT, struct intent_row, i.p.renews),
    LEDGER_COL(KEY, struct intent_row, i.p.mailbox),
};
static const struct ledger_table table = LEDGER_TABLE("intent", struct intent_row, columns);

static bool is_ended(enum policy_intent_state s)
{
    return s == POLICY_INTENT_CONFIRMED || s == POLICY_INTENT_EXPIRED ||
           s == POLICY_INTENT_CANCELLED || s == POLICY_INTENT_FAILED;
}

static void to_row(const struct ledger_intent *i, int64_t ended_before, struct intent_row *r)
{
    *r = (struct intent_row){.i = *i,
                             .kind = policy_intent_kind_name(i->p.kind),
                             .state = policy_intent_state_name(i->p.state)};
    if (is_ended(i->p.state)) {
        r->ended = ended_before != 0 ? ended_before : base_now();
    }
}

static enum base_fail_class from_row(const struct intent_row *r, struct ledger_intent *out,
                                     struct base_fail *f)
{
    *out = r->i;
    if (!policy_intent_kind_parse(r->kind, &out->p.kind) ||
        !policy_intent_state_parse(r->state, &out->p.state)) {
        return base_failf(f, BASE_PERMANENT, "ledger.damaged", "intent %lld has no known state",
                          (long long)r->i.p.id);
    }
    return BASE_OK;
}

static enum base_fail_class give(enum base_fail_class cls, struct base_arena *a,
                                 const struct ledger_list *list, struct ledger_intent **out,
                                 size_t *n, struct base_fail *f)
{
    const struct intent_row *rows = list->rows;

    *n = 0;
    *out = list->n == 0 ? NULL : base_arena_array(a, list->n, sizeof **out);
    for (size_t i = 0; i < list->n && cls == BASE_OK; i++) {
        cls = from_row(&rows[i], &(*out)[i], f);
        *n = cls == BASE_OK ? i + 1 : 0;
    }
    return cls;
}

enum base_fail_class ledger_intent_add(struct ledger *l, const struct ledger_intent *i, int64_t *id,
                                       struct base_fail *f)
{
    struct intent_row r;

    to_row(i, 0, &r);
    return ledger_insert(
        l, &table, &r, id, f,
        "INSERT INTO intent (kind, state, tenant, account, domain, mailbox, ca_order,"
        " ca_certificate, ca_domain, ca_support, recipients, created, expires, copies,"
        " confirmed_copies, answered_resends, who, note, order_row, requested_at, next_look,"
        " resends, adopted, prevalidation, ended, renews, mailbox_key)"
        " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)");
}

static enum base_fail_class get_row(struct ledger *l, struct base_arena *a, int64_t id,
                                    struct intent_row *r, struct base_fail *f)
{
    return ledger_row(l, a, &table, r, f, "SELECT " COLUMNS " FROM intent WHERE id = ?1", "i", id);
}

enum base_fail_class ledger_intent_get(struct ledger *l, struct base_arena *a, int64_t id,
                                       struct ledger_intent *out, struct base_fail *f)
{
    struct intent_row r;
    enum base_fail_class cls = get_row(l, a, id, &r, f);

    return cls == BASE_OK ? from_row(&r, out, f) : cls;
}

/* The state and end that the row has now; refuses a step that policy forbids. */
static enum base_fail_class check_step(struct ledger *l, const struct ledger_intent *i,
                                       int64_t *ended, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct intent_row r;
    struct ledger_intent old;
    enum base_fail_class cls = get_row(l, a, i->p.id, &r, f);

    if (cls == BASE_OK) {
        cls = from_row(&r, &old, f);
    }
    if (cls == BASE_OK && old.p.state != i->p.state &&
        !policy_intent_step(old.p.state, i->p.state)) {
        cls = base_failf(f, BASE_PERMANENT, "ledger.state", "intent %lld can't go from %s to %s",
                         (long long)i->p.id, r.state, policy_intent_state_name(i->p.state));
    }
    *ended = r.ended;
    base_arena_free(a);
    return cls;
}

enum base_fail_class ledger_intent_update(struct ledger *l, const struct ledger_intent *i,
                                          struct base_fail *f)
{
    struct intent_row r;
    int64_t ended;
    enum base_fail_class cls = check_step(l, i, &ended, f);

    if (cls != BASE_OK) {
        return cls;
    }
    to_row(i, ended, &r);
    return ledger_update(
        l, &table, &r, f,
        "UPDATE intent SET state = ?3, account = ?5, domain = ?6, mailbox = ?7, ca_order = ?8,"
        " ca_certificate = ?9, ca_domain = ?10, ca_support = ?11, recipients = ?12,"
        " expires = ?14, copies = ?15, confirmed_copies = ?16, answered_resends = ?17, who = ?18,"
        " note = ?19, order_row = ?20, requested_at = ?21, next_look = ?22, resends = ?23,"
        " adopted = ?24, prevalidation = ?25, ended = ?26, renews = ?27, mailbox_key = ?28 WHERE id = ?1");
}

enum base_fail_class ledger_intent_match(struct ledger *l, struct base_arena *a, const char *domain,
                                         const char *mailbox, int64_t now,
                                         struct ledger_intent **out, size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM intent WHERE id IN (SELECT id FROM ("
                    "  SELECT id FROM intent WHERE kind = 'domain' AND domain = ?1"
                    "    AND (ended = 0 OR ended >= ?3)"
                    "  UNION ALL"
                    "  SELECT id FROM intent WHERE mailbox_key = ?2 AND kind <> 'domain'"
                    "    AND (ended = 0 OR ended >= ?3)"
                    "  ORDER BY id DESC LIMIT ?4)) ORDER BY id DESC",
                    "tmin", domain, mailbox, now - ENDED_KEPT, MATCH_MAX);

    return give(cls, a, &list, out, n, f);
}

#define IN_STATE(n) "SELECT id FROM intent WHERE state = ?" #n " AND id > ?1"
#define OR_STATE(n) " UNION ALL " IN_STATE(n)
#define IN_STATES                                                                                  \
    IN_STATE(3) OR_STATE(4) OR_STATE(5) OR_STATE(6) OR_STATE(7) OR_STATE(8) OR_STATE(9) OR_STATE(10)

enum base_fail_class ledger_intent_list(struct ledger *l, struct base_arena *a, unsigned states,
                                        int64_t after, size_t limit, struct ledger_intent **out,
                                        size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    const char *s[POLICY_INTENT_FAILED + 1]; /* NULL, the states not asked for, equals nothing */
    enum base_fail_class cls;

    for (int i = 0; i <= POLICY_INTENT_FAILED; i++) {
        s[i] =
            (states & 1u << i) != 0 ? policy_intent_state_name((enum policy_intent_state)i) : NULL;
    }
    if (states == 0) {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM intent WHERE id > ?1 ORDER BY id LIMIT ?2", "in",
                          after, limit);
    } else {
        cls = ledger_rows(l, a, &table, &list, f,
                          "SELECT " COLUMNS " FROM intent WHERE id IN (SELECT id FROM (" IN_STATES
                          " ORDER BY id LIMIT ?2)) ORDER BY id",
                          "intttttttt", after, limit, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
    }
    return give(cls, a, &list, out, n, f);
}

enum base_fail_class ledger_intent_due(struct ledger *l, struct base_arena *a, int64_t now,
                                       size_t limit, struct ledger_intent **out, size_t *n,
                                       struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM intent WHERE next_look > 0 AND next_look <= ?1"
                    " ORDER BY next_look, id LIMIT ?2",
                    "in", now, limit);

    return give(cls, a, &list, out, n, f);
}

enum base_fail_class ledger_intent_of_order(struct ledger *l, struct base_arena *a,
                                            int64_t order_row, struct ledger_intent **out,
                                            size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT " COLUMNS " FROM intent WHERE order_row = ?1 ORDER BY id LIMIT ?2",
                    "in", order_row, MATCH_MAX);

    return give(cls, a, &list, out, n, f);
}
