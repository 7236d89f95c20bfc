/* From text and links of a mail to its kind and values, with the shipped profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/config.h"
#include "policy/recognise.h"

#define T1 "abcdefghijklmnopqrstuvwxyz012345"
#define T2 "00000000000000000000000000000000"
#define DCV "https://validation.rehearsal-ca.test:8443/dcv/" T1
#define BOX "https://validation.rehearsal-ca.test/mailbox/" T1 "?email=alice@example.test"
#define REFS "Reference data\nDomain: example.test\nOrder: 160000123\nSupport ID: S-AB12CD34\n"
#define DCV_FROM "no-reply@rehearsal-ca.test"
#define CERT_FROM "certificates@rehearsal-ca.test"

static struct base_arena *a;
static struct policy_profile *rehearsal, *digicert;

static struct policy_profile *load(const char *path)
{
    struct policy_profile *p;
    struct policy_config_errors errs;
    struct base_fail f = {0};

    if (policy_profile_load(a, path, &p, &errs, &f) != BASE_OK) {
        fail_msg("%s", f.text);
    }
    policy_config_errors_free(&errs);
    return p;
}

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    rehearsal = load("etc/profiles/rehearsal.conf");
    digicert = load("etc/profiles/digicert.conf");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

struct mail {
    const char *from, *subject, *text, *html, *links[3];
    size_t certificates;
};

static struct policy_facts *look(const struct policy_profile *p, struct mail m)
{
    struct policy_facts *f = base_arena_alloc(a, sizeof *f);
    struct policy_material mat = {
        .text = m.text, .html_text = m.html, .ncertificates = m.certificates};

    mat.links = base_arena_array(a, 3, sizeof *mat.links);
    for (; mat.nlinks < 3 && m.links[mat.nlinks] != NULL; mat.nlinks++) {
        mat.links[mat.nlinks].url = m.links[mat.nlinks];
        mat.links[mat.nlinks].where = "text";
    }
    f->from = base_arena_array(a, 1, sizeof *f->from);
    f->from[0] = m.from;
    f->nfrom = 1;
    f->from_fields = 1;
    f->subject = m.subject;
    policy_recognise(a, p, &mat, f);
    return f;
}

static void domain_validation(void **state)
{
    const struct policy_facts *f = look(
        rehearsal, (struct mail){DCV_FROM,
                                 "Please validate ownership of your domain example.test (160000123)",
                                 "Somebody asked.\n" DCV "\n\n" REFS, NULL, {DCV}, 0});

    (void)state;
    assert_string_equal(f->profile, "rehearsal");
    assert_int_equal(f->kind, POLICY_KIND_DOMAIN_VALIDATION);
    assert_string_equal(f->kind_by, "link");
    assert_false(f->kind_conflict || f->domain_conflict || f->id_conflict);
    assert_string_equal(f->domain, "example.test");
    assert_string_equal(policy_facts_id(f, "order"), "160000123");
    assert_string_equal(policy_facts_id(f, "support"), "S-AB12CD34");
    assert_string_equal(policy_facts_link(f)->token, T1);
}

static void mailbox_validation(void **state)
{
    const struct policy_facts *f =
        look(rehearsal, (struct mail){DCV_FROM, "Confirm your address for a certificate",
                                      "Mailbox: alice@example.test\nOrder: 7\n",
                                      "Mailbox: Alice@Example.test\n", {BOX, BOX}, 0});

    (void)state;
    assert_int_equal(f->kind, POLICY_KIND_MAILBOX_VALIDATION);
    assert_string_equal(f->mailbox, "alice@example.test");
    assert_false(f->mailbox_conflict || f->kind_conflict);
    assert_string_equal(policy_facts_link(f)->mailbox, "alice@example.test");
    f = look(rehearsal, (struct mail){DCV_FROM, "x", "Mailbox: bob@example.test\n", NULL, {BOX}, 0});
    assert_true(f->mailbox_conflict);
}

/* What an applicant typed into another line, or before the CA's own words, is nothing. */
static void typed_text_is_nothing(void **state)
{
    const struct policy_facts *f = look(
        rehearsal,
        (struct mail){DCV_FROM, "x",
                      "Evil Ltd. Order: 999 asked for Domain: evil.test today\n" DCV "\n" REFS,
                      "<Order: 998>\nxDomain: evil.test\n" REFS, {DCV}, 0});

    (void)state;
    assert_string_equal(f->domain, "example.test");
    assert_int_equal(f->nids, 2);
    assert_false(f->domain_conflict || f->id_conflict);
}

