/* Operations by which something leaves: PKCS#12 files, their passphrases, and
 * the journal that tells of it. The entry is on disk before the answer exists.
 * Passphrases live in secret memory; the copy inside an answer is wiped by the
 * server. A key in custody "forget" ends with "export_done". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cert/bundle.h"
#include "cert/pkcs12.h"
#include "exact.h"
#include "exports.h"
#include "memory.h"
#include "sealed.h"

#define PASS_ROOM KEEPER_PASS_ROOM
#define PASS_GROUPS 5 /* of 5 characters with 5 bits each: 125 bits */
#define MAILBOX_KEYS_MAX 1000
#define SEAL_FILE_MAX 4096

/* "abcde-fghij-..." */
void keeper_exports_passphrase(char *out)
{
    for (int i = 0; i < PASS_GROUPS; i++) {
        base_random_id(out + 6 * i, 5);
        out[6 * i + 5] = i + 1 < PASS_GROUPS ? '-' : '\0';
    }
}

static enum base_fail_class take_passphrase(const json_t *q, char *out, struct base_fail *f)
{
    const char *given = base_json_str(q, "passphrase");
    if (!given) {
        keeper_exports_passphrase(out);
        return BASE_OK;
    }
    size_t n = strlen(given);
    if (n < CERT_PKCS12_PASS_MIN || n > CERT_PKCS12_PASS_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "a passphrase has %d to %d bytes",
                          CERT_PKCS12_PASS_MIN, CERT_PKCS12_PASS_MAX);
    memcpy(out, given, n + 1);
    return BASE_OK;
}

static const struct keeper_cert *newest(const struct keeper_record *r)
{
    return r->k.n_certs > 0 ? &r->k.certs[r->k.n_certs - 1] : NULL;
}

/* Among the keys of MAILBOX the one with the newest certificate. */
static enum base_fail_class load_by_mailbox(struct keeper_ctx *ctx, struct base_arena *a,
                                            const json_t *request, const char *mailbox, struct keeper_record *out,
                                            struct base_fail *f)
{
    char(*ids)[KEEPER_ID] = base_arena_array(a, MAILBOX_KEYS_MAX, KEEPER_ID);
    size_t n = 0, keys = 0;
    bool found = false;
    enum base_fail_class c =
        keeper_store_ids(ctx->store, NULL, mailbox, MAILBOX_KEYS_MAX, ids, &n, f);
    for (size_t i = 0; i < n && !c; i++) {
        struct keeper_record r;
        if (keeper_store_load(ctx->store, a, ids[i], &r, NULL) || r.k.destroyed ||
            !keeper_exact_same(ctx, request, r.k.mailbox, mailbox))
            continue;
        keys++;
        if (!newest(&r))
            continue;
        if (found && strcmp(out->k.tenant, r.k.tenant) != 0)
            return base_failf(f, BASE_PERMANENT, "keeper.ambiguous",
                              "%s has keys in the tenants %s and %s: name the key", mailbox,
                              out->k.tenant, r.k.tenant);
        if (!found || newest(&r)->attached >= newest(out)->attached)
            *out = r;
        found = true;
    }
    if (c || found)
        return c;
    return base_failf(f, BASE_PERMANENT, keys ? "keeper.nocert" : "keeper.absent",
                      keys ? "%s has a key, but no certificate yet" : "there is no key for %s",
                      mailbox);
}

static enum base_fail_class build(struct keeper_ctx *ctx, struct base_arena *a,
                                  const struct keeper_record *r, const char *pass, char **p12,
                                  struct base_fail *f)
{
    struct cert_bundle chain;
    struct base_buf out;
    EVP_PKEY *key = NULL;
    const char *pem = newest(r)->pem;
    base_buf_init(&out, 0);
    enum base_fail_class c = cert_bundle_split(a, pem, strlen(pem), &chain, f);
    if (!c)
        c = keeper_envelope_open(ctx->vault, r, &key, f);
    if (!c)
        c = cert_pkcs12_build(key, chain.der, chain.n, r->k.mailbox, pass, &out, f);
    EVP_PKEY_free(key);
    if (!c)
        *p12 = base_base64(a, out.p, out.n);
    base_buf_wipe(&out);
    return c;
}

const char *keeper_exports_aad(struct base_arena *a, const char *export_id, const char *key_id)
{
    return base_arena_printf(a, "certmilter passphrase 1\n%s\n%s\n", export_id, key_id);
}

