/* ca/certcentral_terms.c - GET /product/{name_id}: its license_agreement, where it is told. */
#include "base/json.h"
#include "certcentral.h"

enum base_fail_class cc_product_terms(struct ca_account *c, const char *product,
                                      struct base_arena *a, const char **text,
                                      struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls =
        cc_get(c, base_arena_printf(a, "product/%s", product), a, &j, f);

    if (cls == BASE_OK) {
        *text = cc_text(a, j, "license_agreement");
    }
    json_decref(j);
    return cls;
}
