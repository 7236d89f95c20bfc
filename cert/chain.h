/* cert/chain.h - from a leaf to one of the configured roots.
 *
 * RFC 5280 path validation by OpenSSL for purpose S/MIME, security level 2
 * (112 bit, no SHA-1), no partial chains, no policy check, nothing fetched.
 * A chain that cannot be built is a result, not a failure. */
#ifndef CERT_CHAIN_H
#define CERT_CHAIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "fields.h"

#define CERT_CHAIN_POOL_MAX 40             /* intermediates offered */
#define CERT_CHAIN_ROOTS_MAX (1024 * 1024) /* bytes of the PEM bundle */

struct cert_chain {
    bool ok;
    const char *reason;     /* in words; "ok" when ok */
    struct base_bytes *der; /* leaf first, root last; empty unless ok */
    size_t n;
    struct cert_key issuer; /* the key that signed the leaf; only when ok */
};

/* LEAF and POOL are DER; pool members that are unreadable or too large are left
 * out. ROOTS_PEM is the configured bundle (root certificates only). AT in
 * seconds. OUT's pointers are in A. A self-signed leaf is ok only if it stands in
 * the bundle. Failures: permanent "cert.size", "cert.der", "cert.key" (leaf),
 * "cert.roots" (bundle unreadable or empty). */
enum base_fail_class cert_chain_build(struct base_arena *a, struct base_bytes leaf,
                                      const struct base_bytes *pool, size_t n_pool,
                                      const void *roots_pem, size_t roots_len, int64_t at,
                                      struct cert_chain *out, struct base_fail *f);

#endif
