/* With a million mailboxes no query may walk a whole table. This calls every
 * function of the ledger once, then asks the engine how it would run each
 * statement that these calls left in the cache, and the triggers that it sets off. */
#include "ledger/internal.h"
#include "ledger_calls.h"

/* Walking ids upwards or downwards is fine if nothing else is asked for. */
static bool by_id_only(const char *sql)
{
    return strstr(sql, "WHERE id > ?1 ORDER BY id LIMIT ?2") != NULL ||
           strstr(sql, "WHERE p.id > ?1 ORDER BY p.id LIMIT ?2") != NULL ||
           strstr(sql, "WHERE id < ?1 ORDER BY id DESC LIMIT ?2") != NULL;
}

/* Ordered after all are read, but there are few: publications of one mailbox or certificate,
 * organizations of one account. */
static bool few(const char *sql)
{
    return strstr(sql, "WHERE p.mailbox = ?1") != NULL || strstr(sql, "WHERE p.certificate = ?1") != NULL ||
           strstr(sql, "FROM organization WHERE account = ?1") != NULL ||
           strstr(sql, "FROM forget WHERE (hash = ?1 OR hash = ?2)") != NULL; /* of one mailbox */
}

/* What the engine may do besides searching by key or index: walk rows that a
 * part of the statement made, and order the few that are left. */
static bool fine(const char *sql, const char *detail)
{
    static const char *const scans[] = {"SCAN CONSTANT ROW", "SCAN types", "SCAN (subquery",
                                        /* holds but the few in which something happens */
                                        "SCAN batch USING INDEX batch_active",
                                        /* as many as the configuration has, read when that changes */
                                        "SCAN exact_domain",
                                        /* the queue itself, from its begin */
                                        "SCAN d"};

    if (strncmp(detail, "SCAN", 4) == 0) {
        for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++) {
            if (strncmp(detail, scans[i], strlen(scans[i])) == 0) {
                return true;
            }
        }
        /* counters: once a minute along an index, never the rows themselves */
        return strstr(detail, "USING COVERING INDEX") != NULL && strstr(sql, "count(*)") != NULL &&
               (strstr(sql, "GROUP BY") != NULL || strstr(sql, "LIMIT ?1)") != NULL);
    }
    if (strncmp(detail, "SEARCH", 6) == 0 && strstr(detail, "USING") == NULL) {
        return false; /* min() or max() without an index */
    }
    if (strstr(detail, "mail_totals") != NULL) {
        return strstr(sql, "GROUP BY") != NULL; /* all mails of a time: only for totals */
    }
    if (strstr(detail, "(rowid>?") != NULL || strstr(detail, "(rowid<?") != NULL) {
        return by_id_only(sql);
    }
    if (strstr(detail, "TEMP B-TREE FOR ORDER BY") != NULL) {
        return few(sql) || strstr(sql, "types(type)") != NULL; /* LIMIT rows of each of a few types */
    }
    if (strstr(detail, "TEMP B-TREE FOR GROUP BY") != NULL) {
        return strstr(sql, "count(*)") != NULL; /* totals */
    }
    return strstr(detail, "AUTOMATIC") == NULL;
}

static size_t check_plan(struct fixture *x, const char *sql, bool tell)
{
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *st;
    size_t bad = 0;

    assert_int_equal(sqlite3_prepare_v2(x->l->db, explain, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(st, 3);
        bool good = fine(sql, detail);
        if (!good && tell) {
            print_error("%s\n    in: %s\n", detail, sql);
        }
        bad += !good;
    }
    sqlite3_finalize(st);
    sqlite3_free(explain);
    return bad;
}

static void no_query_walks_a_table(void **state)
{
    struct fixture *x = *state;
    sqlite3_stmt *st = NULL;
    size_t statements = 0, bad = 0;
    char **sql = calloc(LEDGER_SLOTS, sizeof *sql);

    assert_int_equal(sqlite3_db_config(x->l->db, SQLITE_DBCONFIG_TRIGGER_EQP, 1, NULL), SQLITE_OK);
    BEGIN(x);
    fill_all(x);
    COMMIT(x);
    while ((st = sqlite3_next_stmt(x->l->db, st)) != NULL) {
        assert_true(statements < LEDGER_SLOTS);
        assert_false(sqlite3_stmt_busy(st)); /* none stays open */
        sql[statements++] = strdup(sqlite3_sql(st));
    }
    assert_true(statements > 150);
    for (size_t i = 0; i < statements; i++) {
        bad += check_plan(x, sql[i], true);
        free(sql[i]);
    }
    free(sql);
    assert_int_equal(bad, 0);
}

/* The check above must be able to fail. */
static void a_walk_is_seen(void **state)
{
    struct fixture *x = *state;

    assert_false(fine("", "SCAN orders"));
    assert_false(fine("SELECT count(*) FROM a", "SCAN a USING COVERING INDEX b"));
    assert_false(fine("", "SCAN event USING INDEX event_at"));
    assert_false(fine("SELECT 1 GROUP BY a", "SCAN mail USING INDEX mail_counts"));
    assert_false(fine("", "USE TEMP B-TREE FOR ORDER BY"));
    assert_true(check_plan(x, "SELECT * FROM orders WHERE reason = 'x'", false) > 0);
    assert_true(check_plan(x, "SELECT * FROM mail ORDER BY subject", false) > 0);
    assert_true(check_plan(x, "SELECT min(actor) FROM event", false) > 0);
    assert_true(check_plan(x, "SELECT * FROM mail WHERE subject = 'x' AND rcpt < 'a'", false) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_query_walks_a_table),
        TEST(a_walk_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
