/* agent/batch.h - many orders that were asked for at once: a batch is placed line by line.
 *
 * batch.c places; control_batch.c, batchshow.c and control_day.c are the commands. */
#ifndef AGENT_BATCH_H
#define AGENT_BATCH_H
#include "agent.h"
#include "ledger/batch.h"

#define AGENT_BATCH_PAGE 500 /* lines in one message */

/* Places the next lines of every batch that runs, as far as limits allow. */
void agent_batches_due(struct agent *ag);
/* Sentences about batches that wait for a person, for "status". */
void agent_batches_attention(struct agent *ag, json_t *list);
/* Writes the state with its event, in the open transaction. */
bool agent_batch_move(struct agent *ag, struct base_arena *a, struct ledger_batch *b,
                      const char *state, const char *by, const char *text);

/* The account that line L goes over, REQ being its request; NULL: none, the line will be refused. */
const char *agent_batch_account(struct agent *ag, struct base_arena *a, const struct ledger_batch *b,
                                const struct ledger_batch_line *l, const json_t *req);

/* ---- how fast (batchrate.c) --------------------------------------------------------------- */
/* May work that can wait send a request for ACCOUNT now? LOOK: only looks at an order. */
bool agent_rate_room(struct agent *ag, const char *account, bool look);
/* What the next order of a batch over ACCOUNT waits for now, a sentence in A; NULL = for nothing. */
const char *agent_rate_why(struct agent *ag, struct base_arena *a, const char *account);
/* Seconds that N orders over ACCOUNT take at the rate that batches keep to. */
int64_t agent_rate_seconds(const struct policy_account *acc, int64_t n);
/* The least time between two looks at one order of ACCOUNT: many open orders share what the
 * limit leaves. 0 while there are few. */
int64_t agent_rate_spread(struct agent *ag, const char *account);

/* ---- commands --------------------------------------------------------------------------------- */
agent_command agent_cmd_batch_open, agent_cmd_batch_lines, agent_cmd_batch_check;
agent_command agent_cmd_batch_start, agent_cmd_batch_status, agent_cmd_batch_list;
agent_command agent_cmd_batch_pause, agent_cmd_batch_resume, agent_cmd_batch_stop;
agent_command agent_cmd_batch_results;
/* control_day.c: the day on which a CA revokes in bulk */
agent_command agent_cmd_batch_fill, agent_cmd_issued, agent_cmd_reissue_forecast;
/* The batch that REQ names. */
enum base_fail_class agent_batch_of(struct agent *ag, struct base_arena *a, const json_t *req,
                                    struct ledger_batch *b, struct base_fail *f);
/* Its state and counts into ANSWER, with a warning if the deadline can't be kept. */
enum base_fail_class agent_batch_put(struct agent *ag, const struct ledger_batch *b, json_t *answer,
                                     struct base_fail *f);
#endif
