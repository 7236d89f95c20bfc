/* agent/rows.c - rows of the ledger as JSON, for the control commands. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "policy/recognise.h"
#include "policy/watch.h"
#include "show.h"

#define EVENTS 200

size_t agent_page_limit(const json_t *req)
{
    int64_t n = base_json_int(req, "limit", 100);
    return (size_t)(n < 1 ? 1 : n > 500 ? 500 : n);
}

json_t *agent_parsed(const char *text)
{
    struct base_fail f = {0};
    return text ? base_json_parse(text, strlen(text), 16 << 20, &f) : NULL;
}

static void put_parsed(json_t *o, const char *key, const char *text)
{
    json_t *v = agent_parsed(text);
    if (v)
        json_object_set_new(o, key, v);
}

json_t *agent_string_list(const char *const *v, size_t n)
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
    json_object_set_new(o, "recipients", agent_string_list(i->p.recipients.v, i->p.recipients.n));
    base_json_setn(o, "created", i->p.created);
    base_json_setn(o, "expires", i->p.expires);
    base_json_setn(o, "copies", i->p.copies);
    base_json_setn(o, "resends", i->resends);
    base_json_setn(o, "next_look", i->next_look);
    base_json_set(o, "by", i->by);
    base_json_set(o, "note", i->note);
    return o;
}

json_t *agent_order_json(const struct ledger_order *r)
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

json_t *agent_certificate_json(const struct ledger_certificate *c, bool whole)
{
    json_t *o = json_object();
    base_json_setn(o, "id", c->id);
    base_json_set(o, "thumbprint", c->thumbprint);
    base_json_set(o, "serial", c->serial);
    base_json_set(o, "subject", c->subject);
    base_json_set(o, "issuer", c->issuer);
    json_object_set_new(o, "mailboxes", agent_string_list(c->mailboxes, c->nmailboxes));
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

void agent_put_events(struct agent *ag, struct base_arena *a, json_t *answer, const char *object)
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

/* What the ledger knows of one configured domain. */
json_t *agent_domain_json(struct agent *ag, struct base_arena *a, const struct policy_domain *d)
{
    static const char *const unexpected[] = {"alarm", "notify", "count"};
    struct base_fail f = {0};
    struct ledger_domain ld, *held = NULL;
    struct ledger_intent *v = NULL;
    size_t n = 0;
    json_t *o = json_object();
    base_json_set(o, "domain", d->name);
    base_json_set(o, "tenant", d->tenant);
    base_json_set(o, "account", d->account);
    base_json_set(o, "mode", policy_mode_name(d->mode));
    base_json_set(o, "asks", policy_method_name(d->method));
    base_json_set(o, "unexpected", unexpected[d->unexpected]);
    base_json_set(o, "where", d->where);
    if (d->account && !ledger_domain_get(ag->ledger, a, d->name, d->account, &ld, &f)) {
        held = &ld;
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
        for (size_t i = 0; i < n && !base_json_obj(o, "dcv"); i++)
            agent_dns_put(ag, a, d, v[i].p.id, o); /* one that ended may still be cleared away */
    }
    agent_calendar_put(ag, a, d, held, n > 0 ? &v[0] : NULL, o);
    return o;
}

void agent_put_checks(json_t *answer, const struct ledger_mail *m)
{
    json_t *d = agent_parsed(m->decision), *checks = base_json_arr(d, "checks");
    json_object_set(answer, "checks", checks ? checks : json_null());
    json_decref(d);
}

json_t *agent_event_json(const struct ledger_event *e)
{
    json_t *o = json_object(), *data = agent_parsed(e->data);
    base_json_setn(o, "id", e->id);
    base_json_setn(o, "at", e->at);
    base_json_set(o, "type", e->type);
    base_json_set(o, "tenant", e->tenant);
    base_json_set(o, "object", e->object);
    base_json_set(o, "actor", e->actor);
    json_object_set_new(o, "data", data ? data : json_object());
    return o;
}
