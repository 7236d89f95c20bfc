/* ca/evidence.c - what the API says about one mail, as policy wants it.
 *
 * Knows no CA: it only uses the calls of ca.h. Whatever can't be found out now
 * becomes "unreachable", never "no": the state of the evidence is the worst that
 * was met, and what was learned before that stays. */
#include <string.h>

#include "base/clock.h"
#include "base/mailbox.h"

#include "driver.h"

#define IDS_MAX 64
#define WAITING_MAX 8 /* open orders of one mailbox that are looked at */
#define MAIL_IDS_MAX 16
#define OTHERS_MS 60000  /* so long the accounts are asked that a mail hardly concerns */
#define OTHERS_SHARE 50  /* percent of their limits up to which they are */

struct look {
    const struct ca_look *in;
    struct base_arena *arena;
    struct policy_api *api;
    struct base_fail *fail;
    enum base_fail_class worst;
    int64_t others_until; /* base_mono_ms(); 0: no other account was asked yet */
};

static void add_id(struct look *l, const char *id)
{
    struct policy_strings *ids = &l->api->ids;

    if (id != NULL && ids->n < IDS_MAX && !policy_strings_has(ids, id)) {
        ids->v[ids->n++] = id;
    }
}

/* Takes note of a failure; ca.absent is an answer, not a failure. True if CLS is OK. */
static bool settle(struct look *l, enum base_fail_class cls, const struct base_fail *why)
{
    bool refused = strcmp(why->code, "ca.key") == 0 || strcmp(why->code, "ca.denied") == 0;

    if (cls == BASE_OK || strcmp(why->code, "ca.absent") == 0) {
        return cls == BASE_OK;
    }
    if (l->api->state != POLICY_API_REFUSED) {
        l->api->state = refused ? POLICY_API_REFUSED : POLICY_API_UNREACHABLE;
        l->worst = base_failf(l->fail, why->cls, why->code, "%s", why->text);
    }
    return false;
}

/* 403 about one order or domain: it is somebody else's, as long as the key works for what
 * is ours. Only then it becomes ca.absent. */
static enum base_fail_class of_object(struct look *l, struct ca_account *c,
                                      enum base_fail_class cls, struct base_fail *why)
{
    struct base_fail ignored = {0};
    struct ca_me me;

    if (cls == BASE_OK || strcmp(why->code, "ca.denied") != 0 ||
        ca_me(c, l->arena, &me, &ignored) != BASE_OK) {
        return cls;
    }
    return base_failf(why, BASE_PERMANENT, "ca.absent", "the CA shows it to others only");
}

static struct ca_account *account_of(const struct ca_look *in, const char *id)
{
    for (size_t i = 0; id != NULL && i < in->naccounts; i++) {
        if (strcmp(ca_account_id(in->accounts[i]), id) == 0) {
            return in->accounts[i];
        }
    }
    return NULL;
}

static bool waits(enum ca_status s)
{
    return s == CA_WAITING_US || s == CA_WAITING_PERSON || s == CA_WAITING_CA || s == CA_UNKNOWN;
}

static bool by_email(const char *dcv_method)
{
    return dcv_method != NULL && strcmp(dcv_method, "email") == 0;
}

static const char *domain_part(const char *mailbox)
{
    const char *at = strrchr(mailbox, '@');

    return at != NULL ? at + 1 : mailbox;
}

/* ---- a domain ------------------------------------------------------------------------- */

static bool find_domain(struct look *l, struct ca_account *c, const char *id, const char *name,
                        struct ca_domain *d)
{
    struct base_fail why = {0};
    struct ca_domains list;

    if (id != NULL && settle(l, of_object(l, c, ca_domain_info(c, id, l->arena, d, &why), &why), &why)) {
        return true;
    }
    if (name == NULL || (id != NULL && strcmp(why.code, "ca.absent") != 0)) {
        return false;
    }
    why = (struct base_fail){0};
    if (!settle(l, ca_domain_list(c, name, l->arena, &list, &why), &why) || list.n == 0) {
        return false;
    }
    *d = list.v[0];
    return true;
}

