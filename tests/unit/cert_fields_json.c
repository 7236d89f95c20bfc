/* Fields of certificates on the way to JSON and back. */
#include "cert_rooted.h"

#include <stdlib.h>

#include "base/json.h"
#include "cert/fields.h"

static struct fx_spec leaf(void)
{
    return fx_leaf(root, fx_key("P-256"), fx_key("rsa2048"));
}

static json_t *json_of(const struct fx_spec *s)
{
    struct cert_fields c;
    struct base_bytes der = fx_make(a, s);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    return cert_fields_to_json(&c);
}

static void json_round_trip(void **state)
{
    (void)state;
    struct fx_spec specs[] = {leaf(), leaf(), leaf()};
    specs[1].key = fx_key("P-384");
    specs[1].san = "email:a@example.test,otherName:1.3.6.1.5.5.7.8.9;UTF8:\xe4@example.test,IP:::1";
    specs[2] = (struct fx_spec){
        .serial = "-1", .from = 0, .to = 1, .md = EVP_sha256(), .key = fx_key("rsa2048")};
    for (size_t i = 0; i < 3; i++) {
        struct cert_fields c;
        struct base_fail f = {0};
        json_t *o = json_of(&specs[i]);
        assert_int_equal(cert_fields_from_json(a, o, &c, &f), BASE_OK);
        json_t *again = cert_fields_to_json(&c);
        assert_true(json_equal(o, again));
        json_decref(o);
        json_decref(again);
    }
}

static void json_refused(json_t *o, const char *member)
{
    struct cert_fields c;
    struct base_fail f = {0};
    assert_int_equal(cert_fields_from_json(a, o, &c, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cert.json");
    assert_non_null(strstr(f.text, member));
}

/* Every member away, every member of a wrong type. */
static void json_strict(void **state)
{
    (void)state;
    struct fx_spec s = leaf();
    json_t *o = json_of(&s);
    assert_true(json_object_size(o) > 40);
    void *it = json_object_iter(o);
    while (it) {
        const char *name = json_object_iter_key(it);
        json_t *less = json_copy(o);
        json_object_del(less, name);
        json_refused(less, name);
        json_object_set_new(less, name, json_real(1.5));
        json_refused(less, name);
        json_decref(less);
        it = json_object_iter_next(o, it);
    }
    json_decref(o);
}

static void json_bounds(void **state)
{
    (void)state;
    struct fx_spec s = leaf();
    static const struct {
        const char *member, *value;
    } bad[] = {
        {"version", "4"},
        {"serial_sign", "2"},
        {"eku", "128"},
        {"ku", "-1"},
        {"extensions", "51"},
        {"not_after", "999999999999999"},
        {"sha256", "\"00\""},
        {"sha256", "\"0000000000000000000000000000000000000000000000000000000000000000\""},
        {"spki_sha256", "\"zz\""},
        {"der", "\"AAAA\""},
        {"der", "\"*\""},
        {"mailboxes", "[{\"kind\":\"x\",\"address\":\"a@b\"}]"},
        {"mailboxes", "[{\"kind\":\"rfc822\",\"address\":\"\"}]"},
        {"mailboxes", "[{\"kind\":\"rfc822\"}]"},
        {"mailboxes", "[7]"},
        {"key", "{\"type\":\"dsa\",\"bits\":1,\"curve\":null,\"exponent_ok\":true}"},
        {"key", "{\"type\":\"rsa\",\"bits\":-1,\"curve\":null,\"exponent_ok\":true}"},
        {"crl_uris", "[1]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *o = json_of(&s);
        json_object_set_new(o, bad[i].member, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
        /* a wrong thumbprint is found when the DER is looked at */
        json_refused(o, i == 7 ? "der" : bad[i].member);
        json_decref(o);
    }
    json_t *o = json_of(&s), *list = json_array();
    for (int i = 0; i <= CERT_LIST_MAX; i++)
        json_array_append_new(list, json_string("x"));
    json_object_set_new(o, "ocsp_uris", list);
    json_refused(o, "ocsp_uris");
    char *big = base_arena_alloc(a, CERT_TEXT_MAX + 2);
    memset(big, 'x', CERT_TEXT_MAX + 1);
    json_object_set_new(o, "ocsp_uris", json_array());
    json_object_set_new(o, "subject", json_string(big));
    json_refused(o, "subject");
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(json_strict),
        cmocka_unit_test(json_bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
