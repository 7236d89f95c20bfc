/* agent/renew.c - a new order in place of a certificate that ends.
 *
 * A renewal is an order like any other (place.c checks and writes it: limits,
 * custody, nothing under way) that asks for what the order before asked for; key type
 * is as configured now, and validity where the order before chose none. The key is a
 * new one unless its order or the asker wants it again. The timer does the same for
 * domains with "renew" and for orders with automatic renewals of their own, once a
 * day for each certificate at most. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "form.h"
#include "trust.h"

#define DAY 86400
#define PAGE 100
#define TURN 10       /* certificates tried before the loop does other things */
#define NONE_MS 5000  /* between two looks at the configuration, where nothing is renewed */
#define LOOK_MAX 3600 /* seconds between two looks of the timer, at most */
#define RENEW_DAYS 30 /* before the end, for orders with renewals in a domain without "renew" */

static json_t *request_of(const struct ledger_order *o)
{
    struct base_fail f = {0};
    return o->request ? base_json_parse(o->request, strlen(o->request), 1 << 20, &f) : NULL;
}

/* A key that is handed over and destroyed can't be used once more. */
static bool is_forgotten(const struct ledger_order *o)
{
    json_t *before = request_of(o);
    bool gone = strcmp(base_json_strd(before, "custody", "keep"), "forget") == 0;
    json_decref(before);
    return gone;
}

/* One of the order's automatic renewals is used up by the timer. */
static void count_down(json_t *req, const struct agent_renew_how *how)
{
    int64_t left = base_json_int(req, "auto_renew", -1);
    if (how->timer && left > 0)
        base_json_setn(req, "auto_renew", left - 1);
}

static json_t *make_request(struct agent *ag, const struct ledger_certificate *c,
                            const struct ledger_order *o, const struct agent_renew_how *how)
{
    json_t *req = json_object(), *before = request_of(o);
    const struct policy_domain *d = policy_config_mailbox_domain(ag->conf->cfg, o->mailbox);
    bool same = d && d->account && o->account && strcmp(d->account, o->account) == 0;
    agent_form_again(before, o->mailbox, req);
    if (strcmp(how->key ? how->key : base_json_strd(req, "key", "new"), "reuse") == 0)
        base_json_set(req, "reuse_key", c->key_id);
    count_down(req, how);
    /* another account doesn't know that order; and what was revoked a CA doesn't renew */
    if (same && strcmp(c->state, "revoked") != 0)
        base_json_set(req, "renewal_of", o->ca_order);
    base_json_setn(req, "renews", c->id);
    base_json_setb(req, "automatic", how->automatic);
    base_json_setb(req, "dry_run", how->dry_run);
    base_json_setn(req, "batch", how->batch);
    if (how->attestation)
        json_object_set(req, "attestation", how->attestation);
    json_decref(before);
    return req;
}

enum base_fail_class agent_renew(struct agent *ag, const struct ledger_certificate *c,
                                 const struct agent_renew_how *how, const char *by, json_t *answer,
                                 struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_order o = {0};
    enum base_fail_class r = BASE_OK;
    if (how->key && strcmp(how->key, "new") != 0 && strcmp(how->key, "reuse") != 0)
        r = base_failf(f, BASE_PERMANENT, "order.renewal", "key \"%s\": expected new or reuse",
                       how->key);
    else if (c->nmailboxes == 0 || !c->order_row)
        r = base_failf(f, BASE_PERMANENT, "renew.order",
                       "certificate %lld came from no order that is known here: order anew",
                       (long long)c->id);
    if (!r)
        r = ledger_order_get(ag->ledger, a, c->order_row, &o, f);
    if (!r && !c->key_id)
        r = base_failf(f, BASE_PERMANENT, "order.custody",
                       "the key of certificate %lld (%s) is not held here: order anew with --csr or "
                       "--later",
                       (long long)c->id, c->mailboxes[0]);
    if (!r) {
        json_t *req = make_request(ag, c, &o, how);
        if (base_json_str(req, "reuse_key") && is_forgotten(&o))
            r = base_failf(f, BASE_PERMANENT, "order.key",
                           "the key of %s is not kept (custody forget): it can't be used again",
                           o.mailbox);
        else
            r = agent_order_place(ag, req, by, answer, f);
        json_decref(req);
    }
    base_arena_free(a);
    return r;
}

/* ---- the timer -------------------------------------------------------------------------- */

