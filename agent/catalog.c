/* agent/catalog.c - the catalog of an account in the ledger, and what the key may do. */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fields.h"

#define CATALOG_MAX ((size_t)4 << 20)
#define EVERY 3600 /* seconds between two catalogs of an account */
#define POLLS 12   /* but not before so many looks */

static const char *key_of(struct base_arena *a, const char *account)
{
    return base_arena_printf(a, "catalog:%s", account);
}

json_t *agent_catalog(struct agent *ag, const char *account)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    const char *text = NULL;
    json_t *j = NULL;
    if (!ledger_text_get(ag->ledger, a, key_of(a, account), &text, &f) && text && text[0])
        j = base_json_parse(text, strlen(text), CATALOG_MAX, &f);
    base_arena_free(a);
    return j;
}

bool agent_catalog_save(struct agent *ag, const char *account, json_t *fresh)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    json_t *old = agent_catalog(ag, account), *all = old ? old : json_object();
    json_object_del(all, "untold");
    json_object_update(all, fresh);
    char *text = base_json_text(all);
    bool ok = strlen(text) > CATALOG_MAX ||
              agent_ok(ag, ledger_text_set(ag->ledger, key_of(a, account), text, &f), &f, "catalog");
    struct ca_account *ca = agent_conf_ca(ag->conf, account);
    if (ok && ca)
        ca_account_learn(ca, all);
    agent_fields_told(ag, account, base_json_arr(fresh, "fields"));
    free(text);
    json_decref(all);
    base_arena_free(a);
    return ok;
}

bool agent_catalog_due(struct agent *ag, const struct policy_account *acc)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    int64_t asked = 0, wanted = 0, poll = acc->poll > 0 ? acc->poll : 300;
    int64_t every = poll * POLLS < EVERY ? poll * POLLS : EVERY;
    if (ledger_meta_get(ag->ledger, base_arena_printf(a, "catalog-asked:%s", acc->id), &asked, 0, &f) ||
        ledger_meta_get(ag->ledger, base_arena_printf(a, "catalog-wanted:%s", acc->id), &wanted, 0, &f))
        asked = base_now();
    base_arena_free(a);
    return asked < ag->started || wanted >= asked || base_now() - asked >= every;
}

void agent_catalog_want(struct agent *ag, const char *account)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    agent_ok(ag,
             ledger_meta_set(ag->ledger, base_arena_printf(a, "catalog-wanted:%s", account),
                             base_now(), &f),
             &f, "meta");
    base_arena_free(a);
}

void agent_catalogs_learn(struct agent *ag)
{
    for (size_t i = 0; i < ag->conf->naccounts; i++) {
        const struct agent_account *acc = &ag->conf->accounts[i];
        json_t *j = acc->ca ? agent_catalog(ag, acc->cfg->id) : NULL;
        if (j)
            ca_account_learn(acc->ca, j);
        json_decref(j);
    }
}

/* ---- rights ------------------------------------------------------------------------------ */

static const struct {
    const char *member, *code, *doing;
} rights[] = {
    [AGENT_RIGHT_ORDER] = {"order", "order.rights", "order, reissue or revoke certificates"},
    [AGENT_RIGHT_DOMAIN] = {"domain", "domain.rights", "submit domains for validation"},
    [AGENT_RIGHT_ORGANIZATION] = {"organization", "organization.rights",
                                  "add organizations or submit them for validation"},
};

enum base_fail_class agent_right_check(struct agent *ag, const char *account,
                                       enum agent_right right, struct base_fail *f)
{
    enum base_fail_class r = BASE_OK;
    json_t *j = agent_catalog(ag, account);
    const json_t *have = base_json_obj(j, "rights");
    if (!base_json_bool(have, rights[right].member, true))
        r = base_failf(f, BASE_PERMANENT, rights[right].code,
                       "the API key of account \"%s\" (%s) may not %s: make one that is restricted to "
                       "orders, domains and organizations, and exchange the credential",
                       account, base_json_strd(have, "role", "role not told"), rights[right].doing);
    json_decref(j);
    return r;
}

const char *agent_rights_lack(struct base_arena *a, const json_t *catalog)
{
    const json_t *have = base_json_obj(catalog, "rights");
    const char *text = NULL;
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
        if (!base_json_bool(have, rights[i].member, true))
            text = base_arena_printf(a, "%s%s%s", text ? text : "may not ", text ? "; nor " : "",
                                     rights[i].doing);
    return text;
}

/* ---- organizations -------------------------------------------------------------------------- */

const json_t *agent_catalog_organization(const json_t *catalog, int64_t id)
{
    size_t i;
    json_t *o;
    json_array_foreach(base_json_arr(catalog, "organizations"), i, o)
    {
        if (base_json_int(o, "id", 0) == id)
            return o;
    }
    return NULL;
}

bool agent_product_of_organization(const char *product)
{
    return strcmp(product, "secure_email_mailbox") != 0 && strcmp(product, "class1_smime") != 0;
}

int64_t agent_organization_id(const struct policy_config *cfg, const struct policy_account *acc)
{
    const struct policy_tenant *t = policy_config_tenant(cfg, acc->tenant);
    return acc->organization ? acc->organization : t ? t->organization : 0;
}
