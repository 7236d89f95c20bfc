/* agent/batch.c - placing the lines of batches.
 *
 *   open -> running -> placed -> done
 *             | ^ paused, braked, stopped
 *
 * A line and its order are written in one transaction, so that after a crash at any
 * point no line has two orders and none is forgotten; sending is the order's own work
 * (orders.c). Four times a second every batch that runs places a few lines: not more
 * than may be on their way at once, at a rate that leaves room for others, and never
 * past the spending brake, where the batch waits for a person. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "trust.h"

#define AT_ONCE 16    /* lines of a batch in one go */
#define BRAKE_AGAIN 5 /* seconds between two looks at the brake */
#define BUSY_AGAIN 2

bool agent_batch_move(struct agent *ag, struct base_arena *a, struct ledger_batch *b,
                      const char *state, const char *by, const char *text)
{
    struct base_fail f = {0};
    bool news = strcmp(b->state, state) != 0;
    b->state = state;
    b->text = text;
    if (!agent_ok(ag, ledger_batch_update(ag->ledger, b, &f), &f, "batch"))
        return false;
    if (news) {
        json_t *data = json_object();
        base_json_set(data, "state", state);
        base_json_set(data, "name", b->name);
        base_json_set(data, "text", text);
        agent_event(ag, strcmp(state, "braked") == 0 ? LOG_WARNING : LOG_NOTICE, "batch.state", NULL,
                    agent_object(a, "batch", b->id), by, data);
    }
    return true;
}

/* Moves in a transaction of its own. */
static void move(struct agent *ag, struct base_arena *a, struct ledger_batch *b, const char *state,
                 const char *text)
{
    if (!agent_begin(ag))
        return;
    agent_batch_move(ag, a, b, state, NULL, text);
    agent_commit(ag);
}

/* ---- what a line asks for ------------------------------------------------------------------- */

const char *agent_batch_account(struct agent *ag, struct base_arena *a, const struct ledger_batch *b,
                                const struct ledger_batch_line *l, const json_t *req)
{
    struct base_fail f = {0};
    struct ledger_order o;
    if (strcmp(b->kind, "reissue") == 0)
        return ledger_order_get(ag->ledger, a, base_json_int(req, "order", 0), &o, &f) ? NULL
                                                                                      : o.account;
    const struct policy_domain *d =
        l->mailbox ? policy_config_mailbox_domain(ag->conf->cfg, l->mailbox) : NULL;
    return d ? d->account : NULL;
}

static enum base_fail_class not_current(struct base_fail *f, const struct ledger_certificate *c)
{
    return base_failf(f, BASE_PERMANENT, "order.under-way", "certificate %lld is %s by now",
                      (long long)c->id, c->state);
}

static enum base_fail_class place_reissue(struct agent *ag, struct base_arena *a,
                                          const struct ledger_batch *b, const json_t *req,
                                          json_t *answer, struct base_fail *f)
{
    struct ledger_certificate c;
    struct ledger_order o;
    enum base_fail_class r =
        ledger_certificate_get(ag->ledger, a, base_json_int(req, "certificate", 0), &c, f);
    if (!r && strcmp(c.state, "current") != 0)
        return not_current(f, &c);
    if (!r)
        r = ledger_order_get(ag->ledger, a, c.order_row, &o, f);
    return r ? r : agent_reissue(ag, &o, NULL, b->by, b->reason, answer, f);
}

static enum base_fail_class place_renewal(struct agent *ag, struct base_arena *a,
                                          const struct ledger_batch *b, const json_t *req,
                                          json_t *answer, struct base_fail *f)
{
    struct ledger_certificate c;
    enum base_fail_class r =
        ledger_certificate_get(ag->ledger, a, base_json_int(req, "certificate", 0), &c, f);
    if (!r && strcmp(c.state, "current") != 0)
        return not_current(f, &c);
    struct agent_renew_how how = {.automatic = true, .batch = b->id};
    return r ? r : agent_renew(ag, &c, &how, b->by, answer, f);
}

static enum base_fail_class place_order(struct agent *ag, const struct ledger_batch *b,
                                        const struct ledger_batch_line *l, json_t *req,
                                        json_t *answer, struct base_fail *f)
{
    int64_t twin;
    enum base_fail_class r = ledger_batch_line_twin(ag->ledger, l->key, l->id, &twin, f);
    if (!r && twin)
        return base_failf(f, BASE_PERMANENT, "order.twin",
                          "the same was ordered before, as order %lld", (long long)twin);
    base_json_setn(req, "batch", b->id);
    base_json_setb(req, "dry_run", false);
    r = r ? r : agent_order_place(ag, req, b->by, answer, f);
    return r;
}

