/* ca/certcentral_form.c - the order form as the JSON that CertCentral reads.
 *
 * Two shapes, by product: secure_email_* (profile, usage, indicator) and the client
 * certificates that ended on 2025-07-10 (common name as text); class1_smime takes
 * its name from the first address. Member by member after DigiCert's reference of
 * POST /order/certificate/{product}. Which product needs what is the caller's; here
 * nothing is refused. */
#include <string.h>

#include "base/json.h"
#include "certcentral.h"

static void set_id(json_t *o, const char *key, const char *id)
{
    int64_t n;

    if (base_parse_int(id, 1, INT64_MAX, &n)) {
        base_json_setn(o, key, n);
    } else {
        base_json_set(o, key, id);
    }
}

static const char *usage_name(enum ca_usage u)
{
    switch (u) {
    case CA_USAGE_SIGN:
        return "signing";
    case CA_USAGE_ENCRYPT:
        return "key_management";
    case CA_USAGE_DUAL:
        break;
    }
    return "dual_use";
}

static bool is_secure_email(const struct ca_order_request *r)
{
    return strncmp(r->product, "secure_email_", 13) == 0;
}

static bool is_class1(const struct ca_order_request *r)
{
    return strcmp(r->product, "class1_smime") == 0;
}

static bool has_organization(const struct ca_order_request *r)
{
    return strcmp(r->product, "secure_email_mailbox") != 0 && !is_class1(r);
}

static enum ca_common_name name_of(const struct ca_order_request *r)
{
    bool person = r->first_name != NULL && r->last_name != NULL;

    if (r->common_name != CA_NAME_DEFAULT) {
        return r->common_name;
    }
    return person ? CA_NAME_PERSON : r->pseudonym != NULL ? CA_NAME_PSEUDONYM : CA_NAME_EMAIL;
}

static const char *indicator(enum ca_common_name n)
{
    switch (n) {
    case CA_NAME_PERSON:
        return "given_name_surname";
    case CA_NAME_PSEUDONYM:
        return "pseudonym";
    case CA_NAME_ORGANIZATION:
        return "organization_name";
    case CA_NAME_DEFAULT:
    case CA_NAME_EMAIL:
        break;
    }
    return "email_address";
}

static json_t *strings(const struct policy_strings *l)
{
    json_t *list = json_array();

    for (size_t i = 0; i < l->n; i++) {
        json_array_append_new(list, json_string(l->v[i]));
    }
    return list;
}

static json_t *emails_of(const struct ca_order_request *r)
{
    return r->addresses.n > 0 ? strings(&r->addresses) : json_pack("[s]", r->mailbox);
}

static void put_person(json_t *certificate, const struct ca_order_request *r)
{
    json_t *individual = json_object();

    base_json_set(individual, "first_name", r->first_name);
    base_json_set(individual, "last_name", r->last_name);
    base_json_set(individual, "pseudonym", r->pseudonym);
    if (json_object_size(individual) > 0) {
        json_object_set(certificate, "individual", individual);
    }
    json_decref(individual);
}

static json_t *usage_of(const struct ca_order_request *r)
{
    json_t *usage = json_object(), *more = json_array();

    base_json_set(usage, "primary_usage", usage_name(r->usage));
    if (r->non_repudiation) {
        json_array_append_new(more, json_string("non_repudiation"));
    }
    if (r->client_auth) {
        json_array_append_new(more, json_string("client_auth"));
    }
    if (json_array_size(more) > 0) {
        json_object_set(usage, "additional_usages", more);
    }
    json_decref(more);
    return usage;
}

/* The older products want the name itself beside its indicator. */
static void put_old_name(struct base_arena *a, json_t *certificate, const struct ca_order_request *r)
{
    if (is_class1(r)) {
        return;
    }
    if (name_of(r) == CA_NAME_PERSON && r->first_name != NULL && r->last_name != NULL) {
        base_json_set(certificate, "common_name",
                      base_arena_printf(a, "%s %s", r->first_name, r->last_name));
    } else {
        base_json_set(certificate, "common_name", r->pseudonym != NULL ? r->pseudonym : r->mailbox);
    }
    base_json_set(certificate, "common_name_indicator", indicator(name_of(r)));
    put_person(certificate, r);
}

