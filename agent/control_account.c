/* agent/control_account.c - products and organizations of accounts, as the CA lists them now.
 *
 * Asked over the network and answered later; what was heard is kept as the account's catalog.
 * When the CA can't be asked, the catalog of the last look answers, and says so. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"

#define ACCOUNTS_MAX 20 /* asked by one command; a longer list comes from the catalogs */

struct asked {
    const struct agent_account *acc;
    json_t *catalog;
    enum base_fail_class cls;
    struct base_fail fail;
};

struct listing {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const char *part, *what; /* "products" or "organizations"; WHAT: one id or name, NULL = all */
    struct asked *v;
    size_t n;
    bool live;
};

static void run(struct agent_task *t)
{
    struct listing *k = (struct listing *)t;
    for (size_t i = 0; k->live && i < k->n; i++)
        if (k->v[i].acc->ca)
            k->v[i].cls = ca_catalog(k->v[i].acc->ca, k->a, &k->v[i].catalog, &k->v[i].fail);
}

static bool fits(const struct listing *k, const json_t *e)
{
    char id[32] = "";
    const char *text = base_json_str(e, "id");
    if (!k->what)
        return true;
    if (!text) {
        snprintf(id, sizeof(id), "%lld", (long long)base_json_int(e, "id", 0));
        text = id;
    }
    return strcmp(text, k->what) == 0 || strcasecmp(base_json_strd(e, "name", ""), k->what) == 0;
}

static void put_list(struct agent *ag, struct listing *k, const struct asked *s, const char *part,
                     const json_t *catalog, json_t *out)
{
    size_t i;
    json_t *e;
    json_array_foreach(base_json_arr(catalog, part), i, e)
    {
        if (strcmp(part, "fields") != 0 && !fits(k, e))
            continue;
        json_t *o = json_deep_copy(e);
        base_json_set(o, "account", s->acc->cfg->id);
        if (strcmp(part, "organizations") == 0) {
            int64_t until = base_json_int(o, "until", 0);
            if (until > base_now())
                base_json_setn(o, "days_left", (until - base_now()) / 86400);
            base_json_setb(o, "orders",
                           base_json_int(o, "id", 0) == agent_organization_id(k->conf->cfg, s->acc->cfg));
            base_json_setn(o, "call_until", agent_organization_call(ag, k->a, s->acc->cfg->id, o));
        }
        json_array_append_new(out, o);
    }
}

static void note_failure(struct listing *k, const struct asked *s, const json_t *catalog, json_t *att)
{
    char when[BASE_TIME_LEN];
    int64_t asked = base_json_int(catalog, "asked", 0);
    const char *text =
        asked ? base_arena_printf(k->a, "account %s: the CA can't be asked now (%s): this is from %s",
                                  s->acc->cfg->id, s->fail.text, base_time_rfc3339(asked, when))
              : base_arena_printf(k->a, "account %s: the CA can't be asked (%s)", s->acc->cfg->id,
                                  s->acc->ca ? s->fail.text : s->acc->error);
    json_array_append_new(att, json_string(text));
}

/* A part that the CA did not tell this time. */
static void note_untold(struct listing *k, const struct asked *s, json_t *att)
{
    size_t i;
    json_t *e;
    json_array_foreach(base_json_arr(s->catalog, "untold"), i, e)
    {
        if (strcmp(base_json_strd(e, "part", ""), k->part) == 0)
            json_array_append_new(att, json_string(base_arena_printf(
                                           k->a, "account %s: %s were not told: %s", s->acc->cfg->id,
                                           k->part, base_json_strd(e, "text", ""))));
    }
}

static void save(struct agent *ag, struct listing *k)
{
    if (ag->stopping || !agent_begin(ag))
        return;
    for (size_t i = 0; i < k->n && ledger_in_transaction(ag->ledger); i++)
        if (k->v[i].catalog)
            agent_catalog_save(ag, k->v[i].acc->cfg->id, k->v[i].catalog);
    agent_commit(ag);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct listing *k = (struct listing *)t;
    json_t *answer = json_object(), *list = json_array(), *att = json_array();
    json_t *fields = json_array();
    save(ag, k);
    for (size_t i = 0; i < k->n; i++) {
        json_t *catalog = agent_catalog(ag, k->v[i].acc->cfg->id);
        put_list(ag, k, &k->v[i], k->part, catalog, list);
        if (strcmp(k->part, "products") == 0)
            put_list(ag, k, &k->v[i], "fields", catalog, fields);
        if (k->v[i].cls || !k->v[i].acc->ca)
            note_failure(k, &k->v[i], catalog, att);
        else
            note_untold(k, &k->v[i], att);
        json_decref(catalog);
        json_decref(k->v[i].catalog);
    }
    if (k->what && json_array_size(list) == 0 && json_array_size(att) == 0) {
        base_json_setb(answer, "ok", false);
        base_json_set(answer, "class", "permanent");
        base_json_set(answer, "code", "account.absent");
        base_json_set(answer, "text", base_arena_printf(k->a, "the CA lists no \"%s\" among the %s",
                                                        k->what, k->part));
    }
    json_object_set_new(answer, k->part, list);
    if (json_array_size(fields))
        json_object_set(answer, "fields", fields);
    json_decref(fields);
    if (json_array_size(att))
        json_object_set(answer, "attention", att);
    json_decref(att);
    agent_control_answer(ag, k->client, answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

bool agent_cmd_catalog_start(struct agent *ag, int64_t client, const char *part, const json_t *req,
                             struct base_fail *f)
{
    const char *account = base_json_str(req, "account"), *what = base_json_str(req, "what");
    if (account ? !policy_config_account(ag->conf->cfg, account) : ag->conf->naccounts == 0) {
        base_failf(f, BASE_PERMANENT, "account.absent", "there is no account%s%s%s", account ? " \"" : "",
                   account ? account : "", account ? "\"" : "");
        return false;
    }
    struct listing *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->part = part;
    k->what = base_arena_strdup(k->a, what);
    k->v = base_arena_array(k->a, k->conf->naccounts + 1, sizeof(*k->v));
    for (size_t i = 0; i < k->conf->naccounts; i++)
        if (!account || strcmp(account, k->conf->accounts[i].cfg->id) == 0)
            k->v[k->n++].acc = &k->conf->accounts[i];
    k->live = k->n <= ACCOUNTS_MAX;
    k->task.run = run;
    k->task.done = done;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}
