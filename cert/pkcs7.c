/* Certs-only PKCS#7. Owns OpenSSL's structure for one call; nothing secret is in it. */
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "inner.h"
#include "pkcs7.h"

static enum base_fail_class not_built(struct base_fail *f)
{
    cert_errors_clear();
    return base_failf(f, BASE_OURS, "pkcs7.build", "the PKCS#7 form can't be built");
}

static enum base_fail_class fill(PKCS7 *p, const struct base_bytes *chain, size_t n,
                                 struct base_fail *f)
{
    if (PKCS7_set_type(p, NID_pkcs7_signed) != 1 ||
        PKCS7_content_new(p, NID_pkcs7_data) != 1 || PKCS7_set_detached(p, 1) != 1)
        return not_built(f);
    for (size_t i = 0; i < n; i++) {
        X509 *x = NULL;
        enum base_fail_class c = cert_x509_read(chain[i].p, chain[i].n, &x, f);
        if (c)
            return c;
        int good = PKCS7_add_certificate(p, x); /* takes a reference of its own */
        X509_free(x);
        if (good != 1)
            return not_built(f);
    }
    return BASE_OK;
}

enum base_fail_class cert_pkcs7_certs_only(struct base_arena *a, const struct base_bytes *chain,
                                           size_t n, struct base_bytes *out, struct base_fail *f)
{
    unsigned char *der = NULL;
    PKCS7 *p = PKCS7_new();
    *out = (struct base_bytes){NULL, 0};
    if (!p)
        return not_built(f);
    enum base_fail_class c = fill(p, chain, n, f);
    int len = c ? 0 : i2d_PKCS7(p, &der);
    PKCS7_free(p);
    if (c)
        return c;
    if (len <= 0)
        return not_built(f);
    unsigned char *copy = base_arena_alloc(a, (size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    *out = (struct base_bytes){copy, (size_t)len};
    cert_errors_clear();
    return BASE_OK;
}
