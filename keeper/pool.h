/* keeper/pool.h - worker threads that run requests.
 *
 * Long jobs (making RSA keys) never take the last thread, so that short ones
 * always find one. Results are fetched by the event loop when the descriptor is
 * readable. */
#ifndef KEEPER_POOL_H
#define KEEPER_POOL_H
#include <stdbool.h>
#include <stdint.h>

#include "ops.h"

struct keeper_job {
    struct keeper_call call;
    json_t *request; /* owned; call.request points at it */
    json_t *answer;  /* owned; NULL until done */
    unsigned slot;   /* whose: for the event loop alone */
    uint64_t turn;
    struct keeper_job *next;
};
void keeper_job_free(struct keeper_job *j); /* wipes passphrases */

struct keeper_pool;

/* SLOW long jobs at once (at least 1), one thread more for the rest. Ours: "keeper.internal". */
enum base_fail_class keeper_pool_open(struct keeper_ctx *ctx, int slow, struct keeper_pool **out,
                                      struct base_fail *f);
int keeper_pool_fd(const struct keeper_pool *p);
/* Takes J; false (J stays the caller's) when too many are waiting. */
bool keeper_pool_put(struct keeper_pool *p, struct keeper_job *j);
/* A finished job, the caller's; NULL if there is none. */
struct keeper_job *keeper_pool_get(struct keeper_pool *p);
/* Lets running jobs end, drops waiting ones, joins the threads. Finished jobs can
 * still be fetched. */
void keeper_pool_stop(struct keeper_pool *p);
void keeper_pool_free(struct keeper_pool *p);

#endif
