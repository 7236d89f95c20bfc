/* agent/backup.c - a snapshot of the ledger for a backup.
 *
 * A task copies it page by page over a connection of its own, as of one moment;
 * the loop goes on writing meanwhile. The file stands beside the ledger until the
 * command has read it ("backup.end"), the next one begins, or the agent starts. */
#include "backup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/copy.h"

#define PAGES 256 /* a step: 1 MiB */

struct snapshot {
    struct agent_task task;
    char *path, *dest;
    atomic_llong left, total;
    atomic_bool stop;
    bool done;
    int64_t at;
    char id[17];
    enum base_fail_class cls;
    struct base_fail fail;
};

static struct snapshot *current; /* of the loop; freed by done() once replaced */

static void run(struct agent_task *t)
{
    struct snapshot *s = (struct snapshot *)t;
    struct ledger_snapshot *copy = NULL;
    int64_t left = 1, total = 0;
    s->cls = ledger_snapshot_open(s->path, s->dest, &copy, &s->fail);
    while (!s->cls && left > 0 && !atomic_load(&s->stop)) {
        s->cls = ledger_snapshot_step(copy, PAGES, &left, &total, &s->fail);
        atomic_store(&s->left, left);
        atomic_store(&s->total, total);
    }
    ledger_snapshot_close(copy);
    if (!s->cls && left > 0)
        s->cls = base_failf(&s->fail, BASE_TEMPORARY, "backup.stopped", "the snapshot was stopped");
    if (s->cls)
        (void)unlink(s->dest);
}

static void snapshot_free(struct snapshot *s)
{
    free(s->path);
    free(s->dest);
    free(s);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct snapshot *s = (struct snapshot *)t;
    (void)ag;
    s->done = true;
    if (s->cls)
        base_log_fail(LOG_ERR, "backup.snapshot", &s->fail, NULL);
    if (s == current)
        return;
    (void)unlink(s->dest); /* nobody waits for it any more */
    snapshot_free(s);
}

/* The one before ends: at once, or when its thread sees that. */
static void forget(void)
{
    if (!current)
        return;
    atomic_store(&current->stop, true);
    if (current->done) {
        (void)unlink(current->dest);
        snapshot_free(current);
    }
    current = NULL;
}

static char *beside(const struct agent *ag, const char *suffix)
{
    const char *path = ag->conf->cfg->ledger_path;
    size_t room = strlen(path) + strlen(suffix) + 1;
    char *name = base_xmalloc(room);
    (void)snprintf(name, room, "%s%s", path, suffix);
    return name;
}

enum base_fail_class agent_cmd_backup_start(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    (void)req;
    if (current && !current->done)
        return base_failf(f, BASE_TEMPORARY, "backup.busy", "another backup is being made");
    forget();
    struct snapshot *s = base_xmalloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->path = base_xstrdup(ag->conf->cfg->ledger_path);
    s->dest = beside(ag, ".snapshot");
    s->at = base_now();
    base_random_id(s->id, sizeof s->id - 1);
    atomic_store(&s->left, 1);
    s->task.run = run;
    s->task.done = done;
    current = s;
    base_log(LOG_NOTICE, "backup.started", "by", by, NULL);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &s->task);
    base_json_set(answer, "snapshot", s->id);
    base_json_setn(answer, "at", s->at);
    return BASE_OK;
}

static struct snapshot *named(const json_t *req, struct base_fail *f)
{
    const char *id = base_json_strd(req, "snapshot", "");
    if (current && strcmp(current->id, id) == 0)
        return current;
    base_failf(f, BASE_PERMANENT, "backup.gone",
               "there is no such snapshot: the agent was restarted, or another backup began");
    return NULL;
}

enum base_fail_class agent_cmd_backup_state(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    (void)ag;
    (void)by;
    struct snapshot *s = named(req, f);
    if (!s)
        return BASE_PERMANENT;
    if (s->done && s->cls)
        return base_failf(f, s->cls, s->fail.code, "%s", s->fail.text);
    int64_t left = atomic_load(&s->left), total = atomic_load(&s->total);
    base_json_set(answer, "state", s->done ? "done" : "copying");
    base_json_setn(answer, "pages", total);
    base_json_setn(answer, "copied", total > left ? total - left : 0);
    base_json_setn(answer, "at", s->at);
    if (s->done)
        base_json_set(answer, "file", s->dest);
    return BASE_OK;
}

/* TAKEN: the backup that it was for is whole and in its place. */
enum base_fail_class agent_cmd_backup_end(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    (void)answer;
    struct snapshot *s = named(req, f);
    if (!s)
        return BASE_PERMANENT;
    int64_t at = s->at;
    forget();
    if (!base_json_bool(req, "taken", false))
        return BASE_OK;
    json_t *data = json_object();
    base_json_set(data, "file", base_json_str(req, "file"));
    base_json_set(data, "kek_id", base_json_str(req, "kek_id"));
    agent_event(ag, LOG_NOTICE, "backup.made", NULL, NULL, by, data);
    return ledger_meta_set(ag->ledger, LEDGER_BACKUP_AT, at, f);
}

/* A backup was opened with what is written on the recovery sheet. */
enum base_fail_class agent_cmd_backup_proved(struct agent *ag, const json_t *req, const char *by,
                                             json_t *answer, struct base_fail *f)
{
    const char *kek = base_json_str(req, "kek_id");
    unsigned char raw[8];
    (void)answer;
    if (!kek || strlen(kek) != 16 || !base_unhex(kek, raw, sizeof raw))
        return base_failf(f, BASE_PERMANENT, "control.request", "\"kek_id\" must be 16 hex digits");
    json_t *data = json_object();
    base_json_set(data, "kek_id", kek);
    base_json_set(data, "file", base_json_str(req, "file"));
    base_json_setn(data, "backup_at", base_json_int(req, "backup_at", 0));
    agent_event(ag, LOG_NOTICE, "backup.proved", NULL, NULL, by, data);
    enum base_fail_class c = ledger_text_set(ag->ledger, LEDGER_PROVED_KEK, kek, f);
    return c ? c : ledger_meta_set(ag->ledger, LEDGER_PROVED_AT, base_now(), f);
}

void agent_backup_status(struct agent *ag, json_t *answer, json_t *att)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    int64_t at = 0, proved = 0, backup = 0;
    const char *kek = NULL;
    json_t *o = json_object();
    (void)ledger_meta_get(ag->ledger, LEDGER_BACKUP_AT, &at, 0, &f);
    (void)ledger_meta_get(ag->ledger, LEDGER_PROVED_AT, &proved, 0, &f);
    (void)ledger_text_get(ag->ledger, a, LEDGER_PROVED_KEK, &kek, &f);
    base_json_setn(o, "at", at);
    base_json_setn(o, "proved", proved);
    base_json_set(o, "proved_kek", kek);
    json_object_set_new(answer, "backup", o);
    if (ag->fenced) {
        char when[BASE_TIME_LEN];
        json_t *v = json_object();
        (void)ledger_meta_get(ag->ledger, LEDGER_FENCE_BACKUP, &backup, 0, &f);
        base_json_setn(v, "since", ag->fenced);
        base_json_setn(v, "backup", backup);
        json_object_set_new(answer, "fence", v);
        json_array_append_new(att, json_string(base_arena_printf(
            a, "fenced: restored from a backup of %s; nothing is confirmed, ordered or sent until "
               "\"certmilter restore --finish\" (see \"certmilter restore --report\")",
            base_time_rfc3339(backup, when))));
    }
    base_arena_free(a);
}
