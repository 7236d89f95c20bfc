/* Unit tests of base/bytes.h, base/arena.h and base/fail.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

static int setup(void **state)
{
    *state = base_arena_new();
    return 0;
}

static int teardown(void **state)
{
    base_arena_free(*state);
    return 0;
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    struct base_arena *a = *state;
    unsigned char *before = NULL;

    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        unsigned char *p = base_arena_alloc(a, size);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xaa, size);
        if (before != NULL) {
            assert_int_equal(before[0], 0xaa);
        }
        before = p;
    }
}

static void arena_keeps_what_was_written(void **state)
{
    struct base_arena *a = *state;
    char *s[2000];

    for (int i = 0; i < 2000; i++) {
        s[i] = base_arena_printf(a, "%d:%.*s", i, i % 500, "");
        if (i % 100 == 0) {
            memset(base_arena_alloc(a, 5000), 'x', 5000);
        }
    }
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(atoi(s[i]), i);
    }
}

static void arena_strings(void **state)
{
    struct base_arena *a = *state;
    char big[1000];

    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_null(base_arena_strdup(a, NULL));
    assert_string_equal(base_arena_strdup(a, "text"), "text");
    assert_string_equal(base_arena_strndup(a, "text", 2), "te");
    assert_string_equal(base_arena_strndup(a, "text", 20), "text");
    assert_string_equal(base_arena_printf(a, "<%s>", big) + 1000, ">");
}

static void arena_refuses_overflow(void **state)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        close(STDERR_FILENO);
        base_arena_array(*state, SIZE_MAX / 4, 8);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_false(WCOREDUMP(status));
}

static void buffer_grows_and_stays_terminated(void **state)
{
    struct base_buf b;

    (void)state;
    base_buf_init(&b, 0);
    assert_string_equal(base_buf_str(&b), "");
    for (int i = 0; i < 10000; i++) {
        assert_true(base_buf_addf(&b, "%04d", i));
        assert_int_equal(b.p[b.n], 0);
    }
    assert_int_equal(b.n, 40000);
    assert_memory_equal(base_buf_str(&b) + 4 * 1234, "1234", 4);
    assert_int_equal(base_buf_bytes(&b).n, 40000);
    base_buf_wipe(&b);
    assert_null(b.p);
    assert_int_equal(b.n, 0);
}

static void buffer_keeps_its_cap(void **state)
{
    struct base_buf b;

    (void)state;
    base_buf_init(&b, 10);
    assert_true(base_buf_adds(&b, "12345678"));
    assert_false(base_buf_adds(&b, "9ab"));
    assert_true(b.full);
    assert_false(base_buf_addf(&b, "%d", 900));
    assert_string_equal(base_buf_str(&b), "12345678");
    assert_true(base_buf_adds(&b, "90"));
    assert_false(base_buf_add(&b, "x", 1));
    assert_true(base_buf_add(&b, NULL, 0));
    assert_string_equal(base_buf_str(&b), "1234567890");
    base_buf_free(&b);
    assert_false(b.full);
    assert_int_equal(b.max, 10);
}

static void hex_both_ways(void **state)
{
    char out[9];
    unsigned char in[4];

    (void)state;
    base_hex("\x00\x7f\x80\xff", 4, out);
    assert_string_equal(out, "007f80ff");
    assert_true(base_unhex("007F80fF", in, 4));
    assert_memory_equal(in, "\x00\x7f\x80\xff", 4);
    assert_false(base_unhex("007f80f", in, 4));
    assert_false(base_unhex("007f80ff00", in, 4));
    assert_false(base_unhex("007f80fg", in, 4));
    assert_false(base_unhex("+07f80ff", in, 4));
    assert_false(base_unhex(NULL, in, 4));
}

static void base64_vectors(void **state)
{
    /* RFC 4648 section 10 */
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    size_t n;

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *plain = vectors[i][0], *coded = vectors[i][1];
        assert_string_equal(base_base64(*state, plain, strlen(plain)), coded);
        unsigned char *back = base_unbase64(*state, coded, strlen(coded), &n);
        assert_non_null(back);
        assert_int_equal(n, strlen(plain));
        assert_string_equal((char *)back, plain);
    }
}

