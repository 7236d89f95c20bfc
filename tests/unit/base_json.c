/* Unit tests of base/json.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void size_is_capped(void **state)
{
    struct base_fail f = {0};
    json_t *v = base_json_parse("[1,2]", 5, 5, &f);

    (void)state;
    assert_non_null(v);
    json_decref(v);
    assert_null(base_json_parse("[1,2]", 5, 4, &f));
    assert_string_equal(f.code, "json.size");
    assert_int_equal(f.cls, BASE_PERMANENT);
}

static void one_value_and_nothing_else(void **state)
{
    static const char *const wrong[] = {
        "",    "{",        "{}x",         "{} {}",           "{\"a\":}", "'a'",   "{a:1}",   "[1,]",
        "nul", "\"\xff\"", "\"\\u0000\"", "{\"\\u0000\":1}", "01",       "1e999", "\"a\nb\""};
    struct base_fail f;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&f, 0, sizeof f);
        json_t *v = base_json_parse(wrong[i], strlen(wrong[i]), 1000, &f);
        if (v != NULL) {
            fail_msg("accepted: %s", wrong[i]);
        }
        assert_string_equal(f.code, "json.syntax");
    }
    assert_null(base_json_parse("{}\0", 3, 1000, NULL));
    json_t *v = base_json_parse(" \"x\"\n", 5, 1000, NULL);
    assert_string_equal(json_string_value(v), "x");
    json_decref(v);
}

static void duplicates_are_refused(void **state)
{
    static const char twice[] = "{\"a\":{\"secret-b\":1,\"secret-b\":2}}";
    struct base_fail f = {0};

    (void)state;
    assert_null(base_json_parse(twice, sizeof twice - 1, 1000, &f));
    assert_string_equal(f.code, "json.syntax");
    assert_non_null(strstr(f.text, "twice"));
    assert_null(strstr(f.text, "secret"));
}

static void errors_never_quote_the_input(void **state)
{
    static const char text[] = "{\"token\": hunter2hunter2}";
    struct base_fail f = {0};

    (void)state;
    assert_null(base_json_parse(text, sizeof text - 1, 1000, &f));
    assert_null(strstr(f.text, "hunter2"));
}

static void deep_nesting_is_refused(void **state)
{
    char *deep = malloc(100000);

    (void)state;
    memset(deep, '[', 100000);
    assert_null(base_json_parse(deep, 100000, 100000, NULL));
    free(deep);
}

static void typed_access(void **state)
{
    static const char text[] =
        "{\"s\":\"x\",\"n\":42,\"t\":\"-17\",\"b\":true,\"o\":{},\"a\":[],\"z\":null,"
        "\"big\":9223372036854775807,\"bad\":\"17x\",\"r\":1.5}";
    json_t *o = base_json_parse(text, sizeof text - 1, 1000, NULL);

    (void)state;
    assert_non_null(o);
    assert_string_equal(base_json_str(o, "s"), "x");
    assert_null(base_json_str(o, "n"));
    assert_null(base_json_str(o, "absent"));
    assert_null(base_json_str(NULL, "s"));
    assert_string_equal(base_json_strd(o, "s", "d"), "x");
    assert_string_equal(base_json_strd(o, "z", "d"), "d");
    assert_int_equal(base_json_int(o, "n", 1), 42);
    assert_int_equal(base_json_int(o, "t", 1), -17);
    assert_int_equal(base_json_int(o, "big", 1), INT64_MAX);
    assert_int_equal(base_json_int(o, "bad", 1), 1);
    assert_int_equal(base_json_int(o, "r", 1), 1);
    assert_int_equal(base_json_int(o, "b", 1), 1);
    assert_true(base_json_bool(o, "b", false));
    assert_true(base_json_bool(o, "n", true));
    assert_false(base_json_bool(o, "absent", false));
    assert_non_null(base_json_obj(o, "o"));
    assert_null(base_json_obj(o, "a"));
    assert_non_null(base_json_arr(o, "a"));
    assert_null(base_json_arr(o, "o"));
    json_decref(o);
}

static void writing(void **state)
{
    json_t *o = json_object();

    (void)state;
    base_json_set(o, "z", "\xc3\xbc");
    base_json_set(o, "none", NULL);
    base_json_set(o, "bad",
                  "a\xff\xc3"
                  "b");
    base_json_setn(o, "n", INT64_MIN);
    base_json_setb(o, "b", true);
    base_json_set(o, "a", "first? no, last");
    char *s = base_json_text(o);
    assert_string_equal(s, "{\"z\":\"\xc3\xbc\",\"bad\":\"a??b\",\"n\":-9223372036854775808,"
                           "\"b\":true,\"a\":\"first? no, last\"}");
    free(s);
    json_decref(o);
    s = base_json_text(NULL);
    assert_string_equal(s, "null");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_is_capped),
        cmocka_unit_test(one_value_and_nothing_else),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(errors_never_quote_the_input),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(typed_access),
        cmocka_unit_test(writing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
