/* CertCentral's JSON as documented and as it is in older fixtures, parsed tolerantly. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ca/certcentral.h"

static struct base_arena *arena;

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

    if (j == NULL) {
        fail_msg("%s: %s", text, e.text);
    }
    return j;
}

static struct ca_order order(const char *text, bool expected)
{
    struct ca_order o;
    json_t *j = parse(text);

    assert_int_equal(cc_parse_order(arena, j, &o), expected);
    json_decref(j);
    return o;
}

static void orders(void **state)
{
    struct ca_order o = order("{\"id\":111,\"status\":\"issued\",\"certificate\":{\"id\":222,"
                              "\"common_name\":\"a@b.test\","
                              "\"emails\":[\"a@b.test\",7,\"c@b.test\"],\"serial_number\":\"0AB\","
                              "\"valid_from\":\"2026-01-02\","
                              "\"valid_till\":\"2027-01-02\",\"csr\":\"X\"},\"product\":{\"name_"
                              "id\":\"secure_email_mailbox\"},"
                              "\"date_created\":\"2026-01-01T10:00:00+00:00\",\"requests\":[{"
                              "\"id\":333,\"comments\":\"ref\"}],"
                              "\"dcv_method\":\"email\"}",
                              true);

    (void)state;
    assert_string_equal(o.id, "111");
    assert_string_equal(o.certificate, "222");
    assert_string_equal(o.request, "333");
    assert_string_equal(o.reference, "ref");
    assert_int_equal(o.status, CA_ISSUED);
    assert_int_equal(o.mailboxes.n, 2);
    assert_string_equal(o.mailboxes.v[1], "c@b.test");
    assert_int_equal(o.created, 1767261600);
    assert_int_equal(o.valid_till, 1798848000);
    assert_string_equal(o.product, "secure_email_mailbox");
    o = order(
        "{\"id\":\"A-1\",\"certificate_id\":5,\"certificate_chain\":[{\"pem\":\"one\"},{\"pem\":7},"
        "{\"pem\":\"two\"}]}",
        true);
    assert_string_equal(o.id, "A-1");
    assert_string_equal(o.certificate, "5");
    assert_string_equal(o.chain, "one\ntwo\n");
    assert_int_equal(o.status, CA_UNKNOWN);
}

static void requests(void **state)
{
    struct ca_request_entry r;
    struct ca_order o = order("{\"id\":1,\"requests\":[{\"id\":2,\"type\":\"new_request\"},7,{},"
                              "{\"id\":3,\"type\":\"revoke\",\"status\":\"pending\"}]}",
                              true);
    json_t *j = parse("{\"id\":9,\"type\":\"revoke\",\"status\":\"pending\",\"date\":\"2026-11-22\","
                      "\"requester\":{\"first_name\":\"Jane\",\"last_name\":\"Doe\"},\"order\":{\"id\":5,"
                      "\"certificate\":{\"emails\":[\"a@b.test\"]}}}");

    (void)state;
    assert_int_equal(o.nrequests, 2);
    assert_string_equal(o.requests[1].id, "3");
    assert_string_equal(o.requests[1].type, "revoke");
    assert_true(cc_parse_request(arena, j, &r));
    assert_string_equal(r.requester, "Jane Doe");
    assert_string_equal(r.order, "5");
    assert_string_equal(r.mailbox, "a@b.test");
    json_decref(j);
    j = parse("{\"requester\":[],\"order\":7}");
    assert_false(cc_parse_request(arena, j, &r));
    assert_null(r.requester);
    json_decref(j);
}

/* The same request, whatever its tags and line lengths. */
static void same_requests(void **state)
{
    (void)state;
    assert_true(ca_csr_same(arena,
                            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\nBBBB\n-----END CERTIFICATE "
                            "REQUEST-----\n",
                            "-----BEGIN NEW CERTIFICATE REQUEST-----\r\nAAAABBBB\r\n-----END NEW "
                            "CERTIFICATE REQUEST-----"));
    assert_false(ca_csr_same(arena, "AAAA", "AAAB"));
}

static void orders_without_an_id(void **state)
{
    static const char *const list[] = {"{}",
                                       "[]",
                                       "null",
                                       "7",
                                       "\"x\"",
                                       "{\"id\":0}",
                                       "{\"id\":-5}",
                                       "{\"id\":1.5}",
                                       "{\"id\":\"\"}",
                                       "{\"id\":\"a/b\"}",
                                       "{\"id\":\"..\"}",
                                       "{\"id\":[1]}"};

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        order(list[i], false);
    }
}

static void statuses(void **state)
{
    (void)state;
    assert_int_equal(cc_status("pending"), CA_WAITING_CA);
    assert_int_equal(cc_status("PENDING"), CA_WAITING_CA);
    assert_int_equal(cc_status("needs_csr"), CA_WAITING_US);
    assert_int_equal(cc_status("needs_approval"), CA_WAITING_PERSON);
    assert_int_equal(cc_status("canceled"), CA_FAILED);
    assert_int_equal(cc_status("new_word"), CA_UNKNOWN);
    assert_int_equal(cc_status(NULL), CA_UNKNOWN);
}

