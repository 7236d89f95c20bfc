/* Jobs: one for a key, leases in the order they are due, back-off, release. */
#include "base/clock.h"
#include "ledger_fixture.h"

static int64_t add(struct fixture *x, const char *key, int64_t run_at)
{
    struct ledger_job j = {.kind = "mail",
                           .key = key,
                           .ref = 7,
                           .data = "{\"step\":1}",
                           .run_at = run_at,
                           .created = 5};
    int64_t id = 0;

    GOOD(x, ledger_job_add(x->l, &j, &id, &x->fail));
    assert_true(id > 0);
    return id;
}

static size_t lease(struct fixture *x, int64_t now, int64_t seconds, size_t limit,
                    struct ledger_job **out)
{
    size_t n;

    GOOD(x, ledger_job_lease(x->l, x->a, now, seconds, limit, out, &n, &x->fail));
    return n;
}

static int64_t next(struct fixture *x)
{
    int64_t at = -1;

    GOOD(x, ledger_job_next(x->l, &at, &x->fail));
    return at;
}

static void a_key_is_one_job(void **state)
{
    struct fixture *x = *state;
    struct ledger_job j = {.kind = "mail", .run_at = 1}, out;
    int64_t first, id;

    BEGIN(x);
    first = add(x, "mail:7", 100);
    assert_int_equal(add(x, "mail:7", 200), first); /* later: stays at 100 */
    assert_int_equal(add(x, "mail:7", 50), first);  /* earlier: moves */
    assert_int_equal(add(x, "mail:7", 70), first);
    assert_true(add(x, "mail:8", 100) != first);
    BAD(x, ledger_job_add(x->l, &j, &id, &x->fail), BASE_OURS, "ledger.use"); /* no key */
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_job_find(x->l, x->a, "mail:7", &out, &x->fail));
    assert_int_equal(out.id, first);
    SAME(out.kind, "mail");
    SAME(out.key, "mail:7");
    assert_int_equal(out.ref, 7);
    SAME(out.data, "{\"step\":1}");
    assert_int_equal(out.run_at, 50);
    assert_int_equal(out.lease_until, 0);
    assert_int_equal(out.tries, 0);
    assert_int_equal(out.created, 5);
    assert_int_equal(out.first_failed, 0);
    SAME(out.error, NULL);
    GOOD(x, ledger_job_find(x->l, x->a, "mail:8", &out, &x->fail));
    assert_true(out.id > first);
}

static void leases_in_the_order_due(void **state)
{
    struct fixture *x = *state;
    struct ledger_job *out;

    BEGIN(x);
    add(x, "a", 30);
    add(x, "b", 10);
    add(x, "c", 20);
    add(x, "d", 90);
    COMMIT(x);
    assert_int_equal(next(x), 10);
    assert_int_equal(lease(x, 9, 60, 10, &out), 0);
    assert_int_equal(lease(x, 50, 60, 2, &out), 2);
    SAME(out[0].key, "b");
    SAME(out[1].key, "c");
    assert_int_equal(out[0].lease_until, 110);
    assert_int_equal(lease(x, 50, 60, 2, &out), 1); /* leased ones aren't given twice */
    SAME(out[0].key, "a");
    assert_int_equal(lease(x, 50, 60, 2, &out), 0);
    assert_int_equal(next(x), 90);
    assert_int_equal(lease(x, 110, 60, 10, &out), 4); /* their worker is gone */
    SAME(out[0].key, "d");
    SAME(out[1].key, "a");
    BEGIN(x);
    size_t n;
    BAD(x, ledger_job_lease(x->l, x->a, 999, 1, 1, &out, &n, &x->fail), BASE_OURS, "ledger.use");
    ledger_rollback(x->l);
}

