/* policy/watch_from.c - is an address of a profile's domain in a From field?
 *
 * Owns nothing, allocates nothing for ASCII. Reads the field twice if need be:
 * once as RFC 5322 has it (comments and quoted strings hold no addresses), and
 * if its syntax is broken once more taking every "@" for an address, since a
 * mail client may read a broken field in any way. The time is linear: each "@"
 * looks no further than to the end of its own domain. */
#include <string.h>

#include "watch.h"
#include "watch_internal.h"

struct scan {
    const struct policy_watch *w;
    const char *p;
    size_t n, i;
    bool broken;
};

/* Skips a comment or quoted string whose opening character is at i. */
static void skip_enclosed(struct scan *s, char open, char close)
{
    int depth = 0;
    for (; s->i < s->n; s->i++) {
        char c = s->p[s->i];
        if (c == '\\') {
            s->i++;
        } else if (c == close && (open != close || depth)) {
            if (--depth <= 0) {
                s->i++;
                return;
            }
        } else if (c == open) {
            depth++;
        }
    }
    s->i = s->n;
    s->broken = true;
}

static void skip_cfws(struct scan *s)
{
    while (s->i < s->n) {
        char c = s->p[s->i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            s->i++;
        else if (c == '(')
            skip_enclosed(s, '(', ')');
        else
            return;
    }
}

static bool domain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || ((unsigned char)c & 0x80);
}

/* After an "@": the domain that follows, white space and comments around its
 * dots left out (RFC 5322 section 4.4 allows them). Longer ones are cut, which
 * makes them no domain. */
static bool domain_matches(struct scan *s)
{
    char d[POLICY_WATCH_ADDR_LEN];
    size_t len = 0;
    bool dot = true; /* a label may follow */
    for (;;) {
        size_t before = s->i;
        skip_cfws(s);
        if (s->i >= s->n)
            break;
        char c = s->p[s->i];
        if (dot && s->i != before && len && len < sizeof d &&
            policy_watch_from_domain(s->w, d, len))
            return true; /* "ca.example. something": the dot ended it */
        if (c == '.') {
            dot = true;
        } else if (!domain_char(c) || (!dot && s->i != before)) {
            break;
        } else {
            dot = false;
        }
        if (len < sizeof d)
            d[len++] = c;
        s->i++;
    }
    return len < sizeof d && policy_watch_from_domain(s->w, d, len);
}

static bool scan_strict(struct scan *s)
{
    while (s->i < s->n) {
        switch (s->p[s->i]) {
        case '(':
            skip_enclosed(s, '(', ')');
            break;
        case '"':
            skip_enclosed(s, '"', '"');
            break;
        case '@':
            s->i++;
            if (domain_matches(s))
                return true;
            break;
        default:
            s->i++;
        }
    }
    return false;
}

static bool scan_eager(const struct policy_watch *w, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '@')
            continue;
        size_t j = i + 1, k;
        while (j < n && (p[j] == ' ' || p[j] == '\t' || p[j] == '\r' || p[j] == '\n'))
            j++;
        for (k = j; k < n && (domain_char(p[k]) || p[k] == '.'); k++)
            ;
        if (policy_watch_from_domain(w, p + j, k - j))
            return true;
        i = k > i + 1 ? k - 1 : i;
    }
    return false;
}

bool policy_watch_from(const struct policy_watch *w, const char *value, size_t n)
{
    struct scan s = {.w = w, .p = value, .n = n};
    if (scan_strict(&s))
        return true;
    return s.broken && scan_eager(w, value, n);
}
