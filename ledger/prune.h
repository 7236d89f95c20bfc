/* ledger/prune.h - what is let go after a time, so that the ledger doesn't grow for ever.
 *
 * Gone are: records of daily work that prove nothing (a notice that left, a publication of a
 * certificate that isn't current any more, a mail that was taken), CA mails that are through and
 * belong to no request and no certificate of ours and on which no person decided, and the marks
 * by which a notice goes once. Never anything of orders, requests, certificates, attestations,
 * agreements, consents, exports or persons' acts, nor a used token: triggers refuse it. */
#ifndef LEDGER_PRUNE_H
#define LEDGER_PRUNE_H
#include "ledger.h"

/* A pass through all; zeroed = at its begin. */
struct ledger_prune {
    int64_t events_before, mails_before; /* older than that; 0 = all of them stay */
    int64_t events, mails, marks;        /* gone so far */
    int64_t alarms;                      /* of the events: alarm.* */
    bool over;
    int step;                            /* where it is */
    int64_t at, id;
};
/* The next slice, in the open transaction: looks at LIMIT rows at most. P moves on even if the
 * transaction is rolled back later: keep a copy. */
enum base_fail_class ledger_prune(struct ledger *l, struct ledger_prune *p, size_t limit,
                                  struct base_fail *f);
#endif
