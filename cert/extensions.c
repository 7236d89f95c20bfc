/* The extensions of a certificate (RFC 5280 section 4.2) as plain data. Called
 * by cert_fields_parse() alone. An extension that stands there twice, or one of
 * ours that can't be decoded, makes the certificate unreadable: nothing is
 * guessed about half a certificate. */
#include <openssl/x509v3.h>
#include <string.h>

#include "inner.h"

static enum base_fail_class malformed(const char *what, struct base_fail *f)
{
    cert_errors_clear();
    return base_failf(f, BASE_PERMANENT, "cert.extension", "the extension %s is malformed", what);
}

static enum base_fail_class too_many(const char *what, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "cert.caps", "more entries than allowed in %s", what);
}

/* The decoded extension NID; *BAD if it is there and can't be decoded. */
static void *extension(const X509 *x, int nid, bool *present, bool *critical, bool *bad)
{
    int crit = -1;
    void *v = X509_get_ext_d2i(x, nid, &crit, NULL);
    *present = crit != -1;
    *critical = crit == 1;
    *bad = *present && !v;
    return v;
}

static enum base_fail_class check_repeats(const X509 *x, int n, struct base_fail *f)
{
    for (int i = 0; i < n; i++) {
        const ASN1_OBJECT *o = X509_EXTENSION_get_object(X509_get_ext(x, i));
        if (X509_get_ext_by_OBJ(x, o, i) >= 0)
            return base_failf(f, BASE_PERMANENT, "cert.extension",
                              "an extension stands there twice");
    }
    return BASE_OK;
}

static const char *other_san_type(struct base_arena *a, const GENERAL_NAME *g)
{
    switch (g->type) {
    case GEN_DNS:
        return "dns";
    case GEN_URI:
        return "uri";
    case GEN_IPADD:
        return "ip";
    case GEN_DIRNAME:
        return "dirname";
    case GEN_RID:
        return "rid";
    case GEN_X400:
        return "x400";
    case GEN_EDIPARTY:
        return "edi";
    default:
        return base_arena_printf(a, "othername:%s", cert_oid_text(a, g->d.otherName->type_id));
    }
}

static enum base_fail_class fill_san(struct base_arena *a, const GENERAL_NAMES *names,
                                     struct cert_fields *out, struct base_fail *f)
{
    int n = sk_GENERAL_NAME_num(names);
    if (n > CERT_SANS_MAX)
        return too_many("subjectAltName", f);
    out->mailboxes = base_arena_array(a, (size_t)n + 1, sizeof *out->mailboxes);
    for (int i = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        struct cert_mailbox m;
        enum base_fail_class c = cert_san_mailbox(a, g, &m, f);
        if (c)
            return c;
        if (m.address)
            out->mailboxes[out->n_mailboxes++] = m;
        else
            cert_strings_add(a, &out->san_other, other_san_type(a, g), CERT_SANS_MAX);
    }
    return BASE_OK;
}

static enum base_fail_class read_san(struct base_arena *a, const X509 *x, struct cert_fields *out,
                                     struct base_fail *f)
{
    bool critical, bad;
    GENERAL_NAMES *names = extension(x, NID_subject_alt_name, &out->san_present, &critical, &bad);
    if (bad)
        return malformed("subjectAltName", f);
    enum base_fail_class c = names ? fill_san(a, names, out, f) : BASE_OK;
    GENERAL_NAMES_free(names);
    return c;
}

static unsigned eku_flag(const ASN1_OBJECT *o)
{
    switch (OBJ_obj2nid(o)) {
    case NID_email_protect:
        return CERT_EKU_EMAIL_PROTECTION;
    case NID_client_auth:
        return CERT_EKU_CLIENT_AUTH;
    case NID_server_auth:
        return CERT_EKU_SERVER_AUTH;
    case NID_code_sign:
        return CERT_EKU_CODE_SIGNING;
    case NID_time_stamp:
        return CERT_EKU_TIME_STAMPING;
    case NID_anyExtendedKeyUsage:
        return CERT_EKU_ANY;
    default:
        return CERT_EKU_OTHER;
    }
}

