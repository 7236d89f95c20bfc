/* agent/reissue.c - another certificate of the same order, with a new key.
 *
 * The order's row goes through the steps of orders.c once more; while it does,
 * member "reissue" of its request keeps what was before. The old certificate and
 * its key stay where they are, whatever happens: the certificate's own row names
 * its key. A reissue that comes to nothing leaves the order as it was. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cert/csr.h"
#include "ledger/batch.h"
#include "orderrun.h"
#include "plan.h"
#include "trust.h"

static json_t *request_of(const char *text)
{
    struct base_fail f = {0};
    return text ? base_json_parse(text, strlen(text), 1 << 20, &f) : NULL;
}

static const char *keep_text(struct base_arena *a, json_t *request)
{
    char *text = base_json_text(request);
    const char *kept = base_arena_strdup(a, text);
    free(text);
    json_decref(request);
    return kept;
}

static enum base_fail_class check(struct base_arena *a, const struct ledger_order *o,
                                  const json_t *request, const char **csr, const char **spki,
                                  struct base_fail *f)
{
    bool outside = strcmp(base_json_strd(request, "custody", ""), "external") == 0;
    struct cert_csr c;
    if (strcmp(o->state, "stored") != 0 || !o->ca_order)
        return base_failf(f, BASE_PERMANENT, "reissue.state",
                          "order %lld is %s: only an order whose certificate is here can be reissued",
                          (long long)o->id, o->state);
    if (!request)
        return base_failf(f, BASE_PERMANENT, "reissue.request",
                          "what order %lld asked for can't be read", (long long)o->id);
    if (outside && !*csr)
        return base_failf(f, BASE_PERMANENT, "order.custody",
                          "the key of %s is not held here: give a CSR with --csr", o->mailbox);
    if (!outside && *csr)
        return base_failf(f, BASE_PERMANENT, "order.custody",
                          "the key of %s is held here: a CSR from outside needs an order of its own",
                          o->mailbox);
    if (!*csr)
        return BASE_OK;
    enum base_fail_class r = cert_csr_parse(a, *csr, strlen(*csr), &c, f);
    if (r)
        return r;
    if (o->spki && strcmp(o->spki, c.spki_sha256) == 0)
        return base_failf(f, BASE_PERMANENT, "reissue.key",
                          "this CSR has the key of the certificate that is to be replaced");
    *csr = cert_csr_pem(a, c.der, true);
    *spki = base_arena_strdup(a, c.spki_sha256);
    return BASE_OK;
}

/* The row as it goes on its way, and what it was before. */
static void prepare(struct base_arena *a, struct ledger_order *o, json_t *request, const char *csr,
                    const char *spki, const char *by, const char *reason)
{
    int64_t n = base_json_int(request, "reissued", 0) + 1;
    json_t *was = json_object();
    base_json_set(was, "key", base_arena_printf(a, "%s-r%lld-%lld", o->reference, (long long)n,
                                                (long long)base_now()));
    base_json_setn(was, "since", base_now());
    base_json_set(was, "old_key", o->key_id);
    base_json_set(was, "old_spki", o->spki);
    base_json_set(was, "old_csr", base_json_str(request, "csr"));
    base_json_set(was, "old_certificate", o->ca_certificate);
    base_json_setn(was, "old_issued", o->issued_at);
    base_json_set(was, "by", by);
    base_json_set(was, "reason", reason);
    json_object_set_new(request, "reissue", was);
    json_object_del(request, "csr");
    base_json_set(request, "csr", csr);
    o->request = keep_text(a, json_incref(request));
    o->state = "preparing";
    o->key_id = NULL;
    o->spki = spki;
    o->reason = "a reissue with a new key was asked for";
    o->changed = base_now();
    o->next_look = 0;
    o->tries = 0;
    o->issued_at = 0;
}

/* Who vouches for the person today: for a reissue as for an order. */
static enum base_fail_class attested(struct agent *ag, struct base_arena *a,
                                     const struct ledger_order *o, json_t *attestation,
                                     const char *by, struct ledger_attestation *out,
                                     struct base_fail *f)
{
    json_t *req = json_object();
    if (attestation)
        json_object_set(req, "attestation", attestation);
    enum base_fail_class r = agent_attest(
        ag, a, req, policy_config_mailbox_domain(ag->conf->cfg, o->mailbox), o->id, by, out, f);
    json_decref(req);
    return r;
}

enum base_fail_class agent_reissue(struct agent *ag, const struct ledger_order *given,
                                   const char *csr, const char *by, const char *reason,
                                   json_t *answer, struct base_fail *f)
{
    return agent_reissue_in(ag, given, csr, NULL, by, reason, answer, f);
}

