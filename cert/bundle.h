/* cert/bundle.h - from a file or a text to single certificates, and back to PEM.
 *
 * Nothing is verified and certificates are not taken apart: each one found goes
 * to cert_fields_parse() next. The order of the input is kept, exact repeats
 * are dropped. Results belong to the arena. */
#ifndef CERT_BUNDLE_H
#define CERT_BUNDLE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define CERT_BUNDLE_MAX (256 * 1024)            /* bytes of one file */
#define CERT_BUNDLE_TEXT_MAX (10 * 1024 * 1024) /* bytes of a text that is searched */
#define CERT_BUNDLE_CERTS 20                    /* certificates */

struct cert_bundle {
    struct base_bytes der[CERT_BUNDLE_CERTS];
    size_t n;
};

/* A file of unknown kind: concatenated PEM CERTIFICATE blocks, one DER
 * certificate, or a PKCS#7 SignedData (PEM or DER) whose certificates are
 * taken out; its signatures are never looked at.
 * Permanent: "cert.size", "cert.caps" (more than CERT_BUNDLE_CERTS),
 * "cert.none" (nothing found), "cert.pem" (a broken block), "cert.pkcs7". */
enum base_fail_class cert_bundle_split(struct base_arena *a, const void *p, size_t n,
                                       struct cert_bundle *out, struct base_fail *f);
/* PEM blocks (CERTIFICATE, PKCS7) anywhere inside a text. None is BASE_OK with
 * n = 0; a broken block is skipped. Permanent: "cert.size", "cert.caps". */
enum base_fail_class cert_bundle_from_text(struct base_arena *a, const void *p, size_t n,
                                           struct cert_bundle *out, struct base_fail *f);
/* PEM, 64 characters a line, in the order given; NUL-terminated, in A. */
char *cert_bundle_pem(struct base_arena *a, const struct base_bytes *der, size_t n);

#endif
