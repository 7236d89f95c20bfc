/* The agent's sealed export for delivery: one key with its certificate, and on request the
 * older keys of the mailbox, so that old mail stays readable.
 *
 * The request makes it idempotent: a repetition after a crash gives the same export with
 * the same passphrase, and one that its receiver has already is answered "accepted" and
 * not built again. The journal has one entry for each export. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cert/bundle.h"
#include "cert/fields.h"
#include "cert/pkcs12.h"
#include "exact.h"
#include "memory.h"
#include "sealed.h"

#define OLDER_MAX 20 /* keys of the past; each costs half a second to seal */
#define LOOK_MAX 1000
#define AGAIN_MAX 10000 /* times that one request was sent anew */
#define DECRYPTS (CERT_KU_KEY_ENCIPHERMENT | CERT_KU_KEY_AGREEMENT | CERT_KU_DATA_ENCIPHERMENT)

struct bundle {
    struct keeper_ctx *ctx;
    struct keeper_call *call;
    struct base_arena *a;
    const char *mailbox, *request, *way, *who, *reason;
    bool again, history;
    struct keeper_record r[1 + OLDER_MAX];
    size_t n;
    json_t *file; /* exports/<id>.json */
    bool fresh, accepted;
    char *pass; /* secret memory */
};

static const struct keeper_cert *newest(const struct keeper_record *r)
{
    return r->k.n_certs > 0 ? &r->k.certs[r->k.n_certs - 1] : NULL;
}

static enum base_fail_class fields_of(struct base_arena *a, const struct keeper_record *r,
                                      struct cert_bundle *chain, struct cert_fields *leaf,
                                      struct base_fail *f)
{
    const char *pem = newest(r)->pem;
    enum base_fail_class c = cert_bundle_split(a, pem, strlen(pem), chain, f);
    return c ? c : cert_fields_parse(a, chain->der[0].p, chain->der[0].n, leaf, f);
}

/* Is MAILBOX the key's, or one of those that its certificate names? */
static bool belongs(const struct bundle *b, const struct keeper_record *r)
{
    const json_t *q = b->call->request;
    struct cert_bundle chain;
    struct cert_fields leaf;
    if (keeper_exact_same(b->ctx, q, r->k.mailbox, b->mailbox))
        return true;
    if (fields_of(b->a, r, &chain, &leaf, NULL))
        return false;
    for (size_t i = 0; i < leaf.n_mailboxes; i++)
        if (keeper_exact_same(b->ctx, q, leaf.mailboxes[i].address, b->mailbox))
            return true;
    return false;
}

/* ---- which keys ------------------------------------------------------------------------ */

static enum base_fail_class load_main(struct bundle *b, struct base_fail *f)
{
    struct keeper_record *r = &b->r[0];
    enum base_fail_class c =
        keeper_store_load(b->ctx->store, b->a, base_json_strd(b->call->request, "key_id", ""), r, f);
    if (c)
        return c;
    if (!newest(r))
        return base_failf(f, BASE_PERMANENT, "keeper.nocert", "key %s has no certificate yet",
                          r->k.id);
    if (!belongs(b, r))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "key %s isn't one of %s", r->k.id,
                          b->mailbox);
    b->n = 1;
    return BASE_OK;
}

/* Could mail have been encrypted to it? */
static bool is_older(struct bundle *b, const struct keeper_record *r)
{
    struct cert_bundle chain;
    struct cert_fields leaf;
    return !r->k.destroyed && newest(r) &&
           keeper_exact_same(b->ctx, b->call->request, r->k.mailbox, b->mailbox) &&
           strcmp(r->k.id, b->r[0].k.id) != 0 &&
           strcmp(r->k.tenant, b->r[0].k.tenant) == 0 &&
           !fields_of(b->a, r, &chain, &leaf, NULL) && (!leaf.ku_present || (leaf.ku & DECRYPTS));
}

static int by_newest(const void *x, const void *y)
{
    int64_t p = newest(x)->attached, q = newest(y)->attached;
    return p > q ? -1 : p < q;
}

static enum base_fail_class load_older(struct bundle *b, struct base_fail *f)
{
    char(*ids)[KEEPER_ID] = base_arena_array(b->a, LOOK_MAX, KEEPER_ID);
    struct keeper_record *found = base_arena_array(b->a, LOOK_MAX, sizeof *found);
    size_t n = 0, m = 0;
    enum base_fail_class c =
        keeper_store_ids(b->ctx->store, NULL, b->mailbox, LOOK_MAX, ids, &n, f);
    for (size_t i = 0; !c && i < n; i++)
        if (keeper_store_load(b->ctx->store, b->a, ids[i], &found[m], NULL) == BASE_OK &&
            is_older(b, &found[m]))
            m++;
    if (m > 1)
        qsort(found, m, sizeof *found, by_newest);
    for (size_t i = 0; !c && i < m && i < OLDER_MAX; i++)
        b->r[b->n++] = found[i];
    return c;
}

