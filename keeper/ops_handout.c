/* The administrator's half of delivery: which passphrases wait for their owners, one of
 * them, the word that it arrived, and passphrases that owners set beforehand. A passphrase
 * leaves only for an export that its receiver has; once it arrived it is wiped here. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "memory.h"
#include "exact.h"
#include "sealed.h"

#define SEAL_PAGE 200

static bool is_waiting(const json_t *o)
{
    return base_json_int(o, "accepted", 0) && !base_json_int(o, "handed", 0) &&
           base_json_str(o, "sealed");
}

static json_t *shown(const json_t *o)
{
    static const char *const texts[] = {"export", "key_id", "mailbox", "tenant", "way"};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        base_json_set(out, texts[i], base_json_str(o, texts[i]));
    base_json_setn(out, "accepted", base_json_int(o, "accepted", 0));
    base_json_setn(out, "given", base_json_int(o, "given", 0));
    return out;
}

/* Its key was destroyed for another reason than its delivery: nobody needs it any more. */
static bool is_moot(struct keeper_ctx *ctx, struct base_arena *a, const json_t *o)
{
    struct keeper_record r;
    return keeper_store_load(ctx->store, a, base_json_strd(o, "key_id", ""), &r, NULL) == BASE_OK &&
           r.k.destroyed;
}

/* A row for the list, or its passphrase is wiped. */
static void look_at(struct keeper_ctx *ctx, struct base_arena *a, const char *id, json_t *list)
{
    json_t *o = NULL;
    struct base_fail why = {0};
    keeper_store_lock(ctx->store, id);
    enum base_fail_class c = keeper_exports_load(ctx, a, id, &o, &why);
    if (!c && is_waiting(o) && is_moot(ctx, a, o)) {
        json_object_del(o, "sealed");
        c = keeper_sealed_save(ctx, a, o, &why);
    }
    if (c)
        base_log_fail(LOG_WARNING, "keeper.unreadable", &why, "export", id, NULL);
    else if (is_waiting(o))
        json_array_append_new(list, shown(o));
    keeper_store_unlock(ctx->store, id);
    json_decref(o);
}

/* Pages by id: "next" is the place to go on from. */
enum base_fail_class keeper_op_handouts(struct keeper_ctx *ctx, struct keeper_call *call,
                                        struct base_arena *a, json_t *answer, struct base_fail *f)
{
    const char *after = base_json_str(call->request, "after");
    char(*ids)[KEEPER_ID] = base_arena_array(a, SEAL_PAGE, KEEPER_ID);
    size_t n = 0;
    if (after && !keeper_id_ok(after))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"after\" is no export id");
    enum base_fail_class c = keeper_store_export_ids(ctx->store, after, SEAL_PAGE, ids, &n, f);
    if (c)
        return c;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        look_at(ctx, a, ids[i], list);
    json_object_set_new(answer, "waiting", list);
    if (n == SEAL_PAGE)
        base_json_set(answer, "next", ids[n - 1]);
    return BASE_OK;
}

/* ---- giving out ------------------------------------------------------------------------ */

static enum base_fail_class load_waiting(struct keeper_ctx *ctx, struct base_arena *a,
                                         const char *id, json_t **o, struct base_fail *f)
{
    enum base_fail_class c = keeper_exports_load(ctx, a, id, o, f);
    if (!c && !is_waiting(*o))
        c = base_failf(f, BASE_PERMANENT, "keeper.handed",
                       base_json_int(*o, "handed", 0)
                           ? "the passphrase of export %s was handed out before"
                           : "export %s has not reached its mailbox yet",
                       id);
    return c;
}

/* Before it leaves it is in the journal, once however often a hook fails. */
static enum base_fail_class record_given(struct keeper_ctx *ctx, const struct keeper_call *call,
                                         struct base_arena *a, json_t *o, struct base_fail *f)
{
    struct keeper_journal_entry e = {.kind = "passphrase",
                                     .export = base_json_str(o, "export"),
                                     .key_id = base_json_str(o, "key_id"),
                                     .mailbox = base_json_str(o, "mailbox"),
                                     .tenant = base_json_str(o, "tenant"),
                                     .who = keeper_op_text(call->request, "who", f),
                                     .reason = keeper_op_text(call->request, "reason", f),
                                     .uid = call->uid};
    if (!e.who || !e.reason)
        return BASE_PERMANENT;
    if (base_json_int(o, "given", 0))
        return BASE_OK;
    enum base_fail_class c = keeper_journal_add(ctx->journal, &e, f);
    if (c)
        return c;
    base_json_setn(o, "given", base_now());
    return keeper_sealed_save(ctx, a, o, f);
}

enum base_fail_class keeper_op_handout(struct keeper_ctx *ctx, struct keeper_call *call,
                                       struct base_arena *a, json_t *answer, struct base_fail *f)
{
    json_t *o = NULL;
    const char *id = base_json_strd(call->request, "export", "");
    char *pass = keeper_secret_new(KEEPER_PASS_ROOM);
    if (!pass)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    keeper_store_lock(ctx->store, id);
    enum base_fail_class c = load_waiting(ctx, a, id, &o, f);
    if (!c)
        c = keeper_exports_open(ctx, a, id, o, pass, f);
    if (!c)
        c = record_given(ctx, call, a, o, f);
    keeper_store_unlock(ctx->store, id);
    if (!c) {
        json_object_set_new(answer, "passphrase", json_string(pass));
        base_log(LOG_NOTICE, "keeper.handout", "export", id, "mailbox",
                 base_json_strd(o, "mailbox", ""), "uid", base_log_num(call->uid), NULL);
    }
    keeper_secret_free(pass, KEEPER_PASS_ROOM);
    json_decref(o);
    return c;
}

