/* agent/checkpoint.c - the ledger's log goes back into its file without the loop waiting.
 *
 * A task in the pool does it whenever enough came together. Under a stream of commits some pages
 * are new each time it ends, so the log never begins anew by itself: once it is long the loop
 * adds those few. Where the pool has no thread for it for long, the loop does it all. */
#include "ledger/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "agent.h"

#define ENOUGH 1000 /* pages, 4 MiB */
#define LONG 16000  /* 64 MiB: the log shall begin anew */
#define FEW 500     /* that the loop may write itself */
#define TOO_LONG 64000

struct checkpoint {
    struct agent_task task;
    char *path;
    int at; /* pages in the log when it was submitted */
    enum base_fail_class cls;
    struct base_fail fail;
};

/* Of the loop. */
static bool running;
static int reached; /* pages of the log that the last one was for */

static void run(struct agent_task *t)
{
    struct checkpoint *k = (struct checkpoint *)t;
    k->cls = ledger_checkpoint_beside(k->path, &k->fail);
}

static void by_loop(struct agent *ag)
{
    struct base_fail f = {0};
    if (ledger_checkpoint(ag->ledger, &f))
        base_log_fail(LOG_WARNING, "ledger.checkpoint", &f, NULL);
    reached = ledger_log_pages(ag->ledger);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct checkpoint *k = (struct checkpoint *)t;
    running = false;
    reached = k->at; /* if not, for a reader of an older state (a backup): tried with what comes next */
    if (k->cls)
        base_log_fail(LOG_WARNING, "ledger.checkpoint", &k->fail, NULL);
    int now = ledger_log_pages(ag->ledger);
    if (!k->cls && now >= LONG && now - k->at <= FEW && !ledger_in_transaction(ag->ledger))
        by_loop(ag);
    free(k->path);
    free(k);
}

void agent_checkpoint_due(struct agent *ag)
{
    int now = ledger_log_pages(ag->ledger);
    if (now < reached)
        reached = 0; /* it began anew */
    if (now - reached < ENOUGH || ag->stopping)
        return;
    if (running) {
        if (now > TOO_LONG)
            by_loop(ag);
        return;
    }
    struct checkpoint *k = base_xmalloc(sizeof *k);
    memset(k, 0, sizeof *k);
    k->path = base_xstrdup(ag->conf->cfg->ledger_path);
    k->at = now;
    k->task.run = run;
    k->task.done = done;
    running = true;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
