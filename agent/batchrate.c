/* agent/batchrate.c - how fast work goes that can wait.
 *
 * All requests of an account count in one pair of windows (ca/rate.h). Batches start
 * orders only while a part of both is free, looks at orders may use more of it, and what
 * is left over is for mails and for what a person asks. */
#include "batch.h"

#include "backup.h"
#include "base/clock.h"

#define SHARE_ORDERS 70 /* percent of the limits */
#define SHARE_LOOKS 85
#define WINDOW 183      /* seconds of the long window, as ca/rate.h keeps it */
#define REQUESTS 5      /* order, two looks with the state of validation, certificate */
#define LOOK_REQUESTS 2
#define FEW 20          /* open orders that need no sharing */
#define SPREAD_MAX 21600
#define EARLY_MAX 32     /* orders of an account that the CA doesn't have for certain */

bool agent_rate_room(struct agent *ag, const char *account, bool look)
{
    struct ca_account *ca = agent_conf_ca(ag->conf, account);
    return ca && ca_share_wait_ms(ca, look ? SHARE_LOOKS : SHARE_ORDERS) == 0;
}

const char *agent_rate_why(struct agent *ag, struct base_arena *a, const char *account)
{
    struct ca_account *ca = agent_conf_ca(ag->conf, account);
    struct base_fail f = {0};
    int64_t ms, early = 0;
    if (agent_fence_refuses(ag, "order", &f))
        return base_arena_strdup(a, f.text);
    if (!ca)
        return base_arena_printf(a, "account \"%s\" can't be used now: certmilter status", account);
    if ((ms = ca_wait_ms(ca)) > 0)
        return base_arena_printf(a, "the limit of requests for account %s is reached, open in %lld s",
                                 account, (long long)(ms + 999) / 1000);
    if ((ms = ca_share_wait_ms(ca, SHARE_ORDERS)) > 0)
        return base_arena_printf(a, "orders have used their part of the limit of requests for account %s, "
                                    "the next ones leave in %lld s",
                                 account, (long long)(ms + 999) / 1000);
    if (!agent_ok(ag, ledger_order_early(ag->ledger, account, &early, &f), &f, "orders"))
        return base_arena_strdup(a, f.text);
    if (early < EARLY_MAX)
        return NULL;
    return base_arena_printf(a, "%lld orders over account %s are not known to be at the CA yet, the "
                                "next ones wait for them: certmilter batch show --result tells why",
                             (long long)early, account);
}

int64_t agent_rate_seconds(const struct policy_account *acc, int64_t n)
{
    int64_t allowed = acc->rate_long * SHARE_ORDERS / 100; /* requests in one window */
    return n * REQUESTS * WINDOW / (allowed > 0 ? allowed : 1);
}

int64_t agent_rate_spread(struct agent *ag, const char *account)
{
    const struct policy_account *acc = policy_config_account(ag->conf->cfg, account);
    struct base_fail f = {0};
    int64_t n = 0;
    if (!acc || ledger_order_open(ag->ledger, account, &n, &f) || n <= FEW)
        return 0;
    int64_t s = (n - FEW) * LOOK_REQUESTS * WINDOW / (acc->rate_long / 2 > 0 ? acc->rate_long / 2 : 1);
    return s < SPREAD_MAX ? s : SPREAD_MAX;
}
