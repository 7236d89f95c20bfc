/* inspect/html_inner.h - what the files of the HTML reader share. */
#ifndef INSPECT_HTML_INNER_H
#define INSPECT_HTML_INNER_H
#include <gumbo.h>

#include "html.h"

/* Value of attribute NAME, NULL if absent. */
const char *inspect_html_attr(const GumboElement *e, const char *name);
/* The element isn't shown: its attributes or its kind say so. */
bool inspect_html_hidden(const GumboElement *e);
/* Visible text below NODE, at most MAX bytes, in A. */
char *inspect_html_text(struct base_arena *a, const GumboNode *node, size_t max);
void inspect_html_forms(struct base_arena *a, const GumboNode *root, struct inspect_html *out);

#endif
