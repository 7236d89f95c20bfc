/* Templates, host names, addresses and URLs: what fits, and what never may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/recognise.h"
#include "policy/template.h"

#define T32 "abcdefghijklmnopqrstuvwxyz012345"

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

/* "name=value;..." of the captures; "no" where it doesn't fit. */
static const char *run(const char *tmpl, const char *s, bool is_url)
{
    struct policy_match m;
    char *out = base_arena_strdup(a, "");

    if (!policy_template_match(a, tmpl, s, is_url, &m)) {
        assert_int_equal(m.n, 0);
        return "no";
    }
    for (size_t i = 0; i < m.n; i++) {
        out = base_arena_printf(a, "%s%s=%s;", out, m.c[i].name, m.c[i].value);
    }
    return out;
}

static const struct {
    const char *tmpl, *s, *out;
} lines[] = {
    {"Order: {order}", "Order: 123456", "order=123456;"},
    {"Order: {order}", "Order:  123456", "no"},
    {"Order: {order}", "My Order: 123456", "no"},
    {"Order: {order}", "Order: 123456 ", "no"},
    {"Order: {order}", "Order: 12 34", "no"},
    {"Order: {order}", "Order: ", "no"},
    {"Order: {order}", "order: 12", "no"},
    {"Order: {order}", "Order: a.b_c-D9", "order=a.b_c-D9;"},
    {"Order: {order}",
     "Order: 1234567890123456789012345678901234567890123456789012345678901234",
     "order=1234567890123456789012345678901234567890123456789012345678901234;"},
    {"Order: {order}",
     "Order: 12345678901234567890123456789012345678901234567890123456789012345", "no"},
    {"Domain: {domain}", "Domain: Example.TEST", "domain=example.test;"},
    {"Domain: {domain}", "Domain: example.test.", "domain=example.test;"},
    {"Domain: {domain}", "Domain: b\xc3\xbc" "cher.example", "domain=xn--bcher-kva.example;"},
    {"Domain: {domain}", "Domain: xn--bcher-kva.example", "domain=xn--bcher-kva.example;"},
    {"Domain: {domain}", "Domain: xn--bcher-KVA.example", "domain=xn--bcher-kva.example;"},
    {"Domain: {domain}", "Domain: xn--.example", "no"},
    {"Domain: {domain}", "Domain: *.example.test", "no"},
    {"Domain: {domain}", "Domain: localhost", "no"},
    {"Domain: {domain}", "Domain: 192.0.2.1", "no"},
    {"Domain: {domain}", "Domain: -x.test", "no"},
    {"Domain: {domain}", "Domain: x..test", "no"},
    {"Domain: {domain}", "Domain: a\xff.test", "no"},
    {"your domain {domain} ({order})", "your domain example.test (77)",
     "domain=example.test;order=77;"},
    {"Mailbox: {mailbox}", "Mailbox: Alice.B@Example.TEST", "mailbox=Alice.B@example.test;"},
    {"Mailbox: {mailbox}", "Mailbox: a+b@example.test", "mailbox=a+b@example.test;"},
    {"Mailbox: {mailbox}", "Mailbox: a@b@example.test", "no"},
    {"Mailbox: {mailbox}", "Mailbox: <a@example.test>", "no"},
    {"Mailbox: <{mailbox}>", "Mailbox: <a@example.test>", "mailbox=a@example.test;"},
    {"Mailbox: {mailbox}", "Mailbox: a..b@example.test", "no"},
    {"Mailbox: {mailbox}", "Mailbox: .a@example.test", "no"},
    {"Key: {code:6:A-Z0-9}", "Key: AB12CD", "code=AB12CD;"},
    {"Key: {code:6:A-Z0-9}", "Key: AB12CDE", "no"},
    {"Key: {code:6:A-Z0-9}", "Key: AB12C", "no"},
    {"Key: {code:4-6:A-Z0-9}", "Key: AB12C", "code=AB12C;"},
    {"{any} order {order}", "your order 7", "order=7;"},
    {"{any} order {order}", "order order 7", "order=7;"},
    {"{any}", "", ""},
    {"{any}", "anything at all", ""},
    {"a{any}b", "ab", ""},
    {"a{any}b", "axxb", ""},
    {"a{any}b", "axxbc", "no"},
    /* two readings with different captures are no reading */
    {"{any} domain {domain} {any}", "x domain a.test y", "domain=a.test;"},
    {"{any} domain {domain} {any}", "x domain a.test domain b.test y", "no"},
    {"{any} domain {domain} {any}", "x domain a.test domain a.test y", "domain=a.test;"},
    {"{{{order}}}", "{7}", "order=7;"},
    {"a{{b", "a{b", ""},
};

