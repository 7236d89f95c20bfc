/* Attestations, agreements, releases: every member comes back, nothing changes or goes away, and
 * the brake counts what used no release. */
#include "ledger/internal.h"
#include "ledger/trust.h"
#include "ledger_fixture.h"

static int64_t add_order(struct fixture *x, const char *reference, const char *account, int64_t at,
                         int64_t batch)
{
    struct ledger_order o = {.reference = reference,
                             .tenant = "t",
                             .account = account,
                             .mailbox = "a@b",
                             .state = "preparing",
                             .by = "jane (uid 1)",
                             .created = at,
                             .batch = batch};
    int64_t id = 0;
    GOOD(x, ledger_order_add(x->l, &o, &id, &x->fail));
    return id;
}

static void the_batch_stays(void **state)
{
    struct fixture *x = *state;
    struct ledger_order o;
    int64_t id;

    BEGIN(x);
    id = add_order(x, "r1", "main", 10, 7);
    COMMIT(x);
    GOOD(x, ledger_order_get(x->l, x->a, id, &o, &x->fail));
    assert_int_equal(o.batch, 7);
    BEGIN(x);
    assert_int_not_equal(ledger_script(x->l, &x->fail, "UPDATE orders SET batch = 8"), BASE_OK);
    assert_non_null(strstr(x->fail.text, "never changed"));
    ledger_rollback(x->l);
}

