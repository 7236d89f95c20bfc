/* base/utf8.h - reading one UTF-8 character (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include <stddef.h>
#include <stdint.h>

/* Length (1 to 4) of the well-formed character at P, of which N bytes may be
 * read; 0 if there is none (overlong forms and surrogates are none). *cp (if
 * not NULL) gets the code point. */
size_t base_utf8_char(const unsigned char *p, size_t n, uint32_t *cp);

#endif
