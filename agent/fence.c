/* agent/fence.c - after a restore: reading what the CA has, and doing nothing else.
 *
 * The mark is in the ledger, set by the restore; ag->fenced is its copy. Jobs that
 * could send anything are put off, commands that would are refused, and the rooms
 * that talk to the CA send nothing but GET (ca_fence()), whoever asks them. */
#include "backup.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ca/fence.h"
#include "ledger/copy.h"

#define PUT_OFF 10 /* seconds */
#define REPORT_MAX 2000

static const char sentence[] =
    "this ledger was restored from a backup and is fenced: look at \"certmilter restore --report\", "
    "then end it with \"certmilter restore --finish\"";

enum base_fail_class agent_fence_load(struct agent *ag, struct base_fail *f)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s.snapshot", ag->conf->cfg->ledger_path) < (int)sizeof name)
        (void)unlink(name);
    enum base_fail_class c = ledger_meta_get(ag->ledger, LEDGER_FENCE, &ag->fenced, 0, f);
    ca_fence(ag->fenced != 0);
    if (ag->fenced)
        base_log(LOG_WARNING, "restore.fenced", "text", sentence, NULL);
    return c;
}

bool agent_fence_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    if (!ag->fenced || strcmp(job->kind, "account.look") == 0 ||
        strcmp(job->kind, "account.sync") == 0)
        return true;
    if (agent_begin(ag)) {
        agent_ok(ag, ledger_job_later(ag->ledger, job->id, base_now() + PUT_OFF, NULL, false, &f), &f,
                 "job");
        agent_commit(ag);
    }
    return false;
}

bool agent_fence_refuses(const struct agent *ag, const char *cmd, struct base_fail *f)
{
    static const char *const waiting[] = {"domain.add",   "domain.release", "order",   "expect",
                                          "held.approve", "cancel",         "revoke",  "reissue",
                                          "renew",        "emails",         "request.decide",
                                          "record.approve", "publish.retry", "publish.run",
                                          "publish.history", "forget", "batch.start", "batch.resume",
                                          "organization.add", "organization.submit", "domain.resend"};
    for (size_t i = 0; ag->fenced && i < sizeof waiting / sizeof *waiting; i++)
        if (strcmp(waiting[i], cmd) == 0) {
            base_failf(f, BASE_PERMANENT, "restore.fenced", "%s", sentence);
            return true;
        }
    return false;
}

void agent_fence_note(struct agent *ag, const char *kind, const struct ledger_order *o,
                      const char *text)
{
    char object[40], type[40];
    if (!ag->fenced)
        return;
    json_t *data = json_object();
    (void)snprintf(object, sizeof object, "order:%lld", (long long)o->id);
    (void)snprintf(type, sizeof type, "restore.%s", kind);
    base_json_set(data, "mailbox", o->mailbox);
    base_json_set(data, "account", o->account);
    base_json_set(data, "ca_order", o->ca_order);
    base_json_set(data, "ca_status", o->ca_status);
    base_json_set(data, "text", text);
    agent_event(ag, LOG_NOTICE, type, o->tenant, object, NULL, data);
}

static const char *read_mark(struct base_arena *a, const char *account)
{
    return base_arena_printf(a, "fence.read:%s", account);
}

void agent_fence_read(struct agent *ag, const char *account)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    if (ag->fenced && ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_meta_set(ag->ledger, read_mark(a, account), base_now(), &f), &f, "meta");
    base_arena_free(a);
}

/* ---- the report -------------------------------------------------------------------------- */

/* Of both kinds of look; 0 = one is missing. */
static int64_t read_at(struct agent *ag, struct base_arena *a, const char *account)
{
    struct base_fail f = {0};
    int64_t orders = 0, domains = 0;
    (void)ledger_meta_get(ag->ledger, read_mark(a, account), &orders, 0, &f);
    (void)ledger_meta_get(ag->ledger, base_arena_printf(a, "looked:%s", account), &domains, 0, &f);
    if (orders < ag->fenced || domains < ag->fenced)
        return 0;
    return orders < domains ? orders : domains;
}

