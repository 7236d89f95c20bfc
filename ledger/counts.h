/* ledger/counts.h - how much there is of what: for counters, not for pages.
 *
 * Every query reads an index only, so that a million rows cost tens of milliseconds.
 * Failures and memory as in ledger.h. */
#ifndef LEDGER_COUNTS_H
#define LEDGER_COUNTS_H
#include "ledger.h"

enum ledger_counted {
    LEDGER_COUNT_MAILS = 0, /* kind, verdict, rule that refused */
    LEDGER_COUNT_ORDERS,    /* account, state */
    LEDGER_COUNT_INTENTS,   /* state */
    LEDGER_COUNT_JOBS,      /* kind, "waiting" or "failing" */
};
struct ledger_group {
    const char *a, *b, *c; /* NULL where there is none */
    int64_t n;
};
enum base_fail_class ledger_groups(struct ledger *l, struct base_arena *a, enum ledger_counted what,
                                   struct ledger_group **out, size_t *n, struct base_fail *f);

/* Current certificates that end before T; INT64_MAX = all current ones. */
enum base_fail_class ledger_count_ending(struct ledger *l, int64_t before, int64_t *n,
                                         struct base_fail *f);
/* Counted no further than LIMIT: jobs, and those of them that failed before; jobs of KIND; mails
 * in STATE. */
enum base_fail_class ledger_count_jobs(struct ledger *l, int64_t limit, int64_t *jobs, int64_t *failed,
                                       struct base_fail *f);
enum base_fail_class ledger_count_jobs_of(struct ledger *l, const char *kind, int64_t limit, int64_t *n,
                                          struct base_fail *f);
enum base_fail_class ledger_count_mails(struct ledger *l, const char *state, int64_t limit, int64_t *n,
                                        struct base_fail *f);
/* When the next current certificate ends; 0 = there is none. */
enum base_fail_class ledger_next_end(struct ledger *l, int64_t *at, struct base_fail *f);
/* Current ones of which nobody could say whether they are revoked, asked before T. */
enum base_fail_class ledger_count_unchecked(struct ledger *l, int64_t before, int64_t *n,
                                            struct base_fail *f);
/* When the oldest mail that is not through was received; 0 = none. */
enum base_fail_class ledger_oldest_mail(struct ledger *l, int64_t *at, struct base_fail *f);
/* Events of TYPE_PREFIX, which ends with ".", ever. */
enum base_fail_class ledger_count_events(struct ledger *l, const char *type_prefix, int64_t *n,
                                         struct base_fail *f);

#endif
