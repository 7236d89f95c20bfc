/* Taking one certificate apart: the outer form, serial, names, key, signature,
 * time; the extensions are in cert/extensions.c. Owns OpenSSL's X509 for the
 * length of one call; everything handed out is copied into the arena. Fails
 * with a permanent code, never ends the process. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "inner.h"

#define SERIAL_BYTES_MAX 64 /* RFC 5280 allows 20; more is shown as what it is */

static enum base_fail_class no_der(struct base_fail *f, const char *why)
{
    cert_errors_clear();
    return base_failf(f, BASE_PERMANENT, "cert.der", "no certificate in DER: %s", why);
}

/* Does reading and writing again give the same bytes? BER would not, and its
 * thumbprint would be another one for every way of writing it. */
static bool same_again(X509 *x, const void *der, size_t n)
{
    unsigned char *again = NULL;
    int len = i2d_X509(x, &again);
    bool same = len >= 0 && (size_t)len == n && memcmp(again, der, n) == 0;
    OPENSSL_free(again);
    return same;
}

enum base_fail_class cert_x509_read(const void *der, size_t n, X509 **x, struct base_fail *f)
{
    *x = NULL;
    if (n > CERT_DER_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size",
                          "a certificate of %zu bytes, at most %d are read", n, CERT_DER_MAX);
    const unsigned char *p = der;
    X509 *c = n > 0 ? d2i_X509(NULL, &p, (long)n) : NULL;
    if (!c)
        return no_der(f, "it can't be decoded");
    const char *why = NULL;
    if (p != (const unsigned char *)der + n)
        why = "bytes follow it";
    else if (!same_again(c, der, n))
        why = "its encoding isn't the distinguished one";
    if (why) {
        X509_free(c);
        return no_der(f, why);
    }
    const EVP_PKEY *k = X509_get0_pubkey(c);
    if (k && EVP_PKEY_get_bits(k) > CERT_RSA_BITS_MAX) {
        int bits = EVP_PKEY_get_bits(k);
        X509_free(c);
        return base_failf(f, BASE_PERMANENT, "cert.key", "a key of %d bits, at most %d are used",
                          bits, CERT_RSA_BITS_MAX);
    }
    cert_errors_clear();
    *x = c;
    return BASE_OK;
}

static enum base_fail_class read_serial(struct base_arena *a, const X509 *x,
                                        struct cert_fields *out, struct base_fail *f)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(x);
    if (ASN1_STRING_length(s) > SERIAL_BYTES_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.caps", "a serial number of %d bytes",
                          ASN1_STRING_length(s));
    BIGNUM *b = ASN1_INTEGER_to_BN(s, NULL);
    if (!b)
        return no_der(f, "its serial number can't be read");
    out->serial_bits = BN_num_bits(b);
    out->serial_sign = BN_is_zero(b) ? 0 : BN_is_negative(b) ? -1 : 1;
    unsigned char mag[SERIAL_BYTES_MAX];
    int n = BN_bn2bin(b, mag);
    BN_free(b);
    if (n == 0)
        mag[n++] = 0;
    char *hex = base_arena_alloc(a, 2 * (size_t)n + 1);
    base_hex(mag, (size_t)n, hex);
    for (char *c = hex; *c; c++)
        if (*c >= 'a')
            *c = (char)(*c - 'a' + 'A');
    out->serial = hex;
    return BASE_OK;
}

static bool to_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

static const char *sig_key_name(int nid)
{
    switch (nid) {
    case EVP_PKEY_RSA:
        return "rsa";
    case EVP_PKEY_RSA_PSS:
        return "rsa-pss";
    case NID_X9_62_id_ecPublicKey:
        return "ecdsa";
    case NID_ED25519:
        return "ed25519";
    case NID_ED448:
        return "ed448";
    default:
        return "other";
    }
}

static void read_signature(struct base_arena *a, X509 *x, struct cert_fields *out)
{
    const X509_ALGOR *alg = NULL;
    const ASN1_OBJECT *o = NULL;
    int md = NID_undef, key = NID_undef;
    X509_get0_signature(NULL, &alg, x);
    X509_ALGOR_get0(&o, NULL, NULL, alg);
    int nid = OBJ_obj2nid(o);
    out->sig_alg = nid == NID_undef ? cert_oid_text(a, o) : base_arena_strdup(a, OBJ_nid2ln(nid));
    X509_get_signature_info(x, &md, &key, NULL, NULL);
    out->sig_key = sig_key_name(key);
    out->sig_hash = "";
    if (md != NID_undef && key != NID_ED25519 && key != NID_ED448) {
        char *h = base_arena_strdup(a, OBJ_nid2sn(md));
        base_ascii_lower(h);
        out->sig_hash = h;
    }
    cert_errors_clear();
}

static enum base_fail_class read_subject(struct base_arena *a, const X509 *x,
                                         struct cert_fields *out, struct base_fail *f)
{
    const X509_NAME *s = X509_get_subject_name(x);
    if (X509_NAME_entry_count(s) > CERT_LIST_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.caps", "more than %d parts in the subject",
                          CERT_LIST_MAX);
    out->issuer = cert_name_text(a, X509_get_issuer_name(x));
    out->subject = cert_name_text(a, s);
    out->cn = cert_name_attribute(a, s, NID_commonName);
    out->o = cert_name_attribute(a, s, NID_organizationName);
    out->organization_identifier = cert_name_attribute(a, s, NID_organizationIdentifier);
    out->given_name = cert_name_attribute(a, s, NID_givenName);
    out->surname = cert_name_attribute(a, s, NID_surname);
    out->pseudonym = cert_name_attribute(a, s, NID_pseudonym);
    return cert_name_emails(a, s, &out->subject_emails, f);
}

static enum base_fail_class read_all(struct base_arena *a, X509 *x, struct cert_fields *out,
                                     struct base_fail *f)
{
    enum base_fail_class c;
    const X509_PUBKEY *pub = X509_get_X509_PUBKEY(x);
    out->version = (int)X509_get_version(x) + 1;
    if (out->version < 1 || out->version > 3)
        return no_der(f, "its version is none");
    if (!to_seconds(X509_get0_notBefore(x), &out->not_before) ||
        !to_seconds(X509_get0_notAfter(x), &out->not_after))
        return no_der(f, "its validity can't be read");
    if (!cert_spki_hex(pub, out->spki_sha256))
        return base_failf(f, BASE_PERMANENT, "cert.key", "the public key can't be read");
    if ((c = read_serial(a, x, out, f)) || (c = read_subject(a, x, out, f)) ||
        (c = cert_key_describe(a, pub, &out->key, f)) || (c = cert_extensions_read(a, x, out, f)))
        return c;
    read_signature(a, x, out);
    return BASE_OK;
}

enum base_fail_class cert_fields_parse(struct base_arena *a, const void *der, size_t n,
                                       struct cert_fields *out, struct base_fail *f)
{
    X509 *x = NULL;
    memset(out, 0, sizeof *out);
    enum base_fail_class c = cert_x509_read(der, n, &x, f);
    if (c)
        return c;
    unsigned char *copy = base_arena_alloc(a, n);
    memcpy(copy, der, n);
    out->der = (struct base_bytes){copy, n};
    base_sha256_hex(copy, n, out->sha256);
    c = read_all(a, x, out, f);
    X509_free(x);
    cert_errors_clear();
    return c;
}
