/* Transactions: what a rollback, a failed change and a lost engine leave. */
#include "ledger/internal.h"
#include "ledger_fixture.h"

static void changes_need_a_transaction(void **state)
{
    struct fixture *x = *state;
    struct ledger_event e = {.at = 1, .type = "t"};

    BAD(x, ledger_event_add(x->l, &e, &x->fail), BASE_OURS, "ledger.use");
    BAD(x, ledger_meta_set(x->l, "k", 1, &x->fail), BASE_OURS, "ledger.use");
    BAD(x, ledger_commit(x->l, &x->fail), BASE_OURS, "ledger.use");
    ledger_rollback(x->l); /* nothing happens */
    assert_false(ledger_in_transaction(x->l));
    BEGIN(x);
    assert_true(ledger_in_transaction(x->l));
    BAD(x, ledger_begin(x->l, &x->fail), BASE_OURS, "ledger.use");
    GOOD(x, ledger_event_add(x->l, &e, &x->fail)); /* the first one goes on */
    COMMIT(x);
    assert_false(ledger_in_transaction(x->l));
    assert_int_equal(count_events(x), 1);
}

static void a_rollback_leaves_nothing(void **state)
{
    struct fixture *x = *state;
    struct ledger_event e = {.at = 1, .type = "t"};

    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "k", 1, &x->fail));
    assert_int_equal(count_events(x), 1);
    ledger_rollback(x->l);
    assert_false(ledger_in_transaction(x->l));
    assert_int_equal(count_events(x), 0);
    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    fixture_reopen(x); /* closing without commit is a rollback */
    assert_int_equal(count_events(x), 0);
}

static void a_failed_change_leaves_the_others(void **state)
{
    struct fixture *x = *state;
    struct ledger_event e = {.at = 1, .type = "t"}, none = {.at = 1};

    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    BAD(x, ledger_event_add(x->l, &none, &x->fail), BASE_OURS, "ledger.use");
    assert_null(strstr(x->fail.text, "secret"));
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    COMMIT(x);
    assert_int_equal(count_events(x), 2);
}

/* The engine ends a transaction by itself: what follows must not be committed
 * alone, and the commit says why. */
static void a_lost_transaction_is_lost_whole(void **state)
{
    struct fixture *x = *state;
    struct ledger_event e = {.at = 1, .type = "t"};
    bool fresh;

    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    GOOD(x, ledger_notice_once(x->l, "k", 1, &fresh, &x->fail));
    BAD(x,
        ledger_change(x->l, NULL, &x->fail,
                      "INSERT OR ROLLBACK INTO notice (key, at) VALUES ('k', 1)", ""),
        BASE_PERMANENT, "ledger.exists");
    BAD(x, ledger_event_add(x->l, &e, &x->fail), BASE_PERMANENT, "ledger.exists");
    assert_true(ledger_in_transaction(x->l));
    BAD(x, ledger_commit(x->l, &x->fail), BASE_PERMANENT, "ledger.exists");
    assert_false(ledger_in_transaction(x->l));
    assert_int_equal(count_events(x), 0);
    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    COMMIT(x);
    assert_int_equal(count_events(x), 1);
}

static void a_row_too_large_is_refused(void **state)
{
    struct fixture *x = *state;
    char *big = malloc(LEDGER_ROW_MAX + 1);

    memset(big, 'x', LEDGER_ROW_MAX);
    big[LEDGER_ROW_MAX] = '\0';
    BEGIN(x);
    BAD(x, ledger_text_set(x->l, "k", big, &x->fail), BASE_OURS, "ledger.use");
    big[LEDGER_ROW_MAX - 100] = '\0';
    GOOD(x, ledger_text_set(x->l, "k", big, &x->fail));
    COMMIT(x);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_need_a_transaction),
        TEST(a_rollback_leaves_nothing),
        TEST(a_failed_change_leaves_the_others),
        TEST(a_lost_transaction_is_lost_whole),
        TEST(a_row_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
