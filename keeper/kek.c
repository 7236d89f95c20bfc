/* A key-encryption key's bytes, and what is derived from them. */
#include "kek.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define KEK KEEPER_KEK

static bool derive(const unsigned char *kek, const char *use, unsigned char out[KEK])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM p[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)kek, KEK),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)use, strlen(use)),
        OSSL_PARAM_construct_end()};
    bool ok = c && EVP_KDF_derive(c, out, KEK, p) == 1;
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok;
}

bool keeper_kek_take(const struct base_buf *text, unsigned char kek[KEEPER_KEK])
{
    if (text->n == KEK) {
        memcpy(kek, text->p, KEK);
        return true;
    }
    if (text->n == KEK - 1) { /* 32 bytes whose last is a newline lose it when read as a text */
        memcpy(kek, text->p, KEK - 1);
        kek[KEK - 1] = '\n';
        return true;
    }
    return text->n == 2 * KEK && base_unhex((const char *)text->p, kek, KEK);
}

enum base_fail_class keeper_kek_derive(const unsigned char kek[KEEPER_KEK], struct keeper_sealer *k,
                                       unsigned char *ids, struct base_fail *f)
{
    unsigned char mark[KEK];
    char hash[BASE_SHA256_HEX];
    if (!derive(kek, "certmilter wrap 1", k->wrap) || !derive(kek, "certmilter kek id 1", mark) ||
        (ids && !derive(kek, "certmilter ids 1", ids)))
        return base_failf(f, BASE_OURS, "keeper.internal", "HKDF is not available");
    base_sha256_hex(mark, KEK, hash);
    memcpy(k->id, hash, KEEPER_KEK_ID_LEN);
    k->id[KEEPER_KEK_ID_LEN] = '\0';
    return BASE_OK;
}

bool keeper_kek_id(const unsigned char kek[KEEPER_KEK], char out[KEEPER_KEK_ID_LEN + 1])
{
    struct keeper_sealer k;
    bool good = keeper_kek_derive(kek, &k, NULL, NULL) == BASE_OK;
    if (good)
        memcpy(out, k.id, sizeof k.id);
    explicit_bzero(&k, sizeof k);
    return good;
}
