/* ca/find.c - whether an order whose answer was lost arrived; what became valid. */
#include <string.h>

#include "driver.h"

#define LOOKS_MAX 50 /* orders of one mailbox since then; more is no lost answer */

/* The base64 of a PEM request alone, so that tags and line lengths don't matter. */
static const char *csr_body(struct base_arena *a, const char *pem)
{
    const char *begin = strstr(pem, "-----BEGIN ");
    const char *p = begin != NULL ? strstr(begin + 11, "-----") : NULL;
    const char *end;
    char *out, *o;

    p = p != NULL ? p + 5 : pem;
    end = strstr(p, "-----END ");
    end = end != NULL ? end : p + strlen(p);
    o = out = base_arena_alloc(a, (size_t)(end - p) + 1);
    for (; p < end; p++) {
        if (strchr(" \t\r\n", *p) == NULL) {
            *o++ = *p;
        }
    }
    return out;
}

bool ca_csr_same(struct base_arena *a, const char *x, const char *y)
{
    return strcmp(csr_body(a, x), csr_body(a, y)) == 0;
}

/* Is O the order that R asked for? UNSURE if O shows nothing to tell it by. */
static enum ca_found compare(struct base_arena *a, const struct ca_order_request *r,
                             const struct ca_order *o)
{
    if (o->csr != NULL && r->csr != NULL) {
        return ca_csr_same(a, o->csr, r->csr) ? CA_FOUND : CA_FOUND_NOT;
    }
    if (o->reference != NULL && r->reference != NULL) {
        return strcmp(o->reference, r->reference) == 0 ? CA_FOUND : CA_FOUND_NOT;
    }
    return CA_FOUND_UNSURE;
}

enum base_fail_class ca_find_order(struct ca_account *c, const struct ca_order_request *r,
                                   int64_t since, struct base_arena *a, enum ca_found *found,
                                   struct ca_order *out, struct base_fail *f)
{
    struct ca_order_filter flt = {.mailbox = r->mailbox, .since = since, .max = LOOKS_MAX};
    struct ca_orders list;
    enum base_fail_class cls = ca_order_list(c, &flt, a, &list, f);

    *found = CA_FOUND_NOT;
    *out = (struct ca_order){0};
    for (size_t i = 0; cls == BASE_OK && i < list.n; i++) {
        struct ca_order o;
        cls = ca_order_info(c, list.v[i].id, a, &o, f);
        if (cls != BASE_OK) {
            break;
        }
        enum ca_found one = compare(a, r, &o);
        if (one == CA_FOUND) {
            *found = one;
            *out = o;
            return BASE_OK;
        }
        if (one == CA_FOUND_UNSURE) {
            *found = one;
        }
    }
    if (cls == BASE_OK && list.more) {
        *found = CA_FOUND_UNSURE;
    }
    return cls;
}
