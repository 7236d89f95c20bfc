/* ledger/checkpoint.h - writing the log of changes back into the file, beside the loop.
 *
 * A commit is on disk when it is in the log; the pages reach the file later, which costs as
 * many random writes as pages changed, and waits for the disk. A thread does that over a
 * connection of its own; who writes goes on meanwhile. */
#ifndef LEDGER_CHECKPOINT_H
#define LEDGER_CHECKPOINT_H
#include "ledger.h"

/* From now on the pages of L's log are counted, and no checkpoint happens by itself. */
void ledger_log_count(struct ledger *l);
/* Pages in the log as of the last commit, whether they are in the file already or not. */
int ledger_log_pages(const struct ledger *l);
/* Any thread; blocks. What is in the log of PATH now is in the file, too, as far as nobody reads
 * an older state (no failure). Temporary "ledger.io", "ledger.full". */
enum base_fail_class ledger_checkpoint_beside(const char *path, struct base_fail *f);
/* The loop's own: the few pages that came since, so that the log can begin anew. */
enum base_fail_class ledger_checkpoint(struct ledger *l, struct base_fail *f);
#endif