/* exports/<id>.json: what the administrator will ask for by export id. */
static enum base_fail_class store_passphrase(struct keeper_ctx *ctx, struct base_arena *a,
                                             const char *export_id, const struct keeper_record *r,
                                             const char *pass, struct base_fail *f)
{
    struct base_buf sealed;
    enum base_fail_class c = keeper_vault_seal(ctx->vault, keeper_exports_aad(a, export_id, r->k.id), pass,
                                               strlen(pass), &sealed, f);
    if (c)
        return c;
    json_t *o = json_object();
    base_json_setn(o, "format", KEEPER_RECORD_FORMAT);
    base_json_set(o, "export", export_id);
    base_json_set(o, "key_id", r->k.id);
    base_json_set(o, "mailbox", r->k.mailbox);
    base_json_set(o, "tenant", r->k.tenant);
    base_json_setn(o, "created", base_now());
    base_json_set(o, "kek_id", keeper_vault_kek_id(ctx->vault));
    base_json_set(o, "sealed", base_base64(a, sealed.p, sealed.n));
    char *text = base_json_text(o);
    c = base_file_write(keeper_store_dirfd(ctx->store),
                        base_arena_printf(a, "exports/%s.json", export_id), text, strlen(text),
                        0600, f);
    keeper_store_export_added(ctx->store);
    free(text);
    json_decref(o);
    base_buf_free(&sealed);
    return c;
}

struct export
{
    const char *kind, *who, *reason;
    char id[KEEPER_ID];
    char *pass; /* secret memory */
    char *p12;  /* base64 */
};

static enum base_fail_class record_export(struct keeper_ctx *ctx, const struct keeper_call *call,
                                          const struct keeper_record *r, const struct export *x,
                                          struct base_fail *f)
{
    const struct keeper_cert *cert = newest(r);
    struct keeper_journal_entry e = {.kind = x->kind,
                                     .export = x->id,
                                     .key_id = r->k.id,
                                     .mailbox = r->k.mailbox,
                                     .tenant = r->k.tenant,
                                     .cert_sha256 = cert ? cert->sha256 : NULL,
                                     .who = x->who,
                                     .reason = x->reason,
                                     .uid = call->uid};
    enum base_fail_class c = keeper_journal_add(ctx->journal, &e, f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.export", "kind", x->kind, "export", x->id, "key", r->k.id,
                 "mailbox", r->k.mailbox, "who", x->who, "reason", x->reason, "uid",
                 base_log_num(call->uid), NULL);
    return c;
}

static void answer_export(struct keeper_call *call, const struct keeper_record *r,
                          const struct export *x, bool with_pass, json_t *answer)
{
    base_json_set(answer, "export", x->id);
    base_json_set(answer, "key_id", r->k.id);
    base_json_set(answer, "mailbox", r->k.mailbox);
    base_json_set(answer, "cert_sha256", newest(r)->sha256);
    base_json_set(answer, "p12", x->p12);
    if (with_pass)
        json_object_set_new(answer, "passphrase", json_string(x->pass));
    memcpy(call->export_id, x->id, KEEPER_ID);
    memcpy(call->export_key, r->k.id, KEEPER_ID);
}

static enum base_fail_class run_export(struct keeper_ctx *ctx, struct keeper_call *call,
                                       struct base_arena *a, const struct keeper_record *r,
                                       struct export *x, bool sealed, struct base_fail *f)
{
    enum base_fail_class c;
    x->who = keeper_op_text(call->request, "who", f);
    x->reason = x->who ? keeper_op_text(call->request, "reason", f) : NULL;
    if (!x->reason)
        return BASE_PERMANENT;
    if (!newest(r) && !r->k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.nocert", "key %s has no certificate yet",
                          r->k.id);
    if (r->k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.destroyed", "key %s was destroyed: %s",
                          r->k.id, r->k.destroyed_reason);
    if ((c = build(ctx, a, r, x->pass, &x->p12, f)))
        return c;
    base_random_id(x->id, KEEPER_ID_LEN);
    if (sealed) { /* locked: whoever adds a KEK waits until this is on disk */
        keeper_store_lock(ctx->store, x->id);
        c = store_passphrase(ctx, a, x->id, r, x->pass, f);
        keeper_store_unlock(ctx->store, x->id);
        if (c)
            return c;
    }
    return record_export(ctx, call, r, x, f);
}

enum base_fail_class keeper_op_seal_p12(struct keeper_ctx *ctx, struct keeper_call *call,
                                        struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r;
    struct export x = {.kind = "seal", .pass = keeper_secret_new(PASS_ROOM)};
    if (!x.pass)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    enum base_fail_class c =
        keeper_store_load(ctx->store, a, base_json_strd(call->request, "key_id", ""), &r, f);
    if (!c) {
        keeper_exports_passphrase(x.pass);
        c = run_export(ctx, call, a, &r, &x, true, f);
    }
    if (!c)
        answer_export(call, &r, &x, false, answer);
    keeper_secret_free(x.pass, PASS_ROOM);
    return c;
}

enum base_fail_class keeper_op_export_p12(struct keeper_ctx *ctx, struct keeper_call *call,
                                          struct base_arena *a, json_t *answer, struct base_fail *f)
{
    struct keeper_record r = {0};
    struct export x = {.kind = "export"};
    const char *key = keeper_op_text(call->request, "key", f);
    if (!key)
        return BASE_PERMANENT;
    if (!(x.pass = keeper_secret_new(PASS_ROOM)))
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    enum base_fail_class c = strchr(key, '@') ? load_by_mailbox(ctx, a, call->request, key, &r, f)
                                              : keeper_store_load(ctx->store, a, key, &r, f);
    if (!c)
        c = take_passphrase(call->request, x.pass, f);
    if (!c)
        c = run_export(ctx, call, a, &r, &x, false, f);
    if (!c)
        answer_export(call, &r, &x, true, answer);
    keeper_secret_free(x.pass, PASS_ROOM);
    return c;
}

