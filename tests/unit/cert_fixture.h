/* A small CA for tests: certificates with each part changeable. A member that is
 * NULL leaves that part out. Keys are made once for a program. */
#ifndef CERT_FIXTURE_H
#define CERT_FIXTURE_H
/* cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"

#define FX_NOW 1763800000 /* 2025-11-22 */
#define FX_DAY 86400

struct fx_spec {
    const char *cn, *o, *org_id, *given_name, *surname, *pseudonym, *email;
    const char *san, *eku, *ku, *policy, *bc, *aki, *crl, *aia;
    const char *serial; /* decimal */
    int64_t from, to;
    const EVP_MD *md;
    bool pss;
    long version; /* 2 = v3 */
    EVP_PKEY *key;
    X509 *issuer;         /* NULL = self-signed */
    EVP_PKEY *issuer_key; /* NULL = key */
};

static inline EVP_PKEY *fx_key(const char *kind)
{
    static struct {
        const char *kind;
        EVP_PKEY *key;
    } made[16];
    size_t i = 0;
    while (made[i].kind && strcmp(made[i].kind, kind) != 0)
        i++;
    assert_true(i < 15);
    if (!made[i].key) {
        made[i].kind = kind;
        if (strncmp(kind, "rsa", 3) == 0)
            made[i].key = EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
        else if (strncmp(kind, "ED", 2) == 0)
            made[i].key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
        else
            made[i].key = EVP_EC_gen(strncmp(kind, "ca ", 3) == 0 ? kind + 3 : kind);
        assert_non_null(made[i].key);
    }
    return made[i].key;
}

static inline void fx_name(X509_NAME *n, int nid, const char *text)
{
    if (text)
        assert_int_equal(X509_NAME_add_entry_by_NID(n, nid, MBSTRING_UTF8,
                                                    (const unsigned char *)text, -1, -1, 0),
                         1);
}

static inline void fx_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    if (!value)
        return;
    CONF *none = NCONF_new(NULL); /* some extensions refuse to be without one */
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, none);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!e)
        fail_msg("extension %s = %s", OBJ_nid2sn(nid), value);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    NCONF_free(none);
}

static inline void fx_sign(X509 *x, const struct fx_spec *s)
{
    EVP_PKEY *key = s->issuer_key ? s->issuer_key : s->key;
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    assert_int_equal(EVP_DigestSignInit(m, &p, s->md, NULL, key), 1);
    if (s->pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
    assert_true(X509_sign_ctx(x, m) > 0);
    EVP_MD_CTX_free(m);
}

static inline X509 *fx_x509(const struct fx_spec *s)
{
    X509 *x = X509_new();
    X509 *issuer = s->issuer ? s->issuer : x;
    X509_NAME *n = X509_get_subject_name(x);
    BIGNUM *serial = NULL;
    assert_int_equal(X509_set_version(x, s->version), 1);
    BN_dec2bn(&serial, s->serial);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    fx_name(n, NID_commonName, s->cn);
    fx_name(n, NID_organizationName, s->o);
    fx_name(n, NID_organizationIdentifier, s->org_id);
    fx_name(n, NID_givenName, s->given_name);
    fx_name(n, NID_surname, s->surname);
    fx_name(n, NID_pseudonym, s->pseudonym);
    fx_name(n, NID_pkcs9_emailAddress, s->email);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)s->from);
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)s->to);
    X509_set_pubkey(x, s->key);
    fx_ext(x, issuer, NID_subject_key_identifier, s->version == 2 ? "hash" : NULL);
    fx_ext(x, issuer, NID_subject_alt_name, s->san);
    fx_ext(x, issuer, NID_ext_key_usage, s->eku);
    fx_ext(x, issuer, NID_key_usage, s->ku);
    fx_ext(x, issuer, NID_certificate_policies, s->policy);
    fx_ext(x, issuer, NID_basic_constraints, s->bc);
    fx_ext(x, issuer, NID_authority_key_identifier, s->aki);
    fx_ext(x, issuer, NID_crl_distribution_points, s->crl);
    fx_ext(x, issuer, NID_info_access, s->aia);
    fx_sign(x, s);
    return x;
}

static inline struct base_bytes fx_der(struct base_arena *a, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    assert_true(n > 0);
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    return (struct base_bytes){copy, (size_t)n};
}

static inline struct base_bytes fx_make(struct base_arena *a, const struct fx_spec *s)
{
    X509 *x = fx_x509(s);
    struct base_bytes der = fx_der(a, x);
    X509_free(x);
    return der;
}

/* A CA's certificate; PARENT NULL = root. The caller frees it. */
static inline X509 *fx_ca(const char *name, EVP_PKEY *key, X509 *parent, EVP_PKEY *parent_key)
{
    struct fx_spec s = {.cn = name,
                        .ku = "critical,keyCertSign,cRLSign",
                        .bc = "critical,CA:TRUE",
                        .aki = parent ? "keyid" : NULL,
                        .serial = "4711",
                        .from = FX_NOW - 1000 * FX_DAY,
                        .to = FX_NOW + 2000 * FX_DAY,
                        .md = EVP_sha256(),
                        .version = 2,
                        .key = key,
                        .issuer = parent,
                        .issuer_key = parent_key};
    return fx_x509(&s);
}

/* A good sponsor-free leaf as a public CA would issue it: mailbox-validated, multipurpose. */
static inline struct fx_spec fx_leaf(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key)
{
    return (struct fx_spec){.cn = "alice@example.test",
                            .san = "email:alice@example.test",
                            .eku = "emailProtection",
                            .ku = "critical,digitalSignature,keyEncipherment",
                            .policy = "2.23.140.1.5.1.2",
                            .bc = "critical,CA:FALSE",
                            .aki = "keyid",
                            .crl = "URI:http://crl.example.test/a.crl",
                            .aia = "OCSP;URI:http://ocsp.example.test/,"
                                   "caIssuers;URI:http://ca.example.test/i.crt",
                            .serial = "123456789012345678901234567890",
                            .from = FX_NOW - FX_DAY,
                            .to = FX_NOW + 364 * FX_DAY - 1,
                            .md = EVP_sha256(),
                            .version = 2,
                            .key = key,
                            .issuer = issuer,
                            .issuer_key = issuer_key};
}

#endif
