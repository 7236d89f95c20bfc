/* A copy of a state directory, looked into without a keeper. Owns its vault; each
 * key is opened into secret memory and forgotten at once. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "base/json.h"
#include "exports.h"
#include "memory.h"
#include "record.h"

struct keeper_copy {
    struct keeper_vault *vault;
};

bool keeper_kek_read(const void *p, size_t n, unsigned char kek[KEEPER_KEK_BYTES])
{
    struct base_buf text;
    while (n > KEEPER_KEK_BYTES && ((const char *)p)[n - 1] == '\n')
        n--;
    base_buf_init(&text, 0);
    bool good = base_buf_add(&text, p, n) && keeper_kek_take(&text, kek);
    base_buf_wipe(&text);
    return good;
}

bool keeper_kek_name(const unsigned char kek[KEEPER_KEK_BYTES], char id[KEEPER_KEK_ID])
{
    return keeper_kek_id(kek, id);
}

static json_t *parse(const char *text)
{
    return text && text[0] ? base_json_parse(text, strlen(text), 65536, NULL) : NULL;
}

enum base_fail_class keeper_copy_open(const unsigned char kek[KEEPER_KEK_BYTES], const char *check,
                                      const char *both, struct keeper_copy **out,
                                      struct base_fail *f)
{
    struct keeper_vault *v = NULL;
    json_t *c = parse(check), *b = parse(both);
    *out = NULL;
    enum base_fail_class r = keeper_vault_of_copy(kek, c, b, &v, f);
    json_decref(c);
    json_decref(b);
    if (r)
        return r;
    *out = base_xmalloc(sizeof **out);
    (*out)->vault = v;
    return BASE_OK;
}

void keeper_copy_close(struct keeper_copy *k)
{
    if (!k)
        return;
    keeper_vault_close(k->vault);
    free(k);
}

enum base_fail_class keeper_copy_key(struct keeper_copy *k, const char *id, const void *text,
                                     size_t n, bool *destroyed, struct base_fail *f)
{
    struct keeper_record r;
    EVP_PKEY *key = NULL;
    struct base_arena *a = base_arena_new();
    json_t *o = base_json_parse(text, n, KEEPER_RECORD_MAX, NULL);
    enum base_fail_class c =
        o ? keeper_record_from_json(a, o, &r, f)
          : base_failf(f, BASE_PERMANENT, "keeper.damaged", "key %s: its file is no JSON", id);
    if (!c && strcmp(r.k.id, id) != 0)
        c = base_failf(f, BASE_PERMANENT, "keeper.damaged", "key %s: its file names another", id);
    *destroyed = !c && r.k.destroyed;
    if (!c && k && !r.k.destroyed)
        c = keeper_envelope_open(k->vault, &r, &key, f);
    EVP_PKEY_free(key);
    json_decref(o);
    base_arena_free(a);
    return c;
}

enum base_fail_class keeper_copy_export(struct keeper_copy *k, const char *id, const void *text,
                                        size_t n, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct keeper_ctx ctx = {.vault = k ? k->vault : NULL};
    char *pass = keeper_secret_new(KEEPER_PASS_ROOM);
    json_t *o = base_json_parse(text, n, 65536, NULL);
    enum base_fail_class c = BASE_OK;
    if (!pass)
        c = base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    else if (!o)
        c = base_failf(f, BASE_PERMANENT, "keeper.damaged", "export %s: its file is no JSON", id);
    else if (k && base_json_str(o, "sealed")) /* one that was handed out holds nothing any more */
        c = keeper_exports_open(&ctx, a, id, o, pass, f);
    keeper_secret_free(pass, KEEPER_PASS_ROOM);
    json_decref(o);
    base_arena_free(a);
    return c;
}

bool keeper_copy_index(const void *text, size_t n, char dir[16], char name[64])
{
    char place[32 + KEEPER_ID];
    json_t *o = base_json_parse(text, n, KEEPER_RECORD_MAX, NULL);
    const char *id = base_json_str(o, "id"), *mailbox = base_json_str(o, "mailbox");
    bool good = keeper_id_ok(id) && mailbox;
    if (good) {
        keeper_store_index_name(mailbox, id, dir, place);
        memcpy(name, place, sizeof place);
    }
    json_decref(o);
    return good;
}