/* ---- which export ---------------------------------------------------------------------- */

static enum base_fail_class new_file(struct bundle *b, const char *id)
{
    b->file = json_object();
    base_json_setn(b->file, "format", KEEPER_RECORD_FORMAT);
    base_json_set(b->file, "export", id);
    base_json_set(b->file, "key_id", b->r[0].k.id);
    base_json_set(b->file, "mailbox", b->mailbox);
    base_json_set(b->file, "tenant", b->r[0].k.tenant);
    base_json_set(b->file, "request", b->request);
    base_json_setn(b->file, "created", base_now());
    b->fresh = true;
    return BASE_OK;
}

/* The export of this request that is still open; sent anew, the next one where the
 * passphrase of the last is gone. */
static enum base_fail_class find_file(struct bundle *b, struct base_fail *f)
{
    for (int i = 0; i < AGAIN_MAX; i++) {
        char id[KEEPER_ID];
        struct base_fail why = {0};
        keeper_sealed_id(base_arena_printf(b->a, "%s\n%s\n%d\n", b->r[0].k.id, b->request, i), id);
        enum base_fail_class c = keeper_exports_load(b->ctx, b->a, id, &b->file, &why);
        if (c && strcmp(why.code, "keeper.absent") == 0)
            return new_file(b, id);
        if (c)
            return base_failf(f, c, why.code, "%s", why.text);
        b->accepted = base_json_int(b->file, "accepted", 0) > 0 && !b->again;
        if (b->accepted || !base_json_int(b->file, "handed", 0) ||
            strcmp(base_json_strd(b->file, "way", ""), "preset") == 0)
            return BASE_OK;
        json_decref(b->file);
        b->file = NULL;
    }
    return base_failf(f, BASE_PERMANENT, "keeper.request", "it was sent anew too often");
}

static enum base_fail_class preset(struct bundle *b, struct base_fail *f)
{
    char id[KEEPER_ID];
    json_t *o = NULL;
    struct base_fail why = {0};
    enum base_fail_class c =
        keeper_sealed_preset_find(b->ctx, b->a, b->call->request, b->mailbox, id, &o, &why);
    if (c && strcmp(why.code, "keeper.absent") == 0)
        c = base_failf(f, BASE_TEMPORARY, "keeper.nopass", "%s has set no passphrase yet",
                       b->mailbox);
    else if (c)
        base_failf(f, c, why.code, "%s", why.text);
    else
        c = keeper_exports_open(b->ctx, b->a, id, o, b->pass, f);
    json_decref(o);
    return c;
}

/* Its passphrase into b->pass, and the file brought to what is to be true. */
static enum base_fail_class passphrase(struct bundle *b, struct base_fail *f)
{
    const char *id = base_json_strd(b->file, "export", "");
    if (strcmp(b->way, "preset") == 0) {
        json_object_del(b->file, "sealed");
        enum base_fail_class c = preset(b, f);
        if (c)
            return c;
    } else if (base_json_str(b->file, "sealed")) {
        enum base_fail_class c = keeper_exports_open(b->ctx, b->a, id, b->file, b->pass, f);
        if (c)
            return c;
    } else {
        keeper_exports_passphrase(b->pass);
        enum base_fail_class c = keeper_sealed_put(b->ctx, b->a, b->file, b->pass, f);
        if (c)
            return c;
    }
    base_json_set(b->file, "way", b->way);
    return keeper_sealed_save(b->ctx, b->a, b->file, f);
}

/* ---- building -------------------------------------------------------------------------- */

static enum base_fail_class entry(struct bundle *b, size_t i, struct cert_pkcs12_entry *e,
                                  struct base_fail *f)
{
    char until[BASE_TIME_LEN];
    struct cert_bundle *chain = base_arena_alloc(b->a, sizeof *chain);
    struct cert_fields leaf;
    enum base_fail_class c = fields_of(b->a, &b->r[i], chain, &leaf, f);
    if (!c)
        c = keeper_envelope_open(b->ctx->vault, &b->r[i], (EVP_PKEY **)&e->key, f);
    if (c)
        return c;
    base_time_rfc3339(leaf.not_after, until);
    e->chain = chain->der;
    e->n = chain->n;
    e->name = i == 0 ? b->mailbox : base_arena_printf(b->a, "%s (to %.10s)", b->mailbox, until);
    return BASE_OK;
}

static enum base_fail_class build(struct bundle *b, char **p12, struct base_fail *f)
{
    struct cert_pkcs12_entry e[1 + OLDER_MAX] = {0};
    struct base_buf out;
    enum base_fail_class c = BASE_OK;
    base_buf_init(&out, 0);
    for (size_t i = 0; i < b->n && !c; i++)
        c = entry(b, i, &e[i], f);
    if (!c)
        c = cert_pkcs12_build_many(e, b->n, b->pass, &out, f);
    for (size_t i = 0; i < b->n; i++)
        EVP_PKEY_free(e[i].key);
    if (!c)
        *p12 = base_base64(b->a, out.p, out.n);
    base_buf_wipe(&out);
    return c;
}

