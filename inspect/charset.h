/* inspect/charset.h - bytes of a declared charset as UTF-8; header words (RFC 2047).
 *
 * iconv opens files when it opens a charset, so the known ones that the input
 * names are opened before the sandbox closes; text in any other is kept where it
 * is ASCII or UTF-8 and shown as "?" elsewhere. */
#ifndef INSPECT_CHARSET_H
#define INSPECT_CHARSET_H
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

/* Before the sandbox: opens the known charsets whose names stand anywhere in the
 * input (a search for our own words; nothing of the input is interpreted). */
void inspect_charset_open(const void *input, size_t n);
/* All known ones (tests, fuzzing). */
void inspect_charset_open_all(void);
/* P[0..N) in CHARSET (NULL = unknown) as valid UTF-8 in A, NUL-terminated; what
 * can't be converted becomes U+FFFD. *out_n (if not NULL) gets its length. */
char *inspect_charset_text(struct base_arena *a, const char *charset, const void *p, size_t n,
                           size_t *out_n);
/* A header value: unfolded, encoded words decoded, valid UTF-8, no control
 * characters, trimmed, at most MAX bytes. */
const char *inspect_header_text(struct base_arena *a, struct base_bytes value, size_t max);

#endif
