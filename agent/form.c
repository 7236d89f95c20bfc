/* agent/form.c - the order form as it is kept in an order's row, for those that come after
 * the plan: the request to the CA, the checks of the certificate, the renewal. */
#include "form.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static struct policy_strings strings_of(struct base_arena *a, const json_t *list)
{
    struct policy_strings s = {base_arena_array(a, json_array_size(list) + 1, sizeof(char *)), 0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *v = json_string_value(json_array_get(list, i));
        if (v)
            ((const char **)s.v)[s.n++] = v;
    }
    return s;
}

struct policy_strings agent_form_addresses(struct base_arena *a, const json_t *request,
                                           const char *mailbox)
{
    struct policy_strings s = strings_of(a, base_json_arr(request, "addresses"));
    for (size_t i = 0; i < s.n; i++)
        ((const char **)s.v)[i] = base_arena_strdup(a, s.v[i]);
    if (s.n == 0)
        ((const char **)s.v)[s.n++] = mailbox;
    return s;
}

bool agent_form_later(const json_t *request)
{
    return base_json_bool(request, "later", false);
}

static enum ca_common_name name_of(const json_t *request)
{
    const char *s = base_json_strd(request, "common_name", "");
    return strcmp(s, "email") == 0          ? CA_NAME_EMAIL
           : strcmp(s, "name") == 0         ? CA_NAME_PERSON
           : strcmp(s, "pseudonym") == 0    ? CA_NAME_PSEUDONYM
           : strcmp(s, "organization") == 0 ? CA_NAME_ORGANIZATION
                                            : CA_NAME_DEFAULT;
}

static bool lists(const json_t *request, const char *usage)
{
    const json_t *list = base_json_arr(request, "additional_usages");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)) ?: "", usage) == 0)
            return true;
    return false;
}

void agent_form_fill(struct base_arena *a, const json_t *request, struct ca_order_request *out)
{
    const char *usage = base_json_strd(request, "usage", "dual_use");
    bool by_ca = strcmp(base_json_strd(request, "renew_by", "us"), "ca") == 0;
    out->addresses = strings_of(a, base_json_arr(request, "addresses"));
    out->csr = base_json_str(request, "csr");
    out->usage = strcmp(usage, "signing") == 0          ? CA_USAGE_SIGN
                 : strcmp(usage, "key_management") == 0 ? CA_USAGE_ENCRYPT
                                                        : CA_USAGE_DUAL;
    out->non_repudiation = lists(request, "non_repudiation");
    out->client_auth = lists(request, "client_auth");
    out->profile_type = base_json_strd(request, "profile_type", "strict");
    out->signature_hash = base_json_str(request, "signature_hash");
    out->common_name = name_of(request);
    out->first_name = base_json_str(request, "first_name");
    out->last_name = base_json_str(request, "last_name");
    out->pseudonym = base_json_str(request, "pseudonym");
    out->validity_days = base_json_int(request, "validity_days", 365);
    out->validity_years = base_json_int(request, "validity_years", 0);
    out->validity_until = base_json_str(request, "validity_until");
    out->auto_renew = by_ca ? base_json_int(request, "auto_renew", 0) : 0;
    out->emails = strings_of(a, base_json_arr(request, "emails"));
    out->comments = base_json_str(request, "comments");
    out->custom_fields = base_json_obj(request, "custom_fields");
    out->container = base_json_int(request, "container", 0);
    out->organization = base_json_int(request, "organization", 0);
    out->payment = base_json_str(request, "payment");
    out->locale = base_json_str(request, "locale");
    out->renewal_of = base_json_str(request, "renewal_of");
}

/* The length that was asked for; one that was the configuration's is so again. A date
 * becomes its number of days: the same date would be ever nearer. */
static void again_as_long(const json_t *before, json_t *req)
{
    if (base_json_int(before, "validity_years", 0) > 0)
        base_json_setn(req, "validity_years", base_json_int(before, "validity_years", 0));
    else if (base_json_str(before, "validity_until") || base_json_bool(before, "days_given", false))
        base_json_setn(req, "validity_days", base_json_int(before, "validity_days", 365));
}

void agent_form_again(const json_t *before, const char *mailbox, json_t *req)
{
    static const char *const same[] = {
        "addresses", "product",  "usage",         "additional_usages", "common_name", "first_name",
        "last_name", "pseudonym", "signature_hash", "auto_renew",       "renew_by",    "key",
        "emails",    "comments", "custom_fields", "container",         "organization", "payment",
        "locale"};
    base_json_set(req, "mailbox", mailbox);
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        if (json_object_get(before, same[i]))
            json_object_set(req, same[i], json_object_get(before, same[i]));
    /* an order of the portal tells no profile */
    if (strcmp(base_json_strd(before, "profile_type", "any"), "any") != 0)
        base_json_set(req, "profile_type", base_json_str(before, "profile_type"));
    again_as_long(before, req);
}
