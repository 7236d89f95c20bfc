/* agent/cancel.c - an order that ends here, without the CA: nothing of it has left yet, or nobody can
 * tell whether it arrived and a person says so. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orderrun.h"
#include "show.h"

bool agent_order_ended(const struct ledger_order *o)
{
    return strcmp(o->state, "stored") == 0 || strcmp(o->state, "failed") == 0 ||
           strcmp(o->state, "cancelled") == 0;
}

bool agent_order_unsure(const struct ledger_order *o)
{
    return strcmp(o->state, "person") == 0 && !o->ca_order;
}

enum base_fail_class agent_cancel_here(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                                       const json_t *req, const char *by, json_t *answer,
                                       struct base_fail *f)
{
    bool unsure = agent_order_unsure(o);
    json_t *request = agent_parsed(o->request);
    bool reissued = base_json_obj(request, "reissue");
    json_decref(request);
    const char *why = base_arena_printf(a, "%s by %s%s: %s", unsure ? "closed" : "cancelled", by,
                                        unsure ? ", not knowing whether it arrived at the CA"
                                               : " before it was sent",
                                        base_json_strd(req, "reason", ""));
    base_json_set(answer, "text", unsure ? "it is closed here; the CA is not asked: if it has this order "
                                           "after all, reject or cancel it in its portal"
                                         : "it had not been sent yet, and won't be");
    if (base_json_bool(req, "dry_run", false))
        return BASE_OK;
    if (reissued)
        return agent_reissue_undo(ag, a, o, why)
                   ? BASE_OK
                   : base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    o->state = "cancelled";
    o->reason = why;
    o->changed = base_now();
    o->next_look = 0;
    struct order_run run = {.a = a, .o = *o};
    enum base_fail_class r = ledger_order_update(ag->ledger, o, f);
    /* a request that was taken back may have asked for its domain */
    if (!r && !agent_order_forget(ag, &run, why))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "state", "cancelled");
        base_json_set(data, "reason", why);
        agent_event(ag, LOG_NOTICE, "order.state", o->tenant, agent_object(a, "order", o->id), by,
                    data);
        base_json_set(answer, "state", "cancelled");
    }
    return r;
}
