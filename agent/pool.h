/* agent/pool.h - the fixed pool for everything that blocks.
 *
 * Two lanes: CPU (one inspector per core) and NET (HTTPS, DNS, SMTP, keeper;
 * 16 threads, at most 2 at once for one key, which is a host or an account).
 * run() is called in a pool thread and may touch only the task's own memory
 * and immutable snapshots; done() is called in the loop and owns the task. */
#ifndef AGENT_POOL_H
#define AGENT_POOL_H
#include <stdbool.h>
#include <stddef.h>

struct agent;
struct agent_task {
    void (*run)(struct agent_task *t);
    void (*done)(struct agent *ag, struct agent_task *t);
    char key[80]; /* "" = no limit but the lane's */
    struct agent_task *next;
};

enum agent_lane { AGENT_LANE_CPU = 0, AGENT_LANE_NET, AGENT_LANES };

struct agent_pool;

/* Starts the threads. WAKE_FD (an eventfd) is written when a task is done. */
struct agent_pool *agent_pool_new(int cpu_threads, int net_threads, int wake_fd);
void agent_pool_submit(struct agent_pool *p, enum agent_lane lane, struct agent_task *t);
/* Finished tasks, oldest first, linked by next; NULL if there are none. */
struct agent_task *agent_pool_take_done(struct agent_pool *p);
/* Tasks submitted and not yet taken back. */
size_t agent_pool_pending(struct agent_pool *p, enum agent_lane lane);
/* Waits for the tasks that run, at most MS milliseconds; queued ones are
 * dropped (their jobs are still in the ledger). True if all threads ended: then P is
 * freed. */
bool agent_pool_stop(struct agent_pool *p, int ms);

#endif
