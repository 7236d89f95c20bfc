/* agent/import.c - certificates that were not ordered here: with a key that the keeper took
 * over, or without one, as public ones.
 *
 * An administrator brings them (never a mail). They are taken apart in the sandbox like any
 * other and belong to the mailboxes of their own subjectAltName, which must be controlled. What
 * is imported is history: it takes the place of a current certificate only where the mailbox
 * has none of that use, or by word ("current"). No chain to a configured root is needed: old
 * issuers are gone; what holds is said in the row's source and events. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "cert/bundle.h"
#include "inspect/client.h"
#include "ledger/alias.h"
#include "owner.h"
#include "policy/watch.h"
#include "show.h"

struct import {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const char *pem, *key_id, *spki, *by; /* key_id, spki: NULL without a key */
    bool dry, current;
    struct inspect_certificates got;
    const struct cert_fields *leaf;
    const char **mailboxes;
    size_t nmailboxes;
    const struct policy_domain *domain;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void run(struct agent_task *t)
{
    struct import *k = (struct import *)t;
    struct base_bytes pem = {(const unsigned char *)k->pem, strlen(k->pem)};
    k->cls = inspect_certificates(k->a, k->conf->inspector, pem, base_buf_bytes(&k->conf->bundle),
                                  k->spki, base_now(), &k->got, &k->fail);
}

/* ---- in the loop ---------------------------------------------------------------------- */

static const struct cert_fields *find_leaf(const struct import *k)
{
    for (size_t i = 0; i < k->got.n; i++)
        if (!k->got.v[i].bc_ca && (!k->spki || strcmp(k->got.v[i].spki_sha256, k->spki) == 0))
            return &k->got.v[i];
    return NULL;
}

static enum base_fail_class whose(struct agent *ag, struct import *k, struct base_fail *f)
{
    const struct cert_fields *c = k->leaf = find_leaf(k);
    if (!c)
        return base_failf(f, BASE_PERMANENT, "import.leaf",
                          k->spki ? "no certificate in it belongs to the key"
                                  : "there is no certificate of a mailbox in it, only of CAs");
    k->mailboxes = base_arena_array(k->a, c->n_mailboxes + 1, sizeof(char *));
    for (size_t i = 0; i < c->n_mailboxes; i++) {
        const char *m = policy_watch_normalise_exact(k->a, c->mailboxes[i].address);
        const struct policy_domain *d = m ? policy_config_mailbox_domain(ag->conf->cfg, m) : NULL;
        if (!d)
            continue;
        if (k->domain && strcmp(d->tenant, k->domain->tenant) != 0)
            return base_failf(f, BASE_PERMANENT, "import.tenants",
                              "the certificate names mailboxes of the tenants %s and %s",
                              k->domain->tenant, d->tenant);
        k->domain = k->domain ? k->domain : d;
        k->mailboxes[k->nmailboxes++] = m;
    }
    if (k->nmailboxes == 0)
        return base_failf(f, BASE_PERMANENT, "import.mailbox",
                          "the certificate names no mailbox in a controlled domain of %s",
                          ag->conf->cfg->path);
    return BASE_OK;
}

static const char *usage_of(const struct cert_fields *c)
{
    bool sign = !c->ku_present || c->ku & (CERT_KU_DIGITAL_SIGNATURE | CERT_KU_NON_REPUDIATION);
    bool enc = !c->ku_present || c->ku & (CERT_KU_KEY_ENCIPHERMENT | CERT_KU_KEY_AGREEMENT);
    return sign && enc ? "both" : enc ? "encrypt" : "sign";
}

/* Current ones of the same mailbox and use; with TAKE they are superseded. */
static enum base_fail_class rivals(struct agent *ag, const struct import *k, const char *usage,
                                   bool take, bool *any, struct base_fail *f)
{
    enum base_fail_class r = BASE_OK;
    *any = false;
    for (size_t m = 0; !r && m < k->nmailboxes; m++) {
        struct ledger_certificate *v;
        size_t n = 0;
        r = ledger_certificate_of(ag->ledger, k->a, k->mailboxes[m], 100, &v, &n, f);
        for (size_t i = 0; !r && i < n; i++)
            if (strcmp(v[i].state, "current") == 0 && v[i].usage && strcmp(v[i].usage, usage) == 0) {
                *any = true;
                if (take)
                    r = ledger_certificate_state(ag->ledger, v[i].id, "superseded", f);
            }
    }
    return r;
}

/* Leaf first, then the rest as they came. */
static const char *chain_of(const struct import *k)
{
    struct base_bytes *der = base_arena_array(k->a, k->got.n + 1, sizeof(*der));
    size_t n = 0;
    der[n++] = k->leaf->der;
    for (size_t i = 0; i < k->got.n; i++)
        if (k->got.v[i].bc_ca)
            der[n++] = k->got.v[i].der;
    return cert_bundle_pem(k->a, der, n);
}

