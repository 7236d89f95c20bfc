/* Batches: every member, lines that end with their orders, counts, twins, results, what was issued. */
#include "ledger/batch.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"

static int64_t add_batch(struct fixture *x, const char *key)
{
    struct ledger_batch b = {.key = key, .kind = "order", .state = "open", .by = "root", .created = 5};

    GOOD(x, ledger_batch_add(x->l, &b, &b.id, &x->fail));
    return b.id;
}

static void add_line(struct fixture *x, int64_t batch, int64_t line, const char *key)
{
    struct ledger_batch_line l = {.batch = batch,
                                  .line = line,
                                  .key = key,
                                  .mailbox = "Anna@example.org",
                                  .state = "waiting",
                                  .request = "{}"};

    GOOD(x, ledger_batch_line_add(x->l, &l, &x->fail));
}

static struct ledger_order add_order(struct fixture *x, const char *reference, const char *account)
{
    struct ledger_order o = {.reference = reference, .tenant = "t", .account = account,
                             .mailbox = "anna@example.org", .state = "preparing", .reason = "asking",
                             .changed = 40};

    GOOD(x, ledger_order_add(x->l, &o, &o.id, &x->fail));
    return o;
}

/* The next waiting line of BATCH gets order O. */
static struct ledger_batch_line place(struct fixture *x, int64_t batch, const struct ledger_order *o)
{
    struct ledger_batch_line *v;
    size_t n;