static enum base_fail_class journal(struct bundle *b, struct base_fail *f)
{
    struct keeper_journal_entry e = {.kind = "seal",
                                     .export = base_json_str(b->file, "export"),
                                     .key_id = b->r[0].k.id,
                                     .mailbox = b->mailbox,
                                     .tenant = b->r[0].k.tenant,
                                     .cert_sha256 = newest(&b->r[0])->sha256,
                                     .who = b->who,
                                     .reason = b->reason,
                                     .uid = b->call->uid};
    enum base_fail_class c = keeper_journal_add(b->ctx->journal, &e, f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.export", "kind", "seal", "export", e.export, "key", e.key_id,
                 "mailbox", b->mailbox, "keys", base_log_num((long long)b->n), "way", b->way, NULL);
    return c;
}

static enum base_fail_class seal(struct bundle *b, json_t *answer, struct base_fail *f)
{
    char *p12 = NULL;
    const char *id = base_json_str(b->file, "export");
    enum base_fail_class c = b->history ? load_older(b, f) : BASE_OK;
    if (!c)
        c = passphrase(b, f);
    if (!c)
        c = build(b, &p12, f);
    if (!c && !base_json_bool(b->file, "journalled", false)) {
        if (!(c = journal(b, f))) {
            base_json_setb(b->file, "journalled", true);
            c = keeper_sealed_save(b->ctx, b->a, b->file, f);
        }
    }
    if (c)
        return c;
    base_json_set(answer, "export", id);
    base_json_set(answer, "key_id", b->r[0].k.id);
    base_json_set(answer, "mailbox", b->mailbox);
    base_json_set(answer, "cert_sha256", newest(&b->r[0])->sha256);
    base_json_set(answer, "p12", p12);
    base_json_setn(answer, "keys", (int64_t)b->n);
    memcpy(b->call->export_id, id, KEEPER_ID);
    memcpy(b->call->export_key, b->r[0].k.id, KEEPER_ID);
    return BASE_OK;
}

/* With the lock of the request held. */
static enum base_fail_class run(struct bundle *b, json_t *answer, struct base_fail *f)
{
    enum base_fail_class c = load_main(b, f);
    if (!c)
        c = find_file(b, f);
    if (c)
        return c;
    if (b->accepted) {
        base_json_setb(answer, "accepted", true);
        base_json_set(answer, "export", base_json_str(b->file, "export"));
        return BASE_OK;
    }
    if (b->r[0].k.destroyed)
        return base_failf(f, BASE_PERMANENT, "keeper.destroyed", "key %s was destroyed: %s",
                          b->r[0].k.id, b->r[0].k.destroyed_reason);
    return seal(b, answer, f);
}

static enum base_fail_class take(struct bundle *b, const json_t *q, struct base_fail *f)
{
    b->way = base_json_strd(q, "way", "");
    b->again = base_json_bool(q, "again", false);
    b->history = base_json_bool(q, "history", false);
    if (!(b->mailbox = keeper_op_text(q, "mailbox", f)) ||
        !(b->request = keeper_op_text(q, "request", f)) ||
        !(b->who = keeper_op_text(q, "who", f)) || !(b->reason = keeper_op_text(q, "reason", f)))
        return BASE_PERMANENT;
    if (strcmp(b->way, "hook") != 0 && strcmp(b->way, "file") != 0 && strcmp(b->way, "preset") != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"way\" must be hook, file or preset");
    return BASE_OK;
}

enum base_fail_class keeper_op_seal_bundle(struct keeper_ctx *ctx, struct keeper_call *call,
                                           struct base_arena *a, json_t *answer,
                                           struct base_fail *f)
{
    char lock[KEEPER_ID];
    struct bundle *b = base_arena_alloc(a, sizeof *b);
    *b = (struct bundle){.ctx = ctx, .call = call, .a = a};
    enum base_fail_class c = take(b, call->request, f);
    if (c)
        return c;
    if (!(b->pass = keeper_secret_new(KEEPER_PASS_ROOM)))
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    keeper_sealed_id(b->request, lock);
    keeper_store_lock(ctx->store, lock);
    c = run(b, answer, f);
    keeper_store_unlock(ctx->store, lock);
    /* a crash may have come between "accepted" and the end of its key */
    if (!c && b->accepted && base_json_int(b->file, "handed", 0))
        c = keeper_sealed_forget(ctx, call, a, b->r[0].k.id, base_json_str(b->file, "export"), f);
    json_decref(b->file);
    keeper_secret_free(b->pass, KEEPER_PASS_ROOM);
    return c;
}
