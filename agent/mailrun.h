/* agent/mailrun.h - a mail between two gates: what loop and pool hand to each other.
 *
 * The loop owns a run; while its task is in the pool, the pool's thread alone
 * touches what stands below the line, and the arena. */
#ifndef AGENT_MAILRUN_H
#define AGENT_MAILRUN_H
#include "agent.h"
#include "dcv/dcv.h"

enum agent_run_step { STEP_API, STEP_LINK, STEP_FORM, STEP_AFTER };

struct agent_run {
    struct agent_task task;
    struct agent_run *next;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    int64_t mail_id, intent_id; /* intent 0 = none */
    bool parked;                /* waits until another run of its intent ends */
    enum agent_run_step step;
    struct agent_case c;
    struct policy_decision d;
    bool sent;                  /* the request that confirms may have left (also before a crash) */
    /* what the task in the pool works on and finds */
    struct ca_look look;
    struct policy_api api;
    struct dcv_page opened, answered;
    struct policy_page *page, *answer;
    char *host_error;
    bool unreachable;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* Hands the run to the pool for STEP; done() is called in the loop. */
void agent_run_submit(struct agent *ag, struct agent_run *r, enum agent_run_step step,
                      void (*done)(struct agent *ag, struct agent_task *t));
void agent_run_end(struct agent *ag, struct agent_run *r); /* frees it */

/* ---- mailcommit.c: one transaction each ---- */
/* The point of no return. False: nothing may leave. */
bool agent_run_confirming(struct agent *ag, struct agent_run *r);
/* These end the run. */
void agent_run_not_now(struct agent *ag, struct agent_run *r);
void agent_run_confirmed(struct agent *ag, struct agent_run *r);
void agent_run_conclude(struct agent *ag, struct agent_run *r);
void agent_run_later(struct agent *ag, struct agent_run *r);

#endif
