/* agent/sync.c - what changed at the CA since the last look, whoever changed it.
 *
 * Asks for the account's status changes (the first time, and after a week without
 * an answer, for its list of orders). Orders of ours are looked at again where the
 * CA's word differs; orders that nobody placed here come into the ledger as ours
 * but not from here, if they are for a controlled domain of this account. The mark
 * of the look moves only when everything of it is written. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "backup.h"
#include "base/clock.h"
#include "base/json.h"
#include "cert/csr.h"
#include "cert/fields.h"
#include "policy/watch.h"

#define WEEK (7 * 86400)
#define OVERLAP 300 /* clocks differ, and lists are late */
#define DETAILS 50  /* orders asked for in one task */

struct sync {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    const char *account;
    struct ca_account *ca;
    int64_t began, seconds; /* seconds 0: the whole list */
    bool have_changes, deferred;
    struct ca_changes changes;
    const char **unknown; /* the CA's order ids that the ledger hasn't */
    size_t nunknown, at;
    struct ca_order *details;
    size_t ndetails;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool ------------------------------------------------------------------------ */

static void ask_list(struct sync *k)
{
    struct ca_order_filter flt = {0};
    struct ca_orders l;
    k->cls = ca_order_list(k->ca, &flt, k->a, &l, &k->fail);
    k->changes.v = base_arena_array(k->a, l.n + 1, sizeof(*k->changes.v));
    for (size_t i = 0; !k->cls && i < l.n; i++)
        k->changes.v[k->changes.n++] = (struct ca_change){
            l.v[i].id, l.v[i].certificate, l.v[i].status_text, l.v[i].status};
}

static void run(struct agent_task *t)
{
    struct sync *k = (struct sync *)t;
    if (!k->have_changes && k->seconds)
        k->cls = ca_status_changes(k->ca, k->seconds, k->a, &k->changes, &k->fail);
    else if (!k->have_changes)
        ask_list(k);
    k->ndetails = 0;
    for (; k->have_changes && !k->cls && k->at < k->nunknown && k->ndetails < DETAILS; k->at++) {
        struct base_fail f = {0};
        struct ca_order *o = &k->details[k->ndetails];
        enum base_fail_class r = ca_order_info(k->ca, k->unknown[k->at], k->a, o, &f);
        if (!r)
            k->ndetails++;
        else if (r != BASE_PERMANENT || agent_key_refused(&f)) {
            k->cls = r;
            k->fail = f;
        } /* one that can't be read stays unread; its next change brings it again */
    }
}

/* ---- orders of ours ----------------------------------------------------------------------- */

static bool differs(const char *x, const char *y)
{
    return x && (!y || strcmp(x, y) != 0);
}

/* A stored order is over for us; what happens to it later is noted and told. */
static bool note_later(struct agent *ag, struct sync *k, struct ledger_order *o,
                       const struct ca_change *c)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    json_t *data = json_object();
    base_json_set(data, "mailbox", o->mailbox);
    base_json_set(data, "before", o->ca_status);
    base_json_set(data, "ca_status", c->status_text);
    base_json_set(data, "reason", base_arena_printf(k->a, "the CA says: %s", c->status_text));
    o->ca_status = c->status_text;
    /* a mail with the certificate doesn't name it, and may be faster than the look that would have
     * told it; a restored order's is compared first */
    if (!ag->fenced && c->certificate && c->status == CA_ISSUED)
        o->ca_certificate = c->certificate;
    if (!agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order") ||
        !agent_ok(ag, ledger_certificate_of(ag->ledger, k->a, o->mailbox, 100, &v, &n, &f), &f,
                  "certificates")) {
        json_decref(data);
        return false;
    }
    agent_event(ag, c->status == CA_UNKNOWN ? LOG_WARNING : LOG_NOTICE, "order.changed", o->tenant,
                agent_object(k->a, "order", o->id), NULL, data);
    /* revoked there: its responder says of which certificate that is true */
    for (size_t i = 0; c->status == CA_FAILED && i < n; i++)
        if (v[i].order_row == o->id && strcmp(v[i].state, "current") == 0)
            agent_job_add(ag, "revocation", agent_object(k->a, "revocation", v[i].id), v[i].id,
                          base_now(), NULL);
    return ledger_in_transaction(ag->ledger);
}

