/* ca/certcentral_catalog.c - CertCentral: what the account is and may do, as catalog.h says.
 *
 * Which rights a key has is shown by the user's roles (GET user/me: access_roles) and by the
 * number that a restricted key was made with (restricted_to_role_id, as the documentation of
 * "add service user" spells it). How an account shows a contract, and where the API tells a
 * price before an order, is not documented: several spellings are taken, none is needed. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "certcentral.h"

#define PRODUCTS_MAX 500
#define FIELDS_MAX 200
#define ENDED "2025-07-10" /* the day on which DigiCert ended the older client products */

/* ---- rights -------------------------------------------------------------------------- */

enum { ROLE_ADMIN = 1, ROLE_FINANCE = 3, KEY_ORDERS = 100, KEY_ALL = 101, KEY_VIEW = 102, KEY_USERS = 103 };

/* The number that restricts the key; 0 = none is told. */
static int64_t restriction(const json_t *me)
{
    static const char *const holders[] = {"api_key", "key", "role"};
    int64_t id = base_json_int(me, "restricted_to_role_id", 0);

    for (size_t i = 0; id == 0 && i < sizeof holders / sizeof *holders; i++) {
        const json_t *o = base_json_obj(me, holders[i]);
        id = base_json_int(o, "restricted_to_role_id", 0);
        id = id != 0 ? id : base_json_int(o, "role_id", base_json_int(o, "id", 0));
        id = id >= KEY_ORDERS && id <= KEY_USERS ? id : 0;
    }
    return id;
}

static const char *restriction_text(int64_t id)
{
    switch (id) {
    case KEY_ORDERS:
        return "key for orders only";
    case KEY_ALL:
        return "key for orders, domains and organizations";
    case KEY_VIEW:
        return "view-only key";
    case KEY_USERS:
        return "key for user management only";
    default:
        return NULL;
    }
}

json_t *cc_parse_rights(const json_t *me)
{
    const json_t *roles = base_json_arr(me, "access_roles"), *e;
    bool finance_only = json_array_size(roles) > 0, admin = false;
    const char *name = NULL, *limit;
    int64_t key = restriction(me);
    json_t *r = json_object();
    size_t i;

    json_array_foreach((json_t *)roles, i, e)
    {
        int64_t id = base_json_int(e, "id", 0);
        admin = admin || id == ROLE_ADMIN;
        finance_only = finance_only && id == ROLE_FINANCE;
        key = key == 0 && id >= KEY_ORDERS && id <= KEY_USERS ? id : key;
        name = name != NULL ? name : base_json_str(e, "name");
    }
    limit = restriction_text(key);
    base_json_set(r, "role", limit != NULL ? limit : name);
    base_json_setb(r, "admin", admin && limit == NULL);
    base_json_setb(r, "order", key != KEY_VIEW && key != KEY_USERS && !finance_only);
    base_json_setb(r, "domain", limit == NULL ? !finance_only : key == KEY_ALL);
    base_json_setb(r, "organization", limit == NULL ? !finance_only : key == KEY_ALL);
    return r;
}

/* ---- products ------------------------------------------------------------------------- */

static const struct {
    const char *id, *known_as;
    bool ended;
} known[] = {
    {"secure_email_mailbox", "Secure Email for Individual", false},
    {"secure_email_sponsor", "Secure Email for Business", false},
    {"secure_email_organization", "Secure Email for Organization", false},
    {"client_premium", "Premium", true},
    {"client_email_security_plus", "Email Security Plus", true},
    {"client_digital_signature_plus", "Digital Signature Plus", true},
    {"class1_smime", "Class 1 S/MIME", true},
};

static json_t *years_of(const json_t *e)
{
    const json_t *list = base_json_arr(e, "allowed_validity_years"), *v;
    json_t *out = json_array();
    size_t i;

    json_array_foreach((json_t *)list, i, v)
    {
        if (json_is_integer(v) && json_integer_value(v) > 0 && json_integer_value(v) <= 10) {
            json_array_append_new(out, json_integer(json_integer_value(v)));
        }
    }
    return out;
}

static json_t *hashes_of(const json_t *e)
{
    const json_t *list = base_json_arr(base_json_obj(e, "signature_hash_types"), "allowed_hash_types");
    json_t *out = json_array(), *v;
    size_t i;

    json_array_foreach((json_t *)list, i, v)
    {
        const char *id = base_json_str(v, "id");
        if (id != NULL && json_array_size(out) < 10) {
            json_array_append_new(out, json_string(id));
        }
    }
    return out;
}

