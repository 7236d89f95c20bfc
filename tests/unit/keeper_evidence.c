/* The evidence key: made once, sealed, what it signs verifies and nothing else does. */
#include "keeper_fixture.h"

#include "cert/evidence.h"
#include "keeper/evidence.h"

static struct kx x;

static int setup(void **state)
{
    (void)state;
    bool locked;
    (void)keeper_memory_init(&locked);
    kx_new(&x);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kx_end(&x);
    return 0;
}

static const char text[] = "{\"order\":7}";

static const char *signed_text(const char *content)
{
    unsigned char digest[BASE_SHA256_LEN];
    struct base_bytes der;
    struct base_fail f = {0};
    const char *pem = NULL;
    base_sha256(content, strlen(content), digest);
    if (keeper_evidence_sign(x.store, x.vault, x.a, digest, &der, &f) ||
        cert_evidence_attach(x.a, der,
                             (struct base_bytes){(const unsigned char *)content, strlen(content)},
                             &pem, &f))
        fail_msg("%s: %s", f.code, f.text);
    return pem;
}

static const char *certificate(void)
{
    struct base_fail f = {0};
    const char *pem = NULL;
    if (keeper_evidence_certificate(x.store, x.vault, x.a, &pem, &f))
        fail_msg("%s: %s", f.code, f.text);
    return pem;
}

static void round_trip(void **state)
{
    (void)state;
    struct base_bytes got;
    struct base_fail f = {0};
    const char *pem = signed_text(text), *cert = certificate();
    assert_int_equal(cert_evidence_verify(x.a, pem, strlen(pem), cert, &got, &f), BASE_OK);
    assert_int_equal(got.n, strlen(text));
    assert_memory_equal(got.p, text, got.n);
    /* the same key after a restart */
    kx_close(&x);
    kx_open(&x);
    assert_string_equal(certificate(), cert);
    /* the private key is nowhere in clear */
    struct base_buf b;
    assert_int_equal(base_file_read(keeper_store_dirfd(x.store), "evidence.json", 65536, &b, NULL),
                     BASE_OK);
    assert_null(strstr(base_buf_str(&b), "PRIVATE"));
    base_buf_free(&b);
}

static void what_differs_is_refused(void **state)
{
    (void)state;
    struct base_bytes got, der;
    struct base_fail f = {0};
    unsigned char digest[BASE_SHA256_LEN];
    const char *pem = signed_text(text), *cert = certificate(), *other = NULL;
    /* another content under the same signature */
    base_sha256(text, strlen(text), digest);
    assert_int_equal(keeper_evidence_sign(x.store, x.vault, x.a, digest, &der, &f), BASE_OK);
    assert_int_equal(
        cert_evidence_attach(x.a, der, (struct base_bytes){(const unsigned char *)"{}", 2}, &other, &f),
        BASE_OK);
    assert_int_equal(cert_evidence_verify(x.a, other, strlen(other), cert, &got, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "evidence.signature");
    /* no file of evidence */
    assert_int_equal(cert_evidence_verify(x.a, cert, strlen(cert), cert, &got, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "evidence.read");
    assert_int_equal(cert_evidence_verify(x.a, pem, strlen(pem), "none", &got, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "evidence.read");
    /* another keeper's */
    kx_end(&x);
    kx_new(&x);
    const char *mine = certificate();
    pem = signed_text(text);
    assert_int_equal(cert_evidence_verify(x.a, pem, strlen(pem), mine, &got, &f), BASE_OK);
    kx_end(&x);
    kx_new(&x);
    assert_string_not_equal(certificate(), "");
    pem = signed_text(text);
    struct kx before = x;
    kx_new(&x);
    assert_int_equal(cert_evidence_verify(x.a, pem, strlen(pem), certificate(), &got, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "evidence.signature");
    kx_end(&before);
}

static void a_changed_file_is_no_key(void **state)
{
    (void)state;
    struct base_buf b;
    struct base_fail f = {0};
    const char *pem;
    certificate();
    int dir = keeper_store_dirfd(x.store);
    assert_int_equal(base_file_read(dir, "evidence.json", 65536, &b, NULL), BASE_OK);
    char *p = strstr(base_arena_strndup(x.a, (char *)b.p, b.n), "\"sealed\"");
    assert_non_null(p);
    size_t at = b.n - strlen(p) + 30;
    b.p[at] = b.p[at] == 'A' ? 'B' : 'A';
    assert_int_equal(base_file_write(dir, "evidence.json", b.p, b.n, 0600, NULL), BASE_OK);
    base_buf_free(&b);
    assert_int_equal(keeper_evidence_certificate(x.store, x.vault, x.a, &pem, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.damaged");
    assert_int_equal(base_file_write(dir, "evidence.json", "{}", 2, 0600, NULL), BASE_OK);
    assert_int_equal(keeper_evidence_certificate(x.store, x.vault, x.a, &pem, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(what_differs_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_no_key, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
