/* cert/crl.c - lists of revoked certificates by OpenSSL; no memory outlives a call but the arena's. */
#include "crl.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "fields.h"

static X509 *read_cert(struct base_bytes der)
{
    const unsigned char *p = der.p;
    X509 *x = der.n > 0 && der.n <= CERT_DER_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    if (x != NULL && p != der.p + der.n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

/* DER as RFC 5280 section 4.2.1.13 wants it, or PEM as some serve it all the same. */
static X509_CRL *read_list(struct base_bytes b)
{
    const unsigned char *p = b.p;
    if (b.n == 0)
        return NULL;
    if (b.p[0] == 0x30)
        return d2i_X509_CRL(NULL, &p, (long)b.n);
    BIO *in = BIO_new_mem_buf(b.p, (int)b.n);
    X509_CRL *list = in != NULL ? PEM_read_bio_X509_CRL(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return list;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    if (t == NULL || !ASN1_TIME_to_tm(t, &tm))
        return 0;
    return (int64_t)timegm(&tm);
}

static bool same_name(const GENERAL_NAME *x, const GENERAL_NAME *y)
{
    return GENERAL_NAME_cmp((GENERAL_NAME *)x, (GENERAL_NAME *)y) == 0;
}

/* Does a distribution point of LEAF bear one of the NAMES that the list gives itself? */
static bool names_point(X509 *leaf, const GENERAL_NAMES *names)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(leaf, NID_crl_distribution_points, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *d = sk_DIST_POINT_value(points, i);
        if (d->distpoint == NULL || d->distpoint->type != 0)
            continue;
        const GENERAL_NAMES *own = d->distpoint->name.fullname;
        for (int j = 0; !found && j < sk_GENERAL_NAME_num(own); j++)
            for (int k = 0; !found && k < sk_GENERAL_NAME_num(names); k++)
                found = same_name(sk_GENERAL_NAME_value(own, j), sk_GENERAL_NAME_value(names, k));
    }
    CRL_DIST_POINTS_free(points);
    return found;
}

/* RFC 5280 section 5.2.5: what the list itself says it covers. NULL: LEAF among it. */
static const char *judge_scope(X509_CRL *list, X509 *leaf)
{
    int critical = -1;
    const char *why = NULL;
    if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0)
        return "the list is a delta of another one";
    ISSUING_DIST_POINT *p =
        X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, &critical, NULL);
    if (p == NULL)
        return critical == -1 ? NULL : "the list's scope can't be read";
    if (p->indirectCRL)
        why = "the list is for several issuers";
    else if (p->onlyCA || p->onlyattr)
        why = "the list is not for certificates of persons";
    else if (p->onlysomereasons != NULL)
        why = "the list is not for all reasons";
    else if (p->distpoint != NULL && p->distpoint->type == 0 &&
             !names_point(leaf, p->distpoint->name.fullname))
        why = "the list is another one than the certificate names";
    ISSUING_DIST_POINT_free(p);
    return why;
}

/* Extensions that must be understood: only the two that judge_scope() reads. */
static bool has_foreign_critical(const X509_CRL *list)
{
    for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
        X509_EXTENSION *e = X509_CRL_get_ext(list, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
        if (X509_EXTENSION_get_critical(e) && nid != NID_issuing_distribution_point &&
            nid != NID_delta_crl)
            return true;
    }
    return false;
}

static const char *judge_times(struct cert_ocsp *out, int64_t now)
{
    if (out->this_update == 0 || out->this_update > now + CERT_OCSP_LEEWAY)
        return "the list is dated in the future";
    if (out->next_update == 0) /* RFC 5280 section 5.1.2.5: it must be there */
        return "the list does not say when the next one comes";
    if (out->next_update + CERT_OCSP_LEEWAY < now)
        return "the list is out of date";
    return NULL;
}

static const char *reason_of(const X509_REVOKED *r)
{
    ASN1_ENUMERATED *e = X509_REVOKED_get_ext_d2i((X509_REVOKED *)r, NID_crl_reason, NULL, NULL);
    long code = e != NULL ? ASN1_ENUMERATED_get(e) : -1;
    ASN1_ENUMERATED_free(e);
    return code >= 0 && code <= 10 ? OCSP_crl_reason_str(code) : "no reason given";
}

static const char *judge(X509_CRL *list, X509 *leaf, X509 *issuer, int64_t now,
                         struct cert_ocsp *out)
{
    X509_REVOKED *entry = NULL;
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0 ||
        (X509_get_key_usage(issuer) & X509v3_KU_CRL_SIGN) == 0 || key == NULL ||
        X509_CRL_verify(list, key) != 1)
        return "the list is not signed by the issuer";
    out->this_update = seconds_of(X509_CRL_get0_lastUpdate(list));
    out->next_update = seconds_of(X509_CRL_get0_nextUpdate(list));
    const char *why = judge_times(out, now);
    if (why == NULL && has_foreign_critical(list))
        why = "the list has a critical extension that is not known";
    if (why == NULL)
        why = judge_scope(list, leaf);
    if (why != NULL)
        return why;
    int found = X509_CRL_get0_by_cert(list, &entry, leaf);
    if (found == 1) {
        out->status = CERT_REVOCATION_REVOKED;
        out->revoked_at = seconds_of(X509_REVOKED_get0_revocationDate(entry));
        out->reason = reason_of(entry);
    } else /* 2: on a complete list "removed from CRL", which such a list has no use for */
        out->status = CERT_REVOCATION_GOOD;
    return NULL;
}

enum base_fail_class cert_crl_check(struct base_arena *a, struct base_bytes list,
                                    struct base_bytes leaf, struct base_bytes issuer, int64_t now,
                                    struct cert_ocsp *out, struct base_fail *f)
{
    (void)a;
    memset(out, 0, sizeof(*out));
    out->status = CERT_REVOCATION_UNKNOWN;
    if (list.n > CERT_CRL_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size", "a list of %zu bytes, at most %d", list.n,
                          CERT_CRL_MAX);
    X509 *l = read_cert(leaf), *i = read_cert(issuer);
    enum base_fail_class r = BASE_OK;
    if (l == NULL || i == NULL)
        r = base_failf(f, BASE_PERMANENT, "cert.der", "leaf or issuer is no certificate");
    else {
        X509_CRL *crl = read_list(list);
        out->reason = crl == NULL ? "what was fetched is no list of revoked certificates" : NULL;
        if (crl != NULL) {
            const char *why = judge(crl, l, i, now, out);
            if (why != NULL)
                out->reason = why;
        }
        X509_CRL_free(crl);
    }
    X509_free(l);
    X509_free(i);
    ERR_clear_error();
    return r;
}
