/* agent/form.h - the order form as it is kept in an order's row (member "request"). */
#ifndef AGENT_FORM_H
#define AGENT_FORM_H
#include "agent.h"

/* Mark in the ledger: some order asked for automatic renewals of its own. */
#define AGENT_META_RENEWALS "orders:auto-renew"

/* All addresses of the order, MAILBOX first. */
struct policy_strings agent_form_addresses(struct base_arena *a, const json_t *request,
                                           const char *mailbox);
/* Ordered without a CSR: the recipient makes the key at the CA's page. */
bool agent_form_later(const json_t *request);
/* What the CA is asked for; texts are of REQUEST or in A. Reference, mailbox, product
 * are the caller's. */
void agent_form_fill(struct base_arena *a, const json_t *request, struct ca_order_request *out);
/* Into REQ what an order in the place of BEFORE asks for again. */
void agent_form_again(const json_t *before, const char *mailbox, json_t *req);

/* later.c: a genuine invitation to make the key came: told to the order and to the person, in
 * the open transaction. */
void agent_later_invited(struct agent *ag, struct agent_case *c);
/* The certificate of such an order, as the API gave it for ORDER: fills OUT if it is for the
 * addresses that were ordered. False: rolled back. */
struct cert_fields;
bool agent_later_adopt(struct agent *ag, struct base_arena *a, int64_t order,
                       const struct cert_fields *c, struct ledger_order *out);
/* A mail brings a certificate of no key that we know: may it be the one of such an order that
 * is not here yet? The API tells, which is asked then. */
bool agent_later_awaited(struct agent *ag, struct base_arena *a, const struct cert_fields *c);
/* What the order waits for, for a person. */
const char *agent_later_waits(struct base_arena *a, const struct ledger_order *o,
                              const json_t *request);

#endif
