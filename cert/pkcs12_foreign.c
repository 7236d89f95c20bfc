/* PKCS#12 files of other programs. Old ones are sealed with algorithms that the library
 * keeps apart (RC2, PKCS#12's own key derivation): they are switched on for the process that
 * asks, which is a command's, never a daemon's. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <string.h>

#include "inner.h"
#include "pkcs12.h"

static enum base_fail_class write_key(const EVP_PKEY *key, struct cert_foreign_key *out,
                                      struct base_fail *f)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    unsigned char *at = out->pkcs8, *spki = NULL;
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1, n = i2d_PUBKEY(key, &spki);
    bool good = len > 0 && (size_t)len <= sizeof out->pkcs8 && n > 0 &&
                i2d_PKCS8_PRIV_KEY_INFO(info, &at) == len;
    PKCS8_PRIV_KEY_INFO_free(info); /* wipes the key inside */
    if (good) {
        out->n = (size_t)len;
        base_sha256_hex(spki, (size_t)n, out->spki_sha256);
    }
    OPENSSL_free(spki);
    return good ? BASE_OK
                : base_failf(f, BASE_PERMANENT, "pkcs12.key",
                             "its private key is too large or of an unknown kind");
}

enum base_fail_class cert_pkcs12_read_foreign(struct base_arena *a, const void *p, size_t n,
                                              const char *passphrase, struct cert_foreign_key *key,
                                              struct cert_bundle *out, struct base_fail *f)
{
    EVP_PKEY *k = NULL;
    OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(NULL, "legacy");
    OSSL_PROVIDER *usual = OSSL_PROVIDER_load(NULL, "default");
    enum base_fail_class c = cert_pkcs12_read(a, p, n, passphrase, &k, out, f);
    if (!c)
        c = k && out->n > 0 ? write_key(k, key, f)
                            : base_failf(f, BASE_PERMANENT, "pkcs12.syntax",
                                         "the file holds no private key with its certificate");
    EVP_PKEY_free(k);
    OSSL_PROVIDER_unload(legacy);
    OSSL_PROVIDER_unload(usual);
    cert_errors_clear();
    return c;
}
