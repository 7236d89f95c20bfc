/* agent/folding.h - the configuration's word on local parts, and what the ledger makes of it. */
#ifndef AGENT_FOLDING_H
#define AGENT_FOLDING_H
#include "agent.h"
#include "keeper/client.h"

/* Brings the ledger to what CONF says of each domain. Where that would make one mailbox of two, the
 * domain stays as it is, CONF is changed to say so, and status and doctor tell it. In the
 * open transaction, or one of its own; a failure is the ledger's, and changes nothing. */
enum base_fail_class agent_folding_apply(struct agent *ag, struct agent_conf *conf,
                                         struct base_fail *f);
/* Sentences (a borrowed array) about domains that stay as they were. */
const json_t *agent_folding_kept(const struct agent *ag);
/* Where the keeper's command line and the configuration differ, a sentence that says so; else NULL. */
const char *agent_folding_keeper(struct base_arena *a, const struct policy_config *cfg,
                                 const struct keeper_status *st);

#endif
