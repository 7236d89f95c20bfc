/* inspect/dkim_collect.c - which signatures are worth a key, and what rules them out.
 *
 * Every refusal here stands whatever the key says, so a flood of worthless
 * signatures costs no look-up. */
#include <string.h>
#include <strings.h>

#include "dkim.h"

#define CLOCK_MARGIN 300 /* seconds that a signer's clock may be ahead */

/* Fields that must be signed when the mail has them (RFC 6376 5.4, 8.15). */
static const char *const must_sign[] = {"From",       "To",           "Subject",     "Date",
                                        "Message-ID", "Content-Type", "MIME-Version"};
/* Fields of which a second one would be shown by some programs and signed by none. */
static const char *const once[] = {"To",
                                   "Subject",
                                   "Date",
                                   "Message-ID",
                                   "Content-Type",
                                   "MIME-Version",
                                   "Content-Transfer-Encoding",
                                   "Content-Disposition"};

static const char *refuse_header(struct base_arena *a, const struct inspect_header *h)
{
    size_t from = inspect_header_count(h, "From", NULL);

    if (h->too_big != NULL || h->malformed != NULL) {
        return h->too_big != NULL ? h->too_big : h->malformed;
    }
    if (from != 1) {
        return base_arena_printf(a, "%zu From fields instead of one", from);
    }
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (inspect_header_count(h, once[i], NULL) > 1) {
            return base_arena_printf(a, "more than one %s field", once[i]);
        }
    }
    return NULL;
}

static const char *refuse_times(const struct inspect_tags *t, int64_t now)
{
    const char *signed_at = inspect_tag(t, "t"), *expires = inspect_tag(t, "x");
    int64_t from = 0, until = 0;

    if ((signed_at != NULL && !base_parse_int(signed_at, 0, INT64_MAX / 2, &from)) ||
        (expires != NULL && !base_parse_int(expires, 0, INT64_MAX / 2, &until))) {
        return "the signature's t= or x= is no time";
    }
    if (expires != NULL && now > until) {
        return "the signature has expired (x=)";
    }
    if (signed_at != NULL && from > now + CLOCK_MARGIN) {
        return "the signature is from the future (t=)";
    }
    return NULL;
}

static const char *refuse_signature(struct base_arena *a, const struct inspect_header *h,
                                    const struct inspect_tags *t, int64_t now)
{
    const char *algorithm = inspect_tag(t, "a"), *version = inspect_tag(t, "v");
    const char *list = inspect_tag(t, "h"), *b = inspect_tag(t, "b");

    if (version == NULL || strcmp(version, "1") != 0) {
        return "the signature is not of version 1";
    }
    if (algorithm == NULL || (strcasecmp(algorithm, "rsa-sha256") != 0 &&
                              strcasecmp(algorithm, "ed25519-sha256") != 0)) {
        return "the algorithm is neither rsa-sha256 nor ed25519-sha256";
    }
    if (inspect_tag(t, "l") != NULL) {
        return "the signature covers a part of the body only (l=)";
    }
    if (inspect_tag(t, "bh") == NULL || b == NULL || *b == '\0' || list == NULL) {
        return "the signature lacks b=, bh= or h=";
    }
    if (!inspect_tag_lists(list, "From")) {
        return "the signature does not cover From";
    }
    for (size_t i = 0; i < sizeof(must_sign) / sizeof(must_sign[0]); i++) {
        if (inspect_header_count(h, must_sign[i], NULL) > 0 &&
            !inspect_tag_lists(list, must_sign[i])) {
            return base_arena_printf(a, "the signature does not cover %s", must_sign[i]);
        }
    }
    return refuse_times(t, now);
}

/* A host name or selector in the form in which it is asked for in DNS. */
static bool plain_name(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > 253 || s[0] == '.' || s[n - 1] == '.' || strstr(s, "..") != NULL) {
        return false;
    }
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
           '\0';
}

static int pair_of(struct base_arena *a, struct inspect_dkim *d, const char *domain,
                   const char *selector)
{
    for (size_t i = 0; i < d->npairs; i++) {
        if (strcasecmp(d->pairs[i].domain, domain) == 0 &&
            strcasecmp(d->pairs[i].selector, selector) == 0) {
            return (int)i;
        }
    }
    if (d->npairs == INSPECT_DKIM_PAIRS) {
        return -1;
    }
    char *name = base_arena_strdup(a, domain);

    base_ascii_lower(name);
    d->pairs[d->npairs] = (struct inspect_pair){name, selector};
    return (int)d->npairs++;
}

static void add_candidate(struct base_arena *a, const struct inspect_header *h,
                          const struct inspect_field *f, const struct inspect_tags *tags,
                          int64_t now, struct inspect_dkim *d)
{
    const char *selector = inspect_tag(tags, "s");

    if (d->n == INSPECT_DKIM_CANDIDATES) {
        return;
    }
    struct inspect_candidate *c = &d->c[d->n++];

    c->field = f;
    c->tags = *tags;
    c->pair = -1;
    c->refuse = refuse_header(a, h);
    if (c->refuse == NULL) {
        c->refuse = refuse_signature(a, h, tags, now);
    }
    if (c->refuse == NULL && (selector == NULL || !plain_name(selector))) {
        c->refuse = "the signature's selector is no name";
    }
    if (c->refuse == NULL) {
        c->pair = pair_of(a, d, inspect_tag(tags, "d"), selector);
        if (c->pair < 0) {
            c->refuse = "more signatures than are looked at";
        }
    }
}

void inspect_dkim_collect(struct base_arena *a, const struct inspect_header *h,
                          const struct policy_strings *signers, const struct policy_strings *known,
                          int64_t now, struct inspect_dkim *out)
{
    struct inspect_tags *tags = base_arena_alloc(a, sizeof(*tags));

    memset(out, 0, sizeof(*out));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < h->n; i++) {
            const char *d, *s;

            if (!inspect_field_is(&h->fields[i], "DKIM-Signature") ||
                !inspect_tags_read(a, h->fields[i].value, tags) ||
                (d = inspect_tag(tags, "d")) == NULL || !policy_strings_has(signers, d)) {
                continue;
            }
            s = inspect_tag(tags, "s");
            bool is_known = s != NULL && policy_strings_has(
                                             known, base_arena_printf(a, "%s._domainkey.%s", s, d));
            if (is_known == (pass == 0)) {
                add_candidate(a, h, &h->fields[i], tags, now, out);
            }
        }
    }
}
