/* agent/folding.c - the configuration's word on local parts comes into the ledger.
 *
 * From "one mailbox" to "two" everything goes to its own exact form. The other way round two
 * persons' keys and mails would become one's: that is never done by an option. What asks for it
 * is told, and goes on as before, with mailboxes that are apart. */
#include "folding.h"

#include "base/json.h"
#include "ledger/folding.h"

#define TEXT_MAX 800 /* of domains in a sentence; the others come when these are put right */

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

static bool told(const struct keeper_status *st, const char *domain)
{
    for (size_t i = 0; i < st->nexact; i++)
        if (base_ascii_caseeq(st->exact[i], domain))
            return true;
    return false;
}

const char *agent_folding_keeper(struct base_arena *a, const struct policy_config *cfg,
                                 const struct keeper_status *st)
{
    struct base_buf add, drop;
    base_buf_init(&add, TEXT_MAX);
    base_buf_init(&drop, TEXT_MAX);
    for (size_t i = 0; i < cfg->ndomains; i++) {
        const struct policy_domain *d = &cfg->domains[i];
        if (told(st, d->name) != d->exact_local_part)
            base_buf_addf(d->exact_local_part ? &add : &drop, " --exact-local %s", d->name);
    }
    const char *text = NULL;
    if (add.n)
        text = base_arena_printf(a, "certkeeperd was not told of every domain with fold_local_part = no; add to "
                                    "its command line:%s", base_buf_str(&add));
    if (drop.n)
        text = base_arena_printf(a, "%s%scertkeeperd compares local parts exactly where the configuration folds "
                                    "them, so it misses keys of another spelling; take out of its command line:%s",
                                 text ? text : "", text ? "; " : "", base_buf_str(&drop));
    base_buf_free(&add);
    base_buf_free(&drop);
    return text;
}
