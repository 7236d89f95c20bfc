/* agent/publish.c - the job that publishes: one mailbox at one publisher.
 *
 * Step by step: the mailbox is planned anew, the next row is marked "working" and
 * committed, deliver/ does its work in the pool, the result is committed, and the job
 * comes again until nothing is wanted. A crash in between leaves "working", which is done
 * again: publishers are idempotent. What takes the place of a superseded certificate is
 * there before that one goes. */
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "deliver/deliver.h"
#include "ledger/folding.h"

struct publish {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_box box;
    const struct policy_publisher *target;
    struct ledger_publication row;
    struct deliver_item item;
    struct deliver_done out;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool ------------------------------------------------------------------------ */

static char *secret(const struct deliver_world *w, const char *name)
{
    struct base_buf b;
    struct base_fail f = {0};
    char *out = NULL;
    if (!base_credential(name, w->cfg->credentials_dir, &b, &f))
        out = base_xstrdup(base_buf_str(&b));
    base_buf_wipe(&b);
    return out;
}

static void run(struct agent_task *t)
{
    struct publish *k = (struct publish *)t;
    struct deliver_world w = {.cfg = k->conf->cfg,
                              .keeper_socket = k->conf->cfg->keeper_socket,
                              .secret = secret};
    k->cls = deliver_publish(&w, k->target, &k->item, k->a, &k->out, &k->fail);
}

/* ---- the result --------------------------------------------------------------------------- */

static void publish_free(struct agent *ag, struct publish *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void tell(struct agent *ag, struct publish *k, const struct ledger_publication *r,
                 const char *type, int priority)
{
    json_t *data = json_object();
    base_json_set(data, "mailbox", k->box.name);
    base_json_set(data, "publisher", k->target->id);
    base_json_set(data, "action", k->item.withdraw ? "withdraw" : "publish");
    base_json_set(data, "reason", k->item.reason);
    base_json_set(data, "text", k->cls ? k->fail.text : r->place);
    base_json_set(data, "thumbprint", k->item.cert.thumbprint);
    base_json_set(data, "state", r->state);
    agent_event(ag, priority, type, k->box.tenant, agent_object(k->a, "certificate", r->certificate),
                NULL, data);
}

static void tell_given_up(struct agent *ag, struct publish *k)
{
    char day[BASE_TIME_LEN];
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    agent_notice(
        ag, base_arena_printf(k->a, "publish:%s:%s", k->target->id, day),
        agent_contact(ag, k->box.tenant),
        base_arena_printf(k->a, "certmilter: publisher \"%s\" fails", k->target->id),
        base_arena_printf(
            k->a,
            "A certificate could not be %s:\n\n    mailbox     %s\n    thumbprint  %s\n"
            "    publisher   %s (%s)\n\nWhy: %s\n\n"
            "It is not tried again by itself. Set right what is wrong, then\n"
            "\"certmilter publish retry %s\". \"certmilter publish list --state given-up\" lists\n"
            "all of them; this mail comes once a day for a publisher.\n",
            k->item.withdraw ? "taken away" : "published", k->box.name, k->item.cert.thumbprint,
            k->target->id, policy_publisher_kind_name(k->target->kind), k->fail.text, k->box.name));
}

static void failed(struct agent *ag, struct publish *k, struct ledger_publication *r)
{
    bool again = k->cls == BASE_TEMPORARY;
    r->tries++;
    r->state = again ? "failed" : "given-up";
    r->error = k->fail.text;
    r->next = again ? base_now() + agent_backoff(r->tries - 1) : 0;
    if (!again || r->tries == 1) /* each further try is in `show`, not in the record */
        tell(ag, k, r, "publish.failed", again ? LOG_WARNING : LOG_ERR);
    if (!again)
        tell_given_up(ag, k);
}

static void conclude(struct agent *ag, struct publish *k)
{
    struct base_fail f = {0};
    struct ledger_publication r;
    if (!agent_ok(ag, ledger_publication_get(ag->ledger, k->a, k->row.id, &r, &f), &f,
                  "publication"))
        return;
    r.changed = base_now();
    if (!k->cls) {
        r.place = k->item.withdraw ? NULL : k->out.where;
        r.note = k->out.note ? k->out.note : r.note;
        r.clear_key = k->out.clear_key;
        r.state = k->item.withdraw ? "withdrawn" : "published";
        r.error = NULL;
        r.tries = 0;
        r.next = 0;
        tell(ag, k, &r, "publish.done", LOG_NOTICE);
    } else
        failed(ag, k, &r);
    if (r.want == k->item.withdraw) { /* it was decided otherwise meanwhile */
        r.state = "wanted";
        r.next = 0;
        if (!r.want && k->target->kind == POLICY_PUBLISHER_MAIL)
            r.state = k->cls ? "withdrawn" : "published";
    }
    if (agent_ok(ag, ledger_publication_update(ag->ledger, &r, &f), &f, "publication"))
        agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, base_now(), NULL, false, &f), &f,
                 "job");
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct publish *k = (struct publish *)t;
    if (!ag->stopping && agent_begin(ag)) {
        conclude(ag, k);
        agent_commit(ag);
    }
    publish_free(ag, k);
}

