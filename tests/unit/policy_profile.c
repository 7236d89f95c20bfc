/* CA profiles: what is shipped loads; each rule that makes a profile safe is
 * asked for alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/config.h"

#define HEAD                                                                                       \
    "id = x\nfrom_domains = { 'ca.test' }\nkind \"domain-validation\" {\n  from = { "              \
    "'a@ca.test' }\n  signers = { 'ca.test' }\n"
#define FORM                                                                                       \
    HEAD "  action = form\n  verified = yes\n"                                                     \
         "  links = { 'https://www.ca.test/{token:32:a-z}' }\n"                                    \
         "  page_pending = { 'x' }\n"
#define NAMED "  page_places = { 'page:Domain: {domain}' }\n"

static struct base_arena *a;
static char path[] = "/tmp/policy_profile_XXXXXX";

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    assert_true(mkstemp(path) >= 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove(path);
    base_arena_free(a);
    return 0;
}

static struct policy_profile *load(const char *text, struct policy_config_errors *e)
{
    struct policy_profile *p;
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    policy_profile_load(a, path, &p, e, NULL);
    return p;
}

static void shipped(void **state)
{
    static const char *const files[] = {"etc/profiles/digicert.conf", "etc/profiles/rehearsal.conf"};
    static const size_t kinds[] = {7, 7};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct policy_profile *p;
        struct policy_config_errors e;
        struct base_fail f = {0};
        if (policy_profile_load(a, files[i], &p, &e, &f) != BASE_OK) {
            fail_msg("%s", f.text);
        }
        assert_int_equal(p->nkinds, kinds[i]);
        assert_string_equal(p->driver, "certcentral");
        policy_config_errors_free(&e);
    }
}

static void every_value(void **state)
{
    struct policy_config_errors e;
    struct policy_profile *p =
        load("id = 'my-ca' title = 'My CA' driver = certcentral rehearsal = yes\n"
             "senders = { 'Mail.CA.test' } from_domains = { 'CA.test', 'b\xc3\xbc.test' }\n"
             "dkim = { 's1._domainkey.ca.test' } caa = { 'ca.test' } min_key_bits = 2048\n"
             "kind 'mailbox-validation' { verified = on action = form from = { 'A.B@CA.test' }\n"
             "  signers = { 'CA.test' } subjects = { 'Hi {any}' }\n"
             "  links = { 'https://www.ca.test:{port}/m/{token:8:a-z}?e={mailbox}' }\n"
             "  deny = { 'https://www.ca.test/no/{any}' } places = { 'text:Order: {order}' }\n"
             "  page_places = { 'page:Mailbox: {mailbox}', 'page:Order: {order}' }\n"
             "  button = 'ok=' choices = { 'a=b', 'c=' } page_pending = { 'p' } page_success = { 's' }\n"
             "  page_done = { 'd' } page_expired = { 'e' } page_refused = { 'r' }\n"
             "  bind_on_page = yes bind_by_resend = true lifetime = 2h settle = 90s }\n",
             &e);

    (void)state;
    if (p == NULL) {
        fail_msg("%s: %s", e.v[0].where, e.v[0].text);
    }
    const struct policy_kind_rules *k = policy_profile_kind(p, POLICY_KIND_MAILBOX_VALIDATION);
    assert_non_null(k);
    assert_true(p->rehearsal && p->min_key_bits == 2048 && k->verified && k->bind_on_page &&
                k->bind_by_resend && k->lifetime == 7200 && k->settle == 90);
    assert_int_equal(k->action, POLICY_ACT_FORM);
    assert_string_equal(p->from_domains.v[1], "xn--b-eha.test");
    assert_string_equal(p->senders.v[0], "mail.ca.test");
    assert_string_equal(k->from.v[0], "a.b@ca.test");
    assert_string_equal(k->signers.v[0], "ca.test");
    assert_true(k->choices.n == 2 && k->page_refused.n == 1 && k->deny.n == 1);
    assert_null(policy_profile_kind(p, POLICY_KIND_DOMAIN_VALIDATION));
    assert_true(policy_profile_from(p, "x@sub.CA.test") && !policy_profile_from(p, "x@xca.test"));
    assert_true(policy_profile_signer(p, "ca.TEST") && !policy_profile_signer(p, "sub.ca.test"));
    policy_config_errors_free(&e);
}

static void defaults(void **state)
{
    struct policy_config_errors e;
    struct policy_profile *p = load(HEAD "}\n", &e);

    (void)state;
    assert_non_null(p);
    assert_true(!p->rehearsal && p->driver == NULL && p->min_key_bits == 1024);
    assert_string_equal(p->senders.v[0], "ca.test");
    const struct policy_kind_rules *k = &p->kinds[0];
    assert_true(!k->verified && k->action == POLICY_ACT_HUMAN && k->lifetime == 30 * 86400 &&
                k->settle == 600 && !k->bind_by_resend && !k->bind_on_page);
    policy_config_errors_free(&e);
}

static void each_rule_alone(void **state)
{
    static const struct {
        const char *text, *says; /* NULL: fine */
    } t[] = {
        {FORM NAMED "}", NULL},
        {HEAD "  action = form\n}", NULL}, /* unknown links, not verified */
        {HEAD "  action = form\n  verified = yes\n}", "verified needs links"},
        {FORM "}", "needs page_places with {domain}"},
        {HEAD "  action = form\n links = { 'https://www.ca.test/{token:3:a-z}' }\n" NAMED "}",
         "needs page_pending"},
        {FORM NAMED "  bind_on_page = yes\n}", "bind_on_page: needs"},
        {FORM NAMED "  lifetime = 31d\n}", "lifetime"},
        {FORM NAMED "  settle = 0s\n}", "settle"},
        {FORM NAMED "  deny = { 'https://www.ca.test/x#y' }\n}", "fragment"},
        {FORM NAMED "  places = { 'page:Order: {order}' }\n}", "starts with"},
        {FORM NAMED "  places = { 'text:{order}{any}' }\n}", "text between them"},
        {FORM NAMED "  subjects = { '{nothing}' }\n}", "placeholders"},
        {FORM NAMED "  choices = { 'scope' }\n}", "NAME=VALUE"},
        {FORM NAMED "  button = 'go'\n}", "NAME=VALUE"},
        {FORM NAMED "  action = get\n}", "a second time"},
        {FORM NAMED "}\nkind \"domain-validation\" {}", "a second time"},
        {HEAD "}\nkind 'order-approval' { from = { '@ca.test' } signers = { 'ca.test' } }", NULL},
        {HEAD "}\nkind 'order-approval' { action = form from = { 'a@ca.test' } signers = { 'ca.test' } }",
         "never answered"},
        {HEAD "}\nkind 'other' { from = { '@else.test' } signers = { 'ca.test' } }",
         "none of the profile's from_domains"},
        {HEAD "}\nkind 'mailbox-validation' { action = get from = { '@ca.test' } signers = { 'ca.test' } }",
         "exact addresses"},
        {HEAD "}\nkind 'certificate-issued' { action = get from = { 'a@ca.test' } signers = { 'ca.test' } }",
         "expected collect"},
        {HEAD "  action = get\n  bind_on_page = yes\n" NAMED "}", "no page before"},
        {HEAD "}\nkind 'nonsense' {}", "expected one of domain-validation"},
        {"from_domains = { 'ca.test' }", "id: expected"},
        {"id = 'a b'\nfrom_domains = { 'ca.test' }", "id: expected"},
        {"id = x", "from_domains: expected"},
        {"id = x\nfrom_domains = { 'co.uk' }", "expected a domain"},
        {"id = x\nfrom_domains = { 'ca.test' }\nmin_key_bits = 1023", "from 1024"},
        {"id = x\nfrom_domains = { 'ca.test' }\ndkim = { '._domainkey.ca.test' }", "dkim: expected"},
        {"", "id: expected"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct policy_config_errors e;
        struct policy_profile *p = load(t[i].text, &e);
        bool found = t[i].says == NULL && e.n == 0;
        for (size_t j = 0; j < e.n && t[i].says != NULL; j++) {
            found = found || strstr(e.v[j].text, t[i].says) != NULL;
        }
        if (!found || (p != NULL) != (t[i].says == NULL)) {
            fail_msg("%s\n-> %zu errors, first: %s", t[i].text, e.n, e.n > 0 ? e.v[0].text : "none");
        }
        policy_config_errors_free(&e);
    }
}

static void absent(void **state)
{
    struct policy_profile *p;
    struct policy_config_errors e;
    struct base_fail f = {0};

    (void)state;
    assert_int_equal(policy_profile_load(a, "/nonexistent/x.conf", &p, &e, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "config.errors");
    assert_int_equal(e.n, 1);
    policy_config_errors_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped),  cmocka_unit_test(every_value),
        cmocka_unit_test(defaults), cmocka_unit_test(each_rule_alone),
        cmocka_unit_test(absent),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
