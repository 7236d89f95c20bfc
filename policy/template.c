/* policy/template.c - reading a template into pieces.
 *
 * The grammar stands in rules.h. Two rules make a template safe to run over
 * hostile text: what follows a placeholder is a literal that can't be part of
 * it, so there is one way to read a string, in linear time; and a URL
 * template names its host in clear. Fails with a sentence for the profile's author. */
#include "template.h"

#include <string.h>

#include "base/bytes.h"
#include "pieces.h"
#include "url.h"

#define ID_CHARS "A-Za-z0-9._-"
#define CAPTURE_MAX 512

static void set_add(unsigned char *set, unsigned char c)
{
    set[c >> 3] |= (unsigned char)(1u << (c & 7));
}

/* "a-zA-Z0-9_-" into a bitmap; false if it isn't of the characters that a
 * token may have (nothing that ends a path segment or a query field). */
static bool set_parse(const char *s, size_t n, bool is_url, unsigned char *set)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char lo = (unsigned char)s[i], hi = lo;
        if (i + 2 < n && s[i + 1] == '-') {
            hi = (unsigned char)s[i + 2];
            i += 2;
        }
        if (lo > hi) {
            return false;
        }
        for (unsigned c = lo; c <= hi; c++) {
            bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
            if (!alnum && (strchr("._~-+=", (int)c) == NULL || c == 0) && (c != '/' || is_url)) {
                return false;
            }
            set_add(set, (unsigned char)c);
        }
    }
    return n > 0;
}

static void set_domain(struct policy_piece *p, bool is_url)
{
    set_parse("a-zA-Z0-9.-", 11, false, p->set);
    if (is_url) {
        set_add(p->set, '%');
    } else {
        memset(p->set + 16, 0xff, 16); /* U-labels */
    }
}

static void set_mailbox(struct policy_piece *p, bool is_url)
{
    for (unsigned c = '!'; c < 0x7f; c++) {
        bool ends = strchr("<>()[],;:\"\\", (int)c) != NULL;
        if (is_url) {
            ends = strchr("\"<>\\^`{|}#&[]", (int)c) != NULL;
        }
        if (!ends) {
            set_add(p->set, (unsigned char)c);
        }
    }
    if (!is_url) {
        memset(p->set + 16, 0xff, 16);
    }
}

/* "32" or "6-12" at S up to N. */
static bool lengths(const char *s, size_t n, size_t *min, size_t *max)
{
    char text[16];
    int64_t lo, hi;

    if (n >= sizeof text) {
        return false;
    }
    memcpy(text, s, n);
    text[n] = '\0';
    char *dash = strchr(text, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    if (!base_parse_int(text, 1, CAPTURE_MAX, &lo) ||
        !base_parse_int(dash != NULL ? dash + 1 : text, lo, CAPTURE_MAX, &hi)) {
        return false;
    }
    *min = (size_t)lo;
    *max = (size_t)hi;
    return true;
}

/* {token:N:SET} and {code:MIN-MAX:SET}; S is what stands between the braces. */
static const char *sized(struct policy_piece *p, const char *s, size_t n, bool is_url)
{
    const char *first = memchr(s, ':', n);
    const char *second = first != NULL ? memchr(first + 1, ':', n - (size_t)(first + 1 - s)) : NULL;

    if (second == NULL || !lengths(first + 1, (size_t)(second - first - 1), &p->min, &p->max) ||
        !set_parse(second + 1, n - (size_t)(second + 1 - s), is_url, p->set)) {
        return "expected {token:LENGTH:SET} or {token:MIN-MAX:SET} with lengths of 1 to 512 and a "
               "set such as a-zA-Z0-9_-";
    }
    return NULL;
}

static bool named(const char *s, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(s, name, n) == 0;
}

/* What stands between the braces -> a piece. NULL, or what is wrong. */
static const char *placeholder(struct policy_piece *p, const char *s, size_t n, bool is_url)
{
    static const char *const ids[] = {"order", "certificate", "domain_id", "support", "account"};

    p->type = POLICY_PIECE_SET;
    if (named(s, n, "any")) {
        p->type = POLICY_PIECE_ANY;
        p->name = "any";
        return NULL;
    }
    if (named(s, n, "domain") || named(s, n, "mailbox")) {
        p->check = s[0] == 'd' ? POLICY_PIECE_DOMAIN : POLICY_PIECE_MAILBOX;
        p->name = s[0] == 'd' ? "domain" : "mailbox";
        p->min = 3;
        p->max = 4 * CAPTURE_MAX;
        (s[0] == 'd' ? set_domain : set_mailbox)(p, is_url);
        return NULL;
    }
    if (named(s, n, "port")) {
        p->name = "port";
        p->min = 1;
        p->max = 5;
        p->check = POLICY_PIECE_PORT;
        set_parse("0-9", 3, true, p->set);
        return is_url ? NULL : "{port} stands only in a URL";
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (named(s, n, ids[i])) {
            p->name = ids[i];
            p->min = 1;
            p->max = 64;
            set_parse(ID_CHARS, sizeof ID_CHARS - 1, true, p->set);
            return NULL;
        }
    }
    size_t word = memchr(s, ':', n) != NULL ? (size_t)((const char *)memchr(s, ':', n) - s) : n;
    if (named(s, word, "token") || named(s, word, "code")) {
        p->name = s[0] == 't' ? "token" : "code";
        return sized(p, s, n, is_url);
    }
    return "expected one of the placeholders domain, mailbox, order, certificate, domain_id, "
           "support, account, token, code, any, port";
}

/* The next piece at *s. NULL, or what is wrong. */
static const char *next_piece(struct base_arena *a, const char **s, bool is_url,
                              struct policy_piece *p)
{
    const char *c = *s;

    if (c[0] == '{' && c[1] != '{') {
        const char *end = strchr(c, '}');
        if (end == NULL) {
            return "a \"{\" without its \"}\"; a brace itself is written \"{{\" or \"}}\"";
        }
        *s = end + 1;
        return placeholder(p, c + 1, (size_t)(end - c - 1), is_url);
    }
    char *lit = base_arena_alloc(a, strlen(c) + 1);
    size_t n = 0;
    while (*c != '\0' && !(c[0] == '{' && c[1] != '{')) {
        if (*c == '{' || *c == '}') {
            if (c[1] != *c) {
                return "a \"}\" without its \"{\"; a brace itself is written \"{{\" or \"}}\"";
            }
            c++;
        }
        lit[n++] = *c++;
    }
    *s = c;
    p->type = POLICY_PIECE_LITERAL;
    p->literal = lit;
    p->n = n;
    return NULL;
}

/* One way to read: literals behind placeholders, no name twice. */
static const char *check_order(const struct policy_template *t)
{
    size_t captures = 0, any = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct policy_piece *p = &t->p[i], *q = i + 1 < t->n ? p + 1 : NULL;
        if (p->type == POLICY_PIECE_LITERAL) {
            continue;
        }
        if (q != NULL && q->type != POLICY_PIECE_LITERAL) {
            return "two placeholders need a text between them";
        }
        if (p->type == POLICY_PIECE_ANY) {
            any++;
            continue;
        }
        captures++;
        if (q != NULL && policy_piece_in(p, (unsigned char)q->literal[0])) {
            return "the text behind a placeholder starts with a character that may belong to it";
        }
        for (size_t j = 0; j < i; j++) {
            if (t->p[j].name != NULL && strcmp(t->p[j].name, p->name) == 0) {
                return "a placeholder stands twice";
            }
        }
    }
    return captures > POLICY_CAPTURES ? "more than 8 placeholders"
           : any > 4                  ? "more than 4 times {any}"
                                      : NULL;
}

