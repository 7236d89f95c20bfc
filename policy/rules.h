/* policy/rules.h - what a CA profile says, as plain data, and its JSON.
 *
 * A profile is read from a file by policy/profile.c (libconfuse) in the agent
 * or the CLI; the sandboxed inspector gets the same data as JSON, because it
 * may open no file. Never code: a profile can only name places and texts.
 *
 * Templates. A pattern is literal text with placeholders:
 *   {domain} a host name (U- or A-labels)      {mailbox} an address
 *   {order} {certificate} {domain_id} {support} {account}  an id: [A-Za-z0-9._-]{1,64}
 *   {token:N:SET} or {token:MIN-MAX:SET}       SET like a-zA-Z0-9_-
 *   {code:MIN-MAX:SET}  a code to be typed     {any} any run of characters, also none
 *   {port} a port; only in profiles with rehearsal = true
 * "{{" and "}}" stand for the braces themselves. What follows a placeholder
 * must be literal text that can't be part of it, so that there is one way to
 * read a string; where {any} makes several ways with different captures, the
 * string doesn't fit.
 * A place pattern starts with where it looks: "text:" one whole line of the
 * mail's visible text, "subject:" the whole subject, "page:" one whole line of
 * the page's visible text. Lines are trimmed and runs of white space count as
 * one blank. It must match the whole line: what an applicant typed inside
 * another line never does. */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"

enum policy_kind {
    POLICY_KIND_OTHER = 0,
    POLICY_KIND_DOMAIN_VALIDATION,
    POLICY_KIND_MAILBOX_VALIDATION,
    POLICY_KIND_CERTIFICATE_ISSUED,
    POLICY_KIND_CSR_INVITATION,
    POLICY_KIND_RENEWAL_NOTICE,
    POLICY_KIND_ORGANIZATION_CONSENT,
    POLICY_KIND_ORDER_APPROVAL,
    POLICY_KINDS
};
/* "domain-validation", ..., "other". */
const char *policy_kind_name(enum policy_kind k);
bool policy_kind_parse(const char *s, enum policy_kind *k);

enum policy_action {
    POLICY_ACT_HUMAN = 0, /* recognised and recorded, never answered by us */
    POLICY_ACT_GET,       /* opening the link confirms */
    POLICY_ACT_FORM,      /* page with a form: GET, then POST of the narrow choice */
    POLICY_ACT_CODE,      /* a code of the mail is typed into a form */
    POLICY_ACT_DNS,       /* a value of the mail is published in DNS */
    POLICY_ACT_REPLY,     /* answered by mail (RFC 8823) */
    POLICY_ACT_COLLECT,   /* a certificate is taken out */
};
const char *policy_action_name(enum policy_action a);
bool policy_action_parse(const char *s, enum policy_action *a);

struct policy_strings {
    const char **v;
    size_t n;
};
bool policy_strings_has(const struct policy_strings *l, const char *s); /* ASCII case-folded */

#define POLICY_MIN_KEY_BITS 1024 /* RSA floor unless the profile says more */

struct policy_kind_rules {
    enum policy_kind kind;
    bool verified;                 /* seen on a real account: else at most `hold` */
    struct policy_strings from;    /* exact From addresses, lower case; "@domain" = any of that domain */
    struct policy_strings signers; /* d= pinned, exact */
    struct policy_strings subjects; /* hints: patterns of the whole subject */
    struct policy_strings links;   /* URL templates, whole URL */
    struct policy_strings deny;    /* URL templates that are never opened; checked first */
    struct policy_strings places;  /* "text:Order: {order}", "subject:... {domain} ({order})" */
    struct policy_strings page_places; /* "page:Domain: {domain}" */
    enum policy_action action;
    const char *button;            /* "name=value" of the button to press; NULL = the only one */
    struct policy_strings choices; /* "name=value": the narrow choice of each radio or select */
    struct policy_strings page_pending, page_success, page_done, page_expired, page_refused;
    /* texts that tell a page's state; each is looked for in the visible text */
    bool bind_by_resend; /* an answered resend may bind (the weakest binding) */
    bool bind_on_page;   /* the page shows an id at page_places: binding may wait for it */
    int64_t lifetime;    /* seconds that a token lives */
    int64_t settle;      /* seconds in which all mails of one request have come */
};

struct policy_profile {
    const char *id, *title;
    const char *driver; /* "certcentral", or NULL: no API known */
    bool rehearsal;     /* may name ports and private hosts */
    struct policy_strings senders;      /* envelope sender domains (and below) */
    struct policy_strings from_domains; /* From domains (and below) */
    struct policy_strings dkim;         /* known "selector._domainkey.domain", for doctor */
    struct policy_strings caa;          /* issuer names in CAA issuemail */
    int min_key_bits;                   /* RSA floor, 1024 unless said */
    struct policy_kind_rules *kinds;
    size_t nkinds;
};

/* True if the address is of one of the profile's From domains, or below. */
bool policy_profile_from(const struct policy_profile *p, const char *addr);
/* True if ADDR is one of the kind's From addresses. */
bool policy_kind_from(const struct policy_kind_rules *k, const char *addr);
/* True if some kind of the profile pins DOMAIN as a signer (exact, case-folded). */
bool policy_profile_signer(const struct policy_profile *p, const char *domain);

/* JSON in both directions; from_json checks types and caps (permanent
 * "profile.json"), all memory from A. */
json_t *policy_profile_to_json(const struct policy_profile *p);
enum base_fail_class policy_profile_from_json(struct base_arena *a, const json_t *j,
                                              struct policy_profile **out, struct base_fail *f);
const struct policy_kind_rules *policy_profile_kind(const struct policy_profile *p,
                                                    enum policy_kind k); /* NULL if none */

#endif
