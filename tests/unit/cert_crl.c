/* cert/crl.h: which lists count, and what they then say. */
#include "cert/crl.h"

#include "cert_fixture.h"
#include <openssl/pem.h>

static struct base_arena *a;
static EVP_PKEY *ca_key, *other_key;
static X509 *ca, *other_ca;
static struct base_bytes leaf, issuer;
static const char *leaf_serial = "123456789012345678901234567890";

struct list {
    EVP_PKEY *key;
    X509 *issuer;
    int64_t from, to; /* to 0: no next update */
    const char *revoked; /* serial in decimal; NULL = nobody */
    int reason;          /* -1 = none */
    const char *idp;     /* issuingDistributionPoint; NULL = none */
    bool delta, unknown_critical, pem;
};

static void add_ext(X509_CRL *c, int nid, int crit, const char *value)
{
    X509V3_CTX ctx;
    CONF *none = NCONF_new(NULL);
    X509V3_set_ctx(&ctx, NULL, NULL, NULL, c, 0);
    X509V3_set_nconf(&ctx, none);
    X509_EXTENSION *e = X509V3_EXT_nconf_nid(none, &ctx, nid, value);
    assert_non_null(e);
    X509_EXTENSION_set_critical(e, crit);
    assert_int_equal(X509_CRL_add_ext(c, e, -1), 1);
    X509_EXTENSION_free(e);
    NCONF_free(none);
}

static void add_unknown(X509_CRL *c)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
    ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(v, (const unsigned char *)"\x05\x00", 2);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, v);
    X509_CRL_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(v);
    ASN1_OBJECT_free(oid);
}

static void add_entry(X509_CRL *c, const struct list *l)
{
    X509_REVOKED *r = X509_REVOKED_new();
    BIGNUM *n = NULL;
    BN_dec2bn(&n, l->revoked);
    ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(n, NULL);
    ASN1_TIME *when = ASN1_TIME_set(NULL, FX_NOW - 3600);
    X509_REVOKED_set_serialNumber(r, serial);
    X509_REVOKED_set_revocationDate(r, when);
    if (l->reason >= 0) {
        ASN1_ENUMERATED *e = ASN1_ENUMERATED_new();
        ASN1_ENUMERATED_set(e, l->reason);
        X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, e, 0, 0);
        ASN1_ENUMERATED_free(e);
    }
    X509_CRL_add0_revoked(c, r);
    ASN1_TIME_free(when);
    ASN1_INTEGER_free(serial);
    BN_free(n);
}

static struct base_bytes encode(X509_CRL *c, bool pem)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p;
    assert_true(pem ? PEM_write_bio_X509_CRL(b, c) : i2d_X509_CRL_bio(b, c));
    long n = BIO_get_mem_data(b, &p);
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, p, (size_t)n);
    BIO_free(b);
    return (struct base_bytes){copy, (size_t)n};
}

static struct base_bytes make(const struct list *l)
{
    X509_CRL *c = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)l->from);
    X509_CRL_set_version(c, 1);
    X509_CRL_set_issuer_name(c, X509_get_subject_name(l->issuer));
    X509_CRL_set1_lastUpdate(c, t);
    if (l->to) {
        ASN1_TIME_set(t, (time_t)l->to);
        X509_CRL_set1_nextUpdate(c, t);
    }
    ASN1_TIME_free(t);
    if (l->revoked)
        add_entry(c, l);
    if (l->idp)
        add_ext(c, NID_issuing_distribution_point, 1, l->idp);
    if (l->delta) {
        ASN1_INTEGER *base = ASN1_INTEGER_new();
        ASN1_INTEGER_set(base, 1);
        X509_CRL_add1_ext_i2d(c, NID_delta_crl, base, 1, 0);
        ASN1_INTEGER_free(base);
    }
    if (l->unknown_critical)
        add_unknown(c);
    X509_CRL_sort(c);
    assert_true(X509_CRL_sign(c, l->key, EVP_sha256()) > 0);
    struct base_bytes der = encode(c, l->pem);
    X509_CRL_free(c);
    return der;
}

static struct list usual(void)
{
    return (struct list){.key = ca_key,
                         .issuer = ca,
                         .from = FX_NOW - FX_DAY,
                         .to = FX_NOW + FX_DAY,
                         .reason = -1};
}

static struct cert_ocsp judged(struct base_bytes list)
{
    struct cert_ocsp o;
    assert_int_equal(cert_crl_check(a, list, leaf, issuer, FX_NOW, &o, NULL), BASE_OK);
    return o;
}

static void says(const struct list *l, enum cert_revocation status, const char *reason)
{
    struct cert_ocsp o = judged(make(l));
    assert_int_equal(o.status, status);
    if (reason && (!o.reason || !strstr(o.reason, reason)))
        fail_msg("\"%s\" where \"%s\" was expected", o.reason ? o.reason : "(none)", reason);
}

