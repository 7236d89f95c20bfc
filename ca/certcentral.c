/* ca/certcentral.c - the CertCentral driver: its table, the account's own calls,
 * and who owns an id.
 *
 * DigiCert CertCentral Services API v2, the key in X-DC-DEVKEY. */
#include "certcentral.h"

#include <string.h>

#include "base/json.h"

enum base_fail_class cc_call(struct ca_account *c, const char *method, const char *path,
                             json_t *body, struct base_arena *a, json_t **json, struct base_fail *f)
{
    struct ca_call call = {.method = method, .path = path, .body = body};
    struct ca_answer answer;
    enum base_fail_class cls = ca_transport(c, "X-DC-DEVKEY", &call, a, &answer, f);

    *json = answer.json;
    json_decref(body);
    return cls;
}

enum base_fail_class cc_get(struct ca_account *c, const char *path, struct base_arena *a,
                            json_t **json, struct base_fail *f)
{
    return cc_call(c, "GET", path, NULL, a, json, f);
}

enum base_fail_class cc_change(struct ca_account *c, const char *method, const char *path,
                               json_t *body, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    json_t *j = NULL;
    enum base_fail_class cls = cc_call(c, method, path, body, a, &j, f);

    json_decref(j);
    base_arena_free(a);
    return cls;
}

enum base_fail_class cc_unexpected(bool changes, const char *what, struct base_fail *f)
{
    return base_failf(f, BASE_TEMPORARY, changes ? "ca.lost" : "ca.answer", "the CA answered %s",
                      what);
}

static enum base_fail_class me(struct ca_account *c, struct base_arena *a, struct ca_me *out,
                               struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, "user/me", a, &j, f);

    if (cls == BASE_OK) {
        cc_parse_me(a, j, out);
    }
    if (cls == BASE_OK && out->user == NULL) {
        cls = cc_unexpected(false, "a user without an id", f);
    }
    json_decref(j);
    return cls;
}

/* ---- who owns an id ---------------------------------------------------------------------- */

/* Does the failure WHY of a look-up say that the thing is not of this account? The API may
 * answer 403 about a stranger's; then the key must work for what is ours. */
static bool is_foreign(struct ca_account *c, struct base_arena *a, const struct base_fail *why)
{
    struct ca_me who = {0};

    return strcmp(why->code, "ca.absent") == 0 ||
           (strcmp(why->code, "ca.denied") == 0 && me(c, a, &who, NULL) == BASE_OK);
}

/* Order info also takes serial numbers and thumbprints, so the answer must carry the id. */
static enum base_fail_class owns_order(struct ca_account *c, const char *value,
                                       struct base_arena *a, enum ca_owner *out,
                                       struct base_fail *f)
{
    struct base_fail why = {0};
    struct ca_order o;
    enum base_fail_class cls = cc_order_info(c, value, a, &o, &why);

    *out = CA_OWNER_NOT;
    if (cls == BASE_OK) {
        if (strcmp(o.id, value) == 0 ||
            (o.certificate != NULL && strcmp(o.certificate, value) == 0)) {
            *out = CA_OWNER_HERE;
        }
        return BASE_OK;
    }
    if (is_foreign(c, a, &why)) {
        return BASE_OK;
    }
    *out = CA_OWNER_UNKNOWN;
    return base_failf(f, why.cls, why.code, "%s", why.text);
}

static enum base_fail_class owns_certificate(struct ca_account *c, const char *value,
                                             struct base_arena *a, enum ca_owner *out,
                                             struct base_fail *f)
{
    struct ca_order_filter flt = {.certificate = value, .max = CC_LIST_MAX};
    struct ca_orders list = {0};
    enum base_fail_class cls = cc_order_list(c, &flt, a, &list, f);

    *out = CA_OWNER_UNKNOWN;
    if (cls != BASE_OK) {
        return cls;
    }
    for (size_t i = 0; i < list.n; i++) {
        if (list.v[i].certificate != NULL && strcmp(list.v[i].certificate, value) == 0) {
            *out = CA_OWNER_HERE;
            return BASE_OK;
        }
    }
    *out = list.more ? CA_OWNER_UNKNOWN : CA_OWNER_NOT;
    return BASE_OK;
}

static enum base_fail_class owns_domain(struct ca_account *c, const char *value,
                                        struct base_arena *a, enum ca_owner *out,
                                        struct base_fail *f)
{
    struct base_fail why = {0};
    struct ca_domain d;

    *out = CA_OWNER_NOT;
    if (cc_domain_info(c, value, a, &d, &why) == BASE_OK) {
        *out = strcmp(d.id, value) == 0 ? CA_OWNER_HERE : CA_OWNER_NOT;
        return BASE_OK;
    }
    if (is_foreign(c, a, &why)) {
        return BASE_OK;
    }
    *out = CA_OWNER_UNKNOWN;
    return base_failf(f, why.cls, why.code, "%s", why.text);
}

static enum base_fail_class id_owner(struct ca_account *c, const char *name, const char *value,
                                     struct base_arena *a, enum ca_owner *out, struct base_fail *f)
{
    enum base_fail_class cls;
    struct ca_me who = {0};

    if (strcmp(name, "order") == 0 || strcmp(name, "certificate") == 0) {
        cls = owns_order(c, value, a, out, f);
        if (cls != BASE_OK || *out == CA_OWNER_HERE) {
            return cls;
        }
        return owns_certificate(c, value, a, out, f);
    }
    if (strcmp(name, "domain_id") == 0) {
        return owns_domain(c, value, a, out, f);
    }
    if (strcmp(name, "account") == 0) {
        cls = me(c, a, &who, f);
        if (cls == BASE_OK && who.account != NULL) {
            *out = strcmp(who.account, value) == 0 ? CA_OWNER_HERE : CA_OWNER_NOT;
        }
        return cls;
    }
    return BASE_OK; /* the API can't be asked for a support id: unknown */
}

const struct ca_driver ca_certcentral = {
    .name = "certcentral",
    .me = me,
    .fields = cc_fields,
    .order = cc_order,
    .order_info = cc_order_info,
    .order_list = cc_order_list,
    .status_changes = cc_status_changes,
    .download = cc_download,
    .email_validations = cc_email_validations,
    .domain_list = cc_domain_list,
    .domain_info = cc_domain_info,
    .domain_add = cc_domain_add,
    .domain_submit = cc_domain_submit,
    .domain_resend = cc_domain_resend,
    .domain_recipients = cc_domain_recipients,
    .dcv_ask = cc_dcv_ask,
    .dcv_check = cc_dcv_check,
    .order_preview = cc_order_preview,
    .act = cc_act,
    .act_preview = cc_act_preview,
    .request_list = cc_request_list,
    .request_info = cc_request_info,
    .balance = cc_balance,
    .product_terms = cc_product_terms,
    .id_owner = id_owner,
    .catalog = cc_catalog,
    .rights = cc_rights,
    .price = cc_price,
    .organization_list = cc_organization_list,
    .organization_add = cc_organization_add,
    .organization_preview = cc_organization_preview,
    .organization_submit = cc_organization_submit,
};
