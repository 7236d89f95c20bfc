/* The log goes back into the file beside the writer. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/checkpoint.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"

static void write_some(struct fixture *x, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        BEGIN(x);
        GOOD(x, ledger_text_set(x->l, base_arena_printf(x->a, "k%d", i), "some text of a few words", &x->fail));
        COMMIT(x);
    }
}

/* What the file alone has, without its log. */
static int64_t in_file(struct fixture *x)
{
    struct base_buf b;
    char *copy = base_arena_printf(x->a, "%s/copy", x->dir);
    sqlite3 *db;
    sqlite3_stmt *st;

    GOOD(x, base_file_read(AT_FDCWD, x->path, 64 << 20, &b, &x->fail));
    GOOD(x, base_file_write(AT_FDCWD, copy, b.p, b.n, 0600, &x->fail));
    base_buf_free(&b);
    char *uri = base_arena_printf(x->a, "file:%s?immutable=1", copy);
    assert_int_equal(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM meta_text", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    unlink(copy);
    return n;
}

static void nothing_happens_by_itself(void **state)
{
    struct fixture *x = *state;

    GOOD(x, ledger_checkpoint(x->l, &x->fail)); /* the tables' own making */
    ledger_log_count(x->l);
    write_some(x, 0, 1500); /* more pages than the engine lets the log have by itself */
    assert_true(ledger_log_pages(x->l) > 1000);
    assert_int_equal(in_file(x), 0);
    GOOD(x, ledger_checkpoint_beside(x->path, &x->fail));
    assert_int_equal(in_file(x), 1500);
    write_some(x, 1500, 1); /* the log begins anew */
    assert_true(ledger_log_pages(x->l) < 100);
}

static void a_reader_is_no_failure(void **state)
{
    struct fixture *x = *state;
    sqlite3 *reader;

    GOOD(x, ledger_checkpoint(x->l, &x->fail));
    ledger_log_count(x->l);
    write_some(x, 0, 10);
    assert_int_equal(sqlite3_open(x->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM meta_text", NULL, NULL, NULL), SQLITE_OK);
    write_some(x, 10, 10);
    GOOD(x, ledger_checkpoint_beside(x->path, &x->fail));
    assert_true(in_file(x) <= 10); /* no further than the reader allows */
    write_some(x, 20, 10); /* nobody waited */
    assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    GOOD(x, ledger_checkpoint_beside(x->path, &x->fail));
    assert_int_equal(in_file(x), 30);
    sqlite3_close(reader);
}

static void within_a_transaction_of_the_loop(void **state)
{
    struct fixture *x = *state;

    ledger_log_count(x->l);
    write_some(x, 0, 10);
    BEGIN(x);
    GOOD(x, ledger_text_set(x->l, "open", "x", &x->fail));
    GOOD(x, ledger_checkpoint_beside(x->path, &x->fail)); /* doesn't wait for the writer */
    COMMIT(x);
    GOOD(x, ledger_checkpoint_beside(x->path, &x->fail));
    assert_int_equal(in_file(x), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_happens_by_itself),
        TEST(a_reader_is_no_failure),
        TEST(within_a_transaction_of_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