static enum base_fail_class read_eku(struct base_arena *a, const X509 *x, struct cert_fields *out,
                                     struct base_fail *f)
{
    bool critical, bad, fits = true;
    EXTENDED_KEY_USAGE *e = extension(x, NID_ext_key_usage, &out->eku_present, &critical, &bad);
    if (bad)
        return malformed("extKeyUsage", f);
    for (int i = 0; i < sk_ASN1_OBJECT_num(e) && fits; i++) { /* num is -1 for NULL */
        const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(e, i);
        out->eku |= eku_flag(o);
        fits = cert_strings_add(a, &out->eku_oids, cert_oid_text(a, o), CERT_LIST_MAX);
    }
    EXTENDED_KEY_USAGE_free(e);
    return fits ? BASE_OK : too_many("extKeyUsage", f);
}

static enum base_fail_class read_key_usage(const X509 *x, struct cert_fields *out,
                                           struct base_fail *f)
{
    bool bad;
    ASN1_BIT_STRING *ku = extension(x, NID_key_usage, &out->ku_present, &out->ku_critical, &bad);
    if (bad)
        return malformed("keyUsage", f);
    for (int i = 0; ku && i < 9; i++)
        if (ASN1_BIT_STRING_get_bit(ku, i))
            out->ku |= 1U << i;
    ASN1_BIT_STRING_free(ku);
    return BASE_OK;
}

static enum base_fail_class read_policies(struct base_arena *a, const X509 *x,
                                          struct cert_fields *out, struct base_fail *f)
{
    bool present, critical, bad, fits = true;
    CERTIFICATEPOLICIES *p = extension(x, NID_certificate_policies, &present, &critical, &bad);
    if (bad)
        return malformed("certificatePolicies", f);
    for (int i = 0; i < sk_POLICYINFO_num(p) && fits; i++)
        fits =
            cert_strings_add(a, &out->policy_oids,
                             cert_oid_text(a, sk_POLICYINFO_value(p, i)->policyid), CERT_LIST_MAX);
    CERTIFICATEPOLICIES_free(p);
    return fits ? BASE_OK : too_many("certificatePolicies", f);
}

static enum base_fail_class read_basic_constraints(const X509 *x, struct cert_fields *out,
                                                   struct base_fail *f)
{
    bool critical, bad;
    out->bc_pathlen = -1;
    BASIC_CONSTRAINTS *b = extension(x, NID_basic_constraints, &out->bc_present, &critical, &bad);
    if (bad)
        return malformed("basicConstraints", f);
    if (b) {
        out->bc_ca = b->ca != 0;
        if (b->pathlen) {
            long n = ASN1_INTEGER_get(b->pathlen);
            out->bc_pathlen = n < 0 || n > 1000 ? 1000 : (int)n;
        }
    }
    BASIC_CONSTRAINTS_free(b);
    cert_errors_clear();
    return BASE_OK;
}

static const char *hex_text(struct base_arena *a, const ASN1_OCTET_STRING *s)
{
    size_t n = (size_t)ASN1_STRING_length(s);
    if (n > CERT_TEXT_MAX / 4)
        n = CERT_TEXT_MAX / 4;
    char *t = base_arena_alloc(a, 2 * n + 1);
    base_hex(ASN1_STRING_get0_data(s), n, t);
    return t;
}

