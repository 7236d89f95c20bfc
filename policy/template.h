/* policy/template.h - templates, read once and run over many strings. */
#ifndef POLICY_TEMPLATE_H
#define POLICY_TEMPLATE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "recognise.h"

#define POLICY_TEMPLATE_MAX 1000 /* bytes of a template, and of a line that can fit one */

struct policy_template;

enum policy_fit {
    POLICY_FIT_NO = 0,
    POLICY_FIT_YES,
    POLICY_FIT_AMBIGUOUS, /* fits in two ways that capture differently, or needs too many steps */
};

/* NULL and *why (a sentence, from A or static) if TMPL is none. REHEARSAL: a URL
 * may have a port. The template lives in A. */
struct policy_template *policy_template_parse(struct base_arena *a, const char *tmpl, bool is_url,
                                              bool rehearsal, const char **why);
/* M is filled on YES only. */
enum policy_fit policy_template_run(struct base_arena *a, const struct policy_template *t,
                                    const char *s, struct policy_match *m);
/* True if the template has placeholder NAME ("any" too). */
bool policy_template_has(const struct policy_template *t, const char *name);

#endif
