/* base/digest.c - SHA-256 piece by piece, by libmd. */
#include "digest.h"

#include <stdlib.h>
#include <sys/types.h>

#include <sha2.h>

struct base_digest {
    SHA2_CTX ctx;
};

struct base_digest *base_digest_new(void)
{
    struct base_digest *d = base_xmalloc(sizeof *d);
    SHA256Init(&d->ctx);
    return d;
}

void base_digest_add(struct base_digest *d, const void *p, size_t n)
{
    SHA256Update(&d->ctx, p, n);
}

void base_digest_end(struct base_digest *d, char out[BASE_SHA256_HEX])
{
    unsigned char raw[BASE_SHA256_LEN];
    SHA256Final(raw, &d->ctx);
    base_hex(raw, sizeof raw, out);
    free(d);
}
