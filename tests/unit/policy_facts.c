/* Facts, pages and profiles as JSON: there and back, and hostile JSON refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "policy/config.h"
#include "policy/facts.h"

static struct base_arena *a;

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

static const char facts_text[] =
    "{\"size\":4711,\"raw_sha256\":\"ab12\",\"auth\":{\"result\":\"pass\",\"domain\":\"ca.test\","
    "\"selector\":\"r1\",\"algorithm\":\"rsa-sha256\",\"signature\":\"c2ln\",\"key_bits\":2048,"
    "\"signed_at\":1800000000,\"expires_at\":1800009999,\"reason\":\"none\"},\"profile\":\"ca\","
    "\"from\":[\"no-reply@ca.test\"],\"from_fields\":1,\"subject\":\"Gr\xc3\xbc\xc3\x9f" "e\","
    "\"message_id\":\"<1@ca.test>\",\"to\":\"admin@example.test\",\"date\":1800000001,"
    "\"kind\":\"domain-validation\",\"kind_by\":\"link\",\"kind_conflict\":true,"
    "\"domain\":\"example.test\",\"domain_conflict\":true,\"mailbox\":\"a@example.test\","
    "\"mailbox_conflict\":true,\"ids\":[{\"name\":\"order\",\"value\":\"7\",\"where\":\"text:x\"}],"
    "\"id_conflict\":true,\"links\":[{\"url\":\"https://x.test/\",\"where\":\"html\","
    "\"state\":\"fits\",\"kind\":\"domain-validation\",\"token\":\"t\",\"mailbox\":\"a@b.test\","
    "\"order\":\"7\"},{\"url\":\"https://y.test/\",\"where\":\"text\",\"state\":\"denied\"}],"
    "\"certificates\":[{\"serial\":\"01\"}],\"code\":\"C0DE\",\"problems\":[\"attachment x.zip\"],"
    "\"parsed\":true}";

static const char page_text[] =
    "{\"title\":\"Validate\",\"text\":\"Domain: x\",\"forms\":[{\"action\":\"/s\","
    "\"method\":\"post\",\"enctype\":\"multipart/form-data\",\"fields\":[{\"name\":\"scope\","
    "\"type\":\"select\",\"value\":\"v\",\"checked\":true,\"options\":[{\"value\":\"this\","
    "\"label\":\"Only this\",\"selected\":true}]}],\"buttons\":[{\"name\":\"d\",\"value\":\"ok\","
    "\"label\":\"I approve\"}]}],\"password_field\":true,\"captcha\":true,\"state\":\"pending\","
    "\"domain\":\"example.test\",\"domain_conflict\":true,\"mailbox\":\"a@b.test\","
    "\"mailbox_conflict\":true,\"ids\":[{\"name\":\"order\",\"value\":\"7\",\"where\":\"p\"}],"
    "\"id_conflict\":true}";

static json_t *parse(const char *text)
{
    struct base_fail f = {0};
    json_t *j = base_json_parse(text, strlen(text), 1 << 20, &f);

    if (j == NULL) {
        fail_msg("%s", f.text);
    }
    return j;
}

static enum base_fail_class facts(const char *text, struct policy_facts **f, struct base_fail *why)
{
    json_t *j = parse(text);
    enum base_fail_class r = policy_facts_from_json(a, j, f, why);

    json_decref(j);
    return r;
}

static void facts_there_and_back(void **state)
{
    struct policy_facts *f;
    json_t *want = parse(facts_text), *got;

    (void)state;
    assert_int_equal(facts(facts_text, &f, NULL), BASE_OK);
    got = policy_facts_to_json(f);
    char *x = base_json_text(want), *y = base_json_text(got);
    assert_string_equal(x, y);
    assert_true(f->auth.result == POLICY_AUTH_PASS && f->links[1].state == POLICY_LINK_DENIED);
    free(x);
    free(y);
    json_decref(want);
    json_decref(got);
    json_decref(f->certificates);
}

static void page_there_and_back(void **state)
{
    struct policy_page *p;
    json_t *want = parse(page_text), *got;

    (void)state;
    assert_int_equal(policy_page_from_json(a, want, &p, NULL), BASE_OK);
    got = policy_page_to_json(p);
    char *x = base_json_text(want), *y = base_json_text(got);
    assert_string_equal(x, y);
    free(x);
    free(y);
    json_decref(want);
    json_decref(got);
}

/* A profile as the inspector gets it is the profile that was read. */
static void profile_there_and_back(void **state)
{
    static const char *const files[] = {"etc/profiles/rehearsal.conf", "etc/profiles/digicert.conf"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct policy_profile *p, *q;
        struct policy_config_errors errs;
        assert_int_equal(policy_profile_load(a, files[i], &p, &errs, NULL), BASE_OK);
        policy_config_errors_free(&errs);
        json_t *first = policy_profile_to_json(p);
        assert_int_equal(policy_profile_from_json(a, first, &q, NULL), BASE_OK);
        json_t *second = policy_profile_to_json(q);
        assert_true(json_equal(first, second));
        assert_int_equal(p->nkinds, q->nkinds);
        json_decref(first);
        json_decref(second);
    }
}