/* A name with line ends in it can look like the CA's own lines; where the CA
 * itself shows no id there is nothing to contradict it. */
static void typed_lines_bind_nothing(void **state)
{
    static const char *const texts[] = {
        "Evil\nOrder: 999\nLtd. asks\n\n" DCV "\n\nReference data\nDomain: example.test\n",
        "Evil\n\nOrder: 999\n\nLtd.\n\nReference data\nDomain: example.test\n",
        "Evil\nReference data\nDomain: example.test\nOrder: 999\n\nReference data\n"
        "Domain: example.test\n",
        "Evil\n \t\nDomain: example.test\nOrder: 999\n\xc2\xa0\nDomain: example.test\nSupport ID: S-1\n",
    };
    const struct policy_facts *f;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        f = look(rehearsal, (struct mail){DCV_FROM, "x", texts[i], NULL, {DCV}, 0});
        assert_true(f->id_conflict);
        assert_string_equal(f->domain, "example.test");
    }
    /* HTML folds line ends: there the typed line is none */
    f = look(rehearsal, (struct mail){DCV_FROM, "x", "Evil\nDomain: example.test\nOrder: 999\n",
                                      "Evil Domain: example.test Order: 999\nDomain: example.test\n",
                                      {DCV}, 0});
    assert_true(f->id_conflict);
    f = look(rehearsal, (struct mail){DCV_FROM, "x", "Hello\n\n" REFS "\nBye\n", REFS, {DCV}, 0});
    assert_false(f->id_conflict);
    f = look(rehearsal, (struct mail){DCV_FROM, "x", "Hello\n", REFS, {DCV}, 0});
    assert_false(f->id_conflict);
    assert_int_equal(f->nids, 2);
}

static void conflicts(void **state)
{
    const struct policy_facts *f;

    (void)state;
    f = look(rehearsal,
             (struct mail){DCV_FROM, "x", REFS, "Domain: evil.test\n", {DCV}, 0});
    assert_true(f->domain_conflict);
    f = look(rehearsal, (struct mail){DCV_FROM, "x", REFS "Order: 999\n", NULL, {DCV}, 0});
    assert_true(f->id_conflict);
    f = look(rehearsal,
             (struct mail){DCV_FROM, "Please validate ownership of your domain evil.test (1)", REFS,
                           NULL, {DCV}, 0});
    assert_true(f->domain_conflict);
    f = look(rehearsal, (struct mail){DCV_FROM, "x", REFS, NULL,
                                      {DCV, "https://validation.rehearsal-ca.test:8443/dcv/" T2}, 0});
    assert_true(f->kind_conflict);
    assert_null(policy_facts_link(f));
    f = look(rehearsal, (struct mail){DCV_FROM, "x", REFS, NULL, {DCV, BOX}, 0});
    assert_true(f->kind_conflict);
    f = look(rehearsal, (struct mail){DCV_FROM, "x", REFS, NULL, {DCV}, 1});
    assert_true(f->kind_conflict);
    assert_int_equal(f->kind, POLICY_KIND_DOMAIN_VALIDATION);
}

/* More ids than are kept: what was left out could be another. */
static void too_many_ids(void **state)
{
    char *text = base_arena_strdup(a, "");
    const struct policy_facts *f;

    (void)state;
    for (int i = 0; i < 100; i++) {
        text = base_arena_printf(a, "%sOrder: %d\n", text, i);
    }
    f = look(rehearsal, (struct mail){DCV_FROM, "x", text, NULL, {DCV}, 0});
    assert_int_equal(f->nids, POLICY_FACTS_IDS);
    assert_true(f->id_conflict);
}

static void spaces_in_lines(void **state)
{
    const struct policy_facts *f =
        look(rehearsal, (struct mail){DCV_FROM, "x",
                                      "  Domain:\t\xc2\xa0 example.test \r\n\xe3\x80\x80Order: 5\n"
                                      "Support\nID: S-1\n", NULL, {DCV}, 0});

    (void)state;
    assert_string_equal(f->domain, "example.test");
    assert_string_equal(policy_facts_id(f, "order"), "5");
    assert_null(policy_facts_id(f, "support"));
}

