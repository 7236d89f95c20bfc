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

    out->t = base_arena_array(a, l->n, sizeof *out->t);
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

/* A line with two readings names nothing, but whatever it could have named is
 * in doubt. */
static void doubt(const struct policy_template *t, struct policy_found *f)
{
    static const char *const ids[] = {"order", "certificate", "domain_id", "support", "account"};

    f->domain_conflict = f->domain_conflict || policy_template_has(t, "domain");
    f->mailbox_conflict = f->mailbox_conflict || policy_template_has(t, "mailbox");
    f->code_conflict = f->code_conflict || policy_template_has(t, "code");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        f->id_conflict = f->id_conflict || policy_template_has(t, ids[i]);
    }
}

void policy_places_line(const struct policy_places *p, const char *line, struct policy_found *f)
{
    for (size_t i = 0; i < p->n; i++) {
        struct policy_match m;
        switch (policy_template_run(f->a, p->t[i], line, &m)) {
        case POLICY_FIT_YES:
            policy_found_take(f, &m, p->pattern[i]);
            break;
        case POLICY_FIT_AMBIGUOUS:
            doubt(p->t[i], f);
            break;
        case POLICY_FIT_NO:
            break;
        }
    }
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