static enum base_fail_class read_key_ids(struct base_arena *a, const X509 *x,
                                         struct cert_fields *out, struct base_fail *f)
{
    bool present, critical, bad;
    AUTHORITY_KEYID *k =
        extension(x, NID_authority_key_identifier, &out->aki_present, &out->aki_critical, &bad);
    if (bad)
        return malformed("authorityKeyIdentifier", f);
    if (k) {
        out->aki_issuer_or_serial = k->issuer || k->serial;
        out->aki_key_id = k->keyid ? hex_text(a, k->keyid) : NULL;
    }
    AUTHORITY_KEYID_free(k);
    ASN1_OCTET_STRING *s = extension(x, NID_subject_key_identifier, &present, &critical, &bad);
    if (bad)
        return malformed("subjectKeyIdentifier", f);
    out->ski = s ? hex_text(a, s) : NULL;
    ASN1_OCTET_STRING_free(s);
    return BASE_OK;
}

static bool add_uri(struct base_arena *a, struct cert_strings *l, const GENERAL_NAME *g)
{
    if (g->type != GEN_URI)
        return true;
    const ASN1_IA5STRING *u = g->d.uniformResourceIdentifier;
    const char *t = base_printable(a, ASN1_STRING_get0_data(u), (size_t)ASN1_STRING_length(u),
                                   CERT_TEXT_MAX - 4);
    return cert_strings_add(a, l, t, CERT_LIST_MAX);
}

static enum base_fail_class read_crl_points(struct base_arena *a, const X509 *x,
                                            struct cert_fields *out, struct base_fail *f)
{
    bool critical, bad, fits = true;
    CRL_DIST_POINTS *d =
        extension(x, NID_crl_distribution_points, &out->crldp_present, &critical, &bad);
    if (bad)
        return malformed("cRLDistributionPoints", f);
    for (int i = 0; i < sk_DIST_POINT_num(d) && fits; i++) {
        const DIST_POINT_NAME *n = sk_DIST_POINT_value(d, i)->distpoint;
        if (!n || n->type != 0)
            continue; /* a name relative to the issuer is no URI */
        for (int j = 0; j < sk_GENERAL_NAME_num(n->name.fullname) && fits; j++)
            fits = add_uri(a, &out->crl_uris, sk_GENERAL_NAME_value(n->name.fullname, j));
    }
    CRL_DIST_POINTS_free(d);
    return fits ? BASE_OK : too_many("cRLDistributionPoints", f);
}

static enum base_fail_class read_aia(struct base_arena *a, const X509 *x, struct cert_fields *out,
                                     struct base_fail *f)
{
    bool present, critical, bad, fits = true;
    AUTHORITY_INFO_ACCESS *d = extension(x, NID_info_access, &present, &critical, &bad);
    if (bad)
        return malformed("authorityInfoAccess", f);
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(d) && fits; i++) {
        const ACCESS_DESCRIPTION *e = sk_ACCESS_DESCRIPTION_value(d, i);
        int nid = OBJ_obj2nid(e->method);
        if (nid == NID_ad_OCSP)
            fits = add_uri(a, &out->ocsp_uris, e->location);
        else if (nid == NID_ad_ca_issuers)
            fits = add_uri(a, &out->ca_issuers_uris, e->location);
    }
    AUTHORITY_INFO_ACCESS_free(d);
    return fits ? BASE_OK : too_many("authorityInfoAccess", f);
}

enum base_fail_class cert_extensions_read(struct base_arena *a, X509 *x, struct cert_fields *out,
                                          struct base_fail *f)
{
    enum base_fail_class c;
    out->extensions = X509_get_ext_count(x);
    if (out->extensions > CERT_EXTENSIONS_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.caps", "%d extensions, at most %d are read",
                          out->extensions, CERT_EXTENSIONS_MAX);
    if ((c = check_repeats(x, out->extensions, f)) || (c = read_san(a, x, out, f)) ||
        (c = read_eku(a, x, out, f)) || (c = read_key_usage(x, out, f)) ||
        (c = read_policies(a, x, out, f)) || (c = read_basic_constraints(x, out, f)) ||
        (c = read_key_ids(a, x, out, f)) || (c = read_crl_points(a, x, out, f)) ||
        (c = read_aia(a, x, out, f)))
        return c;
    return BASE_OK;
}
