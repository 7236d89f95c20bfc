/* Public keys and names of OpenSSL's structures as plain data: the part that
 * certificates, requests and chains have in common. Owns nothing; fails with
 * the codes of cert/fields.h. */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "inner.h"

#define OID_SPACE 128

void cert_errors_clear(void)
{
    ERR_clear_error();
}

const char *cert_key_type_name(enum cert_key_type t)
{
    static const char *const names[] = {"other", "rsa", "ec", "ed25519", "ed448"};
    return (unsigned)t < sizeof names / sizeof *names ? names[t] : "other";
}

const char *cert_oid_text(struct base_arena *a, const ASN1_OBJECT *o)
{
    char buf[OID_SPACE];
    int n = OBJ_obj2txt(buf, sizeof buf, o, 1);
    if (n <= 0)
        return "invalid";
    return base_arena_strdup(a, buf); /* a longer one is cut: no rule knows such an OID */
}

bool cert_strings_add(struct base_arena *a, struct cert_strings *l, const char *s, size_t max)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    if (l->n >= max)
        return false;
    if ((l->n & (l->n + 1)) == 0) { /* full at 0, 1, 3, 7, ...: double */
        const char **bigger = base_arena_array(a, 2 * l->n + 1, sizeof *bigger);
        if (l->n > 0)
            memcpy(bigger, l->v, l->n * sizeof *bigger);
        l->v = bigger;
    }
    l->v[l->n++] = s;
    return true;
}

static const char *curve_name(struct base_arena *a, const EVP_PKEY *k)
{
    char group[64];
    size_t n;
    int explicit = 0;
    /* a curve that is spelled out instead of named is none that a CA takes, though it be the same */
    if (EVP_PKEY_get_int_param(k, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit) == 1 && explicit)
        return "explicit";
    if (EVP_PKEY_get_group_name(k, group, sizeof group, &n) != 1)
        return "explicit";
    const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));
    return base_arena_strdup(a, nist ? nist : group);
}

static bool exponent_ok(const EVP_PKEY *k)
{
    BIGNUM *e = NULL;
    bool ok = EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
              BN_num_bits(e) >= 2;
    BN_free(e);
    return ok;
}

/* Is this an algorithm whose keys OpenSSL 3.0 must be able to read? */
static bool known_algorithm(const X509_PUBKEY *pub)
{
    ASN1_OBJECT *o = NULL;
    X509_PUBKEY_get0_param(&o, NULL, NULL, NULL, pub);
    switch (OBJ_obj2nid(o)) {
    case NID_rsaEncryption:
    case NID_rsassaPss:
    case NID_X9_62_id_ecPublicKey:
    case NID_ED25519:
    case NID_ED448:
        return true;
    default:
        return false;
    }
}

enum base_fail_class cert_key_describe(struct base_arena *a, const X509_PUBKEY *pub,
                                       struct cert_key *out, struct base_fail *f)
{
    *out = (struct cert_key){.type = CERT_KEY_OTHER};
    const EVP_PKEY *k = pub ? X509_PUBKEY_get0(pub) : NULL;
    if (!k) {
        cert_errors_clear();
        if (pub && !known_algorithm(pub))
            return BASE_OK;
        return base_failf(f, BASE_PERMANENT, "cert.key", "the public key can't be read");
    }
    out->bits = EVP_PKEY_get_bits(k);
    switch (EVP_PKEY_get_base_id(k)) {
    case EVP_PKEY_RSA:
        out->type = CERT_KEY_RSA;
        break;
    case EVP_PKEY_EC:
        out->type = CERT_KEY_EC;
        out->curve = curve_name(a, k);
        break;
    case EVP_PKEY_ED25519:
        out->type = CERT_KEY_ED25519;
        break;
    case EVP_PKEY_ED448:
        out->type = CERT_KEY_ED448;
        break;
    default:
        break;
    }
    if (out->type == CERT_KEY_RSA)
        out->rsa_exponent_ok = exponent_ok(k);
    cert_errors_clear();
    return BASE_OK;
}

bool cert_spki_hex(const X509_PUBKEY *pub, char out[BASE_SHA256_HEX])
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(pub, &der);
    if (n > 0)
        base_sha256_hex(der, (size_t)n, out);
    OPENSSL_free(der);
    cert_errors_clear();
    return n > 0;
}

