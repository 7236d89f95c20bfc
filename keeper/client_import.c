/* The client's side of the keeper: a private key that comes from elsewhere. The text that
 * carries it is wiped before the call returns. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "client.h"
#include "talk.h"

/* KEY in base64 as a member of Q, without a copy that stays anywhere. */
static void put_secret(json_t *q, const char *name, const unsigned char *p, size_t n)
{
    struct base_arena *a = base_arena_new();
    char *text = base_base64(a, p, n);
    json_object_set_new(q, name, json_string_nocheck(text));
    explicit_bzero(text, strlen(text));
    base_arena_free(a);
}

static void wipe(json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v))
        explicit_bzero((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}

enum base_fail_class keeper_import_key(const char *admin_sock, const struct keeper_import *k,
                                       char key_id[KEEPER_ID], char spki_sha256[BASE_SHA256_HEX],
                                       struct base_fail *f)
{
    json_t *answer = NULL, *q = keeper_talk_new("import");
    base_json_set(q, "mailbox", k->mailbox);
    base_json_set(q, "tenant", k->tenant);
    base_json_set(q, "chain", k->chain_pem);
    base_json_set(q, "who", k->who);
    base_json_set(q, "reason", k->reason);
    put_secret(q, "pkcs8", k->pkcs8, k->n_pkcs8);
    json_incref(q);
    enum base_fail_class c = keeper_talk(admin_sock, q, &answer, f);
    wipe(q, "pkcs8");
    json_decref(q);
    if (!c && !(keeper_talk_id(answer, "key_id", key_id) &&
                keeper_talk_hash(answer, "spki_sha256", spki_sha256)))
        c = keeper_talk_odd(f);
    json_decref(answer);
    return c;
}
