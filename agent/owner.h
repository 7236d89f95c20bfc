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

/* alias.c */
/* In the pool. *MAILBOX: whose ADDRESS is by cfg's alias_maps; NULL: no alias, or a list. */
enum base_fail_class agent_alias_resolve(const struct policy_config *cfg, struct base_arena *a,
                                         const char *address, const char **mailbox,
                                         struct base_fail *f);
/* Has the aliases of a certificate's addresses looked up; in the open transaction. */
void agent_alias_look(struct agent *ag, struct base_arena *a, int64_t certificate);
void agent_alias_job(struct agent *ag, const struct ledger_job *job);
bool agent_cmd_alias_start(struct agent *ag, int64_t client, const json_t *req, struct base_fail *f);

#endif
