/* The jar of dcv/cookies.h: what is taken, what goes back, to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dcv/cookies.h"

static const char *take(struct base_arena *a, const char *jar, const char *host, const char *set)
{
    return dcv_cookies_take(a, jar, host, &set, 1);
}

static void taking(void **state)
{
    static const char *const table[][2] = {
        {"a=1", "h\ta=1\n"},
        {"a=1; Path=/; Secure; HttpOnly", "h\ta=1\n"},
        {"a=1  ; Path=/", "h\ta=1\n"},
        {"a=", "h\ta=\n"},
        {"a=b=c", "h\ta=b=c\n"},
        {"a=\"q\"", "h\ta=\"q\"\n"},
        {"a", ""},
        {"=1", ""},
        {"", ""},
        {"; a=1", ""},
        {"a b=1", ""},
        {"a=1 2", ""},
        {"a=1\r\nX: y", ""},
        {"a=1\t", "h\ta=1\n"},
        {"a=\xc3\xa4", ""},
        {"a=1; max-age=0", ""},
        {"a=1; Max-Age=-5", ""},
        {"a=1; Max-Age=60", "h\ta=1\n"},
    };
    struct base_arena *a = base_arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *jar = take(a, "", "h", table[i][0]);
        if (strcmp(jar, table[i][1]) != 0) {
            fail_msg("%s gives %s", table[i][0], jar);
        }
    }
    base_arena_free(a);
}

static void replacing(void **state)
{
    struct base_arena *a = base_arena_new();
    const char *jar = "h\ta=1\nh\tb=2\ng\ta=3\n";

    (void)state;
    assert_string_equal(take(a, jar, "h", "a=9"), "h\ta=9\nh\tb=2\ng\ta=3\n");
    assert_string_equal(take(a, jar, "H", "a=9"), "H\ta=9\nh\tb=2\ng\ta=3\n");
    assert_string_equal(take(a, jar, "h", "A=9"), "h\ta=1\nh\tb=2\ng\ta=3\nh\tA=9\n");
    assert_string_equal(take(a, jar, "h", "a=; Max-Age=0"), "g\ta=3\nh\tb=2\n");
    assert_string_equal(take(a, jar, "x", "a=; Max-Age=0"), jar);
    base_arena_free(a);
}

static void sending(void **state)
{
    struct base_arena *a = base_arena_new();
    const char *jar = "h.test\ta=1\nh.test\tb=2\ng.test\ta=3\n";

    (void)state;
    assert_string_equal(dcv_cookies_for(a, jar, "h.test"), "a=1; b=2");
    assert_string_equal(dcv_cookies_for(a, jar, "G.TEST"), "a=3");
    assert_null(dcv_cookies_for(a, jar, "test"));
    assert_null(dcv_cookies_for(a, jar, "x.h.test"));
    assert_null(dcv_cookies_for(a, "", "h.test"));
    assert_null(dcv_cookies_for(a, "broken line\nh.test no\n", "h.test"));
    base_arena_free(a);
}

static void caps(void **state)
{
    struct base_arena *a = base_arena_new();
    const char *jar = "";
    char set[5000];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(set, sizeof set, "n%d=1", i);
        jar = take(a, jar, "h", set);
    }
    size_t n = 0;
    for (const char *p = jar; *p != '\0'; p++) {
        n += *p == '\n';
    }
    assert_int_equal(n, 32);
    memset(set, 'x', sizeof set - 1);
    set[sizeof set - 1] = '\0';
    set[1] = '=';
    assert_string_equal(take(a, "", "h", set), "");
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking),
        cmocka_unit_test(replacing),
        cmocka_unit_test(sending),
        cmocka_unit_test(caps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
