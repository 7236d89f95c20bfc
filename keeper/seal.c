/* AES-256-GCM with associated data: one function each way. Owns its cipher
 * context for one call. A changed byte anywhere (IV, text, tag, associated data)
 * is "keeper.damaged", and nothing of the text is handed out then. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "vault.h"

#define IV 12
#define TAG 16

static enum base_fail_class internal(EVP_CIPHER_CTX *c, struct base_fail *f)
{
    EVP_CIPHER_CTX_free(c);
    ERR_clear_error();
    return base_failf(f, BASE_OURS, "keeper.internal", "AES-256-GCM is not available");
}

enum base_fail_class keeper_seal(const unsigned char *key, const char *aad, const void *p, size_t n,
                                 struct base_buf *out, struct base_fail *f)
{
    unsigned char iv[IV], tag[TAG], text[4096 + EVP_MAX_BLOCK_LENGTH];
    int len = 0;
    base_buf_init(out, 0);
    EVP_CIPHER_CTX *c = n <= 4096 ? EVP_CIPHER_CTX_new() : NULL;
    base_random(iv, sizeof iv);
    if (!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(c, NULL, &len, (const unsigned char *)aad, (int)strlen(aad)) != 1 ||
        EVP_EncryptUpdate(c, text, &len, p, (int)n) != 1 || len != (int)n ||
        EVP_EncryptFinal_ex(c, text + len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
        return internal(c, f);
    EVP_CIPHER_CTX_free(c);
    base_buf_add(out, iv, sizeof iv);
    base_buf_add(out, text, n);
    base_buf_add(out, tag, sizeof tag);
    return BASE_OK;
}

enum base_fail_class keeper_unseal(const unsigned char *key, const char *aad, struct base_bytes in,
                                   unsigned char *out, struct base_fail *f)
{
    int len = 0;
    unsigned char tag[TAG];
    if (in.n < KEEPER_SEAL_EXTRA || in.n > 4096 + KEEPER_SEAL_EXTRA)
        return base_failf(f, BASE_PERMANENT, "keeper.damaged", "a sealed text of %zu bytes", in.n);
    size_t n = in.n - KEEPER_SEAL_EXTRA;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    memcpy(tag, in.p + IV + n, TAG);
    if (!c || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in.p) != 1 ||
        EVP_DecryptUpdate(c, NULL, &len, (const unsigned char *)aad, (int)strlen(aad)) != 1 ||
        EVP_DecryptUpdate(c, out, &len, in.p + IV, (int)n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1) {
        explicit_bzero(out, n);
        return internal(c, f);
    }
    int good = EVP_DecryptFinal_ex(c, out + len, &len);
    EVP_CIPHER_CTX_free(c);
    ERR_clear_error();
    if (good == 1)
        return BASE_OK;
    explicit_bzero(out, n);
    return base_failf(f, BASE_PERMANENT, "keeper.damaged",
                      "a sealed text or what belongs to it was changed");
}
