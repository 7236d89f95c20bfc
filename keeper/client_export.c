/* The client's side of the keeper: PKCS#12 files, passphrases, the journal. An
 * export keeps its conversation open until keeper_export_finish(), because only
 * then the keeper may forget the key. Passphrases are wiped wherever they were,
 * the caller's copy excepted. */
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/json.h"
#include "client.h"
#include "talk.h"

static void wipe(json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v))
        explicit_bzero((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}

static enum base_fail_class take_export(struct base_arena *a, const json_t *o,
                                        struct keeper_export *e, struct base_fail *f)
{
    const char *p12 = base_json_strd(o, "p12", "");
    e->mailbox = keeper_talk_text(a, o, "mailbox");
    e->passphrase = base_arena_strdup(a, base_json_str(o, "passphrase"));
    e->p12.p = base_unbase64(a, p12, strlen(p12), &e->p12.n);
    if (keeper_talk_id(o, "export", e->id) && keeper_talk_id(o, "key_id", e->key_id) &&
        keeper_talk_hash(o, "cert_sha256", e->cert_sha256) && e->p12.p && e->p12.n > 0)
        return BASE_OK;
    return keeper_talk_odd(f);
}

static enum base_fail_class begin(const char *sock, struct base_arena *a, json_t *q,
                                  struct keeper_export *out, struct base_fail *f)
{
    json_t *answer = NULL;
    *out = (struct keeper_export){.fd = -1};
    enum base_fail_class c = base_ipc_connect(sock, KEEPER_TIMEOUT_MS, &out->fd, f);
    if (!c)
        c = keeper_talk_over(out->fd, q, &answer, f);
    if (!c)
        c = take_export(a, answer, out, f);
    wipe(q, "passphrase");
    wipe(answer, "passphrase");
    json_decref(q);
    json_decref(answer);
    if (c)
        keeper_export_finish(out, false, NULL);
    return c;
}

enum base_fail_class keeper_seal_p12(const char *sock, struct base_arena *a, const char *key_id,
                                     const char *who, const char *reason, struct keeper_export *out,
                                     struct base_fail *f)
{
    json_t *q = keeper_talk_new("seal_p12");
    base_json_set(q, "key_id", key_id);
    base_json_set(q, "who", who);
    base_json_set(q, "reason", reason);
    return begin(sock, a, q, out, f);
}

enum base_fail_class keeper_export_p12(const char *admin_sock, struct base_arena *a,
                                       const char *key, bool exact, const char *passphrase,
                                       const char *who, const char *reason, struct keeper_export *out,
                                       struct base_fail *f)
{
    json_t *q = keeper_talk_new("export_p12");
    base_json_set(q, "key", key);
    base_json_setb(q, "exact", exact);
    base_json_set(q, "passphrase", passphrase);
    base_json_set(q, "who", who);
    base_json_set(q, "reason", reason);
    return begin(admin_sock, a, q, out, f);
}

enum base_fail_class keeper_export_finish(struct keeper_export *e, bool delivered,
                                          struct base_fail *f)
{
    enum base_fail_class c = BASE_OK;
    if (e->passphrase)
        explicit_bzero(e->passphrase, strlen(e->passphrase));
    e->passphrase = NULL;
    if (e->fd < 0)
        return BASE_OK;
    if (delivered) {
        json_t *answer, *q = keeper_talk_new("export_done");
        base_json_setb(q, "delivered", true);
        c = keeper_talk_over(e->fd, q, &answer, f);
        json_decref(q);
        json_decref(answer);
    }
    close(e->fd);
    e->fd = -1;
    return c;
}

enum base_fail_class keeper_admin_passphrase(const char *admin_sock, struct base_arena *a,
                                             const char *export_id, const char *who,
                                             const char *reason, char **passphrase,
                                             struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("passphrase");
    base_json_set(q, "export", export_id);
    base_json_set(q, "who", who);
    base_json_set(q, "reason", reason);
    enum base_fail_class c = keeper_talk(admin_sock, q, &answer, f);
    *passphrase = base_arena_strdup(a, base_json_str(answer, "passphrase"));
    if (!c && !*passphrase)
        c = keeper_talk_odd(f);
    wipe(answer, "passphrase");
    json_decref(answer);
    return c;
}

static void take_entry(struct base_arena *a, const json_t *o, struct keeper_journal_entry *e)
{
    e->n = base_json_int(o, "n", 0);
    e->at = base_json_int(o, "at", 0);
    e->kind = keeper_talk_text(a, o, "kind");
    e->export = base_arena_strdup(a, base_json_str(o, "export"));
    e->key_id = keeper_talk_text(a, o, "key_id");
    e->mailbox = keeper_talk_text(a, o, "mailbox");
    e->tenant = keeper_talk_text(a, o, "tenant");
    e->cert_sha256 = base_arena_strdup(a, base_json_str(o, "cert_sha256"));
    e->who = keeper_talk_text(a, o, "who");
    e->reason = keeper_talk_text(a, o, "reason");
    e->uid = base_json_int(o, "uid", -1);
}

enum base_fail_class keeper_exports_since(const char *sock, struct base_arena *a, int64_t after,
                                          size_t limit, struct keeper_journal_entry **list,
                                          size_t *n, struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("exports_since");
    base_json_setn(q, "after", after);
    base_json_setn(q, "limit", (int64_t)limit);
    *n = 0;
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    const json_t *entries = base_json_arr(answer, "entries");
    size_t count = json_array_size(entries);
    if (!c && (!entries || count > KEEPER_PAGE_MAX))
        c = keeper_talk_odd(f);
    *list = c ? NULL : base_arena_array(a, count + 1, sizeof **list);
    for (size_t i = 0; !c && i < count; i++)
        take_entry(a, json_array_get(entries, i), &(*list)[(*n)++]);
    json_decref(answer);
    return c;
}
