/* ca/terms.h - the agreement that the CA shows beside a product. */
#ifndef CA_TERMS_H
#define CA_TERMS_H
#include "ca.h"

/* *TEXT in A; NULL: the CA tells none. PRODUCT as in orders. Failures as in ca.h. */
enum base_fail_class ca_product_terms(struct ca_account *c, const char *product,
                                      struct base_arena *a, const char **text,
                                      struct base_fail *f);
#endif