static void absent_is_fine(void **state)
{
    struct policy_facts *f;
    struct policy_page *p;
    json_t *empty = parse("{}"), *null = parse("{\"subject\":null,\"links\":null,\"auth\":null}");

    (void)state;
    assert_int_equal(policy_facts_from_json(a, empty, &f, NULL), BASE_OK);
    assert_true(f->kind == POLICY_KIND_OTHER && f->auth.result == POLICY_AUTH_NONE);
    assert_true(f->nlinks == 0 && f->certificates == NULL && !f->parsed);
    assert_null(policy_facts_link(f));
    assert_null(policy_facts_id(f, "order"));
    assert_int_equal(policy_facts_from_json(a, null, &f, NULL), BASE_OK);
    assert_int_equal(policy_page_from_json(a, empty, &p, NULL), BASE_OK);
    assert_int_equal(p->state, POLICY_PAGE_UNKNOWN);
    json_decref(empty);
    json_decref(null);
}

static void hostile_facts(void **state)
{
    static const char *const bad[] = {
        "[]", "null", "7", "\"x\"", "{\"size\":\"7\"}", "{\"size\":-1}", "{\"size\":1.5}",
        "{\"subject\":7}", "{\"subject\":[]}", "{\"subject\":true}", "{\"parsed\":1}",
        "{\"parsed\":\"true\"}", "{\"auth\":[]}", "{\"auth\":\"pass\"}",
        "{\"auth\":{\"result\":\"PASS\"}}", "{\"auth\":{\"result\":1}}",
        "{\"auth\":{\"key_bits\":99999999}}", "{\"kind\":\"domain\"}", "{\"kind\":3}",
        "{\"from\":\"a@b\"}", "{\"from\":[1]}", "{\"from\":[null]}", "{\"links\":{}}",
        "{\"links\":[\"https://x\"]}", "{\"links\":[{}]}", "{\"links\":[{\"url\":1}]}",
        "{\"links\":[{\"url\":\"u\",\"state\":\"opened\"}]}",
        "{\"links\":[{\"url\":\"u\",\"kind\":\"x\"}]}", "{\"ids\":[{\"name\":\"order\"}]}",
        "{\"ids\":[{\"value\":\"7\"}]}", "{\"ids\":[{\"name\":\"order\",\"value\":7}]}",
        "{\"certificates\":[1]}", "{\"certificates\":{}}", "{\"from_fields\":100001}",
        "{\"problems\":[{}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct policy_facts *f = (void *)1;
        struct base_fail why = {0};
        if (facts(bad[i], &f, &why) != BASE_PERMANENT) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_null(f);
        assert_string_equal(why.code, "facts.json");
    }
}