/* The order and its line, in the open transaction. */
static enum base_fail_class place(struct agent *ag, struct base_arena *a, const struct ledger_batch *b,
                                  struct ledger_batch_line *l, json_t *req, struct base_fail *f)
{
    json_t *answer = json_object();
    enum base_fail_class r = strcmp(b->kind, "reissue") == 0 ? place_reissue(ag, a, b, req, answer, f)
                             : strcmp(b->kind, "renew") == 0
                                 ? place_renewal(ag, a, b, req, answer, f)
                                 : place_order(ag, b, l, req, answer, f);
    if (!r) {
        l->state = "placed";
        l->order_row = base_json_int(answer, "order", 0);
        l->changed = base_now();
        l->text = NULL;
        r = ledger_batch_line_update(ag->ledger, l, f);
    }
    json_decref(answer);
    return r;
}

/* ---- what became of it -------------------------------------------------------------------------- */

static bool is_brake(const struct base_fail *f)
{
    return strcmp(f->code, "order.limit") == 0;
}

/* What stops every line alike is not told line by line: the CA's terms are to be accepted. */
static bool is_for_all(const struct base_fail *f)
{
    return strcmp(f->code, "order.agreement") == 0;
}

static void refuse(struct agent *ag, struct ledger_batch_line *l, const struct base_fail *why)
{
    struct base_fail f = {0};
    bool twin = strcmp(why->code, "order.twin") == 0 || strcmp(why->code, "order.under-way") == 0;
    if (!agent_begin(ag))
        return;
    l->state = twin ? "duplicate" : "refused";
    l->text = why->text;
    l->changed = base_now();
    agent_ok(ag, ledger_batch_line_update(ag->ledger, l, &f), &f, "line");
    agent_commit(ag);
}

/* WHY is what the brake said to one order; what all that wait would need is told. */
static void brake(struct agent *ag, struct base_arena *a, struct ledger_batch *b, const char *account,
                  const struct base_fail *why)
{
    const struct policy_account *acc =
        account ? policy_config_account(ag->conf->cfg, account) : NULL;
    struct base_fail f = {0}, all = {0};
    struct ledger_batch_counts n;
    char day[BASE_TIME_LEN];
    if (ledger_batch_count(ag->ledger, b->id, &n, &f) || !agent_begin(ag))
        return;
    if (acc && agent_brake_check_by(ag, acc, b->id, n.waiting, b->by, &all) == BASE_PERMANENT)
        why = &all;
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    b->next_at = base_now() + BRAKE_AGAIN;
    if (agent_batch_move(ag, a, b, "braked", NULL,
                         base_arena_printf(a, "%lld lines wait at the spending brake: %s",
                                           (long long)n.waiting, why->text)))
        agent_notice(ag, base_arena_printf(a, "batch-braked:%lld:%s", (long long)b->id, day),
                     agent_contact(ag, NULL),
                     base_arena_printf(a, "certmilter: batch %lld waits at the spending brake",
                                       (long long)b->id),
                     base_arena_printf(a, "The batch\n\n    %s\n\ndoes not go on:\n\n    %s\n\nIt goes "
                                          "on by itself when the brake has room or is released. See "
                                          "\"certmilter batch show %lld\".\n",
                                       b->name ? b->name : "", b->text, (long long)b->id));
    agent_commit(ag);
}

/* A wave is placed: the next one starts in time, or when a person says so. */
static bool wave_over(struct agent *ag, struct base_arena *a, struct ledger_batch *b)
{
    char at[BASE_TIME_LEN];
    if (b->wave == 0 || --b->wave_left > 0)
        return false;
    b->wave_left = b->wave;
    if (b->every > 0) {
        b->next_at = base_now() + b->every;
        agent_batch_move(ag, a, b, "running", NULL,
                         base_arena_printf(a, "a wave of %lld is placed, the next one starts %s",
                                           (long long)b->wave, base_time_rfc3339(b->next_at, at)));
    } else
        agent_batch_move(ag, a, b, "paused", NULL,
                         base_arena_printf(a, "a wave of %lld is placed; the next one: certmilter "
                                              "batch resume %lld",
                                           (long long)b->wave, (long long)b->id));
    return true;
}

/* ---- one batch --------------------------------------------------------------------------------- */

