/* agent/backup.h - the agent's part of backup and restore.
 *
 * Backup: a snapshot of the ledger in a file beside it, made by a worker thread;
 * one at a time. Restore: the fence. A ledger that comes from a backup says so, and
 * until an administrator ends that the agent only reads at the CA: nothing is
 * confirmed, ordered, changed or written to anybody. */
#ifndef AGENT_BACKUP_H
#define AGENT_BACKUP_H
#include "agent.h"

agent_command agent_cmd_backup_start, agent_cmd_backup_state, agent_cmd_backup_end;
agent_command agent_cmd_backup_proved;
agent_command agent_cmd_restore_report, agent_cmd_restore_finish;

/* At start: the mark is read; what a killed agent left of a snapshot goes. */
enum base_fail_class agent_fence_load(struct agent *ag, struct base_fail *f);
/* May this job run now? If not it has been put off. */
bool agent_fence_job(struct agent *ag, const struct ledger_job *job);
/* Is CMD one that waits? Fills F: "restore.fenced". */
bool agent_fence_refuses(const struct agent *ag, const char *cmd, struct base_fail *f);
/* The CA has something that this ledger doesn't tell: noted for the report, in the open
 * transaction. KIND "found" or "changed". Nothing happens without a fence. */
void agent_fence_note(struct agent *ag, const char *kind, const struct ledger_order *o,
                      const char *text);
/* All of ACCOUNT was read: in the open transaction. */
void agent_fence_read(struct agent *ag, const char *account);
/* Members "fence" and "backup" of the status, and a sentence for ATT. */
void agent_backup_status(struct agent *ag, json_t *answer, json_t *att);
/* restored.c: the owners of all keys are told of the restore; in the open transaction. */
bool agent_restored_tell(struct agent *ag);
void agent_restored_job(struct agent *ag, const struct ledger_job *job);

#endif
