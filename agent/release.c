/* agent/release.c - a person lets orders pass above the spending brake. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "show.h"
#include "trust.h"

#define VALID_DEFAULT 86400
#define VALID_MAX (30 * 86400)
#define ORDERS_MAX 1000000

/* May BY release, where only some may? */
static bool may_release(const struct policy_account *account, const char *by)
{
    for (size_t i = 0; i < account->release_by.n; i++) {
        size_t n = strlen(account->release_by.v[i]);
        if (strncmp(by, account->release_by.v[i], n) == 0 && strncmp(by + n, " (uid ", 6) == 0)
            return true;
    }
    return account->release_by.n == 0;
}

/* Where only some may release, nobody does for a batch of their own. */
static enum base_fail_class check_batch(struct agent *ag, const struct policy_account *account,
                                        int64_t batch, const char *by, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *who = NULL;
    enum base_fail_class r = BASE_OK;
    if (batch && account->release_by.n)
        r = ledger_brake_placed(ag->ledger, a, batch, &who, f);
    if (!r && who && agent_same_person(who, by))
        r = base_failf(f, BASE_PERMANENT, "release.self",
                       "batch %lld was placed by %s: another of release_by has to release it",
                       (long long)batch, who);
    base_arena_free(a);
    return r;
}

static enum base_fail_class check(struct agent *ag, const json_t *req, const char *by,
                                  struct ledger_release *n, struct base_fail *f)
{
    const struct policy_account *account = policy_config_account(ag->conf->cfg, n->account);
    int64_t valid = base_json_int(req, "valid", VALID_DEFAULT);
    if (!account)
        return base_failf(f, BASE_PERMANENT, "account.unknown", "there is no account \"%s\" in %s",
                          n->account, ag->conf->cfg->path);
    if (!may_release(account, by))
        return base_failf(f, BASE_PERMANENT, "release.denied",
                          "%s may not release orders of account \"%s\": release_by in its section "
                          "names who may",
                          by, account->id);
    if (n->orders < 1 || n->orders > ORDERS_MAX)
        return base_failf(f, BASE_PERMANENT, "release.orders",
                          "expected how many orders above the limits: --orders 1 to %d", ORDERS_MAX);
    if (!n->reason[strspn(n->reason, " \t")] || strlen(n->reason) > 500)
        return base_failf(f, BASE_PERMANENT, "held.reason",
                          "expected a reason of at most 500 bytes; it is kept with your name");
    if (valid < 60 || valid > VALID_MAX)
        return base_failf(f, BASE_PERMANENT, "release.valid",
                          "expected a time from 1m to 30d for which the release holds");
    if (n->batch < 0)
        return base_failf(f, BASE_PERMANENT, "release.batch", "expected the number of a batch");
    n->until = n->at + valid;
    return check_batch(ag, account, n->batch, by, f);
}

enum base_fail_class agent_cmd_release(struct agent *ag, const json_t *req, const char *by,
                                       json_t *answer, struct base_fail *f)
{
    struct ledger_release n = {
        .account = base_json_strd(req, "account", ""),
        .batch = base_json_int(req, "batch", 0),
        .orders = base_json_int(req, "orders", 0),
        .reason = base_json_strd(req, "reason", ""),
        .who = by,
        .at = base_now(),
    };
    enum base_fail_class r = check(ag, req, by, &n, f);
    if (!r)
        r = ledger_release_add(ag->ledger, &n, &n.id, f);
    if (r)
        return r;
    struct base_arena *a = base_arena_new();
    json_t *data = json_object();
    char until[BASE_TIME_LEN];
    base_json_set(data, "account", n.account);
    base_json_setn(data, "orders", n.orders);
    base_json_setn(data, "batch", n.batch);
    base_json_set(data, "reason", n.reason);
    base_json_setn(data, "until", n.until);
    agent_event(ag, LOG_WARNING, "brake.released",
                policy_config_account(ag->conf->cfg, n.account)->tenant,
                agent_object(a, "release", n.id), by, data);
    base_json_setn(answer, "release", n.id);
    base_json_setn(answer, "until", n.until);
    base_time_rfc3339(n.until, until);
    base_json_set(answer, "text",
                  base_arena_printf(a, "%lld orders above the limits of account %s may be placed until "
                                       "%s",
                                    (long long)n.orders, n.account, until));
    ag->next_renewal = 0; /* renewals that waited for it go on now */
    base_arena_free(a);
    return BASE_OK;
}

enum base_fail_class agent_cmd_release_list(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_release *v;
    size_t n = 0, limit = agent_page_limit(req);
    json_t *list = json_array();
    (void)by;
    enum base_fail_class r = ledger_release_list(ag->ledger, a, base_json_str(req, "account"),
                                                 base_json_int(req, "after", 0), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "id", v[i].id);
        base_json_set(o, "account", v[i].account);
        base_json_setn(o, "orders", v[i].orders);
        base_json_setn(o, "used", v[i].used);
        if (v[i].batch)
            base_json_setn(o, "batch", v[i].batch);
        base_json_setn(o, "released_at", v[i].at);
        base_json_setn(o, "until", v[i].until);
        base_json_set(o, "who", v[i].who);
        base_json_set(o, "reason", v[i].reason);
        json_array_append_new(list, o);
    }
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    json_object_set_new(answer, "releases", list);
    base_arena_free(a);
    return r;
}
