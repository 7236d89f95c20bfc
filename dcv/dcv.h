/* dcv/dcv.h - answering a validation, one step at a time.
 *
 * Every function does one thing and returns, because the agent commits between
 * the steps: open the link -> (the inspector reads the page, policy decides) ->
 * submit the form. Whatever a step needs of the one before is text in struct
 * dcv_page, so that it can be kept. Blocks; thread-safe; keeps nothing.
 *
 * Every URL (link, redirect, form action, redirect after the form) must be
 * https on an exact host of the rules' link templates and must fit no deny
 * pattern. A link must fit a template as a whole besides. At most 3 redirects.
 *
 * Failures besides those of net/http.h (where net.url becomes dcv.url):
 *   permanent  dcv.url (not on our hosts, denied, no template fits), dcv.redirect
 *              (too many, or one that would repeat a POST), dcv.form (no form that
 *              fits, more than one, not POST, other encoding, a password or file
 *              field), dcv.narrow (the narrow choice isn't offered, or the form has
 *              a choice that the profile doesn't name), dcv.code (no single field
 *              for the code), dcv.status (an answer that is neither 2xx nor 3xx)
 *   temporary  dcv.busy (429 or 5xx) */
#ifndef DCV_DCV_H
#define DCV_DCV_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "net/http.h"
#include "policy/facts.h"
#include "policy/rules.h"

struct dcv_context {
    struct net_scope scope; /* bundle = CAs of link hosts */
    int total_ms;           /* of each exchange; 0 = 30 s */
};

enum dcv_sent {
    DCV_NOT_SENT = 0, /* the request that confirms did not leave: the step may be repeated */
    DCV_LOST,         /* it may have arrived, no answer came: never repeat, ask the API */
    DCV_ANSWERED,     /* the CA's server answered it (its page may still have been lost), whatever
                       it said: after a POST ask the API, never repeat */
};

struct dcv_page {
    int status;               /* HTTP status of the last answer; 0 = none */
    const char *url;          /* the page's own URL after redirects; holds the token */
    const char *content_type; /* NULL = not told */
    struct base_bytes body;   /* at most 256 KiB */
    const char *cookies;      /* for the next step: lines "host<TAB>name=value"; never NULL */
    int hops;                 /* redirects followed */
    int64_t retry_after;      /* seconds; -1 = not told */
    enum dcv_sent sent;       /* open: of the link's own GET (where opening confirms);
                                 submit: of the POST. Set on failure too */
};

/* GET of the link. BASE_OK only with a 2xx page; with dcv.status and dcv.busy the
 * body is there too (a page that says "expired" may come with 410). OUT is always
 * initialised, memory from A. */
enum base_fail_class dcv_link_open(const struct dcv_context *c,
                                   const struct policy_kind_rules *rules, const char *url,
                                   struct base_arena *a, struct dcv_page *out, struct base_fail *f);

/* What would be sent, without sending it (shown to a person, and used by submit). */
struct dcv_post {
    size_t form;      /* index in page->forms */
    const char *url;  /* checked */
    const char *body; /* application/x-www-form-urlencoded */
};
/* PAGE is what the inspector read out of the page at PAGE_URL. CODE is typed into
 * the one visible text field of the form (POLICY_ACT_CODE); NULL otherwise.
 * All but dcv.busy and the net.* codes can come. */
enum base_fail_class dcv_form_build(struct base_arena *a, const struct policy_kind_rules *rules,
                                    const struct policy_page *page, const char *page_url,
                                    const char *code, struct dcv_post *out, struct base_fail *f);

/* One POST of the narrow choice with the cookies of OPENED; a redirect after it is
 * followed as GET with the same checks. out->sent tells what became of the POST,
 * whatever is returned. BASE_OK only with a 2xx page. */
enum base_fail_class dcv_link_submit(const struct dcv_context *c,
                                     const struct policy_kind_rules *rules,
                                     const struct policy_page *page, const struct dcv_page *opened,
                                     const char *code, struct base_arena *a, struct dcv_page *out,
                                     struct base_fail *f);

#endif
