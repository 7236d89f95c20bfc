/* agent/organizations.c - adding an organization at the CA and having it validated.
 *
 *   asked -> adding -> submitting -> done
 *
 * "adding" and "submitting" are committed before their request leaves. Each run of the job
 * starts with a look at the CA's list by name, so an answer that was lost is found before
 * anything is asked again; one that was not found after a lost answer is looked for twice. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "ledger/account.h"
#include "policy/recognise.h"

#define LOOK_AGAIN 5 /* seconds after a lost answer */

enum org_step { ORG_LOOK, ORG_ADD, ORG_SUBMIT };

struct org_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_organization o;
    json_t *form;
    struct ca_account *ca;
    enum org_step step;
    bool was_sent; /* a request may have left before this run */
    /* what the pool finds */
    json_t *list;
    const char *id;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void run(struct agent_task *t)
{
    struct org_run *k = (struct org_run *)t;
    if (k->step == ORG_LOOK)
        k->cls = ca_organization_list(k->ca, k->a, &k->list, &k->fail);
    else if (k->step == ORG_ADD)
        k->cls = ca_organization_add(k->ca, k->form, k->a, &k->id, &k->fail);
    else
        k->cls = ca_organization_submit(k->ca, k->o.ca_id, k->a, &k->fail);
}

static void run_free(struct agent *ag, struct org_run *k)
{
    agent_job_over(ag, k->job.id);
    json_decref(k->form);
    json_decref(k->list);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static bool save(struct agent *ag, struct org_run *k, const char *state, const char *reason)
{
    struct base_fail f = {0};
    bool news = strcmp(state, k->o.state) != 0;
    k->o.state = state;
    k->o.reason = reason;
    k->o.changed = base_now();
    if (!agent_ok(ag, ledger_organization_update(ag->ledger, &k->o, &f), &f, "organization"))
        return false;
    if (!news)
        return true;
    json_t *data = json_object();
    base_json_set(data, "account", k->o.account);
    base_json_set(data, "name", k->o.name);
    base_json_set(data, "ca_id", k->o.ca_id);
    base_json_set(data, "state", state);
    base_json_set(data, "text", reason);
    agent_event(ag, strcmp(state, "failed") == 0 ? LOG_ERR : LOG_NOTICE, "organization.state",
                k->o.tenant, agent_object(k->a, "organization", k->o.id), k->o.by, data);
    return true;
}

static void finish(struct agent *ag, struct org_run *k, const char *state, const char *reason)
{
    if (save(ag, k, state, reason)) {
        agent_catalog_want(ag, k->o.account);
        agent_job_done(ag, k->job.id);
    }
}

/* Ours in the list: by id once it is known, else by name. */
static const json_t *find(const struct org_run *k)
{
    size_t i;
    json_t *e;
    json_array_foreach(k->list, i, e)
    {
        char id[32];
        snprintf(id, sizeof(id), "%lld", (long long)base_json_int(e, "id", 0));
        if (k->o.ca_id ? strcmp(id, k->o.ca_id) == 0
                       : strcasecmp(base_json_strd(e, "name", ""), k->o.name) == 0)
            return e;
    }
    return NULL;
}

static void submit_next(struct agent *ag, struct org_run *k)
{
    if (save(ag, k, "submitting", "asking the CA to validate it for S/MIME"))
        k->step = ORG_SUBMIT;
}

static void looked(struct agent *ag, struct org_run *k)
{
    const json_t *e = find(k);
    const char *smime = base_json_strd(e, "smime", "none");
    if (e) {
        k->o.ca_id = base_arena_printf(k->a, "%lld", (long long)base_json_int(e, "id", 0));
        if (strcmp(smime, "valid") == 0 || strcmp(smime, "pending") == 0)
            finish(ag, k, "done",
                   smime[0] == 'v' ? "the CA holds it as validated for S/MIME"
                                   : "the CA works on its validation for S/MIME: it calls the organization");
        else
            submit_next(ag, k);
    } else if (k->o.ca_id)
        finish(ag, k, "failed", "the CA does not list it (any more)");
    else if (k->was_sent && k->job.tries < 2) {
        base_failf(&k->fail, BASE_TEMPORARY, "organization.unclear",
                   "the CA does not list it yet: looking once more before asking again");
        if (save(ag, k, k->o.state, k->fail.text))
            agent_job_retry(ag, &k->job, &k->fail, base_now() + LOOK_AGAIN);
    } else if (save(ag, k, "adding", "asking the CA"))
        k->step = ORG_ADD;
}

static void step_failed(struct agent *ag, struct org_run *k)
{
    if (strcmp(k->fail.code, "ca.lost") == 0) {
        if (save(ag, k, k->o.state, "the CA's answer was lost: looking whether it arrived"))
            agent_job_retry(ag, &k->job, &k->fail, base_now() + LOOK_AGAIN);
    } else if (k->cls == BASE_PERMANENT)
        finish(ag, k, "failed", k->fail.text);
    else
        agent_job_retry(ag, &k->job, &k->fail, 0);
}

static void step_done(struct agent *ag, struct org_run *k)
{
    if (k->cls)
        step_failed(ag, k);
    else if (k->step == ORG_LOOK)
        looked(ag, k);
    else if (k->step == ORG_ADD) {
        k->o.ca_id = k->id;
        submit_next(ag, k);
    } else
        finish(ag, k, "done",
               "the CA works on its validation for S/MIME: it calls the organization, usually within "
               "24 hours of the first order");
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct org_run *k = (struct org_run *)t;
    enum org_step step = k->step;
    if (ag->stopping || !agent_begin(ag)) {
        run_free(ag, k);
        return;
    }
    step_done(ag, k);
    if (agent_commit(ag) && k->step != step) {
        k->task.next = NULL;
        k->cls = BASE_OK;
        agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    } else
        run_free(ag, k);
}

void agent_organization_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct org_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_organization_get(ag->ledger, k->a, job->ref, &k->o, &f)) {
        agent_job_unread(ag, job, &f);
        run_free(ag, k);
        return;
    }
    k->form = base_json_parse(k->o.form, strlen(k->o.form), 65536, &f);
    k->ca = agent_conf_ca(k->conf, k->o.account);
    k->was_sent = strcmp(k->o.state, "adding") == 0;
    if (!k->form || strcmp(k->o.state, "done") == 0 || strcmp(k->o.state, "failed") == 0) {
        agent_job_done(ag, job->id);
        run_free(ag, k);
        return;
    }
    if (!k->ca) {
        base_failf(&f, BASE_TEMPORARY, "account.unusable", "account \"%s\" can't be used now",
                   k->o.account);
        agent_job_retry(ag, job, &f, base_now() + 60);
        run_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "%s", k->o.account);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

