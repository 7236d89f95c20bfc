/* agent/publish_plan.c - what shall be published, from what the ledger and the
 * configuration say. No network; a few mailboxes a transaction.
 *
 * A certificate is published while it is current, not ended, and its CA says that it is
 * good; where no answer came yet it waits. One that is published already stays through
 * an outage of the CA's responder. What a publisher that is configured no longer
 * published is left alone. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "deliver/deliver.h"
#include "ledger/folding.h"
#include "publish.h"

#define PAGE 50
#define CERTIFICATES 100
#define OPEN_MAX 500      /* wanted at once: the rest waits in the ledger without a job, so that */
#define RECONCILE_MAX 200 /* other jobs have room; a pass over all leaves some for what changes */
#define FAILED_MAX 2000
#define EXPIRE_MS 30000
#define CURSOR "publish.cursor" /* meta: the last mailbox of a pass over all; -1 = none goes on */
#define DIGEST "publish.config" /* text: of what the pass was for */

const char *agent_publish_barred(const struct ledger_certificate *c)
{
    if (strcmp(c->state, "revoked") == 0 ||
        (c->revocation != NULL && strcmp(c->revocation, "revoked") == 0))
        return "revoked";
    if (c->not_after <= base_now() || strcmp(c->state, "expired") == 0)
        return "expired";
    return strcmp(c->state, "current") != 0 ? c->state : NULL;
}

/* Said to be good, or there is nobody to ask. */
static bool known_good(const struct ledger_certificate *c)
{
    struct base_fail f = {0};
    bool nobody = false;
    if (c->revocation && strcmp(c->revocation, "good") == 0)
        return true;
    json_t *fields = c->fields ? base_json_parse(c->fields, strlen(c->fields), 1 << 20, &f) : NULL;
    if (fields)
        nobody = json_array_size(base_json_arr(fields, "ocsp_uris")) == 0 &&
                 json_array_size(base_json_arr(fields, "crl_uris")) == 0;
    json_decref(fields);
    return nobody;
}

/* ---- one mailbox -------------------------------------------------------------------------- */

struct plan {
    struct agent *ag;
    struct base_arena *a;
    const struct ledger_box *box;
    const struct policy_domain *domain;
    struct ledger_certificate *certs;
    size_t ncerts;
    struct ledger_publication *rows;
    size_t nrows;
    bool again;
};

static struct ledger_publication *row_of(const struct plan *p, const char *publisher,
                                         int64_t certificate)
{
    for (size_t i = 0; i < p->nrows; i++)
        if (p->rows[i].certificate == certificate && strcmp(p->rows[i].publisher, publisher) == 0)
            return &p->rows[i];
    return NULL;
}

/* Is there an older one for the same use? */
static bool renews(const struct plan *p, const struct ledger_certificate *c)
{
    for (size_t i = 0; i < p->ncerts; i++)
        if (p->certs[i].id < c->id && strcmp(p->certs[i].usage, c->usage) == 0)
            return true;
    return false;
}

static bool add_row(struct plan *p, const struct policy_publisher *t,
                    const struct ledger_certificate *c, bool *start)
{
    struct base_fail f = {0};
    int64_t id;
    struct ledger_publication r = {
        .mailbox = p->box->id,
        .publisher = t->id,
        .certificate = c->id,
        .want = true,
        .state = known_good(c) ? "wanted" : "waiting",
        .reason = renews(p, c) ? "renewed" : "issued",
        .error = known_good(c) ? NULL : "waits until the CA says that it is not revoked",
        .changed = base_now(),
        .not_after = c->not_after,
    };
    *start = *start || strcmp(r.state, "wanted") == 0;
    return agent_ok(p->ag, ledger_publication_add(p->ag->ledger, &r, &id, &f), &f, "publication");
}

