/* agent/alias.c - whose mailbox an address is, by Postfix's own tables.
 *
 * "postmap -q" reads whatever Postfix reads (files, SQL, LDAP), so there is one truth. An
 * address whose table names exactly one other address is that mailbox's alias; one that
 * names several is a list, and nobody's. What comes by an alias belongs to the mailbox too:
 * `show`, `list` and the publishers find it there. Looked up when a certificate comes and when a
 * person asks; a table that can't be read is tried again. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/json.h"
#include "ledger/alias.h"
#include "owner.h"
#include "policy/recognise.h"

#define DEPTH 10 /* aliases of aliases */
#define OUT_MAX 65536
#define WALL_MS 10000

/* What the shipped unit doesn't allow looks like a broken postmap. */
#define DROP_IN "; under systemd it needs a drop-in for certagentd: certmilter.conf(5), SECTION ALIASES"

/* postmap's words without the line's end. */
static const char *said(struct base_arena *a, const struct base_buf *err)
{
    size_t n = err->n;
    while (n > 0 && isspace(err->p[n - 1]))
        n--;
    return n ? base_printable(a, err->p, n, 200) : "no answer";
}

/* One look into MAP. *VALUE NULL: it has no entry. */
static enum base_fail_class query(const struct policy_config *cfg, struct base_arena *a, const char *map,
                                  const char *key, const char **value, struct base_fail *f)
{
    char *argv[] = {(char *)(uintptr_t)cfg->postmap, "-q", base_arena_strdup(a, key),
                    base_arena_strdup(a, map), NULL};
    char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    struct base_child_limits lim = {.wall_ms = WALL_MS, .keep_files = true, .envp = env};
    struct base_child c;
    int status = 0;
    *value = NULL;
    enum base_fail_class r = base_child_start(&c, cfg->postmap, argv, &lim, f);
    if (r)
        return base_failf(f, BASE_TEMPORARY, "alias.postmap", "%s can't be run: %s" DROP_IN, cfg->postmap, f->text);
    base_child_close_in(&c);
    r = base_child_end(&c, OUT_MAX, &status, f);
    if (!r && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        *value = base_arena_strdup(a, base_buf_str(&c.outbuf));
    else if (r || !WIFEXITED(status) || WEXITSTATUS(status) != 1 || c.errbuf.n > 0)
        r = base_failf(f, BASE_TEMPORARY, "alias.map", "%s: %s" DROP_IN, map, said(a, &c.errbuf));
    base_child_free(&c);
    return r;
}

/* The only address in VALUE; NULL if there are several, a command, a file or none. */
static const char *only_address(struct base_arena *a, const char *value)
{
    const char *start = value + strspn(value, " \t\r\n,");
    size_t n = strcspn(start, " \t\r\n,");
    if (n == 0 || start[n + strspn(start + n, " \t\r\n,")])
        return NULL;
    return policy_mailbox_normal(a, base_arena_strndup(a, start, n));
}

enum base_fail_class agent_alias_resolve(const struct policy_config *cfg, struct base_arena *a,
                                         const char *address, const char **mailbox, struct base_fail *f)
{
    const char *now = address;
    *mailbox = NULL;
    for (int i = 0; i < DEPTH; i++) {
        const char *value = NULL, *next;
        for (size_t m = 0; !value && m < cfg->alias_maps.n; m++) {
            enum base_fail_class r = query(cfg, a, cfg->alias_maps.v[m], now, &value, f);
            if (r)
                return r;
        }
        next = value ? only_address(a, value) : NULL;
        if (value && !next)
            return BASE_OK; /* a list: nobody's */
        if (!next || policy_config_same_mailbox(cfg, next, now)) {
            *mailbox = policy_config_same_mailbox(cfg, now, address) ? NULL : now;
            return BASE_OK;
        }
        now = next;
    }
    return base_failf(f, BASE_PERMANENT, "alias.loop", "the aliases of %s go round in a circle", address);
}

/* ---- a certificate came: job ---------------------------------------------------------------- */

struct alias_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_certificate c;
    const char **owners; /* of c.mailboxes; NULL: no alias */
    enum base_fail_class cls;
    struct base_fail fail;
};

