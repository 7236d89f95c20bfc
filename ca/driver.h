/* ca/driver.h - what a driver has to offer, and the account behind it; inside ca/.
 *
 * A driver is one table of functions; a call that it hasn't is NULL and answers
 * ca.unsupported. The account's fields are immutable after ca_account_new() but
 * for those that have locks of their own. */
#ifndef CA_DRIVER_H
#define CA_DRIVER_H
#include <jansson.h>
#include <stdatomic.h>

#include "ca.h"
#include "catalog.h"
#include "rate.h"

struct ca_driver {
    const char *name;
    enum base_fail_class (*me)(struct ca_account *, struct base_arena *, struct ca_me *,
                               struct base_fail *);
    enum base_fail_class (*order)(struct ca_account *, const struct ca_order_request *,
                                  struct base_arena *, struct ca_order *, struct base_fail *);
    enum base_fail_class (*order_info)(struct ca_account *, const char *, struct base_arena *,
                                       struct ca_order *, struct base_fail *);
    enum base_fail_class (*order_list)(struct ca_account *, const struct ca_order_filter *,
                                       struct base_arena *, struct ca_orders *, struct base_fail *);
    enum base_fail_class (*status_changes)(struct ca_account *, int64_t, struct base_arena *,
                                           struct ca_changes *, struct base_fail *);
    enum base_fail_class (*download)(struct ca_account *, const char *, const char *,
                                     struct base_arena *, struct base_bytes *, struct base_fail *);
    enum base_fail_class (*email_validations)(struct ca_account *, const char *,
                                              struct base_arena *, struct ca_email_validations *,
                                              struct base_fail *);
    enum base_fail_class (*domain_list)(struct ca_account *, const char *, struct base_arena *,
                                        struct ca_domains *, struct base_fail *);
    enum base_fail_class (*domain_info)(struct ca_account *, const char *, struct base_arena *,
                                        struct ca_domain *, struct base_fail *);
    enum base_fail_class (*domain_add)(struct ca_account *, const char *,
                                       const struct policy_strings *, struct base_arena *,
                                       struct ca_domain *, struct base_fail *);
    enum base_fail_class (*domain_submit)(struct ca_account *, const char *, struct base_fail *);
    enum base_fail_class (*domain_resend)(struct ca_account *, const char *, const char *,
                                          const struct policy_strings *, struct base_fail *);
    enum base_fail_class (*domain_recipients)(struct ca_account *, const char *,
                                              struct base_arena *, struct policy_strings *,
                                              struct base_fail *);
    enum base_fail_class (*dcv_ask)(struct ca_account *, const char *, enum ca_dcv_method, int64_t,
                                    struct base_arena *, struct ca_dcv *, struct base_fail *);
    enum base_fail_class (*dcv_check)(struct ca_account *, const char *, enum ca_dcv_method,
                                      const char *, int64_t, struct base_arena *, struct ca_dcv_check *,
                                      struct base_fail *);
    enum base_fail_class (*order_preview)(struct ca_account *, const struct ca_order_request *,
                                          struct base_arena *, struct ca_preview *,
                                          struct base_fail *);
    enum base_fail_class (*act)(struct ca_account *, const struct ca_act *, struct base_arena *,
                                struct ca_acted *, struct base_fail *);
    enum base_fail_class (*act_preview)(struct ca_account *, const struct ca_act *,
                                        struct base_arena *, struct ca_preview *,
                                        struct base_fail *);
    enum base_fail_class (*request_list)(struct ca_account *, const char *, struct base_arena *,
                                         struct ca_requests *, struct base_fail *);
    enum base_fail_class (*request_info)(struct ca_account *, const char *, struct base_arena *,
                                         struct ca_request_entry *, struct base_fail *);
    enum base_fail_class (*balance)(struct ca_account *, struct base_arena *, struct ca_balance *,
                                    struct base_fail *);
    enum base_fail_class (*fields)(struct ca_account *, struct base_arena *, struct ca_fields *,
                                   struct base_fail *);
    enum base_fail_class (*product_terms)(struct ca_account *, const char *, struct base_arena *,
                                          const char **, struct base_fail *);
    enum base_fail_class (*id_owner)(struct ca_account *, const char *, const char *,
                                     struct base_arena *, enum ca_owner *, struct base_fail *);
    /* catalog.h */
    enum base_fail_class (*catalog)(struct ca_account *, struct base_arena *, json_t **,
                                    struct base_fail *);
    enum base_fail_class (*rights)(struct ca_account *, struct base_arena *, json_t **,
                                   struct base_fail *);
    enum base_fail_class (*price)(struct ca_account *, const char *, int64_t, struct base_arena *,
                                  struct ca_price *, struct base_fail *);
    enum base_fail_class (*organization_list)(struct ca_account *, struct base_arena *, json_t **,
                                              struct base_fail *);
    enum base_fail_class (*organization_add)(struct ca_account *, const json_t *,
                                             struct base_arena *, const char **, struct base_fail *);
    enum base_fail_class (*organization_preview)(struct ca_account *, const json_t *,
                                                 struct base_arena *, struct ca_preview *,
                                                 struct base_fail *);
    enum base_fail_class (*organization_submit)(struct ca_account *, const char *,
                                                struct base_arena *, struct base_fail *);
};
extern const struct ca_driver ca_certcentral;

