/* cli/mask.h - hiding tokens in a raw mail without changing its length or shape. */
#ifndef CLI_MASK_H
#define CLI_MASK_H
#include <stddef.h>

/* Overwrites every occurrence of the N characters at TOKEN (letters, digits and
 * the like) in the mail P: plain, in quoted-printable with escapes and soft line
 * breaks, and inside base64. Letters become a or A, digits 0. How many there were. */
size_t cli_mask_mail(unsigned char *p, size_t len, const char *token, size_t n);

#endif
