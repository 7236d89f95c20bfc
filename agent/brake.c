/* agent/brake.c - the spending brake: never more orders than an account's limits allow. */
#include "base/clock.h"
#include "plan.h"

enum base_fail_class agent_brake_check(struct agent *ag, const struct policy_account *account,
                                       int64_t more, struct base_fail *f)
{
    int64_t day, month, now = base_now();
    enum base_fail_class r =
        ledger_order_count(ag->ledger, account->id, now - 86400, &day, f);
    if (!r)
        r = ledger_order_count(ag->ledger, account->id, now - 30 * 86400, &month, f);
    if (r)
        return r;
    if (day + more > account->limit.day || month + more > account->limit.month)
        return base_failf(f, BASE_PERMANENT, "order.limit",
                          "account \"%s\" has ordered %lld certificates in 24 hours (limit %lld) and "
                          "%lld in 30 days (limit %lld): raise the limits in its account section if "
                          "that is meant",
                          account->id, (long long)day, (long long)account->limit.day,
                          (long long)month, (long long)account->limit.month);
    return BASE_OK;
}
