/* agent/batchrate.c - how fast work goes that can wait.
 *
 * All requests of an account count in one pair of windows (ca/rate.h). Batches start
 * orders only while a part of both is free, looks at orders may use more of it, and what
 * is left over is for mails and for what a person asks. */
#include "batch.h"

#include "base/clock.h"

#define SHARE_ORDERS 70 /* percent of the limits */
#define SHARE_LOOKS 85
#define WINDOW 183      /* seconds of the long window, as ca/rate.h keeps it */
#define REQUESTS 5      /* order, two looks with the state of validation, certificate */
#define LOOK_REQUESTS 2
#define FEW 20          /* open orders that need no sharing */
#define SPREAD_MAX 21600

bool agent_rate_room(struct agent *ag, const char *account, bool look)
{
    struct ca_account *ca = agent_conf_ca(ag->conf, account);
    return ca && ca_share_wait_ms(ca, look ? SHARE_LOOKS : SHARE_ORDERS) == 0;
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
