/* Intents: every member, steps, matching of mails, lists and due ones. */
#include "base/clock.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"

#define DAY 86400

static struct ledger_intent sample(void)
{
    static const char *recipients[] = {"admin@example.org", "postmaster@example.org"};

    return (struct ledger_intent){.p = {.kind = POLICY_INTENT_DOMAIN,
                                        .state = POLICY_INTENT_REQUESTING,
                                        .tenant = "acme",
                                        .account = "main",
                                        .domain = "example.org",
                                        .recipients = {recipients, 2},
                                        .created = 1000,
                                        .expires = 2000},
                                  .by = "root",
                                  .requested_at = 1001,
                                  .next_look = 1500};
}

static int64_t add(struct fixture *x, const struct ledger_intent *i)
{
    int64_t id = 0;

    GOOD(x, ledger_intent_add(x->l, i, &id, &x->fail));
    assert_true(id > 0);
    return id;
}

static int64_t add_order(struct fixture *x)
{
    struct ledger_order o = {.reference = "ref",
                             .tenant = "acme",
                             .account = "main",
                             .mailbox = "a@example.org",
                             .state = "preparing"};
    int64_t id = 0;

    GOOD(x, ledger_order_add(x->l, &o, &id, &x->fail));
    return id;
}

static void same_intent(const struct ledger_intent *a, const struct ledger_intent *b)
{
    assert_int_equal(a->p.id, b->p.id);
    assert_int_equal(a->p.kind, b->p.kind);
    assert_int_equal(a->p.state, b->p.state);
    SAME(a->p.tenant, b->p.tenant);
    SAME(a->p.account, b->p.account);
    SAME(a->p.domain, b->p.domain);
    SAME(a->p.mailbox, b->p.mailbox);
    SAME(a->p.order, b->p.order);
    SAME(a->p.certificate, b->p.certificate);
    SAME(a->p.domain_id, b->p.domain_id);
    SAME(a->p.support, b->p.support);
    assert_int_equal(a->p.recipients.n, b->p.recipients.n);
    for (size_t i = 0; i < a->p.recipients.n; i++) {
        SAME(a->p.recipients.v[i], b->p.recipients.v[i]);
    }
    assert_int_equal(a->p.created, b->p.created);
    assert_int_equal(a->p.expires, b->p.expires);
    assert_int_equal(a->p.copies, b->p.copies);
    assert_int_equal(a->p.confirmed_copies, b->p.confirmed_copies);
    assert_int_equal(a->p.answered_resends, b->p.answered_resends);
    SAME(a->by, b->by);
    SAME(a->note, b->note);
    assert_int_equal(a->order_row, b->order_row);
    assert_int_equal(a->requested_at, b->requested_at);
    assert_int_equal(a->next_look, b->next_look);
    assert_int_equal(a->resends, b->resends);
    assert_int_equal(a->adopted, b->adopted);
    assert_int_equal(a->prevalidation, b->prevalidation);
}

static void every_member_comes_back(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), out;
    static const char *one[] = {"\"quoted\\\"\"@example.org"};

    BEGIN(x);
    i.order_row = add_order(x);
    i.p.id = add(x, &i);
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
    same_intent(&i, &out);

    i.p.state = POLICY_INTENT_OPEN;
    i.p.account = "second";
    i.p.domain = "other.example";
    i.p.mailbox = "a@other.example";
    i.p.order = "o1";
    i.p.certificate = "c1";
    i.p.domain_id = "d1";
    i.p.support = "s1";
    i.p.recipients = (struct policy_strings){one, 1};
    i.p.expires = 3000;
    i.p.copies = 5;
    i.p.confirmed_copies = 2;
    i.p.answered_resends = 1;
    i.by = "boss";
    i.note = "because";
    i.order_row = 0;
    i.requested_at = 4000;
    i.next_look = 0;
    i.resends = 3;
    i.adopted = true;
    i.prevalidation = true;
    BEGIN(x);
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
    same_intent(&i, &out);
}

static void what_never_changes_stays(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), out;

    BEGIN(x);
    i.p.id = add(x, &i);
    i.p.kind = POLICY_INTENT_ORDER;
    i.p.tenant = "thief";
    i.p.created = 9;
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
    assert_int_equal(out.p.kind, POLICY_INTENT_DOMAIN);
    SAME(out.p.tenant, "acme");
    assert_int_equal(out.p.created, 1000);
}

