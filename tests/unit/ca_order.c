/* The order form as CertCentral's JSON, member by member, and answers in the shapes that
 * public clients document (tests/data/ca). */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "ca/certcentral.h"

static struct base_arena *arena;
static const struct ca_account account = {.organization = 4711, .payment = "profile", .skip_approval = true};

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);

    if (j == NULL) {
        fail_msg("%s: %s", text, e.text);
    }
    return j;
}

/* The body of R is exactly EXPECTED. */
static void expect_body(const struct ca_order_request *r, const char *expected)
{
    json_t *is = cc_order_body(&account, r, arena), *should = parse(expected);

    if (!json_equal(is, should)) {
        char *text = base_json_text(is);
        fail_msg("%s\nis not\n%s", text, expected);
    }
    json_decref(is);
    json_decref(should);
}

#define REST "\"payment_method\":\"profile\",\"skip_approval\":true,\"dcv_method\":\"email\""

static void secure_email(void **state)
{
    struct ca_order_request r = {.product = "secure_email_mailbox", .mailbox = "a@b.test",
                                 .csr = "CSR", .profile_type = "strict", .validity_days = 90,
                                 .reference = "cm-1"};
    (void)state;
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\"],\"csr\":\"CSR\",\"signature_hash\":\"sha256\","
                    "\"profile_type\":\"strict\",\"common_name_indicator\":\"email_address\","
                    "\"usage_designation\":{\"primary_usage\":\"dual_use\"}},"
                    "\"order_validity\":{\"days\":90},\"comments\":\"cm-1\"," REST "}");
    r.product = "secure_email_sponsor";
    r.first_name = "Ada";
    r.last_name = "L";
    r.profile_type = "multipurpose";
    r.usage = CA_USAGE_SIGN;
    r.non_repudiation = r.client_auth = true;
    r.signature_hash = "sha512";
    r.csr = NULL;
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\"],\"signature_hash\":\"sha512\","
                    "\"profile_type\":\"multipurpose\",\"common_name_indicator\":\"given_name_surname\","
                    "\"individual\":{\"first_name\":\"Ada\",\"last_name\":\"L\"},"
                    "\"usage_designation\":{\"primary_usage\":\"signing\","
                    "\"additional_usages\":[\"non_repudiation\",\"client_auth\"]}},"
                    "\"subject\":{\"include_given_name_surname\":true},\"organization\":{\"id\":4711},"
                    "\"order_validity\":{\"days\":90},\"comments\":\"cm-1\"," REST "}");
}

static void names(void **state)
{
    static const struct {
        enum ca_common_name name;
        const char *first, *last, *pseudonym, *indicator;
    } t[] = {
        {CA_NAME_DEFAULT, NULL, NULL, NULL, "email_address"},
        {CA_NAME_DEFAULT, "A", "B", "P", "given_name_surname"},
        {CA_NAME_DEFAULT, NULL, NULL, "P", "pseudonym"},
        {CA_NAME_EMAIL, "A", "B", NULL, "email_address"},
        {CA_NAME_PSEUDONYM, "A", "B", "P", "pseudonym"},
        {CA_NAME_ORGANIZATION, NULL, NULL, NULL, "organization_name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct ca_order_request r = {.product = "secure_email_sponsor", .mailbox = "a@b.test",
                                     .common_name = t[i].name, .first_name = t[i].first,
                                     .last_name = t[i].last, .pseudonym = t[i].pseudonym,
                                     .validity_days = 1};
        json_t *j = cc_order_body(&account, &r, arena);
        const json_t *c = base_json_obj(j, "certificate");
        assert_string_equal(base_json_str(c, "common_name_indicator"), t[i].indicator);
        assert_null(json_object_get(c, "common_name"));
        assert_int_equal(base_json_obj(c, "individual") != NULL, t[i].first || t[i].pseudonym);
        assert_int_equal(base_json_bool(base_json_obj(j, "subject"), "include_pseudonym", false),
                         strcmp(t[i].indicator, "pseudonym") == 0);
        json_decref(j);
    }
}

static void older(void **state)
{
    struct ca_order_request r = {.product = "client_premium", .mailbox = "a@b.test", .csr = "CSR",
                                 .first_name = "Ada", .last_name = "L", .validity_years = 2,
                                 .validity_days = 730};
    (void)state;
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\"],\"csr\":\"CSR\",\"signature_hash\":\"sha256\","
                    "\"common_name\":\"Ada L\",\"common_name_indicator\":\"given_name_surname\","
                    "\"individual\":{\"first_name\":\"Ada\",\"last_name\":\"L\"}},"
                    "\"organization\":{\"id\":4711},\"order_validity\":{\"years\":2}," REST "}");
    r.pseudonym = "P";
    r.common_name = CA_NAME_PSEUDONYM;
    r.first_name = r.last_name = NULL;
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\"],\"csr\":\"CSR\",\"signature_hash\":\"sha256\","
                    "\"common_name\":\"P\",\"common_name_indicator\":\"pseudonym\","
                    "\"individual\":{\"pseudonym\":\"P\"}},"
                    "\"organization\":{\"id\":4711},\"order_validity\":{\"years\":2}," REST "}");
    r.product = "class1_smime"; /* its name is the first address, which must not be sent */
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\"],\"csr\":\"CSR\",\"signature_hash\":\"sha256\"},"
                    "\"order_validity\":{\"years\":2}," REST "}");
}

