/* What an account is and may do: CertCentral's answers in their recorded shapes (tests/data/ca), and
 * what is made of half or wrong ones. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "ca/certcentral.h"

#define NOW 1789000000 /* 2026-09-10 */

static struct base_arena *arena;

static json_t *data(const char *name)
{
    json_error_t e;
    json_t *j = json_load_file(base_arena_printf(arena, "tests/data/ca/%s", name), 0, &e);

    if (j == NULL) {
        fail_msg("%s: %s", name, e.text);
    }
    return j;
}

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

    if (j == NULL) {
        fail_msg("%s: %s", text, e.text);
    }
    return j;
}

static void organizations(void **state)
{
    static const char *const smime[] = {"valid", NULL, "expired", "pending"};
    json_t *j = data("organizations.json"), *list = base_json_arr(j, "organizations");

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        json_t *o = cc_parse_organization(json_array_get(list, i), NOW);
        assert_int_equal(base_json_int(o, "id", 0), 4711 + (int64_t)i);
        if (smime[i] == NULL) { /* the answer says nothing of validations: not "none" */
            assert_null(base_json_str(o, "smime"));
        } else {
            assert_string_equal(base_json_str(o, "smime"), smime[i]);
        }
        assert_true(base_json_bool(o, "active", false) == (i != 3));
        json_decref(o);
    }
    json_t *first = cc_parse_organization(json_array_get(list, 0), NOW);
    assert_int_equal(base_json_int(first, "until", 0), 1838592000); /* the S/MIME one, not the OV one */
    assert_string_equal(json_string_value(json_array_get(base_json_arr(first, "contacts"), 0)),
                        "a.b@sample.test");
    json_decref(first);
    for (size_t i = 4; i < json_array_size(list); i++) {
        assert_null(cc_parse_organization(json_array_get(list, i), NOW));
    }
    json_decref(j);
}

static void products(void **state)
{
    json_t *j = data("products.json"), *list = cc_parse_products(j), *p;

    (void)state;
    assert_int_equal(json_array_size(list), 3);
    p = json_array_get(list, 0);
    assert_string_equal(base_json_str(p, "id"), "ssl_plus");
    assert_int_equal(json_array_size(base_json_arr(p, "years")), 3);
    assert_string_equal(json_string_value(json_array_get(base_json_arr(p, "hashes"), 1)), "sha384");
    assert_true(base_json_bool(p, "csr_required", false));
    assert_null(base_json_str(p, "known_as"));
    p = json_array_get(list, 1);
    assert_string_equal(base_json_str(p, "ended"), "2025-07-10");
    assert_string_equal(base_json_str(p, "known_as"), "Premium");
    assert_null(json_object_get(p, "any_date")); /* not told is not "no" */
    p = json_array_get(list, 2);
    assert_string_equal(base_json_str(p, "known_as"), "Secure Email for Individual");
    assert_int_equal(json_array_size(base_json_arr(p, "years")), 1);
    assert_null(base_json_str(p, "ended"));
    json_decref(list);
    json_decref(j);
}

static void fields(void **state)
{
    json_t *j = data("custom-fields.json"), *list = cc_parse_catalog_fields(j);

    (void)state;
    assert_int_equal(json_array_size(list), 2); /* without the one that is no longer active */
    assert_true(base_json_bool(json_array_get(list, 0), "required", false));
    assert_false(base_json_bool(json_array_get(list, 1), "required", true));
    json_decref(list);
    json_decref(j);
}

