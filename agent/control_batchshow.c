/* agent/control_batchshow.c - commands that tell how batches stand, and what became of their lines. */
#include "base/clock.h"
#include "base/json.h"
#include "batch.h"

#define LIST_MAX 500

static void put(const struct ledger_batch *b, const struct ledger_batch_counts *n, json_t *o)
{
    base_json_setn(o, "batch", b->id);
    base_json_set(o, "kind", b->kind);
    base_json_set(o, "name", b->name);
    base_json_set(o, "state", b->state);
    base_json_set(o, "text", b->text);
    base_json_set(o, "by", b->by);
    if (b->wave)
        base_json_setn(o, "wave", b->wave);
    if (b->every)
        base_json_setn(o, "every", b->every);
    if (b->next_at > base_now())
        base_json_setn(o, "next_at", b->next_at);
    if (b->deadline)
        base_json_setn(o, "deadline", b->deadline);
    base_json_setn(o, "created", b->created);
    base_json_setn(o, "started", b->started);
    base_json_setn(o, "ended", b->ended);
    base_json_setn(o, "lines", n->waiting + n->placed + n->issued + n->failed + n->refused +
                                   n->duplicate);
    base_json_setn(o, "waiting", n->waiting);
    base_json_setn(o, "placed", n->placed);
    base_json_setn(o, "issued", n->issued);
    base_json_setn(o, "failed", n->failed);
    base_json_setn(o, "refused", n->refused);
    base_json_setn(o, "duplicate", n->duplicate);
}

/* Of the account that its next line goes over. */
static int64_t seconds_left(struct agent *ag, struct base_arena *a, const struct ledger_batch *b,
                            int64_t waiting)
{
    const struct policy_account *acc = NULL;
    struct ledger_batch_line *v;
    struct base_fail f = {0};
    size_t n = 0;
    if (!ledger_batch_line_next(ag->ledger, a, b->id, 1, &v, &n, &f) && n == 1 && v[0].mailbox) {
        const struct policy_domain *d = policy_config_mailbox_domain(ag->conf->cfg, v[0].mailbox);
        acc = d && d->account ? policy_config_account(ag->conf->cfg, d->account) : NULL;
    }
    return acc ? agent_rate_seconds(acc, waiting) : 0;
}

enum base_fail_class agent_batch_put(struct agent *ag, const struct ledger_batch *b, json_t *answer,
                                     struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_batch_counts n;
    char span[BASE_TIME_LEN], at[BASE_TIME_LEN];
    enum base_fail_class r = ledger_batch_count(ag->ledger, b->id, &n, f);
    if (!r) {
        put(b, &n, answer);
        int64_t s = n.waiting ? seconds_left(ag, a, b, n.waiting) : 0;
        bool late = b->deadline && n.waiting && base_now() + s > b->deadline;
        if (n.waiting)
            base_json_setn(answer, "seconds", s);
        if (late)
            json_object_set_new(
                answer, "attention",
                json_pack("[s]",
                          base_arena_printf(a, "the deadline %s can't be kept at the allowed rate: "
                                               "%lld are left, which takes about %s",
                                            base_time_rfc3339(b->deadline, at), (long long)n.waiting,
                                            base_time_span(s, span))));
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_batch_status(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_batch b;
    enum base_fail_class r = agent_batch_of(ag, a, req, &b, f);
    (void)by;
    if (!r)
        r = agent_batch_put(ag, &b, answer, f);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_batch_list(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t limit = base_json_int(req, "limit", 100), before = base_json_int(req, "after", 0);
    struct ledger_batch *v;
    size_t n = 0;
    (void)by;
    limit = limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : limit;
    json_t *list = json_array();
    enum base_fail_class r = ledger_batch_list(ag->ledger, a, before, (size_t)limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        struct ledger_batch_counts counts;
        json_t *o = json_object();
        r = ledger_batch_count(ag->ledger, v[i].id, &counts, f);
        put(&v[i], &counts, o);
        json_array_append_new(list, o);
    }
    json_object_set_new(answer, "batches", list);
    if (!r && n == (size_t)limit)
        base_json_setn(answer, "next", v[n - 1].id);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_batch_results(struct agent *ag, const json_t *req, const char *by,
                                             json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t limit = base_json_int(req, "limit", LIST_MAX);
    struct ledger_batch_result *v;
    struct ledger_batch b;
    size_t n = 0;
    (void)by;
    limit = limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : limit;
    json_t *list = json_array();
    enum base_fail_class r = agent_batch_of(ag, a, req, &b, f);
    if (!r)
        r = ledger_batch_results(ag->ledger, a, b.id, base_json_int(req, "after", 0), (size_t)limit,
                                 &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "line", v[i].line);
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "outcome", v[i].state);
        if (v[i].order_row)
            base_json_setn(o, "order", v[i].order_row);
        if (v[i].certificate)
            base_json_setn(o, "certificate", v[i].certificate);
        base_json_set(o, "text", v[i].text);
        json_array_append_new(list, o);
    }
    json_object_set_new(answer, "results", list);
    if (!r && n == (size_t)limit)
        base_json_setn(answer, "next", v[n - 1].line);
    base_arena_free(a);
    return r;
}