static void keep_bool(json_t *out, const char *name, const json_t *e, const char *key)
{
    if (json_is_boolean(json_object_get(e, key))) {
        base_json_setb(out, name, base_json_bool(e, key, false));
    }
}

json_t *cc_parse_products(const json_t *answer)
{
    json_t *out = json_array(), *e;
    size_t i;

    json_array_foreach(base_json_arr(answer, "products"), i, e)
    {
        const char *id = base_json_str(e, "name_id");
        json_t *p;
        if (id == NULL || ca_check_id(id, NULL) != BASE_OK || json_array_size(out) >= PRODUCTS_MAX) {
            continue;
        }
        p = json_object();
        base_json_set(p, "id", id);
        base_json_set(p, "name", base_json_str(e, "name"));
        base_json_set(p, "type", base_json_str(e, "type"));
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(known[k].id, id) == 0) {
                base_json_set(p, "known_as", known[k].known_as);
                base_json_set(p, "ended", known[k].ended ? ENDED : NULL);
            }
        }
        json_object_set_new(p, "years", years_of(e));
        json_object_set_new(p, "hashes", hashes_of(e));
        keep_bool(p, "csr_required", e, "csr_required");
        keep_bool(p, "auto_renew", e, "allow_auto_renew");
        keep_bool(p, "any_date", e, "custom_expiration_date_allowed");
        json_array_append_new(out, p);
    }
    return out;
}

/* ---- custom fields, money ---------------------------------------------------------------- */

json_t *cc_parse_catalog_fields(const json_t *answer)
{
    json_t *out = json_array(), *e;
    size_t i;

    json_array_foreach(base_json_arr(answer, "metadata"), i, e)
    {
        int64_t id = base_json_int(e, "id", 0);
        if (id <= 0 || !base_json_bool(e, "is_active", true) || json_array_size(out) >= FIELDS_MAX) {
            continue;
        }
        json_t *o = json_object();
        base_json_setn(o, "id", id);
        base_json_set(o, "label", base_json_str(e, "label"));
        base_json_set(o, "type", base_json_str(e, "data_type"));
        base_json_setb(o, "required", base_json_bool(e, "is_required", false));
        json_array_append_new(out, o);
    }
    return out;
}

static bool lists(const json_t *array, const char *word)
{
    size_t i;
    json_t *e;

    json_array_foreach((json_t *)array, i, e)
    {
        const char *s = json_is_object(e) ? base_json_str(e, "id") : json_string_value(e);
        if (s != NULL && strcasecmp(s, word) == 0) {
            return true;
        }
    }
    return false;
}

