/* ledger/publication.h - where the certificates of a mailbox are published.
 *
 * One row for a certificate of a mailbox at one publisher. `want` says what shall be,
 * `state` how far that is; failures are those of ledger.h. A mailbox whose certificates
 * change is due by itself (triggers), in the same transaction. */
#ifndef LEDGER_PUBLICATION_H
#define LEDGER_PUBLICATION_H
#include "ledger.h"

struct ledger_publication {
    int64_t id, mailbox; /* mailbox: row */
    const char *publisher;
    int64_t certificate;
    bool want; /* there, or taken away again */
    /* "waiting" (for its revocation state) "wanted" (work to do, by want) "working"
     * "published" "withdrawn" "failed" (tried again at next) "given-up" */
    const char *state;
    const char *reason; /* why it is wanted so: "issued", "revoked", "expired", ... */
    const char *place, *note, *error; /* where it is; for a person; of the last try. NULL */
    int64_t tries, next, changed;
    int64_t not_after; /* of the certificate */
    bool clear_key;    /* a key in clear lies there */
    /* only read: */
    const char *name, *thumbprint, *serial;
};
struct ledger_box {
    int64_t id;
    const char *name, *tenant;
};

enum base_fail_class ledger_publication_add(struct ledger *l, const struct ledger_publication *p,
                                            int64_t *id, struct base_fail *f);
/* Everything but id, mailbox, publisher, certificate. */
enum base_fail_class ledger_publication_update(struct ledger *l, const struct ledger_publication *p,
                                               struct base_fail *f);
enum base_fail_class ledger_publication_get(struct ledger *l, struct base_arena *a, int64_t id,
                                            struct ledger_publication *out, struct base_fail *f);
/* All of one mailbox at PUBLISHER (NULL = all), newest certificate first. */
enum base_fail_class ledger_publication_of(struct ledger *l, struct base_arena *a, int64_t mailbox,
                                           const char *publisher, struct ledger_publication **out,
                                           size_t *n, struct base_fail *f);
enum base_fail_class ledger_publication_of_certificate(struct ledger *l, struct base_arena *a,
                                                       int64_t certificate,
                                                       struct ledger_publication **out, size_t *n,
                                                       struct base_fail *f);
/* PUBLISHER, STATE NULL = all; ascending, ids > AFTER. */
enum base_fail_class ledger_publication_list(struct ledger *l, struct base_arena *a,
                                             const char *publisher, const char *state,
                                             int64_t after, size_t limit,
                                             struct ledger_publication **out, size_t *n,
                                             struct base_fail *f);
/* Rows in STATE, counted no further than LIMIT. */
enum base_fail_class ledger_publication_count(struct ledger *l, const char *state, int64_t limit,
                                              int64_t *n, struct base_fail *f);
enum base_fail_class ledger_publication_clear_keys(struct ledger *l, int64_t *n,
                                                   struct base_fail *f);

/* Mailboxes to be planned anew. */
enum base_fail_class ledger_publication_due(struct ledger *l, struct base_arena *a, size_t limit,
                                            struct ledger_box **out, size_t *n,
                                            struct base_fail *f);
enum base_fail_class ledger_publication_planned(struct ledger *l, int64_t mailbox,
                                                struct base_fail *f);
/* Makes those due whose published certificates have ended by NOW: at most LIMIT rows. */
enum base_fail_class ledger_publication_expire(struct ledger *l, int64_t now, size_t limit,
                                               struct base_fail *f);
/* Mailboxes, ascending by row, rows > AFTER. */
enum base_fail_class ledger_box_list(struct ledger *l, struct base_arena *a, int64_t after,
                                     size_t limit, struct ledger_box **out, size_t *n,
                                     struct base_fail *f);
enum base_fail_class ledger_box_get(struct ledger *l, struct base_arena *a, int64_t id,
                                    struct ledger_box *out, struct base_fail *f);
enum base_fail_class ledger_box_named(struct ledger *l, struct base_arena *a, const char *name,
                                      struct ledger_box *out, struct base_fail *f);
#endif
