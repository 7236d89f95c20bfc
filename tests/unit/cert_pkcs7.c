/* Certs-only PKCS#7, and PKCS#12 files with several keys. */
#include "cert_rooted.h"

#include <openssl/pkcs12.h>

#include "cert/bundle.h"
#include "cert/pkcs12.h"
#include "cert/pkcs7.h"

static struct base_bytes leaf(EVP_PKEY *key)
{
    struct fx_spec s = fx_leaf(root, fx_key("P-256"), key);
    return fx_make(a, &s);
}

static void certs_only(void **state)
{
    (void)state;
    struct base_bytes chain[] = {leaf(fx_key("P-384")), fx_der(a, root)}, one, two;
    struct cert_bundle b;
    assert_int_equal(cert_pkcs7_certs_only(a, chain, 2, &one, NULL), BASE_OK);
    assert_int_equal(cert_pkcs7_certs_only(a, chain, 2, &two, NULL), BASE_OK);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n); /* values of a directory are compared as bytes */
    assert_int_equal(cert_bundle_split(a, one.p, one.n, &b, NULL), BASE_OK);
    assert_int_equal(b.n, 2);
    for (size_t i = 0; i < 2; i++) {
        bool found = false;
        for (size_t k = 0; k < 2; k++)
            found = found || (b.der[k].n == chain[i].n &&
                              memcmp(b.der[k].p, chain[i].p, chain[i].n) == 0);
        assert_true(found);
    }
    struct base_fail f = {0};
    struct base_bytes junk = {(const unsigned char *)"junk", 4};
    assert_int_equal(cert_pkcs7_certs_only(a, &junk, 1, &one, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cert.der");
    assert_null(one.p);
}

/* Bags of TYPE in the file, certificates and keys apart. */
static int bags(const struct base_buf *b, const char *pass, int type)
{
    const unsigned char *p = b->p;
    PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)b->n);
    int n = 0;
    assert_non_null(p12);
    assert_int_equal(PKCS12_verify_mac(p12, pass, -1), 1);
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
    for (int i = 0; i < sk_PKCS7_num(safes); i++) {
        PKCS7 *s = sk_PKCS7_value(safes, i);
        STACK_OF(PKCS12_SAFEBAG) *list = OBJ_obj2nid(s->type) == NID_pkcs7_data
                                             ? PKCS12_unpack_p7data(s)
                                             : PKCS12_unpack_p7encdata(s, pass, -1);
        for (int k = 0; k < sk_PKCS12_SAFEBAG_num(list); k++) {
            PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(list, k);
            n += PKCS12_SAFEBAG_get_nid(bag) == type;
            if (type == NID_pkcs8ShroudedKeyBag && PKCS12_SAFEBAG_get_nid(bag) == type)
                assert_non_null(PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID));
        }
        sk_PKCS12_SAFEBAG_pop_free(list, PKCS12_SAFEBAG_free);
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(p12);
    return n;
}

static void several_keys(void **state)
{
    (void)state;
    EVP_PKEY *k1 = fx_key("P-256"), *k2 = fx_key("P-384");
    struct base_bytes c1[] = {leaf(k1), fx_der(a, root)}, c2[] = {leaf(k2), fx_der(a, root)};
    struct cert_pkcs12_entry e[] = {{k1, c1, 2, "now"}, {k2, c2, 2, "then"}};
    struct base_buf out;
    struct base_fail f = {0};
    assert_int_equal(cert_pkcs12_build_many(e, 2, "correct horse", &out, &f), BASE_OK);
    assert_int_equal(bags(&out, "correct horse", NID_certBag), 3); /* the root once */
    assert_int_equal(bags(&out, "correct horse", NID_pkcs8ShroudedKeyBag), 2);
    assert_int_equal(bags(&out, "correct horse", NID_keyBag), 0); /* never in clear */
    base_buf_free(&out);
    assert_int_equal(cert_pkcs12_build_many(e, 2, "short", &out, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.pass");
    e[1].key = k1;
    assert_int_equal(cert_pkcs12_build_many(e, 2, "correct horse", &out, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "pkcs12.mismatch");
    assert_int_equal(out.n, 0);
    base_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(certs_only), cmocka_unit_test(several_keys)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
