/* The envelope: every byte and every word that says whose key it is is
 * authenticated; the wrong KEK is found at the start. */
#include "keeper_fixture.h"

#include "base/json.h"

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

static enum base_fail_class opens(const struct keeper_record *r, const char **code)
{
    static struct base_fail f;
    EVP_PKEY *key;
    memset(&f, 0, sizeof f);
    enum base_fail_class c = keeper_envelope_open(x.vault, r, &key, &f);
    if (c)
        assert_null(key);
    EVP_PKEY_free(key);
    *code = f.code;
    return c;
}

static void damaged(const struct keeper_record *r, const char *what)
{
    const char *code;
    if (opens(r, &code) != BASE_PERMANENT || strcmp(code, "keeper.damaged") != 0)
        fail_msg("%s: not found (%s)", what, code);
}

static void round_trip(void **state)
{
    (void)state;
    static const char *const kinds[] = {"rsa2048", "rsa3072", "p256", "p384"};
    for (int i = 0; i < 4; i++) {
        EVP_PKEY *key, *back;
        struct keeper_record r;
        assert_int_equal(keeper_keys_make(kinds[i], &key, NULL), BASE_OK);
        struct keeper_record made = kx_saved(&x, "alice@example.test", i, key);
        assert_int_equal(keeper_store_load(x.store, x.a, made.k.id, &r, NULL), BASE_OK);
        assert_string_equal(r.kek_id, keeper_vault_kek_id(x.vault));
        assert_int_equal(keeper_envelope_open(x.vault, &r, &back, NULL), BASE_OK);
        assert_int_equal(EVP_PKEY_eq(key, back), 1);
        /* two seals of one key share nothing: fresh data key, fresh IVs */
        assert_int_equal(keeper_envelope_seal(x.vault, x.a, &r, key, NULL), BASE_OK);
        assert_memory_not_equal(r.sealed.p, made.sealed.p, made.sealed.n);
        assert_memory_not_equal(r.wrapped.p, made.wrapped.p, made.wrapped.n);
        EVP_PKEY_free(key);
        EVP_PKEY_free(back);
    }
}

/* Each single byte: IV, ciphertext and tag of both seals. */
static void bytes(void **state)
{
    (void)state;
    struct keeper_record r = kx_saved(&x, "alice@example.test", 10, fx_key("P-256"));
    struct base_bytes *parts[] = {&r.wrapped, &r.sealed};
    const char *code;
    for (int i = 0; i < 2; i++) {
        unsigned char *p = (unsigned char *)parts[i]->p;
        for (size_t at = 0; at < parts[i]->n; at++) {
            p[at] ^= 0x40;
            damaged(&r, i ? "sealed" : "wrapped");
            p[at] ^= 0x40;
        }
        size_t n = parts[i]->n;
        const size_t sizes[] = {0, 1, 11, 27, 28, n - 1};
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            parts[i]->n = sizes[k];
            damaged(&r, "size");
        }
        parts[i]->n = n;
    }
    assert_int_equal(opens(&r, &code), BASE_OK);
}

