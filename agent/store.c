/* agent/store.c - transactions, events and jobs: how the agent writes the ledger.
 *
 * Nothing is started while the ledger can't be written (disk full, say): the
 * loop tries again every two seconds and the spool keeps what comes. */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define SICK_MS 2000

static void sick(struct agent *ag, const char *what, const struct base_fail *f)
{
    ag->ledger_sick = true;
    ag->ledger_retry = base_mono_ms() + SICK_MS;
    base_log_fail(LOG_ERR, "ledger.failed", f, "while", what, NULL);
}

bool agent_begin(struct agent *ag)
{
    struct base_fail f = {0};
    if (ledger_begin(ag->ledger, &f)) {
        sick(ag, "begin", &f);
        return false;
    }
    ag->in_step = true;
    return true;
}

void agent_rollback(struct agent *ag)
{
    ag->in_step = false;
    ledger_rollback(ag->ledger);
}

bool agent_commit(struct agent *ag)
{
    struct base_fail f = {0};
    ag->in_step = false;
    if (!ledger_in_transaction(ag->ledger)) /* rolled back by agent_ok() */
        return false;
    if (ledger_commit(ag->ledger, &f)) {
        sick(ag, "commit", &f);
        return false;
    }
    ag->ledger_sick = false;
    return true;
}

bool agent_ok(struct agent *ag, enum base_fail_class r, const struct base_fail *f,
              const char *what)
{
    if (r == BASE_OK)
        return true;
    if (ledger_in_transaction(ag->ledger))
        ledger_rollback(ag->ledger);
    else if (ag->in_step)
        return false; /* told when it was rolled back */
    if (r == BASE_PERMANENT &&
        (strcmp(f->code, "ledger.absent") == 0 || strcmp(f->code, "ledger.state") == 0)) {
        base_log_fail(LOG_WARNING, f->code, f, "while", what, NULL);
        return false;
    }
    sick(ag, what, f);
    return false;
}

static void log_event(int priority, const char *type, const char *object, const char *actor,
                      const json_t *data)
{
    const char *key;
    json_t *v;
    const char *pair[10] = {0};
    size_t n = 0;
    /* the first five text members are worth a line in the log */
    json_object_foreach((json_t *)data, key, v) {
        if (n + 2 > 10 || !json_is_string(v))
            continue;
        pair[n++] = key;
        pair[n++] = json_string_value(v);
    }
    base_log(priority, type, "object", object, "actor", actor, n > 0 ? pair[0] : NULL, pair[1],
             n > 2 ? pair[2] : NULL, pair[3], n > 4 ? pair[4] : NULL, pair[5],
             n > 6 ? pair[6] : NULL, pair[7], n > 8 ? pair[8] : NULL, pair[9], NULL);
}

void agent_event(struct agent *ag, int priority, const char *type, const char *tenant,
                 const char *object, const char *actor, json_t *data)
{
    struct base_fail f = {0};
    char *text = data ? base_json_text(data) : NULL;
    struct ledger_event e = {
        .at = base_now(),
        .type = type,
        .tenant = tenant,
        .object = object,
        .actor = actor ? actor : "agent",
        .data = text,
    };
    bool told = !ag->in_step;
    if (ledger_in_transaction(ag->ledger))
        told = agent_ok(ag, ledger_event_add(ag->ledger, &e, &f), &f, "event");
    if (told) /* what was rolled back did not happen */
        log_event(priority, type, object, e.actor, data);
    free(text);
    json_decref(data);
}

const char *agent_object(struct base_arena *a, const char *kind, int64_t id)
{
    return base_arena_printf(a, "%s:%lld", kind, (long long)id);
}

bool agent_job_add(struct agent *ag, const char *kind, const char *key, int64_t ref,
                   int64_t run_at, const char *data)
{
    struct base_fail f = {0};
    int64_t id;
    struct ledger_job j = {
        .kind = kind,
        .key = key,
        .ref = ref,
        .run_at = run_at ? run_at : base_now(),
        .created = base_now(),
        .data = data,
    };
    if (!ledger_in_transaction(ag->ledger))
        return false;
    return agent_ok(ag, ledger_job_add(ag->ledger, &j, &id, &f), &f, "job");
}
