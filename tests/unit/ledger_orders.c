/* Orders: every member, ways to find one, due ones, the count for the brake. */
#include "ledger/internal.h"
#include "ledger_fixture.h"

static struct ledger_order sample(const char *reference)
{
    return (struct ledger_order){.reference = reference,
                                 .tenant = "acme",
                                 .account = "main",
                                 .mailbox = "Anna@example.org",
                                 .product = "secure_email_mailbox",
                                 .state = "preparing",
                                 .by = "root",
                                 .created = 100,
                                 .changed = 101};
}

static int64_t add(struct fixture *x, const struct ledger_order *o)
{
    int64_t id = 0;

    GOOD(x, ledger_order_add(x->l, o, &id, &x->fail));
    return id;
}

static void same_order(const struct ledger_order *a, const struct ledger_order *b)
{
    assert_int_equal(a->id, b->id);
    SAME(a->reference, b->reference);
    SAME(a->tenant, b->tenant);
    SAME(a->account, b->account);
    SAME(a->mailbox, b->mailbox);
    SAME(a->product, b->product);
    SAME(a->state, b->state);
    SAME(a->ca_status, b->ca_status);
    SAME(a->ca_order, b->ca_order);
    SAME(a->ca_certificate, b->ca_certificate);
    SAME(a->key_id, b->key_id);
    SAME(a->spki, b->spki);
    SAME(a->request, b->request);
    SAME(a->reason, b->reason);
    SAME(a->by, b->by);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->changed, b->changed);
    assert_int_equal(a->next_look, b->next_look);
    assert_int_equal(a->tries, b->tries);
    assert_int_equal(a->issued_at, b->issued_at);
}

static void every_member_comes_back(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o = sample("r1"), out;

    BEGIN(x);
    o.id = add(x, &o);
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_order_get(x->l, x->a, o.id, &out, &x->fail));
    same_order(&o, &out);
    o.product = "other";
    o.state = "waiting";
    o.ca_status = "needs_approval";
    o.ca_order = "987654321";
    o.ca_certificate = "123";
    o.key_id = "k1";
    o.spki = "ab01";
    o.request = "{}";
    o.reason = "the CA works on it";
    o.changed = 200;
    o.next_look = 300;
    o.tries = 4;
    o.issued_at = 250;
    BEGIN(x);
    GOOD(x, ledger_order_update(x->l, &o, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_order_get(x->l, x->a, o.id, &out, &x->fail));
    same_order(&o, &out);
}

static void who_ordered_what_stays(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o = sample("r1"), out;

    BEGIN(x);
    o.id = add(x, &o);
    o.reference = "r2";
    o.mailbox = "other@example.org";
    o.by = "thief";
    o.created = 1;
    GOOD(x, ledger_order_update(x->l, &o, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_order_get(x->l, x->a, o.id, &out, &x->fail));
    SAME(out.reference, "r1");
    SAME(out.mailbox, "Anna@example.org");
    SAME(out.by, "root");
    assert_int_equal(out.created, 100);
    BEGIN(x);
    BAD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE orders SET mailbox = 'b@example.org'", ""),
        BASE_PERMANENT, "ledger.state");
    BAD(x, ledger_change(x->l, NULL, &x->fail, "DELETE FROM orders", ""), BASE_PERMANENT,
        "ledger.state");
    ledger_rollback(x->l);
}

