/* What must not harm the ledger: a full disk, a size limit, kill -9 between and
 * in the middle of commits, a damaged file. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/bytes.h"
#include "ledger/internal.h"
#include "ledger_fixture.h"

/* One acknowledged unit of work: three tables that must agree afterwards. */
static enum base_fail_class work(struct ledger *l, int64_t i, struct base_fail *f)
{
    char object[32], data[2100];
    struct ledger_event e = {.at = i, .type = "work.done", .object = object, .data = data};
    struct ledger_job j = {.kind = "work", .key = object, .ref = i, .run_at = i};
    enum base_fail_class cls = ledger_begin(l, f);

    if (cls != BASE_OK) {
        return cls;
    }
    snprintf(object, sizeof object, "work:%lld", (long long)i);
    memset(data, 'x', sizeof data - 1);
    data[sizeof data - 1] = '\0';
    if ((cls = ledger_event_add(l, &e, f)) != BASE_OK ||
        (cls = ledger_job_add(l, &j, NULL, f)) != BASE_OK ||
        (cls = ledger_meta_set(l, "work", i, f)) != BASE_OK) {
        ledger_rollback(l);
        return cls;
    }
    return ledger_commit(l, f);
}

static int64_t ask(struct fixture *x, const char *sql)
{
    int64_t v = -1;

    GOOD(x, ledger_pragma(x->l, sql, &v, &x->fail));
    return v;
}

/* Everything up to *last, nothing half, at least what was acknowledged. */
static int64_t check_whole(struct fixture *x, int64_t acknowledged)
{
    int64_t last;

    GOOD(x, ledger_meta_get(x->l, "work", &last, 0, &x->fail));
    assert_true(last >= acknowledged);
    assert_int_equal(ask(x, "SELECT count(*) FROM event"), last);
    assert_int_equal(ask(x, "SELECT count(*) FROM job"), last);
    assert_int_equal(ask(x, "SELECT count(*) FROM pragma_integrity_check"
                            " WHERE integrity_check = 'ok'"),
                     1);
    return last;
}

/* Works until it fails; the number of the last unit that was acknowledged. */
static int64_t work_until_failure(struct fixture *x, int64_t from, const char *code)
{
    int64_t i = from;
    enum base_fail_class cls;

    do {
        i++;
        assert_true(i < from + 100000);
        cls = work(x->l, i, &x->fail);
    } while (cls == BASE_OK);
    assert_int_equal(cls, BASE_TEMPORARY);
    assert_string_equal(x->fail.code, code);
    assert_false(ledger_in_transaction(x->l));
    return i - 1;
}

/* ---- no space ------------------------------------------------------------------------ */

static void no_more_pages(void **state)
{
    struct fixture *x = *state;

    ask(x, "PRAGMA max_page_count = 200");
    int64_t last = work_until_failure(x, 0, "ledger.full");
    assert_true(last > 10);
    assert_int_equal(check_whole(x, last), last);
    ask(x, "PRAGMA max_page_count = 100000");
    GOOD(x, work(x->l, last + 1, &x->fail)); /* space is back: it goes on */
    fixture_reopen(x);
    assert_int_equal(check_whole(x, last + 1), last + 1);
}

/* A child runs BODY and ends with 0, or 77 if the machine doesn't allow the test. */
static int in_child(struct fixture *x, void (*body)(struct fixture *))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        body(x);
        exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* In the child: a failed check must end the child, not go on in cmocka's runner. */
#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int64_t child_work(struct ledger *l, int64_t i, struct base_fail *f)
{
    while (work(l, i + 1, f) == BASE_OK) {
        MUST(++i < 100000);
    }
    return i;
}

