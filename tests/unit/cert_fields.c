/* Certificates taken apart, and the caps. */
#include "cert_rooted.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cert/fields.h"

static struct fx_spec leaf(void)
{
    return fx_leaf(root, fx_key("P-256"), fx_key("rsa2048"));
}

static void refused(struct base_bytes der, const char *code)
{
    struct cert_fields c;
    struct base_fail f = {0};
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, &f), BASE_PERMANENT);
    assert_string_equal(f.code, code);
}

static void everything(void **state)
{
    (void)state;
    struct cert_fields c;
    struct fx_spec s = leaf();
    s.o = "Exämple, Inc.";
    s.org_id = "VATDE-123456789";
    s.given_name = "Alice";
    s.surname = "Ex";
    s.pseudonym = "Ali";
    s.email = "alice@example.test";
    s.san =
        "email:alice@example.test,otherName:1.3.6.1.5.5.7.8.9;UTF8:\xe4lice@example.test," /* read
                                                                                              as
                                                                                              Latin-1
                                                                                            */
        "DNS:example.test,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:upn@example.test";
    s.eku = "emailProtection,clientAuth,1.2.3.4";
    s.policy = "2.23.140.1.5.3.2,1.3.6.1.4.1.99999.1";
    struct base_bytes der = fx_make(a, &s);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    assert_int_equal(c.der.n, der.n);
    assert_memory_equal(c.der.p, der.p, der.n);
    char hash[BASE_SHA256_HEX];
    base_sha256_hex(der.p, der.n, hash);
    assert_string_equal(c.sha256, hash);
    assert_int_equal(c.version, 3);
    assert_string_equal(c.serial, "018EE90FF6C373E0EE4E3F0AD2");
    assert_int_equal(c.serial_bits, 97);
    assert_int_equal(c.serial_sign, 1);
    assert_string_equal(c.issuer, "CN=Test root");
    assert_string_equal(c.subject,
                        "emailAddress=alice@example.test,pseudonym=Ali,SN=Ex,GN=Alice,"
                        "organizationIdentifier=VATDE-123456789,O=Ex\xc3\xa4mple\\, Inc.,"
                        "CN=alice@example.test");
    assert_string_equal(c.cn, "alice@example.test");
    assert_string_equal(c.o, "Ex\xc3\xa4mple, Inc.");
    assert_string_equal(c.organization_identifier, "VATDE-123456789");
    assert_string_equal(c.given_name, "Alice");
    assert_string_equal(c.surname, "Ex");
    assert_string_equal(c.pseudonym, "Ali");
    assert_int_equal(c.subject_emails.n, 1);
    assert_true(c.san_present);
    assert_int_equal(c.n_mailboxes, 2);
    assert_int_equal(c.mailboxes[0].kind, CERT_MAILBOX_RFC822);
    assert_string_equal(c.mailboxes[0].address, "alice@example.test");
    assert_int_equal(c.mailboxes[1].kind, CERT_MAILBOX_SMTPUTF8);
    assert_string_equal(c.mailboxes[1].address, "\xc3\xa4lice@example.test");
    assert_int_equal(c.san_other.n, 2);
    assert_string_equal(c.san_other.v[0], "dns");
    assert_string_equal(c.san_other.v[1], "othername:1.3.6.1.4.1.311.20.2.3");
    assert_int_equal(c.key.type, CERT_KEY_RSA);
    assert_int_equal(c.key.bits, 2048);
    assert_true(c.key.rsa_exponent_ok);
    assert_null(c.key.curve);
    assert_string_equal(c.sig_alg, "ecdsa-with-SHA256");
    assert_string_equal(c.sig_key, "ecdsa");
    assert_string_equal(c.sig_hash, "sha256");
    assert_int_equal(c.not_before, FX_NOW - FX_DAY);
    assert_int_equal(c.not_after, FX_NOW + 364 * FX_DAY - 1);
    assert_int_equal(c.eku, CERT_EKU_EMAIL_PROTECTION | CERT_EKU_CLIENT_AUTH | CERT_EKU_OTHER);
    assert_int_equal(c.eku_oids.n, 3);
    assert_string_equal(c.eku_oids.v[2], "1.2.3.4");
    assert_true(c.ku_present && c.ku_critical);
    assert_int_equal(c.ku, CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT);
    assert_int_equal(c.policy_oids.n, 2);
    assert_string_equal(c.policy_oids.v[0], "2.23.140.1.5.3.2");
    assert_true(c.bc_present && !c.bc_ca && c.bc_pathlen == -1);
    assert_true(c.aki_present && !c.aki_critical && !c.aki_issuer_or_serial);
    assert_int_equal(strlen(c.aki_key_id), 40);
    assert_int_equal(strlen(c.ski), 40);
    assert_true(c.crldp_present);
    assert_string_equal(c.crl_uris.v[0], "http://crl.example.test/a.crl");
    assert_string_equal(c.ocsp_uris.v[0], "http://ocsp.example.test/");
    assert_string_equal(c.ca_issuers_uris.v[0], "http://ca.example.test/i.crt");
    assert_int_equal(c.extensions, 9);
}