static void lines_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *out = run(lines[i].tmpl, lines[i].s, false);
        if (strcmp(out, lines[i].out) != 0) {
            fail_msg("\"%s\" on \"%s\": %s, expected %s", lines[i].tmpl, lines[i].s, out,
                     lines[i].out);
        }
    }
}

static const struct {
    const char *tmpl, *s, *out;
} urls[] = {
#define DCV "https://www.ca.test/v/{token:32:a-z0-9}"
    {DCV, "https://www.ca.test/v/" T32, "token=" T32 ";"},
    {DCV, "HTTPS://WWW.CA.TEST/v/" T32, "token=" T32 ";"},
    {DCV, "https://www.ca.test:443/v/" T32, "token=" T32 ";"},
    {DCV, "http://www.ca.test/v/" T32, "no"},
    {DCV, "//www.ca.test/v/" T32, "no"},
    {DCV, "https:/www.ca.test/v/" T32, "no"},
    {DCV, "https://www.ca.test:8443/v/" T32, "no"},
    {DCV, "https://www.ca.test:0443/v/" T32, "no"},
    {DCV, "https://www.ca.test:/v/" T32, "no"},
    {DCV, "https://www.ca.test./v/" T32, "no"},
    {DCV, "https://ca.test/v/" T32, "no"},
    {DCV, "https://www.ca.test.evil.test/v/" T32, "no"},
    {DCV, "https://xwww.ca.test/v/" T32, "no"},
    {DCV, "https://www.ca.test@evil.test/v/" T32, "no"},
    {DCV, "https://evil.test@www.ca.test/v/" T32, "no"},
    {DCV, "https://user:pw@www.ca.test/v/" T32, "no"},
    {DCV, "https://www.ca.test\\@evil.test/v/" T32, "no"},
    {DCV, "https://www.ca.test/v/" T32 "#x", "no"},
    {DCV, "https://www.ca.test/v/" T32 "#", "no"},
    {DCV, "https://www.ca.test/v/" T32 "?x=1", "no"},
    {DCV, "https://www.ca.test/v/" T32 "/", "no"},
    {DCV, "https://www.ca.test/v//" T32, "no"},
    {DCV, "https://www.ca.test/V/" T32, "no"},
    {DCV, "https://www.ca.test/v/%61bcdefghijklmnopqrstuvwxyz012345", "no"},
    {DCV, "https://www.ca.test/%76/" T32, "no"},
    {DCV, "https://www.ca.test/v/../v/" T32, "no"},
    {DCV, "https://www.ca.test/./v/" T32, "no"},
    {DCV, "https://www.ca.test/%2e%2E/v/" T32, "no"},
    {DCV, " https://www.ca.test/v/" T32, "no"},
    {DCV, "https://www.ca.test/v/" T32 "\n", "no"},
    {DCV, "https://www.ca.test/v/" T32 "\xc3\xa4", "no"},
    {DCV, "https://www.ca.t\xc3\xa9st/v/" T32, "no"},
    {DCV, "https://www.ca.test/v/ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "no"},
    {DCV, "https://www%2eca.test/v/" T32, "no"},
    {DCV, "https://127.0.0.1/v/" T32, "no"},
    {DCV, "https://[::1]/v/" T32, "no"},
    {DCV, "", "no"},
    {DCV, "https://", "no"},
    {"https://www.ca.test/o/{order}", "https://www.ca.test/o/1.2", "order=1.2;"},
    {"https://www.ca.test/o/{order}", "https://www.ca.test/o/..", "no"},
    {"https://www.ca.test/o/{order}", "https://www.ca.test/o/.", "no"},
#define BOX "https://www.ca.test/m/{token:4:a-z}?email={mailbox}"
    {BOX, "https://www.ca.test/m/abcd?email=a@b.test", "token=abcd;mailbox=a@b.test;"},
    {BOX, "https://www.ca.test/m/abcd?email=a%40b.test", "token=abcd;mailbox=a@b.test;"},
    {BOX, "https://www.ca.test/m/abcd?email=a%2Bc%40B.test", "token=abcd;mailbox=a+c@b.test;"},
    {BOX, "https://www.ca.test/m/abcd?email=a+c@b.test", "token=abcd;mailbox=a+c@b.test;"},
    {BOX, "https://www.ca.test/m/abcd?email=a%4", "no"},
    {BOX, "https://www.ca.test/m/abcd?email=a%zzb.test", "no"},
    {BOX, "https://www.ca.test/m/abcd?email=a%40b.test%00", "no"},
    {BOX, "https://www.ca.test/m/abcd?email=a%40b.test%0a", "no"},
    {BOX, "https://www.ca.test/m/abcd?email=a@b.test&x=1", "no"},
    {BOX, "https://www.ca.test/m/abcd?email=a%2540b.test", "no"},
    {"https://www.ca.test?t={token:4:a-z}", "https://www.ca.test/?t=abcd", "token=abcd;"},
    {"https://www.ca.test/?t={token:4:a-z}", "https://www.ca.test?t=abcd", "token=abcd;"},
#define PORT "https://www.ca.test:{port}/v/{token:4:a-z}"
    {PORT, "https://www.ca.test:8443/v/abcd", "port=8443;token=abcd;"},
    {PORT, "https://www.ca.test:0/v/abcd", "no"},
    {PORT, "https://www.ca.test:65536/v/abcd", "no"},
    {PORT, "https://www.ca.test/v/abcd", "no"},
    {PORT, "https://www.ca.test:80a/v/abcd", "no"},
};

static void urls_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *out = run(urls[i].tmpl, urls[i].s, true);
        if (strcmp(out, urls[i].out) != 0) {
            fail_msg("\"%s\" on \"%s\": %s, expected %s", urls[i].tmpl, urls[i].s, out,
                     urls[i].out);
        }
    }
}

