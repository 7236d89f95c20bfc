/* keeper/vault.h - the key-encryption key (KEK) and what is sealed with it.
 *
 * The KEK is a credential: 32 bytes, or 64 hex characters. Keys for separate
 * uses are derived from it (HKDF-SHA-256, RFC 5869); it seals with AES-256-GCM
 * (NIST SP 800-38D), fresh random 96-bit IV each time. Sealed form: IV (12),
 * ciphertext, tag (16).
 *
 * While a rewrap goes on there are two KEKs: what is written is sealed with the
 * new one, what either sealed opens. kek-both.json holds each sealed under the
 * other, so that the keeper starts with the one or the other at any moment
 * between. Thread-safe; adding the second key is for one thread at a time. */
#ifndef KEEPER_VAULT_H
#define KEEPER_VAULT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "client.h"

#define KEEPER_KEK_ID_LEN 16
#define KEEPER_SEAL_EXTRA 28 /* bytes that sealing adds */
#define KEEPER_DATA_KEY 32
#define KEEPER_KEK 32

struct keeper_vault;

/* CREDENTIAL and CRED_DIR as base_credential(). DIRFD is the state directory: its
 * kek-check.json tells a wrong KEK; with none and no keys yet it is written.
 * Codes: cred.*; permanent "keeper.kek" (wrong, malformed, or the check is lost). */
enum base_fail_class keeper_vault_open(const char *credential, const char *cred_dir, int dirfd,
                                       struct keeper_vault **out, struct base_fail *f);
void keeper_vault_close(struct keeper_vault *v); /* wipes; NULL is fine */
/* Of the key that seals now. */
const char *keeper_vault_kek_id(const struct keeper_vault *v);
/* Of the one that a rewrap replaces; NULL if there is none. */
const char *keeper_vault_old_id(const struct keeper_vault *v);

/* KEK becomes the key that seals, the present one the old one: on disk when this
 * returns. The same again changes nothing. Permanent "keeper.rewrap": another
 * rewrap is under way. */
enum base_fail_class keeper_vault_add(struct keeper_vault *v, const unsigned char kek[KEEPER_KEK],
                                      int dirfd, struct base_fail *f);
/* The state directory is the new key's: to be called when nothing is left under the
 * old one. The old one goes when the keeper is started with the new one. */
enum base_fail_class keeper_vault_switch(struct keeper_vault *v, int dirfd, struct base_fail *f);

/* For a copy of a state directory: its kek-check.json and, if it has one (else NULL), its
 * kek-both.json. Permanent "keeper.kek". Close as the other. */
enum base_fail_class keeper_vault_of_copy(const unsigned char kek[KEEPER_KEK], const json_t *check,
                                          const json_t *both, struct keeper_vault **out,
                                          struct base_fail *f);
/* A credential's text as the key: 32 bytes or 64 hex digits. */
bool keeper_kek_take(const struct base_buf *text, unsigned char kek[KEEPER_KEK]);
bool keeper_kek_id(const unsigned char kek[KEEPER_KEK], char out[KEEPER_KEK_ID_LEN + 1]);
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
