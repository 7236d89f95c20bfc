/* agent/folding.c - the configuration's word on local parts comes into the ledger.
 *
 * From "one mailbox" to "two" everything goes to its own exact form. The other way round two
 * persons' keys and mails would become one's: that is never done by an option. What asks for it
 * is told, and goes on as before, with mailboxes that are apart. */
#include "folding.h"

#include "base/json.h"
#include "ledger/folding.h"

static const char *sentence(struct base_arena *a, const struct policy_domain *d,
                            const struct ledger_pair *p)
{
    const char *more = p->more ? base_arena_printf(a, " (and %lld more such pairs)", (long long)p->more) : "";
    return base_arena_printf(
        a, "%s: fold_local_part = yes is not in effect at %s: %s and %s are two mailboxes in the ledger%s, with "
           "keys and a history of their own, and stay so; set fold_local_part = no, or forget one of each two "
           "(certmilter forget)", d->name, d->where, p->one, p->other, more);
}

/* One domain, in the open transaction. */
static enum base_fail_class apply(struct agent *ag, struct base_arena *a, struct policy_domain *d,
                                  json_t *kept, struct base_fail *f)
{
    const char *any = base_arena_printf(a, "x@%s", d->name);
    struct ledger_pair pair;
    struct base_fail why = {0};
    if (ledger_folds(ag->ledger, any) == !d->exact_local_part)
        return BASE_OK;
    enum base_fail_class r =
        ledger_folding_set(ag->ledger, a, d->name, !d->exact_local_part, &pair, &why);
    if (r && pair.one) {
        const char *text = sentence(a, d, &pair);
        d->exact_local_part = true;
        json_array_append_new(kept, json_string(text));
        base_log(LOG_ERR, "folding.kept", "domain", d->name, "text", text, NULL);
        return BASE_OK;
    }
    if (r)
        return base_failf(f, r, why.code, "%s: fold_local_part: %s", d->name, why.text);
    json_t *data = json_object();
    base_json_set(data, "domain", d->name);
    base_json_setb(data, "fold_local_part", !d->exact_local_part);
    agent_event(ag, LOG_NOTICE, "folding.changed", d->tenant, base_arena_printf(a, "domain:%s", d->name), NULL,
                data);
    return BASE_OK;
}

static bool asks_for_change(const struct agent *ag, const struct policy_config *cfg, struct base_arena *a)
{
    bool any = false;
    for (size_t i = 0; i < cfg->ndomains && !any; i++)
        any = ledger_folds(ag->ledger, base_arena_printf(a, "x@%s", cfg->domains[i].name)) !=
              !cfg->domains[i].exact_local_part;
    return any;
}

enum base_fail_class agent_folding_apply(struct agent *ag, struct agent_conf *conf,
                                         struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    bool own = !ledger_in_transaction(ag->ledger), begun = false;
    json_t *kept = json_array();
    enum base_fail_class r = BASE_OK;
    if (asks_for_change(ag, conf->cfg, a)) {
        r = own ? ledger_begin(ag->ledger, f) : BASE_OK;
        begun = own && !r;
    }
    for (size_t i = 0; !r && i < conf->cfg->ndomains; i++)
        r = apply(ag, a, &conf->cfg->domains[i], kept, f);
    if (begun && !r)
        r = ledger_commit(ag->ledger, f);
    else if (begun)
        ledger_rollback(ag->ledger);
    if (!r) {
        json_decref(ag->folding_kept);
        ag->folding_kept = json_incref(kept);
    }
    json_decref(kept);
    base_arena_free(a);
    return r;
}

const json_t *agent_folding_kept(const struct agent *ag)
{
    return ag->folding_kept;
}

const char *agent_folding_keeper(struct base_arena *a, const struct policy_config *cfg,
                                 const struct keeper_status *st)
{
    for (size_t i = 0; i < cfg->ndomains; i++) {
        const struct policy_domain *d = &cfg->domains[i];
        bool exact = false;
        for (size_t k = 0; k < st->nexact && !exact; k++)
            exact = base_ascii_caseeq(st->exact[k], d->name);
        if (exact && !d->exact_local_part)
            return base_arena_printf(a, "certkeeperd compares the local parts of %s exactly (--exact-local), the "
                                        "configuration folds them (%s): keys of the other spelling aren't found. "
                                        "Take it out of certkeeperd's command line", d->name, d->where);
        if (!exact && d->exact_local_part)
            return base_arena_printf(a, "%s has fold_local_part = no (%s), but certkeeperd was not told: add "
                                        "--exact-local %s to its command line", d->name, d->where, d->name);
    }
    return NULL;
}
