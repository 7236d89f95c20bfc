/* agent/control_status.c - how things are: status, reload, events, records. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "backup.h"
#include "batch.h"
#include "base/clock.h"
#include "base/json.h"
#include "domainlook.h"
#include "folding.h"
#include "ledger/counts.h"
#include "publish.h"
#include "catalog.h"
#include "show.h"
#include "trust.h"

#define DAY 86400
#define COUNT_MAX 10000 /* no count goes further */

static void attention(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

static void put_spool(struct agent *ag, json_t *answer, json_t *att)
{
    struct spool_counts c;
    json_t *o = json_object();
    char span[BASE_TIME_LEN], text[160];
    spool_count(ag->reader, &c);
    base_json_setn(o, "new", c.new_files);
    base_json_setn(o, "cur", c.cur_files);
    base_json_setn(o, "dead", c.dead_files);
    base_json_setn(o, "bytes", c.new_bytes + c.cur_bytes);
    base_json_setn(o, "oldest", c.oldest_new);
    json_object_set_new(answer, "spool", o);
    if (c.dead_files) {
        snprintf(text, sizeof(text), "%lld mails could not be read at all: see dead/ in the spool",
                 (long long)c.dead_files);
        attention(att, text);
    }
    if (c.oldest_new && base_now() - c.oldest_new > 300) {
        snprintf(text, sizeof(text), "the oldest mail has waited in the spool for %s",
                 base_time_span(base_now() - c.oldest_new, span));
        attention(att, text);
    }
}

static void put_domains(struct agent *ag, json_t *answer)
{
    const struct policy_config *cfg = ag->conf->cfg;
    json_t *o = json_object();
    int64_t n[3] = {0};
    for (size_t i = 0; i < cfg->ndomains; i++)
        n[cfg->domains[i].mode]++;
    base_json_setn(o, "total", (int64_t)cfg->ndomains);
    base_json_setn(o, "observe", n[POLICY_MODE_OBSERVE]);
    base_json_setn(o, "hold", n[POLICY_MODE_HOLD]);
    base_json_setn(o, "confirm", n[POLICY_MODE_CONFIRM]);
    json_object_set_new(answer, "domains", o);
}

/* What the key may not do, how orders are paid, and what is left. */
static void put_catalog(struct agent *ag, const struct agent_account *acc, json_t *o)
{
    json_t *j = agent_catalog(ag, acc->cfg->id);
    struct base_arena *a = base_arena_new();
    if (j && acc->ca) {
        base_json_set(o, "role", base_json_str(base_json_obj(j, "rights"), "role"));
        base_json_set(o, "lacks", agent_rights_lack(a, j));
        base_json_set(o, "payment", ca_payment(acc->ca));
        base_json_set(o, "balance", base_json_str(j, "balance"));
        base_json_set(o, "currency", base_json_str(j, "currency"));
    }
    base_arena_free(a);
    json_decref(j);
}

static void put_accounts(struct agent *ag, json_t *answer, json_t *att)
{
    json_t *l = json_array();
    for (size_t i = 0; i < ag->conf->naccounts; i++) {
        const struct agent_account *acc = &ag->conf->accounts[i];
        struct base_fail f = {0};
        char mark[160], text[400];
        int64_t asked = 0;
        json_t *o = json_object();
        snprintf(mark, sizeof(mark), "looked:%s", acc->cfg->id);
        if (ledger_meta_get(ag->ledger, mark, &asked, 0, &f))
            asked = 0;
        base_json_set(o, "id", acc->cfg->id);
        base_json_set(o, "ca", acc->cfg->profile);
        base_json_set(o, "state", acc->ca ? "ready" : "unusable");
        base_json_set(o, "text", acc->error);
        base_json_setn(o, "asked", asked);
        put_catalog(ag, acc, o);
        json_array_append_new(l, o);
        if (!acc->ca) {
            snprintf(text, sizeof(text), "account %s can't be used: %s", acc->cfg->id,
                     acc->error ? acc->error : "");
            attention(att, text);
        }
    }
    json_object_set_new(answer, "accounts", l);
}

static int64_t count_held(struct agent *ag)
{
    struct base_fail f = {0};
    int64_t n = 0;
    return ledger_count_mails(ag->ledger, "held", COUNT_MAX, &n, &f) ? 0 : n;
}

static int64_t count_intents(struct agent *ag)
{
    const unsigned open = 1u << POLICY_INTENT_REQUESTING | 1u << POLICY_INTENT_OPEN |
                          1u << POLICY_INTENT_CONFIRMING | 1u << POLICY_INTENT_UNKNOWN;
    int64_t after = 0, total = 0;
    for (;;) {
        struct base_arena *a = base_arena_new();
        struct base_fail f = {0};
        struct ledger_intent *v;
        size_t n = 0;
        if (ledger_intent_list(ag->ledger, a, open, after, 200, &v, &n, &f))
            n = 0;
        if (n)
            after = v[n - 1].p.id;
        base_arena_free(a);
        total += (int64_t)n;
        if (n < 200 || total >= COUNT_MAX)
            return total;
    }
}

static void put_jobs(struct agent *ag, json_t *answer)
{
    struct base_fail f = {0};
    int64_t waiting = 0, failing = 0;
    if (ledger_count_jobs(ag->ledger, COUNT_MAX, &waiting, &failing, &f))
        base_log_fail(LOG_WARNING, "status.jobs", &f, NULL);
    json_t *o = json_object();
    base_json_setn(o, "waiting", waiting);
    base_json_setn(o, "failing", failing);
    json_object_set_new(answer, "jobs", o);
}

static void put_mails(struct agent *ag, json_t *answer, json_t *att)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_count *v;
    struct ledger_event *e;
    size_t n = 0, alarms = 0;
    char text[120];
    json_t *l = json_array();
    if (ledger_mail_totals(ag->ledger, a, base_now() - DAY, &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        base_json_set(o, "kind", v[i].a);
        base_json_set(o, "verdict", v[i].b);
        base_json_setn(o, "n", v[i].n);
        json_array_append_new(l, o);
    }
    json_object_set_new(answer, "mails", l);
    if (ledger_event_recent(ag->ledger, a, "alarm.", base_now() - DAY, 500, &e, &alarms, &f))
        alarms = 0;
    base_json_setn(answer, "alarms", (int64_t)alarms);
    if (alarms) {
        snprintf(text, sizeof(text), "%zu alarms in the last 24 hours: certmilter events", alarms);
        attention(att, text);
    }
    base_arena_free(a);
}

static void put_certificates(struct agent *ag, json_t *answer, json_t *att)
{
    struct base_fail f = {0};
    int64_t n = 0;
    char text[120];
    json_t *o = json_object();
    if (ledger_count_ending(ag->ledger, base_now() + 30 * DAY, &n, &f))
        n = 0;
    base_json_setn(o, "expiring", n);
    json_object_set_new(answer, "certificates", o);
    if (n) {
        snprintf(text, sizeof(text),
                 "%lld certificates end within 30 days: certmilter list --expiring 30d", (long long)n);
        attention(att, text);
    }
}

/* The keeper matters where something is ordered; a guard needs none. */
static void put_keeper(struct agent *ag, json_t *answer, json_t *att)
{
    json_t *o = json_object();
    char text[300];
    base_json_setb(o, "ok", ag->keeper_asked && !ag->keeper_error);
    base_json_set(o, "text", ag->keeper_error);
    json_object_set_new(answer, "keeper", o);
    if (ag->keeper_error && ag->conf->naccounts) {
        snprintf(text, sizeof(text), "the keeper does not answer: %.200s", ag->keeper_error);
        attention(att, text);
    }
}

enum base_fail_class agent_cmd_status(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    json_t *att = json_array(), *watch = json_object();
    char text[120];
    (void)req;
    (void)by;
    (void)f;
    base_json_set(answer, "version", CERTMILTER_VERSION);
    base_json_setn(answer, "started", ag->started);
    base_json_set(answer, "config", ag->config_path);
    base_json_setb(answer, "guard", ag->conf->naccounts == 0);
    put_domains(ag, answer);
    put_spool(ag, answer, att);
    put_jobs(ag, answer);
    put_mails(ag, answer, att);
    int64_t held = count_held(ag);
    base_json_setn(answer, "held", held);
    if (held) {
        snprintf(text, sizeof(text), "%lld mails are held and wait for a person: certmilter held list",
                 (long long)held);
        attention(att, text);
    }
    base_json_setn(answer, "intents_open", count_intents(ag));
    put_accounts(ag, answer, att);
    put_certificates(ag, answer, att);
    agent_trust_attention(ag, att);
    json_array_extend(att, (json_t *)(uintptr_t)agent_folding_kept(ag));
    put_keeper(ag, answer, att);
    agent_calendar_attention(ag, att);
    agent_put_publishing(ag, answer, att);
    base_json_setn(watch, "written", ag->watch_written);
    base_json_setn(watch, "domains", (int64_t)ag->conf->cfg->ndomains);
    base_json_setn(watch, "addresses", (int64_t)ag->watch_addresses);
    json_object_set_new(answer, "watch", watch);
    if (ag->conf->bundle_error && ag->conf->naccounts) {
        snprintf(text, sizeof(text), "no certificate can be checked: %.80s", ag->conf->bundle_error);
        attention(att, text);
    }
    agent_backup_status(ag, answer, att);
    agent_batches_attention(ag, att);
    if (ag->ledger_sick)
        attention(att, "the ledger can't be written now: see the log");
    json_object_set_new(answer, "attention", att);
    return BASE_OK;
}

/* ---- reload ---------------------------------------------------------------------------- */

json_t *agent_records(struct ledger *l, const struct policy_config *cfg)
{
    json_t *list = json_array();
    struct base_arena *a = base_arena_new();
    for (size_t i = 0; i < cfg->nprofiles; i++)
        for (size_t k = 0; k < cfg->profiles[i]->nkinds; k++) {
            struct base_fail f = {0};
            const char *text = NULL;
            const char *key = base_arena_printf(a, "record:%s:%s", cfg->profiles[i]->id,
                                                policy_kind_name(cfg->profiles[i]->kinds[k].kind));
            if (ledger_text_get(l, a, key, &text, &f) || !text || !text[0])
                continue;
            json_t *rec = base_json_parse(text, strlen(text), 65536, &f);
            if (rec)
                json_array_append_new(list, rec);
        }
    base_arena_free(a);
    return list;
}

static void put_errors(json_t *answer, const struct policy_config_errors *e)
{
    json_t *l = json_array();
    for (size_t i = 0; i < e->n; i++) {
        json_t *o = json_object();
        base_json_set(o, "where", e->v[i].where);
        base_json_set(o, "text", e->v[i].text);
        json_array_append_new(l, o);
        base_log(LOG_ERR, "config.error", "where", e->v[i].where, "text", e->v[i].text, NULL);
    }
    json_object_set_new(answer, "errors", l);
}

/* What a running agent can't exchange under itself. */
static const char *fixed_change(const struct policy_config *a, const struct policy_config *b)
{
    if (strcmp(a->ledger_path, b->ledger_path) != 0)
        return "ledger path";
    if (strcmp(a->spool_dir, b->spool_dir) != 0)
        return "spool directory";
    if (strcmp(a->agent_socket, b->agent_socket) != 0)
        return "agent socket";
    return NULL;
}

enum base_fail_class agent_cmd_reload(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct policy_config_errors errs = {0};
    struct agent_conf *fresh = NULL;
    (void)req;
    json_t *records = agent_records(ag->ledger, ag->conf->cfg);
    enum base_fail_class r = agent_conf_load(ag->config_path, records, &fresh, &errs, f);
    json_decref(records);
    if (r) {
        put_errors(answer, &errs);
        policy_config_errors_free(&errs);
        return r;
    }
    policy_config_errors_free(&errs);
    const char *fixed = fixed_change(ag->conf->cfg, fresh->cfg);
    if (fixed) {
        agent_conf_unref(fresh);
        return base_failf(f, BASE_PERMANENT, "config.restart",
                          "the %s changed: that needs a restart of certagentd, not a reload", fixed);
    }
    r = agent_folding_apply(ag, fresh, f);
    if (r) {
        agent_conf_unref(fresh);
        return r;
    }
    agent_conf_unref(ag->conf);
    ag->conf = fresh;
    ag->watch_dirty = true;
    agent_publish_configured(ag);
    agent_catalogs_learn(ag);
    base_log(LOG_NOTICE, "config.loaded", "by", by, "domains",
             base_log_num((long long)fresh->cfg->ndomains), NULL);
    base_json_setn(answer, "domains", (int64_t)fresh->cfg->ndomains);
    base_json_setn(answer, "accounts", (int64_t)fresh->naccounts);
    if (json_array_size(agent_folding_kept(ag)))
        json_object_set_new(answer, "warnings", json_deep_copy(agent_folding_kept(ag)));
    return BASE_OK;
}

enum base_fail_class agent_cmd_record_list(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    (void)req;
    (void)by;
    (void)f;
    json_object_set_new(answer, "records", agent_records(ag->ledger, ag->conf->cfg));
    return BASE_OK;
}

enum base_fail_class agent_cmd_exported(struct agent *ag, const json_t *req, const char *by,
                                        json_t *answer, struct base_fail *f)
{
    (void)req;
    (void)by;
    (void)answer;
    (void)f;
    agent_exports_poll(ag);
    return BASE_OK;
}

/* ---- events ------------------------------------------------------------------------------ */

enum base_fail_class agent_cmd_events(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_event *v;
    size_t n = 0, limit = agent_page_limit(req);
    const char *prefix = base_json_str(req, "prefix");
    int64_t after = base_json_int(req, "after", -1);
    json_t *l = json_array();
    (void)by;
    /* without a place to start from: the newest, oldest of them first */
    enum base_fail_class r =
        after >= 0 ? ledger_event_list(ag->ledger, a, NULL, after, limit, &v, &n, f)
                   : ledger_event_recent(ag->ledger, a, prefix, 0, limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        const struct ledger_event *e = after >= 0 ? &v[i] : &v[n - 1 - i];
        if (!prefix || strncmp(e->type, prefix, strlen(prefix)) == 0)
            json_array_append_new(l, agent_event_json(e));
    }
    if (!r && after >= 0 && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    json_object_set_new(answer, "events", l);
    base_arena_free(a);
    return r;
}