static void base64_all_bytes_with_white_space(void **state)
{
    unsigned char all[256];
    size_t n;

    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    char *coded = base_base64(*state, all, sizeof all);
    struct base_buf folded;
    base_buf_init(&folded, 0);
    for (size_t i = 0; coded[i] != '\0'; i++) {
        base_buf_addf(&folded, "%c%s", coded[i], i % 64 == 63 ? "\r\n\t " : "");
    }
    unsigned char *back = base_unbase64(*state, base_buf_str(&folded), folded.n, &n);
    assert_non_null(back);
    assert_int_equal(n, 256);
    assert_memory_equal(back, all, 256);
    base_buf_free(&folded);
}

static void base64_refuses(void **state)
{
    static const char *const wrong[] = {
        "Z",        "Zg",    "Zg=",    "=",     "====", "Z===",     "Zm9v=",
        "Zg==Zg==", "Zm=v",  "Zm9v-",  "Zh==",  "Zm9=", "Zm9v====", "Zm\x80v",
        "Z_9v",     "Zg==Z", "Zm8=\0", "Zg===", "Zg=g", "Zm9vYg=",
    };
    size_t n;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t len = strlen(wrong[i]) + (strcmp(wrong[i], "Zm8=") == 0); /* with its NUL */
        if (base_unbase64(*state, wrong[i], len, &n) != NULL) {
            fail_msg("accepted: %s", wrong[i]);
        }
    }
}

