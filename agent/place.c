/* agent/place.c - taking an order: what is checked before anything leaves.
 *
 * Everything that can be refused is refused here, with the sentence that the
 * administrator reads. What is accepted is in the ledger, with a job, before
 * the answer goes out. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "cert/csr.h"
#include "orderrun.h"
#include "policy/recognise.h"

#define DAYS_MAX 825 /* S/MIME BR 6.3.2 */

struct plan {
    const char *mailbox;
    const struct policy_domain *domain;
    const struct policy_account *account;
    const char *product, *profile_type, *key_type, *usage, *csr, *first_name, *last_name, *custody;
    const char *spki; /* of a CSR from outside */
    int64_t days, renews; /* renews: row of the certificate in whose place this comes; 0 */
    const char *renewal_of; /* the CA's id of its order; NULL */
    bool automatic;         /* by the renewal's timer */
};

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static enum base_fail_class check_words(const struct plan *p, struct base_fail *f)
{
    static const char *const keys[] = {"rsa2048", "rsa3072", "rsa4096", "p256", "p384", NULL};
    static const char *const usages[] = {"dual_use", "signing", "key_management", NULL};
    static const char *const types[] = {"strict", "multipurpose", NULL};
    if (!one_of(p->key_type, keys))
        return base_failf(f, BASE_PERMANENT, "order.key-type",
                          "key type \"%s\": expected rsa2048, rsa3072, rsa4096, p256 or p384",
                          p->key_type);
    if (!one_of(p->usage, usages))
        return base_failf(f, BASE_PERMANENT, "order.usage",
                          "usage \"%s\": expected dual_use, signing or key_management", p->usage);
    if (!one_of(p->profile_type, types))
        return base_failf(f, BASE_PERMANENT, "order.profile",
                          "profile type \"%s\": expected strict or multipurpose", p->profile_type);
    if (strncmp(p->product, "secure_email_", 13) != 0)
        return base_failf(f, BASE_PERMANENT, "order.product",
                          "product \"%s\": expected secure_email_mailbox, secure_email_sponsor or "
                          "secure_email_organization",
                          p->product);
    if (p->days < 1 || p->days > DAYS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "%lld days: a public S/MIME certificate may be valid for 1 to %d days "
                          "(S/MIME Baseline Requirements 6.3.2)",
                          (long long)p->days, DAYS_MAX);
    if (strcmp(p->product, "secure_email_sponsor") == 0 && (!p->first_name || !p->last_name))
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "secure_email_sponsor needs the person's first and last name");
    return BASE_OK;
}

/* Who will hold the key, and did the mailbox's owner agree where that matters. */
static enum base_fail_class check_custody(struct agent *ag, struct base_arena *a, struct plan *p,
                                          struct base_fail *f)
{
    enum policy_custody c = strcmp(p->usage, "signing") == 0          ? p->domain->custody_sign
                            : strcmp(p->usage, "key_management") == 0 ? p->domain->custody_encrypt
                            : p->domain->custody_sign > p->domain->custody_encrypt
                                ? p->domain->custody_sign
                                : p->domain->custody_encrypt;
    bool given = false;
    if (p->csr) {
        struct cert_csr csr;
        enum base_fail_class r = cert_csr_parse(a, p->csr, strlen(p->csr), &csr, f);
        if (r)
            return r;
        p->custody = "external";
        p->spki = base_arena_strdup(a, csr.spki_sha256);
        p->key_type = csr.key_name;
        p->csr = cert_csr_pem(a, csr.der, true);
        return BASE_OK;
    }
    p->custody = policy_custody_name(c);
    if (c == POLICY_CUSTODY_EXTERNAL)
        return base_failf(f, BASE_PERMANENT, "order.custody",
                          "keys of %s are made outside (custody external): give a CSR with --csr",
                          p->domain->name);
    if (c == POLICY_CUSTODY_KEEP) {
        enum base_fail_class r =
            ledger_consent_valid(ag->ledger, p->mailbox, "custody", &given, f);
        if (r)
            return r;
        if (!given)
            return base_failf(f, BASE_PERMANENT, "order.consent",
                              "the key of %s would be kept here, and its owner's authorization is "
                              "not recorded: certmilter consent add %s --what custody",
                              p->mailbox, p->mailbox);
    }
    return BASE_OK;
}

static enum base_fail_class check_brake(struct agent *ag, const struct plan *p, struct base_fail *f)
{
    int64_t day, month, now = base_now();
    enum base_fail_class r =
        ledger_order_count(ag->ledger, p->account->id, now - 86400, &day, f);
    if (!r)
        r = ledger_order_count(ag->ledger, p->account->id, now - 30 * 86400, &month, f);
    if (r)
        return r;
    if (day >= p->account->limit.day || month >= p->account->limit.month)
        return base_failf(f, BASE_PERMANENT, "order.limit",
                          "account \"%s\" has ordered %lld certificates in 24 hours (limit %lld) and "
                          "%lld in 30 days (limit %lld): raise the limits in its account section if "
                          "that is meant",
                          p->account->id, (long long)day, (long long)p->account->limit.day,
                          (long long)month, (long long)p->account->limit.month);
    return BASE_OK;
}

