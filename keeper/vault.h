/* keeper/vault.h - the key-encryption key (KEK) and what is sealed with it.
 *
 * The KEK is a credential: 32 bytes, or 64 hex characters. Keys for separate
 * uses are derived from it (HKDF-SHA-256, RFC 5869); it seals with AES-256-GCM
 * (NIST SP 800-38D), fresh random 96-bit IV each time. Sealed form: IV (12),
 * ciphertext, tag (16). A vault is read-only after opening: thread-safe. */
#ifndef KEEPER_VAULT_H
#define KEEPER_VAULT_H
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "client.h"

#define KEEPER_KEK_ID_LEN 16
#define KEEPER_SEAL_EXTRA 28 /* bytes that sealing adds */
#define KEEPER_DATA_KEY 32

struct keeper_vault;

/* CREDENTIAL and CRED_DIR as base_credential(). DIRFD is the state directory: its
 * kek-check.json tells a wrong KEK; with none and no keys yet it is written.
 * Codes: cred.*; permanent "keeper.kek" (wrong, malformed, or the check is lost). */
enum base_fail_class keeper_vault_open(const char *credential, const char *cred_dir, int dirfd,
                                       struct keeper_vault **out, struct base_fail *f);
void keeper_vault_close(struct keeper_vault *v); /* wipes; NULL is fine */
const char *keeper_vault_kek_id(const struct keeper_vault *v);
/* The id that a request's key has: always the same, not to be guessed from outside.
 * False if the library fails. */
bool keeper_vault_key_id(const struct keeper_vault *v, const char *request, char out[KEEPER_ID]);

/* Seals N bytes at P under the KEK; AAD is authenticated and not stored. OUT is
 * initialised here, caller frees. Ours: "keeper.internal". */
enum base_fail_class keeper_vault_seal(const struct keeper_vault *v, const char *aad, const void *p,
                                       size_t n, struct base_buf *out, struct base_fail *f);
/* OUT gets IN.n - KEEPER_SEAL_EXTRA bytes. Permanent "keeper.damaged". */
enum base_fail_class keeper_vault_open_sealed(const struct keeper_vault *v, const char *aad,
                                              struct base_bytes in, unsigned char *out,
                                              struct base_fail *f);
/* The same with a key of the caller's, KEEPER_DATA_KEY bytes. */
enum base_fail_class keeper_seal(const unsigned char *key, const char *aad, const void *p, size_t n,
                                 struct base_buf *out, struct base_fail *f);
enum base_fail_class keeper_unseal(const unsigned char *key, const char *aad, struct base_bytes in,
                                   unsigned char *out, struct base_fail *f);

#endif
