/* Unit tests of base/clock.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void clocks_run(void **state)
{
    (void)state;
    int64_t mono = base_mono_ms(), now = base_now_ms();
    const struct timespec ten = {0, 10000000};

    nanosleep(&ten, NULL);
    assert_in_range(base_mono_ms() - mono, 9, 60000);
    assert_true(base_now_ms() >= now);
    assert_in_range(base_now() - now / 1000, 0, 60);
    assert_true(now / 1000 > INT64_C(1700000000));
}

static void written_in_utc(void **state)
{
    char out[BASE_TIME_LEN];

    (void)state;
    assert_string_equal(base_time_rfc3339(1795356187, out), "2026-11-22T14:03:07Z");
    assert_string_equal(base_time_rfc5322(1795356187, out), "Sun, 22 Nov 2026 14:03:07 +0000");
    assert_string_equal(base_time_rfc3339(0, out), "1970-01-01T00:00:00Z");
    assert_string_equal(base_time_rfc3339(-1, out), "1969-12-31T23:59:59Z");
    assert_string_equal(base_time_rfc3339(INT64_MAX, out), "9999-12-31T23:59:59Z");
    assert_string_equal(base_time_rfc3339(INT64_MIN, out), "0001-01-01T00:00:00Z");
    assert_string_equal(base_time_rfc5322(4, out), "Thu, 1 Jan 1970 00:00:04 +0000");
}

static void read_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } cases[] = {
        {"2026-11-22", 1795305600},
        {"2026-11-22T14:03:07Z", 1795356187},
        {"2026-11-22t14:03:07z", 1795356187},
        {"2026-11-22 14:03:07", 1795356187},
        {"2026-11-22T14:03:07.123456789Z", 1795356187},
        {"2026-11-22T14:03:07.5+00:00", 1795356187},
        {"2026-11-22T16:03:07+02:00", 1795356187},
        {"2026-11-22T08:33:07-0530", 1795356187},
        {"2026-11-23T00:03:07+10:00", 1795356187},
        {"2024-02-29", 1709164800},
        {"2000-02-29T00:00:00Z", 951782400},
        {"1969-12-31T23:59:59Z", -1},
        {"2016-12-31T23:59:60Z", 1483228800},
        {"0001-01-01", INT64_C(-62135596800)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
    };
    int64_t t;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t = 0;
        if (!base_time_parse(cases[i].text, &t) || t != cases[i].t) {
            fail_msg("%s: %lld", cases[i].text, (long long)t);
        }
    }
}

static void refused_forms(void **state)
{
    static const char *const wrong[] = {
        "",
        "2026",
        "2026-11",
        "26-11-22",
        "2026-1-22",
        "2026-13-01",
        "2026-00-01",
        "2026-11-31",
        "2026-11-00",
        "2025-02-29",
        "1900-02-29",
        "0000-01-01",
        "2026-11-22T",
        "2026-11-22T14",
        "2026-11-22T14:03",
        "2026-11-22T24:00:00Z",
        "2026-11-22T14:60:00Z",
        "2026-11-22T14:03:61Z",
        "2026-11-22T14:03:07.Z",
        "2026-11-22T14:03:07X",
        "2026-11-22T14:03:07+",
        "2026-11-22T14:03:07+2",
        "2026-11-22T14:03:07+24:00",
        "2026-11-22T14:03:07+02:0",
        "2026-11-22T14:03:07Z ",
        "2026-11-22T14:03:07ZZ",
        " 2026-11-22",
        "2026-11-22x",
        "-026-11-22",
        "2026/11/22",
    };
    int64_t t = 5;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (base_time_parse(wrong[i], &t)) {
            fail_msg("accepted: %s", wrong[i]);
        }
    }
    assert_false(base_time_parse(NULL, &t));
    assert_int_equal(t, 5);
}

static void round_trip(void **state)
{
    char out[BASE_TIME_LEN];
    int64_t back;

    (void)state;
    /* every 41st day and odd second from year 1 to 9999 */
    for (int64_t t = INT64_C(-62135596800); t < INT64_C(253402300799); t += 41 * 86400 + 3607) {
        assert_true(base_time_parse(base_time_rfc3339(t, out), &back));
        assert_true(back == t);
    }
}

static void independent_of_time_zone(void **state)
{
    char out[BASE_TIME_LEN];
    int64_t t;

    (void)state;
    setenv("TZ", "America/New_York", 1);
    tzset();
    assert_string_equal(base_time_rfc3339(1795356187, out), "2026-11-22T14:03:07Z");
    assert_true(base_time_parse("2026-11-22 14:03:07", &t));
    assert_int_equal(t, 1795356187);
    unsetenv("TZ");
    tzset();
}

static void spans(void **state)
{
    static const struct {
        int64_t s;
        const char *text;
    } cases[] = {
        {0, "0 s"},
        {8, "8 s"},
        {60, "1 min"},
        {1500, "25 min"},
        {1501, "25 min 1 s"},
        {3600, "1 h"},
        {3659, "1 h"},
        {5400, "1 h 30 min"},
        {86400, "1 d"},
        {86400 * 3 + 3600 * 4 + 59, "3 d 4 h"},
        {86459, "1 d"},
        {-90, "-1 min 30 s"},
        {INT64_MIN, "-106751991167300 d 15 h"},
    };
    char out[BASE_TIME_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(base_time_span(cases[i].s, out), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_run), cmocka_unit_test(written_in_utc),
        cmocka_unit_test(read_forms), cmocka_unit_test(refused_forms),
        cmocka_unit_test(round_trip), cmocka_unit_test(independent_of_time_zone),
        cmocka_unit_test(spans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
