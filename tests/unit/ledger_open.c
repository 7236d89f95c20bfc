/* Opening, the lock, versions and migrations. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger/internal.h"
#include "ledger_fixture.h"

/* The schema of today, and two steps more as later programs would have them. */
static const char *const later_steps[] = {
    "CREATE TABLE later (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;"
    "INSERT INTO later (word) SELECT object FROM event;",
    "ALTER TABLE later ADD COLUMN more TEXT;",
};
#define STEPS_MAX 100
static const char *steps[STEPS_MAX];
static int now; /* the version of today */
static struct ledger_schema second = {steps, 0}, third = {steps, 0};

static int setup(void **state)
{
    now = ledger_schema.n;
    assert_true(now + 2 <= STEPS_MAX);
    for (int i = 0; i < now; i++)
        steps[i] = ledger_schema.steps[i];
    steps[now] = later_steps[0];
    steps[now + 1] = later_steps[1];
    second.n = now + 1;
    third.n = now + 2;
    return fixture_setup(state);
}
#define TEST_STEPS(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static mode_t mode_of(struct fixture *x, const char *suffix)
{
    char name[400];
    struct stat st;

    snprintf(name, sizeof name, "%s%s", x->path, suffix);
    return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

static const char *before(struct fixture *x, int version, const char *end)
{
    return base_arena_printf(x->a, ".before-%d%s", version, end);
}

static const char *schema_word(struct fixture *x, int version)
{
    return base_arena_printf(x->a, "schema %d", version);
}

static void add_event(struct fixture *x, const char *object)
{
    struct ledger_event e = {.at = 1, .type = "t", .object = object};

    BEGIN(x);
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    COMMIT(x);
}

static void close_ledger(struct fixture *x)
{
    ledger_close(x->l);
    x->l = NULL;
}

static void the_settings_are_those_of_the_design(void **state)
{
    struct fixture *x = *state;
    const struct {
        const char *pragma;
        int64_t value;
    } wanted[] = {
        {"PRAGMA synchronous", 2},     {"PRAGMA foreign_keys", 1},
        {"PRAGMA trusted_schema", 0},  {"PRAGMA recursive_triggers", 1},
        {"PRAGMA secure_delete", 1},   {"PRAGMA application_id", LEDGER_APPLICATION},
        {"PRAGMA busy_timeout", 5000}, {"PRAGMA user_version", ledger_schema.n},
        {"PRAGMA cell_size_check", 1},
    };
    int on = 0;

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int64_t v = -1;
        GOOD(x, ledger_pragma(x->l, wanted[i].pragma, &v, &x->fail));
        assert_int_equal(v, wanted[i].value);
    }
    assert_int_equal(sqlite3_db_config(x->l->db, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), SQLITE_OK);
    assert_int_equal(on, 1);
    assert_int_equal(ledger_schema_version(x->l), ledger_schema.n);
    /* every table is strict */
    int64_t loose = -1;
    GOOD(x, ledger_pragma(x->l,
                          "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'"
                          " AND type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict",
                          &loose, &x->fail));
    assert_int_equal(loose, 0);
}

static void files_are_ours_alone(void **state)
{
    struct fixture *x = *state;

    add_event(x, "a");
    assert_int_equal(mode_of(x, ""), 0600);
    assert_int_equal(mode_of(x, "-wal"), 0600);
    assert_int_equal(mode_of(x, "-shm"), 0600);
    assert_int_equal(mode_of(x, ".lock"), 0600);
    close_ledger(x);
    assert_int_equal(chmod(x->path, 0644), 0); /* somebody copied it back by hand */
    GOOD(x, ledger_open(x->path, &x->l, &x->fail));
    assert_int_equal(mode_of(x, ""), 0600);
    assert_int_equal(count_events(x), 1);
}

