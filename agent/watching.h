/* agent/watching.h - what the agent does by itself about certificates that are there: lists of
 * revoked ones, the end of a certificate, the report of what ends, counters. */
#ifndef AGENT_WATCHING_H
#define AGENT_WATCHING_H
#include "agent.h"

/* crl.c, in the pool: the list at URL (http only), from the copy in the state directory where
 * that is younger than an hour, else fetched. Where fetching fails an older copy serves (what
 * it is worth its own dates tell). OUT is initialised here; the caller frees it. Failures as
 * net_http(); permanent "crl.url", temporary "crl.status". */
enum base_fail_class agent_crl_get(const struct agent_conf *conf, struct base_arena *a,
                                   const char *url, struct base_buf *out, struct base_fail *f);

/* replace.c: a new order in place of certificate C, which is revoked, where its domain has
 * certificates renewed by themselves; in the open transaction. The sentence that the notice
 * says about it, in A. NULL: the ledger failed, the transaction is rolled back. */
const char *agent_replace_revoked(struct agent *ag, struct base_arena *a,
                                  const struct ledger_certificate *c);

/* expiry.c: certificates that ended become "expired"; those whose renewal is still wanted are
 * tried once a day for a week (job renew.late). */
void agent_expiry_due(struct agent *ag);
void agent_late_job(struct agent *ag, const struct ledger_job *job);

/* report.c: what ends soon, by mail to each tenant's contact. */
void agent_report_due(struct agent *ag);

/* prune.c: the ledger lets go what section retention doesn't keep, a little at a time; anew: a
 * pass begins soon. */
void agent_prune_due(struct agent *ag);
void agent_prune_anew(struct agent *ag);
#define AGENT_PRUNED_ALARMS "pruned.alarms" /* meta: alarms that the ledger let go */

/* metrics.c: the counters' file, once a minute. */
void agent_metrics_due(struct agent *ag);

#endif
