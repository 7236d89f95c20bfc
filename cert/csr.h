/* cert/csr.h - reading a certificate signing request (PKCS#10, RFC 2986).
 *
 * Building one needs a private key and is the keeper's. Both PEM tags in use
 * are read: "CERTIFICATE REQUEST" (RFC 7468) and "NEW CERTIFICATE REQUEST",
 * which CertCentral's order form asks for. */
#ifndef CERT_CSR_H
#define CERT_CSR_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "fields.h"

#define CERT_CSR_MAX (16 * 1024) /* bytes, PEM or DER */

struct cert_csr {
    struct base_bytes der; /* in the arena */
    char spki_sha256[BASE_SHA256_HEX];
    struct cert_key key;
    const char *key_name;       /* "rsa2048", "rsa3072", "rsa4096", "p256", "p384" */
    const char *subject;        /* RFC 4514 text */
    struct cert_strings emails; /* mailboxes in subject and requested SAN, once each */
};

/* Reads one request (PEM with text around it allowed, or DER), checks its
 * self-signature and that the key is one a CA takes. Permanent: "csr.size",
 * "csr.syntax", "csr.key" (another kind or size of key), "csr.signature". */
enum base_fail_class cert_csr_parse(struct base_arena *a, const void *p, size_t n,
                                    struct cert_csr *out, struct base_fail *f);
/* PEM text in A; NEW_TAG chooses "NEW CERTIFICATE REQUEST". */
char *cert_csr_pem(struct base_arena *a, struct base_bytes der, bool new_tag);

#endif
