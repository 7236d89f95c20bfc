/* The client's side of the keeper: fetching its store, having it rewrapped. Pages
 * of one request each; a key-encryption key is wiped wherever it was but with
 * the caller. */
#include <string.h>

#include "backup.h"
#include "base/json.h"
#include "talk.h"

static void take_begun(struct base_arena *a, const json_t *o, struct keeper_begun *out)
{
    *out = (struct keeper_begun){0};
    out->kek_id = keeper_talk_text(a, o, "kek_id");
    out->old_kek_id = keeper_talk_text(a, o, "old_kek_id");
    out->check = keeper_talk_text(a, o, "check");
    out->both = keeper_talk_text(a, o, "both");
    out->keys = base_json_int(o, "keys", 0);
    json_t *others = json_object_get(o, "others"), *v;
    const char *name;
    out->other_name = base_arena_array(a, json_object_size(others) + 1, sizeof(char *));
    out->other_text = base_arena_array(a, json_object_size(others) + 1, sizeof(char *));
    json_object_foreach(others, name, v) {
        out->other_name[out->nothers] = base_arena_strdup(a, name);
        out->other_text[out->nothers++] = base_arena_strdup(a, json_is_string(v) ? json_string_value(v)
                                                                                 : "");
    }
    out->exports = base_json_int(o, "exports", 0);
}

enum base_fail_class keeper_backup_begin(const char *sock, struct base_arena *a,
                                         struct keeper_begun *out, struct base_fail *f)
{
    json_t *answer;
    enum base_fail_class c = keeper_talk(sock, keeper_talk_new("backup_begin"), &answer, f);
    if (!c)
        take_begun(a, answer, out);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_backup_files(const char *sock, const char *what, keeper_backup_file *cb,
                                         void *ctx, struct base_fail *f)
{
    char next[KEEPER_ID] = "";
    enum base_fail_class c;
    do {
        json_t *answer, *q = keeper_talk_new("backup_files");
        base_json_set(q, "what", what);
        if (next[0])
            base_json_set(q, "after", next);
        next[0] = '\0';
        c = keeper_talk(sock, q, &answer, f);
        const json_t *list = base_json_arr(answer, "files");
        for (size_t i = 0; !c && i < json_array_size(list); i++) {
            const json_t *o = json_array_get(list, i);
            const char *text = base_json_strd(o, "text", "");
            char id[KEEPER_ID];
            c = keeper_talk_id(o, "id", id) ? cb(ctx, id, text, strlen(text), f)
                                            : keeper_talk_odd(f);
        }
        if (!c && !keeper_talk_id(answer, "next", next))
            next[0] = '\0';
        json_decref(answer);
    } while (!c && next[0]);
    return c;
}

enum base_fail_class keeper_backup_journal(const char *sock, keeper_backup_file *cb, void *ctx,
                                           struct base_fail *f)
{
    int64_t at = 0, next = 0;
    enum base_fail_class c;
    do {
        json_t *answer, *q = keeper_talk_new("backup_journal");
        at = next;
        base_json_setn(q, "at", at);
        c = keeper_talk(sock, q, &answer, f);
        const char *text = base_json_strd(answer, "text", "");
        next = base_json_int(answer, "next", at);
        if (!c && text[0])
            c = cb(ctx, "", text, strlen(text), f);
        json_decref(answer);
    } while (!c && next > at);
    return c;
}

enum base_fail_class keeper_rewrap_begin(const char *sock, struct base_arena *a,
                                         const unsigned char kek[KEEPER_KEK_BYTES],
                                         struct keeper_begun *out, struct base_fail *f)
{
    char hex[2 * KEEPER_KEK_BYTES + 1];
    json_t *answer, *q = keeper_talk_new("rewrap_begin");
    base_hex(kek, KEEPER_KEK_BYTES, hex);
    json_t *text = json_string(hex);
    explicit_bzero(hex, sizeof hex);
    json_object_set(q, "kek", text);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    explicit_bzero((void *)(uintptr_t)json_string_value(text), json_string_length(text));
    json_decref(text);
    if (!c)
        take_begun(a, answer, out);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_rewrap_all(const char *sock, const char *what, bool dry,
                                       struct keeper_rewrapped *sum,
                                       void (*told)(void *ctx, const struct keeper_rewrapped *sum),
                                       void *ctx, struct base_fail *f)
{
    char next[KEEPER_ID] = "";
    enum base_fail_class c;
    do {
        json_t *answer, *q = keeper_talk_new("rewrap_page");
        base_json_set(q, "what", what);
        base_json_setb(q, "dry", dry);
        if (next[0])
            base_json_set(q, "after", next);
        c = keeper_talk(sock, q, &answer, f);
        sum->seen += base_json_int(answer, "seen", 0);
        sum->changed += base_json_int(answer, "changed", 0);
        sum->left += base_json_int(answer, "left", 0);
        sum->purged += base_json_int(answer, "purged", 0);
        if (c || !keeper_talk_id(answer, "next", next))
            next[0] = '\0';
        json_decref(answer);
        if (!c && told)
            told(ctx, sum);
    } while (!c && next[0]);
    return c;
}

enum base_fail_class keeper_rewrap_finish(const char *sock,
                                          void (*told)(void *ctx, const struct keeper_rewrapped *sum),
                                          void *ctx, struct base_fail *f)
{
    struct keeper_rewrapped sum = {0};
    enum base_fail_class c;
    bool more;
    do {
        json_t *answer;
        c = keeper_talk(sock, keeper_talk_new("rewrap_finish"), &answer, f);
        sum.seen = base_json_int(answer, "seen", 0);
        more = base_json_bool(answer, "more", false);
        json_decref(answer);
        if (!c && told)
            told(ctx, &sum);
    } while (!c && more);
    return c;
}