/* now = 2026-06-01 */
static struct ca_domain domain(const char *members)
{
    char text[1024];
    struct ca_domain d;

    snprintf(text, sizeof text, "{\"id\":5,\"name\":\"Example.TEST\",\"is_active\":true%s%s}",
             members[0] != '\0' ? "," : "", members);
    json_t *j = parse(text);
    assert_true(cc_parse_domain(arena, j, 1780272000, &d));
    json_decref(j);
    assert_string_equal(d.name, "example.test");
    return d;
}

static void domain_states(void **state)
{
    static const struct {
        const char *members;
        bool pending, valid;
    } table[] = {
        {"", true, false},
        {"\"dcv_expiration_datetime\":\"2026-07-01T00:00:00+00:00\"", false, true},
        {"\"dcv_expiration_datetime\":\"2026-05-01T00:00:00+00:00\"", true, false},
        {"\"dcv_expiration\":{\"ov\":\"2026-07-01\"}", false, true},
        {"\"dcv_expiration\":{\"ov\":\"2026-05-01\",\"ev\":\"2027-05-01\"}", true, false},
        {"\"validations\":[]", false, false},
        {"\"validations\":[{\"type\":\"ov\",\"status\":\"pending\"}]", true, false},
        {"\"validations\":[{\"type\":\"ov\",\"status\":\"active\"}]", false, true},
        {"\"validations\":[{\"status\":\"active\",\"dcv_status\":\"pending\"}]", true, false},
        {"\"validations\":[{\"status\":\"active\",\"validated_until\":\"2026-05-01\"}]", true,
         false},
        /* an organization's validation outlives control of the domain */
        {"\"validations\":[{\"status\":\"active\"}],\"dcv_expiration_datetime\":\"2026-05-01\"",
         false, false},
        {"\"dcv_expiration_datetime\":\"2026-07-01\",\"is_active2\":1", false, true},
        {"\"validations\":7,\"dcv_expiration_datetime\":{}", true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct ca_domain d = domain(table[i].members);
        if (d.pending != table[i].pending || d.valid != table[i].valid) {
            fail_msg("%s: pending %d valid %d", table[i].members, d.pending, d.valid);
        }
    }
    json_t *j = parse("{\"id\":5,\"name\":\"a.test\",\"is_active\":false,"
                      "\"dcv_expiration_datetime\":\"2027-01-01\"}");
    struct ca_domain d;
    assert_true(cc_parse_domain(arena, j, 1780272000, &d));
    assert_false(d.valid);
    assert_false(d.pending);
    json_decref(j);
}

static void recipients(void **state)
{
    json_t *j = parse("{\"base_emails\":[\"admin@a.test\",\"x@a.test\"],\"whois_emails\":null,"
                      "\"dns_txt_emails\":[\"X@a.test\",\"y@a.test\",3]}");
    struct policy_strings s;

    (void)state;
    cc_parse_recipients(arena, j, &s);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.v[2], "y@a.test");
    json_decref(j);
}

static void more_pages(void **state)
{
    json_t *none = parse("{}"), *total = parse("{\"page\":{\"total\":2500}}");

    (void)state;
    assert_false(cc_more(none, 0, 0));
    assert_false(cc_more(none, 999, 999));
    assert_true(cc_more(none, 1000, 1000));
    assert_true(cc_more(total, 100, 100));
    assert_false(cc_more(total, 500, 2500));
    assert_false(cc_more(total, 0, 100));
    json_decref(none);
    json_decref(total);
}

static void refusals(void **state)
{
    static const struct {
        int status;
        bool changes;
        enum base_fail_class cls;
        const char *code;
    } table[] = {
        {400, false, BASE_PERMANENT, "ca.refused"}, {401, true, BASE_PERMANENT, "ca.key"},
        {403, false, BASE_PERMANENT, "ca.denied"},  {404, true, BASE_PERMANENT, "ca.absent"},
        {409, true, BASE_PERMANENT, "ca.refused"},  {429, true, BASE_TEMPORARY, "ca.busy"},
        {408, false, BASE_TEMPORARY, "ca.busy"},    {408, true, BASE_TEMPORARY, "ca.lost"},
        {500, false, BASE_TEMPORARY, "ca.busy"},    {500, true, BASE_TEMPORARY, "ca.lost"},
        {302, false, BASE_TEMPORARY, "ca.answer"},  {302, true, BASE_TEMPORARY, "ca.lost"},
    };
    struct base_bytes body = {(const unsigned char *)"{\"errors\":{\"message\":\"why\"}}", 28};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct base_fail f = {0};
        assert_int_equal(ca_transport_refusal(table[i].status, body, table[i].changes, arena, &f),
                         table[i].cls);
        assert_string_equal(f.code, table[i].code);
        assert_non_null(strstr(f.text, "why"));
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
        cmocka_unit_test(orders),      cmocka_unit_test(orders_without_an_id),
        cmocka_unit_test(statuses),    cmocka_unit_test(domain_states),
        cmocka_unit_test(recipients),  cmocka_unit_test(more_pages),
        cmocka_unit_test(refusals),
        cmocka_unit_test(requests),    cmocka_unit_test(same_requests),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