static void rights(void **state)
{
    static const struct {
        const char *me;
        bool admin, order, domain, organization;
    } cases[] = {
        {"{\"access_roles\":[{\"id\":1,\"name\":\"Administrator\"}]}", true, true, true, true},
        {"{\"access_roles\":[{\"id\":1}],\"restricted_to_role_id\":101}", false, true, true, true},
        {"{\"access_roles\":[{\"id\":1}],\"restricted_to_role_id\":\"102\"}", false, false, false, false},
        {"{\"access_roles\":[{\"id\":1}],\"api_key\":{\"role_id\":100}}", false, true, false, false},
        {"{\"access_roles\":[{\"id\":102,\"name\":\"View Only\"}]}", false, false, false, false},
        {"{\"key\":{\"id\":103}}", false, false, false, false},
        {"{\"access_roles\":[{\"id\":3,\"name\":\"Finance Manager\"}]}", false, false, false, false},
        {"{\"access_roles\":[{\"id\":3},{\"id\":4}]}", false, true, true, true},
        {"{\"access_roles\":[{\"id\":5,\"name\":\"Standard User\"}]}", false, true, true, true},
        {"{\"id\":102}", false, true, true, true}, /* a user's number is no role */
        {"{}", false, true, true, true},            /* nothing is told: nothing is refused */
        {"{\"access_roles\":\"all\",\"restricted_to_role_id\":[1]}", false, true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *me = parse(cases[i].me), *r = cc_parse_rights(me);
        if (base_json_bool(r, "admin", !cases[i].admin) != cases[i].admin ||
            base_json_bool(r, "order", !cases[i].order) != cases[i].order ||
            base_json_bool(r, "domain", !cases[i].domain) != cases[i].domain ||
            base_json_bool(r, "organization", !cases[i].organization) != cases[i].organization) {
            fail_msg("%s", cases[i].me);
        }
        json_decref(r);
        json_decref(me);
    }
    json_t *me = data("me-administrator.json"), *r = cc_parse_rights(me);
    assert_string_equal(base_json_str(r, "role"), "Administrator");
    json_decref(r);
    json_decref(me);
}

static void payment(void **state)
{
    static const struct {
        const char *answer;
        int contract, card; /* -1 = not told */
    } cases[] = {
        {"{\"payment_methods\":[\"balance\",\"profile\"]}", 1, 0},
        {"{\"payment_methods\":[{\"id\":\"CARD\"}]}", 0, 1},
        {"{\"has_contract\":true}", 1, -1},
        {"{\"is_contract\":false,\"has_card_on_file\":true}", 0, 1},
        {"{\"has_contract\":\"yes\"}", -1, -1},
        {"{}", -1, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *j = parse(cases[i].answer), *out = json_object();
        cc_parse_payment(j, out);
        const json_t *contract = json_object_get(out, "contract"), *card = json_object_get(out, "card");
        if ((contract == NULL ? -1 : json_is_true(contract)) != cases[i].contract ||
            (card == NULL ? -1 : json_is_true(card)) != cases[i].card) {
            fail_msg("%s", cases[i].answer);
        }
        json_decref(out);
        json_decref(j);
    }
}

static void prices(void **state)
{
    static const struct {
        const char *answer;
        int64_t days;
        const char *each, *currency; /* NULL = not told */
    } cases[] = {
        {"{\"price\":25}", 365, "25.00", NULL},
        {"{\"price\":\"12.50\",\"currency\":\"EUR\"}", 365, "12.50", "EUR"},
        {"{\"pricing\":[{\"years\":1,\"price\":10},{\"years\":2,\"price\":18.5,\"currency\":\"USD\"}]}", 400,
         "18.50", "USD"},
        {"{\"pricing\":[{\"years\":2,\"price\":18},{\"days\":366,\"price\":10}]}", 90, "10.00", NULL},
        {"{\"pricing\":[{\"years\":1,\"price\":10}]}", 800, NULL, NULL},
        {"{\"price\":\"free\"}", 365, NULL, NULL},
        {"{\"price\":-3}", 365, NULL, NULL},
        {"{\"price\":1e30}", 365, NULL, NULL},
        {"{}", 365, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ca_price p = {0};
        json_t *j = parse(cases[i].answer);
        bool told = cc_parse_price(arena, j, cases[i].days, &p);
        if (told != (cases[i].each != NULL) || (told && strcmp(p.each, cases[i].each) != 0) ||
            (cases[i].currency != NULL &&
             (p.currency == NULL || strcmp(p.currency, cases[i].currency) != 0))) {
            fail_msg("%s: %s %s", cases[i].answer, p.each ? p.each : "-", p.currency ? p.currency : "-");
        }
        json_decref(j);
    }
}

/* What "auto" pays by. */
static void learned(void **state)
{
    static const struct {
        const char *catalog, *payment;
    } cases[] = {
        {"{\"contract\":true,\"balance\":\"100.00\"}", "profile"},
        {"{\"contract\":false,\"balance\":\"100.00\",\"card\":true}", "balance"},
        {"{\"balance\":\"0.00\",\"card\":true}", "card"},
        {"{\"balance\":\"-5.00\",\"card\":true}", "card"},
        {"{\"balance\":\"0.00\"}", "balance"},
        {"{\"card\":true}", "balance"}, /* the balance is not told */
        {"{}", "balance"},
    };
    struct ca_options o = {.id = "x", .driver = "certcentral", .base_url = "https://ca.test/v2", .key = "K",
                           .nkey = 1};
    struct ca_account *c;

    (void)state;
    assert_int_equal(ca_account_new(&o, &c, NULL), BASE_OK);
    assert_string_equal(ca_payment(c), "balance");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *j = parse(cases[i].catalog);
        ca_account_learn(c, j);
        if (strcmp(ca_payment(c), cases[i].payment) != 0) {
            fail_msg("%s: %s", cases[i].catalog, ca_payment(c));
        }
        json_decref(j);
    }
    ca_account_free(c);
    o.payment = "card"; /* said in the configuration: nothing changes it */
    assert_int_equal(ca_account_new(&o, &c, NULL), BASE_OK);
    json_t *j = parse(cases[0].catalog);
    ca_account_learn(c, j);
    assert_string_equal(ca_payment(c), "card");
    json_decref(j);
    ca_account_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(organizations), cmocka_unit_test(products), cmocka_unit_test(fields),
        cmocka_unit_test(rights),        cmocka_unit_test(payment),  cmocka_unit_test(prices),
        cmocka_unit_test(learned),
    };

    arena = base_arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    base_arena_free(arena);
    return failed;
}
