/* inspect/warm.c - what OpenSSL looks up at the first public key, looked up before there is any.
 *
 * The first key that a process decodes costs more than all the rest of a mail:
 * providers, decoders and algorithms are found by name, then kept. The spawner
 * does that once, with keys of our own that nobody holds the other half of;
 * what OpenSSL keeps, its children inherit. Nothing depends on the result, so
 * failures are ignored: the child then looks up for itself. */
#include "warm.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* As small as RSA goes with SHA-256: 512 bits, its private half thrown away. */
static const unsigned char rsa[] = {
    0x30, 0x5c, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
    0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x4b, 0x00, 0x30, 0x48, 0x02, 0x41,
    0x00, 0xc2, 0x03, 0x7f, 0x85, 0xdb, 0xef, 0xe4, 0xb6, 0xd9, 0xbf, 0xa0,
    0xd4, 0x25, 0x2f, 0x96, 0x4a, 0x43, 0x15, 0x7c, 0xf5, 0x2a, 0x7b, 0x8c,
    0x38, 0x5a, 0x0f, 0xdf, 0x0f, 0x42, 0x9d, 0xec, 0x62, 0x92, 0x05, 0x19,
    0x2d, 0x09, 0x69, 0xd7, 0xed, 0x3a, 0xdf, 0x9f, 0x01, 0x99, 0x91, 0x1e,
    0x39, 0x80, 0xa1, 0xb0, 0xad, 0x50, 0xae, 0x33, 0x4a, 0xf4, 0x13, 0x7b,
    0x1f, 0x44, 0xd6, 0x82, 0x17, 0x02, 0x03, 0x01, 0x00, 0x01,
};

static void verify(EVP_PKEY *key, const EVP_MD *md, size_t n)
{
    static const unsigned char signature[64];
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    if (key != NULL && c != NULL && EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1) {
        (void)EVP_DigestVerify(c, signature, n, signature, 0);
    }
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
}

void inspect_warm(void)
{
    static const unsigned char ed25519[32] = {1};
    const unsigned char *p = rsa;

    verify(d2i_PUBKEY(NULL, &p, sizeof(rsa)), EVP_sha256(), 64);
    verify(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, ed25519, sizeof(ed25519)), NULL, 64);
    ERR_clear_error();
}
