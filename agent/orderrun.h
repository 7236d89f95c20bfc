/* agent/orderrun.h - an order between two of its steps: what the files about orders share.
 *
 * The loop owns a run; while its task is in the pool, the pool's thread alone
 * touches it. */
#ifndef AGENT_ORDERRUN_H
#define AGENT_ORDERRUN_H
#include "agent.h"
#include "catalog.h"
#include "keeper/client.h"

enum order_step { STEP_CAA, STEP_KEY, STEP_POST, STEP_FIND, STEP_INFO, STEP_DOWNLOAD };

struct order_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_order o;
    json_t *request;
    const json_t *reissue; /* member of request while the order is reissued; NULL */
    struct ca_account *ca;
    enum order_step step;
    enum order_step after_caa; /* STEP_KEY, or STEP_POST where a CSR is there already */
    /* what the pool finds */
    char key_id[KEEPER_ID], spki[BASE_SHA256_HEX];
    char *csr;
    struct ca_order_request req;
    struct ca_order got;
    enum ca_found found;
    struct ca_email_validations boxes;
    struct base_bytes pem;
    bool want_price; /* of such an order none is known */
    enum agent_caa caa;
    const char *caa_text; /* a sentence */
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ordertask.c: the blocking step k->step, called by the pool. */
void agent_order_task(struct agent_task *t);
/* The step that an order in its state goes on with, and what follows the look at the DNS;
 * false: none, it has ended. */
bool agent_order_first_step(struct order_run *k, enum order_step *step);
/* orderdue.c: seconds between two looks at the CA as configured, and when this order is looked at
 * next (unix time). */
int64_t agent_order_poll(const struct order_run *k);
int64_t agent_order_next_look(struct agent *ag, const struct order_run *k);
/* proof.c: the exact request that is about to leave, into the record; in the open transaction. */
void agent_order_sent(struct agent *ag, struct order_run *k);
void agent_order_request(struct order_run *k); /* fills k->req from the order's row */

/* orderexpect.c: within the open transaction; false: it was rolled back. */
bool agent_order_expect(struct agent *ag, struct order_run *k); /* mails of this order */
/* orderearly.c: the validation that an order of this product asks for, before it leaves; and
 * when its number is known. */
bool agent_order_early(struct agent *ag, struct order_run *k);
bool agent_order_early_open(struct agent *ag, struct order_run *k);
/* What a pending order waits for; *WHY for a person. */
bool agent_order_waits(struct agent *ag, struct order_run *k, const char **why);
/* It came to nothing, or nobody knows (WHY): its own mails are expected no more, and the request for
 * its domain stands in nobody's way. Of the run only a and o are read. */
bool agent_order_forget(struct agent *ag, struct order_run *k, const char *why);

/* reissue.c: is the certificate that the CA has now the one of before? */
bool agent_reissue_withdrawn(const struct order_run *k);
/* In the pool: did the reissue whose answer was lost arrive? */
void agent_reissue_find(struct order_run *k);

#endif