static json_t *accounts(struct agent *ag, struct base_arena *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ag->conf->naccounts; i++) {
        const struct agent_account *acc = &ag->conf->accounts[i];
        json_t *o = json_object();
        base_json_set(o, "account", acc->cfg->id);
        base_json_setn(o, "read", acc->ca ? read_at(ag, a, acc->cfg->id) : 0);
        base_json_set(o, "error", acc->error);
        json_array_append_new(list, o);
    }
    return list;
}

static void put_notes(struct agent *ag, struct base_arena *a, json_t *found, json_t *changed)
{
    struct base_fail f = {0};
    struct ledger_event *v;
    size_t n = 0;
    if (ledger_event_recent(ag->ledger, a, "restore.", ag->fenced, REPORT_MAX, &v, &n, &f))
        n = 0;
    for (size_t i = n; i-- > 0;) {
        bool is_found = strcmp(v[i].type, "restore.found") == 0;
        if (!is_found && strcmp(v[i].type, "restore.changed") != 0)
            continue;
        json_t *o = base_json_parse(v[i].data, strlen(v[i].data), 65536, &f);
        if (!o)
            continue;
        base_json_set(o, "object", v[i].object);
        json_array_append_new(is_found ? found : changed, o);
    }
}

enum base_fail_class agent_cmd_restore_report(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t backup = 0;
    json_t *found = json_array(), *changed = json_array();
    (void)req;
    (void)by;
    (void)ledger_meta_get(ag->ledger, LEDGER_FENCE_BACKUP, &backup, 0, f);
    base_json_setb(answer, "fenced", ag->fenced != 0);
    base_json_setn(answer, "since", ag->fenced);
    base_json_setn(answer, "backup", backup);
    if (ag->fenced)
        put_notes(ag, a, found, changed);
    json_object_set_new(answer, "accounts", accounts(ag, a));
    json_object_set_new(answer, "found", found);
    json_object_set_new(answer, "changed", changed);
    base_arena_free(a);
    return BASE_OK;
}

/* Accounts that weren't read since; NULL = all were. */
static const char *unread(struct agent *ag, struct base_arena *a)
{
    const char *names = NULL;
    for (size_t i = 0; i < ag->conf->naccounts; i++)
        if (!ag->conf->accounts[i].ca || !read_at(ag, a, ag->conf->accounts[i].cfg->id))
            names = base_arena_printf(a, "%s%s%s", names ? names : "", names ? ", " : "",
                                      ag->conf->accounts[i].cfg->id);
    return names;
}

static bool take_down(struct agent *ag, const char *by, const char *missing)
{
    struct base_fail f = {0};
    if (!agent_begin(ag))
        return false;
    json_t *data = json_object();
    base_json_set(data, "unread", missing);
    if (agent_ok(ag, ledger_meta_set(ag->ledger, LEDGER_FENCE, 0, &f), &f, "meta") &&
        agent_restored_tell(ag))
        agent_event(ag, LOG_WARNING, "restore.finished", NULL, NULL, by, data);
    else
        json_decref(data);
    if (!agent_commit(ag))
        return false;
    ag->fenced = 0;
    ca_fence(false);
    return true;
}

enum base_fail_class agent_cmd_restore_finish(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *missing = unread(ag, a);
    enum base_fail_class c = BASE_OK;
    json_t *found = json_array(), *changed = json_array();
    if (ag->fenced)
        put_notes(ag, a, found, changed);
    size_t lost = json_array_size(found);
    if (!ag->fenced)
        c = base_failf(f, BASE_PERMANENT, "restore.none", "nothing is fenced here");
    else if (missing && !base_json_bool(req, "force", false))
        c = base_failf(f, BASE_TEMPORARY, "restore.unread",
                       "not read yet since the restore: %.200s. What was ordered there after the "
                       "backup isn't known; wait, or see \"certmilter status\" for the cause",
                       missing);
    else if (!take_down(ag, by, missing))
        c = base_failf(f, BASE_TEMPORARY, "ledger.io",
                       "the ledger can't be written now: it stays fenced");
    else
        base_json_set(answer, "text",
                      lost ? base_arena_printf(a, "the fence is down: what waited goes on; %zu orders of "
                                                  "after the backup are fetched, some without their keys: "
                                                  "\"certmilter show MAILBOX\" tells", lost)
                           : "the fence is down: what waited goes on");
    json_decref(found);
    json_decref(changed);
    base_arena_free(a);
    return c;
}