static void back_off_keeps_the_first_failure(void **state)
{
    struct fixture *x = *state;
    struct ledger_job *out;
    int64_t id, before = base_now();

    BEGIN(x);
    id = add(x, "a", 10);
    COMMIT(x);
    assert_int_equal(lease(x, 10, 60, 1, &out), 1);
    BEGIN(x);
    GOOD(x, ledger_job_save(x->l, id, "{\"step\":2}", &x->fail));
    COMMIT(x);
    assert_int_equal(lease(x, 20, 60, 1, &out), 0); /* still leased */
    BEGIN(x);
    GOOD(x, ledger_job_later(x->l, id, 40, "API away", true, &x->fail));
    COMMIT(x);
    assert_int_equal(next(x), 40);
    assert_int_equal(lease(x, 39, 60, 1, &out), 0);
    assert_int_equal(lease(x, 40, 60, 1, &out), 1);
    SAME(out[0].error, "API away");
    SAME(out[0].data, "{\"step\":2}");
    assert_int_equal(out[0].tries, 1);
    assert_true(out[0].first_failed >= before && out[0].first_failed <= base_now());
    int64_t first = out[0].first_failed;
    BEGIN(x);
    GOOD(x, ledger_job_later(x->l, id, 60, "still away", true, &x->fail));
    COMMIT(x);
    assert_int_equal(lease(x, 60, 60, 1, &out), 1);
    SAME(out[0].error, "still away");
    assert_int_equal(out[0].tries, 2);
    assert_int_equal(out[0].first_failed, first);
    BEGIN(x);
    GOOD(x, ledger_job_later(x->l, id, 80, NULL, false, &x->fail));
    COMMIT(x);
    assert_int_equal(lease(x, 80, 60, 1, &out), 1);
    SAME(out[0].error, NULL);
    assert_int_equal(out[0].tries, 2);
    assert_int_equal(out[0].first_failed, 0);
}

static void done_ones_are_gone(void **state)
{
    struct fixture *x = *state;
    int64_t id;

    BEGIN(x);
    id = add(x, "a", 10);
    GOOD(x, ledger_job_done(x->l, id, &x->fail));
    BAD(x, ledger_job_done(x->l, id, &x->fail), BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_job_save(x->l, id, "{}", &x->fail), BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_job_later(x->l, id, 9, NULL, false, &x->fail), BASE_PERMANENT, "ledger.absent");
    assert_true(add(x, "a", 10) > id); /* the key is free, the id isn't used again */
    COMMIT(x);
}

static void a_start_voids_all_leases(void **state)
{
    struct fixture *x = *state;
    struct ledger_job *out;

    BEGIN(x);
    add(x, "a", 10);
    add(x, "b", 20);
    COMMIT(x);
    assert_int_equal(lease(x, 15, 1000, 5, &out), 1);
    fixture_reopen(x);
    BEGIN(x);
    GOOD(x, ledger_job_release_all(x->l, &x->fail));
    COMMIT(x);
    assert_int_equal(next(x), 10);
    assert_int_equal(lease(x, 20, 60, 5, &out), 2);
}

static void next_says_none_as_zero(void **state)
{
    struct fixture *x = *state;

    assert_int_equal(next(x), 0);
    BEGIN(x);
    add(x, "a", 0);
    COMMIT(x);
    assert_int_equal(next(x), 1); /* due since ever, but there is one */
}

/* A hundred due jobs taken by three workers in turn: each job once. */
static void nothing_is_leased_twice(void **state)
{
    struct fixture *x = *state;
    struct ledger_job *out;
    unsigned char seen[101] = {0};
    size_t n, all = 0;

    BEGIN(x);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        add(x, key, 100 - i);
    }
    COMMIT(x);
    while ((n = lease(x, 200, 60, 7, &out)) > 0) {
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(seen[out[i].id]++, 0);
            assert_int_equal(out[i].run_at, (int64_t)(all + i + 1));
        }
        all += n;
    }
    assert_int_equal(all, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_one_job),
        TEST(leases_in_the_order_due),
        TEST(back_off_keeps_the_first_failure),
        TEST(done_ones_are_gone),
        TEST(a_start_voids_all_leases),
        TEST(next_says_none_as_zero),
        TEST(nothing_is_leased_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
