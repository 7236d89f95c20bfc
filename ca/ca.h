/* ca/ca.h - what a CA's API can do, the same for every CA.
 *
 * An account is our account at one CA: base URL, key, CA bundle, rate limit.
 * It is thread-safe; all calls block (up to 30 s, waiting for the rate limit
 * included). Answers are parsed tolerantly into plain structs whose memory is
 * from the caller's arena; ids are text, because not every CA numbers.
 *
 * Failures of every call:
 *   temporary  net.* of net/http.h; ca.busy (5xx, 429, or our own rate limit:
 *              see ca_wait_ms()); ca.answer (200 with something unreadable, as
 *              half an answer or HTML); ca.lost (only of calls that change
 *              something: the request may have arrived, the answer did not -
 *              LOOK before doing it again)
 *   permanent  ca.key (401: the key is refused; 403: the key may not do this:
 *              ca.denied); ca.absent (404); ca.refused (other 4xx; text holds
 *              the CA's codes and messages); ca.unsupported (no driver has it);
 *              ca.input (an id or address that can't be put into a request)
 * The key never appears in a text. */
#ifndef CA_CA_H
#define CA_CA_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "net/http.h"
#include "policy/decide.h"
#include "policy/rules.h"

struct ca_account;

struct ca_options {
    const char *id;       /* of the account in our configuration */
    const char *driver;   /* "certcentral" */
    const char *base_url; /* https://host[:port]/path; its host is the only one ever asked */
    const char *key;      /* credential; copied, wiped by ca_account_free() */
    size_t nkey;
    struct net_scope scope; /* pointers stay borrowed for the life of the account */
    int64_t organization;   /* default of orders and domains; 0 = none */
    const char *payment;    /* "auto" | "profile" | "balance" | "card"; NULL = auto */
    bool skip_approval;     /* requests of ours need no second person at the CA */
    int64_t rate_short, rate_long; /* requests in 5 s and in 3 min; 0 = 100 and 1000 */
};
/* Codes: ca.driver, ca.base-url, ca.key-text (permanent: no such driver; URL not
 * https; a key with blanks, control characters or more than 256 bytes). */
enum base_fail_class ca_account_new(const struct ca_options *o, struct ca_account **out,
                                    struct base_fail *f);
void ca_account_free(struct ca_account *c); /* NULL is fine */
const char *ca_account_id(const struct ca_account *c);
/* Milliseconds until a request may leave (after 429 or at the limit); 0 = now. */
int64_t ca_wait_ms(struct ca_account *c);
/* The same for work that can wait: until less than PERCENT of the limits is used. */
int64_t ca_share_wait_ms(struct ca_account *c, int percent);
/* Requests that may still leave at once within the CA's limits. */
int64_t ca_room(struct ca_account *c);

/* ---- account ----------------------------------------------------------------- */

struct ca_me {
    const char *user, *account, *account_name; /* ids and name; NULL if not told */
    const char *role;                          /* of the key's user, as told */
};
/* The cheapest call that proves key and URL. */
enum base_fail_class ca_me(struct ca_account *c, struct base_arena *a, struct ca_me *out,
                           struct base_fail *f);

/* What the account's administrator made the order form ask besides ("custom fields"). */
struct ca_field {
    const char *id, *label;
    bool required, active;
};
struct ca_fields {
    struct ca_field *v;
    size_t n;
};
enum base_fail_class ca_fields(struct ca_account *c, struct base_arena *a, struct ca_fields *out,
                               struct base_fail *f);

/* ---- orders ------------------------------------------------------------------ */

enum ca_status {
    CA_UNKNOWN = 0,    /* a word that we don't know: wait, and say so */
    CA_WAITING_US,     /* something of ours is missing (needs_csr) */
    CA_WAITING_PERSON, /* a person has to approve or pick up */
    CA_WAITING_CA,     /* pending, processing: also while validation mails are open */
    CA_ISSUED,         /* there is a certificate */
    CA_FAILED,         /* rejected, denied, canceled, revoked */
};

enum ca_usage { CA_USAGE_DUAL = 0, CA_USAGE_SIGN, CA_USAGE_ENCRYPT };

/* Which name stands in the certificate's subject. */
enum ca_common_name {
    CA_NAME_DEFAULT = 0, /* the person's, if told, else the pseudonym, else the address */
    CA_NAME_EMAIL,
    CA_NAME_PERSON,
    CA_NAME_PSEUDONYM,
    CA_NAME_ORGANIZATION,
};

