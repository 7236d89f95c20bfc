/* tests/unit/inspect_spawner.c - certinspect --spawner behind the client: the same answers, a cage as
 * tight, and nothing that can happen to spawner, child or agent stops the next input.
 *
 * A conversation is looked at from within: while the client asks for a DKIM key,
 * its child waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "inspect_processes.h"
#include "inspect/spawner.h"

#define THREADS 8
#define INPUTS 3000

/* --- one mail, looked at while its child waits ------------------------------------ */

typedef void within_fn(void *ctx, pid_t spawner, pid_t child);
struct within {
    within_fn *run;
    void *ctx;
};

static enum inspect_key_status look_within(void *ctx, struct base_arena *arena, const char *domain,
                                           const char *selector, const char **txt)
{
    const struct within *w = ctx;
    const struct seen up = spawner();
    struct seen below[8];
    int asked = 0;
    size_t n = 0;

    /* the one before may be on its way out */
    for (int i = 0; i < 6000 && (n = children(up.pid, below, 8)) != 1; i++) {
        usleep(20000);
    }
    assert_int_equal(n, 1);
    w->run(w->ctx, up.pid, below[0].pid);
    return key(&asked, arena, domain, selector, txt);
}

static enum base_fail_class mail(within_fn *run, void *ctx, struct base_fail *f)
{
    struct within w = {run, ctx};
    struct policy_facts *facts;
    struct base_buf b;
    struct inspect_mail_options o = {.program = program,
                                     .profiles = profiles,
                                     .key = look_within,
                                     .key_ctx = &w,
                                     .now = NOW};

    assert_int_equal(base_file_read(AT_FDCWD, MAILS "dcv-dv-en.eml", 65536, &b, NULL), BASE_OK);
    enum base_fail_class r = inspect_mail(a, &o, base_buf_bytes(&b), &facts, f);

    base_buf_free(&b);
    if (r == BASE_OK) {
        assert_true(facts->parsed);
        json_decref(facts->certificates);
    }
    return r;
}

/* One page, whose answer is told from all others by its number. */
static void page(struct base_arena *arena, int number)
{
    const char *html = base_arena_printf(
        arena, "<p>Approve this domain</p><p>Domain: n%d.example.test</p>", number);
    struct base_bytes body = {(const unsigned char *)html, strlen(html)};
    struct policy_profile *p;
    struct policy_page *got;
    struct base_fail f = {0};

    assert_int_equal(policy_profile_from_json(arena, json_array_get(profiles, 0), &p, NULL),
                     BASE_OK);
    if (inspect_page(arena, program, p, POLICY_KIND_DOMAIN_VALIDATION, body,
                     "https://dcv.synthetic.example/a", &got, &f) != BASE_OK) {
        fail_msg("%s: %s", f.code, f.text);
    }
    assert_string_equal(got->domain, base_arena_printf(arena, "n%d.example.test", number));
}

/* Inputs until one of them was given to a spawner other than OLD (a start may be due only in a second). */
static void until_another(pid_t old)
{
    struct seen all[64];

    for (int i = 0; i < 200; i++) {
        page(a, i);
        size_t n = children(getpid(), all, 64);

        for (size_t k = 0; k < n; k++) {
            if (all[k].state != 'Z' && all[k].pid != old) {
                return;
            }
        }
        usleep(20000);
    }
    fail_msg("no other spawner came");
}

/* No zombie, no child, and no descriptor but socket, stdout, stderr and signals. */
static void nothing_left(pid_t up)
{
    struct seen below[8];
    size_t n = 1;

    for (int i = 0; i < 6000 && (n = children(up, below, 8)) > 0; i++) {
        usleep(20000);
    }
    assert_int_equal(n, 0);
    int files = open_files(up);

    assert_true(files == 4 || files == -1);
}

/* --- tests --------------------------------------------------------------------------- */

struct report {
    int fd;
};

static void tell_and_wait(void *ctx, pid_t spawner_pid, pid_t child)
{
    const pid_t both[2] = {spawner_pid, child};

    (void)!write(((struct report *)ctx)->fd, both, sizeof(both));
    pause();
}

/* Before this process has a spawner: an agent that is killed takes everything with it. */
static void test_agent_killed(void **state)
{
    pid_t both[2];
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t agent = fork();

    if (agent == 0) {
        struct report r = {fds[1]};

        inspect_spawner_start(program);
        (void)mail(tell_and_wait, &r, NULL);
        _exit(1);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], both, sizeof(both)), sizeof(both));
    close(fds[0]);
    int up = pidfd_open(both[0], 0), below = pidfd_open(both[1], 0);

    assert_true(up >= 0 && below >= 0);
    kill(agent, SIGKILL);
    waitpid(agent, NULL, 0);
    assert_true(ends(up));
    assert_true(ends(below));
}