static void extras(void **state)
{
    const char *boxes[] = {"a@b.test", "c@b.test"}, *more[] = {"x@y.test"};
    json_t *custom = parse("{\"11\":\"4711\",\"cc\":\"x\"}");
    struct ca_order_request r = {.product = "secure_email_mailbox", .mailbox = "a@b.test",
                                 .addresses = {boxes, 2}, .csr = "CSR", .profile_type = "strict",
                                 .validity_until = "2027-12-31", .auto_renew = 3, .emails = {more, 1},
                                 .comments = "room 7", .custom_fields = custom, .container = 5,
                                 .organization = 9, .payment = "card", .locale = "de",
                                 .reference = "cm-1", .renewal_of = "77"};
    (void)state;
    expect_body(&r, "{\"certificate\":{\"emails\":[\"a@b.test\",\"c@b.test\"],\"csr\":\"CSR\","
                    "\"signature_hash\":\"sha256\",\"profile_type\":\"strict\","
                    "\"common_name_indicator\":\"email_address\","
                    "\"usage_designation\":{\"primary_usage\":\"dual_use\"}},"
                    "\"order_validity\":{\"custom_expiration_date\":\"2027-12-31\"},"
                    "\"payment_method\":\"card\",\"skip_approval\":true,\"dcv_method\":\"email\","
                    "\"comments\":\"cm-1 room 7\",\"auto_renew\":3,\"additional_emails\":[\"x@y.test\"],"
                    "\"custom_fields\":[{\"metadata_id\":11,\"value\":\"4711\"},"
                    "{\"metadata_id\":\"cc\",\"value\":\"x\"}],\"container\":{\"id\":5},"
                    "\"locale\":\"de\",\"renewal_of_order_id\":77}");
    r.product = "secure_email_organization"; /* this one's, not the account's */
    json_t *j = cc_order_body(&account, &r, arena);
    assert_int_equal(base_json_int(base_json_obj(j, "organization"), "id", 0), 9);
    json_decref(j);
    json_decref(custom);
}

/* ---- answers ------------------------------------------------------------------------------ */

static json_t *answer(const char *name)
{
    char path[120];
    json_error_t e;
    snprintf(path, sizeof path, "tests/data/ca/%s.json", name);
    json_t *j = json_load_file(path, 0, &e);
    if (j == NULL) {
        fail_msg("%s:%d: %s", path, e.line, e.text);
    }
    return j;
}

static struct ca_order order_of(const char *name)
{
    struct ca_order o;
    json_t *j = answer(name);
    assert_true(cc_parse_order(arena, j, &o));
    json_decref(j);
    return o;
}

static void answers(void **state)
{
    (void)state;
    struct ca_order o = order_of("order_created");
    assert_string_equal(o.id, "700100");
    assert_string_equal(o.request, "800100");
    assert_null(o.certificate);
    o = order_of("order_created_issued");
    assert_string_equal(o.certificate, "900101");
    assert_non_null(strstr(o.chain, "AAAA"));
    assert_non_null(strstr(o.chain, "BBBB"));
    o = order_of("order_info_issued");
    assert_int_equal(o.status, CA_ISSUED);
    assert_int_equal(o.mailboxes.n, 2);
    assert_string_equal(o.mailboxes.v[1], "a.lovelace@example.test");
    assert_string_equal(o.product, "secure_email_sponsor");
    assert_string_equal(o.common_name, "Ada Lovelace");
    assert_string_equal(o.reference, "cm-4f2a8c5e6b7d9a10"); /* whatever a person wrote behind it */
    o = order_of("order_info_pickup");
    assert_int_equal(o.status, CA_WAITING_PERSON);
    assert_null(o.csr);
    assert_string_equal(o.reference, "cm-5f2a8c5e6b7d9a11");
}

static void validations_and_fields(void **state)
{
    struct ca_email_validations v;
    struct ca_fields fields;
    json_t *j = answer("email_validations");
    (void)state;
    cc_parse_validations(arena, j, &v);
    json_decref(j);
    assert_int_equal(v.n, 2);
    assert_true(v.v[0].validated);
    assert_false(v.v[1].validated);
    j = answer("metadata");
    cc_parse_fields(arena, j, &fields);
    json_decref(j);
    assert_int_equal(fields.n, 2);
    assert_string_equal(fields.v[0].id, "11");
    assert_string_equal(fields.v[0].label, "Cost center");
    assert_true(fields.v[0].required && fields.v[0].active);
    assert_false(fields.v[1].required || fields.v[1].active);
}

static void refusals(void **state)
{
    static const struct {
        const char *name, *says;
        int status;
        const char *code;
    } t[] = {{"errors", "Cost center is required", 400, "ca.refused"},
             {"errors_object", "no such order", 404, "ca.absent"}};
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct base_fail f = {0};
        json_t *j = answer(t[i].name);
        char *text = base_json_text(j);
        struct base_bytes body = {(const unsigned char *)text, strlen(text)};
        assert_int_equal(ca_transport_refusal(t[i].status, body, true, arena, &f), BASE_PERMANENT);
        assert_string_equal(f.code, t[i].code);
        assert_non_null(strstr(f.text, t[i].says));
        json_decref(j);
        free(text);
    }
}

static int setup(void **state)
{
    (void)state;
    arena = base_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    base_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secure_email, setup, teardown),
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(older, setup, teardown),
        cmocka_unit_test_setup_teardown(extras, setup, teardown),
        cmocka_unit_test_setup_teardown(answers, setup, teardown),
        cmocka_unit_test_setup_teardown(validations_and_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
