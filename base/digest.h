/* base/digest.h - SHA-256 (FIPS 180-4) of what comes in pieces. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H
#include "bytes.h"

struct base_digest;

struct base_digest *base_digest_new(void);
void base_digest_add(struct base_digest *d, const void *p, size_t n);
/* Lower-case hex; frees D. */
void base_digest_end(struct base_digest *d, char out[BASE_SHA256_HEX]);

#endif
