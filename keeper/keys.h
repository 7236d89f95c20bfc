/* keeper/keys.h - private keys: making, writing, reading, signing a CSR with them.
 *
 * EVP_PKEY objects belong to the caller (EVP_PKEY_free). Thread-safe. */
#ifndef KEEPER_KEYS_H
#define KEEPER_KEYS_H
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define KEEPER_PKCS8_MAX 4096

/* "rsa2048" "rsa3072" "rsa4096" "p256" "p384". */
bool keeper_key_type_ok(const char *type);
/* Is making one long work? */
bool keeper_key_type_slow(const char *type);
/* The type of a key that was made elsewhere; NULL: none of these. */
const char *keeper_key_type_of(const EVP_PKEY *k);
/* Makes a key pair (RSA: seconds of CPU). Ours: "keeper.internal"; temporary
 * "keeper.busy" after keeper_keys_stop(). */
enum base_fail_class keeper_keys_make(const char *type, EVP_PKEY **out, struct base_fail *f);
/* Ends every keeper_keys_make() that runs now or later, so that stopping is quick. */
void keeper_keys_stop(void);

/* SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
bool keeper_keys_spki(const EVP_PKEY *k, char out[BASE_SHA256_HEX]);
/* PKCS#8 (RFC 5958) DER in secret memory: *p of KEEPER_PKCS8_MAX bytes, *n used;
 * keeper_secret_free(*p, KEEPER_PKCS8_MAX). */
enum base_fail_class keeper_keys_write(const EVP_PKEY *k, unsigned char **p, size_t *n,
                                       struct base_fail *f);
enum base_fail_class keeper_keys_read(const unsigned char *p, size_t n, EVP_PKEY **out,
                                      struct base_fail *f);

/* A CSR (RFC 2986) as keeper/client.h describes it; PEM in A. Permanent:
 * "keeper.request" (an address or CN that can't stand in one). */
enum base_fail_class keeper_keys_csr(struct base_arena *a, EVP_PKEY *k, const char *cn,
                                     const char *const *emails, size_t n, char **pem,
                                     struct base_fail *f);

#endif
