/* agent/replace.c - a revoked certificate is replaced where its domain has certificates renewed.
 *
 * The new order asks for what the one before asked for, with a new key. It names no order that
 * it renews: a CA renews nothing that it revoked. The spending brake and everything else that
 * place.c checks holds for it too; what is refused is told, and a person orders. */
#include "base/json.h"
#include "watching.h"

const char *agent_replace_revoked(struct agent *ag, struct base_arena *a,
                                  const struct ledger_certificate *c)
{
    struct base_fail f = {0};
    const char *box = c->nmailboxes ? c->mailboxes[0] : "?";
    const struct policy_domain *d =
        c->nmailboxes ? policy_config_mailbox_domain(ag->conf->cfg, box) : NULL;
    const char *hand = base_arena_printf(a, "Order a new one with\n\"certmilter order %s\".", box);
    if (!d || d->renew_days == 0 || !d->account)
        return hand;
    json_t *answer = json_object();
    static const struct agent_renew_how how = {.automatic = true, .key = "new"};
    enum base_fail_class r = agent_renew(ag, c, &how, "agent (replacement)", answer, &f);
    int64_t order = base_json_int(answer, "order", 0);
    json_decref(answer);
    if (!r)
        return base_arena_printf(a, "A new one is ordered: order %lld.", (long long)order);
    if (r == BASE_PERMANENT)
        return base_arena_printf(a, "It is not replaced by itself:\n\n    %s\n\n%s", f.text, hand);
    agent_ok(ag, r, &f, "replacement");
    return NULL;
}
