/* tests/unit/inspect_header.c - fields, addresses, dates, tag lists and the gate, by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "inspect/dkim.h"
#include "inspect/gate.h"
#include "inspect/header.h"

static struct base_arena *a;

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

static struct base_bytes bytes(const char *s)
{
    return (struct base_bytes){(const unsigned char *)s, strlen(s)};
}

static void read_mail(const char *s, struct inspect_header *h)
{
    inspect_header_read(a, bytes(s), h);
}

static bool text_is(struct base_bytes b, const char *s)
{
    return b.n == strlen(s) && memcmp(b.p, s, b.n) == 0;
}

static void test_fields(void **state)
{
    struct inspect_header h;
    const struct inspect_field *f;

    (void)state;
    read_mail("A: 1\r\nB : two\r\n folded\r\nA:3\r\n\r\nbody\r\n\r\nx", &h);
    assert_int_equal(h.n, 3);
    assert_int_equal(inspect_header_count(&h, "a", &f), 2);
    assert_true(text_is(f->raw, "A: 1"));
    assert_int_equal(inspect_header_count(&h, "B", &f), 1);
    assert_true(text_is(f->value, " two\r\n folded"));
    assert_true(text_is(h.body, "body\r\n\r\nx"));
    assert_null(h.malformed);
    assert_null(h.too_big);
}

static void test_line_ends(void **state)
{
    struct inspect_header h;

    (void)state;
    read_mail("A: 1\nB: 2\n c\n\nx\n", &h);
    assert_int_equal(h.n, 2);
    assert_true(text_is(h.body, "x\r\n"));
    assert_true(text_is(h.fields[1].value, " 2\r\n c"));
    read_mail("From me Sun\nA: 1\n\nx", &h);
    assert_int_equal(h.n, 1);
    read_mail("From : me@x\r\n\r\nx", &h);
    assert_int_equal(inspect_header_count(&h, "From", NULL), 1);
    read_mail("A: 1", &h);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.body.n, 0);
    read_mail("", &h);
    assert_int_equal(h.n, 0);
    read_mail("\r\nx", &h);
    assert_int_equal(h.n, 0);
    assert_true(text_is(h.body, "x"));
}

static void test_malformed(void **state)
{
    static const char *const odd[] = {
        "no field\r\n\r\n", "A: 1\r\n: x\r\n\r\n", " starts folded\r\n\r\n", "A: b\nC: d\r\n\r\n",
        "A: b\rc\r\n\r\n",  "A\x01: b\r\n\r\n",    "A b: c\r\n\r\n",         "\xc3\xa4: b\r\n\r\n",
    };
    struct inspect_header h;

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        read_mail(odd[i], &h);
        assert_non_null(h.malformed);
    }
    inspect_header_read(a, (struct base_bytes){(const unsigned char *)"A: \0\r\n\r\n", 8}, &h);
    assert_non_null(h.malformed);
}

/* N times S, behind PREFIX. */
static char *repeat(const char *prefix, const char *s, size_t n)
{
    size_t len = strlen(s), at = strlen(prefix);
    char *out = base_arena_alloc(a, at + len * n + 1);

    memcpy(out, prefix, at);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + at + i * len, s, len);
    }
    return out;
}

static void test_header_caps(void **state)
{
    struct inspect_header h;

    (void)state;
    read_mail(repeat("", "A: b\r\n", 500), &h);
    assert_null(h.too_big);
    read_mail(repeat("", "A: b\r\n", 501), &h);
    assert_non_null(h.too_big);
    read_mail(repeat("A:", "x", INSPECT_FIELD_MAX - 2), &h);
    assert_null(h.too_big);
    read_mail(repeat("A:", "x", INSPECT_FIELD_MAX - 1), &h);
    assert_non_null(h.too_big);
    read_mail(repeat("", repeat("A: ", "x", 1000), 1), &h);
    assert_null(h.too_big);
    read_mail(repeat("", base_arena_printf(a, "%s\r\n", repeat("A: ", "x", 1000)), 140), &h);
    assert_non_null(h.too_big);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *value, *want; /* joined by "|"; NULL = malformed */
    } cases[] = {
        {"a@b.example", "a@b.example"},
        {" A <X@B.Example> ", "x@b.example"},
        {"\"b@c\" <a@b.example>", "a@b.example"},
        {"\"q\\\"<x@y>\" <a@b.example>", "a@b.example"},
        {"(c@d) a@b.example (x (y) z)", "a@b.example"},
        {"a@b.example, c@d.example", "a@b.example|c@d.example"},
        {"A <a@b.example>, C <c@d.example>", "a@b.example|c@d.example"},
        {"group: a@b.example, C <c@d.example>;", "a@b.example|c@d.example"},
        {"undisclosed:;", ""},
        {"<@route,@x:a@b.example>", "a@b.example"},
        {"a (c) @ b . example", "a@b.example"},
        {"\r\n Name\r\n <a@b.example>", "a@b.example"},
        {"\"a b\"@c.example", "\"a b\"@c.example"},
        {"", ""},
        {"<>", ""},
        {"a@b@c.example", "a@b@c.example"},
        {"<a@b.example", NULL},
        {"(open a@b.example", NULL},
        {"\"open a@b.example", NULL},
        {"<a@b.example> <c@d.example>", NULL},
        {"<<a@b.example>>", NULL},
        {"name only", NULL},
        {"@b.example", NULL},
        {"a@", NULL},
        {"a:b:c:d:e:f:g:h:i:j:k:l:a@b.example", NULL},
        {"((((((((((((((a))))))))))))))a@b.example", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *v[INSPECT_ADDRESSES_MAX];
        size_t n = 0;
        char *joined = base_arena_strdup(a, "");

        assert_int_equal(inspect_addresses(a, bytes(cases[i].value), v, &n), cases[i].want != NULL);
        for (size_t k = 0; k < n; k++) {
            joined = base_arena_printf(a, "%s%s%s", joined, k > 0 ? "|" : "", v[k]);
        }
        if (cases[i].want != NULL) {
            assert_string_equal(joined, cases[i].want);
        }
    }
}

