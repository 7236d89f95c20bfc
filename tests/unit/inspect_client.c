/* tests/unit/inspect_client.c - the client and the program together: every sample
 * mail's facts come back whole, pages and certificates too, failures as failures.
 *
 * The program is looked for beside this test's build directory; the samples in
 * tests/data below the current directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "inspect/client.h"

#define NOW 1795356060
#define MAILS "tests/data/mails/"

static struct base_arena *a;
static char program[4096];
static json_t *profiles;

static json_t *read_json(const char *path)
{
    struct base_buf b;

    assert_int_equal(base_file_read(AT_FDCWD, path, 4 * 1024 * 1024, &b, NULL), BASE_OK);
    json_t *v = base_json_parse(b.p, b.n, b.n, NULL);

    base_buf_free(&b);
    assert_non_null(v);
    return v;
}

static int setup(void **state)
{
    static const char *const names[] = {"digicert-shape", "sectigo-shape", "aws-shape",
                                        "harica-shape", "acme-shape"};
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 64);

    (void)state;
    assert_true(n > 0);
    program[n] = '\0';
    *strrchr(program, '/') = '\0'; /* the test, then its directory */
    strcpy(strrchr(program, '/'), "/libexec/certmilter/certinspect");
    a = base_arena_new();
    profiles = json_array();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_array_append_new(
            profiles, read_json(base_arena_printf(a, "tests/data/profiles/%s.json", names[i])));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(profiles);
    base_arena_free(a);
    return 0;
}

/* The record of SELECTOR in dns.zone: its quoted pieces joined. */
static enum inspect_key_status key(void *ctx, struct base_arena *arena, const char *domain,
                                   const char *selector, const char **txt)
{
    struct base_buf b, out;
    const char *name = base_arena_printf(arena, "\n%s._domainkey.%s. ", selector, domain);
    enum inspect_key_status r = INSPECT_KEY_NONE;

    (*(int *)ctx)++;
    assert_int_equal(base_file_read(AT_FDCWD, "tests/data/dns.zone", 65536, &b, NULL), BASE_OK);
    base_buf_init(&out, 65536);
    const char *line = strstr(base_buf_str(&b), name);

    if (line != NULL) {
        bool inside = false;

        for (const char *p = line + 1; *p != '\n' && *p != '\0'; p++) {
            if (*p == '"') {
                inside = !inside;
            } else if (inside) {
                base_buf_add(&out, p, 1);
            }
        }
        *txt = base_arena_strdup(arena, base_buf_str(&out));
        r = INSPECT_KEY_RECORD;
    }
    base_buf_free(&out);
    base_buf_free(&b);
    return r;
}

static enum base_fail_class read_mail(const char *name, struct policy_facts **f, int *asked)
{
    struct base_buf b;
    struct inspect_mail_options o = {
        .program = program, .profiles = profiles, .key = key, .key_ctx = asked, .now = NOW};

    assert_int_equal(base_file_read(AT_FDCWD, base_arena_printf(a, MAILS "%s.eml", name),
                                    4 * 1024 * 1024, &b, NULL),
                     BASE_OK);
    enum base_fail_class r = inspect_mail(a, &o, base_buf_bytes(&b), f, NULL);

    base_buf_free(&b);
    return r;
}

/* Our JSON of the facts that came back equals what was recorded. */
static void test_all_mails(void **state)
{
    DIR *d = opendir(MAILS);
    struct dirent *e;
    int seen = 0, asked = 0;

    (void)state;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char *dot = strstr(e->d_name, ".eml");
        struct policy_facts *f;

        if (dot == NULL) {
            continue;
        }
        const char *name = base_arena_strndup(a, e->d_name, (size_t)(dot - e->d_name));

        assert_int_equal(read_mail(name, &f, &asked), BASE_OK);
        json_t *got = policy_facts_to_json(f);
        json_t *sample = read_json(base_arena_printf(a, MAILS "%s.json", name));
        json_t *want = json_object_get(sample, "facts");

        json_object_del(got, "certificates"); /* kept in a short form there */
        json_object_del(want, "certificates");
        if (!json_equal(got, want)) {
            fail_msg("%s: %s", name, json_dumps(got, 0));
        }
        json_decref(sample);
        json_decref(got);
        json_decref(f->certificates);
        seen++;
    }
    closedir(d);
    assert_true(seen >= 60);
    assert_true(asked > seen / 2);
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

    return cmocka_run_group_tests(tests, setup, teardown);
}
