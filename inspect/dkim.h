/* inspect/dkim.h - is a mail signed, strictly, by a domain that a profile names?
 *
 * libopendkim does the canonicalization and the cryptography; what a bare pass
 * hides (security reference 1d) is checked here. Two steps, because keys come
 * from outside the sandbox: collect says which are needed, judge uses them.
 * RFC 6376, RFC 8301, RFC 8463. */
#ifndef INSPECT_DKIM_H
#define INSPECT_DKIM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "header.h"
#include "policy/facts.h"
#include "policy/rules.h"
#include "protocol.h"

/* A tag=value list, RFC 6376 3.2; folding and blanks taken out of values. */
#define INSPECT_TAGS_MAX 40
struct inspect_tags {
    struct {
        const char *name, *value;
    } v[INSPECT_TAGS_MAX];
    size_t n;
};
/* False if malformed, a tag stands twice, or there are too many. */
bool inspect_tags_read(struct base_arena *a, struct base_bytes text, struct inspect_tags *out);
const char *inspect_tag(const struct inspect_tags *t, const char *name); /* NULL if absent */
/* ITEM stands in a colon-separated value (ASCII case-folded); LIST may be NULL. */
bool inspect_tag_lists(const char *list, const char *item);

#define INSPECT_DKIM_CANDIDATES 8
struct inspect_candidate {
    const struct inspect_field *field;
    struct inspect_tags tags;
    int pair;           /* index into pairs, -1 if no key is worth a question */
    const char *refuse; /* why it can't pass whatever its key says; NULL = it may */
};
struct inspect_pair {
    const char *domain, *selector;
};
struct inspect_dkim {
    struct inspect_candidate c[INSPECT_DKIM_CANDIDATES];
    size_t n;
    struct inspect_pair pairs[INSPECT_DKIM_PAIRS];
    size_t npairs;
};

/* Signatures with a d= of SIGNERS; those whose key a profile lists (KNOWN,
 * "selector._domainkey.domain") come first, then in the order of the mail. */
void inspect_dkim_collect(struct base_arena *a, const struct inspect_header *h,
                          const struct policy_strings *signers, const struct policy_strings *known,
                          int64_t now, struct inspect_dkim *out);

/* Once, before the sandbox; false if libopendkim has no memory. */
bool inspect_dkim_open(void);

struct inspect_key {
    enum inspect_key_status status;
    const char *txt;
};
/* KEYS[i] answers pairs[i]; answers that are missing count as tempfail. One
 * signature that passes is enough; else tempfail if any key was, else the first
 * one's failure. Nothing collected is POLICY_AUTH_NONE. Texts in A. */
void inspect_dkim_judge(struct base_arena *a, const struct inspect_header *h,
                        const struct inspect_dkim *d, const struct inspect_key *keys, size_t nkeys,
                        int min_key_bits, struct policy_auth *out);

#endif
