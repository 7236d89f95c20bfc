/* policy/match.c - running a template over one whole string.
 *
 * Linear but for {any}, which tries every place where its following text
 * stands; steps are counted, and a string that needs too many is treated as
 * one that can be read in two ways. Owns nothing. */
#include <string.h>

#include "base/bytes.h"
#include "pieces.h"
#include "template.h"
#include "url.h"

#define STEPS 20000

struct span {
    const char *p;
    size_t n;
};

struct run {
    const struct policy_template *t;
    const char *s;
    size_t n;
    long steps;
    struct span now[POLICY_PIECES], found[POLICY_PIECES];
    bool fits, ambiguous;
};

static void success(struct run *r)
{
    if (!r->fits) {
        r->fits = true;
        memcpy(r->found, r->now, sizeof r->found);
        return;
    }
    for (size_t i = 0; i < r->t->n; i++) {
        if (r->t->p[i].type == POLICY_PIECE_SET &&
            (r->now[i].n != r->found[i].n ||
             memcmp(r->now[i].p, r->found[i].p, r->now[i].n) != 0)) {
            r->ambiguous = true;
        }
    }
}

static void walk(struct run *r, size_t i, size_t pos);

/* Every place where the literal behind the {any} at I stands. */
static void walk_any(struct run *r, size_t i, size_t pos)
{
    const struct policy_piece *lit = &r->t->p[i + 1];

    while (!r->ambiguous) {
        const char *at = memmem(r->s + pos, r->n - pos, lit->literal, lit->n);
        if (at == NULL) {
            return;
        }
        pos = (size_t)(at - r->s);
        walk(r, i + 1, pos);
        pos++;
    }
}

/* The longest run of the set, at most MAX: the text behind can't start inside
 * it, so no shorter one can fit. */
static size_t take(const struct policy_piece *p, const char *s, size_t n)
{
    size_t k = 0;

    while (k < n && k < p->max && policy_piece_in(p, (unsigned char)s[k])) {
        k++;
    }
    return k;
}

static void walk(struct run *r, size_t i, size_t pos)
{
    for (; i < r->t->n; i++) {
        const struct policy_piece *p = &r->t->p[i];
        if (--r->steps < 0) {
            r->ambiguous = true;
            return;
        }
        if (p->type == POLICY_PIECE_ANY && i + 1 == r->t->n) {
            pos = r->n;
        } else if (p->type == POLICY_PIECE_ANY) {
            walk_any(r, i, pos);
            return;
        } else if (p->type == POLICY_PIECE_LITERAL) {
            if (r->n - pos < p->n || memcmp(r->s + pos, p->literal, p->n) != 0) {
                return;
            }
            pos += p->n;
        } else {
            size_t k = take(p, r->s + pos, r->n - pos);
            if (k < p->min) {
                return;
            }
            r->now[i] = (struct span){r->s + pos, k};
            pos += k;
        }
    }
    if (pos == r->n) {
        success(r);
    }
}

/* The value of a capture in its comparable form; NULL if it is none. */
static const char *value_of(struct base_arena *a, const struct policy_template *t,
                            const struct policy_piece *p, const struct span *v)
{
    bool decode =
        t->is_url && (p->check == POLICY_PIECE_DOMAIN || p->check == POLICY_PIECE_MAILBOX);
    const char *text =
        decode ? policy_url_decode(a, v->p, v->n) : base_arena_strndup(a, v->p, v->n);
    int64_t port;

    if (text == NULL) {
        return NULL;
    }
    switch (p->check) {
    case POLICY_PIECE_DOMAIN:
        return policy_domain_alabel(a, text);
    case POLICY_PIECE_MAILBOX:
        return policy_mailbox_normal(a, text);
    case POLICY_PIECE_PORT:
        return base_parse_int(text, 1, 65535, &port) && text[0] != '0' ? text : NULL;
    case POLICY_PIECE_PLAIN:
        break;
    }
    return text;
}

enum policy_fit policy_template_run(struct base_arena *a, const struct policy_template *t,
                                    const char *s, struct policy_match *m)
{
    struct run r = {.t = t, .s = s, .steps = STEPS};

    m->n = 0;
    if (t->is_url) {
        r.s = policy_url_normal(a, s, false, t->ports, NULL);
        if (r.s == NULL) {
            return POLICY_FIT_NO;
        }
    }
    r.n = strlen(r.s);
    if (!t->is_url && r.n > POLICY_TEMPLATE_MAX) {
        return POLICY_FIT_NO;
    }
    walk(&r, 0, 0);
    if (r.ambiguous || !r.fits) {
        return r.ambiguous ? POLICY_FIT_AMBIGUOUS : POLICY_FIT_NO;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->p[i].type != POLICY_PIECE_SET) {
            continue;
        }
        const char *v = value_of(a, t, &t->p[i], &r.found[i]);
        if (v == NULL) {
            m->n = 0;
            return POLICY_FIT_NO;
        }
        m->c[m->n++] = (struct policy_capture){t->p[i].name, v};
    }
    return POLICY_FIT_YES;
}

bool policy_template_match(struct base_arena *a, const char *tmpl, const char *s, bool is_url,
                           struct policy_match *m)
{
    const char *why;
    /* ports are the profile's matter, which was checked when it was read */
    const struct policy_template *t = policy_template_parse(a, tmpl, is_url, true, &why);

    m->n = 0;
    return t != NULL && s != NULL && policy_template_run(a, t, s, m) == POLICY_FIT_YES;
}
