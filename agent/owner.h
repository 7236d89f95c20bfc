/* agent/owner.h - what the owners of mailboxes are told (owner.c). */
#ifndef AGENT_OWNER_H
#define AGENT_OWNER_H
#include "agent.h"

/* Certificate C came and is stored: in the open transaction. */
void agent_owner_issued(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c);
/* forget.c */
agent_command agent_cmd_forget;
void agent_forget_job(struct agent *ag, const struct ledger_job *job);
void agent_erase_job(struct agent *ag, const struct ledger_job *job);
/* For "show": the tombstone of BOX as member "forgotten"; false if it has none. */
bool agent_put_forgotten(struct agent *ag, struct base_arena *a, const char *box, json_t *answer);

#endif
