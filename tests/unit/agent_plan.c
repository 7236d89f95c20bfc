/* What each product asks for, how validity may be said, and that a form that was kept is
 * what the CA is asked for and what a renewal asks for again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/form.h"
#include "agent/plan.h"
#include "base/clock.h"
#include "base/json.h"

static struct base_arena *arena;
static const struct policy_domain domain = {.name = "b.test", .product = "secure_email_mailbox",
                                            .profile_type = "strict", .validity_days = 365};

static struct agent_plan plan_of(const char *product)
{
    return (struct agent_plan){.mailbox = "a@b.test",
                               .domain = &domain,
                               .product = product,
                               .profile_type = "strict",
                               .usage = "dual_use"};
}

static void products(void **state)
{
    static const char *const all[] = {
        "secure_email_mailbox", "secure_email_sponsor", "secure_email_organization", "client_premium",
        "client_email_security_plus", "client_digital_signature_plus", "class1_smime"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct agent_product *p = agent_product(all[i]);
        assert_non_null(p);
        assert_int_equal(p->ended, i > 2);
        assert_true(p->days_max <= 825);
        assert_int_equal(p->usage != NULL, p->ended);
    }
    assert_null(agent_product("ssl_plus"));
    assert_null(agent_product(""));
}

/* NULL: it is taken, with the common name NAME. */
static void expect(const char *product, const char *common, const char *first, const char *last,
                   const char *pseudonym, const char *code, const char *name)
{
    struct base_fail f = {0};
    struct agent_plan p = plan_of(product);
    json_t *req = json_object();
    p.common_name = common;
    p.first_name = first;
    p.last_name = last;
    p.pseudonym = pseudonym;
    enum base_fail_class r = agent_plan_product(req, &p, &f);
    json_decref(req);
    assert_int_equal(r, code ? BASE_PERMANENT : BASE_OK);
    if (code)
        assert_string_equal(f.code, code);
    else
        assert_string_equal(p.common_name, name);
}

static void names(void **state)
{
    const char *const box = "secure_email_mailbox", *const who = "secure_email_sponsor",
                      *const org = "secure_email_organization", *const old = "client_premium",
                      *const n = "order.names", *const cn = "order.common-name";
    (void)state;
    expect(box, NULL, NULL, NULL, NULL, NULL, "email");
    expect(box, "email", NULL, NULL, NULL, NULL, "email");
    expect(box, "name", NULL, NULL, NULL, cn, NULL);
    expect(box, NULL, "A", "B", NULL, n, NULL);
    expect(who, NULL, "A", "B", NULL, NULL, "name");
    expect(who, NULL, "A", "B", "P", NULL, "name");
    expect(who, NULL, NULL, NULL, "P", NULL, "pseudonym");
    expect(who, "email", NULL, NULL, "P", NULL, "email");
    expect(who, "email", NULL, NULL, NULL, n, NULL);
    expect(who, NULL, "A", NULL, "P", n, NULL);
    expect(who, "name", NULL, NULL, "P", n, NULL);
    expect(who, "pseudonym", "A", "B", NULL, n, NULL);
    expect(who, "organization", "A", "B", NULL, cn, NULL);
    expect(who, "nick", "A", "B", NULL, cn, NULL);
    expect(org, NULL, NULL, NULL, NULL, NULL, "email");
    expect(org, "organization", NULL, NULL, NULL, NULL, "organization");
    expect(org, "name", NULL, NULL, NULL, cn, NULL);
    expect(org, NULL, NULL, NULL, "P", n, NULL);
    expect(old, NULL, "A", "B", NULL, NULL, "name");
    expect(old, "email", "A", "B", NULL, cn, NULL);
    expect("class1_smime", NULL, NULL, NULL, NULL, NULL, "email");
    expect("class1_smime", "name", "A", "B", NULL, cn, NULL);
}

/* REQ as text. */
static enum base_fail_class validity(const char *text, struct agent_plan *p, struct base_fail *f)
{
    json_t *req = base_json_parse(text, strlen(text), 1000, f);
    assert_non_null(req);
    *p = plan_of("secure_email_mailbox");
    p->about = agent_product(p->product);
    enum base_fail_class r = agent_plan_validity(req, p, f);
    p->until = base_arena_strdup(arena, p->until);
    p->key = p->renew_by = NULL;
    json_decref(req);
    return r;
}