/* It shall not be there any more, for REASON. */
static void take_away(const struct policy_publisher *t, struct ledger_publication *r,
                      const char *reason)
{
    bool untouched = (strcmp(r->state, "wanted") == 0 || strcmp(r->state, "waiting") == 0) &&
                     !r->place && r->tries == 0;
    r->want = false;
    r->reason = reason;
    r->error = NULL;
    r->tries = 0;
    r->next = 0;
    if (t->kind == POLICY_PUBLISHER_MAIL && strcmp(r->state, "published") == 0)
        return; /* what was sent stays sent */
    if (untouched || (t->kind == POLICY_PUBLISHER_MAIL && strcmp(r->state, "working") != 0))
        r->state = "withdrawn";
    else if (strcmp(r->state, "working") != 0) /* else its end finds that it is not wanted */
        r->state = "wanted";
}

static void put_there(struct ledger_publication *r, const char *reason)
{
    r->want = true;
    r->state = "wanted";
    r->reason = reason;
    r->error = NULL;
    r->tries = 0;
    r->next = 0;
}

/* Does the key in clear have to come or go? */
static bool clear_key_differs(const struct plan *p, const struct policy_publisher *t,
                              const struct ledger_publication *r,
                              const struct ledger_certificate *c)
{
    bool wanted = p->domain && p->domain->clear_key && t->consumer &&
                  strcmp(p->domain->clear_key, t->consumer) == 0 && c->key_id &&
                  strcmp(c->usage, "encrypt") != 0;
    return t->consumer && r->clear_key != wanted;
}

/* Has the folder another name now? Its mailbox's domain is folded, or isn't any more. */
static bool moved(const struct plan *p, const struct policy_publisher *t,
                  const struct ledger_publication *r)
{
    size_t n = t->kind == POLICY_PUBLISHER_FILES ? strlen(t->dir) : 0;
    return n && r->place && strncmp(r->place, t->dir, n) == 0 && r->place[n] == '/' &&
           strcmp(r->place, deliver_files_place(p->a, t, ledger_mailbox_key(p->ag->ledger, p->a, p->box->name))) != 0;
}

/* Certificates that belong to another spelling's mailbox since the domain isn't folded any more. */
static bool plan_gone(struct plan *p, const struct policy_publisher *t, bool *start)
{
    struct base_fail f = {0};
    for (size_t i = 0; p->ncerts < CERTIFICATES && i < p->nrows; i++) {
        struct ledger_publication *r = &p->rows[i];
        bool here = !r->want || strcmp(r->publisher, t->id) != 0;
        for (size_t k = 0; k < p->ncerts && !here; k++)
            here = p->certs[k].id == r->certificate;
        if (here)
            continue;
        take_away(t, r, "moved");
        r->changed = base_now();
        *start = *start || strcmp(r->state, "wanted") == 0;
        if (!agent_ok(p->ag, ledger_publication_update(p->ag->ledger, r, &f), &f, "publication"))
            return false;
    }
    return true;
}

/* False: rolled back. */
static bool plan_row(struct plan *p, const struct policy_publisher *t, struct ledger_publication *r,
                     const struct ledger_certificate *c, bool *start)
{
    struct base_fail f = {0};
    const char *barred = agent_publish_barred(c), *was = r->state;
    bool wanted = r->want;
    if (r->want && barred)
        take_away(t, r, barred);
    else if (!r->want && barred && strcmp(barred, "revoked") == 0 &&
             strcmp(r->reason, "revoked") != 0 && t->kind != POLICY_PUBLISHER_MAIL)
        r->reason = barred, r->state = "wanted", r->tries = 0, r->next = 0; /* also its history */
    else if (!r->want && !barred && known_good(c))
        put_there(r, "current");
    else if (strcmp(r->state, "waiting") == 0 && known_good(c))
        put_there(r, r->reason);
    else if (p->again && strcmp(r->state, "given-up") == 0)
        r->state = "wanted", r->tries = 0;
    else if (r->want && strcmp(r->state, "published") == 0 && moved(p, t, r))
        put_there(r, "moved");
    else if (p->again && r->want && strcmp(r->state, "published") == 0 &&
             clear_key_differs(p, t, r, c))
        put_there(r, "clear key");
    else
        return true;
    if (wanted == r->want && strcmp(was, r->state) == 0)
        return true;
    r->changed = base_now();
    *start = *start || strcmp(r->state, "wanted") == 0;
    return agent_ok(p->ag, ledger_publication_update(p->ag->ledger, r, &f), &f, "publication");
}

