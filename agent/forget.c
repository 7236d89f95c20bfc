/* agent/forget.c - a mailbox is forgotten: two persons, a reason, a dated tombstone.
 *
 *   asked (one person) -> confirmed (another one) -> done -> erased
 *
 * "done": every private key of the mailbox is destroyed in the keeper, its agreements are
 * withdrawn. What was ordered must be provable two years past the last certificate's end
 * (agreements with the CA); only then "erased": address and names leave the ledger. A key that a
 * certificate shares with another mailbox stays that one's. Both steps are jobs, and the
 * same again after a crash changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "keeper/client.h"
#include "keeper/delivery.h"
#include "ledger/forget.h"
#include "ledger/publication.h"
#include "owner.h"
#include "policy/recognise.h"
#include "show.h"
#include "trust.h"

#define DAY 86400
#define ASKED_LIFE (7 * DAY) /* for the second person */
#define PROOF_LIFE (2 * 365 * DAY)
#define SHARED_MAX 1000

/* ---- the command ---------------------------------------------------------------------- */

static enum base_fail_class under_way(struct agent *ag, struct base_arena *a, const char *box,
                                      struct base_fail *f)
{
    struct ledger_order *v;
    size_t n = 0;
    enum base_fail_class r = ledger_order_list(ag->ledger, a, box, 0, 500, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (strcmp(v[i].state, "stored") != 0 && strcmp(v[i].state, "failed") != 0 &&
            strcmp(v[i].state, "cancelled") != 0)
            return base_failf(f, BASE_PERMANENT, "forget.order",
                              "order %lld for %s is under way (%s): cancel it first",
                              (long long)v[i].id, box, v[i].state);
    return r;
}

static enum base_fail_class ask(struct agent *ag, struct base_arena *a, const char *box,
                                const char *reason, const char *by, json_t *answer, struct base_fail *f)
{
    const struct policy_domain *d = policy_config_mailbox_domain(ag->conf->cfg, box);
    if (!d)
        return base_failf(f, BASE_PERMANENT, "domain.unknown", "%s is in no controlled domain of %s", box,
                          ag->conf->cfg->path);
    if (!reason[strspn(reason, " \t")])
        return base_failf(f, BASE_PERMANENT, "forget.reason", "a reason is needed: --reason TEXT");
    struct ledger_forget r = {.mailbox = box,
                              .tenant = d->tenant,
                              .reason = reason,
                              .asked_by = by,
                              .state = "asked",
                              .asked_at = base_now()};
    struct ledger_box known;
    enum base_fail_class cls = ledger_box_named(ag->ledger, a, box, &known, f);
    bool unknown = cls && strcmp(f->code, "ledger.absent") == 0;
    if (unknown)
        cls = BASE_OK;
    if (!cls)
        cls = ledger_forget_add(ag->ledger, &r, &r.id, f);
    if (cls)
        return cls;
    json_t *data = json_object();
    base_json_set(data, "mailbox", box);
    base_json_set(data, "reason", reason);
    agent_event(ag, LOG_WARNING, "forget.asked", d->tenant, agent_object(a, "forget", r.id), by, data);
    base_json_set(answer, "state", "asked");
    base_json_set(answer, "text",
                  base_arena_printf(a, "nothing is destroyed yet: within 7 days another person has to say "
                                       "\"certmilter forget %s --confirm\"%s", box,
                                    unknown ? "; there is no certificate of that mailbox here: is it "
                                              "spelled right?" : ""));
    return BASE_OK;
}

static enum base_fail_class confirm(struct agent *ag, struct base_arena *a, struct ledger_forget *r,
                                    const char *by, json_t *answer, struct base_fail *f)
{
    if (agent_same_person(r->asked_by, by))
        return base_failf(f, BASE_PERMANENT, "forget.same",
                          "you asked for it yourself (%s): another person has to confirm", r->asked_by);
    r->confirmed_by = by;
    r->confirmed_at = base_now();
    r->state = "confirmed";
    enum base_fail_class cls = ledger_forget_update(ag->ledger, r, f);
    if (cls)
        return cls;
    json_t *data = json_object();
    base_json_set(data, "mailbox", r->mailbox);
    base_json_set(data, "asked_by", r->asked_by);
    base_json_set(data, "reason", r->reason);
    agent_event(ag, LOG_WARNING, "forget.confirmed", r->tenant, agent_object(a, "forget", r->id), by, data);
    if (!agent_job_add(ag, "forget", agent_object(a, "forget", r->id), r->id, 0, NULL))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    base_json_set(answer, "state", "confirmed");
    base_json_set(answer, "text",
                  base_arena_printf(a, "the private keys of %s are destroyed now; asked for by %s", r->mailbox,
                                    r->asked_by));
    return BASE_OK;
}

enum base_fail_class agent_cmd_forget(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_forget r;
    const char *box = policy_mailbox_normal(a, base_json_strd(req, "mailbox", ""));
    bool confirms = base_json_bool(req, "confirm", false);
    enum base_fail_class cls =
        box ? under_way(ag, a, box, f)
            : base_failf(f, BASE_PERMANENT, "forget.mailbox", "\"%s\" is no mail address",
                         base_json_strd(req, "mailbox", ""));
    if (!cls) {
        cls = ledger_forget_of(ag->ledger, a, box, &r, f);
        bool open = !cls && strcmp(r.state, "asked") == 0 && r.asked_at + ASKED_LIFE > base_now();
        if (cls && strcmp(f->code, "ledger.absent") == 0)
            cls = BASE_OK;
        if (!cls && confirms)
            cls = open ? confirm(ag, a, &r, by, answer, f)
                       : base_failf(f, BASE_PERMANENT, "forget.absent",
                                    "nobody asked within 7 days to forget %s", box);
        else if (!cls && open)
            cls = base_failf(f, BASE_PERMANENT, "forget.asked",
                             "%s asked already to forget %s: certmilter forget %s --confirm", r.asked_by,
                             box, box);
        else if (!cls)
            cls = ask(ag, a, box, base_json_strd(req, "reason", ""), by, answer, f);
    }
    base_arena_free(a);
    return cls;
}

bool agent_put_forgotten(struct agent *ag, struct base_arena *a, const char *box, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_forget r;
    if (ledger_forget_of(ag->ledger, a, box, &r, &f))
        return false;
    json_t *o = json_object();
    base_json_set(o, "state", r.state);
    base_json_set(o, "reason", r.reason);
    base_json_set(o, "asked_by", r.asked_by);
    base_json_set(o, "confirmed_by", r.confirmed_by);
    base_json_setn(o, "asked_at", r.asked_at);
    base_json_setn(o, "done_at", r.done_at);
    base_json_setn(o, "erase_at", r.erased_at ? 0 : r.erase_at);
    base_json_setn(o, "erased_at", r.erased_at);
    base_json_setn(o, "keys", r.keys);
    base_json_setn(o, "certificates", r.certificates);
    json_object_set_new(answer, "forgotten", o);
    return true;
}

/* ---- the keys, in the pool -------------------------------------------------------------- */

struct forget_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_forget r;
    const char *shared[SHARED_MAX]; /* keys whose certificates name other mailboxes too */
    size_t nshared;
    int64_t last_end; /* of its certificates */
    int64_t destroyed;
    enum base_fail_class cls;
    struct base_fail fail;
};