static void one_process_only(void **state)
{
    struct fixture *x = *state;
    struct ledger *other = NULL;

    BAD(x, ledger_open(x->path, &other, &x->fail), BASE_TEMPORARY, "ledger.locked");
    assert_null(other);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(ledger_open(x->path, &other, NULL) == BASE_TEMPORARY ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fixture_reopen(x); /* closing gives the lock back */
}

static void places_that_cant_be(void **state)
{
    struct fixture *x = *state;
    struct ledger *other = NULL;
    char name[400];

    snprintf(name, sizeof name, "%s/absent/ledger", x->dir);
    BAD(x, ledger_open(name, &other, &x->fail), BASE_TEMPORARY, "ledger.io");
    assert_null(other);
    snprintf(name, sizeof name, "%s/link", x->dir);
    assert_int_equal(symlink("ledger", name), 0);
    BAD(x, ledger_open(name, &other, &x->fail), BASE_TEMPORARY, "ledger.io");
    snprintf(name, sizeof name, "%s/pipe", x->dir);
    assert_int_equal(mkfifo(name, 0600), 0);
    BAD(x, ledger_open(name, &other, &x->fail), BASE_PERMANENT, "ledger.damaged");
}

static void a_newer_ledger_is_left_alone(void **state)
{
    struct fixture *x = *state;

    add_event(x, "a");
    close_ledger(x);
    GOOD(x, ledger_open_schema(x->path, &second, &x->l, &x->fail));
    assert_int_equal(ledger_schema_version(x->l), now + 1);
    close_ledger(x);
    BAD(x, ledger_open(x->path, &x->l, &x->fail), BASE_PERMANENT, "ledger.newer");
    assert_null(x->l);
    assert_non_null(strstr(x->fail.text, schema_word(x, now + 1)));
    GOOD(x, ledger_open_schema(x->path, &second, &x->l, &x->fail));
    assert_int_equal(count_events(x), 1);
}

static char *contents(struct fixture *x, const char *name, size_t *n)
{
    FILE *in = fopen(name, "re");
    char *p = base_arena_alloc(x->a, 65536);

    assert_non_null(in);
    *n = fread(p, 1, 65536, in);
    fclose(in);
    return p;
}

static void what_is_no_ledger_is_left_alone(void **state)
{
    struct fixture *x = *state;
    char name[400];
    sqlite3 *db;
    struct ledger *other = NULL;
    size_t n, m;

    snprintf(name, sizeof name, "%s/foreign", x->dir);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char *before = contents(x, name, &n);
    BAD(x, ledger_open(name, &other, &x->fail), BASE_PERMANENT, "ledger.damaged");
    char *after = contents(x, name, &m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
}

static void a_migration_copies_first(void **state)
{
    struct fixture *x = *state;
    struct ledger *copy;
    char name[400];
    int64_t n = 0;

    add_event(x, "one");
    add_event(x, "two");
    close_ledger(x);
    GOOD(x, ledger_open_schema(x->path, &third, &x->l, &x->fail));
    assert_int_equal(ledger_schema_version(x->l), now + 2);
    GOOD(x, ledger_pragma(x->l, "SELECT count(*) FROM later WHERE more IS NULL", &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_pragma(x->l, "PRAGMA foreign_keys", &n, &x->fail));
    assert_int_equal(n, 1);

    /* the copy is a whole ledger of the version before, ours alone */
    snprintf(name, sizeof name, "%s%s", x->path, before(x, now + 2, ""));
    assert_int_equal(mode_of(x, before(x, now + 2, "")), 0600);
    assert_int_equal(mode_of(x, before(x, now + 2, ".tmp")), 0);
    assert_int_equal(mode_of(x, before(x, now + 1, "")), 0);
    GOOD(x, ledger_open(name, &copy, &x->fail));
    assert_int_equal(ledger_schema_version(copy), now);
    GOOD(x, ledger_pragma(copy, "SELECT count(*) FROM event", &n, &x->fail));
    assert_int_equal(n, 2);
    ledger_close(copy);
}

static void a_new_ledger_needs_no_copy(void **state)
{
    struct fixture *x = *state;
    struct ledger *fresh;
    char name[400];

    snprintf(name, sizeof name, "%s/fresh", x->dir);
    GOOD(x, ledger_open_schema(name, &third, &fresh, &x->fail));
    assert_int_equal(ledger_schema_version(fresh), now + 2);
    ledger_close(fresh);
    snprintf(name, sizeof name, "%s/fresh%s", x->dir, before(x, now + 2, ""));
    assert_int_equal(access(name, F_OK), -1);
    assert_int_equal(mode_of(x, before(x, now, "")), 0);
}

static void a_step_that_fails_changes_nothing(void **state)
{
    struct fixture *x = *state;
    static const char *const wrong[] = {
        "CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);",
        /* leaves a row that names a row that isn't there */
        "INSERT INTO known_token (hash, intent) VALUES ('h', 77);",
    };
    static const enum base_fail_class classes[] = {BASE_OURS, BASE_PERMANENT};
    int64_t n = -1;

    add_event(x, "one");
    for (size_t i = 0; i < 2; i++) {
        steps[now + 1] = wrong[i];
        close_ledger(x);
        BAD(x, ledger_open_schema(x->path, &third, &x->l, &x->fail), classes[i],
            i == 0 ? "ledger.use" : "ledger.damaged");
        assert_null(x->l);
        /* the step before it is done and stays */
        GOOD(x, ledger_open_schema(x->path, &second, &x->l, &x->fail));
        GOOD(x, ledger_pragma(x->l, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'", &n,
                              &x->fail));
        assert_int_equal(n, 0);
        GOOD(x, ledger_pragma(x->l, "SELECT count(*) FROM known_token", &n, &x->fail));
        assert_int_equal(n, 0);
    }
    steps[now + 1] = later_steps[1];
    close_ledger(x);
    GOOD(x, ledger_open_schema(x->path, &third, &x->l, &x->fail)); /* goes on from there */
    assert_int_equal(ledger_schema_version(x->l), now + 2);
}

static void without_a_copy_no_migration(void **state)
{
    struct fixture *x = *state;
    char name[400];

    add_event(x, "one");
    close_ledger(x);
    snprintf(name, sizeof name, "%s%s", x->path, before(x, now + 1, ""));
    assert_int_equal(mkdir(name, 0700), 0); /* in the way of the copy */
    BAD(x, ledger_open_schema(x->path, &second, &x->l, &x->fail), BASE_TEMPORARY, "ledger.io");
    assert_int_equal(rmdir(name), 0);
    GOOD(x, ledger_open(x->path, &x->l, &x->fail)); /* still of version 1 */
    assert_int_equal(count_events(x), 1);
    assert_int_equal(mode_of(x, before(x, now + 1, ".tmp")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_settings_are_those_of_the_design),
        TEST(files_are_ours_alone),
        TEST(one_process_only),
        TEST(places_that_cant_be),
        TEST_STEPS(a_newer_ledger_is_left_alone),
        TEST(what_is_no_ledger_is_left_alone),
        TEST_STEPS(a_migration_copies_first),
        TEST_STEPS(a_new_ledger_needs_no_copy),
        TEST_STEPS(a_step_that_fails_changes_nothing),
        TEST_STEPS(without_a_copy_no_migration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
