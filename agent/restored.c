/* agent/restored.c - after a restore the owners are told that their keys came out of a backup.
 *
 * A key that was taken out of a backup was in hands beyond the keeper's journal: its owner
 * hears of it, once for a restore, as of every export. A job goes through the keeper's keys a
 * page at a time; the place where it goes on is in the job, so a crash repeats one page at
 * most, whose mails have the same keys and go once. */
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "base/clock.h"
#include "base/json.h"
#include "keeper/client.h"

struct restored {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    int64_t at; /* when the restore was finished */
    const char *after;
    struct keeper_key *v;
    size_t n;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void run(struct agent_task *t)
{
    struct restored *k = (struct restored *)t;
    k->cls = keeper_list(k->conf->cfg->keeper_socket, k->a, k->after, NULL, false, KEEPER_PAGE_MAX, &k->v, &k->n,
                         &k->fail);
}

static void tell(struct agent *ag, struct restored *k, const struct keeper_key *key)
{
    char when[BASE_TIME_LEN];
    agent_notice(ag, base_arena_printf(k->a, "restored:%lld:%s", (long long)k->at, key->mailbox),
                 key->mailbox, "The private keys of your mailbox were restored from a backup",
                 base_arena_printf(
                     k->a,
                     "On %s your organization's certificate service was restored from a backup.\n"
                     "The private keys that belong to your mailbox\n\n    %s\n\n"
                     "were part of it. Nothing changes for you; you are told because you are told\n"
                     "whenever your keys are handled.\n"
                     "(This mail can't be switched off.)\n",
                     base_time_rfc5322(k->at, when), key->mailbox));
}

static json_t *place(int64_t at, const char *after)
{
    json_t *data = json_object();
    base_json_setn(data, "at", at);
    base_json_set(data, "after", after);
    return data;
}

static void conclude(struct agent *ag, struct restored *k)
{
    struct base_fail f = {0};
    for (size_t i = 0; i < k->n; i++)
        if (!k->v[i].destroyed && k->v[i].mailbox)
            tell(ag, k, &k->v[i]);
    if (k->n < KEEPER_PAGE_MAX) {
        agent_job_done(ag, k->job.id);
        return;
    }
    json_t *data = place(k->at, k->v[k->n - 1].id);
    char *text = base_json_text(data);
    if (ledger_in_transaction(ag->ledger) &&
        agent_ok(ag, ledger_job_save(ag->ledger, k->job.id, text, &f), &f, "job"))
        agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, base_now(), NULL, false, &f), &f, "job");
    free(text);
    json_decref(data);
}

static void restored_free(struct agent *ag, struct restored *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct restored *k = (struct restored *)t;
    if (!ag->stopping && agent_begin(ag)) {
        if (k->cls)
            agent_job_retry(ag, &k->job, &k->fail, 0);
        else
            conclude(ag, k);
        agent_commit(ag);
    }
    restored_free(ag, k);
}

void agent_restored_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct restored *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    json_t *data = job->data ? base_json_parse(job->data, strlen(job->data), 4096, &f) : NULL;
    k->at = base_json_int(data, "at", base_now());
    k->after = base_arena_strdup(k->a, base_json_str(data, "after"));
    json_decref(data);
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "keeper");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

bool agent_restored_tell(struct agent *ag)
{
    int64_t now = base_now();
    json_t *data = place(now, NULL);
    char *text = base_json_text(data), key[60];
    (void)snprintf(key, sizeof(key), "restored:%lld", (long long)now);
    bool good = agent_job_add(ag, "restored", key, 0, 0, text);
    free(text);
    json_decref(data);
    return good;
}
