/* cert/evidence.c - putting a signed message together, and taking it apart again. Owns OpenSSL's
 * structures for one call. */
#include "evidence.h"

#include <openssl/pem.h> /* before cms.h, which declares its PEM functions only then */

#include <openssl/cms.h>
#include <string.h>

#include "inner.h"

static struct base_bytes bio_bytes(struct base_arena *a, BIO *b)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    unsigned char *copy = base_arena_alloc(a, (size_t)n + 1);
    if (n > 0)
        memcpy(copy, p, (size_t)n);
    copy[n] = 0;
    return (struct base_bytes){copy, (size_t)n};
}

static bool put_content(CMS_ContentInfo *cms, struct base_bytes content)
{
    ASN1_OCTET_STRING **at = CMS_get0_content(cms);
    if (!at)
        return false;
    if (!*at)
        *at = ASN1_OCTET_STRING_new();
    return *at && ASN1_OCTET_STRING_set(*at, content.p, (int)content.n) == 1;
}

enum base_fail_class cert_evidence_attach(struct base_arena *a, struct base_bytes der,
                                          struct base_bytes content, const char **pem,
                                          struct base_fail *f)
{
    const unsigned char *p = der.p;
    if (content.n > CERT_EVIDENCE_MAX)
        return base_failf(f, BASE_PERMANENT, "evidence.size", "more evidence than %d MiB",
                          CERT_EVIDENCE_MAX >> 20);
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
    BIO *out = BIO_new(BIO_s_mem());
    bool ok = cms && out && put_content(cms, content) && PEM_write_bio_CMS(out, cms) == 1;
    if (ok)
        *pem = (const char *)bio_bytes(a, out).p;
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    cert_errors_clear();
    return ok ? BASE_OK
              : base_failf(f, BASE_OURS, "evidence.build", "the signed evidence can't be written");
}

/* The signer must be X itself: whatever certificates the file carries don't count. */
static bool signed_by(CMS_ContentInfo *cms, X509 *x, BIO *out)
{
    STACK_OF(X509) *only = sk_X509_new_null();
    bool ok = only && sk_X509_push(only, x) > 0 &&
              CMS_verify(cms, only, NULL, NULL, out,
                         CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    sk_X509_free(only);
    return ok;
}

enum base_fail_class cert_evidence_verify(struct base_arena *a, const char *pem, size_t n,
                                          const char *certificate, struct base_bytes *content,
                                          struct base_fail *f)
{
    BIO *in = n <= 2 * CERT_EVIDENCE_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    BIO *c = BIO_new_mem_buf(certificate, -1), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = in ? PEM_read_bio_CMS(in, NULL, NULL, NULL) : NULL;
    X509 *x = c ? PEM_read_bio_X509(c, NULL, NULL, NULL) : NULL;
    enum base_fail_class r = BASE_OK;
    if (!x)
        r = base_failf(f, BASE_PERMANENT, "evidence.read", "the signer's certificate is no PEM");
    else if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        r = base_failf(f, BASE_PERMANENT, "evidence.read",
                       "this is no file of evidence: expected -----BEGIN CMS-----");
    else if (!out || !signed_by(cms, x, out))
        r = base_failf(f, BASE_PERMANENT, "evidence.signature",
                       "the signature does not verify: the file was changed, or another keeper "
                       "signed it");
    else
        *content = bio_bytes(a, out);
    X509_free(x);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(c);
    BIO_free(out);
    cert_errors_clear();
    return r;
}
