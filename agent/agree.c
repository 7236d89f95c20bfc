/* agent/agree.c - the CA's terms: which must be accepted, in which version, before an order.
 *
 * The versions stand in the account's section; besides, what the CA itself shows as its agreement
 * is looked at once a day and kept by hash: when it changes, what was accepted before counts no
 * more, whatever version a person wrote beside it. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "trust.h"

static const char *text_key(struct base_arena *a, const char *account)
{
    return base_arena_printf(a, "agreement-text:%s", account);
}

static const char *changed_key(struct base_arena *a, const char *account)
{
    return base_arena_printf(a, "agreement-changed:%s", account);
}

/* Is term K of ACCOUNT accepted as required? *GOT is the newest acceptance (id 0 = none), *WHY a
 * sentence's end if it isn't. */
static enum base_fail_class judge(struct agent *ag, struct base_arena *a,
                                  const struct policy_account *account, size_t k,
                                  struct ledger_agreement *got, const char **why,
                                  struct base_fail *f)
{
    struct base_fail none = {0};
    const char *version = account->agreements[k];
    const char *shown = NULL;
    int64_t changed = 0;
    *why = NULL;
    enum base_fail_class r = ledger_agreement_of(ag->ledger, a, account->id, policy_terms[k],
                                                 version, got, &none);
    if (r && strcmp(none.code, "ledger.absent") != 0)
        return base_failf(f, r, none.code, "%s", none.text);
    if (r) {
        memset(got, 0, sizeof(*got));
        *why = version ? base_arena_printf(a, "not accepted in version %s", version)
                       : "not accepted";
        return BASE_OK;
    }
    if (k == 0) /* what the CA shows beside a product is its certificate services agreement */
        r = ledger_text_get(ag->ledger, a, text_key(a, account->id), &shown, f);
    else
        r = BASE_OK;
    if (!r && shown && !got->text_sha256) /* accepted before we had seen any */
        r = ledger_meta_get(ag->ledger, changed_key(a, account->id), &changed, 0, f);
    if (!r && shown &&
        (got->text_sha256 ? strcmp(got->text_sha256, shown) != 0 : changed > got->at))
        *why = "not accepted since the CA changed its text";
    return r;
}

enum base_fail_class agent_agreements_check(struct agent *ag, const struct policy_account *account,
                                            struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    enum base_fail_class r = BASE_OK;
    for (size_t k = 0; k < POLICY_TERMS && !r; k++) {
        struct ledger_agreement got;
        const char *why;
        const char *version = account->agreements[k];
        r = judge(ag, a, account, k, &got, &why, f);
        if (!r && why)
            r = base_failf(f, BASE_PERMANENT, "order.agreement",
                           "the CA's %s are %s for account \"%s\": whoever may bind the organization "
                           "reads them and says so: certmilter agreement accept %s --what %s --version "
                           "%s --name \"NAME, FUNCTION\"",
                           policy_terms[k], why, account->id, account->id, policy_terms[k],
                           version ? version : "V");
    }
    base_arena_free(a);
    return r;
}

bool agent_agreement_text(struct agent *ag, const char *account, const char *text)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    char hash[BASE_SHA256_HEX];
    const char *known = NULL, *key = text_key(a, account);
    base_sha256_hex(text, strlen(text), hash);
    bool ok = agent_ok(ag, ledger_text_get(ag->ledger, a, key, &known, &f), &f, "agreement");
    if (ok && (!known || strcmp(known, hash) != 0)) {
        const char *version = base_arena_printf(a, "as the CA showed it, %.12s", hash);
        ok = agent_ok(ag, ledger_stated_put(ag->ledger, hash, version, text, &f), &f, "text") &&
             agent_ok(ag, ledger_text_set(ag->ledger, key, hash, &f), &f, "agreement");
        if (ok && known) {
            json_t *data = json_object();
            base_json_set(data, "account", account);
            base_json_set(data, "text_sha256", hash);
            ok = agent_ok(ag,
                          ledger_meta_set(ag->ledger, changed_key(a, account), base_now(), &f), &f,
                          "agreement");
            agent_event(ag, LOG_WARNING, "agreement.changed", NULL,
                        base_arena_printf(a, "account:%s", account), NULL, data);
        }
    }
    base_arena_free(a);
    return ok;
}

/* ---- what status says ---------------------------------------------------------------------- */

static void say_brake(struct agent *ag, const struct policy_account *account, json_t *attention)
{
    static const char *const names[] = {"run", "24 hours", "30 days"};
    struct base_fail f = {0};
    struct agent_brake b;
    char text[300];
    if (agent_brake_look(ag, account, 0, NULL, &b, &f) || b.room + b.released > 0)
        return;
    snprintf(text, sizeof(text),
             "account %s: the limit of orders is reached (%lld in %s): certmilter release %s --orders "
             "N --reason TEXT",
             account->id, (long long)b.limit[b.tight], names[b.tight], account->id);
    json_array_append_new(attention, json_string(text));
}

