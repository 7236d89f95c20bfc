/* The operation by which a private key comes in from elsewhere: an old key of a mailbox, so
 * that the mails of its time stay readable here. The administrator's command opened the
 * PKCS#12; what arrives is one PKCS#8 key and its chain, which must belong together. The
 * same key again is the same record. In the journal, so that the owner is told. */
#include <openssl/evp.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "keys.h"
#include "memory.h"
#include "ops.h"

/* The request's key, in secret memory only; the text it came in is wiped. */
static enum base_fail_class read_key(const json_t *q, EVP_PKEY **out, struct base_fail *f)
{
    const char *text = base_json_strd(q, "pkcs8", "");
    size_t n = strlen(text);
    unsigned char *der = keeper_secret_new(KEEPER_PKCS8_MAX);
    int len = -1;
    if (der && n > 0 && n % 4 == 0 && n / 4 * 3 <= KEEPER_PKCS8_MAX) {
        len = EVP_DecodeBlock(der, (const unsigned char *)text, (int)n);
        for (size_t i = n; len > 0 && i > n - 2 && text[i - 1] == '='; i--)
            len--; /* the library counts the padding too */
    }
    keeper_json_wipe((json_t *)(uintptr_t)q, "pkcs8");
    enum base_fail_class c =
        len > 0 ? keeper_keys_read(der, (size_t)len, out, f)
                : base_failf(f, BASE_PERMANENT, "keeper.request",
                             "\"pkcs8\" must be a private key of at most %d bytes in base64",
                             KEEPER_PKCS8_MAX);
    keeper_secret_free(der, KEEPER_PKCS8_MAX);
    if (c && strcmp(f->code, "keeper.damaged") == 0)
        c = base_failf(f, BASE_PERMANENT, "keeper.request", "the private key can't be read");
    return c;
}

static enum base_fail_class describe(struct keeper_ctx *ctx, struct base_arena *a, const json_t *q,
                                     const EVP_PKEY *key, struct keeper_record *r,
                                     struct base_fail *f)
{
    memset(r, 0, sizeof *r);
    r->k.type = keeper_key_type_of(key);
    r->k.custody = "keep";
    r->k.created = base_now();
    if (!r->k.type)
        return base_failf(f, BASE_PERMANENT, "keeper.key-type",
                          "the key is of a kind that is not kept here: expected RSA with 2048, 3072 or "
                          "4096 bits, P-256 or P-384");
    if (!(r->k.mailbox = keeper_op_text(q, "mailbox", f)) ||
        !(r->k.tenant = keeper_op_text(q, "tenant", f)))
        return BASE_PERMANENT;
    if (!keeper_keys_spki(key, r->k.spki_sha256))
        return base_failf(f, BASE_OURS, "keeper.internal", "a public key can't be written");
    /* by the key: whoever imports it twice gets one record */
    r->request = base_arena_printf(a, "i:%.60s", r->k.spki_sha256);
    if (!keeper_vault_key_id(ctx->vault, r->request, r->k.id))
        return base_failf(f, BASE_OURS, "keeper.internal", "HMAC is not available");
    return BASE_OK;
}

static enum base_fail_class note(struct keeper_ctx *ctx, struct keeper_call *call,
                                 const struct keeper_record *r, const char *who, const char *reason,
                                 struct base_fail *f)
{
    struct keeper_journal_entry e = {.kind = "import",
                                     .key_id = r->k.id,
                                     .mailbox = r->k.mailbox,
                                     .tenant = r->k.tenant,
                                     .who = who,
                                     .reason = reason,
                                     .uid = call->uid};
    return keeper_journal_add(ctx->journal, &e, f);
}

/* Under the record's lock. */
static enum base_fail_class keep(struct keeper_ctx *ctx, struct keeper_call *call,
                                 struct base_arena *a, struct keeper_record *r, const EVP_PKEY *key,
                                 const char *who, const char *reason, struct base_fail *f)
{
    struct keeper_record old;
    struct keeper_cert cert, *certs;
    struct base_fail why = {0};
    enum base_fail_class c = keeper_op_take_chain(a, base_json_str(call->request, "chain"), r, &cert, f);
    if (c)
        return c;
    c = keeper_store_load(ctx->store, a, r->k.id, &old, &why);
    if (!c && old.k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.destroyed", "key %s was destroyed: %s", old.k.id,
                          old.k.destroyed_reason);
    if (!c && (strcmp(old.k.mailbox, r->k.mailbox) != 0 || strcmp(old.k.tenant, r->k.tenant) != 0))
        return base_failf(f, BASE_PERMANENT, "keeper.conflict", "this key is kept for %s already",
                          old.k.mailbox);
    if (!c)
        return BASE_OK; /* its chain, if it is another one, comes with "attach" */
    if (strcmp(why.code, "keeper.absent") != 0)
        return base_failf(f, c, why.code, "%s", why.text);
    certs = base_arena_array(a, 1, sizeof *certs);
    certs[0] = cert;
    r->k.certs = certs;
    r->k.n_certs = 1;
    c = keeper_envelope_seal(ctx->vault, a, r, key, f);
    if (!c)
        c = note(ctx, call, r, who, reason, f);
    if (!c)
        c = keeper_store_save(ctx->store, r, f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.imported", "key", r->k.id, "mailbox", r->k.mailbox, "tenant",
                 r->k.tenant, "type", r->k.type, "cert", cert.sha256, NULL);
    return c;
}

enum base_fail_class keeper_op_import(struct keeper_ctx *ctx, struct keeper_call *call,
                                      struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    EVP_PKEY *key = NULL;
    const char *who, *reason;
    enum base_fail_class c = read_key(call->request, &key, f);
    if (!c)
        c = describe(ctx, a, call->request, key, &r, f);
    if (!c && (!(who = keeper_op_text(call->request, "who", f)) ||
               !(reason = keeper_op_text(call->request, "reason", f))))
        c = BASE_PERMANENT;
    if (!c) {
        keeper_store_lock(ctx->store, r.k.id);
        c = keep(ctx, call, a, &r, key, who, reason, f);
        keeper_store_unlock(ctx->store, r.k.id);
    }
    EVP_PKEY_free(key);
    if (!c) {
        base_json_set(answer, "key_id", r.k.id);
        base_json_set(answer, "spki_sha256", r.k.spki_sha256);
    }
    return c;
}
