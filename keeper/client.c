/* The client's side of the keeper: keys. One short conversation for each call,
 * nothing is kept between calls, so it is thread-safe. Answers are checked
 * before they are believed. */
#include "client.h"

#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/json.h"
#include "talk.h"

#define PROTOCOL 1

json_t *keeper_talk_new(const char *op)
{
    json_t *q = json_object();
    base_json_setn(q, "v", PROTOCOL);
    base_json_set(q, "op", op);
    return q;
}

enum base_fail_class keeper_talk_odd(struct base_fail *f)
{
    return base_failf(f, BASE_OURS, "keeper.internal", "the keeper's answer is incomplete");
}

static enum base_fail_class refusal(const json_t *answer, struct base_fail *f)
{
    const char *name = base_json_strd(answer, "class", "ours");
    enum base_fail_class c = BASE_OURS;
    if (strcmp(name, base_fail_class_name(BASE_TEMPORARY)) == 0)
        c = BASE_TEMPORARY;
    else if (strcmp(name, base_fail_class_name(BASE_PERMANENT)) == 0)
        c = BASE_PERMANENT;
    return base_failf(f, c, base_json_strd(answer, "code", "keeper.internal"), "%s",
                      base_json_strd(answer, "text", "the keeper refused without a reason"));
}

enum base_fail_class keeper_talk_over(int fd, json_t *q, json_t **answer, struct base_fail *f)
{
    *answer = NULL;
    enum base_fail_class c = base_ipc_send(fd, q, KEEPER_TIMEOUT_MS, f);
    if (!c)
        c = base_ipc_recv(fd, KEEPER_TIMEOUT_MS, answer, f);
    if (!c && !base_json_bool(*answer, "ok", false)) {
        c = refusal(*answer, f);
        json_decref(*answer);
        *answer = NULL;
    }
    return c;
}

enum base_fail_class keeper_talk(const char *sock, json_t *q, json_t **answer, struct base_fail *f)
{
    int fd = -1;
    *answer = NULL;
    enum base_fail_class c = base_ipc_connect(sock, KEEPER_TIMEOUT_MS, &fd, f);
    if (!c)
        c = keeper_talk_over(fd, q, answer, f);
    if (fd >= 0)
        close(fd);
    json_decref(q);
    return c;
}

bool keeper_talk_id(const json_t *o, const char *key, char out[KEEPER_ID])
{
    const char *s = base_json_strd(o, key, "");
    if (strlen(s) != KEEPER_ID_LEN)
        return false;
    memcpy(out, s, KEEPER_ID);
    return true;
}

bool keeper_talk_hash(const json_t *o, const char *key, char out[BASE_SHA256_HEX])
{
    const char *s = base_json_strd(o, key, "");
    if (strlen(s) != BASE_SHA256_HEX - 1)
        return false;
    memcpy(out, s, BASE_SHA256_HEX);
    return true;
}

const char *keeper_talk_text(struct base_arena *a, const json_t *o, const char *key)
{
    return base_arena_strdup(a, base_json_strd(o, key, ""));
}