/* What the order of a certificate says about its renewal. */
struct wish {
    bool renewal;     /* it came by one itself */
    int64_t left;     /* automatic renewals; -1: as the domain is configured */
    bool by_ca;
};

static struct wish wish_of(struct agent *ag, const struct ledger_certificate *c)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_order o;
    struct wish w = {.left = -1};
    if (c->order_row && !ledger_order_get(ag->ledger, a, c->order_row, &o, &f)) {
        json_t *req = request_of(&o);
        w.renewal = base_json_int(req, "renews", 0) != 0;
        w.left = base_json_int(req, "auto_renew", -1);
        w.by_ca = strcmp(base_json_strd(req, "renew_by", "us"), "ca") == 0;
        json_decref(req);
    }
    base_arena_free(a);
    return w;
}

bool agent_renewal_wanted(struct agent *ag, const struct ledger_certificate *c, int64_t *before)
{
    const struct policy_domain *d =
        c->nmailboxes ? policy_config_mailbox_domain(ag->conf->cfg, c->mailboxes[0]) : NULL;
    int64_t third = (c->not_after - c->not_before) / 3;
    if (!d || !d->account)
        return false;
    struct wish w = wish_of(ag, c);
    bool by_order = d->renew_days == 0;
    if (w.left == 0 || w.by_ca || (w.left < 0 && by_order))
        return false;
    *before = (by_order ? RENEW_DAYS : d->renew_days) * DAY;
    /* a CA that gives less than was asked for must not be asked over and over */
    if (third < *before && (w.renewal || by_order))
        *before = third;
    return true;
}

int64_t agent_renewal_time(struct agent *ag, const struct ledger_certificate *c)
{
    int64_t before;
    return strcmp(c->state, "current") == 0 && agent_renewal_wanted(ag, c, &before)
               ? c->not_after - before
               : 0;
}

static int64_t longest(const struct policy_config *cfg)
{
    int64_t days = 0;
    for (size_t i = 0; i < cfg->ndomains; i++)
        if (cfg->domains[i].renew_days > days)
            days = cfg->domains[i].renew_days;
    return days * DAY;
}

/* The same where orders were placed with automatic renewals of their own. */
static int64_t how_far_ahead(struct agent *ag)
{
    struct base_fail f = {0};
    int64_t ordered = 0, ahead = longest(ag->conf->cfg);
    ledger_meta_get(ag->ledger, AGENT_META_RENEWALS, &ordered, 0, &f);
    return ordered && ahead < RENEW_DAYS * DAY ? RENEW_DAYS * DAY : ahead;
}

static void tell_refused(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c,
                         const struct base_fail *why)
{
    json_t *data = json_object();
    char when[BASE_TIME_LEN];
    base_json_set(data, "mailbox", c->mailboxes[0]);
    base_json_set(data, "reason", why->text);
    agent_event(ag, LOG_WARNING, "renew.refused", c->tenant, agent_object(a, "certificate", c->id),
                NULL, data);
    agent_notice(ag, base_arena_printf(a, "renew:%s:%s", c->thumbprint, why->code),
                 agent_contact(ag, c->tenant),
                 base_arena_printf(a, "certmilter: the certificate of %s is not renewed",
                                   c->mailboxes[0]),
                 base_arena_printf(a,
                                   "The certificate of\n\n    %s\n\nends on %s and should be renewed "
                                   "now, but:\n\n    %s\n\nIt is tried again every day. By hand: "
                                   "\"certmilter renew %s\".\n",
                                   c->mailboxes[0], base_time_rfc5322(c->not_after, when), why->text,
                                   c->mailboxes[0]));
}

/* One look of the timer over all accounts; it goes on where it was when the loop comes again. */
struct pass {
    int64_t until, at, id; /* where the list goes on */
    int64_t room;          /* orders that may still be made in this look */
    int64_t turn;          /* certificates that may still be tried before the loop goes on */
    int64_t batch;         /* this look as a run, for the brake */
    char full[120];        /* the account whose limit was met */
    bool open;             /* not at its end */
};

static struct pass look; /* only the loop comes here */

/* The limit of orders is met: the rest waits, and is told once a day. */
static void tell_limit(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c,
                       const char *day, const struct base_fail *why)
{
    if (!agent_begin(ag))
        return;
    agent_notice(ag, base_arena_printf(a, "renew-limit:%s:%s", c->account, day),
                 agent_contact(ag, c->tenant), "certmilter: renewals wait at the limit of orders",
                 base_arena_printf(a, "Certificates are due for renewal, but:\n\n    %s\n\nThey wait; "
                                      "\"certmilter renew --days N --dry-run\" lists them.\n",
                                   why->text));
    agent_commit(ag);
    base_log_fail(LOG_WARNING, "renew.limit", why, "account", c->account, NULL);
}

