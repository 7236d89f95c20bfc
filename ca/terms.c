/* ca/terms.c - the agreement of a product: asked for through the driver. */
#include "terms.h"

#include "driver.h"

enum base_fail_class ca_product_terms(struct ca_account *c, const char *product,
                                      struct base_arena *a, const char **text,
                                      struct base_fail *f)
{
    *text = NULL;
    if (ca_check_id(product, f) != BASE_OK) {
        return BASE_PERMANENT;
    }
    if (c->driver->product_terms == NULL) {
        return base_failf(f, BASE_PERMANENT, "ca.unsupported", "driver %s can't do this",
                          c->driver->name);
    }
    return c->driver->product_terms(c, product, a, text, f);
}
