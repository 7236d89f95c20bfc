/* agent/control_publish.c - where certificates are published, and "try again". */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "policy/watch.h"
#include "publish.h"
#include "show.h"

#define COUNT_MAX 10000

static json_t *row_json(const struct agent *ag, const struct ledger_publication *p)
{
    json_t *o = json_object();
    const struct policy_publisher *t = policy_config_publisher(ag->conf->cfg, p->publisher);
    base_json_setn(o, "id", p->id);
    base_json_set(o, "mailbox", p->name);
    base_json_set(o, "publisher", p->publisher);
    base_json_set(o, "kind", t ? policy_publisher_kind_name(t->kind) : "not configured any more");
    base_json_set(o, "state", p->state);
    base_json_set(o, "reason", p->reason);
    base_json_set(o, "where", p->place);
    base_json_set(o, "note", p->note);
    base_json_set(o, "error", p->error);
    base_json_setn(o, "tries", p->tries);
    base_json_setn(o, "next_try", p->next);
    base_json_setn(o, "changed", p->changed);
    base_json_setn(o, "certificate", p->certificate);
    base_json_set(o, "thumbprint", p->thumbprint);
    base_json_set(o, "serial", p->serial);
    base_json_setb(o, "clear_key", p->clear_key);
    return o;
}

void agent_put_publications(struct agent *ag, struct base_arena *a, const char *mailbox,
                            int64_t certificate, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_publication *v = NULL;
    struct ledger_box box;
    size_t n = 0;
    json_t *l = json_array();
    enum base_fail_class r = BASE_OK;
    if (mailbox && !(r = ledger_box_named(ag->ledger, a, mailbox, &box, &f)))
        r = ledger_publication_of(ag->ledger, a, box.id, NULL, &v, &n, &f);
    else if (!mailbox)
        r = ledger_publication_of_certificate(ag->ledger, a, certificate, &v, &n, &f);
    for (size_t i = 0; !r && i < n; i++)
        json_array_append_new(l, row_json(ag, &v[i]));
    json_object_set_new(answer, "publications", l);
}

static int64_t count(struct agent *ag, const char *state)
{
    struct base_fail f = {0};
    int64_t n = 0;
    if (ledger_publication_count(ag->ledger, state, COUNT_MAX, &n, &f))
        n = 0;
    return n;
}

void agent_put_publishing(struct agent *ag, json_t *answer, json_t *attention)
{
    struct base_fail f = {0};
    int64_t failing = count(ag, "failed"), given_up = count(ag, "given-up"), clear = 0;
    char text[160];
    json_t *o = json_object();
    if (ledger_publication_clear_keys(ag->ledger, &clear, &f))
        clear = 0;
    base_json_setn(o, "publishers", (int64_t)ag->conf->cfg->npublishers);
    base_json_setn(o, "wanted", count(ag, "wanted") + count(ag, "working"));
    base_json_setn(o, "failing", failing);
    base_json_setn(o, "given_up", given_up);
    base_json_setn(o, "clear_keys", clear);
    base_json_setb(o, "reconciling", ag->publish_cursor >= 0);
    json_object_set_new(answer, "publications", o);
    if (given_up || failing) {
        snprintf(text, sizeof(text),
                 "%lld publications were given up, %lld are tried again: certmilter publish list",
                 (long long)given_up, (long long)failing);
        json_array_append_new(attention, json_string(text));
    }
}

const char *agent_publish_doctor(struct agent *ag, struct base_arena *a, bool *warn)
{
    int64_t failing = count(ag, "failed"), given_up = count(ag, "given-up"), clear = 0;
    struct base_fail f = {0};
    if (ledger_publication_clear_keys(ag->ledger, &clear, &f))
        clear = 0;
    *warn = failing || given_up;
    return base_arena_printf(
        a, "%zu publishers; %lld publications are tried again, %lld were given up%s; %lld keys lie "
           "in clear at consumers", ag->conf->cfg->npublishers, (long long)failing,
        (long long)given_up, given_up ? " (certmilter publish retry)" : "", (long long)clear);
}