enum base_fail_class keeper_make_key(const char *sock, const char *request, const char *mailbox,
                                     const char *tenant, const char *type, const char *custody,
                                     char key_id[KEEPER_ID], char spki_sha256[BASE_SHA256_HEX],
                                     struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("make_key");
    base_json_set(q, "request", request);
    base_json_set(q, "mailbox", mailbox);
    base_json_set(q, "tenant", tenant);
    base_json_set(q, "type", type);
    base_json_set(q, "custody", custody);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    if (!c && (!keeper_talk_id(answer, "key_id", key_id) ||
               !keeper_talk_hash(answer, "spki_sha256", spki_sha256)))
        c = keeper_talk_odd(f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_csr(const char *sock, struct base_arena *a, const char *key_id,
                                const char *cn, const char *const *emails, size_t n_emails,
                                char **pem, struct base_fail *f)
{
    json_t *answer, *list = json_array(), *q = keeper_talk_new("csr");
    base_json_set(q, "key_id", key_id);
    base_json_set(q, "cn", cn);
    for (size_t i = 0; i < n_emails; i++)
        json_array_append_new(list, json_string(emails[i]));
    json_object_set_new(q, "emails", list);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    if (!c && !(*pem = base_arena_strdup(a, base_json_str(answer, "pem"))))
        c = keeper_talk_odd(f);
    json_decref(answer);
    return c;
}

static bool take_certs(struct base_arena *a, const json_t *o, struct keeper_key *k)
{
    const json_t *list = base_json_arr(o, "certs");
    k->n_certs = (size_t)base_json_int(o, "n_certs", 0);
    if (!list)
        return k->n_certs <= KEEPER_CERTS_MAX;
    k->n_certs = json_array_size(list);
    if (k->n_certs > KEEPER_CERTS_MAX)
        return false;
    k->certs = base_arena_array(a, k->n_certs + 1, sizeof *k->certs);
    for (size_t i = 0; i < k->n_certs; i++) {
        const json_t *c = json_array_get(list, i);
        k->certs[i].attached = base_json_int(c, "attached", 0);
        k->certs[i].pem = keeper_talk_text(a, c, "pem");
        if (!keeper_talk_hash(c, "sha256", k->certs[i].sha256))
            return false;
    }
    return true;
}

static bool take_key(struct base_arena *a, const json_t *o, struct keeper_key *k)
{
    memset(k, 0, sizeof *k);
    k->mailbox = keeper_talk_text(a, o, "mailbox");
    k->tenant = keeper_talk_text(a, o, "tenant");
    k->type = keeper_talk_text(a, o, "type");
    k->custody = keeper_talk_text(a, o, "custody");
    k->created = base_json_int(o, "created", 0);
    k->destroyed = base_json_bool(o, "destroyed", false);
    k->destroyed_at = base_json_int(o, "destroyed_at", 0);
    if (k->destroyed)
        k->destroyed_reason = keeper_talk_text(a, o, "destroyed_reason");
    return keeper_talk_id(o, "id", k->id) && keeper_talk_hash(o, "spki_sha256", k->spki_sha256) &&
           take_certs(a, o, k);
}

enum base_fail_class keeper_key_info(const char *sock, struct base_arena *a, const char *key_id,
                                     struct keeper_key *out, struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("key_info");
    base_json_set(q, "key_id", key_id);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    if (!c && !take_key(a, base_json_obj(answer, "key"), out))
        c = keeper_talk_odd(f);
    json_decref(answer);
    return c;
}

/* One page of the keeper's; *NEXT where it goes on, NULL at the end. */
static enum base_fail_class page(const char *sock, struct base_arena *a, const char **next,
                                 const char *mailbox, bool exact, size_t limit,
                                 struct keeper_key *list,
                                 size_t *n, struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("list");
    base_json_set(q, "after", *next);
    base_json_set(q, "mailbox", mailbox);
    base_json_setb(q, "exact", exact);
    base_json_setn(q, "limit", (int64_t)(limit - *n));
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    const json_t *keys = base_json_arr(answer, "keys");
    if (!c && (!keys || json_array_size(keys) > limit - *n))
        c = keeper_talk_odd(f);
    for (size_t i = 0; !c && i < json_array_size(keys); i++)
        if (!take_key(a, json_array_get(keys, i), &list[(*n)++]))
            c = keeper_talk_odd(f);
    *next = c ? NULL : base_arena_strdup(a, base_json_str(answer, "next"));
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_list(const char *sock, struct base_arena *a, const char *after,
                                 const char *mailbox, bool exact, size_t limit,
                                 struct keeper_key **list,
                                 size_t *n, struct base_fail *f)
{
    *n = 0;
    *list = NULL;
    if (limit == 0 || limit > KEEPER_PAGE_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "a page has 1 to %d keys",
                          KEEPER_PAGE_MAX);
    *list = base_arena_array(a, limit, sizeof **list);
    enum base_fail_class c;
    do /* again only where files could not be read and the page has room left */
        c = page(sock, a, &after, mailbox, exact, limit, *list, n, f);
    while (!c && after && *n < limit);
    return c;
}

enum base_fail_class keeper_attach(const char *sock, const char *key_id, const char *chain_pem,
                                   struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("attach");
    base_json_set(q, "key_id", key_id);
    base_json_set(q, "chain", chain_pem);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_destroy(const char *sock, const char *key_id, const char *reason,
                                    struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("destroy");
    base_json_set(q, "key_id", key_id);
    base_json_set(q, "reason", reason);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_ping(const char *sock, struct base_arena *a, struct keeper_status *out,
                                 struct base_fail *f)
{
    json_t *answer;
    enum base_fail_class c = keeper_talk(sock, keeper_talk_new("ping"), &answer, f);
    memset(out, 0, sizeof *out);
    if (!c) {
        out->version = keeper_talk_text(a, answer, "version");
        out->kek_id = keeper_talk_text(a, answer, "kek_id");
        out->old_kek_id = keeper_talk_text(a, answer, "old_kek_id");
        out->started = base_json_int(answer, "started", 0);
        out->locked = base_json_bool(answer, "locked", false);
        const json_t *exact = base_json_arr(answer, "exact");
        out->exact = base_arena_array(a, json_array_size(exact) + 1, sizeof *out->exact);
        for (size_t i = 0; i < json_array_size(exact); i++) {
            const char *s = json_string_value(json_array_get(exact, i));
            out->exact[out->nexact++] = base_arena_strdup(a, s ? s : "");
        }
    }
    json_decref(answer);
    return c;
}
