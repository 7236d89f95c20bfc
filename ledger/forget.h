/* ledger/forget.h - mailboxes that are forgotten: asked for by one person, confirmed by another,
 * and at last a dated tombstone that names nobody.
 *
 * Failures and memory as in ledger.h. */
#ifndef LEDGER_FORGET_H
#define LEDGER_FORGET_H
#include "ledger.h"

struct ledger_forget {
    int64_t id;
    const char *hash;    /* hex SHA-256 of the mailbox's key: knows it again, tells it to nobody */
    const char *mailbox; /* NULL once erased */
    const char *tenant, *reason;
    const char *asked_by, *confirmed_by; /* confirmed_by NULL = not yet */
    const char *state;                   /* "asked" "confirmed" "done" (keys are gone) "erased" */
    int64_t asked_at, confirmed_at, done_at, erase_at, erased_at;
    int64_t keys, certificates; /* destroyed; erased */
};
enum base_fail_class ledger_forget_add(struct ledger *l, const struct ledger_forget *r, int64_t *id,
                                       struct base_fail *f);
enum base_fail_class ledger_forget_get(struct ledger *l, struct base_arena *a, int64_t id,
                                       struct ledger_forget *out, struct base_fail *f);
/* The newest of MAILBOX. */
enum base_fail_class ledger_forget_of(struct ledger *l, struct base_arena *a, const char *mailbox,
                                      struct ledger_forget *out, struct base_fail *f);
/* Writes all but id, hash, tenant, reason, asked_*. */
enum base_fail_class ledger_forget_update(struct ledger *l, const struct ledger_forget *r,
                                          struct base_fail *f);
/* Takes MAILBOX out of every table; NAME stands in its place. Certificates keep serial number
 * and dates, and lose subject and content where they name no other mailbox. *certificates:
 * how many. The only way by which something append-only changes. */
enum base_fail_class ledger_forget_erase(struct ledger *l, const char *mailbox, const char *name,
                                         int64_t *certificates, struct base_fail *f);

#endif