static void hostile_pages_and_profiles(void **state)
{
    static const char *const pages[] = {
        "[]", "{\"state\":\"open\"}", "{\"forms\":{}}", "{\"forms\":[1]}",
        "{\"forms\":[{\"fields\":[1]}]}", "{\"forms\":[{\"buttons\":{}}]}",
        "{\"forms\":[{\"fields\":[{\"options\":[1]}]}]}", "{\"captcha\":0}",
        "{\"ids\":[{}]}",
    };
    static const char *const profiles[] = {
        "[]", "{}", "{\"id\":\"x\",\"kinds\":[{}]}", "{\"id\":\"x\",\"kinds\":[{\"kind\":\"other\"}]}",
        "{\"id\":\"x\",\"kinds\":[{\"kind\":\"x\",\"action\":\"get\"}]}",
        "{\"id\":\"x\",\"kinds\":[{\"kind\":\"other\",\"action\":\"run\"}]}",
        "{\"id\":\"x\",\"kinds\":[{\"kind\":\"other\",\"action\":\"get\",\"links\":\"u\"}]}",
        "{\"id\":\"x\",\"kinds\":[{\"kind\":\"other\",\"action\":\"get\",\"lifetime\":-1}]}",
        "{\"id\":\"x\",\"min_key_bits\":\"1024\"}", "{\"id\":7}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct policy_page *p;
        struct base_fail why = {0};
        json_t *j = parse(pages[i]);
        assert_int_equal(policy_page_from_json(a, j, &p, &why), BASE_PERMANENT);
        assert_null(p);
        assert_string_equal(why.code, "page.json");
        json_decref(j);
    }
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        struct policy_profile *p;
        struct base_fail why = {0};
        json_t *j = parse(profiles[i]);
        if (policy_profile_from_json(a, j, &p, &why) != BASE_PERMANENT || p != NULL) {
            fail_msg("accepted: %s", profiles[i]);
        }
        assert_string_equal(why.code, "profile.json");
        json_decref(j);
    }
}

/* N members into the list KEY of an object. */
static json_t *many(const char *key, const char *member, size_t n)
{
    json_t *o = json_object(), *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, parse(member));
    }
    json_object_set_new(o, key, list);
    return o;
}

static void caps(void **state)
{
    static const struct {
        const char *key, *member;
        size_t max;
    } t[] = {
        {"from", "\"a@b.test\"", POLICY_FACTS_FROM},
        {"links", "{\"url\":\"u\"}", POLICY_FACTS_LINKS},
        {"ids", "{\"name\":\"order\",\"value\":\"1\"}", POLICY_FACTS_IDS},
        {"problems", "\"x\"", POLICY_FACTS_PROBLEMS},
        {"certificates", "{}", POLICY_FACTS_CERTIFICATES},
    };
    struct policy_facts *f;

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        json_t *at = many(t[i].key, t[i].member, t[i].max);
        json_t *over = many(t[i].key, t[i].member, t[i].max + 1);
        assert_int_equal(policy_facts_from_json(a, at, &f, NULL), BASE_OK);
        json_decref(f->certificates);
        assert_int_equal(policy_facts_from_json(a, over, &f, NULL), BASE_PERMANENT);
        json_decref(at);
        json_decref(over);
    }
    json_t *o = json_object();
    char *big = malloc(65538);
    memset(big, 'x', 65537);
    big[65537] = '\0';
    json_object_set_new(o, "subject", json_string(big));
    assert_int_equal(policy_facts_from_json(a, o, &f, NULL), BASE_PERMANENT);
    big[65536] = '\0';
    json_object_set_new(o, "subject", json_string(big));
    assert_int_equal(policy_facts_from_json(a, o, &f, NULL), BASE_OK);
    json_object_set_new(o, "subject", json_stringn("a\0b", 3));
    assert_int_equal(policy_facts_from_json(a, o, &f, NULL), BASE_PERMANENT);
    free(big);
    json_decref(o);
}

/* The one link: of the mail's kind, one token, whatever number of times. */
static void the_link(void **state)
{
    struct policy_facts *f;

    (void)state;
    assert_int_equal(facts("{\"kind\":\"domain-validation\",\"links\":["
                           "{\"url\":\"a\",\"state\":\"other\",\"kind\":\"domain-validation\"},"
                           "{\"url\":\"b\",\"state\":\"fits\",\"kind\":\"mailbox-validation\"},"
                           "{\"url\":\"c\",\"state\":\"fits\",\"kind\":\"domain-validation\",\"token\":\"1\"},"
                           "{\"url\":\"d\",\"state\":\"fits\",\"kind\":\"domain-validation\",\"token\":\"1\"}]}",
                           &f, NULL), BASE_OK);
    assert_string_equal(policy_facts_link(f)->url, "c");
    f->links[3].token = "2";
    assert_null(policy_facts_link(f));
    f->links[2].token = f->links[3].token = NULL; /* no token: the same URL only */
    assert_null(policy_facts_link(f));
    f->kind = POLICY_KIND_OTHER;
    assert_null(policy_facts_link(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_there_and_back), cmocka_unit_test(page_there_and_back),
        cmocka_unit_test(profile_there_and_back), cmocka_unit_test(absent_is_fine),
        cmocka_unit_test(hostile_facts), cmocka_unit_test(hostile_pages_and_profiles),
        cmocka_unit_test(caps), cmocka_unit_test(the_link),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
