/* agent/brake.c - the spending brake: never more orders than an account's limits allow.
 *
 * What was ordered is counted from the orders' rows, in the transaction that adds the next one:
 * neither a crash nor a second command in between can pass a limit. Above it a person may release
 * a number of orders; each of them names its release and counts for that alone. */
#include <string.h>

#include "base/clock.h"
#include "plan.h"
#include "trust.h"

#define DAY 86400
#define MONTH (30 * DAY)
#define OPEN_MAX 100 /* releases that are looked at for one order */

static const char *const names[] = {"of one run", "of one day", "of one month"};

int64_t agent_brake_run(void)
{
    static int64_t last;
    int64_t n = -base_now() * 1000;
    last = n >= last && last ? last - 1 : n; /* two within a second */
    return last;
}

/* The releases that an order of BATCH by BY may use. */
static enum base_fail_class open_releases(struct agent *ag, struct base_arena *a,
                                          const struct policy_account *account, int64_t batch,
                                          const char *by, struct ledger_release **out, size_t *n,
                                          struct base_fail *f)
{
    struct ledger_release *v = NULL;
    size_t all = 0;
    *n = 0;
    enum base_fail_class r = ledger_release_open(ag->ledger, a, account->id, batch, base_now(),
                                                 OPEN_MAX, &v, &all, f);
    for (size_t i = 0; !r && i < all; i++)
        if (!by || account->release_by.n == 0 || !agent_same_person(v[i].who, by))
            v[(*n)++] = v[i];
    *out = v;
    return r;
}

enum base_fail_class agent_brake_look(struct agent *ag, const struct policy_account *account,
                                      int64_t batch, const char *by, struct agent_brake *out,
                                      struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_release *v = NULL;
    size_t n = 0;
    int64_t now = base_now();
    memset(out, 0, sizeof(*out));
    out->limit[AGENT_BRAKE_RUN] = account->limit.run;
    out->limit[AGENT_BRAKE_DAY] = account->limit.day;
    out->limit[AGENT_BRAKE_MONTH] = account->limit.month;
    enum base_fail_class r = BASE_OK;
    if (batch)
        r = ledger_brake_batch(ag->ledger, account->id, batch, &out->used[AGENT_BRAKE_RUN], f);
    if (!r)
        r = ledger_brake_count(ag->ledger, account->id, now - DAY, &out->used[AGENT_BRAKE_DAY], f);
    if (!r)
        r = ledger_brake_count(ag->ledger, account->id, now - MONTH, &out->used[AGENT_BRAKE_MONTH],
                               f);
    if (!r)
        r = open_releases(ag, a, account, batch, by, &v, &n, f);
    for (size_t i = 0; i < n; i++)
        out->released += v[i].orders - v[i].used;
    out->room = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t left = out->limit[i] - out->used[i];
        if (left < out->room) {
            out->room = left < 0 ? 0 : left;
            out->tight = (enum agent_brake_limit)i;
        }
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_brake_check_by(struct agent *ag, const struct policy_account *account,
                                          int64_t batch, int64_t more, const char *by,
                                          struct base_fail *f)
{
    struct agent_brake b;
    char batch_option[40] = "";
    enum base_fail_class r = agent_brake_look(ag, account, batch, by, &b, f);
    if (r || more <= b.room + b.released)
        return r;
    if (batch > 0)
        snprintf(batch_option, sizeof(batch_option), " --batch %lld", (long long)batch);
    int64_t over = more - b.room - b.released;
    return base_failf(f, BASE_PERMANENT, "order.limit",
                      "%lld of %lld %s above the limit %lld %s of account \"%s\" (used: run %lld of "
                      "%lld, day %lld of %lld, month %lld of %lld; released %lld): nothing is "
                      "ordered. If it is meant: certmilter release %s --orders %lld --reason TEXT%s",
                      (long long)over, (long long)more, more == 1 ? "order is" : "orders are",
                      (long long)b.limit[b.tight], names[b.tight], account->id,
                      (long long)b.used[0], (long long)b.limit[0], (long long)b.used[1],
                      (long long)b.limit[1], (long long)b.used[2], (long long)b.limit[2],
                      (long long)b.released, account->id, (long long)over, batch_option);
}

/* One for this batch alone before one for any order. */
static int64_t pick(const struct ledger_release *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].batch)
            return v[i].id;
    return v[0].id;
}

enum base_fail_class agent_brake_take(struct agent *ag, const struct policy_account *account,
                                      int64_t batch, const char *by, int64_t order,
                                      struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_release *v = NULL;
    struct agent_brake b;
    size_t n = 0;
    /* the row is there already: it takes the last place of the limits if none is overdrawn */
    enum base_fail_class r = agent_brake_look(ag, account, batch, by, &b, f);
    bool within = b.used[0] + (batch ? 0 : 1) <= b.limit[0] && b.used[1] <= b.limit[1] &&
                  b.used[2] <= b.limit[2];
    if (!r && !within) {
        r = open_releases(ag, a, account, batch, by, &v, &n, f);
        if (!r && n == 0)
            r = base_failf(f, BASE_PERMANENT, "order.limit",
                           "the limits of account \"%s\" leave no room, and no release of another "
                           "person does: certmilter release %s --orders N --reason TEXT",
                           account->id, account->id);
        if (!r)
            r = ledger_release_use(ag->ledger, pick(v, n), order, f);
    }
    base_arena_free(a);
    return r;
}
