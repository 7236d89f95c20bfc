/* base/bytes.h - bytes with a length, growing buffers with a cap, encodings.
 *
 * Parsers take (pointer, length) and never look for a NUL. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct base_bytes {
    const unsigned char *p; /* not owned */
    size_t n;
};

/* A growing buffer; p[n] is always a NUL that n doesn't count. */
struct base_buf {
    unsigned char *p;
    size_t n, cap;
    size_t max; /* never grows past this many bytes; 0 = no cap */
    bool full;  /* an append was refused because of max: contents are cut */
};

void base_buf_init(struct base_buf *b, size_t max);
/* All append functions return false, set `full` and append nothing when the
 * cap would be passed. */
bool base_buf_add(struct base_buf *b, const void *p, size_t n);
bool base_buf_adds(struct base_buf *b, const char *s);
bool base_buf_addf(struct base_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for N more bytes at p + n (and the NUL); the caller fills them,
 * adds to n and sets the NUL. For reading straight into the buffer. */
bool base_buf_reserve(struct base_buf *b, size_t n);
const char *base_buf_str(struct base_buf *b); /* never NULL; valid until the next append */
void base_buf_free(struct base_buf *b);
void base_buf_wipe(struct base_buf *b); /* explicit_bzero, then free */

static inline struct base_bytes base_buf_bytes(const struct base_buf *b)
{
    return (struct base_bytes){b->p, b->n};
}

/* Lower-case hex of N bytes into OUT (2*N+1). */
void base_hex(const void *p, size_t n, char *out);
/* Reads exactly N bytes of hex (either case) from S; false if S isn't that. */
bool base_unhex(const char *s, unsigned char *out, size_t n);
/* RFC 4648 section 4, with padding; the result is allocated in A. */
char *base_base64(struct base_arena *a, const void *p, size_t n);
/* Strict except for white space; NULL if invalid; *n gets the size. A NUL that
 * isn't counted follows. */
unsigned char *base_unbase64(struct base_arena *a, const char *s, size_t len, size_t *n);

/* SHA-256 (FIPS 180-4). */
#define BASE_SHA256_LEN 32
#define BASE_SHA256_HEX 65
void base_sha256(const void *p, size_t n, unsigned char out[BASE_SHA256_LEN]);
void base_sha256_hex(const void *p, size_t n, char out[BASE_SHA256_HEX]);

/* N random bytes from getrandom(2); ends the process if there are none. */
void base_random(void *p, size_t n);
/* Uniform in [0, LIMIT). LIMIT > 0. */
uint64_t base_random_below(uint64_t limit);
/* LEN characters of [a-z2-7] and a NUL (5 bits each): ids, unguessable from 26 on. */
void base_random_id(char *out, size_t len);

/* Text for logs and terminals: control characters, invalid UTF-8, bidi
 * overrides become "?"; never more than MAX bytes, the last three of them "..."
 * if it was cut. Result in A. */
char *base_printable(struct base_arena *a, const void *p, size_t n, size_t max);

/* ASCII only, locale-free. */
bool base_ascii_caseeq(const char *a, const char *b);
void base_ascii_lower(char *s);
/* Decimal integer of the whole string within [lo, hi]; false otherwise. */
bool base_parse_int(const char *s, int64_t lo, int64_t hi, int64_t *out);
/* "10", "64k", "10M", "1G" (powers of 1024) within [lo, hi]. */
bool base_parse_size(const char *s, int64_t lo, int64_t hi, int64_t *out);
/* "90s", "30m", "24h", "30d", "2w" or plain seconds -> seconds within [lo, hi]. */
bool base_parse_duration(const char *s, int64_t lo, int64_t hi, int64_t *out);

#endif
