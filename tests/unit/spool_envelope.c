/* tests/unit/spool_envelope.c - the envelope line: written, read, refused; names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/internal.h"

#define ID "019a5c3f2b10-abcdefghijklmnop"
#define GOOD                                                                                       \
    "{\"v\":1,\"id\":\"" ID "\",\"time\":5,\"client\":\"::1\",\"queue_id\":\"\",\"sender\":\"\","      \
    "\"in_profile\":false,\"recipients\":[\"a@b\"],\"size\":         3}"

static void written_and_read(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new();
    const char *r[] = {"a\"b\\@c.test", "tab\there@x", "new\nline@x"};
    struct spool_envelope env = {.id = ID,
                                 .time = 1795354987,
                                 .client = "2001:db8::1",
                                 .queue_id = "Q",
                                 .sender = "",
                                 .recipients = r,
                                 .n_recipients = 3,
                                 .size = 0};
    size_t at = 0, used = 0;
    char *line = spool_envelope_write(a, &env, &at);
    assert_non_null(line);
    assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
    memcpy(line + at, "   1234567", 10);
    struct spool_envelope back;
    struct base_fail f;
    char *both = base_arena_printf(a, "%sraw", line);
    if (spool_envelope_read(a, both, strlen(both), &back, &used, &f) != BASE_OK)
        fail_msg("%s", f.text);
    assert_int_equal(used, strlen(line));
    assert_int_equal(back.size, 1234567);
    assert_string_equal(back.id, ID);
    assert_string_equal(back.sender, "");
    for (int i = 0; i < 3; i++)
        assert_string_equal(back.recipients[i], r[i]);
    base_arena_free(a);
}

static void caps_when_writing(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new();
    const char *r[1001];
    char longest[600];
    memset(longest, 'a', sizeof longest - 1);
    longest[599] = 0;
    for (int i = 0; i < 1001; i++)
        r[i] = longest + 599 - 510;
    struct spool_envelope env = {
        .id = ID, .client = "::1", .queue_id = "", .sender = "", .recipients = r, .n_recipients = 1000};
    size_t at;
    assert_non_null(spool_envelope_write(a, &env, &at)); /* the most that a sane MTA gives */
    memset(longest, 1, sizeof longest - 1); /* \u0001: six bytes each */
    assert_null(spool_envelope_write(a, &env, &at));
    env.n_recipients = 1001;
    r[0] = "a@b";
    assert_null(spool_envelope_write(a, &env, &at));
    env.n_recipients = 0;
    assert_null(spool_envelope_write(a, &env, &at));
    env.n_recipients = 1;
    r[0] = longest;
    assert_null(spool_envelope_write(a, &env, &at));
    r[0] = "a@b";
    env.sender = longest;
    assert_null(spool_envelope_write(a, &env, &at));
    env.sender = "";
    env.queue_id = longest; /* not worth a lost mail */
    assert_non_null(spool_envelope_write(a, &env, &at));
    env.id[3] = 'X';
    assert_null(spool_envelope_write(a, &env, &at));
    base_arena_free(a);
}

static enum base_fail_class reads(const char *text, size_t n)
{
    struct base_arena *a = base_arena_new();
    struct spool_envelope env;
    size_t used;
    enum base_fail_class c = spool_envelope_read(a, text, n, &env, &used, NULL);
    base_arena_free(a);
    return c;
}

/* GOOD with OLD replaced by NEW must be refused. */
static void refused(const char *old, const char *new)
{
    char text[2000];
    const char *p = strstr(GOOD, old);
    assert_non_null(p);
    snprintf(text, sizeof text, "%.*s%s%s\n", (int)(p - GOOD), GOOD, new, p + strlen(old));
    if (reads(text, strlen(text)) != BASE_PERMANENT)
        fail_msg("accepted: %s", text);
}

static void refused_when_reading(void **state)
{
    (void)state;
    assert_int_equal(reads(GOOD "\n", strlen(GOOD) + 1), BASE_OK);
    assert_int_equal(reads(GOOD, strlen(GOOD)), BASE_PERMANENT); /* no newline */
    for (size_t i = 0; i < strlen(GOOD); i++)
        assert_int_equal(reads(GOOD, i), BASE_PERMANENT);
    refused("\"v\":1", "\"v\":2");
    refused("\"v\":1", "\"v\":\"1\"");
    refused("\"v\":1,", "");
    refused("019a", "019A");
    refused("019a", "../a");
    refused("ijklmnop", "ijklmno1");
    refused("\"time\":5", "\"time\":-5");
    refused("\"time\":5", "\"time\":1e3");
    refused("\"time\":5", "\"time\":9999999999999999");
    refused("\"::1\"", "null");
    refused("\"::1\"", "\"a\\u0000b\"");
    refused("\"sender\":\"\"", "\"sender\":\"x\\u0000\"");
    refused("false", "0");
    refused("[\"a@b\"]", "[]");
    refused("[\"a@b\"]", "[1]");
    refused("[\"a@b\"]", "{}");
    refused("         3", "-3");
    refused("         3", "99999999999");
    refused("         3", "3.0");
    refused("{", "[");
    refused("\"sender\":\"\"", "\"sender\":\"\",\"sender\":\"a\"");
    char big[1200];
    snprintf(big, sizeof big, "\"sender\":\"%0600d\"", 0);
    refused("\"sender\":\"\"", big);
}

static void names(void **state)
{
    (void)state;
    assert_true(spool_name_ok(ID ".0123abcd"));
    assert_int_equal(spool_name_tag(ID ".0123abcd"), 0x0123abcd);
    static const char *const bad[] = {
        "", ".", "..", "a", ID, ID ".", ID ".0123abc", ID ".0123abcdE", ID ".0123abcde",
        ID ".0123ABCD", "019a5c3f2b10/abcdefghijklmnop.0123abcd",
        "019a5c3f2b10-abcdefghijklmn0p.0123abcd", ".19a5c3f2b10-abcdefghijklmnop.0123abcd"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (spool_name_ok(bad[i]))
            fail_msg("%s", bad[i]);
    assert_int_equal(spool_client_tag("192.0.2.1"), spool_client_tag("::ffff:192.0.2.1"));
    assert_int_equal(spool_client_tag("2001:db8::1"), spool_client_tag("2001:db8::2"));
    assert_int_not_equal(spool_client_tag("192.0.2.1"), spool_client_tag("192.0.2.2"));
    assert_int_equal(spool_client_tag("local"), spool_client_tag("/run/socket"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(caps_when_writing),
        cmocka_unit_test(refused_when_reading),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
