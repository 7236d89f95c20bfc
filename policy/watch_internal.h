/* policy/watch_internal.h - what reader and builder of the watch file share.
 *
 * The file, all numbers little-endian:
 *   8  "CMWATCH\n"
 *   8  version (1)
 *   8  max_mail in bytes
 *   8  written, seconds since the epoch
 *   32 four counts: sender domains, From domains, controlled domains, addresses
 *   8 x the sum of the counts: keys, each list strictly ascending
 *   32 SHA-256 of everything before */
#ifndef POLICY_WATCH_INTERNAL_H
#define POLICY_WATCH_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define WATCH_MAGIC UINT64_C(0x0a48435441574d43) /* "CMWATCH\n" */
#define WATCH_VERSION 1
#define WATCH_HEADER 64
#define WATCH_FILE_MAX ((size_t)256 * 1024 * 1024)
/* Sender and From domains have no more labels than this, so that a look-up
 * hashes no more suffixes. */
#define WATCH_LABELS_MAX 10

enum watch_list { WATCH_SENDER, WATCH_FROM, WATCH_DOMAIN, WATCH_ADDRESS, WATCH_LISTS };

struct policy_watch;

/* The key of a normalised domain or address. */
uint64_t policy_watch_key(const char *text, size_t n);
/* Is DOMAIN, as somebody wrote it, a profile's From domain or below one? */
bool policy_watch_from_domain(const struct policy_watch *w, const char *domain, size_t n);

static inline uint64_t watch_get64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static inline void watch_put64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++, v >>= 8)
        p[i] = (unsigned char)v;
}

#endif
