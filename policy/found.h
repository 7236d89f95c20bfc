/* policy/found.h - collecting captures into facts, with their conflicts. */
#ifndef POLICY_FOUND_H
#define POLICY_FOUND_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "recognise.h"
#include "template.h"

/* What one mail or page has said so far. */
struct policy_found {
    struct base_arena *a;
    const char *domain, *mailbox, *code;
    bool domain_conflict, mailbox_conflict, code_conflict, id_conflict;
    struct policy_id *ids; /* room for POLICY_FACTS_IDS */
    size_t nids;
};

void policy_found_init(struct policy_found *f, struct base_arena *a);
/* Takes what M captured at WHERE. {token} and {port} are none of its business. */
void policy_found_take(struct policy_found *f, const struct policy_match *m, const char *where);

/* A list of place patterns, read once. */
struct policy_places {
    struct policy_template **t;
    const char **pattern;
    size_t n;
};
/* Those of L that start with PREFIX ("text:"). Unreadable ones are left out:
 * the profile was checked when it was loaded. */
void policy_places_read(struct base_arena *a, const struct policy_strings *l, const char *prefix,
                        struct policy_places *out);
/* Runs all of P over one line; what it found there, as bits. */
#define POLICY_PLACE_NAME 1u /* a domain or mailbox */
#define POLICY_PLACE_ID 2u   /* an id */
unsigned policy_places_line(const struct policy_places *p, const char *line,
                            struct policy_found *f);
/* ... over all lines of TEXT (NULL = none). */
void policy_places_text(const struct policy_places *p, const char *text, struct policy_found *f);
/* ... of a mail's plain text. Where P knows lines that name the domain or
 * mailbox, ids count only in the one paragraph with that line: elsewhere an
 * applicant may have typed them into a name with line ends. */
void policy_places_mail(const struct policy_places *p, const char *text, struct policy_found *f);
/* An id that the plain text shows and the HTML beside it does not is in doubt. */
void policy_found_agree(struct policy_found *text, const struct policy_found *html);

#endif