static void on_small_disk(struct fixture *x)
{
    struct base_fail f = {0};
    struct ledger *l;
    char name[400], ballast[400];
    int64_t last, there = 0, events = -1;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", x->dir, "tmpfs", 0, "size=3m") != 0) {
        _exit(77);
    }
    snprintf(name, sizeof name, "%s/small", x->dir);
    snprintf(ballast, sizeof ballast, "%s/ballast", x->dir);
    int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    MUST(fd >= 0 && posix_fallocate(fd, 0, 1 << 20) == 0);
    MUST(ledger_open(name, &l, &f) == BASE_OK);
    last = child_work(l, 0, &f);
    MUST(last > 10 && f.cls == BASE_TEMPORARY && strcmp(f.code, "ledger.full") == 0);
    MUST(work(l, last + 1, &f) == BASE_TEMPORARY && strcmp(f.code, "ledger.full") == 0);
    MUST(unlink(ballast) == 0 && close(fd) == 0);
    MUST(work(l, last + 1, &f) == BASE_OK); /* space is back */
    last++;
    ledger_close(l);
    MUST(ledger_open(name, &l, &f) == BASE_OK);
    MUST(ledger_meta_get(l, "work", &there, 0, &f) == BASE_OK && there == last);
    MUST(ledger_pragma(l, "SELECT count(*) FROM event", &events, &f) == BASE_OK && events == last);
    ledger_close(l);
}

static void a_full_disk(void **state)
{
    struct fixture *x = *state;
    int status = in_child(x, on_small_disk);

    if (status == 77) {
        print_message("no right to mount a small disk here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void with_small_files(struct fixture *x)
{
    struct base_fail f = {0};
    struct ledger *l;
    char name[400];
    struct stat wal;

    signal(SIGXFSZ, SIG_IGN);
    snprintf(name, sizeof name, "%s/small", x->dir);
    MUST(ledger_open(name, &l, &f) == BASE_OK);
    snprintf(name, sizeof name, "%s/small-wal", x->dir);
    MUST(stat(name, &wal) == 0); /* the making of the tables stands in it */
    rlim_t max = (rlim_t)wal.st_size + (1 << 20);
    struct rlimit small = {max, max};
    MUST(setrlimit(RLIMIT_FSIZE, &small) == 0);
    MUST(child_work(l, 0, &f) > 10);
    MUST(f.cls == BASE_TEMPORARY && strcmp(f.code, "ledger.full") == 0);
    ledger_close(l);
}

static void a_limit_of_file_size(void **state)
{
    assert_int_equal(in_child(*state, with_small_files), 0);
}

/* ---- kill -9 --------------------------------------------------------------------------- */

static void writer(const char *path, int out)
{
    struct base_fail f;
    struct ledger *l;
    int64_t i = 0;

    MUST(ledger_open(path, &l, &f) == BASE_OK);
    /* checkpoints are moments to die at as well: have many */
    MUST(ledger_script(l, &f, "PRAGMA wal_autocheckpoint = 25") == BASE_OK);
    MUST(ledger_meta_get(l, "work", &i, 0, &f) == BASE_OK);
    for (;;) {
        i++;
        MUST(work(l, i, &f) == BASE_OK);
        MUST(write(out, &i, sizeof i) == sizeof i);
    }
}

static void wait_microseconds(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

    nanosleep(&t, NULL);
}

static int64_t run_and_kill(const char *path)
{
    int ends[2], status;
    int64_t i, last = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        writer(path, ends[1]);
    }
    close(ends[1]);
    /* sometimes while it opens, mostly in the middle of its work */
    for (uint64_t n = base_random_below(8); n > 0; n--) {
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    }
    wait_microseconds(base_random_below(20000));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &i, sizeof i) == sizeof i) {
        last = i;
    }
    close(ends[0]);
    return last;
}

static void killed_fifty_times(void **state)
{
    struct fixture *x = *state;
    int64_t acknowledged = 0;

    for (int round = 0; round < 50; round++) {
        ledger_close(x->l);
        x->l = NULL;
        int64_t last = run_and_kill(x->path);
        acknowledged = last > acknowledged ? last : acknowledged;
        GOOD(x, ledger_open(x->path, &x->l, &x->fail)); /* the lock fell with the process */
        acknowledged = check_whole(x, acknowledged);
    }
    assert_true(acknowledged > 50); /* of 50 times 3.5, and what the time between brings */
}

/* ---- damage ------------------------------------------------------------------------------ */