/* Ids of the order that made the CA ask for the domain, if it is of this domain. */
static void add_order_of_domain(struct look *l, struct ca_account *c,
                                const struct policy_intent *intent)
{
    struct base_fail why = {0};
    struct ca_order o;

    if (intent->order == NULL ||
        !settle(l, of_object(l, c, ca_order_info(c, intent->order, l->arena, &o, &why), &why),
                &why)) {
        return;
    }
    for (size_t i = 0; i < o.mailboxes.n; i++) {
        if (base_ascii_caseeq(domain_part(o.mailboxes.v[i]), intent->domain)) {
            add_id(l, o.id);
            add_id(l, o.certificate);
            return;
        }
    }
}

static void look_at_domain(struct look *l, struct ca_account *c, const struct policy_intent *intent)
{
    struct policy_api *api = l->api;
    struct ca_domain d;

    if (!find_domain(l, c, intent->domain_id, intent->domain, &d)) {
        return;
    }
    api->found = true;
    /* a validation that is to be replaced still holds: what counts is the new one */
    api->valid = ca_domain_holds(&d, intent->renews) || (intent->renews == 0 && d.valid);
    api->pending = intent->renews != 0 ? !api->valid : d.pending;
    api->by_email = by_email(d.dcv_method);
    api->domain = d.name;
    add_id(l, d.id);
    add_order_of_domain(l, c, intent);
}

/* ---- a mailbox ------------------------------------------------------------------------- */

/* The CA's own list of confirmed addresses, else the state of the order. */
static void mailbox_state(struct look *l, struct ca_account *c, const struct ca_order *o,
                          const char *mailbox)
{
    struct policy_api *api = l->api;
    struct ca_email_validations list;
    struct base_fail why = {0};

    if (settle(l, of_object(l, c, ca_email_validations(c, o->id, l->arena, &list, &why), &why),
               &why)) {
        for (size_t i = 0; i < list.n; i++) {
            if (base_mailbox_same(list.v[i].mailbox, mailbox, !l->in->exact)) {
                api->valid = api->valid || list.v[i].validated;
                api->pending = api->pending || !list.v[i].validated;
                return;
            }
        }
        return;
    }
    api->valid = api->valid || o->status == CA_ISSUED;
    api->pending = api->pending || waits(o->status);
}

static void take_order(struct look *l, struct ca_account *c, const struct ca_order *o,
                       const char *mailbox)
{
    bool of_it = false;

    for (size_t i = 0; i < o->mailboxes.n; i++) {
        of_it = of_it || base_mailbox_same(o->mailboxes.v[i], mailbox, !l->in->exact);
    }
    if (!of_it) {
        return; /* not the order of this mailbox, whatever its id */
    }
    l->api->found = true;
    l->api->by_email = o->dcv_method == NULL || by_email(o->dcv_method);
    l->api->domain = domain_part(mailbox);
    add_id(l, o->id);
    add_id(l, o->certificate);
    mailbox_state(l, c, o, mailbox);
}

static void look_at_mailbox(struct look *l, struct ca_account *c,
                            const struct policy_intent *intent)
{
    struct ca_order_filter flt = {.mailbox = intent->mailbox, .max = 100};
    struct base_fail why = {0};
    struct ca_orders list;
    struct ca_order o;
    size_t n = 0;

    if (intent->order != NULL) {
        if (settle(l, of_object(l, c, ca_order_info(c, intent->order, l->arena, &o, &why), &why),
                   &why)) {
            take_order(l, c, &o, intent->mailbox);
        }
        return;
    }
    if (!settle(l, ca_order_list(c, &flt, l->arena, &list, &why), &why)) {
        return;
    }
    for (size_t i = 0; i < list.n && n < WAITING_MAX; i++) {
        why = (struct base_fail){0};
        if (waits(list.v[i].status) &&
            settle(l, of_object(l, c, ca_order_info(c, list.v[i].id, l->arena, &o, &why), &why),
                   &why)) {
            take_order(l, c, &o, intent->mailbox);
            n++;
        }
    }
}

