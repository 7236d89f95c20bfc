/* What the DNS shows of a domain: a domain without a row, what is kept, and the two lists. */
#include "ledger/domainlook.h"
#include "ledger_fixture.h"

static void rows(void **state)
{
    struct fixture *x = *state;
    const char *two[] = {"a@example.org", "b@example.org"};
    struct ledger_domain_look d, *v;
    size_t n;

    GOOD(x, ledger_domain_look_get(x->l, x->a, "example.org", &d, &x->fail));
    assert_string_equal(d.name, "example.org");
    assert_true(d.dropped == 0 && d.next_look == 0 && d.ncontacts == 0 && d.trouble == NULL);
    BEGIN(x);
    d.contacts = two;
    d.ncontacts = 2;
    d.dropped = 7;
    d.mx = "mx.elsewhere.test";
    d.persist_until = 9;
    d.valid_since = 5;
    GOOD(x, ledger_domain_look_put(x->l, &d, &x->fail));
    GOOD(x, ledger_domain_look_put(x->l, &d, &x->fail)); /* in place of the one before */
    GOOD(x, ledger_domain_look_put(x->l, &(struct ledger_domain_look){.name = "plain.test"}, &x->fail));
    GOOD(x, ledger_domain_look_put(x->l, &(struct ledger_domain_look){.name = "left.test", .dropped = 1}, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_domain_look_get(x->l, x->a, "example.org", &d, &x->fail));
    assert_int_equal(d.ncontacts, 2);
    assert_string_equal(d.contacts[1], "b@example.org");
    assert_true(d.dropped == 7 && d.persist_until == 9 && d.valid_since == 5);
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_CONTACTS, "", 9, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_string_equal(v[0].name, "example.org");
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_DROPPED, "", 1, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_string_equal(v[0].name, "example.org");
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_DROPPED, "example.org", 9, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_string_equal(v[0].name, "left.test");
}

/* What a validation replaces stays with its intent. */
static void renews(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = {.p = {.tenant = "t", .account = "m", .domain = "b", .renews = 1800000000}}, out;

    BEGIN(x);
    GOOD(x, ledger_intent_add(x->l, &i, &i.p.id, &x->fail));
    i.p.copies = 5;
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail));
    assert_int_equal(out.p.renews, 1800000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(rows), TEST(renews)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
