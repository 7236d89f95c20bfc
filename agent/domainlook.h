/* agent/domainlook.h - a domain's calendar: what its DNS shows, when it is validated anew. */
#ifndef AGENT_DOMAINLOOK_H
#define AGENT_DOMAINLOOK_H
#include "agent.h"
#include "dcv/persist.h"
#include "ledger/domainlook.h"

/* The lower of the configured mode and what the domain's MX leaves of it. */
enum policy_mode agent_domain_mode(struct agent *ag, const struct policy_domain *d);
/* Until when it is validated, as the CA told or by the reuse period; 0 = it isn't. */
int64_t agent_domain_until(const struct policy_config *cfg, const struct ledger_domain *ca,
                           const struct ledger_domain_look *look);
/* Is it time to validate D anew? UNTIL as above. */
bool agent_domain_is_due(const struct policy_domain *d, int64_t until, int64_t now);
/* An intent ended: its domain was validated, or a new validation of it did not work. In the
 * open transaction. */
void agent_domain_ended(struct agent *ag, struct base_arena *a, const struct ledger_intent *i);
/* The timer: looks at the DNS of domains, and validations that have to begin. */
void agent_calendar_due(struct agent *ag);

/* One look at the DNS (domainlook.c): starts its task; *running counts it until it is done. */
void agent_domain_look_start(struct agent *ag, const struct policy_domain *d, size_t *running);
/* Is NAME, as in an MX record, one of mx_hosts, or else our hostname? */
bool agent_is_our_host(const struct policy_config *cfg, const char *name);
/* What D's account wants of a persistent record; false if the account names no issuer or URI. */
bool agent_persist_wanted(const struct policy_config *cfg, const struct policy_domain *d,
                          struct dcv_persist *out);
#define AGENT_PERSIST_WARN (30 * 86400) /* before persistUntil */

/* Members of a domain's JSON (domainshow.c): "effective_mode dropped mx contacts until days_left
 * trouble next{text,at}". CA may be NULL, I too. */
void agent_calendar_put(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                        const struct ledger_domain *ca, const struct ledger_intent *i, json_t *o);
/* "attention" of status: domains that are dropped, records that end. */
void agent_calendar_attention(struct agent *ag, json_t *list);

/* Commands (domaincmd.c). */
agent_command agent_cmd_domain_resend, agent_cmd_domain_plan;
bool agent_cmd_domain_persist_start(struct agent *ag, int64_t client, const json_t *req,
                                    struct base_fail *f);
#endif
