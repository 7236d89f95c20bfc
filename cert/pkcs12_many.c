/* A PKCS#12 file with several keys (RFC 7292): bag by bag, as the library's
 * one-call form takes only one. Same algorithms as cert/pkcs12.c. Owns OpenSSL's
 * structures for one call. */
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

#include "inner.h"
#include "pkcs12.h"

#define LOCAL_ID 20 /* bytes that tie a key to its certificate; any value will do */
#define CERTS_MAX 400

struct bags {
    STACK_OF(PKCS12_SAFEBAG) *certs, *keys;
    STACK_OF(PKCS7) *safes;
    unsigned char seen[CERTS_MAX][BASE_SHA256_LEN];
    size_t nseen;
};

static enum base_fail_class not_built(struct base_fail *f)
{
    cert_errors_clear();
    return base_failf(f, BASE_OURS, "pkcs12.build", "the PKCS#12 file can't be built");
}

/* False: it is in the file already. */
static bool is_new(struct bags *b, const struct base_bytes *der)
{
    unsigned char hash[BASE_SHA256_LEN];
    base_sha256(der->p, der->n, hash);
    for (size_t i = 0; i < b->nseen; i++)
        if (memcmp(b->seen[i], hash, sizeof hash) == 0)
            return false;
    if (b->nseen < CERTS_MAX)
        memcpy(b->seen[b->nseen++], hash, sizeof hash);
    return true;
}

static bool mark(PKCS12_SAFEBAG *bag, const struct base_bytes *leaf, const char *name)
{
    unsigned char hash[BASE_SHA256_LEN];
    base_sha256(leaf->p, leaf->n, hash);
    return bag && PKCS12_add_localkeyid(bag, hash, LOCAL_ID) == 1 &&
           (!name || PKCS12_add_friendlyname_utf8(bag, name, -1) == 1);
}

static enum base_fail_class add_certs(struct bags *b, const struct cert_pkcs12_entry *e,
                                      struct base_fail *f)
{
    for (size_t i = 0; i < e->n; i++) {
        X509 *x = NULL;
        enum base_fail_class c = cert_x509_read(e->chain[i].p, e->chain[i].n, &x, f);
        if (!c && i == 0 && X509_check_private_key(x, e->key) != 1)
            c = base_failf(f, BASE_PERMANENT, "pkcs12.mismatch",
                           "the certificate is for another key");
        if (!c && is_new(b, &e->chain[i])) {
            PKCS12_SAFEBAG *bag = PKCS12_add_cert(&b->certs, x);
            if (!bag || (i == 0 && !mark(bag, &e->chain[0], e->name)))
                c = not_built(f);
        }
        X509_free(x);
        if (c)
            return c;
    }
    return BASE_OK;
}

static enum base_fail_class fill(struct bags *b, const struct cert_pkcs12_entry *e, size_t n,
                                 const char *pass, struct base_fail *f)
{
    for (size_t i = 0; i < n; i++) {
        enum base_fail_class c = e[i].n > 0 ? add_certs(b, &e[i], f) : not_built(f);
        if (c)
            return c;
        PKCS12_SAFEBAG *bag = PKCS12_add_key(&b->keys, e[i].key, 0, CERT_PKCS12_ROUNDS,
                                             NID_aes_256_cbc, pass);
        if (!mark(bag, &e[i].chain[0], e[i].name))
            return not_built(f);
    }
    return BASE_OK;
}

static enum base_fail_class write(struct bags *b, const char *pass, struct base_buf *out,
                                  struct base_fail *f)
{
    unsigned char *der = NULL;
    if (PKCS12_add_safe(&b->safes, b->certs, NID_aes_256_cbc, CERT_PKCS12_ROUNDS, pass) != 1 ||
        PKCS12_add_safe(&b->safes, b->keys, -1, 0, NULL) != 1)
        return not_built(f);
    PKCS12 *p = PKCS12_add_safes(b->safes, 0);
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

enum base_fail_class cert_pkcs12_build_many(const struct cert_pkcs12_entry *e, size_t n,
                                            const char *passphrase, struct base_buf *out,
                                            struct base_fail *f)
{
    struct bags b = {.nseen = 0};
    size_t len = strlen(passphrase);
    base_buf_init(out, 0);
    if (len < CERT_PKCS12_PASS_MIN || len > CERT_PKCS12_PASS_MAX)
        return base_failf(f, BASE_PERMANENT, "pkcs12.pass", "a passphrase has %d to %d characters",
                          CERT_PKCS12_PASS_MIN, CERT_PKCS12_PASS_MAX);
    enum base_fail_class c = fill(&b, e, n, passphrase, f);
    if (!c)
        c = write(&b, passphrase, out, f);
    sk_PKCS12_SAFEBAG_pop_free(b.certs, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(b.keys, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(b.safes, PKCS7_free);
    cert_errors_clear();
    return c;
}