static void good_and_revoked(void **state)
{
    struct list l = usual();
    (void)state;
    says(&l, CERT_REVOCATION_GOOD, NULL);
    l.pem = true;
    says(&l, CERT_REVOCATION_GOOD, NULL);
    l.revoked = "99";
    says(&l, CERT_REVOCATION_GOOD, NULL);
    l.revoked = leaf_serial;
    says(&l, CERT_REVOCATION_REVOKED, "no reason");
    l.reason = 1;
    says(&l, CERT_REVOCATION_REVOKED, "keyCompromise");
    struct cert_ocsp o = judged(make(&l));
    assert_int_equal(o.revoked_at, FX_NOW - 3600);
    assert_int_equal(o.next_update, FX_NOW + FX_DAY);
}

static void who_signed(void **state)
{
    struct list l = usual();
    (void)state;
    l.key = other_key; /* the right name, another key */
    says(&l, CERT_REVOCATION_UNKNOWN, "not signed by the issuer");
    l.issuer = other_ca;
    says(&l, CERT_REVOCATION_UNKNOWN, "not signed by the issuer");
    l = usual();
    struct base_bytes der = make(&l);
    ((unsigned char *)der.p)[der.n - 3] ^= 1;
    assert_int_equal(judged(der).status, CERT_REVOCATION_UNKNOWN);
}

static void times(void **state)
{
    struct list l = usual();
    (void)state;
    l.to = FX_NOW - CERT_OCSP_LEEWAY - 1;
    says(&l, CERT_REVOCATION_UNKNOWN, "out of date");
    l.to = 0;
    says(&l, CERT_REVOCATION_UNKNOWN, "when the next one comes");
    l = usual();
    l.from = FX_NOW + CERT_OCSP_LEEWAY + 1;
    l.to = FX_NOW + 2 * FX_DAY;
    says(&l, CERT_REVOCATION_UNKNOWN, "future");
}

static void scope(void **state)
{
    struct list l = usual();
    (void)state;
    l.idp = "fullname:URI:http://crl.example.test/a.crl";
    says(&l, CERT_REVOCATION_GOOD, NULL);
    l.idp = "fullname:URI:http://crl.example.test/b.crl";
    says(&l, CERT_REVOCATION_UNKNOWN, "another one");
    l.idp = "onlyuser:TRUE";
    says(&l, CERT_REVOCATION_GOOD, NULL);
    l.idp = "onlyCA:TRUE";
    says(&l, CERT_REVOCATION_UNKNOWN, "not for certificates of persons");
    l.idp = "indirectCRL:TRUE";
    says(&l, CERT_REVOCATION_UNKNOWN, "several issuers");
    l.idp = "onlysomereasons:keyCompromise";
    says(&l, CERT_REVOCATION_UNKNOWN, "all reasons");
    l = usual();
    l.delta = true;
    says(&l, CERT_REVOCATION_UNKNOWN, "delta");
    l = usual();
    l.unknown_critical = true;
    says(&l, CERT_REVOCATION_UNKNOWN, "critical extension");
}

static void no_list(void **state)
{
    struct cert_ocsp o;
    (void)state;
    assert_int_equal(judged((struct base_bytes){(const unsigned char *)"", 0}).status,
                     CERT_REVOCATION_UNKNOWN);
    assert_int_equal(judged((struct base_bytes){(const unsigned char *)"0hello", 6}).status,
                     CERT_REVOCATION_UNKNOWN);
    assert_int_equal(judged(leaf).status, CERT_REVOCATION_UNKNOWN);
    struct base_bytes large = {leaf.p, CERT_CRL_MAX + 1};
    assert_int_equal(cert_crl_check(a, large, leaf, issuer, FX_NOW, &o, NULL), BASE_PERMANENT);
    struct list l = usual();
    assert_int_equal(cert_crl_check(a, make(&l), issuer, (struct base_bytes){leaf.p, 3}, FX_NOW, &o, NULL),
                     BASE_PERMANENT);
}

static int set_up(void **state)
{
    (void)state;
    a = base_arena_new();
    ca_key = fx_key("P-256");
    other_key = fx_key("P-384");
    ca = fx_ca("Issuing CA", ca_key, NULL, NULL);
    other_ca = fx_ca("Other CA", other_key, NULL, NULL);
    issuer = fx_der(a, ca);
    struct fx_spec s = fx_leaf(ca, ca_key, fx_key("P-521"));
    leaf = fx_make(a, &s);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(ca);
    X509_free(other_ca);
    base_arena_free(a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_and_revoked), cmocka_unit_test(who_signed),
                                       cmocka_unit_test(times), cmocka_unit_test(scope),
                                       cmocka_unit_test(no_list)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
