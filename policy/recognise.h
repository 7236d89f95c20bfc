/* policy/recognise.h - a profile's rules applied to what a mail or page shows. Pure.
 *
 * Runs inside the inspector's sandbox, on text that its parsers took out. */
#ifndef POLICY_RECOGNISE_H
#define POLICY_RECOGNISE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "facts.h"
#include "rules.h"

struct policy_material {
    const char *text; /* visible text of the mail, UTF-8, lines by LF; all parts, one after another */
    const char *html_text; /* visible text of the HTML part, the same; NULL if none */
    struct {
        const char *url, *where;
    } *links;
    size_t nlinks;
    size_t ncertificates;
};

/* Fills profile, kind, domain, mailbox, ids, links, code of F from M; F has its
 * header facts already. Text and HTML are both searched: a different value in
 * one of them is a conflict. */
void policy_recognise(struct base_arena *a, const struct policy_profile *p,
                      const struct policy_material *m, struct policy_facts *f);
/* Fills state, domain, mailbox, ids of PAGE from its text by the rules of a kind. */
void policy_recognise_page(struct base_arena *a, const struct policy_kind_rules *k,
                           struct policy_page *page);

/* One template against one whole string. Captures are allocated in A. */
struct policy_capture {
    const char *name, *value;
};
#define POLICY_CAPTURES 8
struct policy_match {
    struct policy_capture c[POLICY_CAPTURES];
    size_t n;
};
/* False if it doesn't fit. URL templates compare scheme and host case-folded
 * and refuse user info, fragments, control and non-ASCII characters; a capture
 * of {mailbox} or {domain} in a query is percent-decoded. Linear time but for {any}. */
bool policy_template_match(struct base_arena *a, const char *tmpl, const char *s, bool is_url,
                           struct policy_match *m);
/* NULL if TMPL is a valid template, else a sentence that says what is wrong. */
const char *policy_template_check(struct base_arena *a, const char *tmpl, bool is_url,
                                  bool rehearsal);
/* Host (lower case) and port of a URL or URL template; false if it has none. */
bool policy_url_host(struct base_arena *a, const char *url, const char **host, int *port);

/* A-label form, lower case, no trailing dot (IDNA 2008, UTS 46 non-transitional);
 * NULL if S is no host name. */
const char *policy_domain_alabel(struct base_arena *a, const char *s);
/* local@domain with the domain in A-label form, local part kept; NULL if S is no address. */
const char *policy_mailbox_normal(struct base_arena *a, const char *s);

#endif
