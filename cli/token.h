/* cli/token.h - what in a link looks like a token, hiding it, and the shape of
 * the link around it. Pure; memory from the caller's arena. */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct cli_run {
    size_t at, n;
};

/* True if these characters were drawn by chance rather than written by somebody. */
bool cli_looks_random(const char *p, size_t n);
/* The next run of token characters in S from *from on, behind the host if S is a
 * URL; false at the end. *from moves behind it. */
bool cli_next_run(const char *s, size_t *from, struct cli_run *r);
/* The longest random-looking run of a URL's path and query; false if there is none. */
bool cli_longest_run(const char *url, struct cli_run *r);
/* URL with every random-looking run, and TOKEN (may be NULL) wherever it stands,
 * cut to four characters and "...". */
const char *cli_mask_url(struct base_arena *a, const char *url, const char *token);
/* Template of the URL: its token as {token:N:SET}, MAILBOX and DOMAIN (may be NULL) in
 * path and query as {mailbox} and {domain}. The host stays. */
const char *cli_template_of(struct base_arena *a, const char *url, const char *mailbox,
                            const char *domain);

#endif
