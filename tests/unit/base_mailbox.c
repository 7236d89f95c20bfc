/* Which spellings of an address are one mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mailbox.h"

static const struct {
    const char *address, *folded, *exact;
} keys[] = {
    {"anna@example.test", "anna@example.test", "anna@example.test"},
    {"Anna@Example.TEST", "anna@example.test", "Anna@example.test"},
    {"ANNA.B@XN--BCHER-KVA.EXAMPLE", "anna.b@xn--bcher-kva.example", "ANNA.B@xn--bcher-kva.example"},
    {"J\xc3\x9cRGEN@x.test", "j\xc3\x9crgen@x.test", "J\xc3\x9cRGEN@x.test"}, /* ASCII alone */
    {"\"A@B\"@X.test", "\"a@b\"@x.test", "\"A@B\"@x.test"},                   /* the last "@" */
    {"A+B@x.test", "a+b@x.test", "A+B@x.test"},
    {"Forgotten-1", "forgotten-1", "forgotten-1"},
    {"", "", ""},
    {"@X", "@x", "@x"},
};
#define N (sizeof keys / sizeof keys[0])

static void test_keys(void **state)
{
    struct base_arena *a = base_arena_new();

    (void)state;
    for (size_t i = 0; i < N; i++) {
        assert_string_equal(base_mailbox_key(a, keys[i].address, true), keys[i].folded);
        assert_string_equal(base_mailbox_key(a, keys[i].address, false), keys[i].exact);
        assert_string_equal(base_mailbox_key(a, keys[i].folded, true), keys[i].folded);
        assert_string_equal(base_mailbox_key(a, keys[i].exact, false), keys[i].exact);
        /* from one to the other nothing is lost: an exact key folds to the folded one */
        assert_string_equal(base_mailbox_key(a, keys[i].exact, true), keys[i].folded);
    }
    assert_null(base_mailbox_key(a, NULL, true));
    base_arena_free(a);
}

/* "same" says what the keys say, for every pair and both ways round. */
static void test_same(void **state)
{
    static const char *const more[] = {"anna@example.tes", "nna@example.test", "ann\xc3\xa4@example.test",
                                       "ANNA@example.test", "anna@EXAMPLE.test", "example.test",
                                       "j\xc3\xbcrgen@x.test", "j\xc3\x9crgen@x.test"};
    const char *all[N + sizeof more / sizeof more[0]];
    size_t n = 0, yes = 0;
    struct base_arena *a = base_arena_new();

    (void)state;
    for (size_t i = 0; i < N; i++) {
        all[n++] = keys[i].address;
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        all[n++] = more[i];
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            for (int fold = 0; fold < 2; fold++) {
                bool equal = strcmp(base_mailbox_key(a, all[i], fold), base_mailbox_key(a, all[k], fold)) == 0;
                assert_int_equal(base_mailbox_same(all[i], all[k], fold), equal);
                yes += equal && i != k;
            }
        }
    }
    assert_true(yes > 8);
    assert_false(base_mailbox_same(NULL, NULL, true));
    assert_false(base_mailbox_same("a@b", NULL, false));
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