static enum base_fail_class make_plan(struct agent *ag, struct base_arena *a, const json_t *req,
                                      struct plan *p, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *box = base_json_strd(req, "mailbox", "");
    memset(p, 0, sizeof(*p));
    p->mailbox = policy_mailbox_normal(a, box);
    if (!p->mailbox)
        return base_failf(f, BASE_PERMANENT, "order.mailbox",
                          "\"%s\" is no mail address: expected name@domain", box);
    p->domain = policy_config_mailbox_domain(cfg, p->mailbox);
    if (!p->domain)
        return base_failf(f, BASE_PERMANENT, "domain.unknown",
                          "%s is in no controlled domain of %s", p->mailbox, cfg->path);
    p->account = p->domain->account ? policy_config_account(cfg, p->domain->account) : NULL;
    if (!p->account)
        return base_failf(f, BASE_PERMANENT, "domain.guard",
                          "%s has no account (%s): without one nothing can be ordered",
                          p->domain->name, p->domain->where);
    p->product = base_json_strd(req, "product", p->domain->product);
    p->profile_type = base_json_strd(req, "profile_type", p->domain->profile_type);
    p->key_type = base_json_strd(req, "key_type", p->domain->key_type);
    p->usage = base_json_strd(req, "usage", "dual_use");
    p->days = base_json_int(req, "validity_days", p->domain->validity_days);
    p->first_name = base_json_str(req, "first_name");
    p->last_name = base_json_str(req, "last_name");
    p->csr = base_json_str(req, "csr");
    p->renewal_of = base_json_str(req, "renewal_of");
    p->renews = base_json_int(req, "renews", 0);
    p->automatic = base_json_bool(req, "automatic", false);
    enum base_fail_class r = check_words(p, f);
    if (!r)
        r = check_custody(ag, a, p, f);
    if (!r)
        r = check_brake(ag, p, f);
    return r;
}

static json_t *request_json(const struct plan *p)
{
    json_t *j = json_object();
    base_json_set(j, "product", p->product);
    base_json_set(j, "profile_type", p->profile_type);
    base_json_set(j, "key_type", p->key_type);
    base_json_set(j, "usage", p->usage);
    base_json_setn(j, "validity_days", p->days);
    base_json_set(j, "first_name", p->first_name);
    base_json_set(j, "last_name", p->last_name);
    base_json_set(j, "custody", p->custody);
    base_json_set(j, "csr", p->csr);
    base_json_set(j, "renewal_of", p->renewal_of);
    if (p->renews)
        base_json_setn(j, "renews", p->renews);
    return j;
}

/* Its answer was lost and nobody can tell whether it arrived: a person was told to look
 * in the portal and to order again if it did not. */
static bool is_unsure(const struct ledger_order *o)
{
    return strcmp(o->state, "person") == 0 && !o->ca_order;
}

/* A second order for a mailbox whose first is under way is almost always a mistake. */
static enum base_fail_class under_way(struct agent *ag, struct base_arena *a, const struct plan *p,
                                      struct base_fail *f)
{
    struct ledger_order *v;
    size_t n;
    enum base_fail_class r = ledger_order_list(ag->ledger, a, p->mailbox, 0, 500, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (strcmp(v[i].state, "stored") != 0 && strcmp(v[i].state, "failed") != 0 &&
            strcmp(v[i].state, "cancelled") != 0 && (p->automatic || !is_unsure(&v[i])))
            return base_failf(f, BASE_PERMANENT, "order.under-way",
                              "order %lld for %s is under way (%s): certmilter show order:%lld",
                              (long long)v[i].id, p->mailbox, v[i].state, (long long)v[i].id);
    return r;
}

static enum base_fail_class write_order(struct agent *ag, struct base_arena *a,
                                        const struct plan *p, const char *by, json_t *request,
                                        json_t *answer, struct base_fail *f)
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
    };
    enum base_fail_class r = ledger_order_add(ag->ledger, &o, &id, f);
    free(text);
    if (r)
        return r;
    json_t *data = json_object();
    base_json_set(data, "mailbox", p->mailbox);
    base_json_set(data, "product", p->product);
    base_json_set(data, "account", p->account->id);
    base_json_set(data, "custody", p->custody);
    base_json_set(data, "renewal_of", p->renewal_of);
    agent_event(ag, LOG_NOTICE, "order.placed", p->domain->tenant, agent_object(a, "order", id), by,
                data);
    if (!agent_job_add(ag, "order", agent_object(a, "order", id), id, 0, NULL))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    base_json_setn(answer, "order", id);
    base_json_set(answer, "reference", reference);
    base_json_set(answer, "state", "preparing");
    base_json_set(answer, "text",
                  base_arena_printf(a, "order %lld for %s is on its way", (long long)id, p->mailbox));
    return BASE_OK;
}

/* Exactly what would leave; only the key isn't made yet. */
static enum base_fail_class show_request(struct agent *ag, struct base_arena *a,
                                         const struct plan *p, json_t *request, json_t *answer,
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
    if (!k.req.csr)
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
    struct plan p;
    enum base_fail_class r = make_plan(ag, a, req, &p, f);
    if (!r)
        r = under_way(ag, a, &p, f);
    if (!r) {
        json_t *request = request_json(&p);
        if (base_json_bool(req, "dry_run", false)) {
            base_json_set(answer, "state", "dry-run");
            base_json_set(answer, "text",
                          base_arena_printf(a, "would order %s for %s over account %s; nothing was "
                                               "written or sent",
                                            p.product, p.mailbox, p.account->id));
            json_object_set(answer, "request", request);
            r = show_request(ag, a, &p, request, answer, f);
        } else
            r = write_order(ag, a, &p, by, request, answer, f);
        json_decref(request);
    }
    base_arena_free(a);
    return r;
}