/* ---- the commands ------------------------------------------------------------------------------ */

static enum base_fail_class find_account(struct agent *ag, const json_t *req,
                                         const struct policy_account **acc, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *id = base_json_str(req, "account");
    if (!id && cfg->naccounts > 1)
        return base_failf(f, BASE_PERMANENT, "account.which",
                          "there are several accounts: name one with --account");
    *acc = id ? policy_config_account(cfg, id) : cfg->naccounts ? &cfg->accounts[0] : NULL;
    if (!*acc)
        return base_failf(f, BASE_PERMANENT, "account.absent", "there is no account%s%s", id ? " " : "",
                          id ? id : "");
    return agent_right_check(ag, (*acc)->id, AGENT_RIGHT_ORGANIZATION, f);
}

static enum base_fail_class check_contact(struct base_arena *a, const json_t *form, const char *key,
                                          bool needed, struct base_fail *f)
{
    const json_t *c = base_json_obj(form, key);
    const char *email = base_json_str(c, "email");
    if (!c && !needed)
        return BASE_OK;
    if (!email || !policy_mailbox_normal(a, email) || !base_json_strd(c, "first_name", "")[0] ||
        !base_json_strd(c, "last_name", "")[0] || !base_json_strd(c, "telephone", "")[0])
        return base_failf(f, BASE_PERMANENT, "organization.form",
                          "the %s needs first name, last name, a mail address and a telephone number",
                          key[0] == 'o' ? "organization's contact" : "technical contact");
    return BASE_OK;
}

static enum base_fail_class check_form(struct base_arena *a, const json_t *form, struct base_fail *f)
{
    static const char *const needed[] = {"name", "address", "city", "zip", "country", "telephone"};
    const char *country = base_json_strd(form, "country", "");
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!base_json_strd(form, needed[i], "")[0])
            return base_failf(f, BASE_PERMANENT, "organization.form",
                              "the organization's %s is missing; needed are --address, --zip, --city, "
                              "--country, --phone and the four of its contact", needed[i]);
    if (strlen(country) != 2)
        return base_failf(f, BASE_PERMANENT, "organization.form",
                          "country \"%s\": expected two letters such as de", country);
    enum base_fail_class r = check_contact(a, form, "organization_contact", true, f);
    return r ? r : check_contact(a, form, "technical_contact", false, f);
}