enum base_fail_class agent_cmd_publish_list(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_publication *v;
    size_t n = 0, limit = agent_page_limit(req);
    json_t *l = json_array();
    (void)by;
    enum base_fail_class r = ledger_publication_list(
        ag->ledger, a, base_json_str(req, "publisher"), base_json_str(req, "state"),
        base_json_int(req, "after", 0), limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        json_array_append_new(l, row_json(ag, &v[i]));
    if (!r && n == limit)
        base_json_setn(answer, "next", v[n - 1].id);
    json_object_set_new(answer, "publications", l);
    base_arena_free(a);
    return r;
}

/* ---- again ------------------------------------------------------------------------------ */

/* The rows that WHAT names: a mailbox, or a certificate. */
static enum base_fail_class rows_of(struct agent *ag, struct base_arena *a, const char *what,
                                    struct ledger_publication **v, size_t *n, struct base_fail *f)
{
    const char *name = strchr(what, '@') ? policy_config_address(ag->conf->cfg, a, what) : NULL;
    struct ledger_certificate c;
    struct ledger_box box;
    enum base_fail_class r;
    *n = 0;
    if (name) {
        r = ledger_box_named(ag->ledger, a, name, &box, f);
        if (!r)
            r = ledger_publication_of(ag->ledger, a, box.id, NULL, v, n, f);
    } else {
        r = ledger_certificate_find(ag->ledger, a,
                                    strncmp(what, "certificate:", 12) == 0 ? what + 12 : what, &c, f);
        if (!r)
            r = ledger_publication_of_certificate(ag->ledger, a, c.id, v, n, f);
    }
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "publish.absent",
                       "nothing is published of \"%.200s\": expected a mailbox, certificate:N, a "
                       "thumbprint or a serial number", what);
    return r;
}

static enum base_fail_class start_row(struct agent *ag, struct base_arena *a,
                                      struct ledger_publication *p, struct base_fail *f)
{
    p->state = "wanted";
    p->tries = 0;
    p->next = 0;
    p->changed = base_now();
    enum base_fail_class r = ledger_publication_update(ag->ledger, p, f);
    if (!r && !agent_publish_start(ag, a, p->mailbox, p->publisher))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    return r;
}

static void answer_count(struct agent *ag, const char *what, const char *by, const char *type,
                         int64_t n, const char *none, json_t *answer)
{
    json_t *data = json_object();
    char text[120];
    snprintf(text, sizeof(text), "%lld publications are tried now: certmilter show tells how it goes",
             (long long)n);
    base_json_setn(answer, "started", n);
    base_json_set(answer, "text", n ? text : none);
    base_json_set(data, "what", what);
    base_json_setn(data, "started", n);
    agent_event(ag, LOG_NOTICE, type, NULL, "publish", by, data);
}

enum base_fail_class agent_cmd_publish_retry(struct agent *ag, const json_t *req, const char *by,
                                             json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "what", "");
    struct ledger_publication *v;
    size_t n = 0;
    int64_t started = 0;
    enum base_fail_class r = rows_of(ag, a, what, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (strcmp(v[i].state, "given-up") == 0 || strcmp(v[i].state, "failed") == 0) {
            r = start_row(ag, a, &v[i], f);
            started++;
        }
    if (!r)
        answer_count(ag, what, by, "publish.retry", started, "nothing is to be tried again", answer);
    base_arena_free(a);
    return r;
}

/* Everything of one mailbox anew, also what is published; mails are not sent twice. */
enum base_fail_class agent_cmd_publish_run(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "mailbox", "");
    const char *name = strchr(what, '@') ? policy_config_address(ag->conf->cfg, a, what) : NULL;
    struct ledger_publication *v;
    struct ledger_box box;
    size_t n = 0;
    int64_t started = 0;
    enum base_fail_class r =
        name ? ledger_box_named(ag->ledger, a, name, &box, f)
             : base_failf(f, BASE_PERMANENT, "publish.mailbox", "expected a mailbox, found \"%.200s\"",
                          what);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "publish.absent", "%.200s has no certificate here", what);
    if (!r && !agent_publish_plan(ag, a, &box, true))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    if (!r)
        r = ledger_publication_of(ag->ledger, a, box.id, NULL, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        const struct policy_publisher *t = policy_config_publisher(ag->conf->cfg, v[i].publisher);
        bool done = strcmp(v[i].state, "published") == 0;
        if (!t || strcmp(v[i].state, "withdrawn") == 0 || strcmp(v[i].state, "waiting") == 0 ||
            (done && t->kind == POLICY_PUBLISHER_MAIL))
            continue;
        r = start_row(ag, a, &v[i], f);
        started++;
    }
    if (!r)
        answer_count(ag, name, by, "publish.run", started,
                     "nothing of it is to be published: its domain names no publisher (option publish), or no "
                     "certificate of it is current and called good by OCSP yet", answer);
    base_arena_free(a);
    return r;
}