static json_t *certificate_body(struct base_arena *a, const struct ca_order_request *r)
{
    json_t *c = json_object();

    json_object_set_new(c, "emails", emails_of(r));
    base_json_set(c, "csr", r->csr); /* none: the CA invites the recipient to make the key */
    base_json_set(c, "signature_hash", r->signature_hash != NULL ? r->signature_hash : "sha256");
    if (!is_secure_email(r)) {
        put_old_name(a, c, r);
        return c;
    }
    base_json_set(c, "profile_type", r->profile_type != NULL ? r->profile_type : "strict");
    base_json_set(c, "common_name_indicator", indicator(name_of(r)));
    put_person(c, r);
    json_object_set_new(c, "usage_designation", usage_of(r));
    return c;
}

static json_t *validity_of(const struct ca_order_request *r)
{
    json_t *validity = json_object();

    if (r->validity_until != NULL) {
        base_json_set(validity, "custom_expiration_date", r->validity_until);
    } else if (r->validity_years > 0) {
        base_json_setn(validity, "years", r->validity_years);
    } else {
        base_json_setn(validity, "days", r->validity_days);
    }
    return validity;
}

static void put_organization(json_t *body, const struct ca_account *c,
                             const struct ca_order_request *r)
{
    int64_t id = r->organization > 0 ? r->organization : c->organization;

    if (id > 0 && has_organization(r)) {
        json_object_set_new(body, "organization", json_pack("{s:I}", "id", (json_int_t)id));
    }
}

static json_t *fields_of(const json_t *given)
{
    json_t *list = json_array(), *value;
    const char *id;

    json_object_foreach((json_t *)given, id, value)
    {
        json_t *one = json_object();
        set_id(one, "metadata_id", id);
        json_object_set(one, "value", value);
        json_array_append_new(list, one);
    }
    return list;
}

static void put_optional(struct base_arena *a, json_t *body, const struct ca_order_request *r)
{
    /* our mark first: it is how an order whose answer was lost is found again */
    base_json_set(body, "comments",
                  r->comments != NULL && r->reference != NULL
                      ? base_arena_printf(a, "%s %s", r->reference, r->comments)
                  : r->comments != NULL ? r->comments
                                        : r->reference);
    if (r->auto_renew > 0) {
        base_json_setn(body, "auto_renew", r->auto_renew);
    }
    if (r->emails.n > 0) {
        json_object_set_new(body, "additional_emails", strings(&r->emails));
    }
    if (json_object_size(r->custom_fields) > 0) {
        json_object_set_new(body, "custom_fields", fields_of(r->custom_fields));
    }
    if (r->container > 0) {
        json_object_set_new(body, "container", json_pack("{s:I}", "id", (json_int_t)r->container));
    }
    base_json_set(body, "locale", r->locale);
    if (r->renewal_of != NULL) {
        set_id(body, "renewal_of_order_id", r->renewal_of);
    }
}

json_t *cc_order_body(const struct ca_account *c, const struct ca_order_request *r,
                      struct base_arena *a)
{
    json_t *body = json_object();

    json_object_set_new(body, "certificate", certificate_body(a, r));
    if (is_secure_email(r) && r->pseudonym != NULL && name_of(r) == CA_NAME_PSEUDONYM) {
        json_object_set_new(body, "subject", json_pack("{s:b}", "include_pseudonym", 1));
    } else if (is_secure_email(r) && r->first_name != NULL && r->last_name != NULL) {
        json_object_set_new(body, "subject", json_pack("{s:b}", "include_given_name_surname", 1));
    }
    put_organization(body, c, r);
    json_object_set_new(body, "order_validity", validity_of(r));
    base_json_set(body, "payment_method", r->payment != NULL ? r->payment : ca_payment(c));
    if (c->skip_approval) {
        base_json_setb(body, "skip_approval", true);
    }
    base_json_set(body, "dcv_method", "email");
    put_optional(a, body, r);
    return body;
}
