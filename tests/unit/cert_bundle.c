/* Files and texts that hold certificates, in every form that CAs send. */
#include "cert_fixture.h"

#include <openssl/pkcs7.h>
#include <time.h>

#include "cert/bundle.h"
#include "cert/fields.h"

static struct base_arena *a;
static struct base_bytes one, two;
static X509 *x1, *x2;

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    x1 = fx_ca("One", fx_key("P-256"), NULL, NULL);
    x2 = fx_ca("Two", fx_key("P-384"), NULL, NULL);
    one = fx_der(a, x1);
    two = fx_der(a, x2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    X509_free(x1);
    X509_free(x2);
    base_arena_free(a);
    return 0;
}

static void is(struct base_bytes got, struct base_bytes want)
{
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.p, want.n);
}

static struct cert_bundle split(const void *p, size_t n)
{
    struct cert_bundle b;
    struct base_fail f = {0};
    if (cert_bundle_split(a, p, n, &b, &f))
        fail_msg("%s", f.text);
    return b;
}

static void refused(const void *p, size_t n, const char *code)
{
    struct cert_bundle b;
    struct base_fail f = {0};
    assert_int_equal(cert_bundle_split(a, p, n, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, code);
}

static char *pem_of(struct base_bytes der, const char *label)
{
    return base_arena_printf(a, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label,
                             base_base64(a, der.p, der.n), label);
}

/* PKCS#7 with N copies of both certificates, "degenerate" unless SIGNED. */
static struct base_bytes pkcs7(int n, bool is_signed)
{
    unsigned char *der = NULL;
    PKCS7 *p;
    if (is_signed) {
        BIO *in = BIO_new_mem_buf("hello", 5);
        STACK_OF(X509) *more = sk_X509_new_null();
        sk_X509_push(more, x2);
        p = PKCS7_sign(x1, fx_key("P-256"), more, in, PKCS7_BINARY);
        sk_X509_free(more);
        BIO_free(in);
    } else {
        p = PKCS7_new();
        PKCS7_set_type(p, NID_pkcs7_signed);
        PKCS7_content_new(p, NID_pkcs7_data);
        for (int i = 0; i < n; i++) {
            PKCS7_add_certificate(p, x1);
            PKCS7_add_certificate(p, x2);
        }
    }
    assert_non_null(p);
    int len = i2d_PKCS7(p, &der);
    assert_true(len > 0);
    unsigned char *copy = base_arena_alloc(a, (size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    PKCS7_free(p);
    return (struct base_bytes){copy, (size_t)len};
}

static void pem(void **state)
{
    (void)state;
    struct base_bytes both[] = {one, two};
    char *text = cert_bundle_pem(a, both, 2);
    struct cert_bundle b = split(text, strlen(text));
    assert_int_equal(b.n, 2);
    is(b.der[0], one);
    is(b.der[1], two);
    for (char *line = strtok(base_arena_strdup(a, text), "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 64);
    /* with text around, CRLF, a private key in between, the same one twice */
    struct base_buf crlf;
    base_buf_init(&crlf, 0);
    base_buf_adds(&crlf, "Bag Attributes\r\n");
    for (const char *c = text; *c; c++)
        base_buf_addf(&crlf, *c == '\n' ? "\r\n" : "%c", *c);
    base_buf_adds(&crlf, "-----BEGIN PRIVATE KEY-----\r\nAAAA\r\n-----END PRIVATE KEY-----\r\n");
    base_buf_adds(&crlf, text);
    b = split(crlf.p, crlf.n);
    assert_int_equal(b.n, 2);
    is(b.der[1], two);
    base_buf_free(&crlf);
}

static void der(void **state)
{
    (void)state;
    struct cert_bundle b = split(one.p, one.n);
    assert_int_equal(b.n, 1);
    is(b.der[0], one);
    refused(one.p, one.n - 1, "cert.none");
    refused(two.p, 1, "cert.none");
    refused("", 0, "cert.none");
    refused("hello, world", 12, "cert.none");
    refused("\x30\x84\xff\xff\xff\xff", 6, "cert.none");
    refused("\x30\x00\x00\x00", 4, "cert.none");
}

static void p7b(void **state)
{
    (void)state;
    const bool kinds[] = {false, true};
    for (int i = 0; i < 2; i++) {
        struct base_bytes p7 = pkcs7(1, kinds[i]);
        struct cert_bundle b = split(p7.p, p7.n);
        assert_int_equal(b.n, 2);
        is(b.der[0], one);
        is(b.der[1], two);
        const char *labels[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA", "CERTIFICATE"};
        for (size_t j = 0; j < 4; j++) {
            char *text = pem_of(p7, labels[j]);
            b = split(text, strlen(text));
            assert_int_equal(b.n, 2);
        }
        for (size_t cut = 5; cut < p7.n; cut += 101)
            refused(p7.p, cut, "cert.none");
    }
    struct base_bytes none = pkcs7(0, false);
    refused(none.p, none.n, "cert.none");
    /* a ContentInfo of another type, and one with rubbish inside */
    refused("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x05\x00", 15, "cert.pkcs7");
    refused("\x30\x04\x06\x00\xff\xff", 6, "cert.pkcs7");
}

static void caps(void **state)
{
    (void)state;
    unsigned char *big = base_arena_alloc(a, CERT_BUNDLE_MAX + 1);
    refused(big, CERT_BUNDLE_MAX + 1, "cert.size");
    struct base_buf many;
    base_buf_init(&many, 0);
    for (int i = 0; i <= CERT_BUNDLE_CERTS; i++) { /* different ones, as repeats don't count */
        unsigned char seq[6] = {0x30, 0x04, 0x30, 0x02, 0x05, (unsigned char)i};
        base_buf_adds(&many, pem_of((struct base_bytes){seq, 6}, "CERTIFICATE"));
        if (i == CERT_BUNDLE_CERTS - 1)
            assert_int_equal(split(many.p, many.n).n, CERT_BUNDLE_CERTS);
    }
    refused(many.p, many.n, "cert.caps");
    struct cert_bundle b;
    struct base_fail f = {0};
    assert_int_equal(cert_bundle_from_text(a, many.p, many.n, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cert.caps");
    base_buf_free(&many);
    unsigned char *large = base_arena_alloc(a, CERT_DER_MAX + 10);
    memcpy(large, "\x30\x82\x80\x06\x30", 5); /* a SEQUENCE of 32774 bytes */
    refused(large, 4 + 0x8006, "cert.size");
}

static void broken_blocks(void **state)
{
    (void)state;
    char *good = pem_of(one, "CERTIFICATE");
    refused("-----BEGIN CERTIFICATE-----\n", 28, "cert.pem");
    refused("-----BEGIN CERTIFICATE-----", 27, "cert.pem");
    char *star = base_arena_strdup(a, good);
    star[60] = '*';
    refused(star, strlen(star), "cert.pem");
    char *wrong_end = base_arena_strdup(a, good);
    memcpy(strstr(wrong_end, "END CERT"), "END KERT", 8);
    refused(wrong_end, strlen(wrong_end), "cert.pem");
    /* in a text the good one beside them is found */
    struct cert_bundle b;
    char *text = base_arena_printf(a, "Hello\n-----BEGIN CERTIFICATE-----\nand %s\n%s%s-----BEGIN ",
                                   star, wrong_end, good);
    assert_int_equal(cert_bundle_from_text(a, text, strlen(text), &b, NULL), BASE_OK);
    assert_int_equal(b.n, 1);
    is(b.der[0], one);
    assert_int_equal(cert_bundle_from_text(a, "nothing", 7, &b, NULL), BASE_OK);
    assert_int_equal(b.n, 0);
    assert_int_equal(cert_bundle_from_text(a, NULL, 0, &b, NULL), BASE_OK);
}

/* ASan looks at the whole rest of the text for each search in it. */
#ifdef CERTMILTER_SANITIZE
#define LONG_TEXT (256 * 1024)
#else
#define LONG_TEXT CERT_BUNDLE_TEXT_MAX
#endif

/* Hundreds of thousands of markers must cost no more than reading them. */
static void many_markers(void **state)
{
    (void)state;
    static const char marker[] = "-----BEGIN CERTIFICATE-----";
    size_t n = LONG_TEXT / (sizeof marker - 1) * (sizeof marker - 1);
    char *text = base_arena_alloc(a, n);
    for (size_t i = 0; i < n; i += sizeof marker - 1)
        memcpy(text + i, marker, sizeof marker - 1);
    struct cert_bundle b;
    clock_t begin = clock();
    assert_int_equal(cert_bundle_from_text(a, text, n, &b, NULL), BASE_OK);
    assert_int_equal(b.n, 0);
    assert_true(clock() - begin < 3 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pem),  cmocka_unit_test(der),           cmocka_unit_test(p7b),
        cmocka_unit_test(caps), cmocka_unit_test(broken_blocks), cmocka_unit_test(many_markers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
