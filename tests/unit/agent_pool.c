/* The pool: every task comes back once, at most two of one key run at a time,
 * a slow key doesn't hold up the others, stopping waits for what runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/agent.h"

struct job {
    struct agent_task task;
    int ms;
};

static atomic_int running, most, ran, gate;

static void count_run(struct agent_task *t)
{
    struct job *j = (struct job *)t;
    int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    usleep((useconds_t)j->ms * 1000);
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&ran, 1);
}

/* Runs until the test opens the gate. */
static void gated_run(struct agent_task *t)
{
    (void)t;
    atomic_fetch_add(&running, 1);
    while (!atomic_load(&gate))
        usleep(1000);
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&ran, 1);
}

static void quick_run(struct agent_task *t)
{
    (void)t;
    atomic_fetch_add(&ran, 1);
}

static struct job *make(void (*run)(struct agent_task *), const char *key, int ms)
{
    struct job *j = calloc(1, sizeof(*j));
    j->task.run = run;
    j->ms = ms;
    snprintf(j->task.key, sizeof(j->task.key), "%s", key);
    return j;
}

static int collect(struct agent_pool *p, int fd, int want)
{
    int got = 0;
    while (got < want) {
        struct pollfd pf = {.fd = fd, .events = POLLIN};
        uint64_t n;
        assert_true(poll(&pf, 1, 120000) == 1);
        assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
        for (struct agent_task *t = agent_pool_take_done(p); t;) {
            struct agent_task *next = t->next;
            free(t);
            got++;
            t = next;
        }
    }
    return got;
}

static void every_task_comes_back(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC);
    struct agent_pool *p = agent_pool_new(2, 4, fd);
    atomic_store(&ran, 0);
    for (int i = 0; i < 500; i++)
        agent_pool_submit(p, i % 2 ? AGENT_LANE_CPU : AGENT_LANE_NET,
                          &make(quick_run, "", 0)->task);
    assert_int_equal(collect(p, fd, 500), 500);
    assert_int_equal(atomic_load(&ran), 500);
    assert_true(agent_pool_stop(p, 60000));
    close(fd);
}

static void two_of_a_key_at_most(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC);
    struct agent_pool *p = agent_pool_new(1, 8, fd);
    atomic_store(&most, 0);
    for (int i = 0; i < 12; i++)
        agent_pool_submit(p, AGENT_LANE_NET, &make(count_run, "slow.example", 20)->task);
    collect(p, fd, 12);
    assert_true(atomic_load(&most) <= 2);
    assert_true(agent_pool_stop(p, 60000));
    close(fd);
}

static void a_slow_key_holds_nobody_up(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC);
    struct agent_pool *p = agent_pool_new(1, 4, fd);
    atomic_store(&ran, 0);
    atomic_store(&gate, 0);
    for (int i = 0; i < 6; i++)
        agent_pool_submit(p, AGENT_LANE_NET, &make(gated_run, "slow.example", 0)->task);
    for (int i = 0; i < 50; i++)
        agent_pool_submit(p, AGENT_LANE_NET, &make(quick_run, "quick.example", 0)->task);
    collect(p, fd, 50); /* all fifty, while the slow ones stand still */
    assert_int_equal(atomic_load(&ran), 50);
    atomic_store(&gate, 1);
    collect(p, fd, 6);
    assert_true(agent_pool_stop(p, 60000));
    close(fd);
}

static void stop_drops_what_waits(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC);
    struct agent_pool *p = agent_pool_new(1, 1, fd);
    struct job *j[3];
    atomic_store(&ran, 0);
    atomic_store(&gate, 0);
    for (int i = 0; i < 3; i++) {
        j[i] = make(gated_run, "", 0);
        agent_pool_submit(p, AGENT_LANE_NET, &j[i]->task);
    }
    while (atomic_load(&running) == 0)
        usleep(1000);
    assert_false(agent_pool_stop(p, 50)); /* the first runs and stands still */
    atomic_store(&gate, 1);
    assert_true(agent_pool_stop(p, 60000));
    assert_int_equal(atomic_load(&ran), 1);
    for (int i = 0; i < 3; i++)
        free(j[i]);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_comes_back),
        cmocka_unit_test(two_of_a_key_at_most),
        cmocka_unit_test(a_slow_key_holds_nobody_up),
        cmocka_unit_test(stop_drops_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
