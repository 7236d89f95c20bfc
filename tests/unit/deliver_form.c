/* The mail as bytes, and filters of a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/ldap_inner.h"
#include "deliver/mail_form.h"

static struct base_arena *a;

static const char *written(const char *to, const char *subject, const char *name)
{
    struct base_buf b;
    struct deliver_form m = {.from = "certmilter@mx.example.test",
                             .to = to,
                             .subject = subject,
                             .id = "certificate.1@mx.example.test",
                             .date = 1700000000,
                             .language = "en",
                             .text = "a\nb",
                             .html = "<p>\xc3\xa4</p>\n",
                             .type = "application/x-pkcs12",
                             .name = name,
                             .attachment = {(const unsigned char *)"\0\1\2", 3}};
    deliver_form_write(a, &m, &b);
    const char *out = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return out;
}

static void has(const char *mail, const char *what)
{
    if (!strstr(mail, what))
        fail_msg("no \"%s\" in:\n%s", what, mail);
}

static void form(void **state)
{
    (void)state;
    const char *m = written("a@example.test", "plain words", "a@example.test.p12");
    assert_string_equal(m, written("a@example.test", "plain words", "a@example.test.p12"));
    has(m, "\r\nSubject: plain words\r\n");
    has(m, "\r\nMessage-ID: <certificate.1@mx.example.test>\r\n");
    has(m, "\r\nYQ0KYg0K\r\n"); /* CRLF inside, too */
    has(m, " filename=\"a@example.test.p12\"\r\n");
    has(m, "\r\nAAEC\r\n");
    for (const char *p = m; (p = strchr(p, '\n')); p++)
        assert_int_equal(p[-1], '\r');
}

static void words_and_names(void **state)
{
    (void)state;
    const char *m = written("a@example.test", "Zertifikat f\xc3\xbcr a@example.test, das Sie bestellt haben",
                            "j\xc3\xbcrgen o'x\"\r\n.p12");
    has(m, "\r\nSubject: =?utf-8?B?");
    has(m, "?=\r\n =?utf-8?B?"); /* more than one word */
    has(m, " filename*=utf-8''j%C3%BCrgen%20o%27x%22%0D%0A.p12\r\n");
    assert_null(strstr(m, "\xc3"));
    has(written("a@example.test", "=?utf-8?Q?x?=", "n"), "\r\nSubject: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\r\n");
}

static void filters(void **state)
{
    (void)state;
    assert_string_equal(deliver_ldap_filter(a, "(mail=%s)", "a@b.test"), "(mail=a@b.test)");
    assert_string_equal(deliver_ldap_filter(a, "(|(mail=%s)(x=100%))", "*)(\\\x7f\xc3\xa4"),
                        "(|(mail=\\2a\\29\\28\\5c\\7f\\c3\\a4)(x=100%))");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(form), cmocka_unit_test(words_and_names),
                                       cmocka_unit_test(filters)};
    a = base_arena_new();
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    base_arena_free(a);
    return r;
}
