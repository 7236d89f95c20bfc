/* inspect/links.h - the web addresses that a mail shows, each once. */
#ifndef INSPECT_LINKS_H
#define INSPECT_LINKS_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "policy/facts.h"

#define INSPECT_URL_MAX 2048

struct inspect_links {
    struct base_arena *a;
    struct {
        const char *url, *where;
    } v[POLICY_FACTS_LINKS];
    size_t n;
    size_t left_out; /* past the cap, or too long */
};

/* Adds a http or https address (anything else is ignored); white space around it
 * and tabs and line ends inside it are taken out, as browsers do. WHERE is static. */
void inspect_links_add(struct inspect_links *l, const char *url, size_t n, const char *where);
/* Finds addresses in plain text. Punctuation at their end and a bracket that was
 * opened before them belong to the sentence. */
void inspect_links_scan(struct inspect_links *l, const char *text, const char *where);

#endif
