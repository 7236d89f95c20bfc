/* tests/unit/cert_rooted.h - an arena and a root certificate for all tests of a program. */
#ifndef CERT_ROOTED_H
#define CERT_ROOTED_H
#include "cert_fixture.h"

static struct base_arena *a;
static X509 *root;

static inline int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    root = fx_ca("Test root", fx_key("P-256"), NULL, NULL);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    X509_free(root);
    base_arena_free(a);
    return 0;
}

#endif