static bool plan_publisher(struct plan *p, const struct policy_publisher *t)
{
    bool listed = p->domain && policy_strings_has(&p->domain->publish, t->id), start = false;
    if (!plan_gone(p, t, &start))
        return false;
    for (size_t i = 0; i < p->ncerts; i++) {
        const struct ledger_certificate *c = &p->certs[i];
        struct ledger_publication *r = row_of(p, t->id, c->id);
        if (r ? !plan_row(p, t, r, c, &start)
              : listed && !agent_publish_barred(c) && !add_row(p, t, c, &start))
            return false;
    }
    return !start || agent_publish_start(p->ag, p->a, p->box->id, t->id);
}

bool agent_publish_start(struct agent *ag, struct base_arena *a, int64_t mailbox,
                         const char *publisher)
{
    return agent_job_add(ag, "publish",
                         base_arena_printf(a, "publish:%lld:%s", (long long)mailbox, publisher),
                         mailbox, 0, NULL);
}

bool agent_publish_plan(struct agent *ag, struct base_arena *a, const struct ledger_box *box,
                        bool again)
{
    struct base_fail f = {0};
    const struct policy_config *cfg = ag->conf->cfg;
    struct plan p = {.ag = ag, .a = a, .box = box, .again = again};
    p.domain = policy_config_mailbox_domain(cfg, box->name);
    if (!agent_ok(ag,
                  ledger_certificate_of(ag->ledger, a, box->name, CERTIFICATES, &p.certs, &p.ncerts,
                                        &f), &f, "certificates") ||
        !agent_ok(ag, ledger_publication_of(ag->ledger, a, box->id, NULL, &p.rows, &p.nrows, &f),
                  &f, "publications"))
        return false;
    for (size_t i = 0; i < cfg->npublishers; i++)
        if (!plan_publisher(&p, &cfg->publishers[i]))
            return false;
    return agent_ok(ag, ledger_publication_planned(ag->ledger, box->id, &f), &f, "publications");
}

/* ---- all that is due ------------------------------------------------------------------------- */

static void add_text(struct base_buf *b, const char *s)
{
    base_buf_addf(b, "%s|", s ? s : "");
}

/* What the configuration says of publishing, as a hash; "" = nothing. */
static void digest(const struct policy_config *c, char out[BASE_SHA256_HEX])
{
    struct base_buf b;
    base_buf_init(&b, 0);
    out[0] = 0;
    for (size_t i = 0; i < c->npublishers; i++) {
        const struct policy_publisher *p = &c->publishers[i];
        const char *texts[] = {p->id, p->dir, p->owner, p->group, p->consumer, p->program, p->uri,
                               p->base, p->filter, p->bind_dn, p->secret, p->tls_bundle,
                               p->templates, p->language};
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            add_text(&b, texts[k]);
        base_buf_addf(&b, "%d %u %u %d %d %d %d %d %d\n", (int)p->kind, p->dir_mode, p->file_mode,
                      p->p12, p->starttls, p->user_certificate, p->user_smime, (int)p->passphrase,
                      p->history);
    }
    for (size_t i = 0; c->npublishers && i < c->ndomains; i++) {
        const struct policy_domain *d = &c->domains[i];
        add_text(&b, d->name);
        add_text(&b, d->clear_key);
        for (size_t k = 0; k < d->publish.n; k++)
            add_text(&b, d->publish.v[k]);
    }
    if (b.n)
        base_sha256_hex(b.p, b.n, out);
    base_buf_free(&b);
}

