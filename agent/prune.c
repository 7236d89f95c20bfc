/* agent/prune.c - what the ledger lets go after the time that section retention says.
 *
 * A pass a day, and one after a start or a reload: few rows a second, a transaction each, so
 * that nobody waits for it. A crash between repeats nothing that matters: what is gone is gone.
 * Not while the ledger is fenced. What may go, ledger/prune.h says. */
#include "ledger/prune.h"

#include "base/clock.h"
#include "base/json.h"
#include "watching.h"

#define PASS_MS 86400000
#define FIRST_MS 5000
#define SLICE_MS 1000
#define SLICE 200 /* rows */

static int64_t before(int64_t kept)
{
    return kept > 0 ? base_now() - kept : 0;
}

/* The counter of alarms counts those that are gone, too. */
static bool keep_count(struct agent *ag, int64_t alarms)
{
    struct base_fail f = {0};
    int64_t n = 0;
    return alarms == 0 ||
           (agent_ok(ag, ledger_meta_get(ag->ledger, AGENT_PRUNED_ALARMS, &n, 0, &f), &f, "meta") &&
            agent_ok(ag, ledger_meta_set(ag->ledger, AGENT_PRUNED_ALARMS, n + alarms, &f), &f, "meta"));
}

static void tell(struct agent *ag, const struct ledger_prune *p)
{
    if (p->events + p->mails + p->marks == 0)
        return;
    json_t *data = json_object();
    base_json_setn(data, "events", p->events);
    base_json_setn(data, "mails", p->mails);
    base_json_setn(data, "marks", p->marks);
    agent_event(ag, LOG_NOTICE, "ledger.pruned", NULL, "ledger", NULL, data);
}

void agent_prune_anew(struct agent *ag)
{
    ag->pruning = (struct ledger_prune){0};
    ag->next_prune = base_mono_ms() + FIRST_MS;
}

void agent_prune_due(struct agent *ag)
{
    const struct policy_config *cfg = ag->conf->cfg;
    struct base_fail f = {0};
    if (ag->next_prune == 0)
        agent_prune_anew(ag);
    if (base_mono_ms() < ag->next_prune || ag->ledger_sick || ag->fenced)
        return;
    ag->next_prune = base_mono_ms() + SLICE_MS;
    struct ledger_prune p = ag->pruning;
    if (p.step == 0 && p.at == 0 && p.id == 0) {
        p.events_before = before(cfg->events_kept);
        p.mails_before = before(cfg->mails_kept);
    }
    if (!agent_begin(ag))
        return;
    bool good = agent_ok(ag, ledger_prune(ag->ledger, &p, SLICE, &f), &f, "prune") &&
                keep_count(ag, p.alarms - ag->pruning.alarms);
    if (good && p.over)
        tell(ag, &p);
    if (!agent_commit(ag))
        return; /* the same slice again */
    ag->pruning = p.over ? (struct ledger_prune){0} : p;
    if (p.over)
        ag->next_prune = base_mono_ms() + PASS_MS;
}
