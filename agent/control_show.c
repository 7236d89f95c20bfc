/* agent/control_show.c - lists and single things, for a person to read. Reads only. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "policy/recognise.h"
#include "policy/watch.h"
#include "show.h"

#define EVENTS 200

static size_t page_limit(const json_t *req)
{
    int64_t n = base_json_int(req, "limit", 100);
    return (size_t)(n < 1 ? 1 : n > 500 ? 500 : n);
}

static json_t *parsed(const char *text)
{
    struct base_fail f = {0};
    return text ? base_json_parse(text, strlen(text), 16 << 20, &f) : NULL;
}

static void put_parsed(json_t *o, const char *key, const char *text)
{
    json_t *v = parsed(text);
    if (v)
        json_object_set_new(o, key, v);
}

static json_t *string_list(const char *const *v, size_t n)
{
    json_t *l = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l, json_string(v[i]));
    return l;
}

/* ---- rows as JSON --------------------------------------------------------------------- */

json_t *agent_intent_json(const struct ledger_intent *i)
{
    json_t *o = json_object();
    base_json_setn(o, "id", i->p.id);
    base_json_set(o, "kind", policy_intent_kind_name(i->p.kind));
    base_json_set(o, "state", policy_intent_state_name(i->p.state));
    base_json_set(o, "tenant", i->p.tenant);
    base_json_set(o, "account", i->p.account);
    base_json_set(o, "domain", i->p.domain);
    base_json_set(o, "mailbox", i->p.mailbox);
    base_json_set(o, "order", i->p.order);
    base_json_set(o, "domain_id", i->p.domain_id);
    json_object_set_new(o, "recipients", string_list(i->p.recipients.v, i->p.recipients.n));
    base_json_setn(o, "created", i->p.created);
    base_json_setn(o, "expires", i->p.expires);
    base_json_setn(o, "copies", i->p.copies);
    base_json_setn(o, "resends", i->resends);
    base_json_setn(o, "next_look", i->next_look);
    base_json_set(o, "by", i->by);
    base_json_set(o, "note", i->note);
    return o;
}

static json_t *order_json(const struct ledger_order *r)
{
    json_t *o = json_object();
    base_json_setn(o, "id", r->id);
    base_json_set(o, "reference", r->reference);
    base_json_set(o, "tenant", r->tenant);
    base_json_set(o, "account", r->account);
    base_json_set(o, "mailbox", r->mailbox);
    base_json_set(o, "product", r->product);
    base_json_set(o, "state", r->state);
    base_json_set(o, "ca_status", r->ca_status);
    base_json_set(o, "ca_order", r->ca_order);
    base_json_set(o, "ca_certificate", r->ca_certificate);
    base_json_set(o, "key_id", r->key_id);
    base_json_set(o, "reason", r->reason);
    base_json_set(o, "by", r->by);
    base_json_setn(o, "created", r->created);
    base_json_setn(o, "changed", r->changed);
    base_json_setn(o, "next_look", r->next_look);
    return o;
}

static json_t *certificate_json(const struct ledger_certificate *c, bool whole)
{
    json_t *o = json_object();
    base_json_setn(o, "id", c->id);
    base_json_set(o, "thumbprint", c->thumbprint);
    base_json_set(o, "serial", c->serial);
    base_json_set(o, "subject", c->subject);
    base_json_set(o, "issuer", c->issuer);
    json_object_set_new(o, "mailboxes", string_list(c->mailboxes, c->nmailboxes));
    base_json_set(o, "state", c->state);
    base_json_set(o, "usage", c->usage);
    base_json_setn(o, "not_before", c->not_before);
    base_json_setn(o, "not_after", c->not_after);
    base_json_setn(o, "stored_at", c->stored_at);
    base_json_setn(o, "order", c->order_row);
    base_json_set(o, "source", c->source);
    base_json_set(o, "key_id", c->key_id);
    base_json_set(o, "revocation", c->revocation);
    base_json_setn(o, "revocation_at", c->revocation_at);
    if (whole)
        put_parsed(o, "checks", c->checks);
    return o;
}

