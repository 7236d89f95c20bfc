/* cert/ocsp.c - OCSP requests and responses by OpenSSL; no memory outlives a call but the arena's.
 */
#include "ocsp.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <string.h>

#include "fields.h"

static X509 *read_cert(struct base_bytes der)
{
    const unsigned char *p = der.p;
    if (der.n == 0 || der.n > CERT_DER_MAX)
        return NULL;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    if (x != NULL && p != der.p + der.n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

enum base_fail_class cert_ocsp_request(struct base_arena *a, struct base_bytes leaf,
                                       struct base_bytes issuer, struct base_bytes *out,
                                       struct base_fail *f)
{
    X509 *l = read_cert(leaf), *i = read_cert(issuer);
    OCSP_REQUEST *req = OCSP_REQUEST_new();
    OCSP_CERTID *id = l && i ? OCSP_cert_to_id(EVP_sha1(), l, i) : NULL;
    unsigned char *der = NULL;
    int n = -1;
    if (req != NULL && id != NULL && OCSP_request_add0_id(req, id) != NULL) {
        id = NULL; /* the request owns it now */
        n = i2d_OCSP_REQUEST(req, &der);
    }
    if (n > 0) {
        unsigned char *copy = base_arena_alloc(a, (size_t)n);
        memcpy(copy, der, (size_t)n);
        *out = (struct base_bytes){copy, (size_t)n};
    }
    OPENSSL_free(der);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(req);
    X509_free(l);
    X509_free(i);
    ERR_clear_error();
    return n > 0 ? BASE_OK
                 : base_failf(f, BASE_PERMANENT, "cert.der",
                              "leaf or issuer is no certificate to ask about");
}

/* Signed by the issuer itself, or by a responder certificate that it issued
 * with the OCSPSigning purpose (checked by OCSP_basic_verify). */
static bool signed_rightly(OCSP_BASICRESP *basic, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *pool = sk_X509_new_null();
    bool ok = false;
    if (store != NULL && pool != NULL && X509_STORE_add_cert(store, issuer) &&
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) && sk_X509_push(pool, issuer))
        ok = OCSP_basic_verify(basic, pool, store, 0) == 1;
    sk_X509_free(pool);
    X509_STORE_free(store);
    return ok;
}

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *t)
{
    struct tm tm;
    if (t == NULL || !ASN1_TIME_to_tm(t, &tm))
        return 0;
    return (int64_t)timegm(&tm);
}

static const char *judge_times(struct cert_ocsp *out, int64_t now)
{
    if (out->this_update == 0 || out->this_update > now + CERT_OCSP_LEEWAY)
        return "the answer is dated in the future";
    if (out->next_update != 0 && out->next_update + CERT_OCSP_LEEWAY < now)
        return "the answer is out of date";
    /* without a next update an answer is as good as it is fresh */
    if (out->next_update == 0 && out->this_update + 86400 < now)
        return "the answer is older than a day";
    return NULL;
}

static const char *judge(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now,
                         struct cert_ocsp *out)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next = NULL;
    int status = -1, reason = -1;
    if (!signed_rightly(basic, issuer))
        return "the answer is not signed by the issuer or a responder of its";
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    int found = id != NULL &&
                OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &this_update, &next);
    OCSP_CERTID_free(id);
    if (!found)
        return "the answer is about another certificate";
    out->this_update = seconds_of(this_update);
    out->next_update = seconds_of(next);
    const char *late = judge_times(out, now);
    if (late != NULL)
        return late;
    if (status == V_OCSP_CERTSTATUS_GOOD) {
        out->status = CERT_REVOCATION_GOOD;
        return NULL;
    }
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        out->status = CERT_REVOCATION_REVOKED;
        out->revoked_at = seconds_of(revoked);
        out->reason = reason >= 0 ? OCSP_crl_reason_str(reason) : "no reason given";
        return NULL;
    }
    return "the responder does not know the certificate";
}

enum base_fail_class cert_ocsp_check(struct base_arena *a, struct base_bytes response,
                                     struct base_bytes leaf, struct base_bytes issuer, int64_t now,
                                     struct cert_ocsp *out, struct base_fail *f)
{
    memset(out, 0, sizeof(*out));
    out->status = CERT_REVOCATION_UNKNOWN;
    if (response.n > CERT_OCSP_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size", "OCSP answer of %zu bytes, at most %d",
                          response.n, CERT_OCSP_MAX);
    X509 *l = read_cert(leaf), *i = read_cert(issuer);
    if (l == NULL || i == NULL) {
        X509_free(l);
        X509_free(i);
        return base_failf(f, BASE_PERMANENT, "cert.der", "leaf or issuer is no certificate");
    }
    const unsigned char *p = response.p;
    OCSP_RESPONSE *r = response.n > 0 ? d2i_OCSP_RESPONSE(NULL, &p, (long)response.n) : NULL;
    OCSP_BASICRESP *basic = NULL;
    if (r == NULL)
        out->reason = "the answer is no OCSP response";
    else if (OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        out->reason = base_arena_printf(a, "the responder says: %s",
                                        OCSP_response_status_str(OCSP_response_status(r)));
    else if ((basic = OCSP_response_get1_basic(r)) == NULL)
        out->reason = "the answer is no basic OCSP response";
    else {
        const char *why = judge(basic, l, i, now, out);
        if (why != NULL)
            out->reason = why;
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(r);
    X509_free(l);
    X509_free(i);
    ERR_clear_error();
    return BASE_OK;
}
