/* Sections dns and the option method: longest match, what goes together, every error with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/config.h"

#define HEAD "contact = \"it@example.org\"\n" \
             "account \"main\" { profile = \"digicert\" api_key = \"k\" organization = 1 }\n"
#define OURS "dns \"own\" { zone = \"Example.org.\" server = \"192.0.2.1@5353\" key = \"k1.\" " \
             "secret = \"dns-key\" }\n"

static struct policy_config *cfg;
static struct policy_config_errors errs;

static bool load(const char *text)
{
    char path[] = "/tmp/certmilter-dns-XXXXXX", *whole = NULL;
    struct base_fail f;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    policy_config_free(cfg);
    policy_config_errors_free(&errs);
    cfg = NULL;
    size_t n = strlen(text) + 200;
    whole = malloc(n);
    assert_non_null(whole);
    snprintf(whole, n, "paths { profile_dir = \"%s/etc/profiles\" }\n%s", getcwd((char[4096]){0}, 4096), text);
    assert_true(base_write_all(fd, whole, strlen(whole)));
    free(whole);
    close(fd);
    bool ok = policy_config_load(path, &cfg, &errs, &f) == BASE_OK;
    unlink(path);
    return ok;
}

/* The only error is in LINE of TEXT (1 = its first) and says WORDS. */
static void wrong(const char *text, int line, const char *words)
{
    char where[16];

    assert_false(load(text));
    snprintf(where, sizeof where, ":%d", line + 1);
    for (size_t i = 0; i < errs.n; i++) {
        const char *colon = strrchr(errs.v[i].where, ':');
        if (strcmp(colon, where) == 0 && strstr(errs.v[i].text, words) != NULL) {
            return;
        }
    }
    fail_msg("no error \"%s\" in line %s; first: %s %s", words, where, errs.v[0].where, errs.v[0].text);
}

static void longest_match(void **state)
{
    (void)state;
    assert_true(load(HEAD OURS
                     "dns \"sub\" { zone = \"sub.example.org\" manual = yes }\n"
                     "dns \"rest\" { hook = \"/bin/true\" ttl = 30 remove = no label = \"@\" }\n"));
    assert_string_equal(policy_config_dns(cfg, "example.org")->id, "own");
    assert_string_equal(policy_config_dns(cfg, "a.example.org")->id, "own");
    assert_string_equal(policy_config_dns(cfg, "sub.example.org")->id, "sub");
    assert_string_equal(policy_config_dns(cfg, "x.sub.example.org")->id, "sub");
    assert_string_equal(policy_config_dns(cfg, "notexample.org")->id, "rest");
    const struct policy_dns *d = policy_config_dns(cfg, "example.org");
    assert_string_equal(d->zone, "example.org");
    assert_string_equal(d->key, "k1");
    assert_string_equal(d->algorithm, "hmac-sha256");
    assert_string_equal(d->label, "_dnsauth");
    assert_int_equal(d->ttl, 60);
    assert_int_equal(d->timeout, 10);
    assert_true(d->remove);
    d = policy_config_dns(cfg, "other.test");
    assert_string_equal(d->label, "");
    assert_false(d->remove);
    assert_int_equal(d->timeout, 60);
    assert_true(load(HEAD OURS));
    assert_null(policy_config_dns(cfg, "other.test"));
}

static void methods(void **state)
{
    enum policy_method m;

    (void)state;
    assert_true(load(HEAD OURS "defaults { account = \"main\" }\ndomain \"example.org\" { method = dns-cname }\n"
                     "domain \"other.test\" {}\n"));
    assert_int_equal(policy_config_domain(cfg, "example.org")->method, POLICY_METHOD_DNS_CNAME);
    assert_int_equal(policy_config_domain(cfg, "other.test")->method, POLICY_METHOD_EMAIL);
    assert_true(policy_method_parse("dns-txt", &m) && m == POLICY_METHOD_DNS_TXT);
    assert_false(policy_method_parse("dns", &m));
    assert_false(policy_method_parse(NULL, &m));
    wrong(HEAD "domain \"example.org\" { account = \"main\" method = dns-txt }\n", 3, "no dns section");
    wrong(HEAD "domain \"example.org\" { account = \"main\"\n method = smoke }\n", 4,
          "email, dns-txt, dns-cname, http");
    wrong(HEAD "dns \"d\" { validation_zone = \"v.test\" manual = yes }\n"
          "domain \"example.org\" { account = \"main\" method = dns-cname }\n", 4, "only dns-txt");
    wrong(HEAD "dns \"d\" { label = \"@\" manual = yes }\n"
          "domain \"example.org\" { account = \"main\" method = dns-cname }\n", 4, "dns-txt only");
}