/* ---- whose ids ---------------------------------------------------------------------------- */

/* Of several ids the worst news counts: one that is nobody's of us is a stranger's. */
static int rank(int owner)
{
    switch (owner) {
    case POLICY_ID_NOWHERE:
        return 4;
    case POLICY_ID_OTHER_ACCOUNT:
        return 3;
    case POLICY_ID_INTENT_ACCOUNT:
        return 2;
    case POLICY_ID_UNKNOWN:
        return 1;
    default:
        return 0;
    }
}

/* May account C, which the mail hardly concerns, be asked about WHAT now? Whether it has it is not
 * worth that what does concern it waits. */
static bool may_ask_other(struct look *l, struct ca_account *c, const char *what)
{
    int64_t now = base_mono_ms();

    if (l->others_until == 0) {
        l->others_until = now + OTHERS_MS;
    }
    return now < l->others_until && !ca_others_lacked(ca_account_id(c), what, now) &&
           ca_share_wait_ms(c, OTHERS_SHARE) == 0 && ca_others_may_ask(now);
}

static bool other_owns(struct look *l, struct ca_account *c, const struct policy_id *id)
{
    const char *what = base_arena_printf(l->arena, "%s %s", id->name, id->value);
    struct base_fail ignored = {0};
    enum ca_owner owner = CA_OWNER_UNKNOWN;

    if (!may_ask_other(l, c, what) ||
        ca_id_owner(c, id->name, id->value, l->arena, &owner, &ignored) != BASE_OK) {
        return false;
    }
    if (owner == CA_OWNER_NOT) {
        ca_others_lacks(ca_account_id(c), what, base_mono_ms());
    }
    return owner == CA_OWNER_HERE;
}

/* The account that it concerns first, whose answer is needed; then the others, if they can tell. Without
 * such an account each answer is needed. */
static int owner_of(struct look *l, const struct policy_id *id, struct ca_account *mine,
                    struct ca_account *home, const char **other)
{
    struct ca_account *first = mine != NULL ? mine : home;
    bool unknown = l->in->naccounts == 0;

    if (mine != NULL && policy_strings_has(&l->api->ids, id->value)) {
        return POLICY_ID_INTENT_ACCOUNT;
    }
    for (size_t i = 0; i <= l->in->naccounts; i++) {
        struct ca_account *c = i == 0 ? first : l->in->accounts[i - 1];
        struct base_fail why = {0};
        enum ca_owner owner = CA_OWNER_UNKNOWN;
        if (c == NULL || (i > 0 && c == first)) {
            continue;
        }
        if (i > 0 && first != NULL) {
            owner = other_owns(l, c, id) ? CA_OWNER_HERE : CA_OWNER_NOT;
        } else if (!settle(l, ca_id_owner(c, id->name, id->value, l->arena, &owner, &why), &why) ||
                   owner == CA_OWNER_UNKNOWN) {
            unknown = true;
        }
        if (owner == CA_OWNER_HERE) {
            *other = ca_account_id(c);
            return c == mine ? POLICY_ID_INTENT_ACCOUNT : POLICY_ID_OTHER_ACCOUNT;
        }
        if (unknown && first != NULL) {
            break; /* asked again later: until then the others need not be */
        }
    }
    return unknown ? POLICY_ID_UNKNOWN : POLICY_ID_NOWHERE;
}

