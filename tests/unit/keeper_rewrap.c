/* tests/unit/keeper_rewrap.c - two key-encryption keys: what opens with which at each step, what a
 * killed keeper finds, and copies that are looked into without one. */
#include "base/log.h"
#include "keeper/backup.h"
#include "keeper/exports.h"
#include "keeper/rewrap.h"
#include "keeper_fixture.h"

#define OLD "0123456789abcdef0123456789abcdef"
#define NEW "fedcba9876543210fedcba9876543210"

static void add_key(struct kx *x, const char *request)
{
    struct base_fail f = {0};
    EVP_PKEY *key = NULL;
    struct keeper_record r = {.request = request};
    r.k.mailbox = "alice@example.test";
    r.k.tenant = "main";
    r.k.type = "p256";
    r.k.custody = "keep";
    r.k.created = 1;
    assert_true(keeper_vault_key_id(x->vault, request, r.k.id));
    assert_int_equal(keeper_keys_make("p256", &key, &f), BASE_OK);
    assert_true(keeper_keys_spki(key, r.k.spki_sha256));
    assert_int_equal(keeper_envelope_seal(x->vault, x->a, &r, key, &f), BASE_OK);
    assert_int_equal(keeper_store_save(x->store, &r, &f), BASE_OK);
    EVP_PKEY_free(key);
}

static bool opens(struct kx *x, const char *request)
{
    char id[KEEPER_ID];
    struct keeper_record r;
    EVP_PKEY *key = NULL;
    assert_true(keeper_vault_key_id(x->vault, request, id));
    assert_int_equal(keeper_store_load(x->store, x->a, id, &r, NULL), BASE_OK);
    bool good = keeper_envelope_open(x->vault, &r, &key, NULL) == BASE_OK;
    EVP_PKEY_free(key);
    return good;
}

static bool starts(struct kx *x, const char *kek)
{
    kx_kek(x, kek, 32);
    struct base_fail f = {0};
    assert_int_equal(keeper_store_open(x->state, &x->store, &f), BASE_OK);
    bool good = keeper_vault_open("kek", x->dir, keeper_store_dirfd(x->store), &x->vault, &f) == BASE_OK;
    if (!good)
        assert_string_equal(f.code, "keeper.kek");
    return good;
}