static void errors(void **state)
{
    (void)state;
    wrong("dns \"x\" { zone = \"a.test\" }\n", 1, "found none");
    wrong("dns \"x\" { zone = \"a.test\" manual = yes hook = \"/bin/true\" }\n", 1, "found several");
    wrong("dns \"x\" {\n zone = \"a.test\"\n server = \"ns.a.test\" key = \"k\" secret = \"s\" }\n", 3,
          "expected the IP address");
    wrong("dns \"x\" { zone = \"a.test\" server = \"192.0.2.1\" }\n", 1, "without a TSIG key");
    wrong("dns \"x\" { server = \"192.0.2.1\" key = \"k\" secret = \"s\" }\n", 1, "zone or validation_zone");
    wrong("dns \"x\" { manual = yes\n secret = \"s\" }\n", 2, "goes with a server only");
    wrong("dns \"x\" { zone = \"a.test\" server = \"192.0.2.1\" key = \"k\"\n"
          " secret = \"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\" }\n", 2, "never the secret itself");
    wrong("dns \"x\" { zone = \"a.test\" server = \"192.0.2.1\" secret = \"s\"\n key = \"a b\" }\n", 2, "TSIG key");
    wrong("dns \"x\" { manual = yes\n algorithm = hmac-md5 }\n", 2, "hmac-sha256");
    wrong("dns \"x\" { manual = yes\n label = \"a.b\" }\n", 2, "one label");
    wrong("dns \"x\" { validation_zone = \"v.test\" manual = yes\n label = \"@\" }\n", 2, "delegated");
    wrong("dns \"x\" { manual = yes\n ttl = 0 }\n", 2, "ttl");
    wrong("dns \"x\" { manual = yes\n timeout = 1h }\n", 2, "timeout");
    wrong("dns \"x\" { hook = \"bin/true\" }\n", 1, "hook");
    wrong("dns \"x\" { manual = yes\n zone = \"a..b\" }\n", 2, "name of a zone");
    wrong("dns \"x\" { manual = yes\n authoritative = { \"192.0.2.1\",\n \"ns1\" } }\n", 3, "authoritative");
    wrong("dns \"x\" { manual = yes }\ndns \"y\" { manual = yes }\n", 2, "covers the same domains as dns \"x\"");
    wrong("dns \"x\" { manual = yes zone = \"a.test\" }\ndns \"y\" { zone = \"A.test.\" manual = yes }\n", 2,
          "covers the same");
}

static void http(void **state)
{
    (void)state;
    assert_true(load(HEAD "defaults { account = \"main\" }\n"
                     "http \"web\" { zone = \"Example.org.\" webroots = { \"/srv/a\", \"/srv/b\" } }\n"
                     "http \"rest\" { file = dynamic remove = no }\n"
                     "domain \"example.org\" { method = http }\ndomain \"a.test\" { method = http revalidate = 0 }\n"
                     "mx_hosts = { \"MX1.example.org\" }\ntiming { reuse = 100d domain_check = 12h }\n"));
    const struct policy_http *h = policy_config_http(cfg, "sub.example.org");
    assert_string_equal(h->id, "web");
    assert_int_equal(h->webroots.n, 2);
    assert_true(h->remove && !h->dynamic);
    h = policy_config_http(cfg, "a.test");
    assert_true(h->webroots.n == 0 && h->dynamic && !h->remove);
    assert_int_equal(policy_config_domain(cfg, "example.org")->method, POLICY_METHOD_HTTP);
    assert_int_equal(policy_config_domain(cfg, "example.org")->revalidate_days, 30);
    assert_int_equal(policy_config_domain(cfg, "a.test")->revalidate_days, 0);
    assert_string_equal(cfg->mx_hosts.v[0], "mx1.example.org");
    assert_int_equal(cfg->reuse, 100 * 86400);
    assert_int_equal(cfg->domain_check, 12 * 3600);
    assert_int_equal(cfg->http_port, 80);
    assert_null(policy_method_unfit(cfg, "a.test", POLICY_METHOD_HTTP));
    assert_non_null(policy_method_unfit(cfg, "a.test", POLICY_METHOD_DNS_TXT));
    wrong(HEAD "domain \"example.org\" { account = \"main\" method = http }\n", 3, "no http section");
    wrong("http \"x\" { webroots = { \"/srv/a\",\n \"srv/b\" } }\n", 2, "absolute path");
    wrong("http \"x\" {\n file = other }\n", 2, "fixed, dynamic");
    wrong("http \"x\" {}\nhttp \"y\" {}\n", 2, "covers the same domains as http \"x\"");
    wrong(HEAD "rehearsal {\n http_port = 8080 }\n", 4, "only for a rehearsal");
    wrong("mx_hosts = { \"mx.example.org\",\n \"a b\" }\n", 2, "names of hosts");
    wrong("domain \"a.test\" {\n revalidate = 12h }\n", 2, "revalidate: expected whole days");
    wrong(HEAD "account \"two\" { profile = \"digicert\" api_key = \"k\"\n persist_issuer = \"a;b\" }\n", 4,
          "persist_issuer");
    wrong(HEAD "account \"two\" { profile = \"digicert\" api_key = \"k\"\n persist_account_uri = \"http://x\" }\n",
          4, "persist_account_uri");
}

static int end(void **state)
{
    (void)state;
    policy_config_free(cfg);
    policy_config_errors_free(&errs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(longest_match), cmocka_unit_test(methods),
                                       cmocka_unit_test(http), cmocka_unit_test(errors)};

    return cmocka_run_group_tests(tests, NULL, end);
}
