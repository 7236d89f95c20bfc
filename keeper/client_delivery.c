/* The client's side of deliveries. Passphrases are wiped wherever they were, the caller's
 * copy excepted. */
#include "delivery.h"

#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/json.h"
#include "talk.h"

#define PAGE_MAX 1000

static void wipe(json_t *o)
{
    const json_t *v = json_object_get(o, "passphrase");
    if (json_is_string(v))
        explicit_bzero((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}

static enum base_fail_class take_bundle(struct base_arena *a, const json_t *o,
                                        struct keeper_export *e, bool accepted,
                                        struct base_fail *f)
{
    if (!keeper_talk_id(o, "export", e->id))
        return keeper_talk_odd(f);
    if (accepted)
        return BASE_OK;
    const char *p12 = base_json_strd(o, "p12", "");
    e->mailbox = keeper_talk_text(a, o, "mailbox");
    e->p12.p = base_unbase64(a, p12, strlen(p12), &e->p12.n);
    if (keeper_talk_id(o, "key_id", e->key_id) &&
        keeper_talk_hash(o, "cert_sha256", e->cert_sha256) && e->p12.p && e->p12.n > 0)
        return BASE_OK;
    return keeper_talk_odd(f);
}

enum base_fail_class keeper_seal_bundle(const char *sock, struct base_arena *a,
                                        const struct keeper_bundle *b, struct keeper_export *out,
                                        int64_t *keys, bool *accepted, struct base_fail *f)
{
    json_t *answer = NULL, *q = keeper_talk_new("seal_bundle");
    base_json_set(q, "mailbox", b->mailbox);
    base_json_setb(q, "exact", b->exact);
    base_json_set(q, "key_id", b->key_id);
    base_json_set(q, "request", b->request);
    base_json_set(q, "way", b->way);
    base_json_setb(q, "history", b->history);
    base_json_setb(q, "again", b->again);
    base_json_set(q, "who", b->who);
    base_json_set(q, "reason", b->reason);
    *out = (struct keeper_export){.fd = -1};
    enum base_fail_class c = base_ipc_connect(sock, KEEPER_TIMEOUT_MS, &out->fd, f);
    if (!c)
        c = keeper_talk_over(out->fd, q, &answer, f);
    *accepted = base_json_bool(answer, "accepted", false);
    *keys = base_json_int(answer, "keys", 0);
    if (!c)
        c = take_bundle(a, answer, out, *accepted, f);
    json_decref(q);
    json_decref(answer);
    if (c || *accepted)
        keeper_export_finish(out, false, NULL);
    return c;
}

enum base_fail_class keeper_handouts(const char *admin_sock, struct base_arena *a,
                                     const char *after, struct keeper_handout **list, size_t *n,
                                     char next[KEEPER_ID], struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("handouts");
    base_json_set(q, "after", after);
    *n = 0;
    next[0] = '\0';
    enum base_fail_class c = keeper_talk(admin_sock, q, &answer, f);
    const json_t *waiting = base_json_arr(answer, "waiting");
    size_t count = json_array_size(waiting);
    if (!c && (!waiting || count > PAGE_MAX))
        c = keeper_talk_odd(f);
    *list = c ? NULL : base_arena_array(a, count + 1, sizeof **list);
    for (size_t i = 0; !c && i < count; i++) {
        const json_t *o = json_array_get(waiting, i);
        struct keeper_handout *h = &(*list)[i];
        if (!keeper_talk_id(o, "export", h->id))
            c = keeper_talk_odd(f);
        h->key_id = keeper_talk_text(a, o, "key_id");
        h->mailbox = keeper_talk_text(a, o, "mailbox");
        h->tenant = keeper_talk_text(a, o, "tenant");
        h->way = base_arena_strdup(a, base_json_str(o, "way"));
        h->accepted = base_json_int(o, "accepted", 0);
        h->given = base_json_int(o, "given", 0);
    }
    *n = c ? 0 : count;
    if (!c && base_json_str(answer, "next") && !keeper_talk_id(answer, "next", next))
        c = keeper_talk_odd(f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_handout_take(const char *admin_sock, struct base_arena *a,
                                         const char *export_id, const char *who,
                                         const char *reason, char **passphrase,
                                         struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("handout");
    base_json_set(q, "export", export_id);
    base_json_set(q, "who", who);
    base_json_set(q, "reason", reason);
    enum base_fail_class c = keeper_talk(admin_sock, q, &answer, f);
    *passphrase = base_arena_strdup(a, base_json_str(answer, "passphrase"));
    if (!c && !*passphrase)
        c = keeper_talk_odd(f);
    wipe(answer);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_handout_done(const char *admin_sock, const char *export_id,
                                         struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("handed");
    base_json_set(q, "export", export_id);
    enum base_fail_class c = keeper_talk(admin_sock, q, &answer, f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_preset(const char *admin_sock, const char *mailbox, bool exact,
                                   const char *passphrase, struct base_fail *f)
{
    json_t *answer = NULL, *q = keeper_talk_new("preset");
    int fd;
    base_json_set(q, "mailbox", mailbox);
    base_json_setb(q, "exact", exact);
    base_json_set(q, "passphrase", passphrase);
    enum base_fail_class c = base_ipc_connect(admin_sock, KEEPER_TIMEOUT_MS, &fd, f);
    if (!c) {
        c = keeper_talk_over(fd, q, &answer, f);
        close(fd);
    }
    wipe(q);
    json_decref(q);
    json_decref(answer);
    return c;
}