/* ---- the next row ----------------------------------------------------------------------------- */

static bool is(const struct ledger_publication *r, const char *state)
{
    return strcmp(r->state, state) == 0;
}

static bool ready(const struct ledger_publication *r)
{
    return is(r, "wanted") || is(r, "working") || (is(r, "failed") && r->next <= base_now());
}

/* The row that is worked on next; NULL: none now. *NEXT: when there is one; 0 = never by itself. */
static struct ledger_publication *pick(struct ledger_publication *v, size_t n, int64_t *next)
{
    bool coming = false; /* something is still to come */
    *next = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].want && ready(&v[i]))
            return &v[i];
        coming = coming || (v[i].want && !is(&v[i], "published"));
        if (is(&v[i], "failed") && (*next == 0 || v[i].next < *next))
            *next = v[i].next;
    }
    for (size_t i = 0; i < n; i++)
        if (!v[i].want && ready(&v[i]) && !(coming && strcmp(v[i].reason, "superseded") == 0))
            return &v[i];
    return NULL;
}

static void fill(struct deliver_certificate *out, const struct ledger_certificate *c)
{
    *out = (struct deliver_certificate){
        .thumbprint = c->thumbprint,
        .der = {c->der, c->der_len},
        .chain_pem = c->chain_pem,
        .key_id = c->key_id,
        .usage = c->usage,
        .serial = c->serial,
        .issuer = c->issuer,
        .subject = c->subject,
        .not_before = c->not_before,
        .not_after = c->not_after,
    };
}

/* The key by the other rule, unless that is another mailbox's. */
static const char *former_key(struct agent *ag, const struct publish *k)
{
    struct base_fail f = {0};
    struct ledger_box other;
    bool folds = ledger_folds(ag->ledger, k->box.name);
    const char *former = base_mailbox_key(k->a, k->box.name, !folds);
    if (strcmp(former, ledger_mailbox_key(ag->ledger, k->a, k->box.name)) == 0 ||
        (!folds && !ledger_box_named(ag->ledger, k->a, former, &other, &f)))
        return NULL;
    return former;
}

/* The item for ROW among the V rows of this mailbox and publisher. */
static bool make_item(struct agent *ag, struct publish *k, const struct ledger_publication *v,
                      size_t n)
{
    struct base_fail f = {0};
    struct ledger_certificate c;
    struct deliver_certificate *current = base_arena_array(k->a, n + 1, sizeof(*current));
    for (size_t i = 0; i < n; i++) {
        bool here = v[i].id == k->row.id;
        if (!here && (!v[i].want || is(&v[i], "waiting")))
            continue;
        if (!agent_ok(ag, ledger_certificate_get(ag->ledger, k->a, v[i].certificate, &c, &f), &f,
                      "certificate"))
            return false;
        if (here)
            fill(&k->item.cert, &c);
        if (v[i].want && !agent_publish_barred(&c))
            fill(&current[k->item.ncurrent++], &c);
    }
    k->item.mailbox = k->box.name;
    k->item.former = former_key(ag, k);
    k->item.tenant = k->box.tenant;
    k->item.withdraw = !k->row.want;
    k->item.reason = k->row.reason;
    k->item.note = k->row.note;
    k->item.current = current;
    return true;
}

/* Nothing to do now: the job ends, or comes when a failed one may be tried again. */
static void rest(struct agent *ag, struct publish *k, int64_t next)
{
    struct base_fail f = {0};
    if (next)
        agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, next, NULL, false, &f), &f, "job");
    else
        agent_job_done(ag, k->job.id);
}

/* In a transaction: plans, picks, marks. True: there is something to do. */
static bool prepare(struct agent *ag, struct publish *k)
{
    struct base_fail f = {0};
    struct ledger_publication *v, *next_row;
    size_t n = 0;
    int64_t next = 0;
    if (!agent_publish_plan(ag, k->a, &k->box, false) ||
        !agent_ok(ag,
                  ledger_publication_of(ag->ledger, k->a, k->box.id, k->target->id, &v, &n, &f), &f,
                  "publications"))
        return false;
    next_row = pick(v, n, &next);
    if (!next_row) {
        rest(ag, k, next);
        return false;
    }
    next_row->state = "working";
    next_row->changed = base_now();
    k->row = *next_row;
    return agent_ok(ag, ledger_publication_update(ag->ledger, &k->row, &f), &f, "publication") &&
           make_item(ag, k, v, n);
}

void agent_publish_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct publish *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    const char *name = strchr(k->job.key, ':'); /* publish:MAILBOX:PUBLISHER */
    name = name ? strchr(name + 1, ':') : NULL;
    k->target = name ? policy_config_publisher(k->conf->cfg, name + 1) : NULL;
    if (ledger_box_get(ag->ledger, k->a, job->ref, &k->box, &f)) {
        agent_job_unread(ag, job, &f);
        publish_free(ag, k);
        return;
    }
    if (!k->target) { /* not configured any more: what it published is left alone */
        agent_job_done(ag, job->id);
        publish_free(ag, k);
        return;
    }
    bool go = agent_begin(ag) && prepare(ag, k);
    if (!agent_commit(ag) || !go) {
        publish_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "publish:%s", k->target->id);
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
