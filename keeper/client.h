/* keeper/client.h - what the other processes may ask the keeper for.
 *
 * SOCK is the path of one of the keeper's two sockets: the agent's (peer must be
 * the agent's user or root) or the administrator's (root or the admin group).
 * Every call connects, asks, waits for the answer and closes: call from a
 * worker thread, never from an event loop (an RSA-4096 key can take 10 s and
 * more; calls give up after KEEPER_TIMEOUT_MS). Results belong to the arena.
 * A private key never leaves in clear over a socket; a PKCS#12 always carries a passphrase.
 *
 * Failures of every call: temporary "ipc.connect", "ipc.timeout", "ipc.closed",
 * "keeper.busy"; permanent "keeper.request" (a member is missing or malformed),
 * "keeper.denied" (not on this socket), "keeper.absent" (no such key),
 * "keeper.destroyed" (only its tombstone is left), "keeper.damaged" (the stored
 * key fails authentication); ours "keeper.internal", "file.write". More where noted. */
#ifndef KEEPER_CLIENT_H
#define KEEPER_CLIENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define KEEPER_ID_LEN 26 /* characters of a key id or export id: [a-z2-7] */
#define KEEPER_ID (KEEPER_ID_LEN + 1)
#define KEEPER_REQUEST_MAX 64        /* characters of a request id: [A-Za-z0-9._:-] */
#define KEEPER_TEXT_MAX 320          /* bytes of mailbox, tenant, cn, who, reason */
#define KEEPER_EMAILS_MAX 20         /* addresses in one CSR */
#define KEEPER_CHAIN_MAX (40 * 1024) /* bytes of an attached PEM chain */
#define KEEPER_CERTS_MAX 100         /* certificates kept beside one key */
#define KEEPER_PAGE_MAX 100          /* members of one page */
#define KEEPER_TIMEOUT_MS 120000

struct keeper_cert {
    int64_t attached; /* seconds */
    char sha256[BASE_SHA256_HEX];
    const char *pem; /* chain, leaf first; NULL in lists */
};
struct keeper_key {
    char id[KEEPER_ID];
    char spki_sha256[BASE_SHA256_HEX];
    const char *mailbox, *tenant;
    const char *type;    /* "rsa2048" "rsa3072" "rsa4096" "p256" "p384" */
    const char *custody; /* "keep" or "forget" */
    int64_t created;     /* seconds */
    bool destroyed;
    int64_t destroyed_at;
    const char *destroyed_reason; /* NULL unless destroyed */
    size_t n_certs;               /* oldest first; empty array in lists, the count is set */
    struct keeper_cert *certs;
};

/* Where EXACT is asked for below, a mailbox is that of exactly this spelling, whatever
 * else the keeper's own command line says (keeper/exact.h). */

/* --- as agent --------------------------------------------------------------- */

/* A new key pair, on disk before the answer comes. REQUEST is chosen by the
 * caller, written down by it before, and unique for this key: the same REQUEST
 * again returns the same key (after a crash, a lost answer). Permanent
 * "keeper.conflict": that request was for another mailbox, tenant, type or custody. */
enum base_fail_class keeper_make_key(const char *sock, const char *request, const char *mailbox,
                                     const char *tenant, const char *type, const char *custody,
                                     char key_id[KEEPER_ID], char spki_sha256[BASE_SHA256_HEX],
                                     struct base_fail *f);
/* A CSR for that key, PEM with "NEW CERTIFICATE REQUEST" tags, SHA-256 (P-384:
 * SHA-384). CN may be NULL. EMAILS go into a requested subjectAltName: plain
 * ASCII ones as rfc822Name, others as SmtpUTF8Mailbox. */
enum base_fail_class keeper_csr(const char *sock, struct base_arena *a, const char *key_id,
                                const char *cn, const char *const *emails, size_t n_emails,
                                char **pem, struct base_fail *f);
/* Both sockets. Also for destroyed keys. */
enum base_fail_class keeper_key_info(const char *sock, struct base_arena *a, const char *key_id,
                                     struct keeper_key *out, struct base_fail *f);
/* Both sockets. Keys in the order of their ids, those after AFTER (NULL = from
 * the start), at most LIMIT (<= KEEPER_PAGE_MAX); MAILBOX NULL = all; EXACT as above. Fewer than
 * LIMIT means the end. A file that can't be read is left out and logged. */
enum base_fail_class keeper_list(const char *sock, struct base_arena *a, const char *after,
                                 const char *mailbox, bool exact, size_t limit,
                                 struct keeper_key **list,
                                 size_t *n, struct base_fail *f);
/* Keeps the chain (PEM, leaf first) beside the key. Append-only; the same leaf
 * again changes nothing. Permanent "keeper.mismatch": the leaf is for another
 * key; "cert.*": unreadable. Allowed for destroyed keys too (history). */
enum base_fail_class keeper_attach(const char *sock, const char *key_id, const char *chain_pem,
                                   struct base_fail *f);
/* The private key is wiped, a tombstone with the reason and the certificates stays.
 * Destroyed already: BASE_OK. */
enum base_fail_class keeper_destroy(const char *sock, const char *key_id, const char *reason,
                                    struct base_fail *f);

/* --- PKCS#12 ---------------------------------------------------------------- */

struct keeper_export {
    char id[KEEPER_ID]; /* export id, as in the journal */
    char key_id[KEEPER_ID];
    const char *mailbox;
    char cert_sha256[BASE_SHA256_HEX];
    struct base_bytes p12; /* in the arena */
    char *passphrase; /* in the arena, administrator only (NULL for the agent): wiped by finish */
    int fd;           /* the open conversation */
};