static bool note_known(struct agent *ag, struct sync *k, struct ledger_order *o,
                       const struct ca_change *c)
{
    bool stored = strcmp(o->state, "stored") == 0;
    if (ag->fenced && stored && c->status == CA_ISSUED && differs(c->certificate, o->ca_certificate)) {
        if (o->ca_certificate)
            return agent_since_reissued(ag, k->a, o, c->certificate);
        k->unknown[k->nunknown++] = c->order; /* its details tell which certificate it is */
    }
    if (!differs(c->status_text, o->ca_status))
        return true;
    /* a certificate that came by mail before the CA was asked is nothing new */
    if (ag->fenced && !(stored && !o->ca_status && c->status == CA_ISSUED)) {
        const char *before = o->ca_status;
        o->ca_status = c->status_text; /* told once: a second look finds no difference */
        agent_fence_note(ag, "changed", o,
                         base_arena_printf(k->a, "the CA says %s; the backup says %s", c->status_text,
                                           before ? before : "nothing"));
        o->ca_status = before;
    }
    if (agent_order_ended(o))
        return note_later(ag, k, o, c);
    return agent_job_add(ag, "order", agent_object(k->a, "order", o->id), o->id, base_now(), NULL);
}

static bool sort_changes(struct agent *ag, struct sync *k)
{
    k->unknown = base_arena_array(k->a, k->changes.n + 1, sizeof(*k->unknown));
    k->details = base_arena_array(k->a, DETAILS, sizeof(*k->details));
    for (size_t i = 0; i < k->changes.n; i++) {
        struct base_fail f = {0};
        struct ledger_order o;
        const struct ca_change *c = &k->changes.v[i];
        /* by the CA's id alone: our own row of that number is another order */
        enum base_fail_class r = ledger_order_of_ca(ag->ledger, k->a, k->account, c->order, &o, &f);
        if (r && strcmp(f.code, "ledger.absent") != 0)
            return agent_ok(ag, r, &f, "order");
        if (r)
            k->unknown[k->nunknown++] = c->order;
        else if (!note_known(ag, k, &o, c))
            return false;
    }
    return true;
}

/* ---- orders that are not from here ----------------------------------------------------------- */

static const char *our_mailbox(struct agent *ag, struct sync *k, const struct ca_order *o,
                               const char **tenant)
{
    for (size_t i = 0; i < o->mailboxes.n; i++) {
        const char *m = policy_watch_normalise_exact(k->a, o->mailboxes.v[i]);
        const struct policy_domain *d = m ? policy_config_mailbox_domain(ag->conf->cfg, m) : NULL;
        if (d && d->account && strcmp(d->account, k->account) == 0) {
            *tenant = d->tenant;
            return m;
        }
    }
    return NULL;
}

/* An order of ours whose answer isn't here yet finds itself: it must not come twice. */
static bool may_be_ours(struct agent *ag, struct sync *k, const struct ca_order *o, const char *box)
{
    struct base_fail f = {0};
    struct ledger_order *v, by_mark;
    size_t n = 0;
    if (o->reference && strncmp(o->reference, "cm-", 3) == 0 &&
        !ledger_order_find(ag->ledger, k->a, o->reference, &by_mark, &f))
        return agent_since_found_again(ag, o, &by_mark);
    if (ag->fenced && o->reference && strncmp(o->reference, "cm-", 3) == 0)
        return false; /* ordered from here after the backup */
    if (!agent_ok(ag, ledger_order_list(ag->ledger, k->a, box, 0, 500, &v, &n, &f), &f, "orders"))
        return true;
    for (size_t i = 0; i < n; i++)
        if (!v[i].ca_order &&
            (strcmp(v[i].state, "preparing") == 0 || strcmp(v[i].state, "requesting") == 0 ||
             strcmp(v[i].state, "unclear") == 0)) {
            k->deferred = true;
            return true;
        }
    return false;
}

static const char *state_of(const struct ca_order *o, bool after_backup, const char **why)
{
    bool gone = o->status_text && strncasecmp(o->status_text, "cancel", 6) == 0;
    *why = after_backup ? AGENT_SINCE_ORDERED : "ordered in the CA's portal";
    switch (o->status) {
    case CA_ISSUED:
        if (strcasecmp(o->status_text, "expired") != 0)
            return "issued";
        *why = "ordered in the CA's portal; its certificate has ended";
        return "failed";
    case CA_FAILED:
        *why = "ordered in the CA's portal; it came to nothing or was revoked there";
        return gone ? "cancelled" : "failed";
    case CA_WAITING_PERSON:
    case CA_WAITING_US:
        return "person";
    case CA_WAITING_CA:
        break;
    case CA_UNKNOWN:
        base_log(LOG_WARNING, "order.status-unknown", "ca_order", o->id, "status", o->status_text,
                 NULL);
        break;
    }
    return "waiting";
}

static const char *portal_request(struct sync *k, const struct ca_order *o, bool after_backup)
{
    json_t *j = json_object();
    if (after_backup)
        base_json_setb(j, "after_backup", true);
    base_json_set(j, "source", "portal");
    base_json_set(j, "custody", "external");
    base_json_set(j, "product", o->product);
    base_json_set(j, "profile_type", "any");
    base_json_set(j, "csr", o->csr);
    char *text = base_json_text(j);
    const char *kept = base_arena_strdup(k->a, text);
    free(text);
    json_decref(j);
    return kept;
}

