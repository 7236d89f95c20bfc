/* Two spellings of an address in the keeper: its own command line decides, a request can only narrow. */
#include "keeper/exact.h"
#include "keeper/sealed.h"
#include "keeper_fixture.h"

static struct kx x;
static struct keeper_exact list;
static struct keeper_ctx ctx;

static int begin(void **state)
{
    (void)state;
    bool locked;
    if (!x.a)
        assert_true(keeper_memory_init(&locked));
    kx_new(&x);
    ctx = (struct keeper_ctx){.store = x.store, .vault = x.vault, .exact = &list};
    return 0;
}

static int end(void **state)
{
    (void)state;
    keeper_exact_free(&list);
    kx_end(&x);
    return 0;
}

static void who_decides(void **state)
{
    struct base_fail f = {0};
    json_t *narrow = json_pack("{s:b}", "exact", 1), *wide = json_pack("{s:b}", "exact", 0);
    (void)state;
    assert_int_equal(keeper_exact_add(&list, "B.test", &f), BASE_OK);
    assert_int_equal(keeper_exact_add(&list, "c.test", &f), BASE_OK);
    assert_true(keeper_exact_same(&ctx, NULL, "Anna@a.test", "anna@A.test"));
    assert_true(keeper_exact_same(&ctx, wide, "Anna@a.test", "anna@A.test"));
    assert_false(keeper_exact_same(&ctx, narrow, "Anna@a.test", "anna@A.test"));
    assert_false(keeper_exact_same(&ctx, NULL, "Anna@b.test", "anna@b.test"));
    assert_false(keeper_exact_same(&ctx, wide, "Anna@C.test", "anna@c.test")); /* can't be widened */
    assert_true(keeper_exact_same(&ctx, narrow, "Anna@b.test", "Anna@B.TEST"));
    assert_false(keeper_exact_same(&ctx, NULL, "Anna@b.test", "Anna@a.test"));
    assert_true(keeper_exact_same(&ctx, NULL, "Anna@x.b.test", "anna@x.b.test")); /* no zone */
    static const char *const wrong[] = {"", "a b", "x@b.test", "b\xc3\xbc" "cher.test"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(keeper_exact_add(&list, wrong[i], &f), BASE_PERMANENT);
        assert_string_equal(f.code, "keeper.option");
    }
    assert_int_equal(list.n, 2);
    json_decref(narrow);
    json_decref(wide);
}

static const char *preset(const char *mailbox, const char *pass, bool exact)
{
    struct keeper_call call = {.admin = true};
    json_t *q = json_pack("{s:i,s:s,s:s,s:b}", "v", KEEPER_PROTOCOL, "op", "preset", "mailbox", mailbox,
                          "exact", exact);
    if (pass)
        json_object_set_new(q, "passphrase", json_string(pass));
    call.request = q;
    json_t *answer = keeper_ops_run(&ctx, &call);
    const char *code = base_arena_strdup(x.a, json_string_value(json_object_get(answer, "code")));
    json_decref(answer);
    json_decref(q);
    return code ? code : "ok";
}

/* Whose passphrase MAILBOX gets: the address that it was set for, NULL if none. */
static const char *whose(const char *mailbox, bool exact)
{
    char id[KEEPER_ID];
    json_t *o, *q = json_pack("{s:b}", "exact", exact);
    struct base_fail f = {0};
    enum base_fail_class c = keeper_sealed_preset_find(&ctx, x.a, q, mailbox, id, &o, &f);
    const char *box = c ? NULL : base_arena_strdup(x.a, json_string_value(json_object_get(o, "mailbox")));
    if (c)
        assert_string_equal(f.code, "keeper.absent");
    json_decref(o);
    json_decref(q);
    return box;
}

/* Set when the spellings were one mailbox, then they are two, then one again. */
static void passphrases(void **state)
{
    (void)state;
    assert_string_equal(preset("Anna@a.test", "one two three four five", false), "ok");
    assert_string_equal(whose("ANNA@a.test", false), "Anna@a.test");
    assert_string_equal(whose("Anna@a.test", true), "Anna@a.test"); /* it is hers still */
    assert_null(whose("anna@a.test", true));                        /* and not the other's */
    assert_string_equal(preset("anna@a.test", "another one of my own", true), "ok");
    assert_string_equal(whose("Anna@a.test", true), "Anna@a.test"); /* not written over */
    assert_string_equal(whose("anna@a.test", true), "anna@a.test");
    assert_string_equal(preset("anna@a.test", NULL, true), "ok");
    assert_null(whose("anna@a.test", true));
    assert_string_equal(whose("Anna@a.test", true), "Anna@a.test");
    assert_string_equal(preset("anna@a.test", NULL, true), "keeper.absent");
    assert_string_equal(preset("ANNA@a.test", NULL, false), "ok"); /* one again */
    assert_null(whose("Anna@a.test", true));
    /* set while they were two, looked for as one; a taking away takes all */
    assert_string_equal(preset("Bo@a.test", "one two three four five", true), "ok");
    assert_string_equal(whose("Bo@a.test", false), "Bo@a.test");
    assert_string_equal(preset("bo@a.test", "one two three four six", false), "ok");
    assert_string_equal(preset("Bo@a.test", NULL, false), "ok");
    assert_null(whose("Bo@a.test", false));
    assert_null(whose("bo@a.test", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(who_decides, begin, end),
                                       cmocka_unit_test_setup_teardown(passphrases, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
