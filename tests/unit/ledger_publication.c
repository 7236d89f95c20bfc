/* Publications; mailboxes are due by whatever changes their certificates. */
#include "ledger/internal.h"
#include "ledger/publication.h"
#include "ledger_fixture.h"

static int64_t certificate(struct fixture *x, const char *thumb, const char *box, int64_t not_after)
{
    const char *boxes[] = {box};
    int64_t id = 0;
    struct ledger_certificate c = {.thumbprint = thumb, .serial = "0A", .tenant = "acme", .mailboxes = boxes,
                                   .nmailboxes = 1, .not_before = 1, .not_after = not_after, .stored_at = 1,
                                   .usage = "both", .state = "current"};
    GOOD(x, ledger_certificate_add(x->l, &c, &id, &x->fail));
    return id;
}

static size_t due(struct fixture *x, struct ledger_box **v)
{
    size_t n = 0;
    GOOD(x, ledger_publication_due(x->l, x->a, 10, v, &n, &x->fail));
    return n;
}

static void changes_make_a_mailbox_due(void **state)
{
    struct fixture *x = *state;
    struct ledger_box *v, box;

    BEGIN(x);
    int64_t c = certificate(x, "aa11aa11", "a@x.test", 100);
    COMMIT(x);
    assert_int_equal(due(x, &v), 1);
    SAME(v[0].name, "a@x.test");
    SAME(v[0].tenant, "acme");
    BEGIN(x);
    GOOD(x, ledger_publication_planned(x->l, v[0].id, &x->fail));
    COMMIT(x);
    assert_int_equal(due(x, &v), 0);
    BEGIN(x); /* the same state again is no change; another time of looking neither */
    GOOD(x, ledger_certificate_state(x->l, c, "current", &x->fail));
    COMMIT(x);
    assert_int_equal(due(x, &v), 0);
    BEGIN(x);
    GOOD(x, ledger_certificate_revocation(x->l, c, "good", 5, 6, &x->fail));
    COMMIT(x);
    assert_int_equal(due(x, &v), 1);
    BEGIN(x);
    GOOD(x, ledger_publication_planned(x->l, v[0].id, &x->fail));
    GOOD(x, ledger_certificate_revocation(x->l, c, "good", 7, 8, &x->fail));
    COMMIT(x);
    assert_int_equal(due(x, &v), 0);
    BEGIN(x); /* what is rolled back was not */
    GOOD(x, ledger_certificate_state(x->l, c, "revoked", &x->fail));
    ledger_rollback(x->l);
    assert_int_equal(due(x, &v), 0);
    BEGIN(x);
    GOOD(x, ledger_certificate_state(x->l, c, "revoked", &x->fail));
    COMMIT(x);
    assert_int_equal(due(x, &v), 1);
    GOOD(x, ledger_box_named(x->l, x->a, "A@X.test", &box, &x->fail));
    assert_int_equal(box.id, v[0].id);
    BAD(x, ledger_box_named(x->l, x->a, "no@x.test", &box, &x->fail), BASE_PERMANENT, "ledger.absent");
}

/* No statement in the cache walks a table; publication_due and the partial indexes hold the few
 * rows that are open. */
static void no_walk(struct fixture *x)
{
    static const char *const fine[] = {"SCAN d", "USING COVERING INDEX publication_",
                                       "USING INDEX publication_", "SCAN (subquery", "SCAN CONSTANT"};
    sqlite3_stmt *st = NULL, *e;
    size_t seen = 0;
    while ((st = sqlite3_next_stmt(x->l->db, st)) != NULL) {
        const char *sql = sqlite3_sql(st);
        if (strstr(sql, "publication") == NULL && strstr(sql, "FROM mailbox") == NULL)
            continue;
        char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
        assert_int_equal(sqlite3_prepare_v2(x->l->db, text, -1, &e, NULL), SQLITE_OK);
        for (; sqlite3_step(e) == SQLITE_ROW; seen++) {
            const char *detail = (const char *)sqlite3_column_text(e, 3);
            bool good = strncmp(detail, "SCAN", 4) != 0;
            for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
                good = good || strstr(detail, fine[i]) != NULL;
            if (!good)
                fail_msg("%s\n    in: %s", detail, sql);
        }
        sqlite3_finalize(e);
        sqlite3_free(text);
    }
    assert_true(seen > 15);
}

static void rows(void **state)
{
    struct fixture *x = *state;
    struct ledger_publication p = {.publisher = "p", .want = true, .state = "wanted", .reason = "issued",
                                   .changed = 3, .not_after = 100}, q, *v;
    struct ledger_box *b;
    int64_t id = 0, n = 0;
    size_t count = 0;

    BEGIN(x);
    p.certificate = certificate(x, "aa11aa11", "a@x.test", 100);
    due(x, &b);
    p.mailbox = b[0].id;
    GOOD(x, ledger_publication_add(x->l, &p, &id, &x->fail));
    BAD(x, ledger_publication_add(x->l, &p, &id, &x->fail), BASE_PERMANENT, "ledger.exists");
    COMMIT(x);
    GOOD(x, ledger_publication_get(x->l, x->a, id, &q, &x->fail));
    SAME(q.name, "a@x.test");
    SAME(q.thumbprint, "aa11aa11");
    assert_true(q.want);
    assert_false(q.clear_key);
    GOOD(x, ledger_publication_count(x->l, "wanted", 10, &n, &x->fail));
    assert_int_equal(n, 1);
    q.state = "published";
    q.place = "/there";
    q.clear_key = true;
    BEGIN(x);
    GOOD(x, ledger_publication_update(x->l, &q, &x->fail));
    GOOD(x, ledger_publication_planned(x->l, q.mailbox, &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_publication_count(x->l, "wanted", 10, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_publication_clear_keys(x->l, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_publication_of(x->l, x->a, q.mailbox, "p", &v, &count, &x->fail));
    assert_int_equal(count, 1);
    SAME(v[0].place, "/there");
    GOOD(x, ledger_publication_of(x->l, x->a, q.mailbox, "other", &v, &count, &x->fail));
    assert_int_equal(count, 0);
    GOOD(x, ledger_publication_of_certificate(x->l, x->a, q.certificate, &v, &count, &x->fail));
    assert_int_equal(count, 1);
    GOOD(x, ledger_publication_list(x->l, x->a, "p", "published", 0, 10, &v, &count, &x->fail));
    assert_int_equal(count, 1);
    GOOD(x, ledger_publication_list(x->l, x->a, NULL, "failed", 0, 10, &v, &count, &x->fail));
    assert_int_equal(count, 0);
    BEGIN(x); /* its end makes it due, once it is there */
    GOOD(x, ledger_publication_expire(x->l, 99, 10, &x->fail));
    assert_int_equal(due(x, &b), 0);
    GOOD(x, ledger_publication_expire(x->l, 100, 10, &x->fail));
    assert_int_equal(due(x, &b), 1);
    COMMIT(x);
    GOOD(x, ledger_box_list(x->l, x->a, 0, 10, &b, &count, &x->fail));
    assert_int_equal(count, 1);
    GOOD(x, ledger_box_get(x->l, x->a, b[0].id, &b[0], &x->fail));
    no_walk(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(changes_make_a_mailbox_due), TEST(rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
