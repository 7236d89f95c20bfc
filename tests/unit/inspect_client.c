/* tests/unit/inspect_client.c - the client and the program together: every sample
 * mail's facts come back whole, pages and certificates too, failures as failures.
 * The program is executed for each; inspect_spawner.c does the same by its spawner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "inspect_fixture.h"

static void test_all_mails(void **state)
{
    (void)state;
    fixture_all_mails();
}

static void test_certificates_in_facts(void **state)
{
    struct policy_facts *f;
    struct cert_fields c;
    int asked = 0;

    (void)state;
    assert_int_equal(read_mail("issued-zip", &f, &asked), BASE_OK);
    assert_int_equal(json_array_size(f->certificates), 3);
    assert_int_equal(cert_fields_from_json(a, json_array_get(f->certificates, 0), &c, NULL),
                     BASE_OK);
    assert_string_equal(c.mailboxes[0].address, "alice@example.test");
    json_decref(f->certificates);
}

static void test_page(void **state)
{
    static const char html[] = "<p>Approve this domain</p><p>Domain: example.test</p>"
                               "<form method=post action=/a><input type=hidden name=t value=v>"
                               "<button name=action value=approve>ok</button></form>";
    struct base_bytes body = {(const unsigned char *)html, sizeof(html) - 1};
    struct policy_profile *p;
    struct policy_page *page;

    (void)state;
    assert_int_equal(policy_profile_from_json(a, json_array_get(profiles, 0), &p, NULL), BASE_OK);
    assert_int_equal(inspect_page(a, program, p, POLICY_KIND_DOMAIN_VALIDATION, body,
                                  "https://dcv.synthetic.example/a", &page, NULL),
                     BASE_OK);
    assert_int_equal(page->state, POLICY_PAGE_PENDING);
    assert_string_equal(page->domain, "example.test");
    assert_string_equal(page->forms[0].fields[0].value, "v");
    assert_string_equal(page->forms[0].buttons[0].value, "approve");
}

static void test_certificates(void **state)
{
    struct base_buf roots, leaf, inter;
    struct inspect_certificates c;
    struct base_fail f;

    (void)state;
    base_file_read(AT_FDCWD, "tests/data/certs/root.pem", 65536, &roots, NULL);
    base_file_read(AT_FDCWD, "tests/data/certs/alice.pem", 65536, &leaf, NULL);
    base_file_read(AT_FDCWD, "tests/data/certs/intermediate.pem", 65536, &inter, NULL);
    base_buf_add(&leaf, inter.p, inter.n);
    assert_int_equal(inspect_certificates(a, program, base_buf_bytes(&leaf), base_buf_bytes(&roots),
                                          NULL, NOW, &c, NULL),
                     BASE_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.leaf, 0);
    assert_true(c.chain.ok);
    assert_int_equal(c.chain.n, 3);
    assert_int_equal(c.chain.issuer.bits, 2048);
    assert_true(c.chain.issuer.rsa_exponent_ok);
    assert_int_equal(inspect_certificates(a, program,
                                          (struct base_bytes){(const unsigned char *)"x", 1},
                                          base_buf_bytes(&roots), NULL, NOW, &c, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "inspect.refused");
    base_buf_free(&roots);
    base_buf_free(&leaf);
    base_buf_free(&inter);
}

static void test_no_program(void **state)
{
    struct inspect_mail_options o = {.program = "/nonexistent/certinspect", .profiles = profiles};
    struct policy_facts *facts;
    struct base_fail f;

    (void)state;
    assert_int_not_equal(inspect_mail(a, &o, (struct base_bytes){NULL, 0}, &facts, &f), BASE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_mails),  cmocka_unit_test(test_certificates_in_facts),
        cmocka_unit_test(test_page),       cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_no_program),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