static void kinds_of_keys(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum cert_key_type type;
        int bits;
        const char *curve;
    } t[] = {{"P-256", CERT_KEY_EC, 256, "P-256"},     {"P-384", CERT_KEY_EC, 384, "P-384"},
             {"P-521", CERT_KEY_EC, 521, "P-521"},     {"secp256k1", CERT_KEY_EC, 256, "secp256k1"},
             {"ED25519", CERT_KEY_ED25519, 256, NULL}, {"ED448", CERT_KEY_ED448, 456, NULL}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct cert_fields c;
        struct fx_spec s = leaf();
        s.key = fx_key(t[i].kind);
        struct base_bytes der = fx_make(a, &s);
        assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
        assert_int_equal(c.key.type, t[i].type);
        assert_int_equal(c.key.bits, t[i].bits);
        if (t[i].curve)
            assert_string_equal(c.key.curve, t[i].curve);
        else
            assert_null(c.key.curve);
    }
}

static void bare_and_old(void **state)
{
    (void)state;
    struct cert_fields c;
    struct fx_spec s = {
        .serial = "-5", .from = 0, .to = 1, .md = EVP_sha1(), .key = fx_key("rsa2048")};
    struct base_bytes der = fx_make(a, &s);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    assert_int_equal(c.version, 1);
    assert_string_equal(c.serial, "05");
    assert_int_equal(c.serial_sign, -1);
    assert_string_equal(c.subject, "");
    assert_null(c.cn);
    assert_false(c.san_present || c.eku_present || c.ku_present || c.bc_present || c.aki_present);
    assert_string_equal(c.sig_hash, "sha1");
    assert_int_equal(c.extensions, 0);
    s.serial = "0";
    der = fx_make(a, &s);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    assert_string_equal(c.serial, "00");
    assert_int_equal(c.serial_sign, 0);
}

static void not_der(void **state)
{
    (void)state;
    struct fx_spec s = leaf();
    struct base_bytes der = fx_make(a, &s);
    refused((struct base_bytes){der.p, 0}, "cert.der");
    for (size_t n = 1; n < der.n; n += 37)
        refused((struct base_bytes){der.p, n}, "cert.der");
    unsigned char *longer = base_arena_alloc(a, der.n + 2);
    memcpy(longer, der.p, der.n);
    refused((struct base_bytes){longer, der.n + 1}, "cert.der");
    /* the same certificate with a length of three bytes where two do: BER */
    assert_int_equal(der.p[1], 0x82);
    longer[1] = 0x83;
    longer[2] = 0;
    memcpy(longer + 3, der.p + 2, der.n - 2);
    refused((struct base_bytes){longer, der.n + 1}, "cert.der");
    unsigned char *big = base_arena_alloc(a, CERT_DER_MAX + 1);
    refused((struct base_bytes){big, CERT_DER_MAX + 1}, "cert.size");
}

