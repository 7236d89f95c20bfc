/* agent/since.c - after a restore: orders of ours that the CA is further with than the backup.
 *
 * Called by the look at the CA's orders while the fence is up; nothing is sent. What was ordered or
 * reissued since has its key nowhere in the backup: its certificate is fetched once the fence is
 * down, and says so. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "backup.h"
#include "base/clock.h"
#include "base/json.h"

bool agent_since_reissued(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                          const char *certificate)
{
    struct base_fail f = {0};
    json_t *request = o->request ? base_json_parse(o->request, strlen(o->request), 1 << 20, &f) : NULL;
    if (!request)
        request = json_object();
    base_json_setb(request, "after_backup", true);
    char *text = base_json_text(request);
    json_decref(request);
    o->request = base_arena_strdup(a, text);
    free(text);
    o->state = "issued";
    o->ca_certificate = certificate;
    o->key_id = o->spki = NULL;
    o->reason = "reissued after the backup that was restored; " AGENT_SINCE_LOST;
    o->changed = o->next_look = base_now();
    o->issued_at = base_now() - 3600; /* its mail came long ago, or never */
    if (!agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order"))
        return false;
    agent_fence_note(ag, "found", o, o->reason);
    return true;
}

bool agent_since_found_again(struct agent *ag, const struct ca_order *c, struct ledger_order *o)
{
    struct base_fail f = {0};
    if (!ag->fenced || o->ca_order)
        return true;
    o->ca_order = c->id;
    o->ca_certificate = c->certificate;
    o->ca_status = c->status_text;
    o->state = "waiting";
    o->reason = "restored from a backup: the CA has the order";
    o->changed = o->next_look = base_now();
    if (agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order"))
        agent_fence_note(ag, "changed", o, "had not been sent at the time of the backup; the CA has it");
    return true;
}

/* Hexadecimal, with or without a zero in front. */
static bool same_number(const char *x, const char *y)
{
    return base_ascii_caseeq(x + strspn(x, "0"), y + strspn(y, "0"));
}

bool agent_since_compare(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                         const struct ca_order *c)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    bool told = c->thumbprint || c->serial;
    if (!ag->fenced)
        return true;
    if (!agent_ok(ag, ledger_certificate_of(ag->ledger, a, o->mailbox, 100, &v, &n, &f), &f,
                  "certificates"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].order_row == o->id &&
            (c->serial ? same_number(c->serial, v[i].serial)
                       : c->thumbprint && base_ascii_caseeq(c->thumbprint, v[i].thumbprint))) {
            o->ca_certificate = c->certificate; /* not asked again */
            return agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order");
        }
    return !told || strcmp(o->state, "stored") != 0 || agent_since_reissued(ag, a, o, c->certificate);
}

bool agent_order_after_backup(const struct ledger_order *o)
{
    struct base_fail f = {0};
    json_t *j = o->request ? base_json_parse(o->request, strlen(o->request), 1 << 20, &f) : NULL;
    bool is = base_json_bool(j, "after_backup", false);
    json_decref(j);
    return is;
}