static void attestations(void **state)
{
    struct fixture *x = *state;
    struct ledger_attestation t = {.source = "directory",
                                   .asserted_by = "John Roe",
                                   .dn = "uid=a",
                                   .values = "{\"mail\":\"a@b\"}",
                                   .at = 100,
                                   .text_version = "v1",
                                   .text_sha256 = "h1",
                                   .entered_by = "jane",
                                   .recorded = 101},
                              got, *list;
    struct ledger_stated text;
    int64_t first = 0, second = 0;
    size_t n = 0;

    BAD(x, ledger_attestation_of(x->l, x->a, 1, &got, &x->fail), BASE_PERMANENT, "ledger.absent");
    BEGIN(x);
    t.order_row = add_order(x, "r1", "main", 10, 0);
    GOOD(x, ledger_stated_put(x->l, "h1", "v1", "the text", &x->fail));
    GOOD(x, ledger_stated_put(x->l, "h1", "v2", "never", &x->fail));
    GOOD(x, ledger_attestation_add(x->l, &t, &first, &x->fail));
    t.earlier = first;
    t.source = "standing";
    t.dn = t.values = NULL;
    GOOD(x, ledger_attestation_add(x->l, &t, &second, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_stated_get(x->l, x->a, "h1", &text, &x->fail));
    assert_string_equal(text.body, "the text");
    assert_string_equal(text.version, "v1");
    GOOD(x, ledger_attestation_list(x->l, x->a, t.order_row, &list, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].source, "directory");
    assert_string_equal(list[0].asserted_by, "John Roe");
    assert_string_equal(list[0].dn, "uid=a");
    assert_string_equal(list[0].values, "{\"mail\":\"a@b\"}");
    assert_string_equal(list[0].text_version, "v1");
    assert_string_equal(list[0].text_sha256, "h1");
    assert_string_equal(list[0].entered_by, "jane");
    assert_true(list[0].at == 100 && list[0].recorded == 101 && list[0].earlier == 0);
    GOOD(x, ledger_attestation_of(x->l, x->a, t.order_row, &got, &x->fail));
    assert_true(got.id == second && got.earlier == first && !got.dn);
    /* a text that was never kept, an order that isn't there, another source */
    BEGIN(x);
    t.text_sha256 = "other";
    assert_int_not_equal(ledger_attestation_add(x->l, &t, &first, &x->fail), BASE_OK);
    ledger_rollback(x->l);
    BEGIN(x);
    t.text_sha256 = "h1";
    t.source = "hearsay";
    assert_int_not_equal(ledger_attestation_add(x->l, &t, &first, &x->fail), BASE_OK);
    ledger_rollback(x->l);
}

static void agreements(void **state)
{
    struct fixture *x = *state;
    struct ledger_agreement g = {.account = "main",
                                 .what = "smime-terms",
                                 .version = "1",
                                 .name = "Ann",
                                 .entered_by = "jane",
                                 .at = 100},
                            got, *list;
    int64_t id = 0;
    size_t n = 0;

    BEGIN(x);
    GOOD(x, ledger_agreement_add(x->l, &g, &id, &x->fail));
    g.version = "2";
    g.at = 200;
    GOOD(x, ledger_agreement_add(x->l, &g, &id, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_agreement_of(x->l, x->a, "main", "smime-terms", NULL, &got, &x->fail));
    assert_string_equal(got.version, "2");
    assert_string_equal(got.name, "Ann");
    GOOD(x, ledger_agreement_of(x->l, x->a, "main", "smime-terms", "1", &got, &x->fail));
    assert_int_equal(got.at, 100);
    BAD(x, ledger_agreement_of(x->l, x->a, "main", "smime-terms", "3", &got, &x->fail),
        BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_agreement_of(x->l, x->a, "other", "smime-terms", NULL, &got, &x->fail),
        BASE_PERMANENT, "ledger.absent");
    GOOD(x, ledger_agreement_list(x->l, x->a, "main", 150, 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_agreement_list(x->l, x->a, "main", 0, 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 2);
}

static void the_brake(void **state)
{
    struct fixture *x = *state;
    struct ledger_release r = {.account = "main",
                               .orders = 2,
                               .reason = "why",
                               .who = "ann",
                               .at = 10,
                               .until = 1000},
                          *list, of;
    int64_t any = 0, own = 0, order, n = 0;
    const char *who;
    size_t count = 0;

    BEGIN(x);
    GOOD(x, ledger_release_add(x->l, &r, &any, &x->fail));
    r.batch = 7;
    r.orders = 1;
    GOOD(x, ledger_release_add(x->l, &r, &own, &x->fail));
    add_order(x, "r1", "main", 100, 7);
    add_order(x, "r2", "main", 200, 0);
    order = add_order(x, "r3", "main", 300, 7);
    add_order(x, "r4", "other", 300, 7);
    GOOD(x, ledger_release_use(x->l, own, order, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_brake_count(x->l, "main", 0, &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_brake_count(x->l, "main", 150, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_brake_batch(x->l, "main", 7, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_brake_batch(x->l, "main", 0, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_brake_placed(x->l, x->a, 7, &who, &x->fail));
    assert_string_equal(who, "jane (uid 1)");
    GOOD(x, ledger_brake_placed(x->l, x->a, 8, &who, &x->fail));
    assert_null(who);
    /* the batch's own is used up, the general one has room until its end */
    GOOD(x, ledger_release_open(x->l, x->a, "main", 7, 500, 9, &list, &count, &x->fail));
    assert_int_equal(count, 1);
    assert_true(list[0].id == any && list[0].used == 0 && list[0].orders == 2);
    GOOD(x, ledger_release_open(x->l, x->a, "main", 7, 1000, 9, &list, &count, &x->fail));
    assert_int_equal(count, 0);
    GOOD(x, ledger_release_list(x->l, x->a, NULL, 0, 9, &list, &count, &x->fail));
    assert_int_equal(count, 2);
    assert_true(list[1].used == 1 && list[1].batch == 7);
    GOOD(x, ledger_release_of(x->l, x->a, order, &of, &x->fail));
    assert_int_equal(of.id, own);
    BEGIN(x); /* an order uses one release, once */
    assert_int_not_equal(ledger_release_use(x->l, any, order, &x->fail), BASE_OK);
    ledger_rollback(x->l);
}

static void nothing_changes(void **state)
{
    struct fixture *x = *state;
    static const char *const tables[] = {"stated_text", "attestation", "agreement", "brake_release",
                                         "brake_use"};
    static const char *const sets[] = {"body = 'x'", "asserted_by = 'x'", "name = 'x'", "orders = 9",
                                       "release = 2"};
    static const char *const says[] = {"never", "never", "never", "never", "once"};
    struct ledger_attestation t = {.source = "person",
                                   .asserted_by = "J",
                                   .text_version = "v",
                                   .text_sha256 = "h"};
    struct ledger_agreement g = {
        .account = "m", .what = "smime-terms", .version = "1", .name = "A"};
    struct ledger_release r = {.account = "m", .orders = 2, .reason = "w", .who = "a"};

    BEGIN(x);
    t.order_row = add_order(x, "r1", "m", 1, 0);
    GOOD(x, ledger_stated_put(x->l, "h", "v", "b", &x->fail));
    GOOD(x, ledger_attestation_add(x->l, &t, &t.id, &x->fail));
    GOOD(x, ledger_agreement_add(x->l, &g, &g.id, &x->fail));
    GOOD(x, ledger_release_add(x->l, &r, &r.id, &x->fail));
    GOOD(x, ledger_release_use(x->l, r.id, t.order_row, &x->fail));
    COMMIT(x);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        BEGIN(x);
        assert_int_not_equal(ledger_script(x->l, &x->fail,
                                           base_arena_printf(x->a, "UPDATE %s SET %s", tables[i],
                                                             sets[i])),
                             BASE_OK);
        assert_non_null(strstr(x->fail.text, says[i]));
        ledger_rollback(x->l);
        BEGIN(x);
        assert_int_not_equal(
            ledger_script(x->l, &x->fail, base_arena_printf(x->a, "DELETE FROM %s", tables[i])),
            BASE_OK);
        assert_non_null(strstr(x->fail.text, says[i]));
        ledger_rollback(x->l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_batch_stays), TEST(attestations),    TEST(agreements),
        TEST(the_brake),       TEST(nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
