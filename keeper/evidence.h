/* keeper/evidence.h - the key that signs evidence: what was known of an order, and when.
 *
 * One key (P-256) with a certificate of its own, made at first use and kept in the state
 * directory as evidence.json, the key sealed with the KEK. It signs hashes only: a CMS message
 * (RFC 5652) without its content, which whoever asked puts in. */
#ifndef KEEPER_EVIDENCE_H
#define KEEPER_EVIDENCE_H
#include "base/arena.h"
#include "store.h"
#include "vault.h"

/* The certificate, PEM in A. */
enum base_fail_class keeper_evidence_certificate(struct keeper_store *s, struct keeper_vault *v,
                                                 struct base_arena *a, const char **pem,
                                                 struct base_fail *f);
/* DER of a detached SignedData over the content whose SHA-256 is DIGEST; in A. */
enum base_fail_class keeper_evidence_sign(struct keeper_store *s, struct keeper_vault *v,
                                          struct base_arena *a,
                                          const unsigned char digest[BASE_SHA256_LEN],
                                          struct base_bytes *der, struct base_fail *f);
/* The key under the present KEK, if another one sealed it; none made yet is BASE_OK. The
 * certificate stays. Permanent "keeper.damaged": it can't be opened, and the file is as it was. */
enum base_fail_class keeper_evidence_rewrap(struct keeper_store *s, struct keeper_vault *v,
                                            struct base_fail *f);
#endif
