/* The persistent TXT record: its text, its reading, and what an answer is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dcv/persist.h"

#define NOW 1700000000
#define URI "https://ca.example/acct/1"
static struct base_arena *a;
static const struct dcv_persist want = {.issuer = "digicert.com", .account_uri = URI};

static bool parse(const char *text, struct dcv_persist *p)
{
    return dcv_persist_parse(a, text, strlen(text), p);
}

static void text(void **state)
{
    struct dcv_persist p = want, q;

    (void)state;
    assert_string_equal(dcv_persist_name(a, "example.org"), "_validation-persist.example.org");
    assert_string_equal(dcv_persist_value(a, &p), "digicert.com; accounturi=" URI);
    p.policy = "wildcard";
    p.until = 1924992000;
    assert_string_equal(dcv_persist_value(a, &p),
                        "digicert.com; accounturi=" URI "; policy=wildcard; persistUntil=1924992000");
    assert_true(parse(dcv_persist_value(a, &p), &q));
    assert_string_equal(q.issuer, "digicert.com");
    assert_string_equal(q.account_uri, URI);
    assert_string_equal(q.policy, "wildcard");
    assert_int_equal(q.until, 1924992000);
}

static void reading(void **state)
{
    static const char *const bad[] = {"", ";", " ; accounturi=x", "a=b; accounturi=x", "ca.test; accounturi",
                                      "ca.test; accounturi=a; AccountURI=b", "ca.test; persistUntil=soon",
                                      "ca.test; persistUntil=0", "ca.test; persistUntil=-1",
                                      "ca.test; persistUntil=99999999999999", "ca.test; persistUntil=1; persistUntil=2",
                                      "ca.test; accounturi=", "two words; accounturi=x"};
    struct dcv_persist p;
    char large[1100];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(parse(bad[i], &p));
    }
    assert_true(parse("  CA.Test\t;ACCOUNTURI = x ; unknown=1; ", &p));
    assert_string_equal(p.issuer, "ca.test");
    assert_string_equal(p.account_uri, "x");
    assert_true(parse("ca.test", &p));
    assert_null(p.account_uri);
    assert_false(dcv_persist_parse(a, "ca.test\0; accounturi=x", 22, &p));
    memset(large, 'a', sizeof large);
    assert_false(dcv_persist_parse(a, large, 1025, &p));
}

static struct dcv_persist_found judge(enum net_dns_status s, bool secure, bool bogus, size_t n, const char **v)
{
    struct net_dns_answer ans = {.status = s, .secure = secure, .bogus = bogus, .n = n, .why = "timeout"};
    struct dcv_persist_found out;

    ans.records = base_arena_array(a, n + 1, sizeof *ans.records);
    for (size_t i = 0; i < n; i++) {
        ans.records[i] = (struct net_dns_record){.text = v[i], .len = strlen(v[i])};
    }
    dcv_persist_judge(a, &ans, &want, NOW, &out);
    return out;
}

static void worth(void **state)
{
    const char *other[] = {"letsencrypt.org; accounturi=" URI, "digicert.com; accounturi=" URI "/2", "v=spf1 -all"};
    const char *over[] = {"digicert.com; accounturi=" URI "; persistUntil=1600000000"};
    const char *both[] = {over[0], "digicert.com; accounturi=" URI "; persistUntil=1800000000", "x"};
    const char *endless[] = {both[1], "DigiCert.com; accounturi=" URI};
    struct dcv_persist_found f;

    (void)state;
    f = judge(NET_DNS_NONE, false, false, 0, NULL);
    assert_int_equal(f.state, DCV_PERSIST_ABSENT);
    f = judge(NET_DNS_RECORD, true, false, 1, other);
    assert_int_equal(f.state, DCV_PERSIST_ABSENT);
    f = judge(NET_DNS_RECORD, true, false, 3, other);
    assert_int_equal(f.state, DCV_PERSIST_ACCOUNT);
    f = judge(NET_DNS_RECORD, false, false, 1, over);
    assert_int_equal(f.state, DCV_PERSIST_ENDED);
    f = judge(NET_DNS_RECORD, false, false, 3, both);
    assert_int_equal(f.state, DCV_PERSIST_OK);
    assert_int_equal(f.until, 1800000000);
    assert_non_null(strstr(f.text, "not signed"));
    f = judge(NET_DNS_RECORD, true, false, 2, endless);
    assert_true(f.state == DCV_PERSIST_OK && f.secure && f.until == 0);
    assert_non_null(strstr(f.text, "DNSSEC proves it"));
    f = judge(NET_DNS_TEMPFAIL, false, true, 0, NULL);
    assert_true(f.state == DCV_PERSIST_UNKNOWN && f.bogus);
    assert_non_null(strstr(f.text, "bogus"));
    f = judge(NET_DNS_TEMPFAIL, false, false, 0, NULL);
    assert_true(f.state == DCV_PERSIST_UNKNOWN && !f.bogus);
}

static int begin(void **state)
{
    (void)state;
    a = base_arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text), cmocka_unit_test(reading), cmocka_unit_test(worth)};

    return cmocka_run_group_tests(tests, begin, end);
}
