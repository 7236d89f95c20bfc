/* agent/intents.c - what time brings to an intent: resends of mails that never came,
 * the count of those that did, expiry, and its end. */
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "domainlook.h"

#define RESENDS_MAX 5

/* Rules of the validation mails that an intent's account sends; NULL if unknown. */
const struct policy_kind_rules *agent_intent_rules(const struct policy_config *cfg,
                                                   const struct ledger_intent *i)
{
    const struct policy_account *acc = policy_config_account(cfg, i->p.account);
    const struct policy_profile *p = acc ? policy_config_profile(cfg, acc->profile) : NULL;
    return p ? policy_profile_kind(p, POLICY_KIND_DOMAIN_VALIDATION) : NULL;
}

/* The moment of a request that shall bind is one that nobody can foresee. */
static int64_t random_moment(int64_t settle)
{
    return 1 + settle / 10 + (int64_t)base_random_below((uint64_t)settle + 1);
}

bool agent_domain_resend(struct agent *ag, struct ledger_intent *i)
{
    struct base_fail f = {0};
    const struct policy_kind_rules *rules = agent_intent_rules(ag->conf->cfg, i);
    bool binds = rules && rules->bind_by_resend;
    int64_t at = base_now() + (binds ? random_moment(rules->settle) : 0);
    char key[40];
    snprintf(key, sizeof(key), "intent:%lld", (long long)i->p.id);
    i->resends++;
    i->next_look = at + ag->conf->cfg->resend_after * (1 + i->resends);
    return agent_job_add(ag, "domain.request", key, i->p.id, at, NULL) &&
           agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
}

/* Was the last request answered by exactly its mails? Two such answers in a row
 * may bind where the profile allows it. */
static void settled(struct agent *ag, struct ledger_intent *i, int64_t mails, bool binds)
{
    if (i->resends == 0 || !binds)
        return;
    i->p.answered_resends =
        mails == (int64_t)i->p.recipients.n ? i->p.answered_resends + 1 : 0;
    if (i->p.answered_resends >= 2)
        agent_mails_reconsider(ag, i->p.domain, NULL);
}

static void look_at_domain(struct agent *ag, struct ledger_intent *i)
{
    struct base_fail f = {0};
    int64_t mails = 0, since = i->requested_at ? i->requested_at : i->p.created;
    const struct policy_kind_rules *rules = agent_intent_rules(ag->conf->cfg, i);
    bool binds = rules && rules->bind_by_resend;
    if (!agent_ok(ag, ledger_mail_count(ag->ledger, i->p.id, since, &mails, &f), &f, "mails"))
        return;
    settled(ag, i, mails, binds);
    /* an unknown one is opened again by the job, when the API says that the CA still waits */
    bool again = i->p.state == POLICY_INTENT_UNKNOWN || mails == 0 ||
                 (binds && i->resends > 0 && i->p.answered_resends == 1);
    i->next_look = base_now() + ag->conf->cfg->resend_after * (1 + i->resends);
    if (again && i->resends < RESENDS_MAX)
        agent_domain_resend(ag, i);
    else
        agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
}

static void intent_due(struct agent *ag, struct ledger_intent *i)
{
    struct base_fail f = {0};
    if (!agent_begin(ag))
        return;
    if (i->p.expires && base_now() >= i->p.expires)
        agent_intent_end(ag, i, POLICY_INTENT_EXPIRED, "not confirmed in time");
    else if (i->p.kind == POLICY_INTENT_DOMAIN && i->prevalidation)
        look_at_domain(ag, i);
    else {
        i->next_look = i->p.expires; /* the CA sends these mails with the order */
        agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
    }
    agent_commit(ag);
}

void agent_intents_due(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n;
    if (agent_ok(ag, ledger_intent_due(ag->ledger, a, base_now(), 50, &v, &n, &f), &f, "intents"))
        for (size_t i = 0; i < n && !ag->ledger_sick; i++)
            intent_due(ag, &v[i]);
    base_arena_free(a);
}

bool agent_intent_end(struct agent *ag, struct ledger_intent *i, enum policy_intent_state state,
                      const char *note)
{
    struct base_fail f = {0};
    struct base_arena *a = base_arena_new();
    i->p.state = state;
    i->note = note;
    i->next_look = 0;
    bool ok = agent_ok(ag, ledger_intent_update(ag->ledger, i, &f), &f, "intent");
    if (ok) {
        json_t *data = json_object();
        base_json_set(data, "state", policy_intent_state_name(state));
        base_json_set(data, "domain", i->p.domain);
        base_json_set(data, "mailbox", i->p.mailbox);
        base_json_set(data, "note", note);
        agent_event(ag, state == POLICY_INTENT_FAILED ? LOG_ERR : LOG_NOTICE, "intent.ended",
                    i->p.tenant, agent_object(a, "intent", i->p.id), NULL, data);
        if (i->order_row && state == POLICY_INTENT_CONFIRMED)
            agent_job_add(ag, "order",
                          base_arena_printf(a, "order:%lld", (long long)i->order_row), i->order_row,
                          base_now() + 1, NULL);
        ag->watch_dirty = true;
        if (ledger_in_transaction(ag->ledger))
            agent_domain_ended(ag, a, i);
    }
    base_arena_free(a);
    return ok;
}
