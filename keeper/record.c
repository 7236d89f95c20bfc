/* Records as JSON. What is read back may have been changed on disk: types and
 * sizes are checked here, the rest by the envelope's authentication. */
#include "record.h"

#include <string.h>

#include "base/json.h"

bool keeper_id_ok(const char *id)
{
    if (!id || strlen(id) != KEEPER_ID_LEN)
        return false;
    for (; *id; id++)
        if (!((*id >= 'a' && *id <= 'z') || (*id >= '2' && *id <= '7')))
            return false;
    return true;
}

static json_t *certs_json(const struct keeper_record *r, bool with_pem)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->k.n_certs; i++) {
        json_t *o = json_object();
        base_json_setn(o, "attached", r->k.certs[i].attached);
        base_json_set(o, "sha256", r->k.certs[i].sha256);
        if (with_pem)
            base_json_set(o, "pem", r->k.certs[i].pem);
        json_array_append_new(list, o);
    }
    return list;
}

json_t *keeper_record_public(const struct keeper_record *r, bool with_pem)
{
    json_t *o = json_object();
    base_json_set(o, "id", r->k.id);
    base_json_set(o, "mailbox", r->k.mailbox);
    base_json_set(o, "tenant", r->k.tenant);
    base_json_set(o, "type", r->k.type);
    base_json_set(o, "custody", r->k.custody);
    base_json_setn(o, "created", r->k.created);
    base_json_set(o, "spki_sha256", r->k.spki_sha256);
    base_json_setb(o, "destroyed", r->k.destroyed);
    if (r->k.destroyed) {
        base_json_setn(o, "destroyed_at", r->k.destroyed_at);
        base_json_set(o, "destroyed_reason", r->k.destroyed_reason);
    }
    if (with_pem)
        json_object_set_new(o, "certs", certs_json(r, true));
    else
        base_json_setn(o, "n_certs", (int64_t)r->k.n_certs);
    return o;
}

static void set_bytes(json_t *o, const char *key, struct base_bytes b)
{
    struct base_arena *a = base_arena_new();
    base_json_set(o, key, base_base64(a, b.p, b.n));
    base_arena_free(a);
}

json_t *keeper_record_to_json(const struct keeper_record *r)
{
    json_t *o = keeper_record_public(r, true);
    base_json_setn(o, "format", KEEPER_RECORD_FORMAT);
    base_json_set(o, "request", r->request);
    if (!r->k.destroyed) {
        base_json_set(o, "kek_id", r->kek_id);
        set_bytes(o, "wrapped", r->wrapped);
        set_bytes(o, "sealed", r->sealed);
    }
    return o;
}

static const char *take_text(struct base_arena *a, const json_t *o, const char *key, size_t max)
{
    const char *s = base_json_str(o, key);
    return s && strlen(s) <= max ? base_arena_strdup(a, s) : NULL;
}

static bool take_hash(const json_t *o, const char *key, char out[BASE_SHA256_HEX])
{
    unsigned char bin[BASE_SHA256_LEN];
    const char *s = base_json_strd(o, key, "");
    if (strlen(s) != BASE_SHA256_HEX - 1 || !base_unhex(s, bin, sizeof bin))
        return false;
    memcpy(out, s, BASE_SHA256_HEX);
    return true;
}

static bool take_bytes(struct base_arena *a, const json_t *o, const char *key,
                       struct base_bytes *out)
{
    const char *s = base_json_str(o, key);
    if (!s || strlen(s) > 2 * KEEPER_SEALED_MAX)
        return false;
    out->p = base_unbase64(a, s, strlen(s), &out->n);
    return out->p != NULL;
}

static bool take_certs(struct base_arena *a, const json_t *list, struct keeper_key *k)
{
    size_t n = json_array_size(list);
    if (!list || n > KEEPER_CERTS_MAX)
        return false;
    k->certs = base_arena_array(a, n + 1, sizeof *k->certs); /* room for one more */
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        struct keeper_cert *c = &k->certs[k->n_certs++];
        c->attached = base_json_int(o, "attached", 0);
        c->pem = take_text(a, o, "pem", KEEPER_CHAIN_MAX);
        if (!c->pem || !take_hash(o, "sha256", c->sha256))
            return false;
    }
    return true;
}

static const char *take_destroyed(struct base_arena *a, const json_t *o, struct keeper_record *r)
{
    r->k.destroyed_at = base_json_int(o, "destroyed_at", 0);
    r->k.destroyed_reason = take_text(a, o, "destroyed_reason", KEEPER_TEXT_MAX);
    return r->k.destroyed_reason ? NULL : "destroyed_reason";
}

static const char *take_sealed(struct base_arena *a, const json_t *o, struct keeper_record *r)
{
    if (!(r->kek_id = take_text(a, o, "kek_id", KEEPER_KEK_ID_LEN)))
        return "kek_id";
    if (!take_bytes(a, o, "wrapped", &r->wrapped))
        return "wrapped";
    return take_bytes(a, o, "sealed", &r->sealed) ? NULL : "sealed";
}

/* NULL, or the name of the member that is wrong. */
static const char *take_all(struct base_arena *a, const json_t *o, struct keeper_record *r)
{
    const char *id = base_json_str(o, "id");
    if (base_json_int(o, "format", 0) != KEEPER_RECORD_FORMAT)
        return "format";
    if (!keeper_id_ok(id))
        return "id";
    memcpy(r->k.id, id, KEEPER_ID);
    if (!take_hash(o, "spki_sha256", r->k.spki_sha256))
        return "spki_sha256";
    if (!(r->request = take_text(a, o, "request", KEEPER_REQUEST_MAX)))
        return "request";
    if (!(r->k.mailbox = take_text(a, o, "mailbox", KEEPER_TEXT_MAX)))
        return "mailbox";
    if (!(r->k.tenant = take_text(a, o, "tenant", KEEPER_TEXT_MAX)))
        return "tenant";
    if (!(r->k.type = take_text(a, o, "type", 16)))
        return "type";
    if (!(r->k.custody = take_text(a, o, "custody", 16)))
        return "custody";
    if (!take_certs(a, base_json_arr(o, "certs"), &r->k))
        return "certs";
    r->k.created = base_json_int(o, "created", 0);
    r->k.destroyed = base_json_bool(o, "destroyed", false);
    return r->k.destroyed ? take_destroyed(a, o, r) : take_sealed(a, o, r);
}

enum base_fail_class keeper_record_from_json(struct base_arena *a, const json_t *o,
                                             struct keeper_record *r, struct base_fail *f)
{
    memset(r, 0, sizeof *r);
    const char *bad = take_all(a, o, r);
    if (bad)
        return base_failf(f, BASE_PERMANENT, "keeper.damaged",
                          "a stored key: \"%s\" is missing or wrong", bad);
    return BASE_OK;
}
