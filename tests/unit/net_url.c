/* net_url_check(), net_url_resolve(), net_url_escape(), net_retry_after(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"

static const struct net_host hosts[] = {
    {"www.digicert.com", 0}, {"ca.test", 8443}, {"127.0.0.1", 0}, {"2130706433", 0}, {"a.0x7f", 0}};

static bool ok(struct base_arena *a, const char *url, struct net_url *out)
{
    struct base_fail f = {0};
    enum base_fail_class cls = net_url_check(a, url, hosts, sizeof hosts / sizeof *hosts, out, &f);

    if (cls != BASE_OK) {
        assert_int_equal(cls, BASE_PERMANENT);
        assert_string_equal(f.code, "net.url");
    }
    return cls == BASE_OK;
}

static void good_urls(void **state)
{
    struct base_arena *a = base_arena_new();
    struct net_url u;

    (void)state;
    assert_true(ok(a, "https://www.digicert.com/secure/public/validation/abc?email=a@b.test", &u));
    assert_string_equal(u.host, "www.digicert.com");
    assert_int_equal(u.port, 443);
    assert_string_equal(u.path, "/secure/public/validation/abc?email=a@b.test");
    assert_true(ok(a, "HTTPS://WWW.DigiCert.com:443/", &u));
    assert_string_equal(u.host, "www.digicert.com");
    assert_true(ok(a, "https://www.digicert.com", &u));
    assert_string_equal(u.path, "/");
    assert_true(ok(a, "https://www.digicert.com?x=1", &u));
    assert_true(ok(a, "https://ca.test:8443/a%20b/.well-known/x..y/...", &u));
    assert_int_equal(u.port, 8443);
    assert_string_equal(u.path, "/a%20b/.well-known/x..y/...");
    assert_true(ok(a, "https://www.digicert.com/?next=https://x/../y", NULL));
    base_arena_free(a);
}

static void bad_urls(void **state)
{
    static const char *const list[] = {
        "",
        "https:",
        "https://",
        "https:///",
        "http://www.digicert.com/",
        "https:/www.digicert.com/",
        "https:///www.digicert.com/",
        "//www.digicert.com/",
        "www.digicert.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        " https://www.digicert.com/",
        "https://www.digicert.com/ x",
        "https://www.digicert.com/\n",
        "https://www.digicert.com/\x01",
        "https://www.digicert.com/\xc3\xa4",
        "https://www.digicert.com\\@evil.test/",
        "https://www.digicert.com/#x",
        "https://www.digicert.com@evil.test/",
        "https://evil.test@www.digicert.com/",
        "https://@www.digicert.com/",
        "https://:@www.digicert.com/",
        "https://www.digicert.com:8443/",
        "https://ca.test/",
        "https://ca.test:443/",
        "https://ca.test:0/",
        "https://ca.test:99999/",
        "https://ca.test:8443x/",
        "https://www.digicert.com./",
        "https://www.digicert.com.evil.test/",
        "https://evilwww.digicert.com/",
        "https://ww%77.digicert.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://017700000001/",
        "https://127.1/",
        "https://a.0x7f/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://www.digicert.com/a/../b",
        "https://www.digicert.com/..",
        "https://www.digicert.com/./a",
        "https://www.digicert.com/%2e%2E/a",
        "https://www.digicert.com/a/.%2e?x",
        "https://www.digicert.com/<x>",
        "https://www.digicert.com/\"",
        "https://www.digicert.com/{x}",
    };
    struct base_arena *a = base_arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (ok(a, list[i], NULL)) {
            fail_msg("taken: %s", list[i]);
        }
    }
    char longer[NET_URL_MAX + 2] = "https://www.digicert.com/";
    memset(longer + strlen(longer), 'a', sizeof longer - 1 - strlen(longer));
    assert_false(ok(a, longer, NULL));
    longer[NET_URL_MAX] = '\0';
    assert_true(ok(a, longer, NULL));
    base_arena_free(a);
}

static void no_hosts(void **state)
{
    struct base_arena *a = base_arena_new();

    (void)state;
    assert_int_equal(net_url_check(a, "https://www.digicert.com/", NULL, 0, NULL, NULL),
                     BASE_PERMANENT);
    base_arena_free(a);
}

static void resolving(void **state)
{
    static const char *const table[][2] = {
        {"https://ca.test:8443/x/y", "https://ca.test:8443/x/y"},
        {"", "https://a.test/d/p?q=1"},
        {"#frag", "https://a.test/d/p?q=1"},
        {" /go#frag ", "https://a.test/go"},
        {"/go", "https://a.test/go"},
        {"go", "https://a.test/d/go"},
        {"../go", "https://a.test/go"},
        {"../../../go", "https://a.test/go"},
        {"./go?x=1", "https://a.test/d/go?x=1"},
        {"?x=1", "https://a.test/d/p?x=1"},
        {"//b.test/go", "https://b.test/go"},
        {"http://b.test/", "http://b.test/"},
    };
    struct base_arena *a = base_arena_new();
    const char *out;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(net_url_resolve(a, "https://a.test/d/p?q=1#f", table[i][0], &out, NULL),
                         BASE_OK);
        assert_string_equal(out, table[i][1]);
    }
    assert_int_equal(net_url_resolve(a, "https://a.test/", "javascript:alert(1)", &out, NULL),
                     BASE_PERMANENT);
    assert_int_equal(net_url_resolve(a, "https://a.test/", "a b", &out, NULL), BASE_OK);
    assert_string_equal(out, "https://a.test/a%20b");
    assert_int_equal(net_url_resolve(a, "no base", "/x", &out, NULL), BASE_PERMANENT);
    base_arena_free(a);
}

static void escaping(void **state)
{
    struct base_arena *a = base_arena_new();

    (void)state;
    assert_string_equal(net_url_escape(a, "aZ09-._~"), "aZ09-._~");
    assert_string_equal(net_url_escape(a, "a+b@c/ %\xc3\xa4&="), "a%2Bb%40c%2F%20%25%C3%A4%26%3D");
    assert_string_equal(net_url_escape(a, ""), "");
    base_arena_free(a);
}

static void retry_after(void **state)
{
    const int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */

    (void)state;
    assert_int_equal(net_retry_after("0", now), 0);
    assert_int_equal(net_retry_after("120", now), 120);
    assert_int_equal(net_retry_after("99999999", now), 86400);
    assert_int_equal(net_retry_after("99999999999999999999", now), -1);
    assert_int_equal(net_retry_after("-1", now), -1);
    assert_int_equal(net_retry_after("", now), -1);
    assert_int_equal(net_retry_after("soon", now), -1);
    assert_int_equal(net_retry_after("12 apples", now), -1);
    assert_int_equal(net_retry_after("tomorrow", now), -1);
    assert_int_equal(net_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), 60);
    assert_int_equal(net_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", now), 60);
    assert_int_equal(net_retry_after("Sun Nov  6 08:50:37 1994", now), 60);
    assert_int_equal(net_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), 0);
    assert_int_equal(net_retry_after("Sun, 06 Nov 2094 08:00:00 GMT", now), 86400);
    assert_int_equal(net_retry_after("Sun, 99 Nov 1994 08:00:00 GMT", now), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls), cmocka_unit_test(bad_urls), cmocka_unit_test(no_hosts),
        cmocka_unit_test(resolving), cmocka_unit_test(escaping), cmocka_unit_test(retry_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
