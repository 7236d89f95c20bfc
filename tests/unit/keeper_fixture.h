/* A state directory and a KEK for tests of the keeper. */
#ifndef KEEPER_FIXTURE_H
#define KEEPER_FIXTURE_H
#include "cert_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "keeper/keys.h"
#include "keeper/memory.h"
#include "keeper/store.h"

struct kx {
    char dir[64], state[80];
    struct keeper_store *store;
    struct keeper_vault *vault;
    struct base_arena *a;
};

static inline void kx_kek(const struct kx *x, const void *p, size_t n)
{
    char path[100];
    snprintf(path, sizeof path, "%s/kek", x->dir);
    assert_int_equal(base_file_write(AT_FDCWD, path, p, n, 0600, NULL), BASE_OK);
}

static inline void kx_open(struct kx *x)
{
    struct base_fail f = {0};
    if (keeper_store_open(x->state, &x->store, &f) ||
        keeper_vault_open("kek", x->dir, keeper_store_dirfd(x->store), &x->vault, &f))
        fail_msg("%s", f.text);
}

static inline void kx_close(struct kx *x)
{
    keeper_vault_close(x->vault);
    keeper_store_close(x->store);
    x->vault = NULL;
    x->store = NULL;
}

static inline void kx_new(struct kx *x)
{
    *x = (struct kx){.a = base_arena_new()};
    snprintf(x->dir, sizeof x->dir, "/tmp/certmilter-keeper-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->state, sizeof x->state, "%s/state", x->dir);
    kx_kek(x, "0123456789abcdef0123456789abcdef", 32);
    kx_open(x);
}

static inline int kx_remove(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st;
    (void)kind;
    (void)w;
    return remove(path);
}

static inline void kx_end(struct kx *x)
{
    kx_close(x);
    nftw(x->dir, kx_remove, 8, FTW_DEPTH | FTW_PHYS);
    base_arena_free(x->a);
}

/* A record for MAILBOX with the id that N gives. */
static inline struct keeper_record kx_record(struct kx *x, const char *mailbox, int n)
{
    struct keeper_record r = {0};
    char request[32];
    snprintf(request, sizeof request, "req-%d", n);
    assert_true(keeper_vault_key_id(x->vault, request, r.k.id));
    r.request = base_arena_strdup(x->a, request);
    r.k.mailbox = mailbox;
    r.k.tenant = "main";
    r.k.type = "p256";
    r.k.custody = "keep";
    r.k.created = 1000 + n;
    return r;
}

static inline struct keeper_record kx_saved(struct kx *x, const char *mailbox, int n, EVP_PKEY *key)
{
    struct keeper_record r = kx_record(x, mailbox, n);
    assert_true(keeper_keys_spki(key, r.k.spki_sha256));
    assert_int_equal(keeper_envelope_seal(x->vault, x->a, &r, key, NULL), BASE_OK);
    assert_int_equal(keeper_store_save(x->store, &r, NULL), BASE_OK);
    return r;
}

#endif
