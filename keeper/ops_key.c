/* Operations on keys: make, sign a request, look, attach certificates, destroy.
 * Whoever changes a record holds its lock; making a key runs without it, as it
 * can take long, and looks again before it writes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cert/bundle.h"
#include "cert/fields.h"
#include "exact.h"
#include "keys.h"
#include "ops.h"

static bool request_ok(const char *s)
{
    size_t n =
        s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") : 0;
    return n > 0 && n <= KEEPER_REQUEST_MAX && s[n] == '\0';
}

static enum base_fail_class take_order(struct keeper_ctx *ctx, const json_t *q,
                                       struct keeper_record *r, struct base_fail *f)
{
    memset(r, 0, sizeof *r);
    r->request = base_json_str(q, "request");
    r->k.type = base_json_strd(q, "type", "");
    r->k.custody = base_json_strd(q, "custody", "");
    if (!request_ok(r->request))
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"request\" must be 1 to %d of [A-Za-z0-9._:-]", KEEPER_REQUEST_MAX);
    if (!(r->k.mailbox = keeper_op_text(q, "mailbox", f)) ||
        !(r->k.tenant = keeper_op_text(q, "tenant", f)))
        return BASE_PERMANENT;
    if (!strchr(r->k.mailbox, '@'))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"mailbox\" has no @");
    if (!keeper_key_type_ok(r->k.type))
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"type\" must be rsa2048, rsa3072, rsa4096, p256 or p384");
    if (strcmp(r->k.custody, "keep") != 0 && strcmp(r->k.custody, "forget") != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"custody\" must be keep or forget");
    if (!keeper_vault_key_id(ctx->vault, r->request, r->k.id))
        return base_failf(f, BASE_OURS, "keeper.internal", "HMAC is not available");
    r->k.created = base_now();
    return BASE_OK;
}

/* *FOUND: the key of this request is there already, and its hash is in WANTED. */
static enum base_fail_class look(struct keeper_ctx *ctx, struct base_arena *a,
                                 struct keeper_record *wanted, bool *found, struct base_fail *f)
{
    struct keeper_record r;
    struct base_fail why = {0};
    enum base_fail_class c = keeper_store_load(ctx->store, a, wanted->k.id, &r, &why);
    *found = false;
    if (c && strcmp(why.code, "keeper.absent") == 0)
        return BASE_OK;
    if (c)
        return base_failf(f, c, why.code, "%s", why.text);
    if (strcmp(r.k.mailbox, wanted->k.mailbox) != 0 || strcmp(r.k.tenant, wanted->k.tenant) != 0 ||
        strcmp(r.k.type, wanted->k.type) != 0 || strcmp(r.k.custody, wanted->k.custody) != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.conflict",
                          "request %s made a key for %s of type %s before", wanted->request,
                          r.k.mailbox, r.k.type);
    if (r.k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.destroyed", "key %s was destroyed: %s", r.k.id,
                          r.k.destroyed_reason);
    memcpy(wanted->k.spki_sha256, r.k.spki_sha256, BASE_SHA256_HEX);
    *found = true;
    return BASE_OK;
}

static enum base_fail_class store_new(struct keeper_ctx *ctx, struct base_arena *a,
                                      struct keeper_record *r, const EVP_PKEY *key,
                                      struct base_fail *f)
{
    bool found;
    keeper_store_lock(ctx->store, r->k.id);
    enum base_fail_class c = look(ctx, a, r, &found, f);
    if (!c && !found) {
        if (!keeper_keys_spki(key, r->k.spki_sha256))
            c = base_failf(f, BASE_OURS, "keeper.internal", "a public key can't be written");
        if (!c)
            c = keeper_envelope_seal(ctx->vault, a, r, key, f);
        if (!c)
            c = keeper_store_save(ctx->store, r, f);
        if (!c)
            base_log(LOG_INFO, "keeper.made", "key", r->k.id, "mailbox", r->k.mailbox, "tenant",
                     r->k.tenant, "type", r->k.type, "custody", r->k.custody, NULL);
    }
    keeper_store_unlock(ctx->store, r->k.id);
    return c;
}