/* It arrived. A key in custody "forget" ends first, so that a crash in between only
 * hands the passphrase out once more. */
enum base_fail_class keeper_op_handed(struct keeper_ctx *ctx, struct keeper_call *call,
                                      struct base_arena *a, json_t *answer, struct base_fail *f)
{
    json_t *o = NULL;
    const char *id = base_json_strd(call->request, "export", "");
    (void)answer;
    enum base_fail_class c = keeper_exports_load(ctx, a, id, &o, f);
    if (!c && base_json_int(o, "handed", 0)) {
        json_decref(o);
        return BASE_OK;
    }
    if (!c && !base_json_int(o, "accepted", 0))
        c = base_failf(f, BASE_PERMANENT, "keeper.handed", "export %s is not there yet", id);
    if (!c)
        c = keeper_sealed_forget(ctx, call, a, base_json_strd(o, "key_id", ""), id, f);
    json_decref(o);
    o = NULL;
    if (c)
        return c;
    keeper_store_lock(ctx->store, id);
    c = keeper_exports_load(ctx, a, id, &o, f);
    if (!c) {
        base_json_setn(o, "handed", base_now());
        json_object_del(o, "sealed");
        c = keeper_sealed_save(ctx, a, o, f);
    }
    keeper_store_unlock(ctx->store, id);
    if (!c)
        base_log(LOG_NOTICE, "keeper.handed", "export", id, "mailbox",
                 base_json_strd(o, "mailbox", ""), NULL);
    json_decref(o);
    return c;
}

/* ---- set beforehand ---------------------------------------------------------------------- */

static bool strong(const char *s)
{
    size_t kinds = 0;
    for (size_t i = 0; s[i]; i++)
        kinds += strchr(s, s[i]) == s + i; /* first of its kind */
    return kinds >= 6;
}

static enum base_fail_class preset_set(struct keeper_ctx *ctx, struct base_arena *a,
                                       const char *id, const char *mailbox, const char *pass,
                                       struct base_fail *f)
{
    size_t n = strlen(pass);
    if (n < CERT_PKCS12_PASS_MIN || n > CERT_PKCS12_PASS_MAX || !strong(pass))
        return base_failf(f, BASE_PERMANENT, "keeper.weak",
                          "a passphrase has %d to %d bytes, of at least 6 different kinds",
                          CERT_PKCS12_PASS_MIN, CERT_PKCS12_PASS_MAX);
    json_t *o = json_object();
    base_json_setn(o, "format", KEEPER_RECORD_FORMAT);
    base_json_set(o, "export", id);
    base_json_set(o, "kind", "preset");
    base_json_set(o, "key_id", "");
    base_json_set(o, "mailbox", mailbox);
    base_json_setn(o, "created", base_now());
    enum base_fail_class c = keeper_sealed_put(ctx, a, o, pass, f);
    if (!c)
        c = keeper_sealed_save(ctx, a, o, f);
    json_decref(o);
    return c;
}

/* All that are MAILBOX's: also of a time when its spellings were one mailbox, or were not. */
static enum base_fail_class preset_drop(struct keeper_ctx *ctx, struct base_arena *a,
                                        const json_t *request, const char *mailbox,
                                        struct base_fail *f)
{
    char id[KEEPER_ID];
    json_t *o = NULL;
    enum base_fail_class c = keeper_sealed_preset_find(ctx, a, request, mailbox, id, &o, f);
    struct base_fail none = {0};
    for (enum base_fail_class more = c; !more;
         more = keeper_sealed_preset_find(ctx, a, request, mailbox, id, &o, &none)) {
        json_decref(o);
        if (unlinkat(keeper_store_dirfd(ctx->store), base_arena_printf(a, "exports/%s.json", id), 0) != 0)
            return base_failf(f, BASE_OURS, "keeper.internal", "a passphrase can't be removed: %s",
                              strerror(errno));
    }
    return c;
}

/* Without "passphrase": taken away again, which the agent may do too (a mailbox is
 * forgotten). */
enum base_fail_class keeper_op_preset(struct keeper_ctx *ctx, struct keeper_call *call,
                                      struct base_arena *a, json_t *answer, struct base_fail *f)
{
    char id[KEEPER_ID], lock[KEEPER_ID];
    const char *mailbox = keeper_op_text(call->request, "mailbox", f);
    const char *pass = base_json_str(call->request, "passphrase");
    enum base_fail_class c = BASE_OK;
    (void)answer;
    if (!mailbox)
        return BASE_PERMANENT;
    if (pass && !call->admin)
        return base_failf(f, BASE_PERMANENT, "keeper.denied",
                          "setting a passphrase is not for this socket");
    if (!strchr(mailbox, '@'))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"mailbox\" has no @");
    keeper_sealed_preset_id(mailbox, keeper_exact_folds(ctx, call->request, mailbox), id);
    keeper_sealed_preset_id(mailbox, true, lock);
    keeper_store_lock(ctx->store, lock);
    c = pass ? preset_set(ctx, a, id, mailbox, pass, f) : preset_drop(ctx, a, call->request, mailbox, f);
    keeper_store_unlock(ctx->store, lock);
    if (!c)
        base_log(LOG_NOTICE, pass ? "keeper.preset" : "keeper.unset", "mailbox", mailbox, "uid",
                 base_log_num(call->uid), NULL);
    return c;
}
