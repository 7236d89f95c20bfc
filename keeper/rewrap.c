/* Rewrapping. A key's data key is opened with whichever KEK sealed it and sealed
 * with the present one; the private key itself is never opened. Owns its secrets
 * for one call, in secret memory. */
#include "rewrap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "exports.h"
#include "memory.h"

static bool under_present(const struct keeper_ctx *ctx, const char *kek_id)
{
    return kek_id && strcmp(kek_id, keeper_vault_kek_id(ctx->vault)) == 0;
}

static enum base_fail_class one_key(struct keeper_ctx *ctx, struct base_arena *a, const char *id,
                                    bool dry, struct keeper_rewrap_page *p, struct base_fail *f)
{
    struct keeper_record r;
    enum base_fail_class c = keeper_store_load(ctx->store, a, id, &r, f);
    if (c || r.k.destroyed || under_present(ctx, r.kek_id))
        return c;
    p->left++;
    if (dry)
        return BASE_OK;
    if (!(c = keeper_envelope_rewrap(ctx->vault, a, &r, f)) &&
        !(c = keeper_store_replace(ctx->store, &r, f))) {
        p->left--;
        p->changed++;
    }
    return c;
}

/* A full disk ends the page; what is wrong with one file alone does not. */
static enum base_fail_class judge(enum base_fail_class c, const struct base_fail *why,
                                  const char *what, const char *id, struct keeper_rewrap_page *p,
                                  struct base_fail *f)
{
    if (c == BASE_OK || strcmp(why->code, "keeper.absent") == 0)
        return BASE_OK;
    if (c == BASE_TEMPORARY || strncmp(why->code, "file.", 5) == 0)
        return base_failf(f, c, why->code, "%s", why->text);
    if (strcmp(why->code, "keeper.damaged") == 0 && p->left == 0)
        p->left = 1;
    base_log_fail(LOG_WARNING, "keeper.unreadable", why, what, id, NULL);
    return BASE_OK;
}

enum base_fail_class keeper_rewrap_keys(struct keeper_ctx *ctx, const char *after, size_t limit,
                                        bool dry, struct keeper_rewrap_page *out,
                                        struct base_fail *f)
{
    char(*ids)[KEEPER_ID] = base_xmalloc((limit + 1) * KEEPER_ID);
    size_t n = 0;
    *out = (struct keeper_rewrap_page){0};
    enum base_fail_class c = keeper_store_ids(ctx->store, after, NULL, limit, ids, &n, f);
    for (size_t i = 0; !c && i < n; i++) {
        struct base_arena *a = base_arena_new();
        struct base_fail why = {0};
        struct keeper_rewrap_page one = {0};
        keeper_store_lock(ctx->store, ids[i]);
        c = one_key(ctx, a, ids[i], dry, &one, &why);
        keeper_store_unlock(ctx->store, ids[i]);
        c = judge(c, &why, "key", ids[i], &one, f);
        out->seen++;
        out->left += one.left;
        out->changed += one.changed;
        base_arena_free(a);
    }
    if (!c && n == limit && n > 0)
        memcpy(out->next, ids[n - 1], KEEPER_ID);
    free(ids);
    return c;
}

/* ---- sealed passphrases ------------------------------------------------------------------ */

/* Has it no use any more? */
static bool is_over(struct keeper_ctx *ctx, struct base_arena *a, const json_t *o, int64_t now)
{
    struct keeper_record r;
    const char *key = base_json_strd(o, "key_id", "");
    if (!key[0]) /* of no key: a passphrase that was set beforehand stays until it is taken back */
        return false;
    return now - base_json_int(o, "created", now) > KEEPER_SEAL_KEPT ||
           (keeper_id_ok(key) && keeper_store_load(ctx->store, a, key, &r, NULL) == BASE_OK &&
            r.k.destroyed);
}