static void lengths(void **state)
{
    static const struct {
        const char *req;
        int64_t days; /* 0: refused */
    } t[] = {
        {"{}", 365},
        {"{\"validity_days\":1}", 1},
        {"{\"validity_days\":824}", 824},
        {"{\"validity_days\":825}", 0},
        {"{\"validity_days\":826}", 0},
        {"{\"validity_days\":0}", 0},
        {"{\"validity_days\":-5}", 0},
        {"{\"validity_years\":1}", 365},
        {"{\"validity_years\":2}", 730},
        {"{\"validity_years\":3}", 0},
        {"{\"validity_years\":0}", 0},
        {"{\"validity_years\":9223372036854775807}", 0},
        {"{\"validity_years\":1,\"validity_days\":365}", 0},
        {"{\"validity_until\":\"2020-01-01\"}", 0},
        {"{\"validity_until\":\"2999-01-01\"}", 0},
        {"{\"validity_until\":\"2027-02-30\"}", 0},
        {"{\"validity_until\":\"2027-2-3\"}", 0},
        {"{\"validity_until\":\"2027-02-03T\"}", 0},
        {"{\"validity_until\":\"\"}", 0},
        {"{\"auto_renew\":21}", 0},
        {"{\"auto_renew\":-2}", 0},
        {"{\"auto_renew\":0}", 365},
        {"{\"auto_renew\":20,\"key\":\"reuse\"}", 365},
        {"{\"renew_by\":\"ca\"}", 0},
        {"{\"auto_renew\":2,\"renew_by\":\"ca\"}", 365},
        {"{\"auto_renew\":2,\"renew_by\":\"ca\",\"key\":\"new\"}", 0},
        {"{\"renew_by\":\"me\"}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct agent_plan p;
        struct base_fail f = {0};
        enum base_fail_class r = validity(t[i].req, &p, &f);
        if (r != (t[i].days ? BASE_OK : BASE_PERMANENT) || (!r && p.days != t[i].days))
            fail_msg("%s: %s (%lld)", t[i].req, f.text, (long long)p.days);
    }
}

static void a_date(void **state)
{
    struct agent_plan p;
    struct base_fail f = {0};
    char day[BASE_TIME_LEN], req[80];
    (void)state;
    base_time_rfc3339(base_now() + 100 * 86400, day);
    day[10] = 0;
    snprintf(req, sizeof req, "{\"validity_until\":\"%s\"}", day);
    assert_int_equal(validity(req, &p, &f), BASE_OK);
    assert_in_range(p.days, 99, 101); /* midnight may fall between the two looks at the clock */
    assert_string_equal(p.until, day);
}

static void limits_are_named(void **state)
{
    struct agent_plan p;
    struct base_fail f = {0};
    (void)state;
    assert_int_equal(validity("{\"validity_years\":3}", &p, &f), BASE_PERMANENT);
    assert_non_null(strstr(f.text, "S/MIME Baseline Requirements 6.3.2"));
    assert_int_equal(validity("{\"validity_days\":825}", &p, &f), BASE_PERMANENT);
    assert_non_null(strstr(f.text, "824 days"));
}

/* What the row keeps is what leaves, and what a renewal asks for again. */
static void kept_form(void **state)
{
    const char *const boxes[] = {"a@b.test", "c@b.test"}, *const more[] = {"x@y.test"};
    struct agent_plan p = plan_of("secure_email_sponsor");
    struct ca_order_request r = {0};
    (void)state;
    p.addresses = (struct policy_strings){(const char **)(uintptr_t)boxes, 2};
    p.emails = (struct policy_strings){(const char **)(uintptr_t)more, 1};
    p.common_name = "email";
    p.pseudonym = "P";
    p.signature_hash = "sha384";
    p.key_type = "p256";
    p.non_repudiation = true;
    p.days = 730;
    p.years = 2;
    p.auto_renew = 2;
    p.renew_by = "us";
    p.key = "reuse";
    p.comments = "c";
    p.container = 5;
    p.renewal_of = "7";
    p.renews = 3;
    json_t *kept = agent_plan_request(&p), *again = json_object();
    agent_form_fill(arena, kept, &r);
    assert_int_equal(r.addresses.n, 2);
    assert_string_equal(r.addresses.v[1], "c@b.test");
    assert_int_equal(r.common_name, CA_NAME_EMAIL);
    assert_string_equal(r.signature_hash, "sha384");
    assert_true(r.non_repudiation && !r.client_auth);
    assert_int_equal(r.validity_years, 2);
    assert_int_equal(r.auto_renew, 0); /* by us: not the CA's */
    assert_string_equal(r.emails.v[0], "x@y.test");
    assert_int_equal(r.container, 5);
    assert_string_equal(r.renewal_of, "7");
    agent_form_again(kept, "a@b.test", again);
    assert_int_equal(json_array_size(base_json_arr(again, "addresses")), 2);
    assert_int_equal(base_json_int(again, "validity_years", 0), 2);
    assert_int_equal(base_json_int(again, "auto_renew", 0), 2);
    assert_string_equal(base_json_str(again, "key"), "reuse");
    assert_string_equal(base_json_str(again, "pseudonym"), "P");
    /* that one's own */
    assert_null(json_object_get(again, "renewal_of"));
    assert_null(json_object_get(again, "renews"));
    assert_null(json_object_get(again, "csr"));
    assert_null(json_object_get(again, "key_type"));
    base_json_set(kept, "renew_by", "ca");
    agent_form_fill(arena, kept, &r);
    assert_int_equal(r.auto_renew, 2);
    json_decref(kept);
    json_decref(again);
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
        cmocka_unit_test(products),
        cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(a_date, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_form, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
