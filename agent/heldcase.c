/* agent/heldcase.c - what a person needs to decide about a held mail, beside the mail itself:
 * who is asked for, what we asked for, what else came. Reads only. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "show.h"

#define WEEK (7 * 86400)

static void put_domain(struct agent *ag, const char *name, json_t *answer)
{
    const struct policy_domain *d = name ? policy_config_domain(ag->conf->cfg, name) : NULL;
    json_t *o = json_object();
    base_json_set(o, "name", name);
    base_json_setb(o, "controlled", d != NULL);
    if (d) {
        base_json_set(o, "tenant", d->tenant);
        base_json_set(o, "account", d->account);
        base_json_set(o, "mode", policy_mode_name(d->mode));
    }
    json_object_set_new(answer, "domain", o);
}

/* Signer and ids of the facts; the link never leaves them. */
static void put_facts(const struct ledger_mail *m, json_t *answer)
{
    json_t *facts = agent_parsed(m->facts), *out = json_object();
    const json_t *auth = base_json_obj(facts, "auth"), *ids = base_json_arr(facts, "ids");
    base_json_set(out, "signer", base_json_str(auth, "domain"));
    base_json_set(out, "signature", base_json_str(auth, "result"));
    if (json_array_size(ids) > 0)
        json_object_set(out, "ids", (json_t *)ids);
    json_object_set_new(answer, "shown", out);
    json_decref(facts);
}

static void put_intents(struct agent *ag, struct base_arena *a, const struct ledger_mail *m,
                        json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    json_t *l = json_array();
    if (ledger_intent_match(ag->ledger, a, m->domain, m->mailbox, base_now(), &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n && i < 10; i++)
        json_array_append_new(l, agent_intent_json(&v[i]));
    json_object_set_new(answer, "intents", l);
}

void agent_put_held_case(struct agent *ag, struct base_arena *a, const struct ledger_mail *m,
                         json_t *answer)
{
    struct base_fail f = {0};
    const char *name = m->domain ? m->domain : m->mailbox ? strrchr(m->mailbox, '@') : NULL;
    int64_t others = 0;
    name = name && name[0] == '@' ? name + 1 : name;
    put_domain(ag, name, answer);
    put_facts(m, answer);
    put_intents(ag, a, m, answer);
    if (name && !ledger_mail_unexplained(ag->ledger, name, base_now() - WEEK, &others, &f))
        base_json_setn(answer, "unexplained", others);
}