static bool is_shared(const struct forget_run *k, const char *key)
{
    for (size_t i = 0; i < k->nshared; i++)
        if (strcmp(k->shared[i], key) == 0)
            return true;
    return false;
}

static void run(struct agent_task *t)
{
    struct forget_run *k = (struct forget_run *)t;
    const char *sock = k->conf->cfg->keeper_socket;
    bool exact = !policy_config_folds(k->conf->cfg, k->r.mailbox);
    const char *why = base_arena_printf(k->a, "forgotten: request %lld", (long long)k->r.id);
    char after[KEEPER_ID] = "";
    size_t n = KEEPER_PAGE_MAX;
    while (!k->cls && n == KEEPER_PAGE_MAX) {
        struct keeper_key *v;
        k->cls = keeper_list(sock, k->a, after[0] ? after : NULL, k->r.mailbox, exact, KEEPER_PAGE_MAX, &v, &n,
                             &k->fail);
        for (size_t i = 0; !k->cls && i < n; i++) {
            memcpy(after, v[i].id, KEEPER_ID);
            if (v[i].destroyed || is_shared(k, v[i].id))
                continue;
            k->cls = keeper_destroy(sock, v[i].id, why, &k->fail);
            k->destroyed += !k->cls;
        }
    }
    if (!k->cls) {
        k->cls = keeper_preset(sock, k->r.mailbox, exact, NULL, &k->fail);
        if (strcmp(k->fail.code, "keeper.absent") == 0) /* it had set no passphrase */
            k->cls = BASE_OK;
    }
}

/* ---- in the loop ------------------------------------------------------------------------- */

