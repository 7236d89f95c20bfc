/* ca/catalog.c - the calls of catalog.h, handed to the account's driver; how an account pays. */
#include "catalog.h"

#include <string.h>

#include "base/json.h"
#include "driver.h"

#define TEXT_MAX 200

static enum base_fail_class unsupported(const struct ca_account *c, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "ca.unsupported", "driver %s can't do this",
                      c->driver->name);
}

#define CALL(function, ...)                                                                        \
    (c->driver->function != NULL ? c->driver->function(c, __VA_ARGS__) : unsupported(c, f))

enum base_fail_class ca_catalog(struct ca_account *c, struct base_arena *a, json_t **out,
                                struct base_fail *f)
{
    *out = NULL;
    return CALL(catalog, a, out, f);
}

enum base_fail_class ca_rights(struct ca_account *c, struct base_arena *a, json_t **out,
                               struct base_fail *f)
{
    *out = NULL;
    return CALL(rights, a, out, f);
}

enum base_fail_class ca_price(struct ca_account *c, const char *product, int64_t days,
                              struct base_arena *a, struct ca_price *out, struct base_fail *f)
{
    *out = (struct ca_price){0};
    return ca_check_id(product, f) != BASE_OK ? BASE_PERMANENT : CALL(price, product, days, a, out, f);
}

enum base_fail_class ca_organization_list(struct ca_account *c, struct base_arena *a, json_t **out,
                                          struct base_fail *f)
{
    *out = NULL;
    return CALL(organization_list, a, out, f);
}

/* Texts that go into a request: no control characters, not endless. */
static bool form_ok(const json_t *form)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)form, key, v)
    {
        const char *s = json_string_value(v);
        if (json_is_object(v) && !form_ok(v)) {
            return false;
        }
        if (s == NULL) {
            continue;
        }
        for (const char *p = s; *p != '\0'; p++) {
            if ((unsigned char)*p < ' ' || *p == 0x7f) {
                return false;
            }
        }
        if (strlen(s) > TEXT_MAX) {
            return false;
        }
    }
    return true;
}

static enum base_fail_class check_form(const json_t *form, struct base_fail *f)
{
    if (!form_ok(form)) {
        return base_failf(f, BASE_PERMANENT, "ca.input",
                          "the organization: expected texts of at most %d bytes on one line",
                          TEXT_MAX);
    }
    return BASE_OK;
}

enum base_fail_class ca_organization_add(struct ca_account *c, const json_t *form,
                                         struct base_arena *a, const char **id, struct base_fail *f)
{
    *id = NULL;
    return check_form(form, f) != BASE_OK ? BASE_PERMANENT : CALL(organization_add, form, a, id, f);
}

enum base_fail_class ca_organization_preview(struct ca_account *c, const json_t *form,
                                             struct base_arena *a, struct ca_preview *out,
                                             struct base_fail *f)
{
    *out = (struct ca_preview){0};
    return check_form(form, f) != BASE_OK ? BASE_PERMANENT
                                          : CALL(organization_preview, form, a, out, f);
}

enum base_fail_class ca_organization_submit(struct ca_account *c, const char *id,
                                            struct base_arena *a, struct base_fail *f)
{
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(organization_submit, id, a, f);
}

/* ---- payment ------------------------------------------------------------------------- */

/* An amount of "0", "0.00" or less buys nothing. */
static bool buys(const char *amount)
{
    return amount != NULL && amount[0] != '-' && strpbrk(amount, "123456789") != NULL;
}

void ca_account_learn(struct ca_account *c, const json_t *catalog)
{
    const char *how = "balance", *amount = base_json_str(catalog, "balance");

    if (base_json_bool(catalog, "contract", false)) {
        how = "profile";
    } else if (base_json_bool(catalog, "card", false) && amount != NULL && !buys(amount)) {
        how = "card";
    }
    atomic_store(&c->learned, how);
}

const char *ca_payment(const struct ca_account *c)
{
    return strcmp(c->payment, "auto") == 0 ? atomic_load(&c->learned) : c->payment;
}
