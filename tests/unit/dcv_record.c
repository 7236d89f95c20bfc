/* Which record shows control: names, values, the delegated place, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dcv/dns.h"

static struct base_arena *a;
static struct dcv_record r;
static struct base_fail f;

static struct policy_dns section(void)
{
    return (struct policy_dns){.id = "s", .zone = "example.org", .label = "_dnsauth", .ttl = 60,
                               .server = "192.0.2.1"};
}

static void txt(void **state)
{
    struct policy_dns d = section();

    (void)state;
    assert_int_equal(dcv_record(a, &d, "a.example.org", POLICY_METHOD_DNS_TXT, "tok", NULL, &r, &f), BASE_OK);
    assert_string_equal(r.rr.name, "_dnsauth.a.example.org");
    assert_string_equal(r.rr.value, "tok");
    assert_string_equal(r.zone, "example.org");
    assert_null(r.alias);
    assert_int_equal(r.rr.type, NET_DNS_TXT);
    assert_int_equal(r.rr.ttl, 60);
    d.label = "";
    assert_int_equal(dcv_record(a, &d, "example.org", POLICY_METHOD_DNS_TXT, "tok", NULL, &r, &f), BASE_OK);
    assert_string_equal(r.rr.name, "example.org");
    assert_int_equal(dcv_record(a, &d, "example.org", POLICY_METHOD_DNS_CNAME, "tok", "v.test", &r, &f),
                     BASE_PERMANENT);
}

static void cname(void **state)
{
    struct policy_dns d = section();

    (void)state;
    assert_int_equal(dcv_record(a, &d, "example.org", POLICY_METHOD_DNS_CNAME, "tok", "dcv.ca.test", &r, &f),
                     BASE_OK);
    assert_string_equal(r.rr.name, "_dnsauth.example.org");
    assert_string_equal(r.rr.value, "tok.dcv.ca.test");
    assert_int_equal(r.rr.type, NET_DNS_CNAME);
}

static void delegated(void **state)
{
    struct policy_dns d = section();
    char first[300];

    (void)state;
    d.validation_zone = "validation.example.net";
    assert_int_equal(dcv_record(a, &d, "customer.test", POLICY_METHOD_DNS_TXT, NULL, NULL, &r, &f), BASE_OK);
    assert_string_equal(r.alias, "_dnsauth.customer.test");
    assert_string_equal(r.zone, "validation.example.net");
    assert_string_equal(r.rr.value, "");
    snprintf(first, sizeof first, "%s", r.rr.name);
    assert_string_equal(strchr(first, '.'), ".validation.example.net");
    /* the same for ever, another one for another domain */
    assert_int_equal(dcv_record(a, &d, "customer.test", POLICY_METHOD_DNS_TXT, "t", NULL, &r, &f), BASE_OK);
    assert_string_equal(r.rr.name, first);
    assert_int_equal(dcv_record(a, &d, "customes.test", POLICY_METHOD_DNS_TXT, "t", NULL, &r, &f), BASE_OK);
    assert_string_not_equal(r.rr.name, first);
    assert_int_equal(dcv_record(a, &d, "customer.test", POLICY_METHOD_DNS_CNAME, "t", "v.test", &r, &f),
                     BASE_PERMANENT);
}

static void limits(void **state)
{
    struct policy_dns d = section();
    char name[256];

    (void)state;
    for (size_t i = 0; i < sizeof name - 1; i++) {
        name[i] = i % 50 == 49 ? '.' : 'a';
    }
    name[250] = '\0';
    assert_int_equal(dcv_record(a, &d, name, POLICY_METHOD_DNS_TXT, "t", NULL, &r, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "dcv.record");
    assert_int_equal(dcv_record(a, NULL, "example.org", POLICY_METHOD_DNS_TXT, "t", NULL, &r, &f),
                     BASE_PERMANENT);
    assert_int_equal(dcv_record(a, &d, "example.org", POLICY_METHOD_EMAIL, "t", NULL, &r, &f), BASE_PERMANENT);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(txt), cmocka_unit_test(cname),
                                       cmocka_unit_test(delegated), cmocka_unit_test(limits)};

    return cmocka_run_group_tests(tests, begin, end);
}