struct ca_order_request {
    const char *product; /* "secure_email_mailbox", ... */
    const char *mailbox;
    struct policy_strings addresses; /* all of the certificate, MAILBOX first; n 0 = MAILBOX alone */
    const char *csr;                 /* PEM; NULL = the recipient makes the key at the CA's page */
    enum ca_usage usage;
    bool non_repudiation, client_auth; /* beside it */
    const char *profile_type;          /* "strict" | "multipurpose"; always sent */
    const char *signature_hash;        /* "sha256" | "sha384" | "sha512"; NULL = sha256 */
    enum ca_common_name common_name;
    const char *first_name, *last_name, *pseudonym; /* NULL = none */
    int64_t validity_days;
    int64_t validity_years;     /* 0 = VALIDITY_DAYS counts */
    const char *validity_until; /* "2027-12-31"; counts before the others; NULL */
    int64_t auto_renew;         /* by the CA, so many times */
    struct policy_strings emails; /* whom it also writes to */
    const char *comments;         /* of a person; NULL */
    const json_t *custom_fields;  /* {id: text}; NULL */
    int64_t container, organization; /* 0 = the account's */
    const char *payment;             /* as in ca_options; NULL = the account's */
    const char *locale;              /* of its mails; NULL = the account's */
    const char *reference;  /* our marker, [A-Za-z0-9-]{1,64}: first word of the order's comments */
    const char *renewal_of; /* order id; NULL = none */
};

/* A request of the account: an order, reissue or revocation that somebody asked for. */
struct ca_request_entry {
    const char *id;
    const char *type, *status; /* "revoke", "reissue", ...; "pending", "approved", ... */
    const char *order, *mailbox, *requester, *comments, *date; /* NULL if not told */
};

struct ca_order {
    const char *id;
    const char *certificate; /* id; NULL before there is one */
    const char *request;     /* id of its (first) request; NULL if not told */
    enum ca_status status;
    const char *status_text;                                 /* as the CA says it */
    const char *product, *common_name, *serial, *thumbprint; /* NULL if not told, as below */
    struct policy_strings mailboxes;
    const char *csr;       /* as the CA holds it */
    const char *reference; /* first word of the comments: our marker, if it is ours */
    const char *dcv_method;
    const char *price, *currency;            /* "25.00"; NULL if not told */
    int64_t created, valid_from, valid_till; /* 0 = not told */
    const char *chain;                       /* PEM, end entity first, when issued at once */
    struct ca_request_entry *requests;       /* as far as told; lists tell none */
    size_t nrequests;
};
struct ca_orders {
    struct ca_order *v;
    size_t n;
    bool more; /* the list was cut at our cap */
};

/* POST, once. After ca.lost look with ca_find_order() first: an order costs money. */
enum base_fail_class ca_order(struct ca_account *c, const struct ca_order_request *r,
                              struct base_arena *a, struct ca_order *out, struct base_fail *f);
enum base_fail_class ca_order_info(struct ca_account *c, const char *id, struct base_arena *a,
                                   struct ca_order *out, struct base_fail *f);
struct ca_order_filter {
    const char *mailbox, *status, *certificate; /* NULL = any */
    int64_t since; /* created not before (minus two days for time zones); 0 = any */
    size_t max;    /* 0 = 1000 */
};
/* Newest first where the CA sorts. Lists tell less than ca_order_info(). */
enum base_fail_class ca_order_list(struct ca_account *c, const struct ca_order_filter *flt,
                                   struct base_arena *a, struct ca_orders *out,
                                   struct base_fail *f);
struct ca_change {
    const char *order, *certificate, *status_text;
    enum ca_status status;
};
struct ca_changes {
    struct ca_change *v;
    size_t n;
};
/* Orders whose status changed within the last SECONDS (at most 7 days). */
enum base_fail_class ca_status_changes(struct ca_account *c, int64_t seconds, struct base_arena *a,
                                       struct ca_changes *out, struct base_fail *f);

enum ca_found {
    CA_FOUND_NOT = 0, /* no order since then is ours: it did not arrive (yet: see below) */
    CA_FOUND,
    CA_FOUND_UNSURE, /* there is a candidate that shows neither CSR nor our reference */
};
/* Did an order whose answer was lost arrive? Reads the account's orders for MAILBOX
 * created since SINCE and compares, for each, the CSR that the CA holds with ours:
 * every attempt has a key of its own, so equal CSRs are the same order. Where the
 * CA shows no CSR, our reference in its comments decides. A CA may list an order
 * late: ask again after some minutes before believing CA_FOUND_NOT, and never
 * order again on CA_FOUND_UNSURE. */
enum base_fail_class ca_find_order(struct ca_account *c, const struct ca_order_request *r,
                                   int64_t since, struct base_arena *a, enum ca_found *found,
                                   struct ca_order *out, struct base_fail *f);

/* Are two requests (PEM) the same, whatever their tags and line lengths? */
bool ca_csr_same(struct base_arena *a, const char *x, const char *y);

/* ---- changing what was ordered -------------------------------------------------- */

