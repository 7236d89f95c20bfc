/* inspect/html.h - what a person sees in HTML, its links and its forms.
 *
 * Never fetches, never runs anything. gumbo builds the tree within a budget of
 * memory and time, because nesting and attributes make it quadratic. */
#ifndef INSPECT_HTML_H
#define INSPECT_HTML_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "links.h"
#include "policy/facts.h"

#define INSPECT_HTML_MAX (256 * 1024) /* bytes of one HTML text */
#define INSPECT_ATTRIBUTES_MAX 200    /* of one tag */
#define INSPECT_HTML_DEPTH 256        /* elements below each other; deeper ones are left out */
#define INSPECT_PAGE_TEXT (16 * 1024) /* bytes of a page's visible text */

struct inspect_html {
    const char *text; /* visible text, lines by LF, a row of a table is one line */
    const char *title;
    bool password_field, captcha;
    struct policy_form *forms; /* only if asked for */
    size_t nforms;
};

/* P[0..N) in CHARSET (NULL: as its <meta> says, else UTF-8). Links go to LINKS
 * (as "html") if not NULL; FORMS asks for forms. NULL, or why it was left out. */
const char *inspect_html_read(struct base_arena *a, const char *charset, const void *p, size_t n,
                              struct inspect_links *links, bool forms, struct inspect_html *out);

#endif
