/* deliver/deliver.h - what every publisher takes and gives back.
 *
 * A publisher brings one certificate of one mailbox to one target, or takes it away
 * again. Every call blocks (call from a worker) and is idempotent: the same item again
 * leaves the target as it is. Nothing half stays behind a failure that a repetition does
 * not mend. Results belong to the arena.
 *
 * Failures: temporary (unreachable, busy, full: tried again with back-off), permanent (the
 * target refuses, is configured wrongly, does not know the mailbox: given up until a person
 * says "retry" or the certificate changes), ours. Codes start with "deliver.". */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "policy/config.h"

struct deliver_certificate {
    const char *thumbprint; /* hex SHA-256 of the DER */
    struct base_bytes der;
    const char *chain_pem;  /* leaf first, without root */
    const char *key_id;     /* the keeper's; NULL: no key here */
    const char *usage;      /* "sign" "encrypt" "both" */
    const char *serial, *issuer, *subject;
    int64_t not_before, not_after;
};

struct deliver_item {
    const char *mailbox, *tenant;
    /* the key (base/mailbox.h) that MAILBOX had while its domain was folded, or wasn't; NULL: it is
     * the same, or another mailbox's now. What lies in its place is taken away. */
    const char *former;
    struct deliver_certificate cert;
    bool withdraw;      /* take it away again */
    const char *reason; /* why: "issued", "renewed", "revoked", "expired", "superseded", "retry",
                         * "history" (mail: once more, with the older keys) */
    /* what shall be published of this mailbox once this item is through, newest first;
     * without CERT where it is withdrawn */
    const struct deliver_certificate *current;
    size_t ncurrent;
    const char *note; /* deliver_done.note of this certificate's last time here; NULL */
};

/* What the process that publishes lends to every publisher. */
struct deliver_world {
    const struct policy_config *cfg;
    const char *keeper_socket; /* the agent's */
    /* The text of a credential; NULL = absent. The caller wipes and frees it with
     * deliver_secret_free(). */
    char *(*secret)(const struct deliver_world *w, const char *name);
};
void deliver_secret_free(char *s); /* NULL is fine */

/* Where a publisher of kind files puts a mailbox with this key. */
const char *deliver_files_place(struct base_arena *a, const struct policy_publisher *t,
                                const char *key);

struct deliver_done {
    const char *where; /* for a person: a path, a DN, a Message-ID */
    const char *note;  /* a sentence worth keeping; NULL: what was noted before stays */
    bool clear_key;    /* the certificate's key lies there in clear (files, consumer) */
};

typedef enum base_fail_class deliver_publisher(const struct deliver_world *w,
                                               const struct policy_publisher *t,
                                               const struct deliver_item *it, struct base_arena *a,
                                               struct deliver_done *out, struct base_fail *f);
deliver_publisher deliver_files, deliver_ldap, deliver_mail, deliver_hook;
deliver_publisher deliver_publish; /* by t->kind */

#endif
