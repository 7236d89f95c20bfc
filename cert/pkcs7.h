/* cert/pkcs7.h - certificates in a PKCS#7 SignedData without signers ("certs-only").
 *
 * RFC 2315 section 9, RFC 8551 section 3.8: the form that directories keep in
 * userSMIMECertificate (RFC 2798 section 2.8) and that mail programs import as ".p7c".
 * The same input gives the same bytes, so that values can be compared as bytes. */
#ifndef CERT_PKCS7_H
#define CERT_PKCS7_H
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

/* CHAIN (DER, N >= 1) as DER of a ContentInfo, in A. Permanent: "cert.der", "cert.size",
 * "cert.key" as cert_fields_parse(); ours "pkcs7.build". */
enum base_fail_class cert_pkcs7_certs_only(struct base_arena *a, const struct base_bytes *chain,
                                           size_t n, struct base_bytes *out, struct base_fail *f);

#endif
