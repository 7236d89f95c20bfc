/* tests/unit/cli_token.c - what looks like a token, how it is hidden in links and in
 * raw mails, and the template around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/mask.h"
#include "cli/token.h"
#include "policy/recognise.h"

#define HEX32 "9f86d081884c7d659a2feaa0c55ad015"
#define BASE62 "kZ3xQ9vT2mW8rL5nB1cY7dF4"

static void test_looks_random(void **state)
{
    static const char *const yes[] = {HEX32, BASE62, "abc36ae2490defghijklmnopq",
                                      "1234567890123456", "550e8400-e29b-41d4-a716-446655440000",
                                      "a1b2c3d4"};
    static const char *const no[] = {"", "approve", "validation2024.php", "domain-control-validation",
                                     "ApproveDomainControlValidation", "70000001", "v2", "example.org",
                                     "index.html", "order-70000001"};
    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        if (!cli_looks_random(yes[i], strlen(yes[i])))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        if (cli_looks_random(no[i], strlen(no[i])))
            fail_msg("%s", no[i]);
}

static void test_mask_url(void **state)
{
    static const struct {
        const char *url, *token, *masked;
    } cases[] = {
        {"https://h.test/dcv/" HEX32, NULL, "https://h.test/dcv/9f86..."},
        {"https://h.test/dcv/" HEX32 "?email=a@b.test", NULL, "https://h.test/dcv/9f86...?email=a@b.test"},
        {"https://h.test/a?x=" HEX32 "&y=" BASE62 "#z", NULL, "https://h.test/a?x=9f86...&y=kZ3x...#z"},
        /* a token that doesn't look like one, because the template says so */
        {"https://h.test/go/secretword/x", "secretword", "https://h.test/go/secr.../x"},
        {"https://h.test/go/abc/abc", "abc", "https://h.test/go/.../..."},
        /* a host is no token, however it looks */
        {"https://a1b2c3d4e5f6.test/approve", NULL, "https://a1b2c3d4e5f6.test/approve"},
        {"https://h.test/", NULL, "https://h.test/"},
        {"mailto:someone@example.org", NULL, "mailto:someone@example.org"},
        {"https://h.test/%", NULL, "https://h.test/%"},
        {"", "x", ""},
    };
    struct base_arena *a = base_arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(cli_mask_url(a, cases[i].url, cases[i].token), cases[i].masked);
    base_arena_free(a);
}

static void test_templates(void **state)
{
    static const struct {
        const char *url, *template;
    } cases[] = {
        {"https://h.test/dcv/" HEX32, "https://h.test/dcv/{token:32:a-f0-9}"},
        {"https://h.test/approve?token=" BASE62 "&d=example.org",
         "https://h.test/approve?token={token:24:a-zA-Z0-9}&d={domain}"},
        {"https://h.test/v/" HEX32 "?email=alice@example.org",
         "https://h.test/v/{token:32:a-f0-9}?email={mailbox}"},
        {"https://h.test/v/" HEX32 "?email=alice%40example.org",
         "https://h.test/v/{token:32:a-f0-9}?email={mailbox}"},
        {"https://h.test/x/550e8400-e29b-41d4-a716-446655440000/y",
         "https://h.test/x/{token:36:a-f0-9-}/y"},
        /* the host stays, even if it is the domain */
        {"https://example.org/" HEX32, "https://example.org/{token:32:a-f0-9}"},
        {"https://h.test/plain", "https://h.test/plain"},
    };
    struct base_arena *a = base_arena_new();
    struct policy_match m;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *t = cli_template_of(a, cases[i].url, "alice@example.org", "example.org");
        assert_string_equal(t, cases[i].template);
        assert_null(policy_template_check(a, t, true, false));
        assert_true(policy_template_match(a, t, cases[i].url, true, &m));
    }
    assert_string_equal(cli_template_of(a, "https://h.test/a?x={b}", NULL, NULL),
                        "https://h.test/a?x={{b}}");
    base_arena_free(a);
}

/* ---- raw mails ------------------------------------------------------------------------- */

static size_t mask(char *mail, const char *token)
{
    return cli_mask_mail((unsigned char *)mail, strlen(mail), token, strlen(token));
}

static void test_mask_plain(void **state)
{
    char mail[] = "Subject: x\r\n\r\nhttps://h.test/" HEX32 "?a " HEX32 "\r\n";
    size_t n = strlen(mail);
    (void)state;
    assert_int_equal(mask(mail, HEX32), 2);
    assert_int_equal(strlen(mail), n);
    assert_null(strstr(mail, "9f86d08"));
    assert_non_null(strstr(mail, "https://h.test/0a00a000000a0a000a0aaaa0a00aa000?a"));
    assert_int_equal(mask(mail, HEX32), 0);
}

static void test_mask_quoted_printable(void **state)
{
    char mail[] = "token=3DkZ3xQ9=\r\nvT2mW8r=\nL5nB1cY=37dF4=\r\n&x";
    (void)state;
    assert_int_equal(mask(mail, BASE62), 1);
    assert_string_equal(mail, "token=3DaA0aA0=\r\naA0aA0a=\nA0aA0aA=30aA0=\r\n&x");
}

static void test_mask_base64(void **state)
{
    static const char text[] = "<a href=\"https://h.test/dcv/" HEX32 "?email=a@b.test\">approve</a>\n";
    struct base_arena *a = base_arena_new();
    char mail[600] = "Content-Transfer-Encoding: base64\r\n\r\n";
    char body[400] = "";
    char *b64 = base_base64(a, text, sizeof(text) - 1);
    (void)state;
    /* lines of 30: the token lies across line ends and inside groups of four */
    for (size_t i = 0; i < strlen(b64); i += 30) {
        strncat(body, b64 + i, 30);
        strcat(body, "\r\n");
    }
    strcat(mail, body);
    strcat(mail, "\r\nABCDEFGHIJKLMNOPQRSTUVWX\r\nplain text behind it\r\n");
    size_t n = strlen(mail);
    assert_int_equal(mask(mail, HEX32), 1);
    assert_int_equal(strlen(mail), n);
    const char *from = strstr(mail, "\r\n\r\n") + 4;
    size_t len;
    const char *got = (char *)base_unbase64(a, from, strlen(body), &len);
    assert_int_equal(len, sizeof(text) - 1);
    assert_non_null(strstr(got, "https://h.test/dcv/0a00a000000a0a000a0aaaa0a00aa000?email=a@b.test"));
    assert_non_null(strstr(mail, "\r\nABCDEFGHIJKLMNOPQRSTUVWX\r\nplain text behind it\r\n"));
    base_arena_free(a);
}

/* What merely looks like base64 comes back as it was. */
static void test_mask_leaves_the_rest(void **state)
{
    char mail[] = "Abcdefghijklmnopqrstuvwxyz\r\nnotbase64atallbutalnum\r\nshort=\r\n=\r\n==";
    char *copy = strdup(mail);
    (void)state;
    assert_int_equal(mask(mail, HEX32), 0);
    assert_int_equal(mask(mail, ""), 0);
    assert_string_equal(mail, copy);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks_random),
        cmocka_unit_test(test_mask_url),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_mask_plain),
        cmocka_unit_test(test_mask_quoted_printable),
        cmocka_unit_test(test_mask_base64),
        cmocka_unit_test(test_mask_leaves_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
