/* agent/plan.c - reading an order that was asked for: its words, and what the configuration adds. */
#include <string.h>

#include "base/json.h"
#include "plan.h"
#include "policy/recognise.h"

#define DAYS_MAX 825 /* S/MIME BR 6.3.2 */

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static enum base_fail_class check_words(const struct agent_plan *p, struct base_fail *f)
{
    static const char *const keys[] = {"rsa2048", "rsa3072", "rsa4096", "p256", "p384", NULL};
    static const char *const usages[] = {"dual_use", "signing", "key_management", NULL};
    static const char *const types[] = {"strict", "multipurpose", NULL};
    if (!one_of(p->key_type, keys))
        return base_failf(f, BASE_PERMANENT, "order.key-type",
                          "key type \"%s\": expected rsa2048, rsa3072, rsa4096, p256 or p384",
                          p->key_type);
    if (!one_of(p->usage, usages))
        return base_failf(f, BASE_PERMANENT, "order.usage",
                          "usage \"%s\": expected dual_use, signing or key_management", p->usage);
    if (!one_of(p->profile_type, types))
        return base_failf(f, BASE_PERMANENT, "order.profile",
                          "profile type \"%s\": expected strict or multipurpose", p->profile_type);
    if (strncmp(p->product, "secure_email_", 13) != 0)
        return base_failf(f, BASE_PERMANENT, "order.product",
                          "product \"%s\": expected secure_email_mailbox, secure_email_sponsor or "
                          "secure_email_organization",
                          p->product);
    if (p->days < 1 || p->days > DAYS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "%lld days: a public S/MIME certificate may be valid for 1 to %d days "
                          "(S/MIME Baseline Requirements 6.3.2)",
                          (long long)p->days, DAYS_MAX);
    if (strcmp(p->product, "secure_email_sponsor") == 0 && (!p->first_name || !p->last_name))
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "secure_email_sponsor needs the person's first and last name");
    return BASE_OK;
}

enum base_fail_class agent_plan_make(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct agent_plan *p, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *box = base_json_strd(req, "mailbox", "");
    memset(p, 0, sizeof(*p));
    p->mailbox = policy_mailbox_normal(a, box);
    if (!p->mailbox)
        return base_failf(f, BASE_PERMANENT, "order.mailbox",
                          "\"%s\" is no mail address: expected name@domain", box);
    p->domain = policy_config_mailbox_domain(cfg, p->mailbox);
    if (!p->domain)
        return base_failf(f, BASE_PERMANENT, "domain.unknown",
                          "%s is in no controlled domain of %s", p->mailbox, cfg->path);
    p->account = p->domain->account ? policy_config_account(cfg, p->domain->account) : NULL;
    if (!p->account)
        return base_failf(f, BASE_PERMANENT, "domain.guard",
                          "%s has no account (%s): without one nothing can be ordered",
                          p->domain->name, p->domain->where);
    p->product = base_json_strd(req, "product", p->domain->product);
    p->profile_type = base_json_strd(req, "profile_type", p->domain->profile_type);
    p->key_type = base_json_strd(req, "key_type", p->domain->key_type);
    p->usage = base_json_strd(req, "usage", "dual_use");
    p->days = base_json_int(req, "validity_days", p->domain->validity_days);
    p->first_name = base_json_str(req, "first_name");
    p->last_name = base_json_str(req, "last_name");
    p->csr = base_json_str(req, "csr");
    p->renewal_of = base_json_str(req, "renewal_of");
    p->renews = base_json_int(req, "renews", 0);
    p->automatic = base_json_bool(req, "automatic", false);
    p->batch = base_json_int(req, "batch", 0);
    return check_words(p, f);
}

json_t *agent_plan_request(const struct agent_plan *p)
{
    json_t *j = json_object();
    base_json_set(j, "product", p->product);
    base_json_set(j, "profile_type", p->profile_type);
    base_json_set(j, "key_type", p->key_type);
    base_json_set(j, "usage", p->usage);
    base_json_setn(j, "validity_days", p->days);
    base_json_set(j, "first_name", p->first_name);
    base_json_set(j, "last_name", p->last_name);
    base_json_set(j, "custody", p->custody);
    base_json_set(j, "csr", p->csr);
    base_json_set(j, "renewal_of", p->renewal_of);
    if (p->renews)
        base_json_setn(j, "renews", p->renews);
    return j;
}