static enum base_fail_class write_seal(struct keeper_ctx *ctx, struct base_arena *a, const char *id,
                                       json_t *o, struct base_fail *f)
{
    struct base_buf sealed;
    char *pass = keeper_secret_new(KEEPER_PASS_ROOM);
    const char *key = base_json_strd(o, "key_id", "");
    base_buf_init(&sealed, 0);
    enum base_fail_class c =
        pass ? keeper_exports_open(ctx, a, id, o, pass, f)
             : base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    if (!c)
        c = keeper_vault_seal(ctx->vault, keeper_exports_aad(a, id, key), pass, strlen(pass),
                              &sealed, f);
    keeper_secret_free(pass, KEEPER_PASS_ROOM);
    if (!c) {
        base_json_set(o, "sealed", base_base64(a, sealed.p, sealed.n));
        base_json_set(o, "kek_id", keeper_vault_kek_id(ctx->vault));
        char *text = base_json_text(o);
        c = base_file_write(keeper_store_dirfd(ctx->store),
                            base_arena_printf(a, "exports/%s.json", id), text, strlen(text), 0600,
                            f);
        free(text);
    }
    base_buf_free(&sealed);
    return c;
}

static enum base_fail_class one_export(struct keeper_ctx *ctx, struct base_arena *a, const char *id,
                                       bool dry, int64_t now, struct keeper_rewrap_page *p,
                                       struct base_fail *f)
{
    json_t *o = NULL;
    enum base_fail_class c = keeper_exports_load(ctx, a, id, &o, f);
    if (!c && is_over(ctx, a, o, now)) {
        if (!dry && unlinkat(keeper_store_dirfd(ctx->store),
                             base_arena_printf(a, "exports/%s.json", id), 0) == 0) {
            p->purged++;
            base_log(LOG_NOTICE, "keeper.purged", "export", id, NULL);
        }
    } else if (!c && base_json_str(o, "sealed") && !under_present(ctx, base_json_str(o, "kek_id"))) {
        p->left++;
        if (!dry && !(c = write_seal(ctx, a, id, o, f))) {
            p->left--;
            p->changed++;
        }
    }
    json_decref(o);
    return c;
}

enum base_fail_class keeper_rewrap_others(struct keeper_ctx *ctx, int64_t *left, struct base_fail *f)
{
    char names[KEEPER_OTHERS_MAX][KEEPER_OTHER_NAME];
    size_t n = 0;
    *left = 0;
    enum base_fail_class c = keeper_store_others(ctx->store, names, &n, f);
    for (size_t i = 0; !c && i < n; i++) {
        struct base_buf text;
        c = base_file_read(keeper_store_dirfd(ctx->store), names[i], KEEPER_OTHER_MAX, &text, f);
        json_t *o = c ? NULL : base_json_parse(text.p, text.n, KEEPER_OTHER_MAX, NULL);
        *left += base_json_str(o, "sealed") && !under_present(ctx, base_json_str(o, "kek_id"));
        json_decref(o);
        base_buf_free(&text);
    }
    return c;
}

enum base_fail_class keeper_rewrap_exports(struct keeper_ctx *ctx, const char *after, size_t limit,
                                           bool dry, int64_t now, struct keeper_rewrap_page *out,
                                           struct base_fail *f)
{
    char(*ids)[KEEPER_ID] = base_xmalloc((limit + 1) * KEEPER_ID);
    size_t n = 0;
    *out = (struct keeper_rewrap_page){0};
    enum base_fail_class c = keeper_store_export_ids(ctx->store, after, limit, ids, &n, f);
    for (size_t i = 0; !c && i < n; i++) {
        struct base_arena *a = base_arena_new();
        struct base_fail why = {0};
        struct keeper_rewrap_page one = {0};
        keeper_store_lock(ctx->store, ids[i]);
        c = one_export(ctx, a, ids[i], dry, now, &one, &why);
        keeper_store_unlock(ctx->store, ids[i]);
        c = judge(c, &why, "export", ids[i], &one, f);
        out->seen++;
        out->left += one.left;
        out->changed += one.changed;
        out->purged += one.purged;
        base_arena_free(a);
    }
    if (!c && n == limit && n > 0)
        memcpy(out->next, ids[n - 1], KEEPER_ID);
    free(ids);
    return c;
}
