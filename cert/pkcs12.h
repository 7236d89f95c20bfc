/* cert/pkcs12.h - key, certificate and chain in one file for a mail program.
 *
 * PKCS#12 (RFC 7292) with PBES2 AES-256-CBC (PBKDF2, HMAC-SHA-256) for key and
 * certificates and a SHA-256 MAC, 600,000 rounds for each: takes about half a
 * second of CPU, so call it from a worker. struct evp_pkey_st is OpenSSL's
 * EVP_PKEY. Never give cert_pkcs12_read() what came by mail. */
#ifndef CERT_PKCS12_H
#define CERT_PKCS12_H
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "bundle.h"

#define CERT_PKCS12_ROUNDS 600000
#define CERT_PKCS12_PASS_MIN 12 /* bytes of a passphrase */
#define CERT_PKCS12_PASS_MAX 256

struct evp_pkey_st;

/* CHAIN is leaf first; the leaf's key must be KEY's. NAME (may be NULL) is what
 * programs show. OUT is initialised here, the caller frees it.
 * Permanent: "pkcs12.pass", "pkcs12.mismatch", "cert.der"; ours "pkcs12.build". */
enum base_fail_class cert_pkcs12_build(struct evp_pkey_st *key, const struct base_bytes *chain,
                                       size_t n, const char *name, const char *passphrase,
                                       struct base_buf *out, struct base_fail *f);
struct cert_pkcs12_entry {
    struct evp_pkey_st *key;
    const struct base_bytes *chain; /* leaf first */
    size_t n;
    const char *name;
};
/* The same for several keys, first the one that programs should take by default. A
 * certificate that stands in several chains is in it once. Takes half a second for each. */
enum base_fail_class cert_pkcs12_build_many(const struct cert_pkcs12_entry *e, size_t n,
                                            const char *passphrase, struct base_buf *out,
                                            struct base_fail *f);
/* Opens one that we made. *KEY is freed by the caller (EVP_PKEY_free), OUT is in
 * A, leaf first. Permanent: "pkcs12.syntax", "pkcs12.pass" (wrong passphrase). */
enum base_fail_class cert_pkcs12_read(struct base_arena *a, const void *p, size_t n,
                                      const char *passphrase, struct evp_pkey_st **key,
                                      struct cert_bundle *out, struct base_fail *f);
/* A private key in clear, RFC 5958: wipe it. */
struct cert_foreign_key {
    unsigned char pkcs8[4096];
    size_t n;
    char spki_sha256[BASE_SHA256_HEX];
};
/* One of another program, old algorithms included; for the administrator's command alone.
 * The same failures, and "pkcs12.syntax" where it holds no key with a certificate,
 * "pkcs12.key" where that is no usual one. */
enum base_fail_class cert_pkcs12_read_foreign(struct base_arena *a, const void *p, size_t n,
                                              const char *passphrase, struct cert_foreign_key *key,
                                              struct cert_bundle *out, struct base_fail *f);

#endif