static void overwrite(const char *path, off_t at, size_t n)
{
    unsigned char junk[4096];
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    memset(junk, 0xa5, sizeof junk);
    for (; n > 0; n -= n < sizeof junk ? n : sizeof junk, at += sizeof junk) {
        size_t part = n < sizeof junk ? n : sizeof junk;
        assert_int_equal(pwrite(fd, junk, part, at), (ssize_t)part);
    }
    assert_int_equal(close(fd), 0);
}

static off_t fill_and_close(struct fixture *x)
{
    struct stat st;

    for (int64_t i = 1; i <= 200; i++) {
        GOOD(x, work(x->l, i, &x->fail));
    }
    ledger_close(x->l);
    x->l = NULL;
    assert_int_equal(stat(x->path, &st), 0);
    return st.st_size;
}

static void a_damaged_header(void **state)
{
    struct fixture *x = *state;

    fill_and_close(x);
    overwrite(x->path, 0, 100);
    BAD(x, ledger_open(x->path, &x->l, &x->fail), BASE_PERMANENT, "ledger.damaged");
    assert_null(x->l);
}

static void a_damaged_schema(void **state)
{
    struct fixture *x = *state;

    fill_and_close(x);
    overwrite(x->path, 100, 3996);
    BAD(x, ledger_open(x->path, &x->l, &x->fail), BASE_PERMANENT, "ledger.damaged");
    assert_null(x->l);
}

static void damaged_pages(void **state)
{
    struct fixture *x = *state;
    struct ledger_event *out;
    off_t size = fill_and_close(x);
    size_t n = 1;

    int64_t roots = 0;

    /* all but the schema's own pages at the beginning, and the first one of each table */
    GOOD(x, ledger_open(x->path, &x->l, &x->fail));
    GOOD(x, ledger_pragma(x->l, "SELECT max(rootpage) FROM sqlite_schema", &roots, &x->fail));
    ledger_close(x->l);
    x->l = NULL;
    roots += 8; /* the schema's last page came after the last table */
    assert_true(size > (roots + 8) * 4096);
    overwrite(x->path, roots * 4096, (size_t)size - (size_t)roots * 4096);
    GOOD(x, ledger_open(x->path, &x->l, &x->fail));
    BAD(x, ledger_event_list(x->l, x->a, NULL, 0, 1000, &out, &n, &x->fail), BASE_PERMANENT,
        "ledger.damaged");
    assert_int_equal(n, 0);
    assert_null(out);
    /* and a change doesn't make it worse: it fails, the transaction with it */
    assert_int_equal(work(x->l, 201, &x->fail), BASE_PERMANENT);
    assert_string_equal(x->fail.code, "ledger.damaged");
}

static void a_cut_file(void **state)
{
    struct fixture *x = *state;
    off_t size = fill_and_close(x);
    struct ledger_event *out;
    size_t n;

    assert_int_equal(truncate(x->path, size / 2 / 4096 * 4096), 0);
    enum base_fail_class cls = ledger_open(x->path, &x->l, &x->fail);
    if (cls == BASE_OK) {
        cls = ledger_event_list(x->l, x->a, NULL, 0, 1000, &out, &n, &x->fail);
    }
    assert_int_equal(cls, BASE_PERMANENT);
    assert_string_equal(x->fail.code, "ledger.damaged");
}

static void a_row_that_nobody_wrote(void **state)
{
    struct fixture *x = *state;
    struct ledger_intent i = {.p = {.tenant = "t", .account = "m", .domain = "example.org"}}, out;

    BEGIN(x);
    GOOD(x, ledger_intent_add(x->l, &i, &i.p.id, &x->fail));
    GOOD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE intent SET recipients = '[1]'", ""));
    BAD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail), BASE_PERMANENT, "ledger.damaged");
    GOOD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE intent SET recipients = '{'", ""));
    BAD(x, ledger_intent_get(x->l, x->a, i.p.id, &out, &x->fail), BASE_PERMANENT, "ledger.damaged");
    ledger_rollback(x->l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_pages),      TEST(a_full_disk),      TEST(a_limit_of_file_size),
        TEST(killed_fifty_times), TEST(a_damaged_header), TEST(a_damaged_schema),
        TEST(damaged_pages),      TEST(a_cut_file),       TEST(a_row_that_nobody_wrote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