json_t *agent_mail_json(const struct ledger_mail *m)
{
    json_t *o = json_object();
    base_json_setn(o, "id", m->id);
    base_json_set(o, "kind", m->kind);
    base_json_set(o, "state", m->state);
    base_json_set(o, "verdict", m->verdict);
    base_json_set(o, "reason", m->reason);
    base_json_set(o, "text", m->text);
    base_json_set(o, "domain", m->domain);
    base_json_set(o, "mailbox", m->mailbox);
    base_json_set(o, "profile", m->profile);
    base_json_set(o, "rcpt", m->rcpt);
    base_json_set(o, "sender", m->sender);
    base_json_set(o, "client", m->client);
    base_json_set(o, "queue_id", m->queue_id);
    base_json_set(o, "message_id", m->message_id);
    base_json_set(o, "subject", m->subject);
    base_json_setn(o, "received", m->received);
    base_json_setn(o, "intent", m->intent);
    base_json_set(o, "approved_by", m->approved_by);
    base_json_set(o, "approved_why", m->approved_why);
    return o;
}

static void put_events(struct agent *ag, struct base_arena *a, json_t *answer, const char *object)
{
    struct base_fail f = {0};
    struct ledger_event *v;
    size_t n = 0;
    json_t *l = base_json_arr(answer, "events");
    if (!l) {
        json_object_set_new(answer, "events", json_array());
        l = base_json_arr(answer, "events");
    }
    if (ledger_event_list(ag->ledger, a, object, 0, EVENTS, &v, &n, &f))
        return;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l, agent_event_json(&v[i]));
}

static const char *object_of(struct base_arena *a, const char *kind, int64_t id)
{
    return base_arena_printf(a, "%s:%lld", kind, (long long)id);
}

/* ---- lists ------------------------------------------------------------------------------ */

/* What the ledger knows of one configured domain. */
static json_t *domain_json(struct agent *ag, struct base_arena *a, const struct policy_domain *d)
{
    static const char *const unexpected[] = {"alarm", "notify", "count"};
    struct base_fail f = {0};
    struct ledger_domain ld;
    struct ledger_intent *v;
    size_t n = 0;
    json_t *o = json_object();
    base_json_set(o, "domain", d->name);
    base_json_set(o, "tenant", d->tenant);
    base_json_set(o, "account", d->account);
    base_json_set(o, "mode", policy_mode_name(d->mode));
    base_json_set(o, "unexpected", unexpected[d->unexpected]);
    base_json_set(o, "where", d->where);
    if (d->account && !ledger_domain_get(ag->ledger, a, d->name, d->account, &ld, &f)) {
        base_json_set(o, "state", ld.state);
        base_json_set(o, "method", ld.method);
        base_json_set(o, "ca_id", ld.ca_id);
        base_json_setn(o, "valid_until", ld.valid_until);
        base_json_setn(o, "looked_at", ld.looked_at);
    } else
        base_json_set(o, "state", d->account ? "unknown" : "guarded");
    if (!ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, &f) && n > 0) {
        base_json_setn(o, "intent", v[0].p.id);
        base_json_set(o, "intent_state", policy_intent_state_name(v[0].p.state));
        base_json_setn(o, "expires", v[0].p.expires);
    }
    return o;
}

enum base_fail_class agent_cmd_domain_list(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *after = base_json_strd(req, "after", "");
    size_t limit = page_limit(req), i = 0, n = 0;
    json_t *l = json_array();
    (void)by;
    (void)f;
    while (i < cfg->ndomains && after[0] && strcmp(cfg->domains[i].name, after) <= 0)
        i++;
    for (; i < cfg->ndomains && n < limit; i++, n++) {
        struct base_arena *a = base_arena_new();
        json_array_append_new(l, domain_json(ag, a, &cfg->domains[i]));
        base_arena_free(a);
    }
    if (i < cfg->ndomains && n > 0)
        base_json_set(answer, "next", cfg->domains[i - 1].name);
    json_object_set_new(answer, "domains", l);
    return BASE_OK;
}

