/* ca/certcentral.h - pieces of the CertCentral driver; inside ca/.
 *
 * DigiCert CertCentral Services API v2. The parsers take any JSON: what is absent
 * or of another type is left at its default. */
#ifndef CA_CERTCENTRAL_H
#define CA_CERTCENTRAL_H
#include "driver.h"

#define CC_PAGE 1000      /* members of one page of a list (the API's maximum) */
#define CC_LIST_MAX 20000 /* members that we take of any list */

/* METHOD PATH with BODY (consumed; may be NULL); *json (caller decrefs) may be NULL. */
enum base_fail_class cc_call(struct ca_account *c, const char *method, const char *path,
                             json_t *body, struct base_arena *a, json_t **json,
                             struct base_fail *f);
enum base_fail_class cc_get(struct ca_account *c, const char *path, struct base_arena *a,
                            json_t **json, struct base_fail *f);
/* A change whose answer holds nothing that we need. */
enum base_fail_class cc_change(struct ca_account *c, const char *method, const char *path,
                               json_t *body, struct base_fail *f);
/* 2xx with something that isn't what the call answers. */
enum base_fail_class cc_unexpected(bool changes, const char *what, struct base_fail *f);

/* ---- parsing (certcentral_parse.c) --------------------------------------------------- */

/* An id as text, from a number or a text; NULL if absent, 0 or no id. */
const char *cc_id(struct base_arena *a, const json_t *o, const char *key);
const char *cc_text(struct base_arena *a, const json_t *o, const char *key);
/* RFC 3339 date or date-time; 0 if absent. */
int64_t cc_time(const json_t *o, const char *key);
/* Texts of an array; at most 1000. */
void cc_strings(struct base_arena *a, const json_t *array, struct policy_strings *out);
enum ca_status cc_status(const char *text);

void cc_parse_me(struct base_arena *a, const json_t *j, struct ca_me *out);
/* False if it has no id. */
bool cc_parse_order(struct base_arena *a, const json_t *j, struct ca_order *out);
/* False if it has no id. */
bool cc_parse_request(struct base_arena *a, const json_t *j, struct ca_request_entry *out);
void cc_parse_changes(struct base_arena *a, const json_t *j, struct ca_changes *out);
void cc_parse_validations(struct base_arena *a, const json_t *j, struct ca_email_validations *out);
/* NOW judges expiry. False if it has neither id nor name. */
bool cc_parse_domain(struct base_arena *a, const json_t *j, int64_t now, struct ca_domain *out);
/* Every address of validation_emails or of the answer of dcv/emails. */
void cc_parse_recipients(struct base_arena *a, const json_t *j, struct policy_strings *out);

/* Are there members behind the first END ones of the list J, whose array held GOT? By
 * its page.total where told: an API may give smaller pages than we asked for. */
bool cc_more(const json_t *j, size_t got, size_t end);

/* certcentral_terms.c */
enum base_fail_class cc_product_terms(struct ca_account *c, const char *product,
                                      struct base_arena *a, const char **text,
                                      struct base_fail *f);

/* ---- calls ------------------------------------------------------------------------------ */

enum base_fail_class cc_order(struct ca_account *c, const struct ca_order_request *r,
                              struct base_arena *a, struct ca_order *out, struct base_fail *f);
enum base_fail_class cc_order_info(struct ca_account *c, const char *id, struct base_arena *a,
                                   struct ca_order *out, struct base_fail *f);
enum base_fail_class cc_order_list(struct ca_account *c, const struct ca_order_filter *flt,
                                   struct base_arena *a, struct ca_orders *out,
                                   struct base_fail *f);
enum base_fail_class cc_status_changes(struct ca_account *c, int64_t seconds, struct base_arena *a,
                                       struct ca_changes *out, struct base_fail *f);
enum base_fail_class cc_download(struct ca_account *c, const char *certificate, const char *order,
                                 struct base_arena *a, struct base_bytes *pem, struct base_fail *f);
enum base_fail_class cc_email_validations(struct ca_account *c, const char *order,
                                          struct base_arena *a, struct ca_email_validations *out,
                                          struct base_fail *f);
enum base_fail_class cc_domain_list(struct ca_account *c, const char *name, struct base_arena *a,
                                    struct ca_domains *out, struct base_fail *f);
enum base_fail_class cc_domain_info(struct ca_account *c, const char *id, struct base_arena *a,
                                    struct ca_domain *out, struct base_fail *f);