static void test_every_step(void **state)
{
    struct kx x;
    struct base_fail f = {0};
    struct keeper_rewrap_page p;
    (void)state;
    kx_new(&x);
    add_key(&x, "r1");
    add_key(&x, "r2");
    struct keeper_ctx ctx = {.store = x.store, .vault = x.vault};
    int dir = keeper_store_dirfd(x.store);
    const char *old = base_arena_strdup(x.a, keeper_vault_kek_id(x.vault));
    assert_null(keeper_vault_old_id(x.vault));
    assert_int_equal(keeper_vault_add(x.vault, (const unsigned char *)OLD, dir, &f), BASE_OK);
    assert_null(keeper_vault_old_id(x.vault)); /* the same one is no other */
    assert_int_equal(keeper_vault_add(x.vault, (const unsigned char *)NEW, dir, &f), BASE_OK);
    assert_string_equal(keeper_vault_old_id(x.vault), old);
    assert_string_not_equal(keeper_vault_kek_id(x.vault), old);
    assert_true(opens(&x, "r1"));
    add_key(&x, "r3");
    assert_int_equal(keeper_rewrap_keys(&ctx, NULL, 10, true, &p, &f), BASE_OK);
    assert_true(p.seen == 3 && p.left == 2 && p.changed == 0);
    assert_int_equal(keeper_rewrap_keys(&ctx, NULL, 1, false, &p, &f), BASE_OK); /* stops in the middle */
    assert_true(p.seen == 1 && strlen(p.next) == KEEPER_ID_LEN);
    kx_close(&x);
    for (int i = 0; i < 2; i++) { /* either key starts it now */
        assert_true(starts(&x, i ? NEW : OLD));
        assert_true(opens(&x, "r1") && opens(&x, "r2") && opens(&x, "r3"));
        assert_string_equal(keeper_vault_old_id(x.vault), old);
        kx_close(&x);
    }
    assert_false(starts(&x, "third key, which opens nothing! "));
    kx_close(&x);
    assert_true(starts(&x, OLD));
    ctx = (struct keeper_ctx){.store = x.store, .vault = x.vault};
    assert_int_equal(keeper_vault_add(x.vault, (const unsigned char *)"third key, which opens nothing! ",
                                      keeper_store_dirfd(x.store), &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.rewrap");
    assert_int_equal(keeper_rewrap_keys(&ctx, NULL, 10, false, &p, &f), BASE_OK);
    assert_int_equal(p.left, 0);
    assert_int_equal(keeper_vault_switch(x.vault, keeper_store_dirfd(x.store), &f), BASE_OK);
    kx_close(&x);
    assert_true(starts(&x, OLD)); /* until the new one was in its place once */
    assert_true(opens(&x, "r1"));
    kx_close(&x);
    assert_true(starts(&x, NEW));
    assert_null(keeper_vault_old_id(x.vault));
    assert_true(opens(&x, "r1") && opens(&x, "r2") && opens(&x, "r3")); /* ids follow the first key still */
    kx_close(&x);
    assert_false(starts(&x, OLD));
    kx_close(&x);
    assert_true(starts(&x, NEW));
    kx_end(&x);
}

static char *read_text(struct kx *x, const char *name)
{
    struct base_buf b;
    assert_int_equal(base_file_read(keeper_store_dirfd(x->store), name, 1 << 20, &b, NULL), BASE_OK);
    char *s = base_arena_strdup(x->a, base_buf_str(&b));
    base_buf_free(&b);
    return s;
}

static void test_copy(void **state)
{
    struct kx x;
    struct base_fail f = {0};
    struct keeper_copy *k;
    char id[KEEPER_ID], dir[16], name[64], path[64];
    bool destroyed;
    (void)state;
    kx_new(&x);
    add_key(&x, "r1");
    assert_true(keeper_vault_key_id(x.vault, "r1", id));
    snprintf(path, sizeof path, "keys/%s.json", id);
    char *text = read_text(&x, path), *check = read_text(&x, "kek-check.json");
    assert_int_equal(keeper_copy_open((const unsigned char *)NEW, check, NULL, &k, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.kek");
    assert_int_equal(keeper_copy_open((const unsigned char *)OLD, check, "", &k, &f), BASE_OK);
    assert_int_equal(keeper_copy_key(k, id, text, strlen(text), &destroyed, &f), BASE_OK);
    assert_false(destroyed);
    char *at = strstr(text, "\"sealed\"") + 14;
    *at = *at == 'A' ? 'B' : 'A';
    assert_int_equal(keeper_copy_key(k, id, text, strlen(text), &destroyed, &f), BASE_PERMANENT);
    assert_int_equal(keeper_copy_key(NULL, id, text, strlen(text), &destroyed, &f), BASE_OK);
    assert_int_equal(keeper_copy_key(k, "aaaaaaaaaaaaaaaaaaaaaaaaaa", text, strlen(text), &destroyed, &f),
                     BASE_PERMANENT);
    assert_int_equal(keeper_copy_key(k, id, "{}", 2, &destroyed, &f), BASE_PERMANENT);
    assert_true(keeper_copy_index(text, strlen(text), dir, name));
    snprintf(path, sizeof path, "%.15s", dir);
    int fd = openat(keeper_store_dirfd(x.store), path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0 && faccessat(fd, name, F_OK, 0) == 0); /* as the keeper itself has it */
    close(fd);
    keeper_copy_close(k);
    kx_end(&x);
}

int main(void)
{
    bool locked;
    keeper_memory_init(&locked);
    base_log_open("test", LOG_CRIT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_step), cmocka_unit_test(test_copy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
