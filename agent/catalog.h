/* agent/catalog.h - what the agent knows of an account without asking: its catalog (ca/catalog.h)
 * as of the last look, kept in the ledger; and what follows from it for orders. */
#ifndef AGENT_CATALOG_H
#define AGENT_CATALOG_H
#include "agent.h"
#include "ca/catalog.h"
#include "plan.h"

/* catalog.c. A new reference; NULL = the account was never looked at. */
json_t *agent_catalog(struct agent *ag, const char *account);
/* Keeps FRESH, in the open transaction; what it does not tell stays as it was. */
bool agent_catalog_save(struct agent *ag, const char *account, json_t *fresh);
/* Is it time to ask for it again? */
bool agent_catalog_due(struct agent *ag, const struct policy_account *acc);
/* It is asked for with the next look, in the open transaction. */
void agent_catalog_want(struct agent *ag, const char *account);
/* What "auto" means for every account: after a configuration was loaded. */
void agent_catalogs_learn(struct agent *ag);

enum agent_right { AGENT_RIGHT_ORDER, AGENT_RIGHT_DOMAIN, AGENT_RIGHT_ORGANIZATION };
/* Refuses ("order.rights", "domain.rights", "organization.rights") what the key is known not
 * to be allowed. */
enum base_fail_class agent_right_check(struct agent *ag, const char *account,
                                       enum agent_right right, struct base_fail *f);
/* "may not order, may not ..." or NULL if the key lacks nothing that is known. */
const char *agent_rights_lack(struct base_arena *a, const json_t *catalog);

/* Borrowed of CATALOG; NULL = not listed. */
const json_t *agent_catalog_organization(const json_t *catalog, int64_t id);
/* Does PRODUCT certify an organization? */
bool agent_product_of_organization(const char *product);
/* The CA's id of the organization that orders over ACC are for; 0 = none is configured. */
int64_t agent_organization_id(const struct policy_config *cfg, const struct policy_account *acc);

/* predict.c: what the CA would refuse, or wait for, said before anything leaves. */
enum base_fail_class agent_plan_predict(struct agent *ag, struct base_arena *a,
                                        const struct agent_plan *p, struct base_fail *f);
/* F says that MAILBOX is in no controlled domain: names the right product, if it is one of
 * a public mail provider. */
void agent_predict_provider(struct base_arena *a, const char *mailbox, struct base_fail *f);

/* caa.c: what the CAA records say about S/MIME certificates (RFC 9495). Blocks. */
enum agent_caa { AGENT_CAA_OPEN, AGENT_CAA_NAMED, AGENT_CAA_UNKNOWN, AGENT_CAA_EXCLUDED }; /* worst last */
/* *TEXT: a sentence. ISSUERS empty: only an empty record set can be judged. */
enum agent_caa agent_caa_look(struct net_resolver *r, const char *domain,
                              const struct policy_strings *issuers, struct base_arena *a,
                              const char **text);
/* The names of the account's CA: its own option, else its profile's. */
struct policy_strings agent_caa_issuers(const struct policy_config *cfg,
                                        const struct policy_account *acc);

/* orgwait.c: the order waits for its organization's validation? Tells whom the CA calls, once.
 * *WHY is set then. In the open transaction; false: rolled back. */
struct order_run;
bool agent_order_organization(struct agent *ag, struct order_run *k, const char **why);
/* Until when the CA calls about ORGANIZATION (of a catalog); 0 = no order waits for it. */
int64_t agent_organization_call(struct agent *ag, struct base_arena *a, const char *account,
                                const json_t *organization);

/* quote.c */
/* Keeps what the CA told of the order's price, in the open transaction. */
bool agent_price_note(struct agent *ag, const struct order_run *k);
/* Is no price of such an order known? */
bool agent_price_wanted(struct agent *ag, const struct order_run *k);
/* "25.00 USD" of an order, NULL if it was never told. */
const char *agent_price_of(struct agent *ag, struct base_arena *a, int64_t order);
bool agent_cmd_quote_start(struct agent *ag, int64_t client, const json_t *req,
                           struct base_fail *f);

/* control_account.c: product.list, organization.list, organization.show */
bool agent_cmd_catalog_start(struct agent *ag, int64_t client, const char *part, const json_t *req,
                             struct base_fail *f);
/* organizations.c */
agent_command agent_cmd_organization_add, agent_cmd_organization_submit;
void agent_organization_job(struct agent *ag, const struct ledger_job *job); /* organization */

#endif
