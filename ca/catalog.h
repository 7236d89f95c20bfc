/* ca/catalog.h - what an account is and may do: rights of its key, products, organizations,
 * custom fields, money.
 *
 * A catalog is a JSON object, so that it can be kept as it is and read without the network.
 * Members that the CA did not tell are absent; readers must take absence as "not known",
 * never as "no":
 *   rights        {role, admin, order, domain, organization}: role is a text for people;
 *                 order, domain and organization are false only where the CA says so
 *   products      [{id, name, known_as, years[], hashes[], csr_required, auto_renew,
 *                 any_date, ended}]
 *   fields        [{id, label, type, required}]: custom fields of orders, active ones
 *   organizations [{id, name, active, smime, until, contacts[]}], validated ones first;
 *                 smime is "valid", "pending", "expired" or "none"
 *   balance, currency, contract (bool), card (bool)
 *   untold        [{part, text}]: what could not be asked, and why
 * Failures as in ca.h. */
#ifndef CA_CATALOG_H
#define CA_CATALOG_H
#include "ca.h"

/* Asks for everything. One part that the CA does not tell fails nothing: it is named in
 * "untold". A refused key or no answer to the first question fails. The caller decrefs. */
enum base_fail_class ca_catalog(struct ca_account *c, struct base_arena *a, json_t **out,
                                struct base_fail *f);

/* Its member "rights" alone, by one call: the cheapest that proves key and URL. */
enum base_fail_class ca_rights(struct ca_account *c, struct base_arena *a, json_t **out,
                               struct base_fail *f);

struct ca_price {
    const char *each, *currency; /* "25.00", "USD"; currency NULL if not told */
};
/* ca.absent: the CA tells no price for this. */
enum base_fail_class ca_price(struct ca_account *c, const char *product, int64_t days,
                              struct base_arena *a, struct ca_price *out, struct base_fail *f);

/* The array "organizations" of a catalog, asked now. The caller decrefs. */
enum base_fail_class ca_organization_list(struct ca_account *c, struct base_arena *a, json_t **out,
                                          struct base_fail *f);
/* FORM: name, assumed_name, address, address2, city, state, zip, country, telephone, and
 * organization_contact and technical_contact {first_name, last_name, job_title, email,
 * telephone}. *ID is the CA's new one. After ca.lost look for the name in the list first. */
enum base_fail_class ca_organization_add(struct ca_account *c, const json_t *form,
                                         struct base_arena *a, const char **id,
                                         struct base_fail *f);
enum base_fail_class ca_organization_preview(struct ca_account *c, const json_t *form,
                                             struct base_arena *a, struct ca_preview *out,
                                             struct base_fail *f);
/* Has the organization ID validated for S/MIME. Asking again changes nothing. */
enum base_fail_class ca_organization_submit(struct ca_account *c, const char *id,
                                            struct base_arena *a, struct base_fail *f);

/* What "auto" means for this account, from its CATALOG: from now on orders are paid so. */
void ca_account_learn(struct ca_account *c, const json_t *catalog);
/* "profile" | "balance" | "card" */
const char *ca_payment(const struct ca_account *c);

#endif
