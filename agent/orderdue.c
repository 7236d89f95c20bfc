/* agent/orderdue.c - what time brings: orders that are looked at again, accounts that are
 * looked over and synchronized, certificates that are renewed. */
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "batch.h"
#include "domainlook.h"
#include "orderrun.h"

#define POLL_MS 5000
#define LOOKS_MAX (AGENT_JOBS_MAX / 4) /* jobs worked on while no further look is started */

/* Many accounts are not all asked at one moment: each has its own place within a poll after
 * the start, and keeps that distance to the others from then on. */
#define FEW 8
static bool has_started(const struct agent *ag, size_t i)
{
    int64_t poll = ag->conf->accounts[i].cfg->poll;
    if (ag->conf->naccounts <= FEW)
        return true;
    poll = poll > 0 && poll < 600 ? poll : 600;
    return base_now() >= ag->started + (int64_t)i * poll / (int64_t)ag->conf->naccounts;
}

/* Every KIND of look has its own marks: when it last worked, and when it was last tried. */
static void poll_account(struct agent *ag, const struct agent_account *acc, const char *kind,
                         const char *done, const char *tried)
{
    struct base_fail f = {0};
    char key[160];
    int64_t last = 0, failed_at = 0, poll = acc->cfg->poll > 0 ? acc->cfg->poll : 900;
    snprintf(key, sizeof(key), "%s:%s", done, acc->cfg->id);
    /* once at start too, whenever the last time was */
    if (ledger_meta_get(ag->ledger, key, &last, 0, &f) ||
        (base_now() - last < poll && last >= ag->started))
        return;
    snprintf(key, sizeof(key), "%s:%s", tried, acc->cfg->id);
    if (ledger_meta_get(ag->ledger, key, &failed_at, 0, &f) || base_now() - failed_at < poll ||
        !agent_begin(ag))
        return;
    snprintf(key, sizeof(key), "%s:%s", strcmp(kind, "account.look") == 0 ? "look" : "sync",
             acc->cfg->id);
    agent_job_add(ag, kind, key, 0, 0, NULL);
    agent_commit(ag);
}

static void poll_accounts(struct agent *ag)
{
    for (size_t i = 0; i < ag->conf->naccounts; i++) {
        const struct agent_account *acc = &ag->conf->accounts[i];
        if (!acc->ca || !has_started(ag, i))
            continue;
        poll_account(ag, acc, "account.look", "looked", "tried");
        poll_account(ag, acc, "account.sync", "synced", "sync-tried");
    }
}

/* Near the limit of requests looks give way, so that orders, mails and other accounts go on. */
static bool may_look(struct agent *ag, const char *account)
{
    return !agent_conf_ca(ag->conf, account) || agent_rate_room(ag, account, true);
}

static int64_t postponed(struct agent *ag, const char *account)
{
    return base_now() + 2 + (int64_t)base_random_below((uint64_t)agent_rate_spread(ag, account) + 5);
}

int64_t agent_order_poll(const struct order_run *k)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->o.account);
    return acc && acc->poll > 0 ? acc->poll : 300;
}

int64_t agent_order_next_look(struct agent *ag, const struct order_run *k)
{
    int64_t age = base_now() - base_json_int(k->reissue, "since", k->o.created);
    int64_t poll = agent_order_poll(k), spread = agent_rate_spread(ag, k->o.account);
    /* often at first, when most orders are issued; then as configured */
    int64_t wait = age < 60 ? 5 : age < 600 ? 30 : poll;
    wait = wait < poll ? wait : poll;
    return base_now() + (wait > spread ? wait : spread);
}

static void orders_due(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_order *v;
    size_t n = 0;
    if (agent_ok(ag, ledger_order_due(ag->ledger, a, base_now(), 50, &v, &n, &f), &f, "orders") &&
        n > 0 && agent_begin(ag)) {
        for (size_t i = 0; i < n; i++) {
            bool later = ag->njobs >= LOOKS_MAX || !may_look(ag, v[i].account);
            /* the job sets it anew */
            v[i].next_look = later ? postponed(ag, v[i].account) : 0;
            if (!agent_ok(ag, ledger_order_update(ag->ledger, &v[i], &f), &f, "order"))
                break;
            if (!later &&
                !agent_job_add(ag, "order", agent_object(a, "order", v[i].id), v[i].id, 0, NULL))
                break;
        }
        agent_commit(ag);
    }
    base_arena_free(a);
}

void agent_orders_due(struct agent *ag)
{
    if (!ag->fenced)
        orders_due(ag);
    if (base_mono_ms() >= ag->next_poll) {
        ag->next_poll = base_mono_ms() + POLL_MS;
        poll_accounts(ag);
    }
    if (!ag->fenced)
        agent_renewals_due(ag);
    agent_calendar_due(ag);
}