    GOOD(x, ledger_batch_line_next(x->l, x->a, batch, 1, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    v->state = "placed";
    v->order_row = o->id;
    GOOD(x, ledger_batch_line_update(x->l, v, &x->fail));
    return *v;
}

static void move(struct fixture *x, struct ledger_order *o, const char *state, const char *reason)
{
    o->state = state;
    o->reason = reason;
    GOOD(x, ledger_order_update(x->l, o, &x->fail));
}

static struct ledger_batch_counts counts(struct fixture *x, int64_t batch)
{
    struct ledger_batch_counts n;

    GOOD(x, ledger_batch_count(x->l, batch, &n, &x->fail));
    return n;
}

static void every_member_comes_back(void **state)
{
    struct fixture *x = *state;
    struct ledger_batch b = {.key = "k", .kind = "reissue", .name = "n", .state = "open", .by = "root",
                             .reason = "r", .wave = 1, .every = 2, .wave_left = 3, .next_at = 4,
                             .deadline = 5, .since = 6, .until = 7, .issuer = "CA", .created = 8},
                        out, *list;
    size_t n;

    BEGIN(x);
    GOOD(x, ledger_batch_add(x->l, &b, &b.id, &x->fail));
    add_batch(x, "other");
    b.state = "running";
    b.text = "why";
    b.started = 9;
    b.ended = 10;
    b.wave_left = 11;
    GOOD(x, ledger_batch_update(x->l, &b, &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_batch_find(x->l, x->a, "k", &out, &x->fail));
    assert_int_equal(out.id, b.id);
    SAME(out.kind, "reissue");
    SAME(out.name, "n");
    SAME(out.state, "running");
    SAME(out.by, "root");
    SAME(out.reason, "r");
    SAME(out.issuer, "CA");
    SAME(out.text, "why");
    const int64_t want[] = {1, 2, 11, 4, 5, 6, 7, 8, 9, 10};
    const int64_t got[] = {out.wave,  out.every, out.wave_left, out.next_at, out.deadline,
                           out.since, out.until, out.created,   out.started, out.ended};
    assert_memory_equal(want, got, sizeof want);
    GOOD(x, ledger_batch_list(x->l, x->a, 0, 5, &list, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(list[1].id, b.id);
    GOOD(x, ledger_batch_list(x->l, x->a, list[0].id, 5, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_batch_active(x->l, x->a, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    BAD(x, ledger_batch_get(x->l, x->a, 99, &out, &x->fail), BASE_PERMANENT, "ledger.absent");
    BAD(x, ledger_batch_find(x->l, x->a, "nobody", &out, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static void lines_end_with_their_orders(void **state)
{
    struct fixture *x = *state;
    struct ledger_batch_result *v;
    size_t n;

    BEGIN(x);
    int64_t b = add_batch(x, "k"), last;
    for (int64_t i = 2; i < 6; i++)
        add_line(x, b, i, "same");
    add_line(x, b, 3, "another"); /* is there already: stays */
    GOOD(x, ledger_batch_line_last(x->l, b, &last, &x->fail));
    assert_int_equal(last, 5);
    assert_int_equal(counts(x, b).waiting, 4);
    struct ledger_order o1 = add_order(x, "r1", "main"), o2 = add_order(x, "r2", "main");
    struct ledger_order o3 = add_order(x, "r3", "main");
    place(x, b, &o1);
    place(x, b, &o2);
    place(x, b, &o3);
    assert_int_equal(counts(x, b).placed, 3);
    move(x, &o1, "waiting", "at the CA");
    assert_int_equal(counts(x, b).placed, 3);
    move(x, &o1, "stored", "here");
    move(x, &o2, "failed", "refused by the CA");
    GOOD(x, ledger_batch_line_fail(x->l, o3.id, 50, "came to nothing", &x->fail));
    move(x, &o3, "stored", "as before"); /* ended already: this changes nothing */
    assert_int_equal(counts(x, b).issued, 1);
    assert_int_equal(counts(x, b).failed, 2);
    assert_int_equal(counts(x, b).placed, 0);
    assert_int_equal(counts(x, b).waiting, 1);
    COMMIT(x);
    GOOD(x, ledger_batch_results(x->l, x->a, b, 0, 9, &v, &n, &x->fail));
    assert_int_equal(n, 4);
    SAME(v[0].state, "issued");
    SAME(v[1].text, "refused by the CA");
    SAME(v[2].text, "came to nothing");
    SAME(v[3].state, "waiting");
    assert_int_equal(v[3].order_row, 0);
    GOOD(x, ledger_batch_results(x->l, x->a, b, 4, 9, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    /* once more */
    BEGIN(x);
    GOOD(x, ledger_batch_line_retry(x->l, b, 60, &last, &x->fail));
    assert_int_equal(last, 2);
    assert_int_equal(counts(x, b).waiting, 3);
    assert_int_equal(counts(x, b).failed, 0);
    COMMIT(x);
}

/* A line that asks for what another one has ordered, in this batch or another one. */
static void twins(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate c = {.tenant = "t", .account = "main", .usage = "both", .state = "current",
                                   .issuer = "CN=Sample CA 7", .not_before = 100, .not_after = 900};
    static const char *names[] = {"anna@example.org"};
    struct ledger_issued *v;
    int64_t twin, count;
    size_t n;

    BEGIN(x);
    int64_t b = add_batch(x, "k"), other = add_batch(x, "k2");
    add_line(x, b, 2, "same");
    add_line(x, other, 2, "same");
    struct ledger_order o = add_order(x, "r1", "main");
    struct ledger_batch_line first = place(x, b, &o), *second;
    GOOD(x, ledger_batch_line_next(x->l, x->a, other, 1, &second, &n, &x->fail));
    GOOD(x, ledger_batch_line_twin(x->l, "same", second->id, &twin, &x->fail));
    assert_int_equal(twin, o.id);
    GOOD(x, ledger_batch_line_twin(x->l, "same", first.id, &twin, &x->fail));
    assert_int_equal(twin, 0); /* not of itself */
    move(x, &o, "failed", "no");
    GOOD(x, ledger_batch_line_twin(x->l, "same", second->id, &twin, &x->fail));
    assert_int_equal(twin, 0);
    /* stored: as long as its certificate is current */
    move(x, &o, "stored", "here");
    GOOD(x, ledger_batch_line_twin(x->l, "same", second->id, &twin, &x->fail));
    assert_int_equal(twin, 0);
    c.thumbprint = "0011223344556677001122334455667700112233445566770011223344556677";
    c.serial = "01";
    c.mailboxes = names;
    c.nmailboxes = 1;
    c.order_row = o.id;
    GOOD(x, ledger_certificate_add(x->l, &c, &c.id, &x->fail));
    GOOD(x, ledger_batch_line_twin(x->l, "same", second->id, &twin, &x->fail));
    assert_int_equal(twin, o.id);
    /* and it is what was issued then */
    GOOD(x, ledger_issued_list(x->l, x->a, 100, 101, "sample ca", 0, 0, 5, &v, &n, &x->fail));
    assert_int_equal(n, 1);
    SAME(v->mailbox, "anna@example.org");
    assert_int_equal(v->order_row, o.id);
    assert_null(v->key_id);
    GOOD(x, ledger_issued_list(x->l, x->a, 100, 101, NULL, 100, c.id, 5, &v, &n, &x->fail));
    assert_int_equal(n, 0);
    static const struct {
        int64_t since, until;
        const char *issuer, *account;
        int64_t n;
    } asked[] = {{100, 101, NULL, NULL, 1},    {100, 101, "SAMPLE", "main", 1}, {100, 101, "x", NULL, 0},
                 {100, 101, NULL, "other", 0}, {101, 900, NULL, NULL, 0},       {0, 100, NULL, NULL, 0}};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        GOOD(x, ledger_issued_count(x->l, asked[i].since, asked[i].until, asked[i].issuer,
                                    asked[i].account, &count, &x->fail));
        assert_int_equal(count, asked[i].n);
    }
    GOOD(x, ledger_certificate_state(x->l, c.id, "revoked", &x->fail));
    GOOD(x, ledger_batch_line_twin(x->l, "same", second->id, &twin, &x->fail));
    assert_int_equal(twin, 0);
    GOOD(x, ledger_issued_count(x->l, 0, 900, NULL, NULL, &count, &x->fail));
    assert_int_equal(count, 0);
    COMMIT(x);
}

static void what_is_on_its_way(void **state)
{
    struct fixture *x = *state;
    int64_t n;

    BEGIN(x);
    struct ledger_order a = add_order(x, "r1", "main"), b = add_order(x, "r2", "main");
    add_order(x, "r3", "other");
    GOOD(x, ledger_order_early(x->l, "main", &n, &x->fail));
    assert_int_equal(n, 2);
    move(x, &a, "waiting", "");
    move(x, &b, "stored", "");
    GOOD(x, ledger_order_early(x->l, "main", &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_order_open(x->l, "main", &n, &x->fail));
    assert_int_equal(n, 1);
    COMMIT(x);
}

static void what_was_asked_stays(void **state)
{
    struct fixture *x = *state;

    BEGIN(x);
    add_line(x, add_batch(x, "k"), 1, "a");
    COMMIT(x);
    static const char *const wrong[] = {
        "UPDATE batch SET key = 'z'",       "DELETE FROM batch",
        "UPDATE batch_line SET key = 'z'",  "UPDATE batch_line SET request = 'z'",
        "DELETE FROM batch_line",           "UPDATE batch_line SET state = 'elsewhere'",
        "UPDATE batch SET state = 'gone'",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_not_equal(sqlite3_exec(x->l->db, wrong[i], NULL, NULL, NULL), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_member_comes_back), TEST(lines_end_with_their_orders), TEST(twins),
        TEST(what_is_on_its_way),      TEST(what_was_asked_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
