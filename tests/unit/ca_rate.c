/* The two rolling windows of ca/rate.h, and the time that a CA told us to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca/rate.h"

static void short_window(void **state)
{
    struct ca_rate r;

    (void)state;
    ca_rate_init(&r, 0, 0);
    for (int i = 0; i < CA_RATE_SHORT; i++) {
        assert_int_equal(ca_rate_take(&r, 1000 + i), 0);
    }
    /* full until the first one is old enough */
    assert_int_equal(ca_rate_take(&r, 1100), 1000 + CA_RATE_SHORT_MS - 1100);
    assert_int_equal(ca_rate_wait(&r, 1100), 1000 + CA_RATE_SHORT_MS - 1100);
    assert_int_equal(ca_rate_take(&r, 1000 + CA_RATE_SHORT_MS - 1), 1);
    assert_int_equal(ca_rate_take(&r, 1000 + CA_RATE_SHORT_MS), 0);
    assert_int_equal(ca_rate_take(&r, 1000 + CA_RATE_SHORT_MS), 1);
    ca_rate_free(&r);
}

/* However greedy the caller, no window of the CA ever sees more than it allows. */
static void never_too_many(void **state)
{
    static int64_t sent[5000];
    struct ca_rate r;
    size_t n = 0;

    (void)state;
    ca_rate_init(&r, 0, 0);
    for (int64_t now = 1; n < 5000; now += 7) {
        while (n < 5000 && ca_rate_take(&r, now) == 0) {
            sent[n++] = now;
        }
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(i < 100 || sent[i] - sent[i - 100] > 5000);
        assert_true(i < 1000 || sent[i] - sent[i - 1000] > 180000);
    }
    /* and the long limit is used to the full */
    assert_true(sent[4999] <= 5 * (int64_t)CA_RATE_LONG_MS);
    ca_rate_free(&r);
}

static void closed(void **state)
{
    struct ca_rate r;

    (void)state;
    ca_rate_init(&r, 0, 0);
    assert_int_equal(ca_rate_take(&r, 500), 0);
    ca_rate_close(&r, 10000);
    ca_rate_close(&r, 9000); /* a shorter one doesn't open it earlier */
    assert_int_equal(ca_rate_take(&r, 600), 9400);
    assert_int_equal(ca_rate_take(&r, 10000), 0);
    ca_rate_free(&r);
}

/* Work that can wait leaves room for what can't. */
static void shares(void **state)
{
    struct ca_rate r;

    (void)state;
    ca_rate_init(&r, 10, 20);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(ca_rate_share(&r, 1000 + i, 70), 0);
        assert_int_equal(ca_rate_take(&r, 1000 + i), 0);
    }
    assert_int_equal(ca_rate_share(&r, 1010, 70), 1000 + CA_RATE_SHORT_MS - 1010);
    assert_int_equal(ca_rate_wait(&r, 1010), 0);
    /* the long window counts too: 14 of 20 */
    for (int i = 0; i < 7; i++) {
        assert_int_equal(ca_rate_take(&r, 20000 + i), 0);
    }
    assert_int_equal(ca_rate_share(&r, 40000, 70), 1000 + CA_RATE_LONG_MS - 40000);
    assert_int_equal(ca_rate_share(&r, 40000, 75), 0);
    assert_int_equal(ca_rate_wait(&r, 40000), 0);
    ca_rate_free(&r);
}

static void shared_by_name(void **state)
{
    struct ca_rate *first = ca_rate_shared("a", 2, 5), *again = ca_rate_shared("a", 2, 5);
    struct ca_rate *other = ca_rate_shared("b", 2, 5);

    (void)state;
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_int_equal(ca_rate_take(first, 10), 0);
    ca_rate_leave(first);
    assert_int_equal(ca_rate_take(again, 11), 0);
    assert_true(ca_rate_take(again, 12) > 0);
    assert_int_equal(ca_rate_take(other, 12), 0);
    ca_rate_leave(again);
    ca_rate_leave(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_window),
        cmocka_unit_test(never_too_many),
        cmocka_unit_test(closed),
        cmocka_unit_test(shares),
        cmocka_unit_test(shared_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