enum base_fail_class keeper_op_make_key(struct keeper_ctx *ctx, struct keeper_call *call,
                                        struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    EVP_PKEY *key = NULL;
    bool found;
    enum base_fail_class c = take_order(ctx, call->request, &r, f);
    if (c || (c = look(ctx, a, &r, &found, f)))
        return c;
    if (!found && !(c = keeper_keys_make(r.k.type, &key, f)))
        c = store_new(ctx, a, &r, key, f);
    EVP_PKEY_free(key);
    if (c)
        return c;
    base_json_set(answer, "key_id", r.k.id);
    base_json_set(answer, "spki_sha256", r.k.spki_sha256);
    return BASE_OK;
}

/* The record that "key_id" names. */
static enum base_fail_class load(struct keeper_ctx *ctx, const struct keeper_call *call,
                                 struct base_arena *a, struct keeper_record *r, struct base_fail *f)
{
    return keeper_store_load(ctx->store, a, base_json_strd(call->request, "key_id", ""), r, f);
}

enum base_fail_class keeper_op_csr(struct keeper_ctx *ctx, struct keeper_call *call,
                                   struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    EVP_PKEY *key = NULL;
    char *pem = NULL;
    const json_t *list = base_json_arr(call->request, "emails");
    size_t n = json_array_size(list);
    if (n > KEEPER_EMAILS_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "more than %d addresses",
                          KEEPER_EMAILS_MAX);
    const char **emails = base_arena_array(a, n + 1, sizeof *emails);
    for (size_t i = 0; i < n; i++) {
        emails[i] = json_string_value(json_array_get(list, i));
        if (!emails[i])
            return base_failf(f, BASE_PERMANENT, "keeper.request", "an address that is no text");
    }
    enum base_fail_class c = load(ctx, call, a, &r, f);
    if (!c)
        c = keeper_envelope_open(ctx->vault, &r, &key, f);
    if (!c)
        c = keeper_keys_csr(a, key, base_json_str(call->request, "cn"), emails, n, &pem, f);
    EVP_PKEY_free(key);
    if (!c)
        base_json_set(answer, "pem", pem);
    return c;
}

enum base_fail_class keeper_op_key_info(struct keeper_ctx *ctx, struct keeper_call *call,
                                        struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    enum base_fail_class c = load(ctx, call, a, &r, f);
    if (!c)
        json_object_set_new(answer, "key", keeper_record_public(&r, true));
    return c;
}

enum base_fail_class keeper_op_list(struct keeper_ctx *ctx, struct keeper_call *call,
                                    struct base_arena *a, json_t *answer, struct base_fail *f)
{
    char ids[KEEPER_PAGE_MAX][KEEPER_ID];
    int64_t limit;
    size_t n = 0;
    const char *after = base_json_str(call->request, "after");
    const char *mailbox = base_json_str(call->request, "mailbox");
    if (!keeper_op_number(call->request, "limit", 1, KEEPER_PAGE_MAX, KEEPER_PAGE_MAX, &limit, f))
        return BASE_PERMANENT;
    if (after && !keeper_id_ok(after))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"after\" is no key id");
    enum base_fail_class c = keeper_store_ids(
        ctx->store, after, mailbox, (size_t)limit, ids, &n, f);
    if (c)
        return c;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct keeper_record r;
        struct base_fail why = {0};
        if (keeper_store_load(ctx->store, a, ids[i], &r, &why))
            base_log_fail(LOG_WARNING, "keeper.unreadable", &why, "key", ids[i], NULL);
        else if (!mailbox || keeper_exact_same(ctx, call->request, r.k.mailbox, mailbox))
            json_array_append_new(list, keeper_record_public(&r, false));
    }
    json_object_set_new(answer, "keys", list);
    if (n == (size_t)limit) /* the place to go on from, even if the last one was left out */
        base_json_set(answer, "next", ids[n - 1]);
    return BASE_OK;
}

