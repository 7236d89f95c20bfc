/* Key pairs: making, PKCS#8 to secret memory and back. Owns nothing; OpenSSL
 * keeps the private numbers in its secure heap (keeper/memory.h). */
#include "keys.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <string.h>

#include "memory.h"

static const struct kind {
    const char *name;
    int bits;          /* RSA */
    const char *curve; /* EC */
    const char *group; /* the library's other name of it */
} kinds[] = {{"rsa2048", 2048, NULL, NULL},
             {"rsa3072", 3072, NULL, NULL},
             {"rsa4096", 4096, NULL, NULL},
             {"p256", 0, "P-256", "prime256v1"},
             {"p384", 0, "P-384", "secp384r1"}};

static atomic_bool stopping;

static const struct kind *kind_of(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, type) == 0)
            return &kinds[i];
    return NULL;
}

bool keeper_key_type_ok(const char *type)
{
    return kind_of(type) != NULL;
}

bool keeper_key_type_slow(const char *type)
{
    const struct kind *k = kind_of(type);
    return k && k->bits > 0;
}

const char *keeper_key_type_of(const EVP_PKEY *k)
{
    char group[32] = "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].bits && EVP_PKEY_is_a(k, "RSA") && EVP_PKEY_get_bits(k) == kinds[i].bits)
            return kinds[i].name;
        if (kinds[i].curve && EVP_PKEY_is_a(k, "EC") &&
            EVP_PKEY_get_group_name(k, group, sizeof group, NULL) == 1 &&
            strcmp(group, kinds[i].group) == 0)
            return kinds[i].name;
    }
    return NULL;
}

void keeper_keys_stop(void)
{
    atomic_store(&stopping, true);
}

static int go_on(EVP_PKEY_CTX *c)
{
    (void)c;
    return !atomic_load(&stopping);
}

static EVP_PKEY *make(const struct kind *k)
{
    EVP_PKEY *key = NULL;
    if (k->curve)
        return EVP_EC_gen(k->curve);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (c && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(c, k->bits) == 1) {
        EVP_PKEY_CTX_set_cb(c, go_on);
        if (EVP_PKEY_generate(c, &key) != 1)
            key = NULL;
    }
    EVP_PKEY_CTX_free(c);
    return key;
}

enum base_fail_class keeper_keys_make(const char *type, EVP_PKEY **out, struct base_fail *f)
{
    const struct kind *k = kind_of(type);
    *out = k && !atomic_load(&stopping) ? make(k) : NULL;
    ERR_clear_error();
    if (*out)
        return BASE_OK;
    if (atomic_load(&stopping))
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "the keeper is stopping");
    return base_failf(f, BASE_OURS, "keeper.internal", "no key of type %s could be made", type);
}

bool keeper_keys_spki(const EVP_PKEY *k, char out[BASE_SHA256_HEX])
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(k, &der);
    if (n > 0)
        base_sha256_hex(der, (size_t)n, out);
    OPENSSL_free(der);
    ERR_clear_error();
    return n > 0;
}

enum base_fail_class keeper_keys_write(const EVP_PKEY *k, unsigned char **p, size_t *n,
                                       struct base_fail *f)
{
    *p = keeper_secret_new(KEEPER_PKCS8_MAX);
    unsigned char *at = *p;
    PKCS8_PRIV_KEY_INFO *info = *p ? EVP_PKEY2PKCS8(k) : NULL;
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    bool fits = len > 0 && len <= KEEPER_PKCS8_MAX && i2d_PKCS8_PRIV_KEY_INFO(info, &at) == len;
    PKCS8_PRIV_KEY_INFO_free(info); /* wipes the key inside */
    ERR_clear_error();
    if (fits) {
        *n = (size_t)len;
        return BASE_OK;
    }
    keeper_secret_free(*p, KEEPER_PKCS8_MAX);
    *p = NULL;
    return base_failf(f, BASE_OURS, "keeper.internal", "a private key can't be written");
}

enum base_fail_class keeper_keys_read(const unsigned char *p, size_t n, EVP_PKEY **out,
                                      struct base_fail *f)
{
    const unsigned char *at = p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)n);
    *out = info && at == p + n ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    if (*out)
        return BASE_OK;
    return base_failf(f, BASE_PERMANENT, "keeper.damaged", "a stored private key can't be read");
}
