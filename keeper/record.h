/* keeper/record.h - one key as it stands on disk, and its envelope.
 *
 * A record is one JSON object: who the key is for, the sealed private key, the
 * certificates beside it. Text belongs to the arena. */
#ifndef KEEPER_RECORD_H
#define KEEPER_RECORD_H
#include <jansson.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "client.h"
#include "vault.h"

#define KEEPER_RECORD_FORMAT 1
#define KEEPER_RECORD_MAX (8 * 1024 * 1024)
#define KEEPER_SEALED_MAX 4224 /* bytes of a sealed private key */

struct keeper_record {
    struct keeper_key k;
    const char *request; /* the caller's id for it */
    const char *kek_id;
    struct base_bytes wrapped; /* data key under the KEK; empty when destroyed */
    struct base_bytes sealed;  /* PKCS#8 under the data key; empty when destroyed */
};

/* [a-z2-7], KEEPER_ID_LEN of them. */
bool keeper_id_ok(const char *id);

json_t *keeper_record_to_json(const struct keeper_record *r);
/* Permanent "keeper.damaged" names the member that is missing or wrong. */
enum base_fail_class keeper_record_from_json(struct base_arena *a, const json_t *o,
                                             struct keeper_record *r, struct base_fail *f);
/* What the other processes may know; certificates with their PEM if WITH_PEM. */
json_t *keeper_record_public(const struct keeper_record *r, bool with_pem);

/* Seals KEY: a fresh data key under the KEK, the private key under the data key.
 * Both are tied to everything in R->k that says whose key it is. */
enum base_fail_class keeper_envelope_seal(const struct keeper_vault *v, struct base_arena *a,
                                          struct keeper_record *r, const EVP_PKEY *key,
                                          struct base_fail *f);
/* The private key, after all of that has been found unchanged. Permanent
 * "keeper.destroyed", "keeper.damaged"; *OUT is the caller's. */
enum base_fail_class keeper_envelope_open(const struct keeper_vault *v,
                                          const struct keeper_record *r, EVP_PKEY **out,
                                          struct base_fail *f);

/* The data key of R under the present KEK, whichever sealed it; the private key stays
 * sealed. Same failures. */
enum base_fail_class keeper_envelope_rewrap(const struct keeper_vault *v, struct base_arena *a,
                                            struct keeper_record *r, struct base_fail *f);

#endif
