/* agent/trust.h - who vouches for an order, which terms must be accepted, and what a person
 * released above the spending brake.
 *
 * Everything here runs in the loop, within the command's or timer's transaction. */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H
#include "agent.h"
#include "ledger/trust.h"
#include "plan.h"

/* ---- attestation (attest.c) ------------------------------------------------------------- */
#define AGENT_ATTEST_DAYS 825 /* S/MIME BR 4.2.1: so long may validated data of a person be reused */

/* Where the order that is asked for by REQ (members attestation, renews; doc/control.md) gets its
 * attestation: what REQ says, else the one of order BEFORE (row, 0 = none) while it is younger than
 * AGENT_ATTEST_DAYS, else DOMAIN's standing register. "order.attestation" if there is none. */
enum base_fail_class agent_attest(struct agent *ag, struct base_arena *a, const json_t *req,
                                  const struct policy_domain *domain, int64_t before, const char *by,
                                  struct ledger_attestation *out, struct base_fail *f);
/* Records it for ORDER (row), with the text that it stands under. */
enum base_fail_class agent_attest_write(struct agent *ag, struct ledger_attestation *t,
                                        int64_t order, struct base_fail *f);
json_t *agent_attest_json(const struct ledger_attestation *t);
/* The row of the order that certificate RENEWS (row) came from; 0. */
int64_t agent_attest_before(struct agent *ag, int64_t renews);
/* The text that whoever attests stands for; its version. attesttext.c */
extern const char agent_attest_text[], agent_attest_version[];

/* ---- agreements (agree.c) ------------------------------------------------------------------ */
/* "order.agreement" until each of the terms is accepted, in the version required now. */
enum base_fail_class agent_agreements_check(struct agent *ag, const struct policy_account *account,
                                            struct base_fail *f);
/* What the CA shows as its agreement for ACCOUNT was read: kept by hash. A text that differs from
 * the one that was accepted is a new version. In the open transaction. */
bool agent_agreement_text(struct agent *ag, const char *account, const char *text);
/* One member for each account with terms that are not accepted, or a brake that is hit. */
void agent_trust_attention(struct agent *ag, json_t *attention);

/* ---- the brake (brake.c) --------------------------------------------------------------------- */
enum agent_brake_limit { AGENT_BRAKE_RUN, AGENT_BRAKE_DAY, AGENT_BRAKE_MONTH };
struct agent_brake {
    int64_t limit[3], used[3]; /* by agent_brake_limit; used: without those that used a release */
    int64_t room;              /* orders within all limits; never below 0 */
    int64_t released;          /* further ones that a person released and nobody used */
    enum agent_brake_limit tight; /* the limit that leaves least */
};
/* BY: whose orders they would be (NULL = not asked): nobody uses a release of their own where
 * release_by is set. */
enum base_fail_class agent_brake_look(struct agent *ag, const struct policy_account *account,
                                      int64_t batch, const char *by, struct agent_brake *out,
                                      struct base_fail *f);
/* The spending brake of ACCOUNT has room for MORE orders of BATCH (orders of one run share its number,
 * 0 = a single order) by BY. "order.limit" says how many are above, and how to release them. */
enum base_fail_class agent_brake_check_by(struct agent *ag, const struct policy_account *account,
                                          int64_t batch, int64_t more, const char *by,
                                          struct base_fail *f);
/* Order ORDER (row, just added) takes its place: within the limits, or from a release. */
enum base_fail_class agent_brake_take(struct agent *ag, const struct policy_account *account,
                                      int64_t batch, const char *by, int64_t order,
                                      struct base_fail *f);
/* Number of a run that the agent itself makes (a look of the timer, "renew --days"): below 0, so
 * that it never meets one that was given. */
int64_t agent_brake_run(void);

/* ---- who asks (peer.c) ----------------------------------------------------------------------- */
#define AGENT_PEER_LEN 96
/* "jane (uid 5)" of a peer of the control socket that claims a name (NULL = none): believed from root,
 * else the name that the system has for UID. */
void agent_peer_name(uid_t uid, const char *claimed, char out[AGENT_PEER_LEN]);
/* Are two such names one person? Of the same uid they are, but root's: that is known by name alone. */
bool agent_same_person(const char *x, const char *y);

/* agent_reissue() with an attestation of its own (NULL: that of the order, else the register). */
enum base_fail_class agent_reissue_in(struct agent *ag, const struct ledger_order *given,
                                      const char *csr, json_t *attestation, const char *by,
                                      const char *reason, json_t *answer, struct base_fail *f);

/* All that is known of an order as one signed file (proof.c), answered later. */
bool agent_cmd_evidence_start(struct agent *ag, int64_t client, const json_t *req, const char *by,
                              struct base_fail *f);

agent_command agent_cmd_agreement_list, agent_cmd_agreement_accept;
agent_command agent_cmd_release, agent_cmd_release_list;
#endif