enum base_fail_class keeper_op_export_done(struct keeper_ctx *ctx, struct keeper_call *call,
                                           struct base_arena *a, json_t *answer,
                                           struct base_fail *f)
{
    bool over = false;
    enum base_fail_class c = BASE_OK;
    (void)answer;
    if (!call->export_key[0])
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "this conversation has no export under way");
    if (base_json_bool(call->request, "delivered", false)) {
        c = keeper_sealed_accepted(ctx, a, call->export_id, &over, f);
        if (!c && over)
            c = keeper_sealed_forget(ctx, call, a, call->export_key, call->export_id, f);
    }
    if (!c)
        call->export_key[0] = '\0';
    return c;
}

enum base_fail_class keeper_exports_load(struct keeper_ctx *ctx, struct base_arena *a,
                                         const char *id, json_t **out, struct base_fail *f)
{
    struct base_buf text;
    struct base_fail why = {0};
    *out = NULL;
    if (!keeper_id_ok(id))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "not an export id");
    enum base_fail_class c =
        base_file_read(keeper_store_dirfd(ctx->store), base_arena_printf(a, "exports/%s.json", id),
                       SEAL_FILE_MAX, &text, &why);
    if (!c && !(*out = base_json_parse(text.p, text.n, SEAL_FILE_MAX, NULL)))
        c = base_failf(f, BASE_PERMANENT, "keeper.damaged", "the file of export %s is no JSON", id);
    else if (c && strcmp(why.code, "file.absent") == 0)
        base_failf(f, c, "keeper.absent", "there is no sealed export %s", id);
    else if (c)
        base_failf(f, c, c == BASE_PERMANENT ? "keeper.damaged" : why.code, "%s", why.text);
    base_buf_free(&text);
    return c;
}

/* The sealed passphrase in O into PASS (PASS_ROOM bytes, zeroed). */
enum base_fail_class keeper_exports_open(struct keeper_ctx *ctx, struct base_arena *a,
                                         const char *id, const json_t *o, char *pass,
                                         struct base_fail *f)
{
    const char *text = base_json_strd(o, "sealed", "");
    struct base_bytes sealed = {NULL, 0};
    sealed.p = base_unbase64(a, text, strlen(text), &sealed.n);
    if (!sealed.p || sealed.n <= KEEPER_SEAL_EXTRA || sealed.n - KEEPER_SEAL_EXTRA >= PASS_ROOM)
        return base_failf(f, BASE_PERMANENT, "keeper.damaged", "export %s: its seal is malformed",
                          id);
    return keeper_vault_open_sealed(ctx->vault, keeper_exports_aad(a, id, base_json_strd(o, "key_id", "")),
                                    sealed, (unsigned char *)pass, f);
}

enum base_fail_class keeper_op_passphrase(struct keeper_ctx *ctx, struct keeper_call *call,
                                          struct base_arena *a, json_t *answer, struct base_fail *f)
{
    json_t *o = NULL;
    const char *id = base_json_strd(call->request, "export", "");
    struct keeper_journal_entry e = {.kind = "passphrase", .export = id, .uid = call->uid};
    if (!(e.who = keeper_op_text(call->request, "who", f)) ||
        !(e.reason = keeper_op_text(call->request, "reason", f)))
        return BASE_PERMANENT;
    char *pass = keeper_secret_new(PASS_ROOM);
    if (!pass)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    enum base_fail_class c = keeper_exports_load(ctx, a, id, &o, f);
    if (!c)
        c = keeper_exports_open(ctx, a, id, o, pass, f);
    e.key_id = base_json_str(o, "key_id");
    e.mailbox = base_json_str(o, "mailbox");
    e.tenant = base_json_str(o, "tenant");
    if (!c)
        c = keeper_journal_add(ctx->journal, &e, f);
    if (!c) {
        json_object_set_new(answer, "passphrase", json_string(pass));
        base_log(LOG_NOTICE, "keeper.passphrase", "export", id, "key", e.key_id, "mailbox",
                 e.mailbox, "who", e.who, "uid", base_log_num(call->uid), NULL);
    }
    keeper_secret_free(pass, PASS_ROOM);
    json_decref(o);
    return c;
}

enum base_fail_class keeper_op_exports_since(struct keeper_ctx *ctx, struct keeper_call *call,
                                             struct base_arena *a, json_t *answer,
                                             struct base_fail *f)
{
    int64_t after, limit;
    json_t *list;
    (void)a;
    if (!keeper_op_number(call->request, "after", 0, INT64_MAX, 0, &after, f) ||
        !keeper_op_number(call->request, "limit", 1, KEEPER_PAGE_MAX, KEEPER_PAGE_MAX, &limit, f))
        return BASE_PERMANENT;
    enum base_fail_class c = keeper_journal_since(ctx->journal, after, (size_t)limit, &list, f);
    json_object_set_new(answer, "entries", list);
    return c;
}