static bool import(struct agent *ag, struct sync *k, const struct ca_order *c)
{
    struct ledger_order have;
    struct base_fail f = {0}, ignored = {0};
    const char *tenant = NULL, *why, *box = our_mailbox(ag, k, c, &tenant);
    struct cert_csr csr;
    int64_t id = 0, now = base_now();
    bool lost = ag->fenced && c->reference && strncmp(c->reference, "cm-", 3) == 0;
    if (!ledger_order_of_ca(ag->ledger, k->a, k->account, c->id, &have, &f))
        return agent_since_compare(ag, k->a, &have, c);
    if (!box || may_be_ours(ag, k, c, box))
        return ledger_in_transaction(ag->ledger);
    struct ledger_order o = {
        .reference = base_arena_printf(k->a, "portal-%s-%s", k->account, c->id),
        .tenant = tenant,
        .account = k->account,
        .mailbox = box,
        .product = c->product ? c->product : "",
        .state = state_of(c, lost, &why),
        .ca_status = c->status_text,
        .ca_order = c->id,
        .ca_certificate = c->certificate,
        .request = portal_request(k, c, lost),
        .by = lost ? "from here, after the backup" : "the CA's portal",
        .created = now,
        .changed = now,
        .issued_at = c->status == CA_ISSUED ? now - 3600 : 0, /* its mail came long ago, or never */
    };
    o.reason = why;
    o.next_look = agent_order_ended(&o) ? 0 : now;
    if (c->csr && !cert_csr_parse(k->a, c->csr, strlen(c->csr), &csr, &ignored))
        o.spki = csr.spki_sha256;
    enum base_fail_class r = ledger_order_add(ag->ledger, &o, &id, &f);
    if (r && strcmp(f.code, "ledger.exists") == 0)
        return true;
    if (!agent_ok(ag, r, &f, "order"))
        return false;
    json_t *data = json_object();
    base_json_set(data, "mailbox", box);
    base_json_set(data, "ca_order", c->id);
    base_json_set(data, "ca_status", c->status_text);
    base_json_set(data, "state", o.state);
    base_json_set(data, "reason", why);
    agent_event(ag, LOG_NOTICE, "order.elsewhere", tenant, agent_object(k->a, "order", id), NULL,
                data);
    o.id = id;
    agent_fence_note(ag, "found", &o, why);
    return true;
}

bool agent_order_is_portal(const struct ledger_order *o)
{
    return o->reference && strncmp(o->reference, "portal-", 7) == 0;
}

/* ---- the job --------------------------------------------------------------------------------- */

static void sync_free(struct agent *ag, struct sync *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void mark(struct agent *ag, struct sync *k, const char *name, int64_t at)
{
    struct base_fail f = {0};
    if (ledger_in_transaction(ag->ledger) &&
        agent_ok(ag, ledger_meta_set(ag->ledger, base_arena_printf(k->a, "%s:%s", name, k->account),
                                     at, &f), &f, "meta"))
        agent_job_done(ag, k->job.id);
}

static void failed(struct agent *ag, struct sync *k)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->account);
    base_log_fail(LOG_WARNING, "account.sync", &k->fail, "account", k->account, NULL);
    if (agent_key_refused(&k->fail))
        agent_notice_key(ag, k->a, k->account, acc ? acc->tenant : NULL);
    mark(ag, k, "sync-tried", base_now());
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct sync *k = (struct sync *)t;
    bool ok = true;
    if (ag->stopping || !agent_begin(ag)) {
        sync_free(ag, k);
        return;
    }
    if (!k->cls && !k->have_changes) {
        ok = sort_changes(ag, k);
        k->have_changes = true;
    }
    for (size_t i = 0; ok && !k->cls && i < k->ndetails; i++)
        ok = import(ag, k, &k->details[i]);
    bool more = ok && !k->cls && k->at < k->nunknown;
    if (k->cls)
        failed(ag, k);
    else if (ok && !more) {
        agent_fence_read(ag, k->account);
        mark(ag, k, k->deferred ? "sync-tried" : "synced", k->deferred ? base_now() : k->began);
    }
    if (agent_commit(ag) && more) {
        k->task.next = NULL;
        agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    } else
        sync_free(ag, k);
}

void agent_sync_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    int64_t last = 0;
    struct sync *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    /* the key names it: "sync:ACCOUNT" */
    k->account = strchr(k->job.key, ':') ? strchr(k->job.key, ':') + 1 : "";
    k->ca = agent_conf_ca(k->conf, k->account);
    if (!k->ca || ledger_meta_get(ag->ledger, base_arena_printf(k->a, "synced:%s", k->account), &last,
                                  0, &f)) {
        agent_job_done(ag, job->id);
        sync_free(ag, k);
        return;
    }
    k->began = base_now();
    k->seconds = last && k->began - last + OVERLAP < WEEK ? k->began - last + OVERLAP : 0;
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", k->account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
