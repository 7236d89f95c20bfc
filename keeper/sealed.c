/* Files of sealed exports: ids, writing, and what becomes of them. The caller holds no
 * lock; whoever changes a file here holds the lock of its export. */
#include "sealed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "exact.h"

void keeper_sealed_id(const char *text, char out[KEEPER_ID])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char hash[BASE_SHA256_LEN];
    base_sha256(text, strlen(text), hash);
    for (size_t i = 0; i < KEEPER_ID_LEN; i++) {
        size_t bit = i * 5;
        unsigned two = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
        out[i] = digits[two >> (11 - bit % 8) & 31];
    }
    out[KEEPER_ID_LEN] = '\0';
}

void keeper_sealed_preset_id(const char *mailbox, bool fold, char out[KEEPER_ID])
{
    struct base_arena *a = base_arena_new();
    keeper_sealed_id(base_arena_printf(a, "%s\n%s\n", fold ? "preset" : "preset exact",
                                       base_mailbox_key(a, mailbox, fold)),
                     out);
    base_arena_free(a);
}

enum base_fail_class keeper_sealed_preset_find(struct keeper_ctx *ctx, struct base_arena *a,
                                               const json_t *request, const char *mailbox,
                                               char id[KEEPER_ID], json_t **o, struct base_fail *f)
{
    bool fold = keeper_exact_folds(ctx, request, mailbox);
    *o = NULL;
    for (int i = 0; i < 2; i++) {
        struct base_fail why = {0};
        keeper_sealed_preset_id(mailbox, i ? !fold : fold, id);
        enum base_fail_class c = keeper_exports_load(ctx, a, id, o, &why);
        if (!c && base_mailbox_same(base_json_str(*o, "mailbox"), mailbox, fold))
            return BASE_OK;
        json_decref(*o);
        *o = NULL;
        if (c && strcmp(why.code, "keeper.absent") != 0)
            return base_failf(f, c, why.code, "%s", why.text);
    }
    return base_failf(f, BASE_PERMANENT, "keeper.absent", "%s has set no passphrase", mailbox);
}

enum base_fail_class keeper_sealed_save(struct keeper_ctx *ctx, struct base_arena *a, json_t *o,
                                        struct base_fail *f)
{
    char *text = base_json_text(o);
    enum base_fail_class c = base_file_write(
        keeper_store_dirfd(ctx->store),
        base_arena_printf(a, "exports/%s.json", base_json_strd(o, "export", "")), text,
        strlen(text), 0600, f);
    keeper_store_export_added(ctx->store);
    free(text);
    return c;
}

enum base_fail_class keeper_sealed_put(struct keeper_ctx *ctx, struct base_arena *a, json_t *o,
                                       const char *pass, struct base_fail *f)
{
    struct base_buf sealed;
    const char *aad = keeper_exports_aad(a, base_json_strd(o, "export", ""),
                                         base_json_strd(o, "key_id", ""));
    enum base_fail_class c = keeper_vault_seal(ctx->vault, aad, pass, strlen(pass), &sealed, f);
    if (c)
        return c;
    base_json_set(o, "kek_id", keeper_vault_kek_id(ctx->vault));
    base_json_set(o, "sealed", base_base64(a, sealed.p, sealed.n));
    base_buf_free(&sealed);
    return BASE_OK;
}

enum base_fail_class keeper_sealed_accepted(struct keeper_ctx *ctx, struct base_arena *a,
                                            const char *export_id, bool *over, struct base_fail *f)
{
    struct base_fail why = {0};
    json_t *o = NULL;
    *over = true;
    keeper_store_lock(ctx->store, export_id);
    enum base_fail_class c = keeper_exports_load(ctx, a, export_id, &o, &why);
    if (c && strcmp(why.code, "keeper.absent") == 0)
        c = BASE_OK; /* an administrator's export: the passphrase went along */
    else if (c)
        base_failf(f, c, why.code, "%s", why.text);
    if (o && !base_json_int(o, "accepted", 0)) {
        base_json_setn(o, "accepted", base_now());
        if (strcmp(base_json_strd(o, "way", ""), "preset") == 0)
            base_json_setn(o, "handed", base_now());
        c = keeper_sealed_save(ctx, a, o, f);
    }
    keeper_store_unlock(ctx->store, export_id);
    if (o)
        *over = base_json_int(o, "handed", 0) > 0;
    json_decref(o);
    return c;
}

enum base_fail_class keeper_sealed_forget(struct keeper_ctx *ctx, struct keeper_call *call,
                                          struct base_arena *a, const char *key_id,
                                          const char *export_id, struct base_fail *f)
{
    struct keeper_record r;
    keeper_store_lock(ctx->store, key_id);
    enum base_fail_class c = keeper_store_load(ctx->store, a, key_id, &r, f);
    if (!c && strcmp(r.k.custody, "forget") == 0 && !r.k.destroyed)
        c = keeper_op_destroy_record(
            ctx, call, &r, "keeper",
            base_arena_printf(a, "custody forget: delivered by export %s", export_id), f);
    keeper_store_unlock(ctx->store, key_id);
    return c;
}
