/* agent/report.c - what ends soon, once a day or week, by mail to each tenant's contact.
 *
 * A report is made a page at a time, so that a million certificates don't stop the loop.
 * A tenant's time of the last report is written with its mail: a crash between repeats
 * the making, never the mail (its key names the day). Nothing ends: no mail. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "watching.h"

#define LOOK_MS 600000
#define PAGE 500
#define LINES_MAX 200 /* certificates named in one mail */

struct tenant_report {
    const struct policy_tenant *tenant;
    int64_t ending, by_hand;
    struct base_buf lines;
};
struct agent_report {
    struct agent_conf *conf; /* the tenants are of this snapshot */
    struct tenant_report *v; /* sorted by the tenant's id */
    size_t n;
    int64_t until, at, id;   /* where the list goes on */
};

static const char *mark_of(char *buf, size_t n, const char *tenant)
{
    snprintf(buf, n, "reported:%s", tenant);
    return buf;
}

static bool is_due(struct agent *ag, const struct policy_tenant *t, int64_t every)
{
    struct base_fail f = {0};
    char mark[160];
    int64_t last = 0;
    return t->contact &&
           !ledger_meta_get(ag->ledger, mark_of(mark, sizeof(mark), t->id), &last, 0, &f) &&
           base_now() - last >= every;
}

static int by_id(const void *x, const void *y)
{
    const struct tenant_report *a = x, *b = y;
    return strcmp(a->tenant->id, b->tenant->id);
}

static struct agent_report *start(struct agent *ag)
{
    const struct policy_config *cfg = ag->conf->cfg;
    struct agent_report *r = base_xmalloc(sizeof(*r));
    memset(r, 0, sizeof(*r));
    r->v = base_xmalloc((cfg->ntenants + 1) * sizeof(*r->v));
    for (size_t i = 0; i < cfg->ntenants; i++)
        if (is_due(ag, &cfg->tenants[i], cfg->report)) {
            memset(&r->v[r->n], 0, sizeof(r->v[0]));
            r->v[r->n].tenant = &cfg->tenants[i];
            base_buf_init(&r->v[r->n++].lines, 0);
        }
    qsort(r->v, r->n, sizeof(*r->v), by_id);
    r->conf = agent_conf_ref(ag->conf);
    r->until = base_now() + cfg->report_ahead;
    return r;
}

static void end(struct agent *ag)
{
    struct agent_report *r = ag->report;
    for (size_t i = 0; i < r->n; i++)
        base_buf_free(&r->v[i].lines);
    agent_conf_unref(r->conf);
    free(r->v);
    free(r);
    ag->report = NULL;
}

static void add_line(struct agent *ag, struct tenant_report *t, const struct ledger_certificate *c)
{
    char day[BASE_TIME_LEN], then[BASE_TIME_LEN], line[700];
    int64_t when = agent_renewal_time(ag, c);
    t->ending++;
    t->by_hand += when == 0;
    if (t->ending > LINES_MAX)
        return;
    base_time_rfc3339(c->not_after, day);
    base_time_rfc3339(when > base_now() ? when : base_now(), then);
    day[10] = then[10] = 0;
    snprintf(line, sizeof(line), "    %s  %-40.320s  %s%s\n", day,
             c->nmailboxes ? c->mailboxes[0] : "(no mailbox)",
             when ? "is renewed by itself from " : "nothing happens by itself", when ? then : "");
    base_buf_adds(&t->lines, line);
}

/* False at the end of the list. */
static bool read_page(struct agent *ag)
{
    struct agent_report *r = ag->report;
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    if (!agent_ok(ag,
                  ledger_certificate_expiring(ag->ledger, a, r->until, r->at, r->id, PAGE, &v, &n, &f),
                  &f, "certificates"))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        struct policy_tenant key = {.id = v[i].tenant};
        struct tenant_report want = {.tenant = &key};
        struct tenant_report *t =
            v[i].tenant ? bsearch(&want, r->v, r->n, sizeof(*r->v), by_id) : NULL;
        if (t)
            add_line(ag, t, &v[i]);
        r->at = v[i].not_after;
        r->id = v[i].id;
    }
    base_arena_free(a);
    return n == PAGE;
}

static void send(struct agent *ag, struct base_arena *a, struct tenant_report *t)
{
    struct base_fail f = {0};
    char mark[160], day[BASE_TIME_LEN];
    const struct policy_config *cfg = ag->report->conf->cfg;
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    if (!agent_begin(ag))
        return;
    if (t->ending > 0)
        agent_notice(
            ag, base_arena_printf(a, "report:%s:%s", t->tenant->id, day), t->tenant->contact,
            base_arena_printf(a, "certmilter: %lld certificates end within %lld days",
                              (long long)t->ending, (long long)(cfg->report_ahead / 86400)),
            base_arena_printf(a,
                              "Certificates that end within %lld days: %lld, of which %lld are not renewed "
                              "by themselves.\n\n%s%s\nBy hand: \"certmilter renew MAILBOX\", or \"certmilter "
                              "renew --days %lld --dry-run\" to see all.\n",
                              (long long)(cfg->report_ahead / 86400), (long long)t->ending,
                              (long long)t->by_hand, base_buf_str(&t->lines),
                              t->ending > LINES_MAX ? "    ... and more: certmilter list --expiring\n" : "",
                              (long long)(cfg->report_ahead / 86400)));
    agent_ok(ag,
             ledger_meta_set(ag->ledger, mark_of(mark, sizeof(mark), t->tenant->id), base_now(), &f), &f,
             "report");
    agent_commit(ag);
}

void agent_report_due(struct agent *ag)
{
    if (ag->ledger_sick || base_mono_ms() < ag->next_report || ag->conf->cfg->report == 0)
        return;
    if (!ag->report) {
        ag->report = start(ag);
        if (ag->report->n == 0) {
            end(ag);
            ag->next_report = base_mono_ms() + LOOK_MS;
        }
        return;
    }
    if (read_page(ag))
        return;
    struct base_arena *a = base_arena_new();
    for (size_t i = 0; i < ag->report->n; i++)
        send(ag, a, &ag->report->v[i]);
    base_arena_free(a);
    end(ag);
    ag->next_report = base_mono_ms() + LOOK_MS;
}
