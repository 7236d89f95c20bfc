/* Certificate requests: both tags, the keys that CAs take, own signature. And
 * PKCS#12 files there and back. */
#include "cert_fixture.h"

#include <stdlib.h>

#include "cert/csr.h"
#include "cert/pkcs12.h"

static struct base_arena *a;

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

static X509_REQ *request(const char *kind, const char *email, const char *san)
{
    X509_REQ *r = X509_REQ_new();
    X509_NAME *n = X509_NAME_new();
    fx_name(n, NID_commonName, "Alice");
    fx_name(n, NID_pkcs9_emailAddress, email);
    X509_REQ_set_subject_name(r, n);
    X509_NAME_free(n);
    X509_REQ_set_pubkey(r, fx_key(kind));
    if (san) {
        STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
        sk_X509_EXTENSION_push(exts, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
        X509_REQ_add_extensions(r, exts);
        sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    }
    assert_true(X509_REQ_sign(r, fx_key(kind), strncmp(kind, "ED", 2) ? EVP_sha256() : NULL) > 0);
    return r;
}

static struct base_bytes der_of(X509_REQ *r)
{
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(r, &der);
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    X509_REQ_free(r);
    return (struct base_bytes){copy, (size_t)n};
}

static void refused(const void *p, size_t n, const char *code)
{
    struct cert_csr c;
    struct base_fail f = {0};
    assert_int_equal(cert_csr_parse(a, p, n, &c, &f), BASE_PERMANENT);
    assert_string_equal(f.code, code);
}

static void good(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *name;
    } t[] = {{"rsa2048", "rsa2048"}, {"rsa3072", "rsa3072"}, {"P-256", "p256"}, {"P-384", "p384"}};
    for (size_t i = 0; i < 4; i++) {
        struct cert_csr c;
        struct base_fail f = {0};
        struct base_bytes der = der_of(request(t[i].kind, "alice@example.test",
                                               "email:alice@example.test,email:a@example.test"));
        for (int form = 0; form < 3; form++) {
            const char *text = form < 2 ? cert_csr_pem(a, der, form == 1) : (const char *)der.p;
            if (form < 2)
                assert_int_equal(strncmp(text + 11, form ? "NEW CERT" : "CERTIFIC", 8), 0);
            if (cert_csr_parse(a, text, form < 2 ? strlen(text) : der.n, &c, &f))
                fail_msg("%s", f.text);
            assert_int_equal(c.der.n, der.n);
            assert_memory_equal(c.der.p, der.p, der.n);
            assert_string_equal(c.key_name, t[i].name);
            assert_string_equal(c.subject, "emailAddress=alice@example.test,CN=Alice");
            assert_int_equal(c.emails.n, 2);
            assert_string_equal(c.emails.v[1], "a@example.test");
        }
        unsigned char *spki = NULL;
        char hash[BASE_SHA256_HEX];
        int n = i2d_PUBKEY(fx_key(t[i].kind), &spki);
        base_sha256_hex(spki, (size_t)n, hash);
        OPENSSL_free(spki);
        assert_string_equal(c.spki_sha256, hash);
    }
}

static void other_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {"rsa1024", "rsa2056", "P-521", "secp256k1", "ED25519"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_bytes der = der_of(request(bad[i], NULL, NULL));
        refused(der.p, der.n, "csr.key");
    }
}

static void signature(void **state)
{
    (void)state;
    struct base_bytes der = der_of(request("P-256", NULL, NULL));
    unsigned char *p = (unsigned char *)der.p;
    p[der.n - 3] ^= 1;
    refused(p, der.n, "csr.signature");
    p[der.n - 3] ^= 1;
    /* signed by another key than the one inside */
    X509_REQ *r = request("P-256", NULL, NULL);
    X509_REQ_sign(r, fx_key("ca P-256"), EVP_sha256());
    der = der_of(r);
    refused(der.p, der.n, "csr.signature");
}

static void syntax(void **state)
{
    (void)state;
    struct base_bytes der = der_of(request("P-256", "alice@example.test", NULL));
    char *pem = cert_csr_pem(a, der, true);
    refused("", 0, "csr.syntax");
    refused("hello", 5, "csr.syntax");
    refused(der.p, der.n - 1, "csr.syntax");
    unsigned char *longer = base_arena_alloc(a, der.n + 1);
    memcpy(longer, der.p, der.n);
    refused(longer, der.n + 1, "csr.syntax");
    refused(pem, strlen(pem) - 10, "csr.syntax");
    pem[60] = '!';
    refused(pem, strlen(pem), "csr.syntax");
    char *big = base_arena_alloc(a, CERT_CSR_MAX + 1);
    refused(big, CERT_CSR_MAX + 1, "csr.size");
    der = der_of(request("P-256", "a b@example.test", NULL));
    refused(der.p, der.n, "csr.syntax");
}

static void pkcs12(void **state)
{
    (void)state;
    X509 *root = fx_ca("Root", fx_key("P-384"), NULL, NULL);
    struct fx_spec s = fx_leaf(root, fx_key("P-384"), fx_key("rsa2048"));
    struct base_bytes chain[] = {fx_make(a, &s), fx_der(a, root)};
    struct base_buf out;
    struct base_fail f = {0};
    EVP_PKEY *key;
    struct cert_bundle b;
    assert_int_equal(
        cert_pkcs12_build(fx_key("rsa2048"), chain, 2, "Alic\xc3\xa9", "correct horse", &out, &f),
        BASE_OK);
    assert_int_equal(cert_pkcs12_read(a, out.p, out.n, "correct horse", &key, &b, &f), BASE_OK);
    assert_int_equal(EVP_PKEY_eq(key, fx_key("rsa2048")), 1);
    EVP_PKEY_free(key);
    assert_int_equal(b.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b.der[i].n, chain[i].n);
        assert_memory_equal(b.der[i].p, chain[i].p, chain[i].n);
    }
    assert_int_equal(cert_pkcs12_read(a, out.p, out.n, "wrong horse!", &key, &b, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.pass");
    assert_null(key);
    assert_int_equal(cert_pkcs12_read(a, out.p, out.n / 2, "correct horse", &key, &b, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.syntax");

    /* the file ends with the rounds of its MAC: more than are worked off are refused */
    static const unsigned char rounds[] = {0x02, 0x03, 0x09, 0x27, 0xc0};
    unsigned char *end = (unsigned char *)out.p + out.n - sizeof rounds;
    assert_memory_equal(end, rounds, sizeof rounds);
    memcpy(end + 2, "\x7f\xff\xff", 3);
    assert_int_equal(cert_pkcs12_read(a, out.p, out.n, "correct horse", &key, &b, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.syntax");
    assert_non_null(strstr(f.text, "rounds"));
    base_buf_free(&out);

    static const char *const bad[] = {"", "elevenchars"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cert_pkcs12_build(fx_key("rsa2048"), chain, 2, NULL, bad[i], &out, &f),
                         BASE_PERMANENT);
        assert_string_equal(f.code, "pkcs12.pass");
        assert_int_equal(out.n, 0);
    }
    assert_int_equal(
        cert_pkcs12_build(fx_key("rsa3072"), chain, 2, NULL, "correct horse", &out, &f),
        BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.mismatch");
    assert_int_equal(
        cert_pkcs12_build(fx_key("rsa2048"), chain, 0, NULL, "correct horse", &out, &f),
        BASE_PERMANENT);
    X509_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),   cmocka_unit_test(other_keys), cmocka_unit_test(signature),
        cmocka_unit_test(syntax), cmocka_unit_test(pkcs12),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