void agent_trust_attention(struct agent *ag, json_t *attention)
{
    for (size_t i = 0; i < ag->conf->cfg->naccounts; i++) {
        const struct policy_account *account = &ag->conf->cfg->accounts[i];
        struct base_fail f = {0};
        if (agent_agreements_check(ag, account, &f))
            json_array_append_new(attention, json_string(f.text));
        say_brake(ag, account, attention);
    }
}

/* ---- commands ------------------------------------------------------------------------------- */

static void put_agreement(json_t *list, const struct policy_account *account, size_t k,
                          const struct ledger_agreement *got, const char *why)
{
    json_t *o = json_object();
    base_json_set(o, "account", account->id);
    base_json_set(o, "what", policy_terms[k]);
    base_json_set(o, "required", account->agreements[k] ? account->agreements[k] : "any");
    base_json_set(o, "state", why ? why : "accepted");
    base_json_setb(o, "ok", !why);
    if (got->id) {
        base_json_set(o, "version", got->version);
        base_json_set(o, "name", got->name);
        base_json_setn(o, "accepted_at", got->at);
        base_json_set(o, "entered_by", got->entered_by);
        base_json_set(o, "text_sha256", got->text_sha256);
    }
    json_array_append_new(list, o);
}

enum base_fail_class agent_cmd_agreement_list(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const struct policy_config *cfg = ag->conf->cfg;
    json_t *list = json_array();
    size_t limit = (size_t)base_json_int(req, "limit", 100), i = 0;
    const char *after = base_json_str(req, "after");
    enum base_fail_class r = BASE_OK;
    (void)by;
    while (after && i < cfg->naccounts && strcmp(cfg->accounts[i].id, after) != 0)
        i++;
    i += after != NULL;
    for (; !r && i < cfg->naccounts && json_array_size(list) < limit; i++)
        for (size_t k = 0; !r && k < POLICY_TERMS; k++) {
            struct ledger_agreement got;
            const char *why;
            r = judge(ag, a, &cfg->accounts[i], k, &got, &why, f);
            if (!r)
                put_agreement(list, &cfg->accounts[i], k, &got, why);
        }
    if (!r && i < cfg->naccounts && i > 0)
        base_json_set(answer, "next", cfg->accounts[i - 1].id);
    json_object_set_new(answer, "agreements", list);
    base_arena_free(a);
    return r;
}

static bool is_text(const char *s, size_t max)
{
    return s && s[strspn(s, " \t")] && strlen(s) <= max;
}

static enum base_fail_class accept_one(struct agent *ag, struct base_arena *a,
                                       const struct policy_account *account, const char *what,
                                       const char *version, const char *name, const char *by,
                                       struct base_fail *f)
{
    const char *hash = NULL;
    enum base_fail_class r = strcmp(what, policy_terms[0]) == 0
                                 ? ledger_text_get(ag->ledger, a, text_key(a, account->id), &hash, f)
                                 : BASE_OK;
    struct ledger_agreement g = {.account = account->id,
                                 .what = what,
                                 .version = version,
                                 .name = name,
                                 .entered_by = by,
                                 .at = base_now(),
                                 .text_sha256 = hash};
    if (!r)
        r = ledger_agreement_add(ag->ledger, &g, &g.id, f);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "account", account->id);
        base_json_set(data, "what", what);
        base_json_set(data, "version", version);
        base_json_set(data, "name", name);
        agent_event(ag, LOG_NOTICE, "agreement.accepted", account->tenant,
                    agent_object(a, "agreement", g.id), by, data);
    }
    return r;
}

enum base_fail_class agent_cmd_agreement_accept(struct agent *ag, const json_t *req, const char *by,
                                                json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *id = base_json_strd(req, "account", ""), *what = base_json_strd(req, "what", "");
    const char *version = base_json_str(req, "version"), *name = base_json_str(req, "name");
    const struct policy_account *account = policy_config_account(ag->conf->cfg, id);
    enum base_fail_class r = BASE_OK;
    int64_t n = 0;
    if (!account)
        r = base_failf(f, BASE_PERMANENT, "account.unknown", "there is no account \"%s\" in %s", id,
                       ag->conf->cfg->path);
    else if (!is_text(version, 64) || !is_text(name, 300))
        r = base_failf(f, BASE_PERMANENT, "agreement.fields",
                       "an acceptance says which version of the terms, and who accepts: --version V "
                       "--name \"NAME, FUNCTION\"");
    for (size_t k = 0; !r && k < POLICY_TERMS; k++)
        if (strcmp(what, "all") == 0 || strcmp(what, policy_terms[k]) == 0) {
            r = accept_one(ag, a, account, policy_terms[k], version, name, by, f);
            n++;
        }
    if (!r && n == 0)
        r = base_failf(f, BASE_PERMANENT, "agreement.what",
                       "\"%s\": expected certificate-services, master-services, smime-terms or all",
                       what);
    if (!r) {
        struct base_fail left = {0};
        bool open = agent_agreements_check(ag, account, &left) != BASE_OK;
        base_json_setn(answer, "accepted", n);
        base_json_set(answer, "text",
                      base_arena_printf(a, "%s accepted for account %s in version %s by %s%s%s", what,
                                        id, version, name, open ? "; still missing: " : "",
                                        open ? left.text : ""));
    }
    base_arena_free(a);
    return r;
}