enum ca_action {
    CA_CANCEL,             /* a pending order, or its pending reissue; ID: the order's */
    CA_REVOKE_CERTIFICATE, /* this one alone; ID: the certificate's id or serial number */
    CA_REVOKE_ORDER,       /* every certificate of it; ID: the order's */
    CA_REISSUE,            /* ID: the order's; needs CSR */
    CA_APPROVE,            /* ID: a request's */
    CA_REJECT,
    CA_EMAILS, /* replaces the order's list of additional addresses; ID: the order's */
};
struct ca_act {
    enum ca_action action;
    const char *id;
    const char *text; /* note or comment; NULL = none */
    const char *csr;  /* PEM */
    const char *signature_hash; /* of a reissue; NULL = sha256 */
    struct policy_strings emails;
};
struct ca_acted {
    bool waits;          /* a person has to approve it first */
    const char *request; /* the CA's id of the request; NULL if none was made */
};
/* One request that changes something, once. After ca.lost look with ca_order_info()
 * or ca_request_info() whether it arrived. */
enum base_fail_class ca_act(struct ca_account *c, const struct ca_act *r, struct base_arena *a,
                            struct ca_acted *out, struct base_fail *f);

/* What ca_order() or ca_act() would send; body is the caller's to decref, may be NULL. */
struct ca_preview {
    const char *method, *path;
    json_t *body;
};
enum base_fail_class ca_order_preview(struct ca_account *c, const struct ca_order_request *r,
                                      struct base_arena *a, struct ca_preview *out,
                                      struct base_fail *f);
enum base_fail_class ca_act_preview(struct ca_account *c, const struct ca_act *r,
                                    struct base_arena *a, struct ca_preview *out,
                                    struct base_fail *f);

struct ca_requests {
    struct ca_request_entry *v;
    size_t n;
    bool more;
};
/* Requests with this status ("pending"), NULL = any. */
enum base_fail_class ca_request_list(struct ca_account *c, const char *status,
                                     struct base_arena *a, struct ca_requests *out,
                                     struct base_fail *f);
enum base_fail_class ca_request_info(struct ca_account *c, const char *id, struct base_arena *a,
                                     struct ca_request_entry *out, struct base_fail *f);

struct ca_balance {
    const char *available, *currency; /* decimal text as the CA writes it; NULL if not told */
};
enum base_fail_class ca_balance(struct ca_account *c, struct base_arena *a, struct ca_balance *out,
                                struct base_fail *f);

/* PEM, end entity first, without root. CERTIFICATE or, if NULL, the active one of
 * ORDER. Nothing is checked here: cert/ does. */
enum base_fail_class ca_download(struct ca_account *c, const char *certificate, const char *order,
                                 struct base_arena *a, struct base_bytes *pem, struct base_fail *f);

struct ca_email_validation {
    const char *mailbox;
    bool validated;
    int64_t sent; /* when the CA wrote; 0 = not told */
};
struct ca_email_validations {
    struct ca_email_validation *v;
    size_t n;
};
/* Mailbox validation of an order. ca.absent also when the CA no longer has this call. */
enum base_fail_class ca_email_validations(struct ca_account *c, const char *order,
                                          struct base_arena *a, struct ca_email_validations *out,
                                          struct base_fail *f);

/* ---- domains ------------------------------------------------------------------ */

struct ca_domain {
    const char *id, *name;
    const char *dcv_method;           /* "email", "dns-txt-token", ...; NULL if not told */
    bool active;                      /* false: deactivated at the CA */
    bool pending;                     /* submitted, waits for control to be shown */
    bool valid;                       /* validated and not expired */
    int64_t valid_till;               /* 0 = not told */
    const char *token;                /* dcv_token, a secret; NULL if not told */
    bool token_done;                  /* ... and it has done its work already */
    const char *token_url;            /* where an HTTP token's file belongs; NULL if not told */
    const char *verification;         /* what the record's value is made of; NULL if not told */
    struct policy_strings recipients; /* mails went there; only as told by an add */
};
struct ca_domains {
    struct ca_domain *v;
    size_t n;
    bool more;
};
/* With NAME only the one of exactly this name (v of 0 or 1). */
enum base_fail_class ca_domain_list(struct ca_account *c, const char *name, struct base_arena *a,
                                    struct ca_domains *out, struct base_fail *f);
enum base_fail_class ca_domain_info(struct ca_account *c, const char *id, struct base_arena *a,
                                    struct ca_domain *out, struct base_fail *f);
/* Adds NAME and asks for validation by mail, to RECIPIENTS or (NULL) to those the
 * CA chooses. A domain that exists already is ca.refused. */
enum base_fail_class ca_domain_add(struct ca_account *c, const char *name,
                                   const struct policy_strings *recipients, struct base_arena *a,
                                   struct ca_domain *out, struct base_fail *f);