/* A port fits only where the profile is a rehearsal's. */
static void ports_are_for_rehearsals(void **state)
{
    const char *why;

    (void)state;
    assert_null(policy_template_parse(a, PORT, true, false, &why));
    assert_non_null(policy_template_check(a, "https://www.ca.test:8443/x", true, false));
    assert_null(policy_template_check(a, "https://www.ca.test:8443/x", true, true));
    assert_null(policy_template_check(a, "https://www.ca.test:443/x", true, false));
}

static const struct {
    const char *tmpl;
    bool is_url, rehearsal;
    const char *says; /* a word of the sentence; NULL = valid */
} checks[] = {
    {"", false, false, "1 to 1000"},
    {"Order: {order}", false, false, NULL},
    {"Order: {ordre}", false, false, "placeholders"},
    {"Order: {order", false, false, "without its"},
    {"Order: order}", false, false, "without its"},
    {"{order}{certificate}", false, false, "between them"},
    {"{any}{order}", false, false, "between them"},
    {"{order}-x", false, false, "may belong to it"},
    {"{order}.", false, false, "may belong to it"},
    {"{domain}\xe3\x81\xae", false, false, "may belong to it"},
    {"{order} {order}", false, false, "twice"},
    {"{any} {any}", false, false, NULL},
    {"{any} {any} {any} {any} {any}", false, false, "4 times"},
    {"{token}", false, false, "LENGTH"},
    {"{token:0:a-z}", false, false, "LENGTH"},
    {"{token:5-3:a-z}", false, false, "LENGTH"},
    {"{token:600:a-z}", false, false, "LENGTH"},
    {"{token:5:}", false, false, "LENGTH"},
    {"{token:5:z-a}", false, false, "LENGTH"},
    {"{token:5:a z}", false, false, "LENGTH"},
    {"{token:5:a/}", false, false, NULL},
    {"https://www.ca.test/{token:5:a/}", true, false, "LENGTH"},
    {"https://www.ca.test/{token:5:a%}", true, false, "percent"},
    {"{port}", false, true, "only in a URL"},
    {"https://www.ca.test/{port}", true, true, "only as the port"},
    {"http://www.ca.test/", true, false, "https"},
    {"https://{domain}/x", true, false, "host"},
    {"https://www.{any}.test/x", true, false, "host"},
    {"https://u@www.ca.test/", true, false, "user information"},
    {"https://www.ca.test/#x", true, false, "fragment"},
    {"https://www.ca.test/{domain}", true, false, "query"},
    {"https://www.ca.test/?d={domain}", true, false, NULL},
    {"https://www.ca.test/a/../b", true, false, "dot segment"},
    {"https://10.0.0.1/", true, false, "host"},
    {"https://localhost/", true, true, "host"},
};

