/* agent/metrics.c - counters for Prometheus, as a text file for a collector that reads folders.
 *
 * Format: Prometheus text exposition 0.0.4. Written once a minute, whole or not at all (a
 * hidden temporary file beside it, then rename). A folder that can't be written is said once
 * an hour and disturbs nothing else. No mailbox, domain or token stands in it. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "ledger/counts.h"
#include "ledger/publication.h"
#include "watching.h"

#define EVERY_MS 60000
#define FIRST_MS 5000 /* after the start: the keeper has been asked then */
#define TELL_MS 3600000

struct page {
    struct agent *ag;
    struct base_arena *a;
    struct base_buf b;
    bool failed; /* a query did */
};

static void head(struct page *p, const char *name, const char *type, const char *help)
{
    base_buf_adds(&p->b, base_arena_printf(p->a, "# HELP certmilter_%s %s\n# TYPE certmilter_%s %s\n",
                                           name, help, name, type));
}

/* A label's value: backslash, quote and line feed are written with a backslash. */
static const char *quoted(struct base_arena *a, const char *s)
{
    size_t n = s ? strlen(s) : 0, o = 0;
    char *q = base_arena_alloc(a, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\' || s[i] == '"' || s[i] == '\n')
            q[o++] = '\\';
        q[o++] = s[i] == '\n' ? 'n' : s[i];
    }
    q[o] = 0;
    return q;
}

/* LABELS: name, value, ..., NULL. */
static void value(struct page *p, const char *name, int64_t v, ...)
{
    const char *label, *sep = "{";
    va_list ap;
    base_buf_adds(&p->b, base_arena_printf(p->a, "certmilter_%s", name));
    va_start(ap, v);
    while ((label = va_arg(ap, const char *))) {
        const char *text = va_arg(ap, const char *);
        base_buf_adds(&p->b, base_arena_printf(p->a, "%s%s=\"%s\"", sep, label, quoted(p->a, text)));
        sep = ",";
    }
    va_end(ap);
    base_buf_adds(&p->b, base_arena_printf(p->a, "%s %lld\n", *sep == ',' ? "}" : "", (long long)v));
}

static void one(struct page *p, const char *name, const char *type, const char *help, int64_t v)
{
    head(p, name, type, help);
    value(p, name, v, NULL);
}

static bool good(struct page *p, enum base_fail_class r, const struct base_fail *f)
{
    if (r) {
        p->failed = true;
        base_log_fail(LOG_WARNING, "metrics.ledger", f, NULL);
    }
    return r == BASE_OK;
}

/* Rows of WHAT with up to three labels. */
static void groups(struct page *p, enum ledger_counted what, const char *name, const char *type,
                   const char *help, const char *a, const char *b, const char *c)
{
    struct base_fail f = {0};
    struct ledger_group *v;
    size_t n = 0;
    if (!good(p, ledger_groups(p->ag->ledger, p->a, what, &v, &n, &f), &f))
        return;
    head(p, name, type, help);
    for (size_t i = 0; i < n; i++)
        value(p, name, v[i].n, a, v[i].a, b, v[i].b, c, v[i].c, NULL);
}

static void mails(struct page *p)
{
    struct base_fail f = {0};
    int64_t v = 0, gone = 0;
    groups(p, LEDGER_COUNT_MAILS, "mails", "gauge",
           "CA mails taken, by kind, decision and the rule that decided.", "kind", "decision", "rule");
    if (good(p, ledger_oldest_mail(p->ag->ledger, &v, &f), &f))
        one(p, "oldest_open_mail_seconds", "gauge",
            "Age of the oldest CA mail that is not through; 0 = none.", v ? base_now() - v : 0);
    if (good(p, ledger_count_events(p->ag->ledger, "alarm.", &v, &f), &f) &&
        good(p, ledger_meta_get(p->ag->ledger, AGENT_PRUNED_ALARMS, &gone, 0, &f), &f))
        one(p, "alarms_total", "counter", "Alarms ever raised.", v + gone);
    groups(p, LEDGER_COUNT_INTENTS, "intents", "gauge", "Requests of ours to the CA, by state.", "state",
           NULL, NULL);
}

static void orders(struct page *p)
{
    groups(p, LEDGER_COUNT_ORDERS, "orders", "gauge", "Orders by account and state.", "account", "state",
           NULL);
}

