/* policy/watch_address.c - the one form in which addresses are compared.
 *
 * Owns nothing. Fails by saying "no address"; such text is never of interest.
 * ASCII input, that is nearly all of it, is handled without allocation. */
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "watch.h"

#define DOMAIN_MAX 253
#define LOCAL_MAX 256 /* RFC 5321 says 64; longer ones exist */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **p, size_t *n)
{
    while (*n && is_space((*p)[0]))
        ++*p, --*n;
    while (*n && is_space((*p)[*n - 1]))
        --*n;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Letters, digits, "-", "_" and dots with something between them. */
static bool domain_shape_ok(const char *d, size_t n)
{
    if (n == 0 || n > DOMAIN_MAX || d[0] == '.' || d[n - 1] == '.')
        return false;
    size_t label = 0;
    for (size_t i = 0; i < n; i++) {
        char c = d[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
        if (++label > 63)
            return false;
    }
    return true;
}

/* U-labels to A-labels; OUT holds POLICY_WATCH_ADDR_LEN bytes. */
static bool domain_idn(const char *d, size_t n, char *out)
{
    char in[POLICY_WATCH_ADDR_LEN];
    if (n >= sizeof in || memchr(d, 0, n))
        return false;
    memcpy(in, d, n);
    in[n] = 0;
    uint8_t *ascii = NULL;
    if (idn2_lookup_u8((const uint8_t *)in, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    size_t len = strlen((const char *)ascii);
    bool ok = len <= DOMAIN_MAX;
    if (ok)
        memcpy(out, ascii, len + 1);
    idn2_free(ascii);
    return ok;
}

bool policy_watch_domain_to(const char *domain, size_t n, char out[POLICY_WATCH_ADDR_LEN])
{
    trim(&domain, &n);
    if (n && domain[n - 1] == '.')
        n--;
    if (n == 0 || n >= POLICY_WATCH_ADDR_LEN)
        return false;
    bool ascii = true;
    for (size_t i = 0; i < n; i++) {
        out[i] = lower(domain[i]);
        ascii = ascii && !((unsigned char)domain[i] & 0x80);
    }
    out[n] = 0;
    if (!ascii) {
        if (!domain_idn(domain, n, out))
            return false;
        n = strlen(out);
        for (size_t i = 0; i < n; i++)
            out[i] = lower(out[i]);
        if (n && out[n - 1] == '.') /* an ideographic full stop at the end */
            out[--n] = 0;
    }
    return domain_shape_ok(out, n);
}

/* The local part without quotes and extension; its length, 0 if it is none. */
static size_t local_to(const char *p, size_t n, bool fold, char *out)
{
    bool quoted = n >= 2 && p[0] == '"' && p[n - 1] == '"';
    if (quoted)
        p++, n -= 2;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (quoted && c == '\\' && i + 1 < n)
            c = p[++i];
        else if (c == '"' || (!quoted && (c == '@' || is_space(c) || c == '<' || c == '>')))
            return 0;
        if (c == 0 || len >= LOCAL_MAX)
            return 0;
        out[len++] = fold ? lower(c) : c;
    }
    char *plus = len > 1 ? memchr(out + 1, '+', len - 1) : NULL;
    if (plus)
        len = (size_t)(plus - out);
    return len;
}

/* Where the "@" before the domain is; n if there is none. */
static size_t find_at(const char *p, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (p[i - 1] == '@')
            return i - 1;
        if (p[i - 1] == '"') /* the rest is a quoted local part */
            return n;
    }
    return n;
}

bool policy_watch_form_to(const char *addr, size_t n, bool fold, char out[POLICY_WATCH_ADDR_LEN])
{
    trim(&addr, &n);
    if (n >= 2 && addr[0] == '<' && addr[n - 1] == '>') {
        addr++, n -= 2;
        trim(&addr, &n);
    }
    if (n && addr[0] == '@') { /* source route, RFC 5321 appendix C */
        const char *colon = memchr(addr, ':', n);
        if (!colon)
            return false;
        n -= (size_t)(colon + 1 - addr);
        addr = colon + 1;
    }
    size_t at = find_at(addr, n);
    char local[LOCAL_MAX];
    size_t len = local_to(addr, at, fold, local);
    if (len == 0)
        return false;
    if (at == n) {
        if (len != 10 || strncasecmp(local, "postmaster", 10) != 0)
            return false;
        memcpy(out, "postmaster", 11);
        return true;
    }
    char domain[POLICY_WATCH_ADDR_LEN];
    if (!policy_watch_domain_to(addr + at + 1, n - at - 1, domain))
        return false;
    size_t dlen = strlen(domain);
    if (len + 1 + dlen >= POLICY_WATCH_ADDR_LEN)
        return false;
    memcpy(out, local, len);
    out[len] = '@';
    memcpy(out + len + 1, domain, dlen + 1);
    return true;
}

bool policy_watch_normalise_to(const char *addr, size_t n, char out[POLICY_WATCH_ADDR_LEN])
{
    return policy_watch_form_to(addr, n, true, out);
}

char *policy_watch_normalise(struct base_arena *a, const char *addr)
{
    char out[POLICY_WATCH_ADDR_LEN];
    if (!addr || !policy_watch_normalise_to(addr, strlen(addr), out))
        return NULL;
    return base_arena_strdup(a, out);
}

char *policy_watch_normalise_exact(struct base_arena *a, const char *addr)
{
    char out[POLICY_WATCH_ADDR_LEN];
    if (!addr || !policy_watch_form_to(addr, strlen(addr), false, out))
        return NULL;
    return base_arena_strdup(a, out);
}
