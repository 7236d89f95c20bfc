/* agent/actstart.c - taking an action on an order: its names, its record, its job. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/json.h"
#include "catalog.h"

const char *agent_act_name(enum ca_action action)
{
    static const char *const names[] = {"cancel", "revoke",  "revoke-order", "reissue",
                                        "approve", "reject", "emails"};
    return names[action];
}

void agent_act_event(struct agent *ag, const struct agent_act *act, const char *key,
                     const char *type, int priority, const char *text)
{
    struct base_arena *a = base_arena_new();
    json_t *data = json_object();
    base_json_set(data, "act", key);
    base_json_set(data, "action", agent_act_name(act->action));
    base_json_set(data, "reason", act->reason);
    base_json_set(data, "text", text);
    const char *object = act->certificate ? agent_object(a, "certificate", act->certificate)
                         : act->order     ? agent_object(a, "order", act->order)
                                          : base_arena_printf(a, "request:%s", act->id);
    agent_event(ag, priority, type, act->tenant, object, act->by, data);
    base_arena_free(a);
}

void agent_act_fill(struct base_arena *a, const struct agent_act *act, struct ca_act *r)
{
    size_t n = json_array_size(act->emails);
    *r = (struct ca_act){.action = act->action, .id = act->id, .text = act->reason};
    if (act->action == CA_REISSUE)
        r->csr = "made when asking"; /* only for a preview: reissue.c asks itself */
    r->emails.v = base_arena_array(a, n + 1, sizeof(*r->emails.v));
    for (size_t i = 0; i < n; i++)
        r->emails.v[r->emails.n++] = base_arena_strdup(
            a, json_is_string(json_array_get(act->emails, i))
                   ? json_string_value(json_array_get(act->emails, i))
                   : "");
}

void agent_put_preview(struct ca_preview *p, json_t *answer)
{
    json_t *sends = json_object();
    base_json_set(sends, "method", p->method);
    base_json_set(sends, "path", p->path);
    if (p->body)
        json_object_set_new(sends, "body", p->body);
    json_object_set_new(answer, "sends", sends);
}

enum base_fail_class agent_act_preview(struct agent *ag, const struct agent_act *act,
                                       json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ca_account *ca = agent_conf_ca(ag->conf, act->account);
    struct ca_preview p;
    struct ca_act r;
    agent_act_fill(a, act, &r);
    enum base_fail_class cls =
        ca ? ca_act_preview(ca, &r, a, &p, f)
           : base_failf(f, BASE_TEMPORARY, "account.unusable", "account \"%s\" can't be used now",
                        act->account);
    if (!cls) {
        agent_put_preview(&p, answer);
        base_json_set(answer, "state", "dry-run");
        base_json_set(answer, "text", "this would be sent; nothing was written or sent");
    }
    base_arena_free(a);
    return cls;
}

enum base_fail_class agent_act_start(struct agent *ag, const struct agent_act *act, json_t *answer,
                                     struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    json_t *data = json_object();
    struct ledger_order o;
    enum base_fail_class r = agent_right_check(ag, act->account, AGENT_RIGHT_ORDER, f);
    if (r) {
        json_decref(data);
        base_arena_free(a);
        return r;
    }
    base_json_set(data, "action", agent_act_name(act->action));
    base_json_set(data, "account", act->account);
    base_json_set(data, "tenant", act->tenant);
    base_json_set(data, "id", act->id);
    base_json_set(data, "ca_order", act->ca_order);
    base_json_setn(data, "order", act->order);
    base_json_setn(data, "certificate", act->certificate);
    base_json_set(data, "by", act->by);
    base_json_set(data, "reason", act->reason);
    if (act->emails)
        json_object_set(data, "emails", (json_t *)act->emails);
    if (act->order && !ledger_order_get(ag->ledger, a, act->order, &o, f) && o.request)
        base_json_setb(data, "reissue", strstr(o.request, "\"reissue\":") != NULL);
    char *text = base_json_text(data);
    json_decref(data);
    const char *key = base_arena_printf(a, "%s:%s:%s", agent_act_name(act->action), act->account, act->id);
    agent_act_event(ag, act, key, "act.asked", LOG_NOTICE, NULL);
    if (!agent_job_add(ag, "act", key, act->order, 0, text))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    free(text);
    base_json_set(answer, "act", key);
    base_json_set(answer, "state", "asked");
    base_arena_free(a);
    return r;
}