/* {domain} and {mailbox} only in the query, {port} only as the port. */
static const char *check_url(const struct policy_template *t)
{
    bool query = false;

    for (size_t i = 0; i < t->n; i++) {
        const struct policy_piece *p = &t->p[i];
        if (p->type == POLICY_PIECE_LITERAL) {
            query = query || memchr(p->literal, '?', p->n) != NULL;
        } else if ((p->check == POLICY_PIECE_DOMAIN || p->check == POLICY_PIECE_MAILBOX) &&
                   !query) {
            return "{domain} and {mailbox} stand only in a URL's query";
        } else if (p->check == POLICY_PIECE_PORT &&
                   (i != 1 || memchr(t->p[0].literal + 8, '/', t->p[0].n - 8) != NULL)) {
            return "{port} stands only as the port of a URL";
        }
    }
    return NULL;
}

struct policy_template *policy_template_parse(struct base_arena *a, const char *tmpl, bool is_url,
                                              bool rehearsal, const char **why)
{
    struct policy_template *t = base_arena_alloc(a, sizeof *t);

    t->is_url = is_url;
    t->ports = rehearsal;
    *why = NULL;
    if (tmpl == NULL || *tmpl == '\0' || strlen(tmpl) > POLICY_TEMPLATE_MAX) {
        *why = "expected 1 to 1000 bytes";
        return NULL;
    }
    if (is_url) {
        const char *bad;
        tmpl = policy_url_normal(a, tmpl, true, rehearsal, &bad);
        if (tmpl == NULL) {
            *why = base_arena_printf(a, "expected an https URL with an exact host, found %s", bad);
            return NULL;
        }
    }
    for (const char *s = tmpl; *s != '\0' && *why == NULL;) {
        if (t->n == POLICY_PIECES) {
            *why = "more than 24 pieces";
            return NULL;
        }
        *why = next_piece(a, &s, is_url, &t->p[t->n++]);
    }
    if (*why == NULL) {
        *why = check_order(t);
    }
    if (*why == NULL && is_url) {
        *why = check_url(t);
    }
    return *why == NULL ? t : NULL;
}

const char *policy_template_check(struct base_arena *a, const char *tmpl, bool is_url,
                                  bool rehearsal)
{
    const char *why;

    return policy_template_parse(a, tmpl, is_url, rehearsal, &why) != NULL ? NULL : why;
}

bool policy_template_has(const struct policy_template *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->p[i].name != NULL && strcmp(t->p[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}