static void run(struct agent_task *t)
{
    struct alias_run *k = (struct alias_run *)t;
    for (size_t i = 0; !k->cls && i < k->c.nmailboxes; i++)
        k->cls = agent_alias_resolve(k->conf->cfg, k->a, k->c.mailboxes[i], &k->owners[i], &k->fail);
}

static bool share(struct agent *ag, struct alias_run *k, size_t i)
{
    struct base_fail f = {0};
    const struct policy_domain *d = policy_config_mailbox_domain(k->conf->cfg, k->owners[i]);
    if (!d || strcmp(d->tenant, k->c.tenant) != 0)
        return true; /* another tenant's, or nobody's we know */
    json_t *data = json_object();
    base_json_set(data, "alias", k->c.mailboxes[i]);
    base_json_set(data, "mailbox", k->owners[i]);
    if (!agent_ok(ag, ledger_certificate_share(ag->ledger, k->c.id, k->owners[i], &f), &f, "alias")) {
        json_decref(data);
        return false;
    }
    agent_event(ag, LOG_NOTICE, "alias.found", k->c.tenant, agent_object(k->a, "certificate", k->c.id), NULL,
                data);
    return true;
}

static void alias_free(struct agent *ag, struct alias_run *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct alias_run *k = (struct alias_run *)t;
    bool good = true;
    if (!ag->stopping && agent_begin(ag)) {
        if (k->cls == BASE_TEMPORARY || k->cls == BASE_OURS)
            agent_job_retry(ag, &k->job, &k->fail, 0);
        else {
            for (size_t i = 0; good && !k->cls && i < k->c.nmailboxes; i++)
                good = !k->owners[i] || share(ag, k, i);
            if (k->cls)
                base_log_fail(LOG_WARNING, "alias.failed", &k->fail, NULL);
            if (good)
                agent_job_done(ag, k->job.id);
        }
        agent_commit(ag);
    }
    alias_free(ag, k);
}

void agent_alias_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct alias_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_certificate_get(ag->ledger, k->a, job->ref, &k->c, &f)) {
        agent_job_unread(ag, job, &f);
        alias_free(ag, k);
        return;
    }
    k->owners = base_arena_array(k->a, k->c.nmailboxes + 1, sizeof(char *));
    memset(k->owners, 0, (k->c.nmailboxes + 1) * sizeof(char *));
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "postmap");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

void agent_alias_look(struct agent *ag, struct base_arena *a, int64_t certificate)
{
    if (ag->conf->cfg->alias_maps.n > 0)
        agent_job_add(ag, "alias", agent_object(a, "alias", certificate), certificate, 0, NULL);
}

/* ---- a person asks ---------------------------------------------------------------------------- */

struct asked {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const char *address, *mailbox;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void asked_run(struct agent_task *t)
{
    struct asked *k = (struct asked *)t;
    k->cls = agent_alias_resolve(k->conf->cfg, k->a, k->address, &k->mailbox, &k->fail);
}

static void asked_done(struct agent *ag, struct agent_task *t)
{
    struct asked *k = (struct asked *)t;
    json_t *answer = json_object();
    if (k->cls) {
        base_json_setb(answer, "ok", false);
        base_json_set(answer, "class", base_fail_class_name(k->cls));
        base_json_set(answer, "code", k->fail.code);
        base_json_set(answer, "text", k->fail.text);
    } else
        base_json_set(answer, "mailbox", k->mailbox);
    agent_control_answer(ag, k->client, answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

bool agent_cmd_alias_start(struct agent *ag, int64_t client, const json_t *req, struct base_fail *f)
{
    struct asked *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->address = policy_mailbox_normal(k->a, base_json_strd(req, "address", ""));
    if (!k->address) {
        base_failf(f, BASE_PERMANENT, "alias.address", "\"%s\" is no mail address",
                   base_json_strd(req, "address", ""));
        base_arena_free(k->a);
        free(k);
        return false;
    }
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->task.run = asked_run;
    k->task.done = asked_done;
    snprintf(k->task.key, sizeof(k->task.key), "postmap");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}