static void certificate_issued(void **state)
{
    const struct policy_facts *f =
        look(rehearsal, (struct mail){CERT_FROM, "whatever a customer wrote",
                                      "Mailbox: alice@example.test\nOrder: 5\nCertificate ID: 6\n",
                                      NULL, {NULL}, 2});

    (void)state;
    assert_int_equal(f->kind, POLICY_KIND_CERTIFICATE_ISSUED);
    assert_string_equal(f->kind_by, "certificate");
    assert_string_equal(policy_facts_id(f, "certificate"), "6");
    f = look(rehearsal, (struct mail){CERT_FROM, "Ihr Zertifikat f\xc3\xbcr a@example.test ist fertig (5)",
                                      "Mailbox: a@example.test\n", NULL, {NULL}, 0});
    assert_int_equal(f->kind, POLICY_KIND_CERTIFICATE_ISSUED);
    assert_string_equal(f->kind_by, "subject");
}

static void kinds_by_subject(void **state)
{
    static const struct {
        const char *from, *subject;
        enum policy_kind kind;
    } t[] = {
        {DCV_FROM, "Create your certificate", POLICY_KIND_CSR_INVITATION},
        {DCV_FROM, "Consent of your organization is needed", POLICY_KIND_ORGANIZATION_CONSENT},
        {DCV_FROM, "An order waits for your approval (3)", POLICY_KIND_ORDER_APPROVAL},
        {CERT_FROM, "Your certificate expires soon (3)", POLICY_KIND_RENEWAL_NOTICE},
        {CERT_FROM, "\xe6\x82\xa8\xe7\x9a\x84\xe8\xaf\x81\xe4\xb9\xa6\xe5\x8d\xb3\xe5\xb0\x86"
                    "\xe5\x88\xb0\xe6\x9c\x9f", POLICY_KIND_RENEWAL_NOTICE},
        {CERT_FROM, "News about your account", POLICY_KIND_OTHER},
        /* the subject is a hint only for the addresses of that kind */
        {CERT_FROM, "An order waits for your approval", POLICY_KIND_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const struct policy_facts *f =
            look(rehearsal, (struct mail){t[i].from, t[i].subject, "", NULL, {NULL}, 0});
        if (f->kind != t[i].kind) {
            fail_msg("%s: %s", t[i].subject, policy_kind_name(f->kind));
        }
    }
}

static void other_senders(void **state)
{
    const struct policy_facts *f =
        look(rehearsal, (struct mail){"x@evil.test", "x", REFS, NULL, {DCV}, 0});

    (void)state;
    assert_null(f->profile);
    assert_int_equal(f->nlinks, 0);
    f = look(rehearsal, (struct mail){"x@notrehearsal-ca.test", "x", REFS, NULL, {DCV}, 0});
    assert_null(f->profile);
    f = look(rehearsal, (struct mail){"x@mail.rehearsal-ca.test", "x", REFS, NULL, {DCV}, 0});
    assert_string_equal(f->profile, "rehearsal");
}

static void deny_goes_first(void **state)
{
    const struct policy_facts *f = look(
        rehearsal,
        (struct mail){DCV_FROM, "Create your certificate", "", NULL,
                      {"https://validation.rehearsal-ca.test:8443/create/" T1,
                       "https://validation.rehearsal-ca.test/create/x?y=z",
                       "https://evil.test/create/x"}, 0});

    (void)state;
    assert_int_equal(f->links[0].state, POLICY_LINK_DENIED);
    assert_int_equal(f->links[1].state, POLICY_LINK_DENIED);
    assert_int_equal(f->links[2].state, POLICY_LINK_OTHER);
}

/* DigiCert as far as it is public: kinds are told, domain mails have no template. */
static void digicert_mails(void **state)
{
    static const char *const subjects[] = {
        "Please validate ownership of your domain example.test",
        "Please validate ownership of your domain: example.test",
        "[Action Required] Approve Certificate Request for example.test 123456",
        "[Aktion erforderlich] Zertifikatsantrag genehmigen f\xc3\xbcr example.test 123",
    };
    const struct policy_facts *f;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        f = look(digicert, (struct mail){"no-reply@digitalcertvalidation.com", subjects[i],
                                         "Support ID: 99\n", NULL,
                                         {"https://www.digicert.com/link/x.php?token=1"}, 0});
        assert_int_equal(f->kind, POLICY_KIND_DOMAIN_VALIDATION);
        assert_string_equal(f->domain, "example.test");
        assert_null(policy_facts_link(f));
        assert_null(policy_facts_id(f, "order"));
    }
    /* a language that nobody knows the subject of: the sender tells */
    f = look(digicert, (struct mail){"no-reply@digitalcertvalidation.com", "\xed\x99\x95\xec\x9d\xb8",
                                     "", NULL, {NULL}, 0});
    assert_int_equal(f->kind, POLICY_KIND_DOMAIN_VALIDATION);
    assert_string_equal(f->kind_by, "sender");
    f = look(digicert,
             (struct mail){"admin@digicert.com", "Email Validation for DigiCert Premium Certificate",
                           "Hello", NULL,
                           {"https://www.digicert.com/secure/public/validation/" T1
                            "?email=jane%40example.test",
                            "https://www.digicert.com/link/hsm-approval.php?token=abc"}, 0});
    assert_int_equal(f->kind, POLICY_KIND_MAILBOX_VALIDATION);
    assert_string_equal(f->mailbox, "jane@example.test");
    assert_int_equal(f->links[1].state, POLICY_LINK_DENIED);
    assert_false(policy_profile_kind(digicert, f->kind)->verified);
    f = look(digicert, (struct mail){"admin@digicert.com", "Create Your DigiCert Premium Certificate",
                                     "", NULL, {NULL}, 0});
    assert_int_equal(f->kind, POLICY_KIND_CSR_INVITATION);
    f = look(digicert, (struct mail){"anything@digicert.com", "x", "", NULL, {NULL}, 1});
    assert_int_equal(f->kind, POLICY_KIND_CERTIFICATE_ISSUED);
}