struct ca_account {
    struct base_arena *arena; /* owns the texts below */
    const struct ca_driver *driver;
    const char *id, *base_url, *payment;
    struct net_host host;
    struct net_scope scope;
    int64_t organization;
    bool skip_approval;
    const char *_Atomic learned; /* what payment "auto" means here; never NULL */
    char *key; /* malloc'ed; wiped at the end */
    struct ca_rate *rate; /* shared by all snapshots of the configuration */
};

/* ---- asking all accounts about a stranger's mail (others.c) ----------------------------
 * NOW is base_mono_ms(); any thread. */

/* Did ACCOUNT answer some minutes ago that it has nothing of WHAT? */
bool ca_others_lacked(const char *account, const char *what, int64_t now);
void ca_others_lacks(const char *account, const char *what, int64_t now); /* it does now */
/* Takes one of the questions that all other accounts together may be asked; false: none is left. */
bool ca_others_may_ask(int64_t now);

/* ---- kept connections (idle.c) ------------------------------------------------------ */

/* A kept connection of this account, or a new one; the caller owns it. */
struct net_http_conn *ca_idle_borrow(const struct ca_account *c);
void ca_idle_return(const struct ca_account *c, struct net_http_conn *conn);
void ca_idle_drop(const struct ca_account *c); /* the account goes */

/* ---- one API call (transport.c) ---------------------------------------------------- */

struct ca_call {
    const char *method; /* anything but GET changes something at the CA */
    const char *path;   /* behind the base URL, already escaped */
    const json_t *body; /* NULL = none; borrowed */
    bool raw;           /* the answer isn't JSON: bytes instead */
};
struct ca_answer {
    json_t *json; /* NULL for an empty answer; the caller decrefs */
    struct base_bytes bytes;
};
/* KEY_FIELD is the name of the header field that carries the key. Fails as the top
 * of ca.h says. ANSWER is always initialised. */
enum base_fail_class ca_transport(struct ca_account *c, const char *key_field,
                                  const struct ca_call *call, struct base_arena *a,
                                  struct ca_answer *answer, struct base_fail *f);
/* A failure answer to its class (STATUS isn't 2xx). CHANGES: the call changes something. */
enum base_fail_class ca_transport_refusal(int status, struct base_bytes body, bool changes,
                                          struct base_arena *a, struct base_fail *f);

/* [A-Za-z0-9._-]{1,64}; else permanent ca.input. */
enum base_fail_class ca_check_id(const char *id, struct base_fail *f);

#endif
