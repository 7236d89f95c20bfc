/* agent/show.h - rows as JSON, shared by the control commands. New references. */
#ifndef AGENT_SHOW_H
#define AGENT_SHOW_H
#include "agent.h"

json_t *agent_event_json(const struct ledger_event *e);
json_t *agent_intent_json(const struct ledger_intent *i);
json_t *agent_mail_json(const struct ledger_mail *m); /* without link and facts */
/* All local records (see record.approve) of the profiles in CFG. */
json_t *agent_records(struct ledger *l, const struct policy_config *cfg);

#endif