/* Whatever policy says about a step, the ledger says the same, for all 64. */
static void steps_are_those_of_policy(void **state)
{
    struct fixture *x = *state;
    size_t refused = 0;

    for (int from = 0; from <= POLICY_INTENT_FAILED; from++) {
        for (int to = 0; to <= POLICY_INTENT_FAILED; to++) {
            struct ledger_intent i = sample(), out;
            BEGIN(x);
            i.p.state = (enum policy_intent_state)from;
            i.p.id = add(x, &i);
            i.p.state = (enum policy_intent_state)to;
            if (from == to || policy_intent_step((enum policy_intent_state)from, i.p.state)) {
                GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
                GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
                assert_int_equal(out.p.state, to);
            } else {
                BAD(x, ledger_intent_update(x->l, &i, &x->fail), BASE_PERMANENT, "ledger.state");
                GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
                assert_int_equal(out.p.state, from);
                refused++;
            }
            ledger_rollback(x->l);
        }
    }
    assert_true(refused > 10);
}

static void absent_ones(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), out;

    BAD(x, ledger_intent_get(x->l, x->a, 7, &out, &x->fail), BASE_PERMANENT, "ledger.absent");
    BEGIN(x);
    i.p.id = 7;
    BAD(x, ledger_intent_update(x->l, &i, &x->fail), BASE_PERMANENT, "ledger.absent");
    i.order_row = 99; /* an order that isn't there */
    BAD(x, ledger_intent_add(x->l, &i, &(int64_t){0}, &x->fail), BASE_PERMANENT, "ledger.absent");
    i.order_row = 0;
    i.p.domain = NULL;
    BAD(x, ledger_intent_add(x->l, &i, &(int64_t){0}, &x->fail), BASE_OURS, "ledger.use");
    i = sample();
    static const char *bad[] = {"caf\xe9@example.org"};
    i.p.recipients = (struct policy_strings){bad, 1};
    BAD(x, ledger_intent_add(x->l, &i, &(int64_t){0}, &x->fail), BASE_OURS, "ledger.use");
    ledger_rollback(x->l);
}

