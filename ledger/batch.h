/* ledger/batch.h - batches: many orders, reissues or renewals that were asked for at once.
 *
 * Failures, memory and pages are as in ledger.h. A line ends by itself when its order
 * does (a trigger), so what is counted here is always true. */
#ifndef LEDGER_BATCH_H
#define LEDGER_BATCH_H
#include "ledger.h"

struct ledger_batch {
    int64_t id;
    const char *key;  /* of what was asked for */
    const char *kind; /* "order" "reissue" "renew" */
    const char *name; /* of the file, or the question */
    /* "open" (lines come in) "running" "paused" "braked" "placed" (nothing left to order, some
     * not issued yet) "stopped" "done" */
    const char *state;
    const char *by, *reason;
    int64_t wave, every, wave_left, next_at, deadline;
    int64_t since, until; /* the question that "reissue" and "renew" answer */
    const char *issuer;   /* part of the issuer's name; NULL */
    int64_t created, started, ended;
    const char *text; /* of the present state, for a person */
};
enum base_fail_class ledger_batch_add(struct ledger *l, const struct ledger_batch *b, int64_t *id,
                                      struct base_fail *f);
enum base_fail_class ledger_batch_get(struct ledger *l, struct base_arena *a, int64_t id,
                                      struct ledger_batch *out, struct base_fail *f);
/* The newest of KEY. */
enum base_fail_class ledger_batch_find(struct ledger *l, struct base_arena *a, const char *key,
                                       struct ledger_batch *out, struct base_fail *f);
/* Writes every member but id, key, kind, by, created. */
enum base_fail_class ledger_batch_update(struct ledger *l, const struct ledger_batch *b,
                                         struct base_fail *f);
/* Newest first, ids < BEFORE (0 = from the newest). */
enum base_fail_class ledger_batch_list(struct ledger *l, struct base_arena *a, int64_t before,
                                       size_t limit, struct ledger_batch **out, size_t *n,
                                       struct base_fail *f);
/* Those in which time does something: running, braked, placed. At most 100. */
enum base_fail_class ledger_batch_active(struct ledger *l, struct base_arena *a,
                                         struct ledger_batch **out, size_t *n, struct base_fail *f);

/* Lines by their states. */
struct ledger_batch_counts {
    int64_t waiting, placed, issued, failed, refused, duplicate;
};
enum base_fail_class ledger_batch_count(struct ledger *l, int64_t batch,
                                        struct ledger_batch_counts *out, struct base_fail *f);

struct ledger_batch_line {
    int64_t id, batch, line;
    const char *key, *mailbox;
    const char *state; /* "waiting" "placed" "issued" "failed" "refused" "duplicate" */
    int64_t order_row; /* 0 = none */
    int64_t changed;
    const char *text;    /* why, for a person */
    const char *request; /* JSON */
};
/* A line that is there already stays as it is. */
enum base_fail_class ledger_batch_line_add(struct ledger *l, const struct ledger_batch_line *line,
                                           struct base_fail *f);
/* The next ones that wait, ascending. */
enum base_fail_class ledger_batch_line_next(struct ledger *l, struct base_arena *a, int64_t batch,
                                            size_t limit, struct ledger_batch_line **out, size_t *n,
                                            struct base_fail *f);
/* Writes state, order_row, changed, text. */
enum base_fail_class ledger_batch_line_update(struct ledger *l,
                                              const struct ledger_batch_line *line,
                                              struct base_fail *f);
/* The line that placed ORDER ends otherwise than the order's state would say. */
enum base_fail_class ledger_batch_line_fail(struct ledger *l, int64_t order, int64_t at,
                                            const char *text, struct base_fail *f);
/* Lines that failed or were refused wait again; *n of them. */
enum base_fail_class ledger_batch_line_retry(struct ledger *l, int64_t batch, int64_t at, int64_t *n,
                                             struct base_fail *f);
/* The highest line number so far; 0. */
enum base_fail_class ledger_batch_line_last(struct ledger *l, int64_t batch, int64_t *line,
                                            struct base_fail *f);
/* An order of another line that asks for the same as KEY and is under way, or whose
 * certificate is current; *order 0 = none. */
enum base_fail_class ledger_batch_line_twin(struct ledger *l, const char *key, int64_t line,
                                            int64_t *order, struct base_fail *f);

/* A line as its outcome is shown. */
struct ledger_batch_result {
    int64_t line;
    const char *mailbox, *state;
    int64_t order_row, certificate;
    const char *text;
};
/* Lines > AFTER, ascending. The text is the order's while it is under way. */
enum base_fail_class ledger_batch_results(struct ledger *l, struct base_arena *a, int64_t batch,
                                          int64_t after, size_t limit,
                                          struct ledger_batch_result **out, size_t *n,
                                          struct base_fail *f);

/* Orders of ACCOUNT whose request has not arrived at the CA for certain. */
enum base_fail_class ledger_order_early(struct ledger *l, const char *account, int64_t *n,
                                        struct base_fail *f);
/* Orders of ACCOUNT that are not over. */
enum base_fail_class ledger_order_open(struct ledger *l, const char *account, int64_t *n,
                                       struct base_fail *f);

/* Current certificates of our own orders issued from SINCE to before UNTIL whose issuer has
 * ISSUER in its name (NULL = any). */
struct ledger_issued {
    int64_t id, not_before, order_row;
    const char *mailbox, *account, *key_id;
};
/* Ordered by not_before then id, behind (AFTER_TIME, AFTER_ID). */
enum base_fail_class ledger_issued_list(struct ledger *l, struct base_arena *a, int64_t since,
                                        int64_t until, const char *issuer, int64_t after_time,
                                        int64_t after_id, size_t limit, struct ledger_issued **out,
                                        size_t *n, struct base_fail *f);
/* How many, of ACCOUNT (NULL = all). */
enum base_fail_class ledger_issued_count(struct ledger *l, int64_t since, int64_t until,
                                         const char *issuer, const char *account, int64_t *n,
                                         struct base_fail *f);
#endif