char *cert_name_text(struct base_arena *a, const X509_NAME *name)
{
    unsigned long flags =
        (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_UTF8_CONVERT;
    char *text = NULL, *out = base_arena_strdup(a, "");
    BIO *b = BIO_new(BIO_s_mem());
    if (b && X509_NAME_print_ex(b, name, 0, flags) >= 0) {
        long n = BIO_get_mem_data(b, &text);
        if (n > 0)
            out = base_printable(a, text, (size_t)n, CERT_TEXT_MAX - 4);
    }
    BIO_free(b);
    cert_errors_clear();
    return out;
}

static const char *string_text(struct base_arena *a, const ASN1_STRING *s)
{
    unsigned char *u = NULL;
    int n = s ? ASN1_STRING_to_UTF8(&u, s) : -1;
    cert_errors_clear();
    if (n < 0)
        return NULL;
    const char *t = base_printable(a, u, (size_t)n, CERT_TEXT_MAX - 4);
    OPENSSL_free(u);
    return t;
}

const char *cert_name_attribute(struct base_arena *a, const X509_NAME *name, int nid)
{
    int i = X509_NAME_get_index_by_NID(name, nid, -1);
    if (i < 0)
        return NULL;
    return string_text(a, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
}

enum base_fail_class cert_name_emails(struct base_arena *a, const X509_NAME *name,
                                      struct cert_strings *out, struct base_fail *f)
{
    int i = -1;
    while ((i = X509_NAME_get_index_by_NID(name, NID_pkcs9_emailAddress, i)) >= 0) {
        const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
        const char *m = cert_mailbox_text(a, CERT_MAILBOX_RFC822, s);
        if (!m)
            return base_failf(f, BASE_PERMANENT, "cert.text",
                              "a mailbox in the subject holds bytes that don't belong there");
        if (!cert_strings_add(a, out, m, CERT_LIST_MAX))
            return base_failf(f, BASE_PERMANENT, "cert.caps", "more than %d addresses in a subject",
                              CERT_LIST_MAX);
    }
    return BASE_OK;
}

const char *cert_mailbox_text(struct base_arena *a, enum cert_mailbox_kind kind,
                              const ASN1_STRING *s)
{
    const unsigned char *p = ASN1_STRING_get0_data(s);
    int len = ASN1_STRING_length(s);
    if (len <= 0 || len > 1024)
        return NULL;
    for (int i = 0; i < len; i++)
        if (p[i] <= 0x20 || p[i] == 0x7f || (kind == CERT_MAILBOX_RFC822 && p[i] > 0x7f))
            return NULL;
    /* what base_printable() would change (bidi overrides, bad UTF-8) is refused */
    const char *t = base_printable(a, p, (size_t)len, CERT_TEXT_MAX);
    return strlen(t) == (size_t)len && memcmp(t, p, (size_t)len) == 0 ? t : NULL;
}

static enum base_fail_class bad_mailbox(struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "cert.text",
                      "a mailbox in subjectAltName holds bytes that don't belong there");
}

enum base_fail_class cert_san_mailbox(struct base_arena *a, const GENERAL_NAME *g,
                                      struct cert_mailbox *out, struct base_fail *f)
{
    *out = (struct cert_mailbox){.kind = CERT_MAILBOX_RFC822};
    if (g->type == GEN_EMAIL) {
        out->address = cert_mailbox_text(a, CERT_MAILBOX_RFC822, g->d.rfc822Name);
        return out->address ? BASE_OK : bad_mailbox(f);
    }
    if (g->type != GEN_OTHERNAME ||
        OBJ_obj2nid(g->d.otherName->type_id) != NID_id_on_SmtpUTF8Mailbox)
        return BASE_OK;
    const ASN1_TYPE *v = g->d.otherName->value;
    if (!v || v->type != V_ASN1_UTF8STRING)
        return bad_mailbox(f);
    out->kind = CERT_MAILBOX_SMTPUTF8;
    out->address = cert_mailbox_text(a, out->kind, v->value.utf8string);
    return out->address ? BASE_OK : bad_mailbox(f);
}
