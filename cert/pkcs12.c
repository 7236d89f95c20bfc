/* PKCS#12 files (RFC 7292) with today's algorithms named one by one, as the
 * library's defaults are weaker (2048 rounds). Owns OpenSSL's structures for one
 * call. The private key passes through OpenSSL's memory only. */
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

#include "inner.h"
#include "pkcs12.h"

#define PKCS12_MAX (1024 * 1024)
#define ROUNDS_MAX 4000000 /* seconds of work; without an end a file could hold the reader for a day */

static enum base_fail_class not_built(struct base_fail *f)
{
    cert_errors_clear();
    return base_failf(f, BASE_OURS, "pkcs12.build", "the PKCS#12 file can't be built");
}

static enum base_fail_class read_chain(const struct base_bytes *chain, size_t n, X509 **leaf,
                                       STACK_OF(X509) * rest, struct base_fail *f)
{
    for (size_t i = 0; i < n; i++) {
        X509 *x = NULL;
        enum base_fail_class c = cert_x509_read(chain[i].p, chain[i].n, &x, f);
        if (c)
            return c;
        if (i == 0)
            *leaf = x;
        else if (!sk_X509_push(rest, x)) {
            X509_free(x);
            return not_built(f);
        }
    }
    return BASE_OK;
}

static enum base_fail_class build(EVP_PKEY *key, X509 *leaf, STACK_OF(X509) * rest,
                                  const char *name, const char *pass, struct base_buf *out,
                                  struct base_fail *f)
{
    unsigned char *der = NULL;
    /* -1: the MAC comes after, with its digest named */
    PKCS12 *p = PKCS12_create(pass, name, key, leaf, rest, NID_aes_256_cbc, NID_aes_256_cbc,
                              CERT_PKCS12_ROUNDS, -1, 0);
    int n = -1;
    if (p && PKCS12_set_mac(p, pass, -1, NULL, 0, CERT_PKCS12_ROUNDS, EVP_sha256()) == 1)
        n = i2d_PKCS12(p, &der);
    PKCS12_free(p);
    if (n <= 0)
        return not_built(f);
    base_buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    cert_errors_clear();
    return BASE_OK;
}

enum base_fail_class cert_pkcs12_build(struct evp_pkey_st *key, const struct base_bytes *chain,
                                       size_t n, const char *name, const char *passphrase,
                                       struct base_buf *out, struct base_fail *f)
{
    X509 *leaf = NULL;
    size_t len = strlen(passphrase);
    base_buf_init(out, 0);
    if (len < CERT_PKCS12_PASS_MIN || len > CERT_PKCS12_PASS_MAX)
        return base_failf(f, BASE_PERMANENT, "pkcs12.pass", "a passphrase has %d to %d characters",
                          CERT_PKCS12_PASS_MIN, CERT_PKCS12_PASS_MAX);
    STACK_OF(X509) *rest = sk_X509_new_null();
    if (!rest)
        return not_built(f);
    enum base_fail_class c = read_chain(chain, n, &leaf, rest, f);
    if (!c && (!leaf || X509_check_private_key(leaf, key) != 1))
        c = base_failf(f, BASE_PERMANENT, "pkcs12.mismatch", "the certificate is for another key");
    if (!c)
        c = build(key, leaf, rest, name, passphrase, out, f);
    sk_X509_pop_free(rest, X509_free);
    X509_free(leaf);
    cert_errors_clear();
    return c;
}

static enum base_fail_class add(struct base_arena *a, X509 *x, struct cert_bundle *out,
                                struct base_fail *f)
{
    unsigned char *der = NULL;
    int n = x ? i2d_X509(x, &der) : -1;
    if (n <= 0 || out->n == CERT_BUNDLE_CERTS) {
        OPENSSL_free(der);
        return base_failf(f, BASE_PERMANENT, "pkcs12.syntax", "its certificates can't be read");
    }
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    out->der[out->n++] = (struct base_bytes){copy, (size_t)n};
    return BASE_OK;
}

/* The file itself says how often its MAC's key is derived, before any passphrase is tried. */
static bool rounds_bearable(const PKCS12 *p)
{
    const ASN1_INTEGER *rounds = NULL;
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p);
    long n = rounds ? ASN1_INTEGER_get(rounds) : 1;
    return n > 0 && n <= ROUNDS_MAX;
}

enum base_fail_class cert_pkcs12_read(struct base_arena *a, const void *p, size_t n,
                                      const char *passphrase, struct evp_pkey_st **key,
                                      struct cert_bundle *out, struct base_fail *f)
{
    const unsigned char *at = p;
    X509 *leaf = NULL;
    STACK_OF(X509) *rest = NULL;
    *key = NULL;
    memset(out, 0, sizeof *out);
    PKCS12 *p12 = n > 0 && n <= PKCS12_MAX ? d2i_PKCS12(NULL, &at, (long)n) : NULL;
    if (!p12) {
        cert_errors_clear();
        return base_failf(f, BASE_PERMANENT, "pkcs12.syntax", "no PKCS#12 file");
    }
    if (!rounds_bearable(p12)) {
        PKCS12_free(p12);
        return base_failf(f, BASE_PERMANENT, "pkcs12.syntax",
                          "the PKCS#12 file asks for too many rounds (at most %d)", ROUNDS_MAX);
    }
    int good = PKCS12_parse(p12, passphrase, key, &leaf, &rest);
    PKCS12_free(p12);
    cert_errors_clear();
    if (good != 1)
        return base_failf(f, BASE_PERMANENT, "pkcs12.pass", "the passphrase doesn't open it");
    enum base_fail_class c = add(a, leaf, out, f);
    for (int i = 0; i < sk_X509_num(rest) && !c; i++)
        c = add(a, sk_X509_value(rest, i), out, f);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    if (c) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return c;
}