/* Agent: a PKCS#12 of the key and its newest certificate, sealed with a
 * passphrase that the keeper makes and that only keeper_admin_passphrase() gives
 * out. In the journal before the answer leaves. Always call
 * keeper_export_finish() afterwards. Permanent "keeper.nocert". */
enum base_fail_class keeper_seal_p12(const char *sock, struct base_arena *a, const char *key_id,
                                     const char *who, const char *reason, struct keeper_export *out,
                                     struct base_fail *f);
/* Administrator: the same, KEY is a key id or a mailbox (then the key with the
 * newest certificate; permanent "keeper.ambiguous" when it stands in several
 * tenants; EXACT as above). PASSPHRASE NULL: the keeper makes one (out->passphrase says it either way). */
enum base_fail_class keeper_export_p12(const char *admin_sock, struct base_arena *a,
                                       const char *key, bool exact, const char *passphrase,
                                       const char *who, const char *reason, struct keeper_export *out,
                                       struct base_fail *f);
/* Ends an export and wipes the passphrase. DELIVERED says that the PKCS#12 is safe with
 * its receiver: a key in custody "forget" is destroyed then, and only then. If it was
 * sealed, its passphrase waits to be handed out from then on (keeper/delivery.h), and the
 * key ends when that is done. */
enum base_fail_class keeper_export_finish(struct keeper_export *e, bool delivered,
                                          struct base_fail *f);
/* Administrator: the passphrase of a sealed PKCS#12 by export id; journalled
 * before it leaves. *PASSPHRASE in A; wipe it after use. */
enum base_fail_class keeper_admin_passphrase(const char *admin_sock, struct base_arena *a,
                                             const char *export_id, const char *who,
                                             const char *reason, char **passphrase,
                                             struct base_fail *f);

/* --- a key in clear, for a program of this host -------------------------------- */

/* Agent: the keeper writes key and chain (PEM) of that certificate for MAILBOX into the
 * folder of CONSUMER, which its own command line names (--consumer). In the journal before
 * it is there; what lies there already is not written again. Permanent "keeper.consumer"
 * (no such consumer, its folder, not for signing), "keeper.mismatch", "keeper.nocert". */
enum base_fail_class keeper_consumer_write(const char *sock, const char *consumer,
                                           const char *key_id, const char *cert_sha256,
                                           const char *mailbox, bool exact, const char *who,
                                           const char *reason, struct base_fail *f);
/* Takes MAILBOX's key out of CONSUMER's folder; none there is BASE_OK. */
enum base_fail_class keeper_consumer_remove(const char *sock, const char *consumer,
                                            const char *mailbox, bool exact, const char *who,
                                            const char *reason, struct base_fail *f);

/* --- keys from elsewhere ------------------------------------------------------ */

struct keeper_import {
    const char *mailbox, *tenant;
    const unsigned char *pkcs8; /* RFC 5958, in clear: the caller's to wipe */
    size_t n_pkcs8;
    const char *chain_pem; /* leaf first; the leaf must be the key's */
    const char *who, *reason;
};
/* Administrator: keeps a private key that was made elsewhere, with its certificate. In
 * the journal before the answer; the same key again changes nothing. Permanent
 * "keeper.key-type", "keeper.mismatch", "keeper.conflict" (kept for another mailbox),
 * "keeper.destroyed", "cert.*". */
enum base_fail_class keeper_import_key(const char *admin_sock, const struct keeper_import *k,
                                       char key_id[KEEPER_ID], char spki_sha256[BASE_SHA256_HEX],
                                       struct base_fail *f);

/* --- export journal --------------------------------------------------------- */

struct keeper_journal_entry {
    int64_t n; /* 1, 2, 3, ... */
    int64_t at;
    const char *kind;   /* "export" (administrator), "seal" (agent), "passphrase", "consumer",
                         * "import", "destroy" */
    const char *export; /* export id, NULL for "destroy" */
    const char *key_id, *mailbox, *tenant;
    const char *cert_sha256;  /* NULL for "destroy", "import" and "passphrase" */
    const char *who, *reason; /* as given */
    int64_t uid;              /* of the peer */
};
/* Both sockets. Entries after number AFTER, at most LIMIT (<= KEEPER_PAGE_MAX). */
enum base_fail_class keeper_exports_since(const char *sock, struct base_arena *a, int64_t after,
                                          size_t limit, struct keeper_journal_entry **list,
                                          size_t *n, struct base_fail *f);

/* --- evidence ------------------------------------------------------------------ */

/* Agent: a signature over content whose SHA-256 is given, as DER of a CMS message without the
 * content (cert/evidence.h puts it in), by a key that serves nothing else and is made at first use.
 * ABOUT ("order:7") goes into the keeper's log. */
enum base_fail_class keeper_sign_evidence(const char *sock, struct base_arena *a,
                                          const char sha256[BASE_SHA256_HEX], const char *about,
                                          struct base_bytes *cms, struct base_fail *f);
/* Both sockets: that key's certificate, PEM. */
enum base_fail_class keeper_evidence_signer(const char *sock, struct base_arena *a,
                                            const char **pem, struct base_fail *f);

/* --- health ----------------------------------------------------------------- */

struct keeper_status {
    const char *version;
    const char *kek_id; /* 16 hex characters */
    const char *old_kek_id; /* of the one that a rewrap replaces; "" = none is under way */
    int64_t started;    /* seconds */
    bool locked;        /* secret memory can't be swapped out */
    const char **exact; /* domains whose local parts it compares exactly */
    size_t nexact;
};
enum base_fail_class keeper_ping(const char *sock, struct base_arena *a, struct keeper_status *out,
                                 struct base_fail *f);

#endif
