/* cert/crl.h - is a certificate on its issuer's list of revoked ones (RFC 5280 section 5). Pure.
 *
 * Fetching and caching are somebody else's. The list is foreign input: only the
 * inspector calls this, in its sandbox. */
#ifndef CERT_CRL_H
#define CERT_CRL_H
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "ocsp.h"

#define CERT_CRL_MAX (10 * 1024 * 1024) /* bytes of a list, some 250,000 entries */

/* A list counts only if it is a complete one (no delta, not indirect, for all reasons,
 * for end entities), signed by ISSUER, meant for LEAF (where it names its distribution
 * point, LEAF must name it too), and NOW is within its time. Anything else is UNKNOWN with
 * the reason, not a failure. DER or PEM. Permanent "cert.size", "cert.der" (LEAF or ISSUER). */
enum base_fail_class cert_crl_check(struct base_arena *a, struct base_bytes list,
                                    struct base_bytes leaf, struct base_bytes issuer, int64_t now,
                                    struct cert_ocsp *out, struct base_fail *f);

#endif
