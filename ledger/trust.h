/* ledger/trust.h - who vouches for an order, agreements with the CA, releases of the brake.
 *
 * All append-only; rows are never changed or removed. Arenas, failures and
 * transactions are as in ledger.h. */
#ifndef LEDGER_TRUST_H
#define LEDGER_TRUST_H
#include "ledger.h"

/* ---- texts, kept word by word ---------------------------------------------------- */
/* SHA256 in hex of BODY; the same text again changes nothing. */
enum base_fail_class ledger_stated_put(struct ledger *l, const char *sha256, const char *version,
                                       const char *body, struct base_fail *f);
struct ledger_stated {
    const char *sha256, *version, *body;
};
enum base_fail_class ledger_stated_get(struct ledger *l, struct base_arena *a, const char *sha256,
                                       struct ledger_stated *out, struct base_fail *f);

/* ---- attestations (attestations.c) -------------------------------------------------- */
struct ledger_attestation {
    int64_t id, order_row;
    const char *source;      /* "person" "directory" "standing" (named by the configuration) */
    const char *asserted_by; /* a person with function; of a directory: who looked there */
    const char *dn, *values; /* of the directory's entry, and a JSON object of what it said; NULL */
    int64_t at;              /* when it was asserted */
    const char *text_version, *text_sha256; /* of stated_text */
    const char *entered_by;
    int64_t earlier;  /* the row that this one refers to, with its time and source; 0 = itself */
    int64_t recorded;
};
enum base_fail_class ledger_attestation_add(struct ledger *l, const struct ledger_attestation *t,
                                            int64_t *id, struct base_fail *f);
/* The newest of an order; "ledger.absent". */
enum base_fail_class ledger_attestation_of(struct ledger *l, struct base_arena *a, int64_t order,
                                           struct ledger_attestation *out, struct base_fail *f);
/* All of an order, oldest first. */
enum base_fail_class ledger_attestation_list(struct ledger *l, struct base_arena *a, int64_t order,
                                             struct ledger_attestation **out, size_t *n,
                                             struct base_fail *f);

/* ---- agreements (agreements.c) ------------------------------------------------------- */
struct ledger_agreement {
    int64_t id;
    const char *account, *what; /* "certificate-services" "master-services" "smime-terms" */
    const char *version, *name, *entered_by;
    int64_t at;
    const char *text_sha256; /* of what the CA showed then; NULL = it showed nothing */
};
enum base_fail_class ledger_agreement_add(struct ledger *l, const struct ledger_agreement *g,
                                          int64_t *id, struct base_fail *f);
/* The newest acceptance of WHAT, VERSION NULL = any; "ledger.absent". */
enum base_fail_class ledger_agreement_of(struct ledger *l, struct base_arena *a,
                                         const char *account, const char *what,
                                         const char *version, struct ledger_agreement *out,
                                         struct base_fail *f);
/* Of ACCOUNT, accepted at or before T (0 = ever), ascending by id. */
enum base_fail_class ledger_agreement_list(struct ledger *l, struct base_arena *a,
                                           const char *account, int64_t before, int64_t after,
                                           size_t limit, struct ledger_agreement **out, size_t *n,
                                           struct base_fail *f);

/* ---- mails of an intent: their ids, oldest first ------------------------------------------- */
enum base_fail_class ledger_mails_of_intent(struct ledger *l, struct base_arena *a, int64_t intent,
                                            size_t limit, int64_t **out, size_t *n,
                                            struct base_fail *f);

/* ---- the brake (brake.c) ----------------------------------------------------------------- */
/* Orders of ACCOUNT created at or after SINCE that used no release. */
enum base_fail_class ledger_brake_count(struct ledger *l, const char *account, int64_t since,
                                        int64_t *n, struct base_fail *f);
/* The same of one batch, whenever. */
enum base_fail_class ledger_brake_batch(struct ledger *l, const char *account, int64_t batch,
                                        int64_t *n, struct base_fail *f);
/* Who placed the first order of BATCH; NULL = there is none. */
enum base_fail_class ledger_brake_placed(struct ledger *l, struct base_arena *a, int64_t batch,
                                         const char **who, struct base_fail *f);
struct ledger_release {
    int64_t id;
    const char *account;
    int64_t batch, orders; /* batch 0: for any order */
    const char *reason, *who;
    int64_t at, until;
    int64_t used; /* orders that used it */
};
enum base_fail_class ledger_release_add(struct ledger *l, const struct ledger_release *r,
                                        int64_t *id, struct base_fail *f);
/* ACCOUNT NULL = all; ascending, ids > AFTER. */
enum base_fail_class ledger_release_list(struct ledger *l, struct base_arena *a,
                                         const char *account, int64_t after, size_t limit,
                                         struct ledger_release **out, size_t *n,
                                         struct base_fail *f);
/* Those that have room at NOW for an order of BATCH, those that end first first. */
enum base_fail_class ledger_release_open(struct ledger *l, struct base_arena *a,
                                         const char *account, int64_t batch, int64_t now,
                                         size_t limit, struct ledger_release **out, size_t *n,
                                         struct base_fail *f);
/* ORDER was made above the limits, by RELEASE. */
enum base_fail_class ledger_release_use(struct ledger *l, int64_t release, int64_t order,
                                        struct base_fail *f);
/* The release that ORDER used; "ledger.absent". */
enum base_fail_class ledger_release_of(struct ledger *l, struct base_arena *a, int64_t order,
                                       struct ledger_release *out, struct base_fail *f);
#endif
