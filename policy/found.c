/* policy/found.c - collecting captures into facts, with their conflicts.
 *
 * A second value for the same thing is never chosen between: it is a conflict,
 * and a line that could be read in two ways is one too. Owns nothing. */
#include "found.h"

#include <string.h>

#include "base/bytes.h"
#include "lines.h"

void policy_found_init(struct policy_found *f, struct base_arena *a)
{
    memset(f, 0, sizeof *f);
    f->a = a;
    f->ids = base_arena_array(a, POLICY_FACTS_IDS, sizeof *f->ids);
}

static void take_one(const char **slot, bool *conflict, const char *value)
{
    if (*slot == NULL) {
        *slot = value;
    } else if (strcmp(*slot, value) != 0) {
        *conflict = true;
    }
}

static void take_id(struct policy_found *f, const char *name, const char *value, const char *where)
{
    for (size_t i = 0; i < f->nids; i++) {
        if (strcmp(f->ids[i].name, name) == 0) {
            if (strcmp(f->ids[i].value, value) == 0) {
                return;
            }
            f->id_conflict = true;
        }
    }
    if (f->nids == POLICY_FACTS_IDS) {
        f->id_conflict = true; /* what was left out could be the other one */
        return;
    }
    f->ids[f->nids++] = (struct policy_id){name, value, base_arena_strdup(f->a, where)};
}

void policy_found_take(struct policy_found *f, const struct policy_match *m, const char *where)
{
    for (size_t i = 0; i < m->n; i++) {
        const char *name = m->c[i].name, *value = m->c[i].value;
        if (strcmp(name, "domain") == 0) {
            take_one(&f->domain, &f->domain_conflict, value);
        } else if (strcmp(name, "mailbox") == 0) {
            /* the local part's case says nothing about whose mailbox it is */
            if (f->mailbox == NULL || !base_ascii_caseeq(f->mailbox, value)) {
                take_one(&f->mailbox, &f->mailbox_conflict, value);
            }
        } else if (strcmp(name, "code") == 0) {
            take_one(&f->code, &f->code_conflict, value);
        } else if (strcmp(name, "token") != 0 && strcmp(name, "port") != 0) {
            take_id(f, name, value, where);
        }
    }
}

void policy_places_read(struct base_arena *a, const struct policy_strings *l, const char *prefix,
                        struct policy_places *out)
{
    size_t k = strlen(prefix);

    out->t = base_arena_array(a, l->n, sizeof(struct policy_template *));
    out->pattern = base_arena_array(a, l->n, sizeof *out->pattern);
    out->n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const char *why;
        if (strncmp(l->v[i], prefix, k) != 0) {
            continue;
        }
        struct policy_template *t = policy_template_parse(a, l->v[i] + k, false, false, &why);
        if (t != NULL) {
            out->t[out->n] = t;
            out->pattern[out->n++] = l->v[i];
        }
    }
}

static const char *const id_names[] = {"order", "certificate", "domain_id", "support", "account"};
#define ID_NAMES (sizeof id_names / sizeof *id_names)

static bool has_id(const struct policy_template *t)
{
    for (size_t i = 0; i < ID_NAMES; i++) {
        if (policy_template_has(t, id_names[i])) {
            return true;
        }
    }
    return false;
}

static bool has_name(const struct policy_template *t)
{
    return policy_template_has(t, "domain") || policy_template_has(t, "mailbox");
}

/* A line with two readings names nothing, but whatever it could have named is
 * in doubt. */
static void doubt(const struct policy_template *t, struct policy_found *f)
{
    f->domain_conflict = f->domain_conflict || policy_template_has(t, "domain");
    f->mailbox_conflict = f->mailbox_conflict || policy_template_has(t, "mailbox");
    f->code_conflict = f->code_conflict || policy_template_has(t, "code");
    f->id_conflict = f->id_conflict || has_id(t);
}

unsigned policy_places_line(const struct policy_places *p, const char *line, struct policy_found *f)
{
    unsigned bits = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct policy_match m;
        enum policy_fit fit = policy_template_run(f->a, p->t[i], line, &m);
        if (fit == POLICY_FIT_NO) {
            continue;
        }
        bits |= (has_name(p->t[i]) ? POLICY_PLACE_NAME : 0) | (has_id(p->t[i]) ? POLICY_PLACE_ID : 0);
        if (fit == POLICY_FIT_YES) {
            policy_found_take(f, &m, p->pattern[i]);
        } else {
            doubt(p->t[i], f);
        }
    }
    return bits;
}

void policy_places_text(const struct policy_places *p, const char *text, struct policy_found *f)
{
    struct policy_lines l;

    if (p->n == 0) {
        return;
    }
    policy_lines_start(&l, text);
    while (policy_lines_next(&l)) {
        policy_places_line(p, l.line, f);
    }
}

/* How many paragraphs of a text name something, and whether ids stand where they may. */
struct paragraphs {
    size_t named;
    bool ids, astray;
};

static void paragraph_ends(struct paragraphs *s, unsigned bits)
{
    s->named += (bits & POLICY_PLACE_NAME) != 0;
    s->ids = s->ids || (bits & POLICY_PLACE_ID) != 0;
    s->astray = s->astray || bits == POLICY_PLACE_ID;
}

void policy_places_mail(const struct policy_places *p, const char *text, struct policy_found *f)
{
    struct paragraphs s = {0};
    struct policy_lines l;
    unsigned bits = 0;
    bool names = false;

    for (size_t i = 0; i < p->n; i++) {
        names = names || has_name(p->t[i]);
    }
    policy_lines_start(&l, text);
    while (policy_lines_next(&l)) {
        if (l.apart) {
            paragraph_ends(&s, bits);
            bits = 0;
        }
        bits |= policy_places_line(p, l.line, f);
    }
    paragraph_ends(&s, bits);
    if (names && (s.astray || (s.ids && s.named > 1))) {
        f->id_conflict = true;
    }
}

void policy_found_agree(struct policy_found *text, const struct policy_found *html)
{
    for (size_t i = 0; i < text->nids; i++) {
        bool there = false;
        for (size_t k = 0; k < html->nids; k++) {
            there = there || (strcmp(text->ids[i].name, html->ids[k].name) == 0 &&
                              strcmp(text->ids[i].value, html->ids[k].value) == 0);
        }
        text->id_conflict = text->id_conflict || !there;
    }
}