enum base_fail_class agent_reissue_in(struct agent *ag, const struct ledger_order *given,
                                      const char *csr, json_t *attestation, const char *by,
                                      const char *reason, json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_order o = *given;
    json_t *request = request_of(o.request);
    const char *spki = NULL;
    struct ledger_attestation vouch;
    enum base_fail_class r = check(a, &o, request, &csr, &spki, f);
    if (!r && spki)
        r = agent_plan_key_free(ag, a, spki, o.mailbox, f);
    if (!r)
        r = attested(ag, a, &o, attestation, by, &vouch, f);
    if (!r)
        r = agent_attest_write(ag, &vouch, o.id, f);
    if (!r) {
        prepare(a, &o, request, csr, spki, by, reason);
        r = ledger_order_update(ag->ledger, &o, f);
    }
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "mailbox", o.mailbox);
        base_json_set(data, "ca_order", o.ca_order);
        base_json_set(data, "reason", reason);
        agent_event(ag, LOG_NOTICE, "order.reissue", o.tenant, agent_object(a, "order", o.id), by,
                    data);
        if (!agent_job_add(ag, "order", agent_object(a, "order", o.id), o.id, 0, NULL))
            r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    }
    if (!r) {
        base_json_setn(answer, "order", o.id);
        base_json_set(answer, "state", o.state);
        base_json_set(answer, "text",
                      base_arena_printf(a, "order %lld for %s is reissued with a new key",
                                        (long long)o.id, o.mailbox));
    }
    json_decref(request);
    base_arena_free(a);
    return r;
}

bool agent_reissue_undo(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                        const char *why)
{
    struct base_fail f = {0};
    json_t *request = request_of(o->request), *was = base_json_obj(request, "reissue");
    json_t *data = json_object();
    o->key_id = base_arena_strdup(a, base_json_str(was, "old_key"));
    o->spki = base_arena_strdup(a, base_json_str(was, "old_spki"));
    o->ca_certificate = base_arena_strdup(a, base_json_str(was, "old_certificate"));
    o->issued_at = base_json_int(was, "old_issued", 0);
    const char *csr = base_arena_strdup(a, base_json_str(was, "old_csr"));
    json_object_del(request, "csr");
    base_json_set(request, "csr", csr);
    json_object_del(request, "reissue");
    o->request = keep_text(a, request);
    o->state = "stored";
    o->reason = base_arena_printf(a, "the reissue came to nothing: %s", why);
    o->changed = base_now();
    o->next_look = 0;
    o->tries = 0;
    base_json_set(data, "state", o->state);
    base_json_set(data, "mailbox", o->mailbox);
    base_json_set(data, "reason", o->reason);
    /* back to "stored", which would end its line of a batch as issued */
    if (!agent_ok(ag, ledger_batch_line_fail(ag->ledger, o->id, o->changed, o->reason, &f), &f,
                  "line") ||
        !agent_ok(ag, ledger_order_update(ag->ledger, o, &f), &f, "order")) {
        json_decref(data);
        return false;
    }
    agent_event(ag, LOG_WARNING, "order.reissue-undone", o->tenant, agent_object(a, "order", o->id),
                NULL, data);
    return true;
}

char *agent_reissue_settled(struct base_arena *a, const char *text)
{
    json_t *request = request_of(text);
    if (!base_json_obj(request, "reissue")) {
        json_decref(request);
        return base_arena_strdup(a, text);
    }
    base_json_setn(request, "reissued", base_json_int(request, "reissued", 0) + 1);
    json_object_del(request, "reissue");
    return base_arena_strdup(a, keep_text(a, request));
}

/* Where the CA shows no CSR, another certificate's id tells. */
bool agent_reissue_withdrawn(const struct order_run *k)
{
    const char *csr = base_json_str(k->request, "csr");
    const char *old = base_json_str(k->reissue, "old_certificate");
    if (k->got.csr && csr)
        return !ca_csr_same(k->a, k->got.csr, csr);
    return !k->got.certificate || !old || strcmp(k->got.certificate, old) == 0;
}

void agent_reissue_find(struct order_run *k)
{
    k->found = CA_FOUND_NOT;
    k->cls = ca_order_info(k->ca, k->o.ca_order, k->a, &k->got, &k->fail);
    if (k->cls)
        return;
    if (!agent_reissue_withdrawn(k))
        k->found = CA_FOUND;
    else if (k->got.status_text && strcmp(k->got.status_text, "reissue_pending") == 0)
        k->found = CA_FOUND_UNSURE;
}
