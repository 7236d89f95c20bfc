/* What erasing takes away, in every table, and that it changes nothing about others whose address looks alike. */
#include "ledger/batch.h"
#include "ledger/forget.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"

static int64_t number(struct fixture *x, const char *sql)
{
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_prepare_v2(x->l->db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

static void event(struct fixture *x, const char *data)
{
    struct ledger_event e = {.at = 1, .type = "a.b", .data = data};

    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
}

static const char *data_of(struct fixture *x, int64_t id)
{
    struct ledger_event *v;
    size_t n;

    GOOD(x, ledger_event_list(x->l, x->a, NULL, id - 1, 1, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    return v[0].data;
}

static void erase(struct fixture *x, const char *mailbox, const char *name)
{
    int64_t n;

    GOOD(x, ledger_forget_erase(x->l, mailbox, name, &n, &x->fail));
}

static void whole_addresses_only(void **state)
{
    static const struct {
        const char *data, *then; /* NULL: as it was */
    } rows[] = {
        {"{\"m\":\"ann@b.test\"}", "{\"m\":\"F\"}"},
        {"{\"m\":\"joann@b.test\"}", NULL},
        {"{\"m\":\"jo.ann@b.test\"}", NULL},
        {"{\"m\":\"jo-ann@b.test\"}", NULL},
        {"{\"m\":\"jo+ann@b.test\"}", NULL},
        {"{\"m\":\"\xc3\xa4" "ann@b.test\"}", NULL},
        {"{\"m\":\"ann@b.test.example\"}", NULL},
        {"{\"m\":\"ann@b.tests\"}", NULL},
        {"{\"m\":\"ann@b.test-er\"}", NULL},
        {"{\"t\":\"for ann@b.test.\"}", "{\"t\":\"for F.\"}"},
        {"{\"t\":\"<ANN@b.test>, joann@b.test,Ann@B.test\"}", "{\"t\":\"<F>, joann@b.test,F\"}"},
        {"{\"t\":\"for\\n\\nann@b.test\\n\"}", "{\"t\":\"for\\n\\nF\\n\"}"},
    };
    struct fixture *x = *state;

    BEGIN(x);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        event(x, rows[i].data);
    }
    erase(x, "ann@b.test", "F");
    COMMIT(x);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(data_of(x, (int64_t)i + 1), rows[i].then ? rows[i].then : rows[i].data);
    }
}

/* More than are read at a time, with others between them. */
static void many_events(void **state)
{
    struct fixture *x = *state;

    BEGIN(x);
    for (int i = 0; i < 1000; i++) {
        event(x, i % 2 ? "{\"m\":\"ann@b.test\"}" : "{\"m\":\"joann@b.test\"}");
    }
    erase(x, "ann@b.test", "F");
    COMMIT(x);
    assert_int_equal(number(x, "SELECT count(*) FROM event WHERE data = '{\"m\":\"F\"}'"), 500);
    assert_int_equal(number(x, "SELECT count(*) FROM event WHERE instr(data, '\"joann@b.test')"), 500);
}

static void line(struct fixture *x, int64_t batch, int64_t n, const char *mailbox, int64_t order)
{
    struct ledger_batch_line l = {.batch = batch,
                                  .line = n,
                                  .key = "k",
                                  .mailbox = mailbox,
                                  .state = order ? "placed" : "refused",
                                  .order_row = order,
                                  .text = "Ann Other",
                                  .request = "{\"name\":\"Ann Other\"}"};

    GOOD(x, ledger_batch_line_add(x->l, &l, &x->fail));
}

static void lines_of_files(void **state)
{
    struct fixture *x = *state;
    struct ledger_batch b = {.key = "k", .kind = "order", .state = "done", .by = "root"};
    struct ledger_order o = {.reference = "r", .tenant = "t", .account = "m", .mailbox = "ann@b.test",
                             .state = "stored"};

    BEGIN(x);
    GOOD(x, ledger_order_add(x->l, &o, &o.id, &x->fail));
    GOOD(x, ledger_batch_add(x->l, &b, &b.id, &x->fail));
    line(x, b.id, 1, "Ann@b.test", 0);
    line(x, b.id, 2, "ann@b.test", o.id);
    line(x, b.id, 3, "joann@b.test", 0);
    erase(x, "ann@b.test", "F");
    COMMIT(x);
    assert_int_equal(number(x, "SELECT count(*) FROM batch_line WHERE mailbox = 'F' AND request = '{}'"
                               " AND text IS NULL"), 2);
    assert_int_equal(number(x, "SELECT count(*) FROM batch_line WHERE mailbox = 'joann@b.test' AND text = 'Ann Other'"
                               " AND request <> '{}'"), 1);
    BEGIN(x); /* and only then */
    BAD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE batch_line SET request = '{}'", ""), BASE_PERMANENT,
        "ledger.state");
    ledger_rollback(x->l);
}

static void what_was_mailed(void **state)
{
    struct fixture *x = *state;
    bool fresh;

    BEGIN(x);
    GOOD(x, ledger_notice_once(x->l, "mail:alarm:x:Ann@b.test:1", 1, &fresh, &x->fail));
    GOOD(x, ledger_notice_once(x->l, "mail:alarm:x:joann@b.test:1", 1, &fresh, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "alarms:ann@b.test:2026", 1, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "alarms:ann@b.tests:2026", 1, &x->fail));
    erase(x, "ann@b.test", "F");
    COMMIT(x);
    assert_int_equal(number(x, "SELECT count(*) FROM notice"), 1);
    assert_int_equal(number(x, "SELECT count(*) FROM notice WHERE instr(key, 'joann')"), 1);
    assert_int_equal(number(x, "SELECT count(*) FROM meta WHERE instr(key, 'ann@b.test:')"), 0);
    assert_int_equal(number(x, "SELECT count(*) FROM meta WHERE instr(key, 'ann@b.tests:')"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(whole_addresses_only), TEST(many_events), TEST(lines_of_files),
                                       TEST(what_was_mailed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
