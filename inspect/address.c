/* inspect/address.c - address fields (RFC 5322 3.4, RFC 6532) and dates, without recursion.
 *
 * A character automaton: comments, quoted strings, angle brackets and groups
 * are states and counters. What it can't follow is an error, never a guess. */
#include <string.h>
#include <strings.h>

#include "header.h"
#include "policy/recognise.h"

struct scan {
    const unsigned char *p, *end;
    char word[512]; /* of the address that is being read, blanks left out */
    size_t n;
    bool bad;
};

static void put(struct scan *s, unsigned char c)
{
    if (s->n + 1 < sizeof(s->word)) {
        s->word[s->n++] = (char)c;
    } else {
        s->bad = true;
    }
}

/* At "(": behind its end. */
static void skip_comment(struct scan *s)
{
    int depth = 0;

    for (; s->p < s->end; s->p++) {
        if (*s->p == '\\') {
            s->p++;
        } else if (*s->p == '(' && ++depth > INSPECT_NESTING_MAX) {
            s->bad = true;
            return;
        } else if (*s->p == ')' && --depth == 0) {
            s->p++;
            return;
        }
    }
    s->bad = true;
}

/* At a quote: the string goes with its quotes into the word. */
static void read_quoted(struct scan *s)
{
    put(s, '"');
    for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
        if (*s->p == '\\' && s->p + 1 < s->end) {
            put(s, *s->p++);
        }
        put(s, *s->p);
    }
    s->bad = s->bad || s->p >= s->end;
    put(s, '"');
    s->p++;
}

/* local@domain: lower case, the domain as A-label where it is one. */
static void add_address(struct base_arena *a, struct scan *s, const char **v, size_t *n)
{
    s->word[s->n] = '\0';
    const char *at = strrchr(s->word, '@');
    const char *normal = at != NULL ? policy_mailbox_normal(a, s->word) : NULL;
    char *text = base_arena_strdup(a, normal != NULL ? normal : s->word);

    base_ascii_lower(text);
    if (at == NULL || at == s->word || at[1] == '\0' || *n == INSPECT_ADDRESSES_MAX) {
        s->bad = true;
    } else {
        v[(*n)++] = base_printable(a, text, strlen(text), 320);
    }
    s->n = 0;
}

/* At "<": takes the address up to ">", a source route left out. */
static void read_angle(struct base_arena *a, struct scan *s, const char **v, size_t *n)
{
    s->n = 0;
    for (s->p++; !s->bad && s->p < s->end && *s->p != '>';) {
        if (*s->p == '"') {
            read_quoted(s);
        } else if (*s->p == '(') {
            skip_comment(s);
        } else if (*s->p == ':') {
            s->n = 0;
            s->p++;
        } else if (*s->p == '<') {
            s->bad = true;
        } else {
            if (*s->p > ' ') {
                put(s, *s->p);
            }
            s->p++;
        }
    }
    s->bad = s->bad || s->p >= s->end;
    if (s->n > 0 && !s->bad) {
        add_address(a, s, v, n);
    }
    s->n = 0;
    s->p++;
}

/* What was collected at a separator: an address, or (behind an angle) nothing. */
static void end_of_one(struct base_arena *a, struct scan *s, bool angle, const char **v, size_t *n)
{
    if (!angle && s->n > 0) {
        add_address(a, s, v, n);
    }
    s->n = 0;
}

bool inspect_addresses(struct base_arena *a, struct base_bytes value, const char **v, size_t *n)
{
    struct scan s = {.p = value.p, .end = value.p + value.n};
    bool angle = false; /* this mailbox had its <...> */
    int groups = 0;

    while (!s.bad && s.p < s.end) {
        unsigned char c = *s.p;

        if (c == '(') {
            skip_comment(&s);
        } else if (c == '"') {
            read_quoted(&s);
        } else if (c == '<') {
            s.bad = angle;
            angle = true;
            read_angle(a, &s, v, n);
        } else if (c == ',' || c == ';') {
            end_of_one(a, &s, angle, v, n);
            angle = false;
            s.p++;
        } else if (c == ':') { /* what stood before was a group's name */
            s.bad = ++groups > INSPECT_NESTING_MAX || angle;
            s.n = 0;
            s.p++;
        } else {
            if (c > ' ') {
                put(&s, c);
            }
            s.p++;
        }
    }
    if (!s.bad) {
        end_of_one(a, &s, angle, v, n);
    }
    return !s.bad;
}
