/* agent/attach.c - puts a stored certificate beside its key, in the keeper.
 *
 * A job of its own, because the keeper may be down when a certificate comes.
 * What the keeper refuses for good is an event, not tried again. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/json.h"
#include "keeper/client.h"

struct attach {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_certificate c;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void attach_run(struct agent_task *t)
{
    struct attach *k = (struct attach *)t;
    k->cls = keeper_attach(k->conf->cfg->keeper_socket, k->c.key_id, k->c.chain_pem, &k->fail);
}

static void attach_free(struct agent *ag, struct attach *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void attach_done(struct agent *ag, struct agent_task *t)
{
    struct attach *k = (struct attach *)t;
    if (!ag->stopping && agent_begin(ag)) {
        if (k->cls == BASE_TEMPORARY || k->cls == BASE_OURS)
            agent_job_retry(ag, &k->job, &k->fail, 0);
        else {
            json_t *data = json_object();
            base_json_set(data, "reason", k->cls ? k->fail.text : NULL);
            agent_event(ag, k->cls ? LOG_ERR : LOG_INFO,
                        k->cls ? "keeper.refused" : "keeper.attached", k->c.tenant,
                        agent_object(k->a, "certificate", k->c.id), NULL, data);
            agent_job_done(ag, k->job.id);
        }
        agent_commit(ag);
    }
    attach_free(ag, k);
}

void agent_attach_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct attach *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_certificate_get(ag->ledger, k->a, job->ref, &k->c, &f) || !k->c.key_id) {
        if (f.cls)
            agent_job_unread(ag, job, &f);
        else
            agent_job_done(ag, job->id);
        attach_free(ag, k);
        return;
    }
    k->task.run = attach_run;
    k->task.done = attach_done;
    snprintf(k->task.key, sizeof(k->task.key), "keeper");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