static void look_at_ids(struct look *l, struct ca_account *mine, struct ca_account *home)
{
    size_t n = l->in->nids < MAIL_IDS_MAX ? l->in->nids : MAIL_IDS_MAX;

    for (size_t i = 0; i < n; i++) {
        const char *account = NULL;
        int owner = owner_of(l, &l->in->ids[i], mine, home, &account);
        if (rank(owner) > rank((int)l->api->id_owner)) {
            l->api->id_owner = owner;
            l->api->owner_account = owner == POLICY_ID_OTHER_ACCOUNT ? account : NULL;
        }
    }
}

/* Does any account wait for this domain or mailbox? */
static bool pending_in(struct look *l, struct ca_account *c)
{
    struct ca_order_filter flt = {.mailbox = l->in->mailbox, .max = 100};
    struct base_fail why = {0};
    struct ca_orders list;
    struct ca_domain d;

    if (l->in->mailbox != NULL && settle(l, ca_order_list(c, &flt, l->arena, &list, &why), &why)) {
        for (size_t i = 0; i < list.n; i++) {
            if (waits(list.v[i].status)) {
                return true;
            }
        }
    }
    return l->in->domain != NULL && l->in->mailbox == NULL &&
           find_domain(l, c, NULL, l->in->domain, &d) && d.pending &&
           (d.dcv_method == NULL || by_email(d.dcv_method)); /* else the CA writes no mail */
}

static void look_elsewhere(struct look *l, struct ca_account *home)
{
    const char *about = l->in->mailbox != NULL ? l->in->mailbox : l->in->domain;
    const char *what = base_arena_printf(l->arena, "pending %s", about != NULL ? about : "");
    struct look other = *l; /* what an account that isn't needed fails with is not kept */
    struct policy_api ignored = *l->api;

    other.api = &ignored;
    for (size_t i = 0; i <= l->in->naccounts; i++) {
        struct ca_account *c = i == 0 ? home : l->in->accounts[i - 1];
        bool needed = i == 0 || home == NULL;
        if (c == NULL || (i > 0 && c == home) || (!needed && !may_ask_other(l, c, what))) {
            continue;
        }
        ignored.state = POLICY_API_OK;
        bool pending = pending_in(needed ? l : &other, c);
        if (!needed && !pending && ignored.state == POLICY_API_OK) {
            ca_others_lacks(ca_account_id(c), what, base_mono_ms());
        }
        if (pending) {
            l->api->pending_elsewhere = true;
            if (l->api->owner_account == NULL) {
                l->api->owner_account = ca_account_id(c);
            }
            return;
        }
    }
}

enum base_fail_class ca_evidence(const struct ca_look *in, struct base_arena *a,
                                 struct policy_api *out, struct base_fail *f)
{
    struct look l = {.in = in, .arena = a, .api = out, .fail = f, .worst = BASE_OK};
    const struct policy_intent *intent = in->intent;
    struct ca_account *mine = intent != NULL ? account_of(in, intent->account) : NULL;
    struct ca_account *home = account_of(in, in->home);

    *out = (struct policy_api){.state = POLICY_API_OK};
    out->ids.v = base_arena_array(a, IDS_MAX, sizeof *out->ids.v);
    if (in->naccounts == 0) {
        out->state = POLICY_API_UNASKED;
        return BASE_OK;
    }
    if (intent != NULL && mine == NULL) {
        out->state = POLICY_API_REFUSED;
        return base_failf(f, BASE_PERMANENT, "ca.account", "account %s is not configured any more",
                          intent->account != NULL ? intent->account : "?");
    }
    if (intent != NULL && intent->kind == POLICY_INTENT_DOMAIN) {
        look_at_domain(&l, mine, intent);
    } else if (intent != NULL && intent->mailbox != NULL) {
        look_at_mailbox(&l, mine, intent);
    }
    look_at_ids(&l, mine, home);
    /* an id that is somebody's, or nobody's of us, says more */
    if (intent == NULL && (int)out->id_owner != POLICY_ID_OTHER_ACCOUNT &&
        (int)out->id_owner != POLICY_ID_NOWHERE) {
        look_elsewhere(&l, home);
    }
    return l.worst;
}
