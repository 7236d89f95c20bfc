/* Certificate signing requests with a key that we hold. Owns OpenSSL's X509_REQ
 * for one call. What comes out is read back and its signature checked before it
 * leaves: a faulty signature could give the key away. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "cert/csr.h"
#include "client.h"
#include "keys.h"

#define CN_MAX 64 /* characters, X.520 ub-common-name */
#define ADDRESS_MAX 254

static enum base_fail_class internal(struct base_fail *f)
{
    ERR_clear_error();
    return base_failf(f, BASE_OURS, "keeper.internal", "the request can't be built");
}

static bool ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s > 0x7e)
            return false;
    return true;
}

static bool address_ok(const char *s)
{
    const char *at = strrchr(s, '@');
    if (!at || at == s || !at[1] || strlen(s) > ADDRESS_MAX)
        return false;
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return false;
    return true;
}

static bool smtputf8_name(GENERAL_NAME *g, const char *address)
{
    ASN1_TYPE *v = ASN1_TYPE_new();
    ASN1_UTF8STRING *s = ASN1_UTF8STRING_new();
    if (!v || !s || ASN1_STRING_set(s, address, -1) != 1) {
        ASN1_TYPE_free(v);
        ASN1_UTF8STRING_free(s);
        return false;
    }
    ASN1_TYPE_set(v, V_ASN1_UTF8STRING, s);
    if (GENERAL_NAME_set0_othername(g, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), v) == 1)
        return true;
    ASN1_TYPE_free(v);
    return false;
}

static bool rfc822_name(GENERAL_NAME *g, const char *address)
{
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    if (!s || ASN1_STRING_set(s, address, -1) != 1) {
        ASN1_IA5STRING_free(s);
        return false;
    }
    GENERAL_NAME_set0_value(g, GEN_EMAIL, s);
    return true;
}

/* RFC 5280 section 4.2.1.6, RFC 8398 for addresses beyond ASCII. */
static bool add_name(GENERAL_NAMES *names, const char *address)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    if (g && (ascii(address) ? rfc822_name(g, address) : smtputf8_name(g, address)) &&
        sk_GENERAL_NAME_push(names, g) > 0)
        return true;
    GENERAL_NAME_free(g);
    return false;
}

static bool add_san(X509_REQ *req, const char *const *emails, size_t n)
{
    bool ok = true;
    STACK_OF(X509_EXTENSION) *exts = NULL;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    for (size_t i = 0; i < n && ok; i++)
        ok = names && add_name(names, emails[i]);
    if (ok && n > 0)
        ok = X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
             X509_REQ_add_extensions(req, exts) == 1;
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return ok;
}

static const EVP_MD *digest_for(const EVP_PKEY *k)
{
    return EVP_PKEY_get_base_id(k) == EVP_PKEY_EC && EVP_PKEY_get_bits(k) > 256 ? EVP_sha384()
                                                                                : EVP_sha256();
}

static bool fill(X509_REQ *req, EVP_PKEY *k, const char *cn, const char *const *emails, size_t n)
{
    X509_NAME *name = X509_NAME_new();
    bool ok =
        name && (!cn || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                   (const unsigned char *)cn, -1, -1, 0) == 1);
    ok = ok && X509_REQ_set_version(req, 0) == 1 && X509_REQ_set_subject_name(req, name) == 1 &&
         X509_REQ_set_pubkey(req, k) == 1 && add_san(req, emails, n) &&
         X509_REQ_sign(req, k, digest_for(k)) > 0;
    X509_NAME_free(name);
    return ok;
}

/* Characters, not bytes; -1 if it isn't printable UTF-8. */
static int text_length(struct base_arena *a, const char *s)
{
    size_t n = strlen(s);
    int count = 0;
    if (strcmp(base_printable(a, s, n, n + 4), s) != 0)
        return -1;
    for (; *s; s++)
        count += ((unsigned char)*s & 0xc0) != 0x80;
    return count;
}

static enum base_fail_class check_names(struct base_arena *a, const char *cn,
                                        const char *const *emails, size_t n, struct base_fail *f)
{
    int len = cn ? text_length(a, cn) : 1;
    if (len < 1 || len > CN_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "a common name has 1 to %d printable characters", CN_MAX);
    if (n > KEEPER_EMAILS_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "more than %d addresses",
                          KEEPER_EMAILS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!address_ok(emails[i]) || text_length(a, emails[i]) < 0)
            return base_failf(f, BASE_PERMANENT, "keeper.request", "not a mailbox: %.80s",
                              base_printable(a, emails[i], strlen(emails[i]), 80));
    return BASE_OK;
}

enum base_fail_class keeper_keys_csr(struct base_arena *a, EVP_PKEY *k, const char *cn,
                                     const char *const *emails, size_t n, char **pem,
                                     struct base_fail *f)
{
    struct cert_csr back;
    unsigned char *der = NULL;
    enum base_fail_class c = check_names(a, cn, emails, n, f);
    if (c)
        return c;
    X509_REQ *req = X509_REQ_new();
    int len = req && fill(req, k, cn, emails, n) ? i2d_X509_REQ(req, &der) : -1;
    X509_REQ_free(req);
    if (len <= 0)
        return internal(f);
    c = cert_csr_parse(a, der, (size_t)len, &back, f);
    OPENSSL_free(der);
    if (c)
        return internal(f);
    *pem = cert_csr_pem(a, back.der, true);
    return BASE_OK;
}
