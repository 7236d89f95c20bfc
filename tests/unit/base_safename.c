/* Mailboxes as names of files: one to one, never anything that means more than a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/safename.h"

static struct base_arena *a;

static void names(void **state)
{
    static const char *const t[][2] = {
        {"a@example.org", "a@example.org"},
        {"A.b+c_d-e@Example.ORG", "%41.b+c_d-e@%45xample.%4F%52%47"},
        {"..", "%2E."},
        {".", "%2E"},
        {"", "%"},
        {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
        {"a%2Fb@x", "a%252%46b@x"},
        {"a~b@x", "a%7Eb@x"},
        {"j\303\274@x", "j%C3%BC@x"},
        {"a b\n\"@x", "a%20b%0A%22@x"},
        {"-rf@x", "-rf@x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        assert_string_equal(base_safe_name(a, t[i][0]), t[i][1]);
    }
}

static void long_ones(void **state)
{
    char text[2001] = {0}, other[2001] = {0};

    (void)state;
    for (size_t n = 150; n <= 2000; n += 25) {
        memset(text, '/', n);
        memcpy(other, text, n);
        other[n - 1] = '!';
        const char *x = base_safe_name(a, text), *y = base_safe_name(a, other);
        assert_true(strlen(x) <= BASE_SAFE_NAME_MAX);
        assert_string_not_equal(x, y);
        assert_null(strchr(x, '/'));
        const char *cut = strchr(x, '~');
        assert_non_null(cut);
        assert_int_equal((cut - x) % 3, 0); /* not within an escape */
        assert_int_equal(strlen(cut), 33);
    }
    memset(text, 'a', 200);
    text[200] = 0;
    assert_string_equal(base_safe_name(a, text), text);
    text[200] = 'a';
    text[201] = 0;
    assert_true(strlen(base_safe_name(a, text)) <= BASE_SAFE_NAME_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(long_ones)};

    a = base_arena_new();
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    base_arena_free(a);
    return r;
}
