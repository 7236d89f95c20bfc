/* The envelope of a private key. The key is sealed with a data key of its own,
 * the data key with the KEK; both seals are tied to a text that names key,
 * mailbox, tenant, type, custody, request, time and public key, so that no
 * sealed key can be given another owner or custody on disk. Owns its secrets
 * for one call, in secret memory. */
#include <string.h>

#include "keys.h"
#include "memory.h"
#include "record.h"

/* No value can hold a newline: requests and records are checked for that. */
static const char *aad(struct base_arena *a, const char *what, const struct keeper_record *r)
{
    return base_arena_printf(a, "certmilter %s %d\n%s\n%s\n%s\n%s\n%s\n%s\n%lld\n%s\n", what,
                             KEEPER_RECORD_FORMAT, r->k.id, r->k.mailbox, r->k.spki_sha256,
                             r->k.tenant, r->k.type, r->k.custody, (long long)r->k.created,
                             r->request);
}

static void keep(struct base_arena *a, struct base_buf *b, struct base_bytes *out)
{
    unsigned char *p = base_arena_alloc(a, b->n);
    memcpy(p, b->p, b->n);
    *out = (struct base_bytes){p, b->n};
}

static enum base_fail_class seal_both(const struct keeper_vault *v, struct base_arena *a,
                                      struct keeper_record *r, const unsigned char *data_key,
                                      const unsigned char *pkcs8, size_t n, struct base_fail *f)
{
    struct base_buf wrapped, sealed;
    base_buf_init(&sealed, 0);
    enum base_fail_class c =
        keeper_vault_seal(v, aad(a, "data key", r), data_key, KEEPER_DATA_KEY, &wrapped, f);
    if (!c)
        c = keeper_seal(data_key, aad(a, "private key", r), pkcs8, n, &sealed, f);
    if (!c) {
        keep(a, &wrapped, &r->wrapped);
        keep(a, &sealed, &r->sealed);
        r->kek_id = base_arena_strdup(a, keeper_vault_kek_id(v));
    }
    base_buf_free(&wrapped);
    base_buf_free(&sealed);
    return c;
}

enum base_fail_class keeper_envelope_seal(const struct keeper_vault *v, struct base_arena *a,
                                          struct keeper_record *r, const EVP_PKEY *key,
                                          struct base_fail *f)
{
    unsigned char *pkcs8 = NULL;
    size_t n = 0;
    unsigned char *data_key = keeper_secret_new(KEEPER_DATA_KEY);
    if (!data_key)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    base_random(data_key, KEEPER_DATA_KEY);
    enum base_fail_class c = keeper_keys_write(key, &pkcs8, &n, f);
    if (!c)
        c = seal_both(v, a, r, data_key, pkcs8, n, f);
    keeper_secret_free(pkcs8, KEEPER_PKCS8_MAX);
    keeper_secret_free(data_key, KEEPER_DATA_KEY);
    return c;
}

static enum base_fail_class damaged(struct base_fail *f, const struct keeper_record *r,
                                    const char *why)
{
    return base_failf(f, BASE_PERMANENT, "keeper.damaged", "key %s: %s", r->k.id, why);
}

static enum base_fail_class open_both(const struct keeper_vault *v, struct base_arena *a,
                                      const struct keeper_record *r, unsigned char *data_key,
                                      unsigned char *pkcs8, EVP_PKEY **out, struct base_fail *f)
{
    char spki[BASE_SHA256_HEX];
    if (keeper_vault_open_sealed(v, aad(a, "data key", r), r->wrapped, data_key, NULL) ||
        keeper_unseal(data_key, aad(a, "private key", r), r->sealed, pkcs8, NULL))
        return damaged(f, r, "its file was changed, or belongs to another key-encryption key");
    enum base_fail_class c = keeper_keys_read(pkcs8, r->sealed.n - KEEPER_SEAL_EXTRA, out, f);
    if (c)
        return c;
    if (keeper_keys_spki(*out, spki) && strcmp(spki, r->k.spki_sha256) == 0)
        return BASE_OK;
    EVP_PKEY_free(*out);
    *out = NULL;
    return damaged(f, r, "the private key isn't that of its public key");
}

enum base_fail_class keeper_envelope_open(const struct keeper_vault *v,
                                          const struct keeper_record *r, EVP_PKEY **out,
                                          struct base_fail *f)
{
    *out = NULL;
    if (r->k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.destroyed", "key %s was destroyed: %s",
                          r->k.id, r->k.destroyed_reason);
    if (r->wrapped.n != KEEPER_DATA_KEY + KEEPER_SEAL_EXTRA || r->sealed.n <= KEEPER_SEAL_EXTRA ||
        r->sealed.n > KEEPER_PKCS8_MAX + KEEPER_SEAL_EXTRA)
        return damaged(f, r, "its sealed parts have a wrong size");
    unsigned char *data_key = keeper_secret_new(KEEPER_DATA_KEY);
    unsigned char *pkcs8 = keeper_secret_new(KEEPER_PKCS8_MAX);
    struct base_arena *a = base_arena_new();
    enum base_fail_class c = data_key && pkcs8 ? open_both(v, a, r, data_key, pkcs8, out, f)
                                               : base_failf(f, BASE_TEMPORARY, "keeper.busy",
                                                            "no secret memory is left");
    base_arena_free(a);
    keeper_secret_free(pkcs8, KEEPER_PKCS8_MAX);
    keeper_secret_free(data_key, KEEPER_DATA_KEY);
    return c;
}

enum base_fail_class keeper_envelope_rewrap(const struct keeper_vault *v, struct base_arena *a,
                                            struct keeper_record *r, struct base_fail *f)
{
    struct base_buf wrapped;
    if (r->wrapped.n != KEEPER_DATA_KEY + KEEPER_SEAL_EXTRA)
        return damaged(f, r, "its sealed parts have a wrong size");
    unsigned char *data_key = keeper_secret_new(KEEPER_DATA_KEY);
    if (!data_key)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    base_buf_init(&wrapped, 0);
    const char *tie = aad(a, "data key", r);
    enum base_fail_class c =
        keeper_vault_open_sealed(v, tie, r->wrapped, data_key, NULL)
            ? damaged(f, r, "its file was changed, or belongs to another key-encryption key")
            : keeper_vault_seal(v, tie, data_key, KEEPER_DATA_KEY, &wrapped, f);
    if (!c) {
        keep(a, &wrapped, &r->wrapped);
        r->kek_id = base_arena_strdup(a, keeper_vault_kek_id(v));
    }
    base_buf_free(&wrapped);
    keeper_secret_free(data_key, KEEPER_DATA_KEY);
    return c;
}