/* The row is in: the record, the work that follows, the answer. */
static void tell_stored(struct agent *ag, struct import *k, const struct ledger_certificate *row,
                        json_t *answer)
{
    json_t *data = json_object();
    base_json_set(data, "mailbox", k->mailboxes[0]);
    base_json_set(data, "serial", row->serial);
    base_json_set(data, "thumbprint", row->thumbprint);
    base_json_set(data, "source", "import");
    base_json_set(data, "state", row->state);
    base_json_set(data, "key_id", k->key_id);
    agent_event(ag, LOG_NOTICE, "certificate.imported", row->tenant,
                agent_object(k->a, "certificate", row->id), k->by, data);
    if (strcmp(row->state, "expired") != 0)
        agent_job_add(ag, "revocation", agent_object(k->a, "revocation", row->id), row->id, 0, NULL);
    agent_alias_look(ag, k->a, row->id);
    if (k->key_id)
        agent_job_add(ag, "attach", agent_object(k->a, "attach", row->id), row->id, 0, NULL);
    base_json_setn(answer, "certificate", row->id);
    base_json_set(answer, "state", row->state);
    base_json_set(answer, "text",
                  base_arena_printf(k->a, "certificate %lld of %s is here, %s%s", (long long)row->id,
                                    k->mailboxes[0], row->state,
                                    k->key_id ? " and with its key" : "; without a key, as a public one"));
}

static enum base_fail_class store(struct agent *ag, struct import *k, json_t *answer,
                                  struct base_fail *f)
{
    const struct cert_fields *c = k->leaf;
    int64_t now = base_now();
    bool rival = false, valid = c->not_before <= now && c->not_after > now;
    const char *usage = usage_of(c);
    enum base_fail_class r = rivals(ag, k, usage, k->current && valid, &rival, f);
    if (r)
        return r;
    json_t *fields = cert_fields_to_json(c);
    json_object_del(fields, "der");
    char *text = base_json_text(fields);
    json_decref(fields);
    struct ledger_certificate row = {
        .thumbprint = c->sha256,
        .serial = c->serial,
        .issuer = c->issuer,
        .subject = c->subject,
        .tenant = k->domain->tenant,
        .mailboxes = k->mailboxes,
        .nmailboxes = k->nmailboxes,
        .key_id = k->key_id,
        .spki = c->spki_sha256,
        .not_before = c->not_before,
        .not_after = c->not_after,
        .stored_at = now,
        .usage = usage,
        .state = c->not_after <= now ? "expired" : valid && (k->current || !rival) ? "current" : "superseded",
        .source = "import",
        .fields = text,
        .chain_pem = chain_of(k),
        .der = c->der.p,
        .der_len = c->der.n,
    };
    r = ledger_certificate_add(ag->ledger, &row, &row.id, f);
    free(text);
    bool known = r && strcmp(f->code, "ledger.exists") == 0;
    if (r && !known)
        return r;
    if (known) {
        /* a public one gets its key; one that has a key keeps that */
        if (k->key_id && (r = ledger_certificate_key(ag->ledger, row.id, k->key_id, f)))
            return r;
        base_json_set(answer, "text", base_arena_printf(k->a, "it is here already: certificate %lld%s",
                                                        (long long)row.id, k->key_id ? ", with its key" : ""));
        base_json_setn(answer, "certificate", row.id);
        return BASE_OK;
    }
    tell_stored(ag, k, &row, answer);
    return BASE_OK;
}

static enum base_fail_class conclude(struct agent *ag, struct import *k, json_t *answer,
                                     struct base_fail *f)
{
    enum base_fail_class r = k->cls;
    if (r)
        return base_failf(f, r, k->fail.code, "%s", k->fail.text);
    r = whose(ag, k, f);
    if (r)
        return r;
    json_object_set_new(answer, "mailboxes", agent_string_list(k->mailboxes, k->nmailboxes));
    base_json_set(answer, "tenant", k->domain->tenant);
    base_json_set(answer, "thumbprint", k->leaf->sha256);
    base_json_setn(answer, "not_after", k->leaf->not_after);
    if (k->dry)
        return BASE_OK;
    if (!agent_begin(ag))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    r = store(ag, k, answer, f);
    if (r)
        agent_rollback(ag);
    else if (!agent_commit(ag))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    return r;
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct import *k = (struct import *)t;
    struct base_fail f = {0};
    json_t *answer = json_object();
    if (conclude(ag, k, answer, &f)) {
        json_object_clear(answer);
        base_json_setb(answer, "ok", false);
        base_json_set(answer, "class", base_fail_class_name(f.cls));
        base_json_set(answer, "code", f.code);
        base_json_set(answer, "text", f.text);
    }
    agent_control_answer(ag, k->client, answer);
    agent_jobs_run(ag);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

bool agent_cmd_import_start(struct agent *ag, int64_t client, const json_t *req, const char *by,
                            struct base_fail *f)
{
    const char *pem = base_json_str(req, "pem");
    if (!pem || strlen(pem) > 256 * 1024) {
        base_failf(f, BASE_PERMANENT, "import.pem", "certificates in PEM are needed, at most 256 KiB");
        return false;
    }
    struct import *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->pem = base_arena_strdup(k->a, pem);
    k->key_id = base_arena_strdup(k->a, base_json_str(req, "key_id"));
    k->spki = base_arena_strdup(k->a, base_json_str(req, "spki"));
    k->by = base_arena_strdup(k->a, by);
    k->dry = base_json_bool(req, "dry_run", false);
    k->current = base_json_bool(req, "current", false);
    k->task.run = run;
    k->task.done = done;
    agent_pool_submit(ag->pool, AGENT_LANE_CPU, &k->task);
    return true;
}