static enum base_fail_class list_expiring(struct agent *ag, struct base_arena *a, const json_t *req,
                                          json_t *answer, struct base_fail *f)
{
    struct ledger_certificate *v;
    size_t n = 0, limit = page_limit(req);
    long long at = 0, id = 0;
    json_t *l = json_array();
    const char *after = base_json_str(req, "after");
    if (after && sscanf(after, "%lld.%lld", &at, &id) != 2) // NOLINT(cert-err34-c): opaque, ours
        at = id = 0;
    enum base_fail_class r =
        ledger_certificate_expiring(ag->ledger, a, base_json_int(req, "expiring_before", 0), at, id,
                                    limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        json_array_append_new(l, certificate_json(&v[i], false));
    if (!r && n == limit)
        base_json_set(answer, "next",
                      base_arena_printf(a, "%lld.%lld", (long long)v[n - 1].not_after,
                                        (long long)v[n - 1].id));
    json_object_set_new(answer, "certificates", l);
    if (!r && n)
        json_object_set_new(answer, "attention",
                            json_pack("[s]", "certificates are about to end"));
    return r;
}

enum base_fail_class agent_cmd_list(struct agent *ag, const json_t *req, const char *by,
                                    json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mailbox *v;
    size_t n = 0, limit = page_limit(req);
    enum base_fail_class r;
    (void)by;
    if (base_json_int(req, "expiring_before", 0)) {
        r = list_expiring(ag, a, req, answer, f);
        base_arena_free(a);
        return r;
    }
    json_t *l = json_array();
    r = ledger_mailbox_list(ag->ledger, a, base_json_strd(req, "after", ""), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "tenant", v[i].tenant);
        base_json_setn(o, "certificates", v[i].certificates);
        base_json_setn(o, "current", v[i].current);
        base_json_setn(o, "not_after", v[i].not_after);
        base_json_setn(o, "open_orders", v[i].open_orders);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_set(answer, "next", v[n - 1].mailbox);
    json_object_set_new(answer, "mailboxes", l);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_consent_list(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_consent *v;
    size_t n = 0, limit = page_limit(req);
    json_t *l = json_array();
    const char *box = base_json_str(req, "mailbox");
    (void)by;
    enum base_fail_class r =
        ledger_consent_list(ag->ledger, a, box ? policy_mailbox_normal(a, box) : NULL,
                            base_json_int(req, "after", 0), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "id", v[i].id);
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "what", v[i].what);
        base_json_set(o, "who", v[i].who);
        base_json_set(o, "how", v[i].how);
        base_json_set(o, "text", v[i].text);
        base_json_set(o, "entered_by", v[i].entered_by);
        base_json_setn(o, "given", v[i].given);
        base_json_setn(o, "withdrawn", v[i].withdrawn);
        base_json_set(o, "withdrawn_by", v[i].withdrawn_by);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    json_object_set_new(answer, "consents", l);
    base_arena_free(a);
    return r;
}

/* ---- held --------------------------------------------------------------------------------- */

/* Would a person's approval change the verdict? Judged as if it were given. */
static void put_outlook(struct agent *ag, struct base_arena *a, const struct ledger_mail *mail,
                        json_t *o)
{
    struct ledger_mail m = *mail;
    struct agent_case c = {0};
    struct policy_decision d;
    m.approved_by = "?";
    m.approved_why = "?";
    bool yes = agent_case_build(ag, a, &m, NULL, &c);
    if (yes) {
        policy_decide(a, POLICY_GATE_ASK, &c.ev, ag->conf->cfg, &d);
        yes = d.verdict == POLICY_CONFIRM || d.verdict == POLICY_COLLECT;
        base_json_set(o, "would",
                      yes ? "approving asks the CA whether this is pending in our account, opens the "
                            "link, compares the page, and confirms"
                          : base_arena_printf(a, "approving changes nothing: %s", d.text));
    }
    base_json_setb(o, "approvable", yes);
    agent_case_free(&c);
}

enum base_fail_class agent_cmd_held_list(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail *v;
    size_t n = 0, limit = page_limit(req);
    json_t *l = json_array();
    (void)by;
    enum base_fail_class r = ledger_mail_list(ag->ledger, a, "held", base_json_int(req, "after", 0),
                                              limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = agent_mail_json(&v[i]);
        put_outlook(ag, a, &v[i], o);
        json_array_append_new(l, o);
    }
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    if (!r && n)
        json_object_set_new(answer, "attention", json_pack("[s]", "held mails wait for a person"));
    json_object_set_new(answer, "held", l);
    base_arena_free(a);
    return r;
}

static void put_checks(json_t *answer, const struct ledger_mail *m)
{
    json_t *d = parsed(m->decision), *checks = base_json_arr(d, "checks");
    json_object_set(answer, "checks", checks ? checks : json_null());
    json_decref(d);
}

enum base_fail_class agent_cmd_held_show(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    int64_t id = base_json_int(req, "id", 0);
    (void)by;
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, &m, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "held.absent", "there is no mail %lld", (long long)id);
    if (!r) {
        json_object_set_new(answer, "mail", agent_mail_json(&m));
        put_checks(answer, &m);
        if (strcmp(m.state, "held") == 0)
            put_outlook(ag, a, &m, answer);
        if (m.domain)
            base_json_set(answer, "dns",
                          base_arena_printf(a,
                                            "without this mail: validate %s by a DNS record in the "
                                            "CA's portal; no link is needed then",
                                            m.domain));
        put_events(ag, a, answer, object_of(a, "mail", id));
    }
    base_arena_free(a);
    return r;
}

