/* policy/url.h - the few URLs that a profile may name. */
#ifndef POLICY_URL_H
#define POLICY_URL_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define POLICY_URL_MAX 2048

/* Scheme, host, port of an https URL in lower case and shortest form, the rest
 * as written; NULL if S is anything else, *why (may be NULL) says what: user
 * info, a fragment, a port that isn't 443 (unless PORTS), dot segments, control
 * or non-ASCII characters, broken percent-encoding, more than 2048 bytes.
 * TEMPLATE: braces and placeholders may stand behind the authority, and
 * ":{port}" is a port. */
char *policy_url_normal(struct base_arena *a, const char *s, bool template, bool ports,
                        const char **why);
/* Strict percent-decoding (RFC 3986 section 2.1); NULL for broken escapes and
 * for escapes of control characters. "+" stays "+". */
char *policy_url_decode(struct base_arena *a, const char *s, size_t n);

#endif