static void too_much(void **state)
{
    (void)state;
    struct base_buf san;
    base_buf_init(&san, 0);
    for (int i = 0; i <= CERT_SANS_MAX; i++)
        base_buf_addf(&san, "%semail:a%d@example.test", i ? "," : "", i);
    struct fx_spec s = leaf();
    s.san = base_buf_str(&san);
    refused(fx_make(a, &s), "cert.caps");
    base_buf_free(&san);

    s = leaf();
    X509 *x = fx_x509(&s);
    for (int i = X509_get_ext_count(x); i <= CERT_EXTENSIONS_MAX; i++) {
        char oid[32];
        snprintf(oid, sizeof oid, "1.2.3.%d", i);
        ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
        ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, o, 0, v);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(v);
        ASN1_OBJECT_free(o);
    }
    refused(fx_der(a, x), "cert.caps");
    X509_free(x);

    s = leaf();
    x = fx_x509(&s);
    fx_ext(x, root, NID_key_usage, "digitalSignature"); /* a second one */
    refused(fx_der(a, x), "cert.extension");
    X509_free(x);

    s = leaf();
    x = fx_x509(&s);
    for (int i = 0; i < 2; i++) { /* nor one that nobody knows */
        ASN1_OCTET_STRING *nothing = ASN1_OCTET_STRING_new();
        ASN1_OBJECT *o = OBJ_txt2obj("1.2.3.4", 1);
        X509_EXTENSION *unknown = X509_EXTENSION_create_by_OBJ(NULL, o, 0, nothing);
        X509_add_ext(x, unknown, -1);
        X509_EXTENSION_free(unknown);
        ASN1_OBJECT_free(o);
        ASN1_OCTET_STRING_free(nothing);
        struct cert_fields c;
        struct base_bytes der = fx_der(a, x);
        if (i == 0)
            assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
        else
            refused(der, "cert.extension");
    }
    X509_free(x);

    s = leaf();
    s.crl = NULL;
    x = fx_x509(&s);
    ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
    ASN1_STRING_set(v, "\x30\x03\x02", 3);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_crl_distribution_points, 0, v);
    X509_add_ext(x, e, -1);
    refused(fx_der(a, x), "cert.extension");
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(v);
    X509_free(x);
}

/* A modulus of 8200 bits need not be one: it must be refused before any use. */
static void oversized_key(void **state)
{
    (void)state;
    BIGNUM *n = BN_new(), *e = BN_new();
    EVP_PKEY *k = NULL;
    BN_set_bit(n, 8199);
    BN_set_bit(n, 0);
    BN_set_word(e, 65537);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
    assert_int_equal(EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params), 1);
    struct fx_spec s = leaf();
    s.key = k;
    refused(fx_make(a, &s), "cert.key");
    EVP_PKEY_free(k);
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(n);
    BN_free(e);
}

static void hostile_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int n;
    } bad[] = {
        {"a\0b@example.test", 16}, {"a b@example.test", 16},  {"a\nb@example.test", 16}, {"", 0},
        {"\x7f@example.test", 14}, {"\xe4@example.test", 14}, {"a@example.test\r", 15}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fx_spec s = leaf();
        s.san = NULL;
        X509 *x = fx_x509(&s);
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_IA5STRING *t = ASN1_IA5STRING_new();
        ASN1_STRING_set(t, bad[i].bytes, bad[i].n);
        GENERAL_NAME_set0_value(g, GEN_EMAIL, t);
        sk_GENERAL_NAME_push(names, g);
        X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
        refused(fx_der(a, x), "cert.text");
        GENERAL_NAMES_free(names);
        X509_free(x);
    }
    /* names are shown, but never with control characters */
    struct cert_fields c;
    struct fx_spec s = leaf();
    s.o = "Evil\x1b[2J\xe2\x80\xaegro.test";
    struct base_bytes der = fx_make(a, &s);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    assert_string_equal(c.o, "Evil?[2J?gro.test");
    assert_null(strstr(c.subject, "\x1b"));
    assert_null(strstr(c.subject, "\xe2\x80\xae"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),   cmocka_unit_test(kinds_of_keys),
        cmocka_unit_test(bare_and_old), cmocka_unit_test(not_der),
        cmocka_unit_test(too_much),     cmocka_unit_test(oversized_key),
        cmocka_unit_test(hostile_text),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