/* Is it only the limit of one run: the next look goes on by itself. */
static bool only_this_run(struct agent *ag, const char *account, int64_t batch)
{
    const struct policy_account *acc = account ? policy_config_account(ag->conf->cfg, account) : NULL;
    struct base_fail f = {0};
    struct agent_brake b;
    return acc && !agent_brake_look(ag, acc, batch, NULL, &b, &f) && b.limit[AGENT_BRAKE_RUN] > 0 &&
           b.used[AGENT_BRAKE_RUN] > 0 && b.used[AGENT_BRAKE_DAY] < b.limit[AGENT_BRAKE_DAY] &&
           b.used[AGENT_BRAKE_MONTH] < b.limit[AGENT_BRAKE_MONTH];
}

/* Orders in place of C, in one transaction with the mark that it was tried today. */
static void renew_one(struct agent *ag, const struct ledger_certificate *c, struct pass *p)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    json_t *answer = json_object();
    char day[BASE_TIME_LEN];
    bool fresh = false, limit = false;
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    const char *key = base_arena_printf(a, "renewal:%s:%s", c->thumbprint, day);
    if (agent_begin(ag)) {
        if (agent_ok(ag, ledger_notice_once(ag->ledger, key, base_now(), &fresh, &f), &f, "notice") &&
            fresh) {
            p->turn--;
            const struct agent_renew_how how = {
                .automatic = true, .timer = true, .batch = p->batch};
            enum base_fail_class r = agent_renew(ag, c, &how, "agent (renewal)", answer, &f);
            limit = strcmp(f.code, "order.limit") == 0;
            if (!r)
                p->room--;
            else if (r != BASE_PERMANENT || limit)
                agent_rollback(ag); /* not marked: it is tried at the next look */
            else if (strcmp(f.code, "order.under-way") != 0)
                tell_refused(ag, a, c, &f);
        }
        if (ledger_in_transaction(ag->ledger))
            agent_commit(ag);
        ag->in_step = false;
    }
    if (limit) {
        snprintf(p->full, sizeof(p->full), "%s", c->account ? c->account : "");
        if (!only_this_run(ag, c->account, p->batch))
            tell_limit(ag, a, c, day, &f);
    }
    json_decref(answer);
    base_arena_free(a);
}

/* Some of the certificates that end soon; false at the end. */
static bool renew_page(struct agent *ag, struct pass *p)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    if (!agent_ok(ag,
                  ledger_certificate_expiring(ag->ledger, a, p->until, p->at, p->id, PAGE, &v, &n, &f),
                  &f, "certificates"))
        n = 0;
    p->turn = TURN;
    for (size_t i = 0; i < n && p->room > 0 && p->turn > 0; i++) {
        int64_t when = agent_renewal_time(ag, &v[i]);
        p->at = v[i].not_after;
        p->id = v[i].id;
        if (when > 0 && when <= base_now() && v[i].not_after >= base_now() && /* later: expiry.c */
            !(p->full[0] && v[i].account && strcmp(p->full, v[i].account) == 0))
            renew_one(ag, &v[i], p);
    }
    bool more = (n == PAGE || p->turn == 0) && p->room > 0;
    base_arena_free(a);
    return more;
}

/* How long until the next look: as often as the account that is asked most. */
static int64_t pause_of(const struct agent *ag)
{
    int64_t wait = LOOK_MAX;
    for (size_t i = 0; i < ag->conf->naccounts; i++)
        if (ag->conf->accounts[i].cfg->poll > 0 && ag->conf->accounts[i].cfg->poll < wait)
            wait = ag->conf->accounts[i].cfg->poll;
    return wait;
}

void agent_renewals_due(struct agent *ag)
{
    if (ag->ledger_sick)
        return;
    if (!look.open) {
        if (base_mono_ms() < ag->next_renewal)
            return;
        int64_t ahead = how_far_ahead(ag);
        ag->next_renewal = base_mono_ms() + (ahead ? pause_of(ag) * 1000 : NONE_MS);
        if (ahead == 0)
            return;
        look = (struct pass){.until = base_now() + ahead, .room = PAGE,
                             .batch = agent_brake_run(), .open = true};
    }
    look.open = renew_page(ag, &look);
}
