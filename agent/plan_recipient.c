/* agent/plan_recipient.c - for whom an order is: one person, with one address or several.
 *
 * All addresses go into the one certificate, so all must be in controlled domains of
 * the same tenant and account. That they are one person's is the asker's word. */
#include <string.h>

#include "base/json.h"
#include "keeper/client.h"
#include "plan.h"
#include "policy/recognise.h"

static enum base_fail_class add(struct agent *ag, struct base_arena *a, const char *text,
                                struct agent_plan *p, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *box = policy_mailbox_normal(a, text);
    if (!box)
        return base_failf(f, BASE_PERMANENT, "order.mailbox",
                          "\"%s\" is no mail address: expected name@domain", text);
    for (size_t i = 0; i < p->addresses.n; i++)
        if (strcmp(p->addresses.v[i], box) == 0)
            return BASE_OK;
    const struct policy_domain *d = policy_config_mailbox_domain(cfg, box);
    if (!d)
        return base_failf(f, BASE_PERMANENT, "domain.unknown", "%s is in no controlled domain of %s",
                          box, cfg->path);
    if (!d->account || !policy_config_account(cfg, d->account))
        return base_failf(f, BASE_PERMANENT, "domain.guard",
                          "%s has no account (%s): without one nothing can be ordered", d->name,
                          d->where);
    if (p->domain && (strcmp(d->tenant, p->domain->tenant) != 0 ||
                      strcmp(d->account, p->domain->account) != 0))
        return base_failf(f, BASE_PERMANENT, "order.addresses",
                          "%s (%s) and %s (%s) belong to different tenants or accounts: they can't "
                          "be in one certificate",
                          p->mailbox, p->domain->where, box, d->where);
    if (p->addresses.n == KEEPER_EMAILS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.addresses",
                          "at most %d addresses go into one certificate", KEEPER_EMAILS_MAX);
    if (!p->domain) {
        p->mailbox = box;
        p->domain = d;
        p->account = policy_config_account(cfg, d->account);
    }
    ((const char **)p->addresses.v)[p->addresses.n++] = box;
    return BASE_OK;
}

enum base_fail_class agent_plan_recipient(struct agent *ag, struct base_arena *a, const json_t *req,
                                          struct agent_plan *p, struct base_fail *f)
{
    const json_t *more = base_json_arr(req, "addresses");
    p->addresses.v = base_arena_array(a, KEEPER_EMAILS_MAX, sizeof(char *));
    enum base_fail_class r = BASE_OK;
    if (base_json_str(req, "mailbox") || json_array_size(more) == 0)
        r = add(ag, a, base_json_strd(req, "mailbox", ""), p, f);
    for (size_t i = 0; !r && i < json_array_size(more); i++) {
        const char *s = json_string_value(json_array_get(more, i));
        r = add(ag, a, s ? s : "", p, f);
    }
    return r;
}
