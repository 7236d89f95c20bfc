/* agent/publish.h - bringing certificates to where they are used.
 *
 * The ledger says what shall be published and how far that is (ledger/publication.h). A
 * mailbox is planned anew whenever its certificates change, its publications end, or the
 * configuration of publishers changes; one job for a mailbox at one publisher then works
 * through what is wanted, one call of deliver/ at a time. */
#ifndef AGENT_PUBLISH_H
#define AGENT_PUBLISH_H
#include "agent.h"
#include "ledger/publication.h"

/* At start and after a reload: did publishers change? Then all mailboxes are planned anew,
 * page by page. */
void agent_publish_configured(struct agent *ag);
/* Plans what is due, a bounded number: called often. */
void agent_publish_due(struct agent *ag);
/* Plans one mailbox, in the open transaction. AGAIN: what was given up is tried again, and
 * keys in clear are compared with what the domain wants now. */
bool agent_publish_plan(struct agent *ag, struct base_arena *a, const struct ledger_box *box,
                        bool again);
void agent_publish_job(struct agent *ag, const struct ledger_job *job); /* publish */
/* Its job, for now or later; in the open transaction. */
bool agent_publish_start(struct agent *ag, struct base_arena *a, int64_t mailbox,
                         const char *publisher);
/* Why C is to be published nowhere ("revoked", "expired", "superseded", ...); NULL = it may. */
const char *agent_publish_barred(const struct ledger_certificate *c);

/* ---- showing (control_publish.c) ---------------------------------------------------- */
/* Member "publications" of all of a mailbox, or of a certificate. */
void agent_put_publications(struct agent *ag, struct base_arena *a, const char *mailbox,
                            int64_t certificate, json_t *answer);
/* Member "publications" of status, and what needs attention. */
void agent_put_publishing(struct agent *ag, json_t *answer, json_t *attention);
/* A sentence for doctor; *WARN if somebody should look. */
const char *agent_publish_doctor(struct agent *ag, struct base_arena *a, bool *warn);
agent_command agent_cmd_publish_list, agent_cmd_publish_retry, agent_cmd_publish_run;
agent_command agent_cmd_publish_history;

#endif