enum base_fail_class keeper_op_take_chain(struct base_arena *a, const char *pem,
                                          const struct keeper_record *r, struct keeper_cert *out,
                                          struct base_fail *f)
{
    struct cert_bundle b;
    struct cert_fields leaf = {0}, other;
    if (!pem || strlen(pem) > KEEPER_CHAIN_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"chain\" must be PEM of at most %d bytes", KEEPER_CHAIN_MAX);
    enum base_fail_class c = cert_bundle_split(a, pem, strlen(pem), &b, f);
    for (size_t i = 0; i < b.n && !c; i++)
        c = cert_fields_parse(a, b.der[i].p, b.der[i].n, i == 0 ? &leaf : &other, f);
    if (c)
        return c;
    if (strcmp(leaf.spki_sha256, r->k.spki_sha256) != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.mismatch",
                          "the certificate is for another key than %s", r->k.id);
    out->attached = base_now();
    out->pem = cert_bundle_pem(a, b.der, b.n);
    memcpy(out->sha256, leaf.sha256, BASE_SHA256_HEX);
    if (strlen(out->pem) > KEEPER_CHAIN_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "the chain is too long");
    return BASE_OK;
}

static enum base_fail_class attach(struct keeper_ctx *ctx, const struct keeper_call *call,
                                   struct base_arena *a, struct base_fail *f)
{
    struct keeper_record r;
    struct keeper_cert new;
    enum base_fail_class c = load(ctx, call, a, &r, f);
    if (c || (c = keeper_op_take_chain(a, base_json_str(call->request, "chain"), &r, &new, f)))
        return c;
    for (size_t i = 0; i < r.k.n_certs; i++)
        if (strcmp(r.k.certs[i].sha256, new.sha256) == 0)
            return BASE_OK;
    if (r.k.n_certs == KEEPER_CERTS_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "key %s has %d certificates already",
                          r.k.id, KEEPER_CERTS_MAX);
    r.k.certs[r.k.n_certs++] = new;
    c = keeper_store_save(ctx->store, &r, f);
    if (!c)
        base_log(LOG_INFO, "keeper.attached", "key", r.k.id, "mailbox", r.k.mailbox, "cert",
                 new.sha256, NULL);
    return c;
}

enum base_fail_class keeper_op_attach(struct keeper_ctx *ctx, struct keeper_call *call,
                                      struct base_arena *a, json_t *answer, struct base_fail *f)
{
    const char *id = base_json_strd(call->request, "key_id", "");
    (void)answer;
    keeper_store_lock(ctx->store, id);
    enum base_fail_class c = attach(ctx, call, a, f);
    keeper_store_unlock(ctx->store, id);
    return c;
}

enum base_fail_class keeper_op_destroy_record(struct keeper_ctx *ctx, struct keeper_call *call,
                                              struct keeper_record *r, const char *who,
                                              const char *reason, struct base_fail *f)
{
    struct keeper_journal_entry e = {.kind = "destroy",
                                     .key_id = r->k.id,
                                     .mailbox = r->k.mailbox,
                                     .tenant = r->k.tenant,
                                     .who = who,
                                     .reason = reason,
                                     .uid = call->uid};
    enum base_fail_class c = keeper_journal_add(ctx->journal, &e, f);
    if (!c)
        c = keeper_store_destroy(ctx->store, r, reason, base_now(), f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.destroyed", "key", r->k.id, "mailbox", r->k.mailbox, "reason",
                 reason, NULL);
    return c;
}

enum base_fail_class keeper_op_destroy(struct keeper_ctx *ctx, struct keeper_call *call,
                                       struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    const char *id = base_json_strd(call->request, "key_id", "");
    const char *reason = keeper_op_text(call->request, "reason", f);
    (void)answer;
    if (!reason)
        return BASE_PERMANENT;
    keeper_store_lock(ctx->store, id);
    enum base_fail_class c = load(ctx, call, a, &r, f);
    if (!c && !r.k.destroyed)
        c = keeper_op_destroy_record(ctx, call, &r, "agent", reason, f);
    keeper_store_unlock(ctx->store, id);
    return c;
}