static void words(void **state)
{
    (void)state;
    const struct keeper_record good = kx_saved(&x, "alice@example.test", 11, fx_key("P-256"));
    struct keeper_record r;
#define CHANGED(what)                                                                              \
    r = good;                                                                                      \
    what;                                                                                          \
    damaged(&r, #what)
    CHANGED(r.k.mailbox = "mallory@example.test");
    CHANGED(r.k.tenant = "other");
    CHANGED(r.k.type = "rsa2048");
    CHANGED(r.k.custody = "forget");
    CHANGED(r.k.created++);
    CHANGED(r.request = "req-12");
    CHANGED(r.k.id[3] = r.k.id[3] == 'a' ? 'b' : 'a');
    CHANGED(r.k.spki_sha256[3] = r.k.spki_sha256[3] == 'a' ? 'b' : 'a');
}

/* A whole other key's envelope under this name, and its parts crossed. */
static void swapped(void **state)
{
    (void)state;
    struct keeper_record alice = kx_saved(&x, "alice@example.test", 20, fx_key("P-256"));
    struct keeper_record bob = kx_saved(&x, "bob@example.test", 21, fx_key("P-384"));
    struct keeper_record r = alice;
    r.wrapped = bob.wrapped;
    r.sealed = bob.sealed;
    damaged(&r, "both");
    r = alice;
    r.sealed = bob.sealed;
    damaged(&r, "sealed");
    r = alice;
    r.wrapped = bob.wrapped;
    damaged(&r, "wrapped");
}

/* On disk: every byte of the file is changed once; whatever then still opens
 * must be the same key for the same mailbox. */
static void file_bytes(void **state)
{
    (void)state;
    struct keeper_record good = kx_saved(&x, "alice@example.test", 30, fx_key("P-256"));
    char path[160];
    struct base_buf text;
    int refused = 0;
    snprintf(path, sizeof path, "%s/keys/%s.json", x.state, good.k.id);
    assert_int_equal(base_file_read(AT_FDCWD, path, 1 << 20, &text, NULL), BASE_OK);
    for (size_t at = 0; at < text.n; at++) {
        struct keeper_record r;
        EVP_PKEY *key = NULL;
        text.p[at] ^= 1;
        int fd = open(path, O_WRONLY | O_TRUNC);
        assert_true(base_write_all(fd, text.p, text.n));
        close(fd);
        text.p[at] ^= 1;
        if (keeper_store_load(x.store, x.a, good.k.id, &r, NULL) ||
            keeper_envelope_open(x.vault, &r, &key, NULL)) {
            refused++;
            continue;
        }
        assert_int_equal(EVP_PKEY_eq(key, fx_key("P-256")), 1);
        assert_string_equal(r.k.mailbox, "alice@example.test");
        assert_string_equal(r.k.custody, "keep");
        EVP_PKEY_free(key);
    }
    assert_true(refused > (int)text.n * 8 / 10);
    base_buf_free(&text);
}

static void other_kek(void **state)
{
    (void)state;
    struct kx y;
    kx_new(&y);
    struct keeper_record good = kx_saved(&y, "alice@example.test", 1, fx_key("P-256"));
    char first[32], id[KEEPER_ID];
    snprintf(first, sizeof first, "%s", keeper_vault_kek_id(y.vault));
    kx_close(&y);

    struct base_fail f = {0};
    kx_kek(&y, "another KEK of thirty-two bytes!", 32);
    assert_int_equal(keeper_store_open(y.state, &y.store, &f), BASE_OK);
    assert_int_equal(keeper_vault_open("kek", y.dir, keeper_store_dirfd(y.store), &y.vault, &f),
                     BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.kek");
    assert_non_null(strstr(f.text, first)); /* says which one it should be */
    assert_null(y.vault);
    /* with the check file forged to fit the wrong KEK the keys still don't open */
    unlinkat(keeper_store_dirfd(y.store), "kek-check.json", 0);
    assert_int_equal(keeper_vault_open("kek", y.dir, keeper_store_dirfd(y.store), &y.vault, &f),
                     BASE_PERMANENT);
    assert_non_null(strstr(f.text, "kek-check.json"));
    struct keeper_vault *mine = x.vault;
    struct kx z;
    kx_new(&z);
    kx_close(&z);
    kx_kek(&z, "another KEK of thirty-two bytes!", 32);
    char check[160];
    snprintf(check, sizeof check, "%s/kek-check.json", z.state);
    unlink(check);
    kx_open(&z);
    x.vault = z.vault;
    damaged(&good, "wrong KEK");
    assert_string_not_equal(first, keeper_vault_kek_id(z.vault));
    assert_true(keeper_vault_key_id(z.vault, "req-1", id));
    assert_string_not_equal(id, good.k.id);
    x.vault = mine;
    kx_end(&z);

    /* the right one as hex, and with a newline at its end */
    char hex[66];
    base_hex("0123456789abcdef0123456789abcdef", 32, hex);
    kx_kek(&y, hex, 64);
    keeper_store_close(y.store);
    snprintf(check, sizeof check, "%s/keys/%s.json", y.state, good.k.id);
    unlink(check);
    kx_open(&y);
    assert_string_equal(first, keeper_vault_kek_id(y.vault));
    kx_end(&y);
}

static void kek_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        bool good;
    } t[] = {{"", 0, false},
             {"short", 5, false},
             {"0123456789abcdef0123456789abcdef01", 34, false},
             {"zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 64, false},
             {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 65, true},
             {"0123456789abcdef0123456789abcde\n", 32, true}, /* binary that ends in a newline */
             {"0123456789abcdef0123456789abcdef\n", 33, true},
             {"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", 64, true}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct kx y;
        struct base_fail f = {0};
        char check[160];
        kx_new(&y);
        kx_close(&y);
        snprintf(check, sizeof check, "%s/kek-check.json", y.state);
        unlink(check);
        kx_kek(&y, t[i].text, t[i].n);
        assert_int_equal(keeper_store_open(y.state, &y.store, NULL), BASE_OK);
        enum base_fail_class c =
            keeper_vault_open("kek", y.dir, keeper_store_dirfd(y.store), &y.vault, &f);
        assert_int_equal(c == BASE_OK, t[i].good);
        if (c)
            assert_string_equal(f.code, "keeper.kek");
        kx_end(&y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(bytes),      cmocka_unit_test(words),
        cmocka_unit_test(swapped),    cmocka_unit_test(file_bytes), cmocka_unit_test(other_kek),
        cmocka_unit_test(kek_forms),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