static bool account_unusable(struct agent *ag, struct base_arena *a, struct ledger_batch *b,
                             const char *account)
{
    if (agent_conf_ca(ag->conf, account))
        return false;
    const char *text = base_arena_printf(a, "account \"%s\" can't be used now: certmilter status",
                                         account);
    b->next_at = base_now() + BUSY_AGAIN;
    if (!b->text || strcmp(b->text, text) != 0)
        move(ag, a, b, b->state, text);
    return true;
}

/* True if the next line may follow at once. */
static bool place_line(struct agent *ag, struct base_arena *a, struct ledger_batch *b,
                       struct ledger_batch_line *l)
{
    struct base_fail f = {0};
    json_t *req = base_json_parse(l->request, strlen(l->request), 1 << 20, &f);
    const char *account = req ? agent_batch_account(ag, a, b, l, req) : NULL;
    bool go_on = false, wave = false;
    if (account && (account_unusable(ag, a, b, account) || agent_rate_why(ag, a, account))) {
        json_decref(req);
        return false;
    }
    enum base_fail_class r = req ? BASE_OK : BASE_OURS;
    if (agent_begin(ag)) {
        r = r ? r : place(ag, a, b, l, req, &f);
        if (!r && (strcmp(b->state, "running") != 0 || b->text))
            agent_batch_move(ag, a, b, "running", NULL, NULL);
        if (!r)
            wave = wave_over(ag, a, b);
        if (!r && b->wave > 0 && !wave) /* the count outlives this turn, and a kill */
            r = ledger_batch_update(ag->ledger, b, &f);
        if (r)
            agent_rollback(ag);
        else
            go_on = agent_commit(ag) && !wave;
        if (r && is_brake(&f))
            brake(ag, a, b, account, &f);
        else if (r && is_for_all(&f))
            move(ag, a, b, "paused",
                 base_arena_printf(a, "%s; then: certmilter batch resume %lld", f.text,
                                   (long long)b->id));
        else if (r && r != BASE_TEMPORARY) {
            refuse(ag, l, &f);
            go_on = !ag->ledger_sick;
        }
    }
    json_decref(req);
    return go_on;
}

/* Nothing waits any more. */
static void placed(struct agent *ag, struct base_arena *a, struct ledger_batch *b)
{
    struct base_fail f = {0};
    struct ledger_batch_counts n;
    if (!agent_ok(ag, ledger_batch_count(ag->ledger, b->id, &n, &f), &f, "batch"))
        return;
    if (n.placed == 0) {
        b->ended = base_now();
        move(ag, a, b, "done",
             base_arena_printf(a, "%lld issued, %lld failed, %lld refused, %lld ordered before",
                               (long long)n.issued, (long long)n.failed, (long long)n.refused,
                               (long long)n.duplicate));
    } else if (strcmp(b->state, "placed") != 0)
        move(ag, a, b, "placed", "every line is placed");
}

static void step(struct agent *ag, struct base_arena *a, struct ledger_batch *b)
{
    struct base_fail f = {0};
    struct ledger_batch_line *v;
    size_t n = 0;
    if (strcmp(b->state, "placed") == 0) {
        placed(ag, a, b);
        return;
    }
    if (b->next_at > base_now() ||
        !agent_ok(ag, ledger_batch_line_next(ag->ledger, a, b->id, AT_ONCE, &v, &n, &f), &f, "lines"))
        return;
    if (n == 0)
        placed(ag, a, b);
    for (size_t i = 0; i < n && !ag->ledger_sick; i++)
        if (!place_line(ag, a, b, &v[i]))
            break;
}

void agent_batches_due(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_batch *v;
    size_t n = 0;
    if (ag->fenced) { /* after a restore nothing is ordered */
        base_arena_free(a);
        return;
    }
    if (agent_ok(ag, ledger_batch_active(ag->ledger, a, &v, &n, &f), &f, "batches"))
        for (size_t i = 0; i < n && !ag->ledger_sick && !ag->stopping; i++)
            step(ag, a, &v[i]);
    base_arena_free(a);
}

void agent_batches_attention(struct agent *ag, json_t *list)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_batch *v;
    size_t n = 0;
    if (!ledger_batch_active(ag->ledger, a, &v, &n, &f))
        for (size_t i = 0; i < n; i++)
            if (strcmp(v[i].state, "braked") == 0)
                json_array_append_new(list, json_string(base_arena_printf(
                                                a, "batch %lld: %s", (long long)v[i].id, v[i].text)));
    base_arena_free(a);
}
