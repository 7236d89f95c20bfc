/* policy/facts.h - what inspection found in one mail or page. Plain data.
 *
 * Written by the inspector as JSON, read by the agent and the CLI. Everything
 * here came from outside: texts are valid UTF-8 and capped, nothing more. */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "rules.h"

/* What the JSON of facts and pages may hold at most; a reader refuses more, so
 * a writer stops there. One text: 64 KiB. */
#define POLICY_FACTS_FROM 100
#define POLICY_FACTS_LINKS 200
#define POLICY_FACTS_IDS 64
#define POLICY_FACTS_PROBLEMS 200
#define POLICY_FACTS_CERTIFICATES 100
#define POLICY_PAGE_FORMS 20
#define POLICY_PAGE_FIELDS 200
#define POLICY_PAGE_OPTIONS 500
#define POLICY_PAGE_BUTTONS 50

enum policy_auth_result {
    POLICY_AUTH_NONE = 0, /* no signature of a profile's domain */
    POLICY_AUTH_PASS,     /* strictly: every trap of the security reference 1d closed */
    POLICY_AUTH_FAIL,
    POLICY_AUTH_TEMPFAIL, /* the key could not be looked up now */
};
const char *policy_auth_name(enum policy_auth_result r); /* "pass", ... */

struct policy_auth {
    enum policy_auth_result result;
    const char *domain, *selector, *algorithm; /* d=, s=, a= of the signature judged */
    const char *signature;                     /* b= without white space: the mail's identity */
    int key_bits;
    int64_t signed_at, expires_at; /* t=, x=; 0 if absent */
    const char *reason;            /* a sentence; NULL on pass */
};

enum policy_link_state {
    POLICY_LINK_OTHER = 0,
    POLICY_LINK_FITS,   /* fits a template of the kind */
    POLICY_LINK_DENIED, /* fits a deny pattern: never opened */
};
struct policy_link {
    const char *url;
    const char *where; /* "text" or "html" */
    enum policy_link_state state;
    enum policy_kind kind;      /* whose template fits */
    const char *token;          /* part that is the token; NULL if the template has none */
    const char *mailbox, *order; /* placeholders of the template, NULL if none */
};

struct policy_id {
    const char *name;  /* "order" "certificate" "domain_id" "support" "account" */
    const char *value;
    const char *where; /* the place pattern that named it */
};

struct policy_facts {
    int64_t size;      /* bytes of the raw mail */
    const char *raw_sha256;
    struct policy_auth auth;
    const char *profile; /* id of the profile that fits the From and signature; NULL */
    const char **from;   /* every address of every From field, lower case */
    size_t nfrom;
    int from_fields;     /* how many From fields: 1 or nothing is believed */
    const char *subject, *message_id, *to;
    int64_t date;        /* Date field, 0 if none */
    enum policy_kind kind;
    const char *kind_by; /* "link", "certificate", "subject", "sender" or NULL */
    bool kind_conflict;  /* links of two kinds, or two tokens for one kind */
    const char *domain;  /* A-label, lower case; NULL */
    bool domain_conflict;
    const char *mailbox; /* as written but domain lower case A-label; NULL */
    bool mailbox_conflict;
    struct policy_id *ids;
    size_t nids;
    bool id_conflict;    /* two different values for one name */
    struct policy_link *links; /* the first 200 */
    size_t nlinks;
    json_t *certificates; /* array of cert_fields JSON (cert/fields.h); owned, may be NULL */
    const char *code;     /* {code} at a place, for POLICY_ACT_CODE */
    const char **problems; /* what was left out and why ("attachment x.zip: ...") */
    size_t nproblems;
    bool parsed;          /* body was parsed (signature passed, or explain asked for it) */
};

/* First value of id NAME, NULL if none. */
const char *policy_facts_id(const struct policy_facts *f, const char *name);
/* The one link that fits the kind of the mail; NULL if none or more than one token. */
const struct policy_link *policy_facts_link(const struct policy_facts *f);

json_t *policy_facts_to_json(const struct policy_facts *f);
/* Strict about types, tolerant about absence; all memory from A but
 * `certificates`, which the caller decrefs. Permanent "facts.json". */
enum base_fail_class policy_facts_from_json(struct base_arena *a, const json_t *j,
                                            struct policy_facts **out, struct base_fail *f);

/* ---- a page ---------------------------------------------------------------- */
struct policy_option {
    const char *value, *label;
    bool selected;
};
struct policy_field {
    const char *name, *type, *value; /* type: hidden text radio checkbox select textarea ... */
    bool checked;
    struct policy_option *options; /* of a select */
    size_t noptions;
};
struct policy_button {
    const char *name, *value, *label;
};
struct policy_form {
    const char *action; /* as written; NULL = the page's own URL */
    const char *method; /* "get" or "post" */
    const char *enctype;
    struct policy_field *fields;
    size_t nfields;
    struct policy_button *buttons;
    size_t nbuttons;
};
enum policy_page_state {
    POLICY_PAGE_UNKNOWN = 0, /* none of the profile's texts */
    POLICY_PAGE_PENDING,
    POLICY_PAGE_SUCCESS,
    POLICY_PAGE_DONE, /* approved before */
    POLICY_PAGE_EXPIRED,
    POLICY_PAGE_REFUSED, /* login, captcha, failure texts of the profile */
};
const char *policy_page_state_name(enum policy_page_state s);
struct policy_page {
    const char *title, *text; /* visible text, at most 16 KiB */
    struct policy_form *forms;
    size_t nforms;
    bool password_field, captcha; /* signs of a login or a captcha */
    enum policy_page_state state; /* by the profile's texts */
    const char *domain;           /* at page_places */
    bool domain_conflict;
    const char *mailbox;
    bool mailbox_conflict;
    struct policy_id *ids;
    size_t nids;
    bool id_conflict;
};
json_t *policy_page_to_json(const struct policy_page *p);
enum base_fail_class policy_page_from_json(struct base_arena *a, const json_t *j,
                                           struct policy_page **out, struct base_fail *f);

#endif
