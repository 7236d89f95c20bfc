/* agent/collect.c - from a certificate that came to one that is stored.
 *
 * Mail and API take the same way: the bytes go through the sandbox, the leaf is
 * matched by its key to what we ordered (never by the recipient of a mail), the
 * rules P1 to P16 are applied, and only then is it stored, append-only, and put
 * beside its key. Refused or nobody's certificates are told, not stored. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "cert/bundle.h"
#include "cert/check.h"
#include "form.h"
#include "inspect/client.h"
#include "owner.h"
#include "policy/watch.h"

#define LEAVES 10
#define REFUSED_WAIT 86400 /* seconds until an order whose certificate was refused is looked at */
#define FOREIGN_WAIT 300   /* ... one for which another's certificate was given */

struct collect {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    bool from_mail;
    struct ledger_mail mail;
    struct policy_facts *facts;
    struct base_bytes pem;
    const char *spki[LEAVES];
    size_t nleaves;
    bool awaited; /* a certificate of it may be of an order that is not through yet */
    struct inspect_certificates got[LEAVES];
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool -------------------------------------------------------------------- */

static void run(struct agent_task *t)
{
    struct collect *k = (struct collect *)t;
    struct base_bytes roots = base_buf_bytes(&k->conf->bundle);
    size_t n = k->nleaves ? k->nleaves : 1;
    for (size_t i = 0; i < n && !k->cls; i++)
        k->cls = inspect_certificates(k->a, k->conf->inspector, k->pem, roots, k->spki[i],
                                      base_now(), &k->got[i], &k->fail);
    k->nleaves = n;
}

/* ---- one leaf, in the loop ------------------------------------------------------------ */

struct leaf {
    const struct cert_fields *c;
    const struct cert_chain *chain;
    struct ledger_order order; /* id 0 = none of ours */
    struct cert_verdict verdict;
    const char **mailboxes; /* SAN in controlled domains, normal form */
    size_t nmailboxes;
    const struct policy_domain *domain; /* of the first */
};

static void controlled_mailboxes(struct agent *ag, struct collect *k, struct leaf *l)
{
    l->mailboxes = base_arena_array(k->a, l->c->n_mailboxes + 1, sizeof(char *));
    for (size_t i = 0; i < l->c->n_mailboxes; i++) {
        const char *m = policy_watch_normalise_exact(k->a, l->c->mailboxes[i].address);
        const struct policy_domain *d =
            m ? policy_config_mailbox_domain(ag->conf->cfg, m) : NULL;
        if (!d)
            continue;
        if (!l->domain)
            l->domain = d;
        l->mailboxes[l->nmailboxes++] = m;
    }
}

static bool is_rehearsal(struct agent *ag, const struct leaf *l)
{
    const struct policy_account *acc = policy_config_account(ag->conf->cfg, l->order.account);
    const struct policy_profile *p =
        acc ? policy_config_profile(ag->conf->cfg, acc->profile) : NULL;
    return p && p->rehearsal;
}

static void check(struct agent *ag, struct collect *k, struct leaf *l)
{
    struct base_fail f = {0};
    json_t *req = l->order.request ? base_json_parse(l->order.request, strlen(l->order.request),
                                                     1 << 20, &f)
                                   : NULL;
    struct policy_strings to = agent_form_addresses(k->a, req, l->order.mailbox);
    bool *exact = base_arena_array(k->a, to.n + 1, sizeof(*exact));
    for (size_t i = 0; i < to.n; i++)
        exact[i] = !policy_config_folds(ag->conf->cfg, to.v[i]);
    struct cert_expect e = {
        .spki_sha256 = l->order.id ? l->order.spki : NULL,
        .mailboxes = to.v,
        .n_mailboxes = l->order.id ? to.n : 0,
        .exact = exact,
        /* a reissue may end with its order, earlier than a new one would */
        .validity_days = base_json_obj(req, "reissue") ? 0 : base_json_int(req, "validity_days", 0),
        .now = base_now(),
        .chain = l->chain,
        .revocation = CERT_REVOCATION_NOT_ASKED,
        .rehearsal = is_rehearsal(ag, l),
    };
    cert_usage_from_name(base_json_strd(req, "usage", "dual_use"), &e.usage);
    cert_profile_from_name(base_json_strd(req, "profile_type", "any"), &e.profile);
    cert_check(l->c, &e, &l->verdict);
    json_decref(req);
}

static const char *usage_of(const struct cert_fields *c)
{
    bool sign = c->ku & (CERT_KU_DIGITAL_SIGNATURE | CERT_KU_NON_REPUDIATION);
    bool enc = c->ku & (CERT_KU_KEY_ENCIPHERMENT | CERT_KU_KEY_AGREEMENT);
    return sign && enc ? "both" : enc ? "encrypt" : "sign";
}

static bool supersede(struct agent *ag, struct collect *k, const struct ledger_certificate *c)
{
    struct base_fail f = {0};
    for (size_t m = 0; m < c->nmailboxes; m++) {
        struct ledger_certificate *old;
        size_t n;
        if (!agent_ok(ag,
                      ledger_certificate_of(ag->ledger, k->a, c->mailboxes[m], 100, &old, &n, &f), &f,
                      "certificates"))
            return false;
        for (size_t i = 0; i < n; i++)
            if (old[i].id != c->id && strcmp(old[i].state, "current") == 0 &&
                strcmp(old[i].usage, c->usage) == 0 &&
                (old[i].not_after <= c->not_after || old[i].order_row == c->order_row) &&
                !agent_ok(ag,
                          ledger_certificate_state(ag->ledger, old[i].id, "superseded", &f), &f,
                          "certificate"))
                return false;
    }
    return true;
}

static struct ledger_certificate make_row(struct collect *k, const struct leaf *l)
{
    struct ledger_certificate c = {0};
    json_t *fields = cert_fields_to_json(l->c), *checks = cert_verdict_to_json(&l->verdict);
    json_object_del(fields, "der");
    char *ft = base_json_text(fields), *ct = base_json_text(checks);
    size_t n = l->chain->n > 1 ? l->chain->n - 1 : l->chain->n; /* without the root */
    c.thumbprint = l->c->sha256;
    c.serial = l->c->serial;
    c.issuer = l->c->issuer;
    c.subject = l->c->subject;
    c.tenant = l->order.tenant;
    c.account = l->order.account;
    c.mailboxes = l->mailboxes;
    c.nmailboxes = l->nmailboxes;
    c.order_row = l->order.id;
    c.key_id = l->order.key_id;
    c.spki = l->c->spki_sha256;
    c.not_before = l->c->not_before;
    c.not_after = l->c->not_after;
    c.stored_at = base_now();
    c.usage = usage_of(l->c);
    c.state = "current";
    c.source = k->from_mail ? agent_object(k->a, "mail", k->mail.id) : "api";
    c.fields = base_arena_strdup(k->a, ft);
    c.checks = base_arena_strdup(k->a, ct);
    c.chain_pem = cert_bundle_pem(k->a, l->chain->der, n);
    c.der = l->c->der.p;
    c.der_len = l->c->der.n;
    free(ft);
    free(ct);
    json_decref(fields);
    json_decref(checks);
    return c;
}

static bool store(struct agent *ag, struct collect *k, struct leaf *l)
{
    struct base_fail f = {0};
    struct ledger_certificate c = make_row(k, l);
    enum base_fail_class r = ledger_certificate_add(ag->ledger, &c, &c.id, &f);
    bool known = r && strcmp(f.code, "ledger.exists") == 0;
    if (r && !known)
        return agent_ok(ag, r, &f, "certificate");
    if (!known) {
        json_t *data = json_object();
        base_json_set(data, "mailbox", l->order.mailbox);
        base_json_set(data, "serial", c.serial);
        base_json_set(data, "thumbprint", c.thumbprint);
        base_json_set(data, "source", c.source);
        agent_event(ag, LOG_NOTICE, "certificate.stored", c.tenant,
                    agent_object(k->a, "certificate", c.id), NULL, data);
        if (!supersede(ag, k, &c))
            return false;
        agent_owner_issued(ag, k->a, &c);
        agent_alias_look(ag, k->a, c.id);
        agent_job_add(ag, "revocation", agent_object(k->a, "revocation", c.id), c.id, 0, NULL);
    }
    if (c.key_id)
        agent_job_add(ag, "attach", agent_object(k->a, "attach", c.id), c.id, 0, NULL);
    agent_order_stored(ag, l->order.id, c.id);
    return ledger_in_transaction(ag->ledger);
}

static void refuse(struct agent *ag, struct collect *k, struct leaf *l)
{
    const struct cert_finding *why = cert_verdict_refusal(&l->verdict);
    const char *whose = l->order.id ? l->order.mailbox : l->nmailboxes ? l->mailboxes[0] : "";
    const char *tenant = l->order.id ? l->order.tenant : l->domain ? l->domain->tenant : NULL;
    json_t *data = json_object();
    base_json_set(data, "mailbox", whose);
    base_json_set(data, "rule", why ? why->rule : "");
    base_json_set(data, "detail", why ? why->detail : "");
    base_json_set(data, "serial", l->c->serial);
    base_json_set(data, "thumbprint", l->c->sha256);
    bool alarm = !l->order.id && l->nmailboxes > 0;
    agent_event(ag, alarm ? LOG_ALERT : LOG_ERR,
                alarm ? "alarm.certificate" : "certificate.refused", tenant,
                l->order.id ? agent_object(k->a, "order", l->order.id)
                            : agent_object(k->a, "mail", k->from_mail ? k->mail.id : 0),
                NULL, data);
    agent_notice(
        ag, base_arena_printf(k->a, "refused:%s", l->c->sha256), agent_contact(ag, tenant),
        alarm ? base_arena_printf(k->a, "certmilter: ALARM: a certificate for %s that we never "
                                        "ordered", whose)
              : base_arena_printf(k->a, "certmilter: a certificate for %s was refused", whose),
        base_arena_printf(
            k->a,
            "A certificate came that is not used:\n\n"
            "    mailbox     %s\n    issuer      %s\n    serial      %s\n    thumbprint  %s\n\n"
            "Why: %s %s\n\n%s",
            whose, l->c->issuer, l->c->serial, l->c->sha256, why ? why->rule : "",
            why ? why->detail : "",
            alarm ? "No order of ours has this key. If nobody of yours ordered it elsewhere, call "
                    "the CA,\nname the serial number, and ask for its revocation.\n"
                  : "The order stays open. Ask the CA to reissue it, or see \"certmilter show\".\n"));
}

/* What was refused comes no sooner by asking more often. */
static void order_waits(struct agent *ag, struct collect *k, struct leaf *l,
                        const struct cert_finding *why)
{
    struct base_fail f = {0};
    struct ledger_order *o = &l->order;
    if (!o->id || strcmp(o->state, "stored") == 0)
        return;
    o->reason = base_arena_printf(k->a, "the certificate that came was refused: %s",
                                  why ? why->detail : "it does not pass the checks");
    o->next_look = base_now() + REFUSED_WAIT;
    agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order");
}

/* The CA gave, for the order of this job, the certificate of another one (L's). */
static bool tell_foreign(struct agent *ag, struct collect *k, const struct leaf *l)
{
    struct base_fail f = {0};
    struct ledger_order o;
    if (!agent_ok(ag, ledger_order_get(ag->ledger, k->a, k->job.ref, &o, &f), &f, "order"))
        return false;
    if (strcmp(o.state, "issued") != 0)
        return true;
    o.reason = base_arena_printf(k->a,
                                 "the CA gave the certificate of order %lld (serial %s) for this one: it "
                                 "is fetched again; if that lasts, tell the CA",
                                 (long long)l->order.id, l->c->serial);
    o.next_look = base_now() + FOREIGN_WAIT;
    return agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order");
}

/* The mail brought the certificate but not a chain to a configured root: the API may. */
static bool ask_api_instead(struct agent *ag, struct collect *k, struct leaf *l)
{
    struct base_fail f = {0};
    if (!k->from_mail || !l->order.id || !l->order.ca_order || l->chain->ok)
        return false;
    l->order.issued_at = base_now() - 3600; /* its mail came: no reason to wait for it */
    l->order.state = "issued";
    return agent_ok(ag, ledger_order_update(ag->ledger, &l->order, &f), &f, "order") &&
           agent_job_add(ag, "order", agent_object(k->a, "order", l->order.id), l->order.id, 0,
                         NULL);
}

/* With a key that is used again a certificate of before comes under the newest order's key. */
static bool is_of_before(struct agent *ag, struct collect *k, const struct leaf *l)
{
    struct base_fail f = {0};
    struct ledger_certificate have;
    return !ledger_certificate_find(ag->ledger, k->a, l->c->sha256, &have, &f) &&
           have.order_row != l->order.id;
}

static bool take_leaf(struct agent *ag, struct collect *k, const struct inspect_certificates *got)
{
    struct base_fail f = {0};
    struct leaf l = {0};
    if (got->leaf < 0)
        return true;
    l.c = &got->v[got->leaf];
    l.chain = &got->chain;
    enum base_fail_class r =
        ledger_order_by_spki(ag->ledger, k->a, l.c->spki_sha256, &l.order, &f);
    if (r && strcmp(f.code, "ledger.absent") != 0)
        return agent_ok(ag, r, &f, "order");
    if (r)
        memset(&l.order, 0, sizeof(l.order));
    if ((r || is_of_before(ag, k, &l)) && agent_certificate_known(ag, k->a, l.c))
        return true;
    if (r && !k->from_mail &&
        (!agent_portal_adopt(ag, k->a, k->job.ref, l.c, &l.order) ||
         !agent_later_adopt(ag, k->a, k->job.ref, l.c, &l.order)))
        return false;
    if (k->from_mail && !l.order.id && agent_later_awaited(ag, k->a, l.c)) {
        k->awaited = true;
        return true;
    }
    if (!r && !k->from_mail && l.order.id != k->job.ref && !tell_foreign(ag, k, &l))
        return false;
    controlled_mailboxes(ag, k, &l);
    check(ag, k, &l);
    if (l.order.id && cert_verdict_ok(&l.verdict))
        return store(ag, k, &l);
    if (!ask_api_instead(ag, k, &l)) {
        refuse(ag, k, &l);
        order_waits(ag, k, &l, cert_verdict_refusal(&l.verdict));
    }
    return ledger_in_transaction(ag->ledger);
}

/* ---- the job --------------------------------------------------------------------------- */

/* A mail that says "issued" and brings nothing: look at the order now. */
static void hint(struct agent *ag, struct collect *k)
{
    struct base_fail f = {0};
    struct ledger_order o;
    const char *id = policy_facts_id(k->facts, "order");
    if (!id || ledger_order_find(ag->ledger, k->a, id, &o, &f) || strcmp(o.state, "stored") == 0)
        return;
    o.issued_at = base_now() - 3600;
    if (agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order"))
        agent_job_add(ag, "order", agent_object(k->a, "order", o.id), o.id, 0, NULL);
}

/* What was needed of the mail is in the ledger now. */
static bool slim_mail(struct agent *ag, struct collect *k)
{
    struct base_fail f = {0};
    if (!k->from_mail)
        return true;
    char *text = agent_facts_masked(k->facts);
    k->mail.facts = base_arena_strdup(k->a, text);
    free(text);
    return agent_ok(ag, ledger_mail_update(ag->ledger, &k->mail, &f), &f, "mail");
}

static void collect_free(struct agent *ag, struct collect *k)
{
    agent_job_over(ag, k->job.id);
    if (k->facts)
        json_decref(k->facts->certificates);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct collect *k = (struct collect *)t;
    if (ag->stopping || !agent_begin(ag)) {
        collect_free(ag, k);
        return;
    }
    if (k->cls == BASE_PERMANENT) {
        json_t *data = json_object();
        base_json_set(data, "reason", k->fail.text);
        agent_event(ag, LOG_ERR, "collect.failed", NULL,
                    agent_object(k->a, k->from_mail ? "mail" : "order", k->job.ref), NULL, data);
        agent_job_done(ag, k->job.id);
    } else if (k->cls)
        agent_job_retry(ag, &k->job, &k->fail, 0);
    else {
        bool ok = true;
        for (size_t i = 0; ok && i < k->nleaves; i++)
            ok = take_leaf(ag, k, &k->got[i]);
        if (ok && k->awaited) {
            base_failf(&k->fail, BASE_TEMPORARY, "collect.awaited",
                       "the order of this certificate is not through: its key is not known yet");
            agent_job_retry(ag, &k->job, &k->fail, 0);
        } else if (ok && slim_mail(ag, k))
            agent_job_done(ag, k->job.id);
    }
    agent_commit(ag);
    collect_free(ag, k);
}

/* The certificates of the facts as one PEM text, and the keys of those that are no CA's. */
static void from_facts(struct collect *k)
{
    size_t n = json_array_size(k->facts->certificates), m = 0;
    struct base_bytes *der = base_arena_array(k->a, n + 1, sizeof(*der));
    for (size_t i = 0; i < n; i++) {
        struct base_fail f = {0};
        struct cert_fields c;
        if (cert_fields_from_json(k->a, json_array_get(k->facts->certificates, i), &c, &f))
            continue;
        der[m++] = c.der;
        if (!c.bc_ca && k->nleaves < LEAVES)
            k->spki[k->nleaves++] = base_arena_strdup(k->a, c.spki_sha256);
    }
    const char *pem = m ? cert_bundle_pem(k->a, der, m) : "";
    k->pem = (struct base_bytes){(const unsigned char *)pem, strlen(pem)};
}

static bool load(struct agent *ag, struct collect *k)
{
    struct base_fail f = {0};
    struct agent_case c;
    k->from_mail = strncmp(k->job.key, "collect:mail:", 13) == 0;
    if (!k->from_mail) {
        json_t *j = base_json_parse(k->job.data, strlen(k->job.data), 1 << 20, &f);
        const char *pem = base_arena_strdup(k->a, base_json_strd(j, "pem", ""));
        k->pem = (struct base_bytes){(const unsigned char *)pem, strlen(pem)};
        json_decref(j);
        return true;
    }
    if (ledger_mail_get(ag->ledger, k->a, k->job.ref, &k->mail, &f)) {
        agent_job_unread(ag, &k->job, &f);
        return false;
    }
    if (!agent_case_build(ag, k->a, &k->mail, NULL, &c)) {
        if (ag->ledger_sick) {
            base_failf(&f, BASE_TEMPORARY, "ledger.io", "the ledger can't be read now");
            agent_job_retry(ag, &k->job, &f, 0);
        } else /* damaged facts: logged; the order gets its certificate over the API */
            agent_job_done(ag, k->job.id);
        return false;
    }
    k->facts = c.facts;
    from_facts(k);
    return true;
}

void agent_collect_job(struct agent *ag, const struct ledger_job *job)
{
    struct collect *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (!load(ag, k)) {
        collect_free(ag, k);
        return;
    }
    if (k->pem.n == 0) {
        if (agent_begin(ag)) {
            if (k->facts)
                hint(ag, k);
            if (ledger_in_transaction(ag->ledger) && slim_mail(ag, k))
                agent_job_done(ag, job->id);
            agent_commit(ag);
        }
        collect_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    agent_pool_submit(ag->pool, AGENT_LANE_CPU, &k->task);
}