static void certificates(struct page *p)
{
    static const int days[] = {7, 14, 30, 60, 90};
    struct base_fail f = {0};
    int64_t n = 0, now = base_now();
    head(p, "certificates_ending", "gauge", "Current certificates that end within so many days.");
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++)
        if (good(p, ledger_count_ending(p->ag->ledger, now + days[i] * 86400LL, &n, &f), &f))
            value(p, "certificates_ending", n, "days", base_arena_printf(p->a, "%d", days[i]), NULL);
    if (good(p, ledger_count_ending(p->ag->ledger, INT64_MAX, &n, &f), &f))
        one(p, "certificates_current", "gauge", "Current certificates.", n);
    if (good(p, ledger_next_end(p->ag->ledger, &n, &f), &f) && n)
        one(p, "certificates_next_end_days", "gauge", "Days until the next current certificate ends.",
            (n - now) / 86400);
    if (good(p, ledger_count_unchecked(p->ag->ledger, now - 3600, &n, &f), &f))
        one(p, "certificates_unchecked", "gauge",
            "Current certificates, stored over an hour ago, that neither OCSP nor a CRL vouches for.", n);
}

static void queues(struct page *p)
{
    struct spool_counts c;
    spool_count(p->ag->reader, &c);
    head(p, "spool_files", "gauge", "Mails in the spool.");
    value(p, "spool_files", c.new_files, "folder", "new", NULL);
    value(p, "spool_files", c.cur_files, "folder", "cur", NULL);
    value(p, "spool_files", c.dead_files, "folder", "dead", NULL);
    one(p, "spool_bytes", "gauge", "Bytes of mails that wait in the spool.", c.new_bytes + c.cur_bytes);
    groups(p, LEDGER_COUNT_JOBS, "jobs", "gauge", "Jobs in the ledger; failing: tried before.", "kind",
           "state", NULL);
    head(p, "pool_tasks", "gauge", "Tasks handed to the pool.");
    value(p, "pool_tasks", (int64_t)agent_pool_pending(p->ag->pool, AGENT_LANE_CPU), "lane", "inspect",
          NULL);
    value(p, "pool_tasks", (int64_t)agent_pool_pending(p->ag->pool, AGENT_LANE_NET), "lane", "network",
          NULL);
}

static void publications(struct page *p)
{
    static const char *const states[] = {"wanted", "working", "failed", "given-up"};
    struct base_fail f = {0};
    int64_t n = 0;
    if (p->ag->conf->cfg->npublishers == 0)
        return;
    head(p, "publications", "gauge", "Certificates on their way to where they are published, by state.");
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (good(p, ledger_publication_count(p->ag->ledger, states[i], INT64_MAX, &n, &f), &f))
            value(p, "publications", n, "state", states[i], NULL);
}

static void accounts(struct page *p)
{
    const struct agent_conf *conf = p->ag->conf;
    head(p, "api_room", "gauge", "API requests that may leave at once within the CA's limits.");
    for (size_t i = 0; i < conf->naccounts; i++)
        if (conf->accounts[i].ca)
            value(p, "api_room", ca_room(conf->accounts[i].ca), "account", conf->accounts[i].cfg->id, NULL);
    head(p, "account_usable", "gauge", "1: key and driver of the account can be used.");
    for (size_t i = 0; i < conf->naccounts; i++)
        value(p, "account_usable", conf->accounts[i].ca != NULL, "account", conf->accounts[i].cfg->id,
              NULL);
}

static void health(struct page *p)
{
    const struct agent *ag = p->ag;
    head(p, "build_info", "gauge", "1, with the version.");
    value(p, "build_info", 1, "version", CERTMILTER_VERSION, NULL);
    one(p, "started_time_seconds", "gauge", "When the agent started.", ag->started);
    one(p, "written_time_seconds", "gauge", "When this file was written.", base_now());
    one(p, "keeper_up", "gauge", "1: the keeper answered the last time.",
        ag->keeper_asked && !ag->keeper_error);
    one(p, "domains", "gauge", "Controlled domains.", (int64_t)ag->conf->cfg->ndomains);
}

static void put(struct page *p, const char *path)
{
    static int64_t told = -TELL_MS; /* only the loop comes here */
    struct base_fail f = {0};
    if (base_file_write(AT_FDCWD, path, p->b.p, p->b.n, 0644, &f) == BASE_OK)
        return;
    if (base_mono_ms() - TELL_MS >= told) {
        told = base_mono_ms();
        base_log_fail(LOG_WARNING, "metrics.write", &f, "file", path, NULL);
    }
}

void agent_metrics_due(struct agent *ag)
{
    if (ag->next_metrics == 0)
        ag->next_metrics = base_mono_ms() + FIRST_MS;
    if (!ag->conf->cfg->metrics || base_mono_ms() < ag->next_metrics || ag->ledger_sick)
        return;
    ag->next_metrics = base_mono_ms() + EVERY_MS;
    struct page p = {.ag = ag, .a = base_arena_new()};
    base_buf_init(&p.b, 0);
    health(&p);
    mails(&p);
    orders(&p);
    certificates(&p);
    queues(&p);
    publications(&p);
    accounts(&p);
    if (!p.failed) /* a file that is old says more than one that lacks half */
        put(&p, ag->conf->cfg->metrics);
    base_buf_free(&p.b);
    base_arena_free(p.a);
}
