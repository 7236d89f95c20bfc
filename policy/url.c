/* policy/url.c - the few URLs that a profile may name: https, an exact host,
 * nothing that two parsers could read in two ways.
 *
 * Strict on purpose: a URL that isn't plainly of this form fits no template
 * and is never opened. Owns nothing; results come from the caller's arena. */
#include "url.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "recognise.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *policy_url_decode(struct base_arena *a, const char *s, size_t n)
{
    char *out = base_arena_alloc(a, n + 1);
    size_t o = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            out[o++] = s[i];
            continue;
        }
        if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0) {
            return NULL;
        }
        int c = hex(s[i + 1]) << 4 | hex(s[i + 2]);
        if (c < 0x20 || c == 0x7f) {
            return NULL;
        }
        out[o++] = (char)c;
        i += 2;
    }
    return out;
}

/* Only characters that RFC 3986 allows, escapes whole; braces in templates. */
static const char *bad_char(const char *s, bool template)
{
    for (const char *p = s; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c <= ' ' || c >= 0x7f) {
            return "a URL has printable ASCII characters only";
        }
        if (strchr("\"<>\\^`|", c) != NULL || (!template && (c == '{' || c == '}'))) {
            return "a character that no URL has";
        }
        if (c == '#') {
            return "a fragment (#)";
        }
        if (c == '%' && (hex(p[1]) < 0 || hex(p[2]) < 0)) {
            return "broken percent-encoding";
        }
    }
    return NULL;
}

/* True if a path segment is "." or "..", also percent-encoded: what the
 * template compares would not be what is fetched. */
static bool dot_segments(const char *path)
{
    const char *end = path + strcspn(path, "?");

    for (const char *p = path; p < end;) {
        size_t n = 0, dots = 0;
        p += *p == '/';
        while (p + n < end && p[n] != '/') {
            if (p[n] == '.') {
                n++;
            } else if (p[n] == '%' && p[n + 1] == '2' && (p[n + 2] | 0x20) == 'e') {
                n += 3;
            } else {
                dots = 3; /* some other character: no dot segment */
                n++;
                continue;
            }
            dots++;
        }
        if (dots == 1 || dots == 2) {
            return true;
        }
        p += n;
    }
    return false;
}

static const char *split_port(const char *auth, size_t n, bool template, size_t *host, int *port)
{
    const char *colon = memchr(auth, ':', n);

    *host = colon != NULL ? (size_t)(colon - auth) : n;
    *port = 443;
    if (colon == NULL) {
        return NULL;
    }
    size_t digits = n - *host - 1;
    char text[8] = "";
    int64_t v;
    if (template && digits == 6 && memcmp(colon + 1, "{port}", 6) == 0) {
        *port = 0;
        return NULL;
    }
    if (digits > 0 && digits < sizeof text) {
        memcpy(text, colon + 1, digits);
    }
    if (!base_parse_int(text, 1, 65535, &v) || text[0] == '0') {
        return "a port that is none";
    }
    *port = (int)v;
    return NULL;
}

/* Cuts S apart; NULL, or what is wrong. PORT 0 stands for {port}. */
static const char *split(struct base_arena *a, const char *s, bool template, const char **host,
                         int *port, const char **rest)
{
    if (strlen(s) > POLICY_URL_MAX) {
        return "more than 2048 bytes";
    }
    const char *bad = bad_char(s, template);
    if (bad != NULL) {
        return bad;
    }
    for (size_t i = 0; i < 8; i++) {
        char c = s[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != "https://"[i]) {
            return "a scheme that isn't https";
        }
    }
    const char *auth = s + 8;
    size_t n = strcspn(auth, "/?"), hostlen;
    if (memchr(auth, '@', n) != NULL) {
        return "user information before the host";
    }
    bad = split_port(auth, n, template, &hostlen, port);
    if (bad != NULL) {
        return bad;
    }
    const char *name = base_arena_strndup(a, auth, hostlen);
    *host = policy_domain_alabel(a, name);
    if (*host == NULL || !base_ascii_caseeq(*host, name)) {
        return "a host that is no plain host name";
    }
    *rest = auth + n;
    return dot_segments(*rest) ? "a dot segment in the path" : NULL;
}

char *policy_url_normal(struct base_arena *a, const char *s, bool template, bool ports,
                        const char **why)
{
    const char *host, *rest, *bad, *slash;
    int port;

    bad = split(a, s, template, &host, &port, &rest);
    if (bad == NULL && port != 443 && !ports) {
        bad = "a port other than 443";
    }
    if (why != NULL) {
        *why = bad;
    }
    if (bad != NULL) {
        return NULL;
    }
    slash = *rest == '/' ? "" : "/";
    if (port == 443) {
        return base_arena_printf(a, "https://%s%s%s", host, slash, rest);
    }
    if (port == 0) {
        return base_arena_printf(a, "https://%s:{port}%s%s", host, slash, rest);
    }
    return base_arena_printf(a, "https://%s:%d%s%s", host, port, slash, rest);
}

bool policy_url_host(struct base_arena *a, const char *url, const char **host, int *port)
{
    const char *rest;

    return url != NULL && split(a, url, true, host, port, &rest) == NULL;
}