/* The row and its job; the same organization that is under way already stays the only one. */
static enum base_fail_class start(struct agent *ag, struct base_arena *a,
                                  struct ledger_organization *o, json_t *answer, struct base_fail *f)
{
    struct ledger_organization *v;
    size_t n = 0;
    enum base_fail_class r =
        ledger_organization_list(ag->ledger, a, o->account, NULL, o->name, 1, &v, &n, f);
    if (r)
        return r;
    if (n && strcmp(v[0].state, "done") != 0 && strcmp(v[0].state, "failed") != 0)
        return base_failf(f, BASE_PERMANENT, "organization.under-way",
                          "%s is under way already (%s)", o->name, v[0].state);
    r = ledger_organization_add(ag->ledger, o, &o->id, f);
    if (r)
        return r;
    json_t *data = json_object();
    base_json_set(data, "account", o->account);
    base_json_set(data, "name", o->name);
    agent_event(ag, LOG_NOTICE, "organization.asked", o->tenant,
                agent_object(a, "organization", o->id), o->by, data);
    if (!agent_job_add(ag, "organization", agent_object(a, "organization", o->id), o->id, 0, NULL))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    base_json_setn(answer, "organization", o->id);
    base_json_set(answer, "state", o->state);
    base_json_set(answer, "text",
                  base_arena_printf(a, "%s goes to the CA: certmilter organization show \"%s\"", o->name,
                                    o->name));
    return BASE_OK;
}

static struct ledger_organization row_of(const struct policy_account *acc, const char *name,
                                         const char *form, const char *by)
{
    return (struct ledger_organization){.account = acc->id,
                                        .tenant = acc->tenant,
                                        .name = name,
                                        .form = form,
                                        .state = "asked",
                                        .by = by,
                                        .reason = "on its way to the CA",
                                        .created = base_now(),
                                        .changed = base_now()};
}

enum base_fail_class agent_cmd_organization_add(struct agent *ag, const json_t *req, const char *by,
                                                json_t *answer, struct base_fail *f)
{
    const struct policy_account *acc;
    const json_t *form = base_json_obj(req, "form");
    struct base_arena *a = base_arena_new();
    struct ca_preview sends;
    enum base_fail_class r = find_account(ag, req, &acc, f);
    if (!r)
        r = check_form(a, form, f);
    if (!r && base_json_bool(req, "dry_run", false)) {
        struct ca_account *ca = agent_conf_ca(ag->conf, acc->id);
        base_json_set(answer, "state", "dry-run");
        base_json_set(answer, "text", "would ask the CA so; nothing was written or sent");
        r = ca ? ca_organization_preview(ca, form, a, &sends, f) : BASE_OK;
        if (!r && ca)
            agent_put_preview(&sends, answer);
    } else if (!r) {
        char *text = base_json_text(form);
        struct ledger_organization o = row_of(acc, base_json_str(form, "name"), text, by);
        r = start(ag, a, &o, answer, f);
        free(text);
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_organization_submit(struct agent *ag, const json_t *req, const char *by,
                                                   json_t *answer, struct base_fail *f)
{
    const struct policy_account *acc;
    const char *what = base_json_strd(req, "what", "");
    struct base_arena *a = base_arena_new();
    int64_t id = 0;
    enum base_fail_class r = find_account(ag, req, &acc, f);
    json_t *catalog = r ? NULL : agent_catalog(ag, acc->id);
    if (!r) {
        const json_t *e = base_parse_int(what, 1, INT64_MAX, &id) ? agent_catalog_organization(catalog, id)
                                                                  : NULL;
        if (!e)
            r = base_failf(f, BASE_PERMANENT, "organization.absent",
                           "account \"%s\" has no organization %s: certmilter organization list", acc->id,
                           what);
        else {
            struct ledger_organization o = row_of(acc, base_json_strd(e, "name", what), "{}", by);
            o.ca_id = what;
            r = start(ag, a, &o, answer, f);
        }
    }
    json_decref(catalog);
    base_arena_free(a);
    return r;
}