static void refusals(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o = sample("r1"), out;
    int64_t id;

    BEGIN(x);
    add(x, &o);
    BAD(x, ledger_order_add(x->l, &o, &id, &x->fail), BASE_PERMANENT, "ledger.exists");
    o = sample("r2");
    o.state = "somewhere";
    BAD(x, ledger_order_add(x->l, &o, &id, &x->fail), BASE_OURS, "ledger.use");
    o.state = "failed";
    o.id = 55;
    BAD(x, ledger_order_update(x->l, &o, &x->fail), BASE_PERMANENT, "ledger.absent");
    COMMIT(x);
    BAD(x, ledger_order_get(x->l, x->a, 55, &out, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static void found_by_id_reference_or_the_cas_id(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o = sample("ref-one"), p = sample("ref-two"), out;

    o.ca_order = "7001";
    p.ca_order = "2"; /* also a row id: ours goes first */
    BEGIN(x);
    add(x, &o);
    add(x, &p);
    COMMIT(x);
    GOOD(x, ledger_order_find(x->l, x->a, "1", &out, &x->fail));
    assert_int_equal(out.id, 1);
    GOOD(x, ledger_order_find(x->l, x->a, "ref-two", &out, &x->fail));
    assert_int_equal(out.id, 2);
    GOOD(x, ledger_order_find(x->l, x->a, "7001", &out, &x->fail));
    assert_int_equal(out.id, 1);
    GOOD(x, ledger_order_find(x->l, x->a, "2", &out, &x->fail));
    assert_int_equal(out.id, 2);
    BAD(x, ledger_order_find(x->l, x->a, "7002", &out, &x->fail), BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_order_find(x->l, x->a, "", &out, &x->fail), BASE_PERMANENT, "ledger.absent");
    o = sample("ref-three");
    o.ca_order = "7001"; /* another CA with the same number */
    BEGIN(x);
    add(x, &o);
    COMMIT(x);
    BAD(x, ledger_order_find(x->l, x->a, "7001", &out, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static void found_by_key(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o = sample("r1"), out;

    o.spki = "aa";
    BEGIN(x);
    add(x, &o);
    o.reference = "r2";
    add(x, &o);
    COMMIT(x);
    GOOD(x, ledger_order_by_spki(x->l, x->a, "aa", &out, &x->fail));
    SAME(out.reference, "r2"); /* the newest */
    BAD(x, ledger_order_by_spki(x->l, x->a, "bb", &out, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static void lists_and_due_ones(void **state)
{
    struct fixture *x = *state;
    struct ledger_order *out;
    size_t n;

    BEGIN(x);
    for (int i = 1; i <= 6; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "r%d", i);
        struct ledger_order o = sample(reference);
        o.mailbox = i % 2 == 0 ? "ANNA@example.org" : "bert@example.org";
        o.next_look = i == 3 ? 0 : 100 - i;
        add(x, &o);
    }
    COMMIT(x);
    GOOD(x, ledger_order_list(x->l, x->a, "anna@EXAMPLE.ORG", 2, 10, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].id, 4);
    assert_int_equal(out[1].id, 6);
    GOOD(x, ledger_order_list(x->l, x->a, NULL, 0, 4, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    GOOD(x, ledger_order_list(x->l, x->a, NULL, 4, SIZE_MAX, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_order_due(x->l, x->a, 98, 10, &out, &n, &x->fail));
    assert_int_equal(n, 4); /* 94, 95, 96, 98 */
    assert_int_equal(out[0].id, 6);
    assert_int_equal(out[3].id, 2);
    GOOD(x, ledger_order_due(x->l, x->a, 98, 2, &out, &n, &x->fail));
    assert_int_equal(n, 2);
}

static void the_brake_counts(void **state)
{
    struct fixture *x = *state;
    int64_t n;

    BEGIN(x);
    for (int i = 0; i < 5; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "r%d", i);
        struct ledger_order o = sample(reference);
        o.created = 100 + i;
        o.account = i == 4 ? "other" : "main";
        add(x, &o);
    }
    COMMIT(x);
    GOOD(x, ledger_order_count(x->l, "main", 0, &n, &x->fail));
    assert_int_equal(n, 4);
    GOOD(x, ledger_order_count(x->l, "main", 102, &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_order_count(x->l, "nobody", 0, &n, &x->fail));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_member_comes_back),
        TEST(who_ordered_what_stays),
        TEST(refusals),
        TEST(found_by_id_reference_or_the_cas_id),
        TEST(found_by_key),
        TEST(lists_and_due_ones),
        TEST(the_brake_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