static void mails_meet_their_intents(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent d = sample(), m = sample(), o = sample(), *out;
    int64_t now = base_now(), id_d, id_m, id_o;
    size_t n;

    m.p.kind = POLICY_INTENT_MAILBOX;
    m.p.mailbox = "Anna.Berg@example.org";
    o.p.kind = POLICY_INTENT_ORDER;
    o.p.mailbox = "anna.berg@example.org";
    BEGIN(x);
    id_d = add(x, &d);
    id_m = add(x, &m);
    id_o = add(x, &o);
    COMMIT(x);
    GOOD(x, ledger_intent_match(x->l, x->a, "example.org", NULL, now, &out, &n, &x->fail));
    assert_int_equal(n, 1); /* the mailboxes' intents are of this domain, but of another kind */
    assert_int_equal(out[0].p.id, id_d);
    GOOD(x,
         ledger_intent_match(x->l, x->a, NULL, "ANNA.BERG@example.ORG", now, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].p.id, id_o);
    assert_int_equal(out[1].p.id, id_m);
    GOOD(x, ledger_intent_match(x->l, x->a, "example.org", "anna.berg@example.org", now, &out, &n,
                                &x->fail));
    assert_int_equal(n, 3);
    assert_int_equal(out[0].p.id, id_o);
    assert_int_equal(out[2].p.id, id_d);
    GOOD(x, ledger_intent_match(x->l, x->a, "xample.org", "berg@example.org", now, &out, &n,
                                &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_intent_match(x->l, x->a, NULL, NULL, now, &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

static void ended_ones_match_for_forty_days(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), *out;
    int64_t now = base_now();
    size_t n;

    BEGIN(x);
    i.p.id = add(x, &i);
    i.p.state = POLICY_INTENT_CANCELLED;
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    i = sample();
    i.p.state = POLICY_INTENT_OPEN; /* goes on: matches for ever */
    add(x, &i);
    COMMIT(x);
    GOOD(x,
         ledger_intent_match(x->l, x->a, "example.org", NULL, now + 39 * DAY, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[1].p.state, POLICY_INTENT_CANCELLED);
    GOOD(x,
         ledger_intent_match(x->l, x->a, "example.org", NULL, now + 41 * DAY, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_int_equal(out[0].p.state, POLICY_INTENT_OPEN);
}

static void a_later_note_doesnt_move_the_end(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), *out;
    size_t n;

    BEGIN(x);
    i.p.state = POLICY_INTENT_FAILED;
    i.p.id = add(x, &i);
    GOOD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE intent SET ended = ?1", "i",
                          base_now() - 41 * (int64_t)DAY));
    i.note = "the CA said why";
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_intent_match(x->l, x->a, "example.org", NULL, base_now(), &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

static void a_match_has_at_most_a_hundred(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), *out;
    int64_t last = 0;
    size_t n;

    BEGIN(x);
    for (int k = 0; k < 150; k++) {
        last = add(x, &i);
    }
    COMMIT(x);
    GOOD(x, ledger_intent_match(x->l, x->a, "example.org", NULL, 0, &out, &n, &x->fail));
    assert_int_equal(n, 100);
    assert_int_equal(out[0].p.id, last);
    assert_int_equal(out[99].p.id, last - 99);
}

static void lists_by_states_in_pages(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent *out;
    unsigned some = 1u << POLICY_INTENT_OPEN | 1u << POLICY_INTENT_FAILED;
    size_t n;

    BEGIN(x);
    for (int k = 0; k < 24; k++) { /* ids 1..24 go through the states */
        struct ledger_intent i = sample();
        i.p.state = (enum policy_intent_state)(k % 8);
        add(x, &i);
    }
    COMMIT(x);
    GOOD(x, ledger_intent_list(x->l, x->a, 0, 20, 10, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    GOOD(x, ledger_intent_list(x->l, x->a, some, 0, 4, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    assert_int_equal(out[0].p.id, 2);
    assert_int_equal(out[1].p.id, 8);
    assert_int_equal(out[2].p.id, 10);
    assert_int_equal(out[3].p.id, 16);
    assert_int_equal(out[3].p.state, POLICY_INTENT_FAILED);
    GOOD(x, ledger_intent_list(x->l, x->a, some, 16, 4, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[1].p.id, 24);
    GOOD(x, ledger_intent_list(x->l, x->a, some, 24, 4, &out, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_intent_list(x->l, x->a, 0xff, 0, 100, &out, &n, &x->fail));
    assert_int_equal(n, 24);
}

static void due_ones_oldest_first(void **state)
{
    struct fixture *x = *state;
    static const int64_t looks[] = {50, 0, 10, 30, 70};
    struct ledger_intent *out;
    size_t n;

    BEGIN(x);
    for (int k = 0; k < 5; k++) {
        struct ledger_intent i = sample();
        i.next_look = looks[k];
        add(x, &i);
    }
    COMMIT(x);
    GOOD(x, ledger_intent_due(x->l, x->a, 50, 10, &out, &n, &x->fail));
    assert_int_equal(n, 3);
    assert_int_equal(out[0].p.id, 3);
    assert_int_equal(out[1].p.id, 4);
    assert_int_equal(out[2].p.id, 1);
    GOOD(x, ledger_intent_due(x->l, x->a, 50, 1, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_int_equal(out[0].p.id, 3);
    GOOD(x, ledger_intent_due(x->l, x->a, 9, 10, &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

static void those_of_an_order(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = sample(), *out;
    size_t n;

    BEGIN(x);
    add(x, &i);
    i.order_row = add_order(x);
    add(x, &i);
    add(x, &i);
    COMMIT(x);
    GOOD(x, ledger_intent_of_order(x->l, x->a, i.order_row, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].p.id, 2);
    assert_int_equal(out[1].order_row, i.order_row);
    GOOD(x, ledger_intent_of_order(x->l, x->a, 77, &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_member_comes_back),
        TEST(what_never_changes_stays),
        TEST(steps_are_those_of_policy),
        TEST(absent_ones),
        TEST(mails_meet_their_intents),
        TEST(ended_ones_match_for_forty_days),
        TEST(a_later_note_doesnt_move_the_end),
        TEST(a_match_has_at_most_a_hundred),
        TEST(lists_by_states_in_pages),
        TEST(due_ones_oldest_first),
        TEST(those_of_an_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
