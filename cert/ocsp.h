/* cert/ocsp.h - asking whether a certificate was revoked (RFC 6960, RFC 5019). Pure.
 *
 * Builds the request and judges the response; fetching is somebody else's. The
 * response is foreign input: only the inspector calls this, in its sandbox. */
#ifndef CERT_OCSP_H
#define CERT_OCSP_H
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "check.h"

#define CERT_OCSP_MAX (64 * 1024) /* bytes of a response */
#define CERT_OCSP_LEEWAY 300      /* seconds that clocks may differ */

/* A DER request for LEAF, issued by ISSUER, without nonce (RFC 5019 section 4).
 * The certificate id is SHA-1, the only one that every responder knows; it
 * names the certificate, nothing is proven by it. Permanent "cert.der". */
enum base_fail_class cert_ocsp_request(struct base_arena *a, struct base_bytes leaf,
                                       struct base_bytes issuer, struct base_bytes *out,
                                       struct base_fail *f);

struct cert_ocsp {
    enum cert_revocation status;      /* GOOD, REVOKED or UNKNOWN */
    int64_t this_update, next_update; /* seconds; next_update 0 = the responder names none */
    int64_t revoked_at;               /* REVOKED only */
    const char *reason;               /* RFC 5280 reason, or why UNKNOWN */
};
/* A response counts only if it is signed by ISSUER or by a responder that ISSUER
 * certified for it, is about LEAF, and NOW is within its time. Anything else is
 * UNKNOWN with the reason, not a failure. Permanent "cert.size", "cert.der". */
enum base_fail_class cert_ocsp_check(struct base_arena *a, struct base_bytes response,
                                     struct base_bytes leaf, struct base_bytes issuer, int64_t now,
                                     struct cert_ocsp *out, struct base_fail *f);

#endif