static void checks_say_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const char *why =
            policy_template_check(a, checks[i].tmpl, checks[i].is_url, checks[i].rehearsal);
        bool ok = checks[i].says == NULL ? why == NULL
                                         : why != NULL && strstr(why, checks[i].says) != NULL;
        if (!ok) {
            fail_msg("\"%s\": %s", checks[i].tmpl, why != NULL ? why : "(valid)");
        }
    }
}

/* A string made to be slow is given up, not tried for ever. */
static void hostile_any(void **state)
{
    char s[1001];
    struct policy_match m;
    const char *why;
    struct policy_template *t =
        policy_template_parse(a, "{any}a{any}a{any}a{any}b", false, false, &why);

    (void)state;
    memset(s, 'a', 1000);
    s[1000] = '\0';
    assert_non_null(t);
    assert_int_equal(policy_template_run(a, t, s, &m), POLICY_FIT_AMBIGUOUS);
    assert_false(policy_template_match(a, "{any}a{any}a{any}a{any}b", s, false, &m));
    char longer[1100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(policy_template_match(a, "{any}", longer, false, &m));
}

static void hosts(void **state)
{
    const char *host;
    int port;

    (void)state;
    assert_true(policy_url_host(a, "https://WWW.ca.test/x", &host, &port));
    assert_string_equal(host, "www.ca.test");
    assert_int_equal(port, 443);
    assert_true(policy_url_host(a, "https://www.ca.test:8443/x", &host, &port));
    assert_int_equal(port, 8443);
    assert_true(policy_url_host(a, PORT, &host, &port));
    assert_int_equal(port, 0);
    assert_false(policy_url_host(a, "https://a@b.test/", &host, &port));
    assert_false(policy_url_host(a, "ftp://b.test/", &host, &port));
    assert_false(policy_url_host(a, NULL, &host, &port));
}

static void names(void **state)
{
    static const struct {
        const char *in, *out;
    } t[] = {
        {"Example.TEST", "example.test"}, {"example.test.", "example.test"},
        {"example.test..", NULL},         {".example.test", NULL},
        {"test", NULL},                   {"1.2.3.4", NULL},
        {"a.b-", NULL},                   {"a_b.test", NULL},
        {"a b.test", NULL},               {"", NULL},
        {NULL, NULL},                     {"fa\xc3\x9f.test", "xn--fa-hia.test"},
        {"xn--a.test", NULL},             {"xn--zzzzzz9999999.test", NULL},
        {"a.test\n", NULL},               {"1and1.test", "1and1.test"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const char *out = policy_domain_alabel(a, t[i].in);
        if ((out == NULL) != (t[i].out == NULL) || (out != NULL && strcmp(out, t[i].out) != 0)) {
            fail_msg("%s: %s", t[i].in, out);
        }
    }
    char label[70];
    memset(label, 'a', 64);
    strcpy(label + 64, ".test");
    assert_null(policy_domain_alabel(a, label));
    assert_non_null(policy_domain_alabel(a, label + 1));
    assert_string_equal(policy_mailbox_normal(a, "A.b@B\xc3\xbc" "cher.example"),
                        "A.b@xn--bcher-kva.example");
    assert_null(policy_mailbox_normal(a, "a@"));
    assert_null(policy_mailbox_normal(a, "@b.test"));
    assert_null(policy_mailbox_normal(a, "\"a b\"@b.test"));
    assert_null(policy_mailbox_normal(a, "a@b@c.test"));
    assert_null(policy_mailbox_normal(a, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_fit),
        cmocka_unit_test(urls_fit),
        cmocka_unit_test(ports_are_for_rehearsals),
        cmocka_unit_test(checks_say_what_is_wrong),
        cmocka_unit_test(hostile_any),
        cmocka_unit_test(hosts),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
