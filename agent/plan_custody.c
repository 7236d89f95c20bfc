/* agent/plan_custody.c - who will hold the key of an order. */
#include <string.h>

#include "cert/csr.h"
#include "plan.h"

enum base_fail_class agent_plan_key_free(struct agent *ag, struct base_arena *a, const char *spki,
                                         const char *mailbox, struct base_fail *f)
{
    struct ledger_order o;
    enum base_fail_class r = ledger_order_by_spki(ag->ledger, a, spki, &o, f);
    if (r)
        return strcmp(f->code, "ledger.absent") == 0 ? (memset(f, 0, sizeof(*f)), BASE_OK) : r;
    if (policy_config_same_mailbox(ag->conf->cfg, o.mailbox, mailbox))
        return BASE_OK;
    return base_failf(f, BASE_PERMANENT, "order.key",
                      "the key of this CSR is the one of order %lld for %s: two persons never share a key",
                      (long long)o.id, o.mailbox);
}

/* Who will hold the key, and did the mailbox's owner agree where that matters. */
enum base_fail_class agent_plan_custody(struct agent *ag, struct base_arena *a, struct agent_plan *p,
                                        struct base_fail *f)
{
    enum policy_custody c = strcmp(p->usage, "signing") == 0          ? p->domain->custody_sign
                            : strcmp(p->usage, "key_management") == 0 ? p->domain->custody_encrypt
                            : p->domain->custody_sign > p->domain->custody_encrypt
                                ? p->domain->custody_sign
                                : p->domain->custody_encrypt;
    bool given = false;
    bool ours = !p->csr && !p->later;
    if (!ours && p->auto_renew > 0 && strcmp(p->renew_by, "us") == 0)
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "the key is not held here: certmilter can't renew by itself (--auto-renew), "
                          "only the CA can (--renew-by ca)");
    if (p->later) {
        p->custody = "external";
        return BASE_OK;
    }
    if (p->csr) {
        struct cert_csr csr;
        enum base_fail_class r = cert_csr_parse(a, p->csr, strlen(p->csr), &csr, f);
        if (r)
            return r;
        p->custody = "external";
        p->spki = base_arena_strdup(a, csr.spki_sha256);
        p->key_type = csr.key_name;
        p->csr = cert_csr_pem(a, csr.der, true);
        return agent_plan_key_free(ag, a, p->spki, p->mailbox, f);
    }
    p->custody = policy_custody_name(c);
    if (c == POLICY_CUSTODY_FORGET && p->key && strcmp(p->key, "reuse") == 0)
        return base_failf(f, BASE_PERMANENT, "order.key",
                          "keys of %s are not kept (custody forget): one can't be used again",
                          p->domain->name);
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
                              "not recorded: certmilter consent add %s --what custody --who NAME --how TEXT "
                              "--text TEXT",
                              p->mailbox, p->mailbox);
    }
    return BASE_OK;
}