/* ---- show ------------------------------------------------------------------------------------ */

static enum base_fail_class show_mail(struct agent *ag, struct base_arena *a, int64_t id,
                                      json_t *answer, struct base_fail *f)
{
    struct ledger_mail m;
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, &m, f);
    if (r)
        return r;
    base_json_set(answer, "type", "mail");
    json_object_set_new(answer, "mail", agent_mail_json(&m));
    put_checks(answer, &m);
    put_events(ag, a, answer, object_of(a, "mail", id));
    return BASE_OK;
}

static enum base_fail_class show_intent(struct agent *ag, struct base_arena *a, int64_t id,
                                        json_t *answer, struct base_fail *f)
{
    struct ledger_intent i;
    enum base_fail_class r = ledger_intent_get(ag->ledger, a, id, &i, f);
    if (r)
        return r;
    base_json_set(answer, "type", "intent");
    json_object_set_new(answer, "intent", agent_intent_json(&i));
    put_events(ag, a, answer, object_of(a, "intent", id));
    return BASE_OK;
}

static void put_intents_of(struct agent *ag, struct base_arena *a, int64_t order, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    json_t *l = json_array();
    if (ledger_intent_of_order(ag->ledger, a, order, &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l, agent_intent_json(&v[i]));
    json_object_set_new(answer, "intents", l);
}

static void show_order(struct agent *ag, struct base_arena *a, const struct ledger_order *o,
                       json_t *answer)
{
    base_json_set(answer, "type", "order");
    json_object_set_new(answer, "order", order_json(o));
    put_intents_of(ag, a, o->id, answer);
    put_events(ag, a, answer, object_of(a, "order", o->id));
}

static void show_certificate(struct agent *ag, struct base_arena *a,
                             const struct ledger_certificate *c, json_t *answer)
{
    base_json_set(answer, "type", "certificate");
    json_object_set_new(answer, "certificate", certificate_json(c, true));
    put_events(ag, a, answer, object_of(a, "certificate", c->id));
}

static void show_domain(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                        json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    json_t *l = json_array();
    base_json_set(answer, "type", "domain");
    json_object_set_new(answer, "domain", domain_json(ag, a, d));
    if (ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(l, agent_intent_json(&v[i]));
        put_events(ag, a, answer, object_of(a, "intent", v[i].p.id));
    }
    json_object_set_new(answer, "intents", l);
    put_events(ag, a, answer, base_arena_printf(a, "domain:%s", d->name));
}

/* False if nothing is known of this mailbox and it is in no controlled domain. */
static bool show_mailbox(struct agent *ag, struct base_arena *a, const char *box, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_certificate *c;
    struct ledger_order *o;
    size_t nc = 0, no = 0;
    json_t *certs = json_array(), *orders = json_array(), *m = json_object();
    const struct policy_domain *d = policy_config_mailbox_domain(ag->conf->cfg, box);
    if (ledger_certificate_of(ag->ledger, a, box, 100, &c, &nc, &f))
        nc = 0;
    if (ledger_order_list(ag->ledger, a, box, 0, 100, &o, &no, &f))
        no = 0;
    for (size_t i = 0; i < nc; i++)
        json_array_append_new(certs, certificate_json(&c[i], false));
    for (size_t i = 0; i < no; i++) {
        json_array_append_new(orders, order_json(&o[i]));
        put_events(ag, a, answer, object_of(a, "order", o[i].id));
    }
    base_json_set(answer, "type", "mailbox");
    base_json_set(m, "mailbox", box);
    base_json_set(m, "tenant", d ? d->tenant : NULL);
    json_object_set_new(answer, "mailbox", m);
    json_object_set_new(answer, "certificates", certs);
    json_object_set_new(answer, "orders", orders);
    return d || nc || no;
}

/* "kind:N" -> N; 0 if WHAT isn't of that kind. */
static int64_t numbered(const char *what, const char *kind)
{
    int64_t id = 0;
    size_t n = strlen(kind);
    if (strncmp(what, kind, n) != 0 || what[n] != ':' ||
        !base_parse_int(what + n + 1, 1, INT64_MAX, &id))
        return 0;
    return id;
}

static enum base_fail_class show_named(struct agent *ag, struct base_arena *a, const char *what,
                                       json_t *answer, struct base_fail *f)
{
    struct ledger_order o;
    struct ledger_certificate c;
    struct base_fail ignored = {0};
    const char *box = strchr(what, '@') ? policy_watch_normalise(a, what) : NULL;
    const char *domain = policy_domain_alabel(a, strncmp(what, "domain:", 7) == 0 ? what + 7 : what);
    const struct policy_domain *d = domain ? policy_config_domain(ag->conf->cfg, domain) : NULL;
    if (box && show_mailbox(ag, a, box, answer))
        return BASE_OK;
    if (d) {
        show_domain(ag, a, d, answer);
        return BASE_OK;
    }
    if (!ledger_order_find(ag->ledger, a, what, &o, &ignored)) {
        show_order(ag, a, &o, answer);
        return BASE_OK;
    }
    if (!ledger_certificate_find(ag->ledger, a, what, &c, &ignored)) {
        show_certificate(ag, a, &c, answer);
        return BASE_OK;
    }
    json_object_clear(answer);
    return base_failf(f, BASE_PERMANENT, "show.absent",
                      "nothing is known of \"%s\": expected a mailbox, a controlled domain, order:N, "
                      "intent:N, mail:N, certificate:N, a CA order id, a thumbprint or a serial number",
                      what);
}

enum base_fail_class agent_cmd_show(struct agent *ag, const json_t *req, const char *by,
                                    json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "what", "");
    struct ledger_order o;
    struct ledger_certificate c;
    enum base_fail_class r = BASE_OK;
    int64_t id;
    (void)by;
    if ((id = numbered(what, "mail")))
        r = show_mail(ag, a, id, answer, f);
    else if ((id = numbered(what, "intent")))
        r = show_intent(ag, a, id, answer, f);
    else if ((id = numbered(what, "order"))) {
        r = ledger_order_get(ag->ledger, a, id, &o, f);
        if (!r)
            show_order(ag, a, &o, answer);
    } else if ((id = numbered(what, "certificate"))) {
        r = ledger_certificate_get(ag->ledger, a, id, &c, f);
        if (!r)
            show_certificate(ag, a, &c, answer);
    } else
        r = show_named(ag, a, what, answer, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "show.absent", "there is no %s", what);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_pem(struct agent *ag, const json_t *req, const char *by,
                                   json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_certificate c, *v;
    size_t n = 0;
    const char *what = base_json_strd(req, "what", "");
    const char *box = strchr(what, '@') ? policy_watch_normalise(a, what) : NULL;
    enum base_fail_class r = BASE_OK;
    (void)by;
    if (box) {
        r = ledger_certificate_of(ag->ledger, a, box, 1, &v, &n, f);
        if (!r && n == 0)
            r = base_failf(f, BASE_PERMANENT, "show.absent", "%s has no certificate here", box);
        else if (!r)
            r = ledger_certificate_get(ag->ledger, a, v[0].id, &c, f);
    } else {
        int64_t id = numbered(what, "certificate");
        r = id ? ledger_certificate_get(ag->ledger, a, id, &c, f)
               : ledger_certificate_find(ag->ledger, a, what, &c, f);
        if (r && strcmp(f->code, "ledger.absent") == 0)
            r = base_failf(f, BASE_PERMANENT, "show.absent", "there is no certificate \"%s\"", what);
    }
    if (!r) {
        base_json_set(answer, "thumbprint", c.thumbprint);
        base_json_set(answer, "pem", c.chain_pem);
        base_json_setn(answer, "not_after", c.not_after);
        json_object_set_new(answer, "mailboxes", string_list(c.mailboxes, c.nmailboxes));
    }
    base_arena_free(a);
    return r;
}
