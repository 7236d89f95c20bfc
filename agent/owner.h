/* agent/owner.h - what the owners of mailboxes are told (owner.c). */
#ifndef AGENT_OWNER_H
#define AGENT_OWNER_H
#include "agent.h"

/* Certificate C came and is stored: in the open transaction. */
void agent_owner_issued(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c);

#endif
