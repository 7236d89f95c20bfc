/* agent/plan.h - an order that was asked for and is being checked: what the files share that do.
 *
 * place.c calls them in turn; each refuses with the sentence that the administrator reads.
 * Nothing here writes the ledger. All memory is in the arena of the call. */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H
#include "agent.h"
#include "fields.h"

enum agent_product_kind { AGENT_PRODUCT_MAILBOX, AGENT_PRODUCT_SPONSOR, AGENT_PRODUCT_ORGANIZATION };

/* What a product asks for and allows (plan_product.c). */
struct agent_product {
    const char *name, *people; /* people: the name that they know */
    enum agent_product_kind kind;
    bool ended;        /* no longer sold since 2025-07-10; the multipurpose profile alone */
    const char *usage; /* fixed by the product; NULL = chosen */
    int64_t days_max, years_max;
};
/* NULL: there is none of that name. */
const struct agent_product *agent_product(const char *name);

struct agent_plan {
    const char *mailbox;             /* the first of the addresses */
    struct policy_strings addresses; /* all of them, normal form */
    const struct policy_domain *domain;
    const struct policy_account *account;
    const struct agent_product *about;
    const char *product, *profile_type, *key_type, *usage, *csr, *custody;
    const char *common_name; /* "email" "name" "pseudonym" "organization" */
    const char *first_name, *last_name, *pseudonym, *signature_hash;
    const char *spki; /* of a CSR from outside */
    bool non_repudiation, client_auth;
    bool later; /* no CSR: the recipient makes the key at the CA's page */
    int64_t days, years;    /* years: 0 = asked for otherwise */
    const char *until;      /* "2027-12-31"; NULL */
    bool days_given;        /* not the configuration's */
    int64_t auto_renew;     /* -1: as the domain is configured */
    const char *renew_by;   /* "us" "ca" */
    const char *key;        /* of renewals: "new" "reuse" */
    const char *reuse_key;  /* the keeper's key for this order; NULL = a new one */
    struct policy_strings emails;
    const char *comments, *payment, *locale;
    struct agent_field_values custom_fields;
    int64_t container, organization; /* 0 = the account's */
    int64_t renews;         /* row of the certificate in whose place this comes; 0 */
    const char *renewal_of; /* the CA's id of its order; NULL */
    bool automatic;         /* by the renewal's timer */
    int64_t batch;          /* the run that it is part of; 0 = a single order */
};

/* plan.c: reads REQ (doc/control.md, "order") and checks its words. */
enum base_fail_class agent_plan_make(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct agent_plan *p, struct base_fail *f);
/* What the order's row keeps of it; the caller's to decref. */
json_t *agent_plan_request(const struct agent_plan *p);
/* What the administrator should know before it leaves, into ANSWER's "attention". */
void agent_plan_attention(struct base_arena *a, const struct agent_plan *p, json_t *answer);
/* LIST ends with NULL. */
bool agent_plan_one_of(const char *s, const char *const *list);

/* plan_recipient.c: the addresses, their domain and account. */
enum base_fail_class agent_plan_recipient(struct agent *ag, struct base_arena *a, const json_t *req,
                                          struct agent_plan *p, struct base_fail *f);
/* plan_product.c: the product's own demands: names, common name, usage, profile. */
enum base_fail_class agent_plan_product(const json_t *req, struct agent_plan *p,
                                        struct base_fail *f);
/* plan_validity.c: days, years or a date, and how it is renewed. */
enum base_fail_class agent_plan_validity(const json_t *req, struct agent_plan *p,
                                         struct base_fail *f);
/* plan_extras.c: addresses to notify, comments, custom fields, container, payment. */
enum base_fail_class agent_plan_extras(struct agent *ag, struct base_arena *a, const json_t *req,
                                       struct agent_plan *p, struct base_fail *f);

/* plan_custody.c: who will hold the key, and did the mailbox's owner agree where that matters. */
enum base_fail_class agent_plan_custody(struct agent *ag, struct base_arena *a, struct agent_plan *p,
                                        struct base_fail *f);
/* "order.key" if the key that a CSR from outside brings is that of another mailbox's order. */
enum base_fail_class agent_plan_key_free(struct agent *ag, struct base_arena *a, const char *spki,
                                         const char *mailbox, struct base_fail *f);

#endif