/* Submits an existing domain for validation by mail again (expired, or added without it). */
enum base_fail_class ca_domain_submit(struct ca_account *c, const char *id, struct base_fail *f);
/* Has the validation mails sent again, to RECIPIENTS or (NULL) to all. */
enum base_fail_class ca_domain_resend(struct ca_account *c, const char *id, const char *name,
                                      const struct policy_strings *recipients, struct base_fail *f);
/* Addresses that the CA would write to for this domain. */
enum base_fail_class ca_domain_recipients(struct ca_account *c, const char *id,
                                          struct base_arena *a, struct policy_strings *out,
                                          struct base_fail *f);
/* ---- validation by DNS and HTTP -------------------------------------------------- */

/* HTTP: the file has a fixed name; HTTP_DYNAMIC: one that the CA gives. */
enum ca_dcv_method { CA_DCV_TXT, CA_DCV_CNAME, CA_DCV_HTTP, CA_DCV_HTTP_DYNAMIC };
#define CA_DCV_DIRECTORY ".well-known/pki-validation"
/* [A-Za-z0-9._-]{1,100} that doesn't begin with a dot: the name of a file and nothing else. */
bool ca_dcv_file_ok(const char *name);
struct ca_dcv {
    const char *domain;       /* id of the domain */
    bool valid;               /* nothing to do: the CA holds it as validated until VALID_TILL */
    const char *token;        /* checked: [A-Za-z0-9_-]{8,200} */
    const char *verification; /* CNAME: the CA's name below which the token goes; else NULL */
    const char *file;         /* HTTP: its name in CA_DCV_DIRECTORY, checked */
    int64_t valid_till;
};
/* Has the CA wait for METHOD at NAME and gives the token of it. Looks first, so it may be
 * called again after ca.lost: a domain is added once, and a token that waits already for
 * this very method is given again where the CA tells it. RENEWS: a validation that holds no
 * longer than that is to be replaced; 0 = any that holds is good. */
enum base_fail_class ca_dcv_ask(struct ca_account *c, const char *name, enum ca_dcv_method method,
                                int64_t renews, struct base_arena *a, struct ca_dcv *out,
                                struct base_fail *f);
enum ca_dcv_state {
    CA_DCV_NOT_YET = 0, /* the CA looked and did not find it; REASON tells what it says */
    CA_DCV_VALID,
    CA_DCV_CHANGED, /* the CA waits for something else: ask again with ca_dcv_ask() */
};
struct ca_dcv_check {
    enum ca_dcv_state state;
    const char *reason; /* NULL with CA_DCV_VALID */
    int64_t valid_till; /* 0 = not told */
};
/* Has the CA look now, unless it holds the domain as validated already. TOKEN is ours;
 * another one at the CA is CA_DCV_CHANGED. Safe to repeat. */
enum base_fail_class ca_dcv_check(struct ca_account *c, const char *domain,
                                  enum ca_dcv_method method, const char *token, int64_t renews,
                                  struct base_arena *a, struct ca_dcv_check *out,
                                  struct base_fail *f);
/* Does the CA hold D as validated, and longer than RENEWS (0 = any)? */
bool ca_domain_holds(const struct ca_domain *d, int64_t renews);

/* ---- evidence for policy ------------------------------------------------------- */

/* Does an id that a mail or page showed belong to this account? NAME as in
 * policy_id: "order" and "certificate" are tried as both, because CAs mix them up;
 * "domain_id"; "account". Others, and answers that tell nothing: unknown. */
enum ca_owner { CA_OWNER_UNKNOWN = 0, CA_OWNER_HERE, CA_OWNER_NOT };
enum base_fail_class ca_id_owner(struct ca_account *c, const char *name, const char *value,
                                 struct base_arena *a, enum ca_owner *out, struct base_fail *f);

struct ca_look {
    struct ca_account **accounts; /* all of ours */
    size_t naccounts;
    const struct policy_intent *intent; /* NULL = none fits: only who owns what is asked */
    const char *home; /* the account that the mail's domain is bound to; NULL = none */
    const char *domain, *mailbox;       /* what the mail is about; either may be NULL */
    bool exact; /* the intent's mailbox is another one in other case (base/mailbox.h) */
    const struct policy_id *ids;        /* ids in the mail (and on the page) */
    size_t nids;
};
/* Asks the API and fills OUT (all but nunexplained and unexplained, which need the
 * look before: ca_newly_valid()). What can't be asked makes out->state
 * UNREACHABLE or REFUSED, and F tells why (also returned, for the log). Of an account that is neither the
 * intent's nor HOME that is no obstacle: it is taken as not having it. Those others are asked for a minute
 * at most, not when they are near their limit of requests, and within the bounds of others.c. */
enum base_fail_class ca_evidence(const struct ca_look *l, struct base_arena *a,
                                 struct policy_api *out, struct base_fail *f);

#endif
