/* agent/timeline.c - an order as a story: what happened, why it is where it is, what
 * comes next and when. Reads only. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "show.h"

#define EVENTS 200
#define DAY 86400

static bool tells(const char *type)
{
    return strncmp(type, "order.", 6) == 0 || strncmp(type, "act.", 4) == 0;
}

static void put_step(json_t *list, const struct ledger_event *e)
{
    json_t *data = agent_parsed(e->data), *o = json_object();
    const char *what = base_json_str(data, "state");
    base_json_setn(o, "at", e->at);
    base_json_set(o, "what", what ? what : strchr(e->type, '.') + 1);
    base_json_set(o, "action", base_json_str(data, "action"));
    base_json_set(o, "by", e->actor);
    base_json_set(o, "cause", base_json_strd(data, "text", base_json_strd(data, "reason", "")));
    json_array_append_new(list, o);
    json_decref(data);
}

static const struct ledger_certificate *newest(struct agent *ag, struct base_arena *a,
                                               const struct ledger_order *o)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    if (ledger_certificate_of(ag->ledger, a, o->mailbox, 100, &v, &n, &f))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (v[i].order_row == o->id && strcmp(v[i].state, "current") == 0)
            return &v[i];
    return NULL;
}

static bool is_renewed_there(const struct ledger_order *o)
{
    json_t *form = agent_parsed(o->request);
    bool is = base_json_int(form, "auto_renew", 0) > 0 &&
              strcmp(base_json_strd(form, "renew_by", "us"), "ca") == 0;
    json_decref(form);
    return is;
}

static const char *next_of_stored(struct agent *ag, struct base_arena *a,
                                  const struct ledger_order *o, int64_t *at)
{
    const struct ledger_certificate *c = newest(ag, a, o);
    if (!c)
        return "nothing: its certificate was replaced, revoked or has ended";
    *at = agent_renewal_time(ag, c);
    if (*at)
        return "it is renewed by a new order";
    *at = c->not_after;
    if (is_renewed_there(o))
        return "its certificate ends; the CA renews it by itself, as ordered";
    return "its certificate ends; it is not renewed by itself (option renew of its domain, or "
           "order --auto-renew)";
}

static const char *next_of(struct agent *ag, struct base_arena *a, const struct ledger_order *o,
                           int64_t *at)
{
    *at = o->next_look ? o->next_look : base_now();
    if (strcmp(o->state, "preparing") == 0)
        return "the key is made, and the CA is asked";
    if (strcmp(o->state, "requesting") == 0 || strcmp(o->state, "unclear") == 0)
        return "the CA is looked at, whether the request arrived";
    if (strcmp(o->state, "waiting") == 0)
        return "the CA is looked at again";
    if (strcmp(o->state, "issued") == 0)
        return "its certificate is fetched, unless a mail brings it first";
    if (strcmp(o->state, "person") == 0 && o->ca_status &&
        strcmp(o->ca_status, "waiting_pickup") == 0)
        return "the recipient makes the key from the CA's mail; the CA is looked at again";
    if (strcmp(o->state, "person") == 0)
        return o->ca_order ? "a person acts in the CA's portal (certmilter request list); the CA is "
                             "looked at again"
                           : "a person compares in the CA's portal; nothing happens by itself";
    if (strcmp(o->state, "stored") == 0)
        return next_of_stored(ag, a, o, at);
    *at = 0;
    return "nothing: it is over";
}

void agent_put_timeline(struct agent *ag, struct base_arena *a, const struct ledger_order *o,
                        json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_event *v;
    size_t n = 0;
    int64_t at = 0;
    json_t *list = json_array(), *next = json_object();
    if (ledger_event_list(ag->ledger, a, agent_object(a, "order", o->id), 0, EVENTS, &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++)
        if (tells(v[i].type))
            put_step(list, &v[i]);
    base_json_set(next, "text", next_of(ag, a, o, &at));
    base_json_setn(next, "at", at);
    json_object_set_new(answer, "timeline", list);
    json_object_set_new(answer, "next", next);
}
