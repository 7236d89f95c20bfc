/* Chains that hold and chains that must not. */
#include "cert_fixture.h"

#include "cert/bundle.h"
#include "cert/chain.h"

static struct base_arena *a;
static EVP_PKEY *root_key, *mid_key, *sub_key;
static X509 *root, *mid, *sub;

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    root_key = fx_key("P-384");
    mid_key = fx_key("rsa2048");
    sub_key = fx_key("ca P-256");
    root = fx_ca("Root", root_key, NULL, NULL);
    mid = fx_ca("Middle", mid_key, root, root_key);
    sub = fx_ca("Sub", sub_key, mid, mid_key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    X509_free(root);
    X509_free(mid);
    X509_free(sub);
    base_arena_free(a);
    return 0;
}

static char *pem(X509 *x)
{
    struct base_bytes der = fx_der(a, x);
    return cert_bundle_pem(a, &der, 1);
}

static struct cert_chain build(struct base_bytes leaf, const struct base_bytes *pool, size_t n,
                               const char *roots, int64_t at)
{
    struct cert_chain c;
    struct base_fail f = {0};
    if (cert_chain_build(a, leaf, pool, n, roots, strlen(roots), at, &c, &f))
        fail_msg("%s", f.text);
    assert_non_null(c.reason);
    assert_int_equal(c.ok, c.n > 0);
    return c;
}

static void broken(struct base_bytes leaf, const struct base_bytes *pool, size_t n,
                   const char *roots, const char *why)
{
    struct cert_chain c = build(leaf, pool, n, roots, FX_NOW);
    if (c.ok || !strstr(c.reason, why))
        fail_msg("expected \"%s\", got \"%s\"", why, c.reason);
}

/* A CA that differs from fx_ca() in what CHANGE does. */
static X509 *odd_ca(const char *name, EVP_PKEY *key, const struct fx_spec *change)
{
    struct fx_spec s = *change;
    s.cn = name;
    s.key = key;
    s.issuer = root;
    s.issuer_key = root_key;
    s.version = 2;
    s.serial = "99";
    s.md = s.md ? s.md : EVP_sha256();
    s.from = s.from ? s.from : FX_NOW - FX_DAY;
    s.to = s.to ? s.to : FX_NOW + 1000 * FX_DAY;
    return fx_x509(&s);
}

static void good(void **state)
{
    (void)state;
    struct fx_spec s = fx_leaf(sub, sub_key, fx_key("P-521"));
    s.ku = "critical,digitalSignature,keyAgreement";
    struct base_bytes leaf = fx_make(a, &s), junk = {(const unsigned char *)"junk", 4};
    struct base_bytes pool[] = {junk, fx_der(a, root), fx_der(a, mid),
                                leaf, fx_der(a, sub),  {NULL, 0}};
    struct cert_chain c = build(leaf, pool, 6, pem(root), FX_NOW);
    assert_true(c.ok);
    assert_string_equal(c.reason, "ok");
    assert_int_equal(c.n, 4);
    X509 *const order[] = {NULL, sub, mid, root};
    for (size_t i = 0; i < 4; i++) {
        struct base_bytes want = i == 0 ? leaf : fx_der(a, order[i]);
        assert_int_equal(c.der[i].n, want.n);
        assert_memory_equal(c.der[i].p, want.p, want.n);
    }
    assert_int_equal(c.issuer.type, CERT_KEY_EC);
    assert_string_equal(c.issuer.curve, "P-256");
}

static void all_usages(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *ku;
    } t[] = {{"rsa3072", "critical,digitalSignature"}, {"rsa3072", "critical,nonRepudiation"},
             {"rsa3072", "critical,keyEncipherment"},  {"P-256", "critical,keyAgreement"},
             {"ED25519", "critical,digitalSignature"}, {"rsa3072", NULL}};
    struct base_bytes pool[] = {fx_der(a, mid)};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fx_spec s = fx_leaf(mid, mid_key, fx_key(t[i].kind));
        s.ku = t[i].ku;
        struct cert_chain c = build(fx_make(a, &s), pool, 1, pem(root), FX_NOW);
        if (!c.ok)
            fail_msg("%s: %s", t[i].ku, c.reason);
        assert_int_equal(c.issuer.type, CERT_KEY_RSA);
        assert_int_equal(c.issuer.bits, 2048);
    }
}

static void missing_parts(void **state)
{
    (void)state;
    struct fx_spec s = fx_leaf(sub, sub_key, fx_key("rsa3072"));
    struct base_bytes leaf = fx_make(a, &s);
    struct base_bytes pool[] = {fx_der(a, sub), fx_der(a, mid)};
    X509 *other = fx_ca("Other root", fx_key("P-521"), NULL, NULL);
    broken(leaf, NULL, 0, pem(root), "unable to get local issuer");
    broken(leaf, pool, 1, pem(root), "unable to get local issuer");
    broken(leaf, pool, 2, pem(other), "unable to get local issuer");
    /* an intermediate in the bundle is no anchor */
    broken(leaf, pool, 2, pem(mid), "unable to get issuer");
    /* a false root that the mail brought along is no anchor either */
    struct base_bytes with_root[] = {fx_der(a, sub), fx_der(a, mid), fx_der(a, root)};
    broken(leaf, with_root, 3, pem(other), "self-signed certificate in");
    X509_free(other);
}

static void forged(void **state)
{
    (void)state;
    struct fx_spec s =
        fx_leaf(mid, fx_key("ca P-256"), fx_key("rsa3072")); /* names mid, signed by another */
    struct base_bytes pool[] = {fx_der(a, mid)};
    struct base_bytes leaf = fx_make(a, &s);
    broken(leaf, pool, 1, pem(root), "");
    s = fx_leaf(mid, mid_key, fx_key("rsa3072"));
    leaf = fx_make(a, &s);
    unsigned char *bytes = (unsigned char *)leaf.p;
    bytes[leaf.n - 5] ^= 1;
    broken(leaf, pool, 1, pem(root), "signature failure");
}

