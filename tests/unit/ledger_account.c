/* Prices of orders, and organizations that the CA is asked about. */
#include "ledger/account.h"
#include "ledger_fixture.h"

static void prices(void **state)
{
    struct fixture *x = *state;
    struct ledger_price p = {.order_row = 7, .account = "m", .product = "p", .days = 365, .each = "10.00",
                             .currency = "USD", .at = 100}, got;

    BAD(x, ledger_price_get(x->l, x->a, 7, &got, &x->fail), BASE_PERMANENT, "ledger.absent");
    BEGIN(x);
    GOOD(x, ledger_price_put(x->l, &p, &x->fail));
    p.each = "11.00"; /* the CA's newer word */
    GOOD(x, ledger_price_put(x->l, &p, &x->fail));
    p = (struct ledger_price){8, "m", "p", 365, "9.00", NULL, 50};
    GOOD(x, ledger_price_put(x->l, &p, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_price_get(x->l, x->a, 7, &got, &x->fail));
    assert_string_equal(got.each, "11.00");
    GOOD(x, ledger_price_last(x->l, x->a, "m", "p", 365, &got, &x->fail));
    assert_int_equal(got.order_row, 7);
    BAD(x, ledger_price_last(x->l, x->a, "m", "p", 730, &got, &x->fail), BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_price_last(x->l, x->a, "other", "p", 365, &got, &x->fail), BASE_PERMANENT,
        "ledger.absent");
}

static void organizations(void **state)
{
    struct fixture *x = *state;
    struct ledger_organization o = {.account = "m", .tenant = "t", .name = "Sample", .form = "{}",
                                    .state = "asked", .by = "me", .created = 1, .changed = 1}, got, *v;
    int64_t id;
    size_t n;

    BEGIN(x);
    GOOD(x, ledger_organization_add(x->l, &o, &id, &x->fail));
    GOOD(x, ledger_organization_add(x->l, &o, &id, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_organization_get(x->l, x->a, id, &got, &x->fail));
    assert_null(got.ca_id);
    got.state = "done";
    got.ca_id = "4711";
    BEGIN(x);
    GOOD(x, ledger_organization_update(x->l, &got, &x->fail));
    got.state = "nonsense";
    BAD(x, ledger_organization_update(x->l, &got, &x->fail), BASE_OURS, "ledger.use");
    ledger_rollback(x->l);
    BEGIN(x);
    got.state = "done";
    GOOD(x, ledger_organization_update(x->l, &got, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_organization_list(x->l, x->a, "m", NULL, "Sample", 9, &v, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(v[0].id, id); /* the newest first */
    GOOD(x, ledger_organization_list(x->l, x->a, "m", "4711", NULL, 9, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_organization_list(x->l, x->a, "other", NULL, NULL, 9, &v, &n, &x->fail));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(prices), TEST(organizations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