enum base_fail_class cc_domain_add(struct ca_account *c, const char *name,
                                   const struct policy_strings *recipients, struct base_arena *a,
                                   struct ca_domain *out, struct base_fail *f);
enum base_fail_class cc_domain_submit(struct ca_account *c, const char *id, struct base_fail *f);
enum base_fail_class cc_domain_resend(struct ca_account *c, const char *id, const char *name,
                                      const struct policy_strings *recipients, struct base_fail *f);
enum base_fail_class cc_domain_recipients(struct ca_account *c, const char *id,
                                          struct base_arena *a, struct policy_strings *out,
                                          struct base_fail *f);
enum base_fail_class cc_dcv_ask(struct ca_account *c, const char *name, enum ca_dcv_method m,
                                int64_t renews, struct base_arena *a, struct ca_dcv *out,
                                struct base_fail *f);
enum base_fail_class cc_dcv_check(struct ca_account *c, const char *domain, enum ca_dcv_method m,
                                  const char *token, int64_t renews, struct base_arena *a,
                                  struct ca_dcv_check *out, struct base_fail *f);
enum base_fail_class cc_order_preview(struct ca_account *c, const struct ca_order_request *r,
                                      struct base_arena *a, struct ca_preview *out,
                                      struct base_fail *f);
/* certcentral_form.c: the body of an order; the caller's to decref. */
json_t *cc_order_body(const struct ca_account *c, const struct ca_order_request *r,
                      struct base_arena *a);
/* certcentral_fields.c */
void cc_parse_fields(struct base_arena *a, const json_t *j, struct ca_fields *out);
enum base_fail_class cc_fields(struct ca_account *c, struct base_arena *a, struct ca_fields *out,
                               struct base_fail *f);
/* certcentral_acts.c */
enum base_fail_class cc_act(struct ca_account *c, const struct ca_act *r, struct base_arena *a,
                            struct ca_acted *out, struct base_fail *f);
enum base_fail_class cc_act_preview(struct ca_account *c, const struct ca_act *r,
                                    struct base_arena *a, struct ca_preview *out,
                                    struct base_fail *f);
enum base_fail_class cc_request_list(struct ca_account *c, const char *status,
                                     struct base_arena *a, struct ca_requests *out,
                                     struct base_fail *f);
enum base_fail_class cc_request_info(struct ca_account *c, const char *id, struct base_arena *a,
                                     struct ca_request_entry *out, struct base_fail *f);
enum base_fail_class cc_balance(struct ca_account *c, struct base_arena *a, struct ca_balance *out,
                                struct base_fail *f);

/* certcentral_catalog.c; parsed members as catalog.h says, the caller decrefs */
json_t *cc_parse_rights(const json_t *me);
json_t *cc_parse_products(const json_t *answer);
json_t *cc_parse_catalog_fields(const json_t *answer);
/* Adds contract and card to OUT as far as they are told. */
void cc_parse_payment(const json_t *answer, json_t *out);
/* A number or text as an amount; NULL if it is none. */
const char *cc_amount(struct base_arena *a, const json_t *v);
/* False if no price is told. */
bool cc_parse_price(struct base_arena *a, const json_t *j, int64_t days, struct ca_price *out);
enum base_fail_class cc_catalog(struct ca_account *c, struct base_arena *a, json_t **out,
                                struct base_fail *f);
enum base_fail_class cc_rights(struct ca_account *c, struct base_arena *a, json_t **out,
                               struct base_fail *f);
enum base_fail_class cc_price(struct ca_account *c, const char *product, int64_t days,
                              struct base_arena *a, struct ca_price *out, struct base_fail *f);
/* certcentral_organizations.c; NULL without an id; NOW judges expiry */
json_t *cc_parse_organization(const json_t *e, int64_t now);
enum base_fail_class cc_organization_list(struct ca_account *c, struct base_arena *a, json_t **out,
                                          struct base_fail *f);
enum base_fail_class cc_organization_add(struct ca_account *c, const json_t *form,
                                         struct base_arena *a, const char **id,
                                         struct base_fail *f);
enum base_fail_class cc_organization_preview(struct ca_account *c, const json_t *form,
                                             struct base_arena *a, struct ca_preview *out,
                                             struct base_fail *f);
enum base_fail_class cc_organization_submit(struct ca_account *c, const char *id,
                                            struct base_arena *a, struct base_fail *f);

#endif
