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
    ca_rate_init(&r);
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
    ca_rate_init(&r);
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
    ca_rate_init(&r);
    assert_int_equal(ca_rate_take(&r, 500), 0);
    ca_rate_close(&r, 10000);
    ca_rate_close(&r, 9000); /* a shorter one doesn't open it earlier */
    assert_int_equal(ca_rate_take(&r, 600), 9400);
    assert_int_equal(ca_rate_take(&r, 10000), 0);
    ca_rate_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_window),
        cmocka_unit_test(never_too_many),
        cmocka_unit_test(closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