void agent_publish_configured(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    char now[BASE_SHA256_HEX];
    const char *before = NULL;
    ag->publish_cursor = -1;
    digest(ag->conf->cfg, now);
    if (ledger_text_get(ag->ledger, a, DIGEST, &before, &f) ||
        ledger_meta_get(ag->ledger, CURSOR, &ag->publish_cursor, -1, &f))
        base_log_fail(LOG_ERR, "publish.configured", &f, NULL);
    bool own = !ledger_in_transaction(ag->ledger); /* else a command's: it commits */
    if (strcmp(before ? before : "", now) != 0 && (!own || agent_begin(ag))) {
        if (agent_ok(ag, ledger_text_set(ag->ledger, DIGEST, now, &f), &f, "text") &&
            agent_ok(ag, ledger_meta_set(ag->ledger, CURSOR, 0, &f), &f, "meta") &&
            (!own || agent_commit(ag))) {
            ag->publish_cursor = 0;
            base_log(LOG_NOTICE, "publish.reconcile", "publishers",
                     base_log_num((long long)ag->conf->cfg->npublishers), NULL);
        }
        ag->in_step = ag->in_step && !own;
    }
    base_arena_free(a);
}

/* The next page of the pass over all mailboxes, in the open transaction. */
static bool reconcile(struct agent *ag, struct base_arena *a)
{
    struct base_fail f = {0};
    struct ledger_box *v;
    size_t n = 0;
    if (!agent_ok(ag, ledger_box_list(ag->ledger, a, ag->publish_cursor, PAGE, &v, &n, &f), &f,
                  "mailboxes"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!agent_publish_plan(ag, a, &v[i], true))
            return false;
    int64_t next = n == PAGE ? v[n - 1].id : -1;
    if (!agent_ok(ag, ledger_meta_set(ag->ledger, CURSOR, next, &f), &f, "meta") ||
        !agent_commit(ag))
        return false;
    ag->publish_cursor = next;
    return true;
}

/* Mailboxes whose certificates changed, in the open transaction. */
static bool plan_due(struct agent *ag, struct base_arena *a, const struct ledger_box *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!agent_publish_plan(ag, a, &v[i], false))
            return false;
    return agent_commit(ag);
}

static void expire(struct agent *ag)
{
    struct base_fail f = {0};
    if (base_mono_ms() < ag->next_expire || !agent_begin(ag))
        return;
    ag->next_expire = base_mono_ms() + EXPIRE_MS;
    if (agent_ok(ag, ledger_publication_expire(ag->ledger, base_now(), 10 * PAGE, &f), &f,
                 "publications"))
        agent_commit(ag);
    ag->in_step = false;
}

/* Enough work is under way: the rest stays in the ledger. */
static bool busy(struct agent *ag, int64_t max)
{
    struct base_fail f = {0};
    int64_t wanted = 0, working = 0, failed = 0;
    if (ledger_publication_count(ag->ledger, "wanted", OPEN_MAX, &wanted, &f) ||
        ledger_publication_count(ag->ledger, "working", OPEN_MAX, &working, &f) ||
        ledger_publication_count(ag->ledger, "failed", FAILED_MAX, &failed, &f))
        return true;
    return wanted + working >= max || (max < OPEN_MAX && failed >= FAILED_MAX);
}

void agent_publish_due(struct agent *ag)
{
    struct base_arena *a;
    struct base_fail f = {0};
    struct ledger_box *v;
    size_t n = 0;
    if (ag->ledger_sick || ag->stopping)
        return;
    expire(ag);
    a = base_arena_new();
    if (!ledger_publication_due(ag->ledger, a, PAGE, &v, &n, &f) && n > 0 && !busy(ag, OPEN_MAX) &&
        agent_begin(ag)) {
        plan_due(ag, a, v, n);
        ag->in_step = false;
    } else if (n == 0 && ag->publish_cursor >= 0 && !busy(ag, RECONCILE_MAX) && agent_begin(ag)) {
        reconcile(ag, a);
        ag->in_step = false;
    }
    base_arena_free(a);
}
