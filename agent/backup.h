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

/* ---- since the backup (since.c); all but the last in a transaction, false: it failed ---- */
#define AGENT_SINCE_LOST                                                                           \
    "its key is not in that backup and is lost unless a later one has it: order anew"
#define AGENT_SINCE_ORDERED "ordered from here after the backup that was restored; " AGENT_SINCE_LOST
/* O's certificate of now is CERTIFICATE (the CA's id), not the one that the backup has, which stays as
 * it is, with its key. */
bool agent_since_reissued(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                          const char *certificate);
/* C are the CA's details of O: does the ledger have its certificate, too? If not: as above. */
bool agent_since_compare(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                         const struct ca_order *c);
/* O had not left when the backup was made. The CA has it, so it is never sent again. Always true. */
bool agent_since_found_again(struct agent *ag, const struct ca_order *c, struct ledger_order *o);

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