/* Nothing that isn't seen on a real account calls itself verified. */
static void digicert_is_honest(void **state)
{
    (void)state;
    for (size_t i = 0; i < digicert->nkinds; i++) {
        assert_false(digicert->kinds[i].verified);
    }
    assert_int_equal(policy_profile_kind(digicert, POLICY_KIND_DOMAIN_VALIDATION)->links.n, 0);
    assert_false(digicert->rehearsal);
}

/* ---- pages ----------------------------------------------------------------------- */

static struct policy_page page_of(const char *text)
{
    struct policy_page p = {.text = text};

    policy_recognise_page(a, policy_profile_kind(rehearsal, POLICY_KIND_DOMAIN_VALIDATION), &p);
    return p;
}

static void pages(void **state)
{
    struct policy_page p = page_of("Validate a domain\nDomain: example.test\nOrganization: Ours\n"
                                   "Order: 160000123\nSupport ID: S-1\nOnly\n  this request\n");

    (void)state;
    assert_int_equal(p.state, POLICY_PAGE_PENDING);
    assert_string_equal(p.domain, "example.test");
    assert_int_equal(p.nids, 2);
    assert_int_equal(page_of("This link has expired.").state, POLICY_PAGE_EXPIRED);
    assert_int_equal(page_of("Thank you. The validation is complete.\nDomain: a.test").state,
                     POLICY_PAGE_SUCCESS);
    assert_int_equal(page_of("Diesem Antrag wurde bereits zugestimmt.").state, POLICY_PAGE_DONE);
    assert_int_equal(page_of("Hello").state, POLICY_PAGE_UNKNOWN);
    assert_int_equal(page_of("").state, POLICY_PAGE_UNKNOWN);
    assert_int_equal(page_of(NULL).state, POLICY_PAGE_UNKNOWN);
    /* a page that says two things waits for nothing */
    assert_int_equal(page_of("Only this request\nThis link has expired.").state, POLICY_PAGE_EXPIRED);
    p = (struct policy_page){.text = "Only this request", .captcha = true};
    policy_recognise_page(a, policy_profile_kind(rehearsal, POLICY_KIND_DOMAIN_VALIDATION), &p);
    assert_int_equal(p.state, POLICY_PAGE_REFUSED);
    p = page_of("Domain: a.test\nDomain: b.test\nOrder: 1\nOrder: 2\n");
    assert_true(p.domain_conflict && p.id_conflict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domain_validation), cmocka_unit_test(mailbox_validation),
        cmocka_unit_test(typed_text_is_nothing), cmocka_unit_test(typed_lines_bind_nothing),
        cmocka_unit_test(conflicts),
        cmocka_unit_test(too_many_ids), cmocka_unit_test(spaces_in_lines),
        cmocka_unit_test(certificate_issued), cmocka_unit_test(kinds_by_subject),
        cmocka_unit_test(other_senders), cmocka_unit_test(deny_goes_first),
        cmocka_unit_test(digicert_mails), cmocka_unit_test(digicert_is_honest),
        cmocka_unit_test(pages),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