static void test_same_answers(void **state)
{
    (void)state;
    inspect_spawner_start(program);
    const struct seen before = spawner();

    fixture_all_mails();
    page(a, 1);
    const struct seen after = spawner();

    assert_int_equal(after.pid, before.pid);
    assert_true(after.reaped_faults > before.reaped_faults + 1000); /* it did the work */
    nothing_left(after.pid);
}

static void check_cage(void *ctx, pid_t up, pid_t child)
{
    (*(int *)ctx)++;
    assert_true(status_has(up, "\nNoNewPrivs:\t1\n"));
    assert_true(status_has(child, "\nNoNewPrivs:\t1\n"));
    assert_true(status_has(child, "\nSeccomp:\t2\n"));
#ifndef CERTMILTER_SANITIZE
    assert_true(status_has(child, "\nThreads:\t1\n"));
#endif
    assert_int_equal(getpgid(child), child);
    int n = open_files(child);

    assert_true(n == 3 || n == -1);
}

static void test_cage(void **state)
{
    int looked = 0;

    (void)state;
    assert_int_equal(mail(check_cage, &looked, NULL), BASE_OK);
    assert_int_equal(looked, 1);
}

struct shot {
    int signal;
    bool at_spawner;
};

static void shoot(void *ctx, pid_t up, pid_t child)
{
    const struct shot *s = ctx;
    int end = pidfd_open(child, 0);

    assert_int_equal(kill(s->at_spawner ? up : child, s->signal), 0);
    assert_true(ends(end));
}

/* What a limit does: the input fails, the spawner goes on. */
static void test_child_killed(void **state)
{
    const int signals[] = {SIGKILL, SIGXCPU};
    const pid_t before = spawner().pid;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct shot shot = {signals[i], false};
        struct base_fail f = {0};

        assert_int_equal(mail(shoot, &shot, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "inspect.died");
        page(a, 2);
        assert_int_equal(spawner().pid, before);
    }
}

/* A fault may be a guess at the memory that all children share: it isn't kept. */
static void test_child_crashed(void **state)
{
    struct shot shot = {SIGABRT, false};
    const pid_t before = spawner().pid;
    struct base_fail f = {0};

    (void)state;
    assert_int_equal(mail(shoot, &shot, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "inspect.died");
    until_another(before);
}

static void test_spawner_killed_between(void **state)
{
    const pid_t before = spawner().pid;
    int end = pidfd_open(before, 0);

    (void)state;
    kill(before, SIGKILL);
    assert_true(ends(end));
    page(a, 3);
    until_another(before);
}

static void test_spawner_killed_within(void **state)
{
    struct shot shot = {SIGKILL, true};
    const pid_t before = spawner().pid;
    struct base_fail f = {0};

    (void)state;
    assert_int_equal(mail(shoot, &shot, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "inspect.died");
    page(a, 4);
    until_another(before);
}

static pthread_barrier_t all_done;

static void *many(void *arg)
{
    const int first = *(const int *)arg;

    for (int i = 0; i < INPUTS / THREADS; i++) {
        struct base_arena *own = base_arena_new();

        page(own, first + i);
        base_arena_free(own);
    }
    /* a spawner ends with the thread that started it */
    pthread_barrier_wait(&all_done);
    pthread_barrier_wait(&all_done);
    return NULL;
}

/* Three turnovers, eight threads; each gets its own answers, and nothing is left over. */
static void test_turnover(void **state)
{
    const int files = open_files(getpid());
    const pid_t before = spawner().pid;
    pthread_t threads[THREADS];
    int first[THREADS];
    struct seen left[64];

    (void)state;
    pthread_barrier_init(&all_done, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        first[i] = 10000 * i;
        assert_int_equal(pthread_create(&threads[i], NULL, many, &first[i]), 0);
    }
    pthread_barrier_wait(&all_done);
    page(a, 5); /* buries who ended */
    assert_int_equal(open_files(getpid()), files);
    /* the one in use, and the last one on its way out at most */
    assert_in_range(children(getpid(), left, 64), 1, 2);
    assert_int_not_equal(left[0].pid, before);
    nothing_left(left[0].pid);
    pthread_barrier_wait(&all_done);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&all_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_killed),           cmocka_unit_test(test_same_answers),
        cmocka_unit_test(test_cage),                   cmocka_unit_test(test_child_killed),
        cmocka_unit_test(test_child_crashed),          cmocka_unit_test(test_spawner_killed_between),
        cmocka_unit_test(test_spawner_killed_within),  cmocka_unit_test(test_turnover),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
