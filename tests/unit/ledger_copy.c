/* tests/unit/ledger_copy.c - a snapshot of a ledger in use, a look into it, and its fence. */
#include <fcntl.h>

#include "ledger/copy.h"
#include "ledger_fixture.h"

static void add_order(struct fixture *x, const char *mark, const char *state, const char *key)
{
    int64_t id;
    struct ledger_order o = {.reference = mark, .tenant = "main", .account = "a", .mailbox = mark,
                             .product = "p", .state = state, .request = "{}", .by = "me", .key_id = key,
                             .created = 1, .changed = 1};
    GOOD(x, ledger_order_add(x->l, &o, &id, &x->fail));
}

static const char *other(struct fixture *x, const char *suffix)
{
    return base_arena_printf(x->a, "%s.%s", x->path, suffix);
}

static void copy_to(struct fixture *x, const char *dest)
{
    struct ledger_snapshot *s;
    int64_t left = 1, total;
    GOOD(x, ledger_snapshot_open(x->path, dest, &s, &x->fail));
    while (left > 0)
        GOOD(x, ledger_snapshot_step(s, 8, &left, &total, &x->fail));
    ledger_snapshot_close(s);
}

static int64_t orders_in(struct fixture *x, const char *path)
{
    struct ledger_copy *k;
    struct ledger_copy_facts facts;
    GOOD(x, ledger_copy_open(path, &k, &x->fail));
    GOOD(x, ledger_copy_check(k, &x->fail));
    GOOD(x, ledger_copy_facts(k, &facts, &x->fail));
    ledger_copy_close(k);
    return facts.orders;
}

/* Steps see the moment of the first one, however much is written between them. */
static void test_one_moment(void **state)
{
    struct fixture *x = *state;
    struct ledger_snapshot *s;
    int64_t left = 1, total, steps = 0;
    char mark[48];
    BEGIN(x);
    for (int i = 0; i < 200; i++) {
        snprintf(mark, sizeof mark, "m%03d@example.test", i);
        add_order(x, mark, "waiting", NULL);
    }
    COMMIT(x);
    const char *dest = other(x, "copy");
    GOOD(x, ledger_snapshot_open(x->path, dest, &s, &x->fail));
    for (; left > 0; steps++) {
        GOOD(x, ledger_snapshot_step(s, 4, &left, &total, &x->fail));
        BEGIN(x);
        snprintf(mark, sizeof mark, "n%03lld@example.test", (long long)steps);
        add_order(x, mark, "waiting", NULL);
        COMMIT(x);
        assert_true(steps < 1000); /* never from the start again */
    }
    ledger_snapshot_close(s);
    assert_true(steps > 10);
    assert_int_equal(orders_in(x, dest), 200);
    unlink(dest);
}

static void test_keys_in_order(void **state)
{
    static const char *const want[] = {"aaaa", "bbbb", "cccc"};
    struct fixture *x = *state;
    struct ledger_copy *k;
    const char *key;
    BEGIN(x);
    add_order(x, "1", "waiting", "cccc");
    add_order(x, "2", "waiting", "aaaa");
    add_order(x, "3", "waiting", NULL);
    add_order(x, "4", "waiting", "bbbb");
    add_order(x, "5", "failed", "aaaa");
    COMMIT(x);
    const char *dest = other(x, "copy");
    copy_to(x, dest);
    GOOD(x, ledger_copy_open(dest, &k, &x->fail));
    for (size_t i = 0; i < 3; i++) {
        GOOD(x, ledger_copy_next_key(k, &key, &x->fail));
        assert_string_equal(key, want[i]);
    }
    GOOD(x, ledger_copy_next_key(k, &key, &x->fail));
    assert_null(key);
    ledger_copy_close(k);
    unlink(dest);
}

static void test_fence(void **state)
{
    static const char *const states[] = {"preparing", "requesting", "unclear", "waiting", "stored"};
    static const char *const after[] = {"unclear", "unclear", "unclear", "waiting", "stored"};
    struct fixture *x = *state;
    struct ledger_copy *k;
    struct ledger *l;
    struct ledger_order o;
    const char *text;
    int64_t v;
    BEGIN(x);
    for (size_t i = 0; i < 5; i++)
        add_order(x, states[i], states[i], NULL);
    GOOD(x, ledger_meta_set(x->l, "synced:a", 77, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "exports", 78, &x->fail));
    COMMIT(x);
    const char *dest = other(x, "copy");
    copy_to(x, dest);
    GOOD(x, ledger_copy_fence(dest, 1000, 900, "digest", &x->fail));
    GOOD(x, ledger_copy_open(dest, &k, &x->fail));
    GOOD(x, ledger_copy_meta(k, LEDGER_FENCE, &v, &x->fail));
    assert_int_equal(v, 1000);
    GOOD(x, ledger_copy_text(k, x->a, LEDGER_FENCE_FILE, &text, &x->fail));
    assert_string_equal(text, "digest");
    ledger_copy_close(k);
    GOOD(x, ledger_open(dest, &l, &x->fail)); /* it is a ledger like any other */
    GOOD(x, ledger_meta_get(l, "synced:a", &v, 0, &x->fail));
    assert_int_equal(v, 0);
    GOOD(x, ledger_meta_get(l, "exports", &v, 0, &x->fail));
    assert_int_equal(v, 78);
    for (size_t i = 0; i < 5; i++) {
        GOOD(x, ledger_order_find(l, x->a, states[i], &o, &x->fail));
        assert_string_equal(o.state, after[i]);
    }
    ledger_close(l);
    GOOD(x, ledger_order_find(x->l, x->a, "preparing", &o, &x->fail));
    assert_string_equal(o.state, "preparing"); /* the living one is untouched */
}

static void test_refused(void **state)
{
    struct fixture *x = *state;
    struct ledger_copy *k;
    struct ledger_snapshot *s;
    const char *dest = other(x, "copy");
    int fd = open(dest, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "this is no database, and it is long enough to be read as one", 60), 60);
    close(fd);
    BAD(x, ledger_copy_open(dest, &k, &x->fail), BASE_PERMANENT, "ledger.damaged");
    assert_int_equal(truncate(dest, 0), 0);
    BAD(x, ledger_copy_open(dest, &k, &x->fail), BASE_PERMANENT, "ledger.damaged");
    copy_to(x, dest);
    fd = open(dest, O_WRONLY);
    assert_int_equal(pwrite(fd, "garbage garbage garbage garbage!", 32, 4096), 32);
    close(fd);
    enum base_fail_class c = ledger_copy_open(dest, &k, &x->fail);
    if (c == BASE_OK) {
        BAD(x, ledger_copy_check(k, &x->fail), BASE_PERMANENT, "ledger.damaged");
        ledger_copy_close(k);
    }
    assert_int_not_equal(ledger_snapshot_open(other(x, "none"), dest, &s, &x->fail), BASE_OK);
    assert_int_not_equal(ledger_snapshot_open(x->path, "/nowhere/at/all", &s, &x->fail), BASE_OK);
    unlink(dest);
}



int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_moment), TEST(test_keys_in_order), TEST(test_fence), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