static void self_signed(void **state)
{
    (void)state;
    struct fx_spec s = fx_leaf(NULL, NULL, fx_key("rsa3072"));
    struct base_bytes leaf = fx_make(a, &s);
    broken(leaf, NULL, 0, pem(root), "self-signed");
    assert_true(build(leaf, NULL, 0, cert_bundle_pem(a, &leaf, 1), FX_NOW).ok);
}

static void bad_cas(void **state)
{
    (void)state;
    static const struct fx_spec base = {.ku = "critical,keyCertSign,cRLSign",
                                        .bc = "critical,CA:TRUE"};
    struct {
        const char *why;
        struct fx_spec spec;
        const char *kind;
    } t[] = {{"invalid CA", base, "rsa2048"},
             {"expired", base, "rsa2048"},
             {"not yet valid", base, "rsa2048"},
             {"purpose", base, "rsa2048"},
             {"", base, "rsa2048"},
             {"too weak", base, "rsa2048"},
             {"too weak", base, "rsa1024"}};
    t[0].spec.bc = "critical,CA:FALSE";
    t[1].spec.to = FX_NOW - 1;
    t[2].spec.from = FX_NOW + 1;
    t[3].spec.eku = "serverAuth";
    t[4].spec.ku = "critical,cRLSign";
    t[5].spec.md = EVP_sha1();
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        X509 *x = odd_ca("Odd", fx_key(t[i].kind), &t[i].spec);
        struct fx_spec s = fx_leaf(x, fx_key(t[i].kind), fx_key("rsa3072"));
        struct base_bytes pool[] = {fx_der(a, x)};
        broken(fx_make(a, &s), pool, 1, pem(root), t[i].why);
        X509_free(x);
    }
    /* for a key agreement leaf OpenSSL checks no purpose: we do */
    X509 *x = odd_ca("TLS only", mid_key, &t[3].spec);
    struct fx_spec s = fx_leaf(x, mid_key, fx_key("P-256"));
    s.ku = "critical,keyAgreement";
    struct base_bytes pool[] = {fx_der(a, x)};
    broken(fx_make(a, &s), pool, 1, pem(root), "may not issue for S/MIME");
    X509_free(x);
}

static void path_length(void **state)
{
    (void)state;
    struct fx_spec spec = {.ku = "critical,keyCertSign", .bc = "critical,CA:TRUE,pathlen:0"};
    X509 *x = odd_ca("Short", mid_key, &spec);
    X509 *below = fx_ca("Below", sub_key, x, mid_key);
    struct fx_spec s = fx_leaf(below, sub_key, fx_key("rsa3072"));
    struct base_bytes pool[] = {fx_der(a, x), fx_der(a, below)};
    broken(fx_make(a, &s), pool, 2, pem(root), "path length");
    X509_free(below);
    X509_free(x);
}

static void weak_leaf_and_time(void **state)
{
    (void)state;
    struct base_bytes pool[] = {fx_der(a, mid)};
    struct fx_spec s = fx_leaf(mid, mid_key, fx_key("rsa3072"));
    s.md = EVP_sha1();
    broken(fx_make(a, &s), pool, 1, pem(root), "too weak");
    s = fx_leaf(mid, mid_key, fx_key("rsa3072"));
    struct base_bytes leaf = fx_make(a, &s);
    assert_false(build(leaf, pool, 1, pem(root), FX_NOW - 3 * FX_DAY).ok);
    assert_true(build(leaf, pool, 1, pem(root), FX_NOW + 300 * FX_DAY).ok);
    assert_false(build(leaf, pool, 1, pem(root), FX_NOW + 365 * FX_DAY).ok);
}

static void unreadable(void **state)
{
    (void)state;
    struct cert_chain c;
    struct base_fail f = {0};
    struct fx_spec s = fx_leaf(mid, mid_key, fx_key("rsa3072"));
    struct base_bytes leaf = fx_make(a, &s), junk = {(const unsigned char *)"junk", 4};
    const char *roots = pem(root);
    assert_int_equal(cert_chain_build(a, junk, NULL, 0, roots, strlen(roots), FX_NOW, &c, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "cert.der");
    const char *cut = base_arena_strndup(a, roots, strlen(roots) - 40);
    char *broken_pem = base_arena_printf(a, "%s%s", roots, roots);
    broken_pem[strlen(roots) + 60] = '*';
    const char *bad[] = {"", "no certificates here", cut, broken_pem};
    for (size_t i = 0; i < 4; i++) {
        memset(&f, 0, sizeof f);
        assert_int_equal(cert_chain_build(a, leaf, NULL, 0, bad[i], strlen(bad[i]), FX_NOW, &c, &f),
                         BASE_PERMANENT);
        assert_string_equal(f.code, "cert.roots");
        assert_false(c.ok);
    }
    assert_int_equal(
        cert_chain_build(a, leaf, NULL, 0, roots, CERT_CHAIN_ROOTS_MAX + 1, FX_NOW, &c, &f),
        BASE_PERMANENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),          cmocka_unit_test(all_usages),
        cmocka_unit_test(missing_parts), cmocka_unit_test(forged),
        cmocka_unit_test(self_signed),   cmocka_unit_test(bad_cas),
        cmocka_unit_test(path_length),   cmocka_unit_test(weak_leaf_and_time),
        cmocka_unit_test(unreadable),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