void cc_parse_payment(const json_t *answer, json_t *out)
{
    static const char *const contract[] = {"has_contract", "is_contract", "contract_terms"};
    const json_t *methods = base_json_arr(answer, "payment_methods");

    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++) {
        keep_bool(out, "contract", answer, contract[i]);
    }
    keep_bool(out, "card", answer, "has_card_on_file");
    if (methods != NULL) {
        base_json_setb(out, "contract", lists(methods, "profile"));
        base_json_setb(out, "card", lists(methods, "card"));
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct asking {
    struct ca_account *c;
    struct base_arena *a;
    json_t *out;
};

static void untold(struct asking *k, const char *part, const struct base_fail *why)
{
    json_t *list = base_json_arr(k->out, "untold"), *o = json_object();

    if (list == NULL) {
        list = json_array();
        json_object_set_new(k->out, "untold", list);
    }
    base_json_set(o, "part", part);
    base_json_set(o, "text", why->text);
    json_array_append_new(list, o);
}

static json_t *ask_part(struct asking *k, const char *part, const char *path, const char *list)
{
    struct base_fail why = {0};
    json_t *j = NULL;

    if (cc_get(k->c, path, k->a, &j, &why) == BASE_OK && list != NULL && base_json_arr(j, list) == NULL) {
        cc_unexpected(false, "a list that is none", &why);
        json_decref(j);
        j = NULL;
    }
    if (j == NULL) {
        untold(k, part, &why);
    }
    return j;
}

static void ask_products(struct asking *k)
{
    json_t *j = ask_part(k, "products", "product", "products");

    if (j != NULL) {
        json_object_set_new(k->out, "products", cc_parse_products(j));
    }
    json_decref(j);
}

static void ask_fields(struct asking *k)
{
    json_t *j = ask_part(k, "custom fields", "account/metadata", "metadata");

    if (j != NULL) {
        json_object_set_new(k->out, "fields", cc_parse_catalog_fields(j));
    }
    json_decref(j);
}

static void ask_money(struct asking *k)
{
    struct base_fail why = {0};
    struct ca_balance b = {0};
    json_t *j = NULL;

    if (cc_balance(k->c, k->a, &b, &why) == BASE_OK) {
        base_json_set(k->out, "balance", b.available);
        base_json_set(k->out, "currency", b.currency);
    } else {
        untold(k, "balance", &why);
    }
    /* not in every account's API: what it does not tell stays unknown */
    if (cc_get(k->c, "account", k->a, &j, NULL) == BASE_OK) {
        cc_parse_payment(j, k->out);
    }
    json_decref(j);
}

enum base_fail_class cc_catalog(struct ca_account *c, struct base_arena *a, json_t **out,
                                struct base_fail *f)
{
    struct asking k = {c, a, NULL};
    struct base_fail why = {0};
    json_t *j = NULL, *list = NULL;
    enum base_fail_class cls = cc_get(c, "user/me", a, &j, f);

    if (cls != BASE_OK) {
        return cls;
    }
    k.out = json_object();
    json_object_set_new(k.out, "rights", cc_parse_rights(j));
    cc_parse_payment(base_json_obj(j, "account"), k.out);
    json_decref(j);
    ask_products(&k);
    ask_fields(&k);
    ask_money(&k);
    if (cc_organization_list(c, a, &list, &why) == BASE_OK) {
        json_object_set_new(k.out, "organizations", list);
    } else {
        untold(&k, "organizations", &why);
    }
    base_json_setn(k.out, "asked", base_now());
    *out = k.out;
    return BASE_OK;
}

enum base_fail_class cc_rights(struct ca_account *c, struct base_arena *a, json_t **out,
                               struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, "user/me", a, &j, f);

    if (cls == BASE_OK && cc_id(a, j, "id") == NULL) {
        cls = cc_unexpected(false, "a user without an id", f);
    }
    if (cls == BASE_OK) {
        *out = cc_parse_rights(j);
    }
    json_decref(j);
    return cls;
}

/* ---- prices ---------------------------------------------------------------------------------- */

const char *cc_amount(struct base_arena *a, const json_t *v)
{
    const char *s = json_string_value(v);

    if (json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) < 1e9) {
        return base_arena_printf(a, "%.2f", json_number_value(v));
    }
    return s != NULL && s[0] != '\0' && strlen(s) <= 16 && strspn(s, "0123456789.") == strlen(s)
               ? base_arena_strdup(a, s)
               : NULL;
}

/* The entry for the shortest time that covers DAYS, of "pricing" or "prices"; else "price". */
bool cc_parse_price(struct base_arena *a, const json_t *j, int64_t days, struct ca_price *out)
{
    const json_t *list = base_json_arr(j, "pricing");
    int64_t best = INT64_MAX;
    size_t i;
    json_t *e;

    list = list != NULL ? list : base_json_arr(j, "prices");
    out->each = cc_amount(a, json_object_get(j, "price"));
    out->currency = cc_text(a, j, "currency");
    json_array_foreach((json_t *)list, i, e)
    {
        int64_t span = base_json_int(e, "days", base_json_int(e, "years", 0) * 366);
        const char *each = cc_amount(a, json_object_get(e, "price"));
        if (each != NULL && span >= days && span < best) {
            const char *currency = cc_text(a, e, "currency");
            best = span;
            out->each = each;
            out->currency = currency != NULL ? currency : out->currency;
        }
    }
    return out->each != NULL;
}

enum base_fail_class cc_price(struct ca_account *c, const char *product, int64_t days,
                              struct base_arena *a, struct ca_price *out, struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, base_arena_printf(a, "product/%s", product), a, &j, f);

    if (cls == BASE_OK && !cc_parse_price(a, j, days, out)) {
        cls = base_failf(f, BASE_PERMANENT, "ca.absent", "the CA tells no price for %s", product);
    }
    json_decref(j);
    return cls;
}
