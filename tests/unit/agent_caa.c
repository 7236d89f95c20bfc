/* CAA issuemail: whom the owner of a domain allows to issue (RFC 8659, RFC 9495). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/catalog.h"
#include "policy/providers.h"

static const char zone[] =
    "open.test. IN CAA 0 issue \"other.example\"\n"
    "named.test. IN CAA 0 issuemail \"other.example\"\nnamed.test. IN CAA 0 issuemail \" Our-CA.example ; a=b\"\n"
    "other.test. IN CAA 0 issuemail \"other.example; account=1\"\n"
    "nobody.test. IN CAA 0 issuemail \";\"\n"
    "empty.test. IN CAA 0 issuemail \"\"\n"
    "own.other.test. IN CAA 0 issuemail \"our-ca.example\"\n"
    "tls.other.test. IN CAA 0 issue \"our-ca.example\"\n"
    "like.test. IN CAA 0 issuemail \"our-ca.example.evil.test\"\n"
    "case.test. IN CAA 0 IssueMail \"our-ca.example\"\n"
    "a.deep.other.test. IN A 127.0.0.1\n";

static void caa(void **state)
{
    static const struct {
        const char *domain;
        enum agent_caa want;
        const char *word;
    } cases[] = {
        {"nothing.test", AGENT_CAA_OPEN, "no CAA issuemail"},
        {"open.test", AGENT_CAA_OPEN, "no CAA issuemail"},
        {"named.test", AGENT_CAA_NAMED, "named.test"},
        {"other.test", AGENT_CAA_EXCLUDED, "issuemail \"other.example\""},
        {"nobody.test", AGENT_CAA_EXCLUDED, "issuemail \";\""},
        {"empty.test", AGENT_CAA_EXCLUDED, "issuemail \";\""},
        {"a.deep.other.test", AGENT_CAA_EXCLUDED, "add  other.test. CAA 0 issuemail \"our-ca.example\""},
        {"own.other.test", AGENT_CAA_NAMED, "own.other.test"},
        {"tls.other.test", AGENT_CAA_OPEN, "no CAA issuemail"}, /* the nearest set counts, whatever is in it */
        {"like.test", AGENT_CAA_EXCLUDED, "our-ca.example.evil.test"},
        {"case.test", AGENT_CAA_NAMED, "case.test"},
    };
    const char *names[] = {"our-ca.example", "our-ca.test"};
    const struct policy_strings issuers = {names, 2}, none = {0};
    char file[] = "/tmp/cm-caa-XXXXXX";
    struct net_resolver *r;
    struct base_arena *a = base_arena_new();
    int fd = mkstemp(file);
    const char *text;

    (void)state;
    assert_true(fd >= 0 && write(fd, zone, sizeof zone - 1) == (ssize_t)sizeof zone - 1);
    close(fd);
    assert_int_equal(net_dns_zone_load(file, &r, NULL), BASE_OK);
    unlink(file);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum agent_caa got = agent_caa_look(r, cases[i].domain, &issuers, a, &text);
        if (got != cases[i].want || strstr(text, cases[i].word) == NULL) {
            fail_msg("%s: %d %s", cases[i].domain, got, text);
        }
    }
    assert_int_equal(agent_caa_look(r, "open.test", &none, a, &text), AGENT_CAA_OPEN);
    assert_int_equal(agent_caa_look(r, "other.test", &none, a, &text), AGENT_CAA_UNKNOWN);
    net_resolver_free(r);
    base_arena_free(a);
}

static void providers(void **state)
{
    static const char *const yes[] = {"126.com", "gmail.com", "outlook.com", "gmx.de", "web.de", "yahoo.com",
                                      "icloud.com", "proton.me", "t-online.de", "zoho.com"};
    static const char *const no[] = {"example.test", "mail.gmail.com", "gmail.co", "", "Gmail.com", "zzz.test"};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!policy_public_provider(yes[i])) {
            fail_msg("%s", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (policy_public_provider(no[i])) {
            fail_msg("%s", no[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(caa), cmocka_unit_test(providers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