static void sha256_vectors(void **state)
{
    char out[BASE_SHA256_HEX];

    (void)state; /* FIPS 180-4 examples */
    base_sha256_hex("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    base_sha256_hex(NULL, 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void random_numbers_and_ids(void **state)
{
    char id[27], other[27];
    int seen[7] = {0};

    (void)state;
    base_random_id(id, 26);
    base_random_id(other, 26);
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"), 26);
    assert_int_equal(id[26], 0);
    assert_string_not_equal(id, other);
    for (int i = 0; i < 7000; i++) {
        uint64_t v = base_random_below(7);
        assert_true(v < 7);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++) { /* 1000 each; 700 is ten deviations away */
        assert_in_range(seen[i], 700, 1300);
    }
    assert_int_equal(base_random_below(1), 0);
}

static void printable_text(void **state)
{
    static const struct {
        const char *in;
        size_t max;
        const char *out;
    } cases[] = {
        {"plain", 20, "plain"},
        {"plain", 5, "plain"},
        {"plainer", 5, "pl..."},
        {"plain", 2, ".."},
        {"a\nb\tc\x1b[31m", 40, "a?b?c?[31m"},
        {"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80", 40,
         "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc3\xbc\xc3\xbc\xc3\xbc", 5, "\xc3\xbc..."},
        {"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 6, "\xc3\xbc..."},
        {"\xff\xc0\x80\xed\xa0\x80\xf5\x80", 40, "????????"},
        {"x\xe2\x80\xae"
         "fdp",
         40, "x?fdp"},
        {"x\xe2\x81\xa6y\xe2\x80\x8fz\xc2\x85", 40, "x?y?z?"},
        {"cut\xc3", 40, "cut?"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(base_printable(*state, cases[i].in, strlen(cases[i].in), cases[i].max),
                            cases[i].out);
    }
    assert_string_equal(base_printable(*state, "a\0b", 3, 10), "a?b");
    assert_string_equal(base_printable(*state, NULL, 0, 10), "");
}

static void ascii_case(void **state)
{
    char s[] = "AbZ@[\xc4";

    (void)state;
    assert_true(base_ascii_caseeq("Example.TEST", "eXample.test"));
    assert_false(base_ascii_caseeq("a", "ab"));
    assert_false(base_ascii_caseeq("ab", "a"));
    assert_false(base_ascii_caseeq("[", "{"));
    base_ascii_lower(s);
    assert_string_equal(s, "abz@[\xc4");
}

static void integers(void **state)
{
    static const char *const wrong[] = {"",
                                        "-",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "1x",
                                        "0x10",
                                        "--1",
                                        "9223372036854775808",
                                        "-9223372036854775809"};
    int64_t v = 0;

    (void)state;
    assert_true(base_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MIN);
    assert_true(base_parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MAX);
    assert_true(base_parse_int("10", 0, 10, &v));
    v = 77;
    assert_false(base_parse_int("11", 0, 10, &v));
    assert_false(base_parse_int("-1", 0, 10, &v));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(base_parse_int(wrong[i], INT64_MIN, INT64_MAX, &v));
    }
    assert_false(base_parse_int(NULL, 0, 10, &v));
    assert_int_equal(v, 77);
}

static void sizes_and_durations(void **state)
{
    int64_t v = 0;

    (void)state;
    assert_true(base_parse_size("64k", 0, INT64_MAX, &v) && v == 65536);
    assert_true(base_parse_size("10M", 0, INT64_MAX, &v) && v == 10485760);
    assert_true(base_parse_size("1G", 0, INT64_MAX, &v) && v == 1073741824);
    assert_true(base_parse_size("12", 0, INT64_MAX, &v) && v == 12);
    assert_false(base_parse_size("1G", 0, 1073741823, &v));
    assert_false(base_parse_size("9223372036854775807k", 0, INT64_MAX, &v));
    assert_false(base_parse_size("1kb", 0, INT64_MAX, &v));
    assert_false(base_parse_size("k", 0, INT64_MAX, &v));
    assert_false(base_parse_size(NULL, 0, INT64_MAX, &v));

    assert_true(base_parse_duration("90s", 0, INT64_MAX, &v) && v == 90);
    assert_true(base_parse_duration("30m", 0, INT64_MAX, &v) && v == 1800);
    assert_true(base_parse_duration("24h", 0, INT64_MAX, &v) && v == 86400);
    assert_true(base_parse_duration("30d", 0, INT64_MAX, &v) && v == 2592000);
    assert_true(base_parse_duration("2w", 0, INT64_MAX, &v) && v == 1209600);
    assert_true(base_parse_duration("7", 0, INT64_MAX, &v) && v == 7);
    assert_false(base_parse_duration("1y", 0, INT64_MAX, &v));
    assert_false(base_parse_duration("1 d", 0, INT64_MAX, &v));
    assert_false(base_parse_duration("1d", 0, 86399, &v));
    assert_false(base_parse_duration("-1d", 0, 86400, &v));
}

static void failures(void **state)
{
    struct base_fail f = {0};
    char big[1000];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(base_failf(NULL, BASE_TEMPORARY, "a.b", "text"), BASE_TEMPORARY);
    assert_int_equal(base_failf(&f, BASE_PERMANENT, "a.b", "low %d", 7), BASE_PERMANENT);
    assert_int_equal(base_failf(&f, BASE_OURS, f.code, "high: %s", f.text), BASE_OURS);
    assert_int_equal(f.cls, BASE_OURS);
    assert_string_equal(f.code, "a.b");
    assert_string_equal(f.text, "high: low 7");
    base_failf(&f, BASE_OURS, big, "%s", big);
    assert_int_equal(strlen(f.code), sizeof f.code - 1);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
    assert_string_equal(f.text + sizeof f.text - 4, "...");
    assert_string_equal(base_fail_class_name(BASE_OK), "ok");
    assert_string_equal(base_fail_class_name(BASE_TEMPORARY), "temporary");
    assert_string_equal(base_fail_class_name(BASE_PERMANENT), "permanent");
    assert_string_equal(base_fail_class_name(BASE_OURS), "ours");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arena_gives_zeroed_aligned_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(arena_keeps_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(arena_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(arena_refuses_overflow, setup, teardown),
        cmocka_unit_test(buffer_grows_and_stays_terminated),
        cmocka_unit_test(buffer_keeps_its_cap),
        cmocka_unit_test(hex_both_ways),
        cmocka_unit_test_setup_teardown(base64_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(base64_all_bytes_with_white_space, setup, teardown),
        cmocka_unit_test_setup_teardown(base64_refuses, setup, teardown),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(random_numbers_and_ids),
        cmocka_unit_test_setup_teardown(printable_text, setup, teardown),
        cmocka_unit_test(ascii_case),
        cmocka_unit_test(integers),
        cmocka_unit_test(sizes_and_durations),
        cmocka_unit_test(failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
