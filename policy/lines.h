/* policy/lines.h - visible text line by line, white space made one blank. */
#ifndef POLICY_LINES_H
#define POLICY_LINES_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "template.h"

struct policy_lines {
    const char *next;
    bool apart; /* a blank line, or the start, is before l->line */
    char line[POLICY_TEMPLATE_MAX + 1];
};

void policy_lines_start(struct policy_lines *l, const char *text); /* NULL = no lines */
/* The next line that isn't blank, trimmed, in l->line; longer ones are left
 * out, as they can fit no template. False at the end. */
bool policy_lines_next(struct policy_lines *l);
/* All of TEXT as one line, of any length. */
char *policy_one_line(struct base_arena *a, const char *text);

#endif