static void test_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"Sun, 22 Nov 2026 14:00:00 +0000", 1795356000},
        {" 22 Nov 2026 15:00:00 +0100 (CET)", 1795356000},
        {"Sun, 22 Nov 2026 09:00 EST", 1795356000},
        {"Sun, 22 Nov 26 14:00:00 GMT", 1795356000},
        {"Sun,\r\n 22 Nov 2026\r\n 14:00:00 -0000", 1795356000},
        {"Thu, 1 Jan 1970 00:00:01 +0000", 1},
        {"Sun, 32 Nov 2026 14:00:00 +0000", 0},
        {"Sun, 22 Foo 2026 14:00:00 +0000", 0},
        {"Sun, 22 Nov 2026 24:00:00 +0000", 0},
        {"Sun, 22 Nov 2026 14:00:00 +9900", 0},
        {"Sun, 22 Nov 2026 14:00:00 XYZ", 0},
        {"yesterday", 0},
        {"", 0},
        {"Sun, 99999999999 Nov 2026 14:00:00 +0000", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(inspect_date(bytes(cases[i].text)), cases[i].want);
    }
}

static void test_tags(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"v=1; a=rsa-sha256; d=x", true},
        {" v = 1 ;\r\n\ta = b\r\n c ; ", true},
        {"v=1;", true},
        {"v=", true},
        {"", false},
        {";", false},
        {"v=1;;a=b", false},
        {"v=1; v=2", false},
        {"v", false},
        {"1v=1", false},
        {"v-x=1", false},
        {"v=\x01", false},
        {"=x", false},
    };
    struct inspect_tags t;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(inspect_tags_read(a, bytes(cases[i].text), &t), cases[i].good);
    }
    assert_true(inspect_tags_read(a, bytes(" v = 1 ;\r\n\tb = a\r\n c ; "), &t));
    assert_string_equal(inspect_tag(&t, "v"), "1");
    assert_string_equal(inspect_tag(&t, "b"), "ac");
    assert_null(inspect_tag(&t, "V"));
    assert_true(inspect_tag_lists("from:To:subject", "to"));
    assert_true(inspect_tag_lists("y", "y"));
    assert_false(inspect_tag_lists("from:toto", "to"));
    assert_false(inspect_tag_lists("", "to"));
    assert_false(inspect_tag_lists(NULL, "to"));
}

static const char *gate(const char *mail)
{
    struct inspect_header h;

    read_mail(mail, &h);
    return inspect_gate(&h);
}

static void test_gate(void **state)
{
    (void)state;
    assert_null(gate("From: a@b\r\nTo: c@d (x), \"e\" <f@g>\r\n\r\nhello\r\n"));
    assert_null(gate(repeat("A: b\r\n\r\n", "--b\r\n", 1000)));
    assert_non_null(gate(repeat("A: b\r\n\r\n", "--b\r\n", 1001)));
    assert_null(gate(repeat("A: b\r\n\r\n", "-----BEGIN X-----\r\n", 1001)));
    assert_non_null(gate(repeat("To: ", "a:", 12)));
    assert_non_null(gate(repeat("X: y\r\n\r\n--b\r\n\r\nresent-cc : ", "a:\r\n ", 12)));
    assert_null(gate(repeat("X: ", "a:", 12)));
    assert_non_null(gate(repeat("To: ", "(", 51)));
    assert_null(gate(repeat("X: y\r\n\r\n", "a: b\r\n", 499)));
    assert_non_null(gate(repeat("X: y\r\n\r\n", "a: b\r\n", 501)));
    assert_non_null(gate(repeat("X: y\r\n\r\n", "a: b\r\njunk\r\n", 20001)));
    assert_non_null(gate(repeat("X: y\r\n\r\na:", "x", INSPECT_FIELD_MAX)));
    assert_null(gate(repeat("X: y\r\n\r\n", "x", 1000000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_header_caps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
