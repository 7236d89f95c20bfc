/* agent/place.c - taking an order: what is checked before anything leaves.
 *
 * Everything that can be refused is refused here or in the plan (plan.h), with the sentence that the
 * administrator reads. What is accepted is in the ledger, with a job, before
 * the answer goes out. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "form.h"
#include "orderrun.h"
#include "plan.h"
#include "trust.h"

static enum base_fail_class under_way_for(struct agent *ag, struct base_arena *a,
                                          const struct agent_plan *p, const char *mailbox,
                                          struct base_fail *f)
{
    struct ledger_order *v;
    size_t n;
    enum base_fail_class r = ledger_order_list(ag->ledger, a, mailbox, 0, 500, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (!agent_order_ended(&v[i]) && (p->automatic || !agent_order_unsure(&v[i])))
            return base_failf(f, BASE_PERMANENT, "order.under-way",
                              "order %lld for %s is under way (%s): certmilter show order:%lld",
                              (long long)v[i].id, mailbox, v[i].state, (long long)v[i].id);
    return r;
}

/* A second order for a mailbox whose first is under way is almost always a mistake. */
static enum base_fail_class under_way(struct agent *ag, struct base_arena *a, const struct agent_plan *p,
                                      struct base_fail *f)
{
    enum base_fail_class r = BASE_OK;
    for (size_t i = 0; !r && i < p->addresses.n; i++)
        r = under_way_for(ag, a, p, p->addresses.v[i], f);
    return r;
}

/* The timer looks for renewals that orders ask for only when there are any. */
static enum base_fail_class note_renewals(struct agent *ag, const struct agent_plan *p,
                                          struct base_fail *f)
{
    if (p->auto_renew <= 0 || strcmp(p->renew_by, "us") != 0)
        return BASE_OK;
    return ledger_meta_set(ag->ledger, AGENT_META_RENEWALS, 1, f);
}

static enum base_fail_class write_order(struct agent *ag, struct base_arena *a,
                                        const struct agent_plan *p, struct ledger_attestation *vouch,
                                        const char *by, json_t *request, json_t *answer, struct base_fail *f)
{
    char reference[40] = "cm-";
    int64_t id = 0;
    base_random_id(reference + 3, 16);
    char *text = base_json_text(request);
    struct ledger_order o = {
        .reference = reference,
        .tenant = p->domain->tenant,
        .account = p->account->id,
        .mailbox = p->mailbox,
        .product = p->product,
        .state = "preparing",
        .spki = p->spki,
        .request = text,
        .by = by,
        .created = base_now(),
        .changed = base_now(),
        .batch = p->batch,
    };
    enum base_fail_class r = ledger_order_add(ag->ledger, &o, &id, f);
    free(text);
    if (!r)
        r = note_renewals(ag, p, f);
    if (!r)
        r = agent_brake_take(ag, p->account, p->batch, by, id, f);
    if (!r)
        r = agent_attest_write(ag, vouch, id, f);
    if (r)
        return r;
    json_t *data = json_object();
    base_json_set(data, "mailbox", p->mailbox);
    base_json_set(data, "product", p->product);
    base_json_set(data, "account", p->account->id);
    base_json_set(data, "custody", p->custody);
    base_json_set(data, "renewal_of", p->renewal_of);
    base_json_set(data, "attested_by", vouch->asserted_by);
    agent_event(ag, LOG_NOTICE, "order.placed", p->domain->tenant, agent_object(a, "order", id), by,
                data);
    if (!agent_job_add(ag, "order", agent_object(a, "order", id), id, 0, NULL))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    base_json_setn(answer, "order", id);
    base_json_set(answer, "reference", reference);
    base_json_set(answer, "state", "preparing");
    base_json_set(answer, "text",
                  base_arena_printf(a, "order %lld for %s is on its way%s", (long long)id, p->mailbox,
                                    p->csr ? "; of the CSR only its key counts" : ""));
    agent_plan_attention(a, p, answer);
    return BASE_OK;
}

/* Exactly what would leave; only the key isn't made yet. */
static enum base_fail_class show_request(struct agent *ag, struct base_arena *a,
                                         const struct agent_plan *p, json_t *request, json_t *answer,
                                         struct base_fail *f)
{
    struct order_run k = {.a = a,
                          .request = request,
                          .o = {.product = p->product,
                                .mailbox = p->mailbox,
                                .reference = "made-when-ordering"}};
    struct ca_account *ca = agent_conf_ca(ag->conf, p->account->id);
    struct ca_preview sends;
    if (!ca)
        return BASE_OK;
    agent_order_request(&k);
    if (!k.req.csr && !p->later)
        k.req.csr = "made when ordering";
    enum base_fail_class r = ca_order_preview(ca, &k.req, a, &sends, f);
    if (!r)
        agent_put_preview(&sends, answer);
    return r;
}

enum base_fail_class agent_order_place(struct agent *ag, const json_t *req, const char *by,
                                       json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct agent_plan p;
    struct ledger_attestation vouch;
    enum base_fail_class r = agent_plan_make(ag, a, req, &p, f);
    if (r && strcmp(f->code, "domain.unknown") == 0)
        agent_predict_provider(a, base_json_strd(req, "mailbox", ""), f);
    if (!r)
        r = agent_plan_predict(ag, a, &p, f);
    if (!r)
        r = agent_plan_custody(ag, a, &p, f);
    if (!r)
        r = agent_attest(ag, a, req, p.domain, agent_attest_before(ag, p.renews), by, &vouch, f);
    if (!r)
        r = agent_agreements_check(ag, p.account, f);
    if (!r)
        r = under_way(ag, a, &p, f);
    if (!r)
        r = agent_brake_check_by(ag, p.account, p.batch, 1, by, f);
    if (!r) {
        json_t *request = agent_plan_request(&p);
        if (base_json_bool(req, "dry_run", false)) {
            base_json_set(answer, "state", "dry-run");
            base_json_set(answer, "text",
                          base_arena_printf(a, "would order %s for %s over account %s; nothing was "
                                               "written or sent",
                                            p.product, p.mailbox, p.account->id));
            json_object_set(answer, "request", request);
            agent_plan_attention(a, &p, answer);
            json_object_set_new(answer, "attestation", agent_attest_json(&vouch));
            r = show_request(ag, a, &p, request, answer, f);
        } else
            r = write_order(ag, a, &p, &vouch, by, request, answer, f);
        json_decref(request);
    }
    base_arena_free(a);
    return r;
}