static void run_free(struct agent *ag, struct forget_run *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static bool withdraw_consents(struct agent *ag, struct forget_run *k)
{
    struct base_fail f = {0};
    struct ledger_consent *v;
    size_t n = 0;
    if (!agent_ok(ag, ledger_consent_list(ag->ledger, k->a, k->r.mailbox, 0, 500, &v, &n, &f), &f,
                  "consents"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].withdrawn == 0 &&
            !agent_ok(ag,
                      ledger_consent_withdraw(ag->ledger, v[i].id, base_now(), k->r.confirmed_by, &f), &f,
                      "consent"))
            return false;
    return true;
}

/* Without their keys they are in use no more: publishers take them away. */
static bool retire(struct agent *ag, struct forget_run *k)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    if (!agent_ok(ag, ledger_certificate_of(ag->ledger, k->a, k->r.mailbox, SHARED_MAX, &v, &n, &f), &f,
                  "certificates"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].state, "current") == 0 && v[i].nmailboxes == 1 &&
            !agent_ok(ag, ledger_certificate_state(ag->ledger, v[i].id, "superseded", &f), &f, "state"))
            return false;
    return true;
}

static void keys_gone(struct agent *ag, struct forget_run *k)
{
    struct base_fail f = {0};
    k->r.state = "done";
    k->r.done_at = base_now();
    k->r.keys += k->destroyed;
    k->r.erase_at = k->last_end ? k->last_end + PROOF_LIFE : base_now();
    json_t *data = json_object();
    base_json_setn(data, "keys", k->r.keys);
    base_json_setn(data, "shared", (int64_t)k->nshared);
    base_json_setn(data, "erase_at", k->r.erase_at);
    if (!withdraw_consents(ag, k) || !retire(ag, k) ||
        !agent_ok(ag, ledger_forget_update(ag->ledger, &k->r, &f), &f, "forget")) {
        json_decref(data);
        return;
    }
    agent_event(ag, LOG_WARNING, "forget.done", k->r.tenant, agent_object(k->a, "forget", k->r.id), NULL,
                data);
    if (agent_job_add(ag, "forget.erase", agent_object(k->a, "erase", k->r.id), k->r.id, k->r.erase_at,
                      NULL))
        agent_job_done(ag, k->job.id);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct forget_run *k = (struct forget_run *)t;
    if (!ag->stopping && agent_begin(ag)) {
        if (k->cls)
            agent_job_retry(ag, &k->job, &k->fail, 0);
        else
            keys_gone(ag, k);
        agent_commit(ag);
    }
    run_free(ag, k);
}

static enum base_fail_class read_history(struct agent *ag, struct forget_run *k, struct base_fail *f)
{
    struct ledger_certificate *v;
    size_t n = 0;
    enum base_fail_class r = ledger_certificate_of(ag->ledger, k->a, k->r.mailbox, SHARED_MAX, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        if (v[i].order_row && v[i].not_after > k->last_end)
            k->last_end = v[i].not_after;
        if (v[i].nmailboxes > 1 && v[i].key_id)
            k->shared[k->nshared++] = v[i].key_id;
    }
    return r;
}

void agent_forget_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct forget_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_forget_get(ag->ledger, k->a, job->ref, &k->r, &f) || !k->r.mailbox ||
        read_history(ag, k, &f)) {
        agent_job_unread(ag, job, &f);
        run_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "keeper");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

static bool erase(struct agent *ag, struct base_arena *a, struct ledger_forget *r)
{
    struct base_fail f = {0};
    const char *name = base_arena_printf(a, "forgotten-%lld", (long long)r->id);
    json_t *data = json_object();
    if (r->mailbox &&
        !agent_ok(ag, ledger_forget_erase(ag->ledger, r->mailbox, name, &r->certificates, &f), &f, "erase")) {
        json_decref(data);
        return false;
    }
    r->mailbox = NULL;
    r->state = "erased";
    r->erased_at = base_now();
    if (!agent_ok(ag, ledger_forget_update(ag->ledger, r, &f), &f, "forget")) {
        json_decref(data);
        return false;
    }
    base_json_setn(data, "certificates", r->certificates);
    agent_event(ag, LOG_WARNING, "forget.erased", r->tenant, agent_object(a, "forget", r->id), NULL, data);
    return true;
}

void agent_erase_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_forget r;
    if (ledger_forget_get(ag->ledger, a, job->ref, &r, &f))
        agent_job_unread(ag, job, &f);
    else if (agent_begin(ag)) {
        if (erase(ag, a, &r))
            agent_job_done(ag, job->id);
        agent_commit(ag);
    }
    agent_job_over(ag, job->id);
    base_arena_free(a);
}
