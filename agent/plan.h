/* agent/plan.h - an order that was asked for and is being checked: what the files share that do.
 *
 * place.c calls them in turn; each refuses with the sentence that the administrator reads.
 * Nothing here writes the ledger. All memory is in the arena of the call. */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H
#include "agent.h"

struct agent_plan {
    const char *mailbox;
    const struct policy_domain *domain;
    const struct policy_account *account;
    const char *product, *profile_type, *key_type, *usage, *csr, *first_name, *last_name, *custody;
    const char *spki; /* of a CSR from outside */
    int64_t days, renews; /* renews: row of the certificate in whose place this comes; 0 */
    const char *renewal_of; /* the CA's id of its order; NULL */
    bool automatic;         /* by the renewal's timer */
    int64_t batch;          /* the run that it is part of; 0 = a single order */
};

/* plan.c: reads REQ (doc/control.md, "order") and checks its words. */
enum base_fail_class agent_plan_make(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct agent_plan *p, struct base_fail *f);
/* What the order's row keeps of it; the caller's to decref. */
json_t *agent_plan_request(const struct agent_plan *p);

/* plan_custody.c: who will hold the key, and did the mailbox's owner agree where that matters. */
enum base_fail_class agent_plan_custody(struct agent *ag, struct base_arena *a, struct agent_plan *p,
                                        struct base_fail *f);

/* brake.c: the spending brake of ACCOUNT has room for MORE orders of BATCH (orders of one run share
 * its number, 0 = a single order). "order.limit" says how many are above, and how to release them. */
enum base_fail_class agent_brake_check(struct agent *ag, const struct policy_account *account,
                                       int64_t batch, int64_t more, struct base_fail *f);

#endif
