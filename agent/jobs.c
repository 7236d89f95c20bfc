/* agent/jobs.c - work that survives a crash: leased from the ledger, done, or tried again. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "backup.h"
#include "base/clock.h"
#include "owner.h"
#include "publish.h"
#include "catalog.h"
#include "watching.h"

#define LEASE 600   /* seconds; a job still being worked on then is not started twice */
#define BATCH 8
#define BATCHES 64
#define TURN_MS 40 /* a job's start may cost a commit or more: then fewer */

static const struct {
    const char *kind;
    void (*start)(struct agent *ag, const struct ledger_job *job);
} kinds[] = {
    {"mail", agent_mail_job},           {"domain.request", agent_domain_job},
    {"account.look", agent_look_job},   {"order", agent_order_job},
    {"collect", agent_collect_job},     {"attach", agent_attach_job},
    {"notice", agent_notice_job},       {"revocation", agent_revocation_job},
    {"domain.dns", agent_dns_job},      {"renew.late", agent_late_job},
    {"alias", agent_alias_job},         {"forget", agent_forget_job},       {"forget.erase", agent_erase_job},
    {"publish", agent_publish_job},     {"restored", agent_restored_job},
    {"act", agent_act_job},             {"account.sync", agent_sync_job},
    {"organization", agent_organization_job},
};

int64_t agent_backoff(int64_t tries)
{
    int64_t s = tries < 9 ? 2LL << tries : 900;
    if (s > 900)
        s = 900;
    /* not all at once after a long outage */
    return s + (int64_t)base_random_below((uint64_t)(s / 4 + 1));
}

struct ledger_job agent_job_copy(struct base_arena *a, const struct ledger_job *job)
{
    struct ledger_job j = *job;
    j.kind = base_arena_strdup(a, job->kind);
    j.key = base_arena_strdup(a, job->key);
    j.data = base_arena_strdup(a, job->data);
    j.error = base_arena_strdup(a, job->error);
    return j;
}

void agent_job_done(struct agent *ag, int64_t job)
{
    struct base_fail f = {0};
    bool own = !ag->in_step;
    if (own ? !agent_begin(ag) : !ledger_in_transaction(ag->ledger))
        return;
    agent_ok(ag, ledger_job_done(ag->ledger, job, &f), &f, "job");
    if (own)
        agent_commit(ag);
}

void agent_job_retry(struct agent *ag, const struct ledger_job *job, const struct base_fail *why,
                     int64_t not_before)
{
    struct base_fail f = {0};
    bool own = !ag->in_step;
    int64_t at = not_before ? not_before : base_now() + agent_backoff(job->tries);
    base_log_fail(LOG_NOTICE, "job.later", why, "kind", job->kind, "job", base_log_num(job->id),
                  "in", base_log_num(at - base_now()), NULL);
    if (own ? !agent_begin(ag) : !ledger_in_transaction(ag->ledger))
        return;
    agent_ok(ag, ledger_job_later(ag->ledger, job->id, at, why ? why->text : NULL, true, &f), &f,
             "job");
    if (own)
        agent_commit(ag);
}

void agent_job_unread(struct agent *ag, const struct ledger_job *job, const struct base_fail *f)
{
    if (strcmp(f->code, "ledger.absent") == 0)
        agent_job_done(ag, job->id);
    else
        agent_job_retry(ag, job, f, 0);
}

/* ---- what is being worked on ----------------------------------------------------- */

static size_t place_of(const struct agent *ag, int64_t job)
{
    size_t i = 0;
    while (i < ag->njobs && ag->jobs[i] != job)
        i++;
    return i;
}

void agent_job_over(struct agent *ag, int64_t job)
{
    size_t i = place_of(ag, job);
    if (i < ag->njobs)
        ag->jobs[i] = ag->jobs[--ag->njobs];
}

static void start(struct agent *ag, const struct ledger_job *job)
{
    if (place_of(ag, job->id) < ag->njobs)
        return; /* its lease ran out while it waits for a thread: never two of one job */
    if (!agent_fence_job(ag, job))
        return;
    ag->jobs[ag->njobs++] = job->id;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, job->kind) == 0) {
            kinds[i].start(ag, job);
            return;
        }
    base_log(LOG_ERR, "job.unknown", "kind", job->kind, NULL);
    agent_job_done(ag, job->id);
    agent_job_over(ag, job->id);
}

void agent_jobs_run(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_job *jobs;
    size_t n = 0;
    int64_t next = 0, began = base_mono_ms();
    /* a few batches at a time, so that events and other work get their turn */
    for (int i = 0; i < BATCHES && base_mono_ms() - began < TURN_MS && !ag->stopping && !ag->ledger_sick;
         i++) {
        size_t room = AGENT_JOBS_MAX - ag->njobs;
        if (room > BATCH)
            room = BATCH;
        if (room == 0)
            break;
        if (ledger_job_next(ag->ledger, &next, &f) || !next || next > base_now())
            break;
        if (!agent_ok(ag, ledger_job_lease(ag->ledger, a, base_now(), LEASE, room, &jobs, &n, &f), &f,
                      "lease"))
            break;
        for (size_t k = 0; k < n; k++)
            start(ag, &jobs[k]);
    }
    base_arena_free(a);
}
