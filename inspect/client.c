/* inspect/client.c - one conversation with a certinspect process.
 *
 * Owns the child for the length of a call; where it comes from is spawn.c. The protocol is doc/inspect.md. A
 * child that dies, stalls or prints too much is a permanent failure of this
 * input only. */
#include "client.h"

#include <string.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/json.h"
#include "spawn.h"

#define OUT_MAX (8 * 1024 * 1024)
#define ANSWER_MAX OUT_MAX
#define KEYS_MAX 4

static const struct base_child_limits limits = {
    .address_space = 512LL * 1024 * 1024,
    .cpu_seconds = 5,
    .wall_ms = 20000,
};

/* Writes to the child. One that ended early isn't a failure yet: its last line, or
 * the lack of one, says why. */
static enum base_fail_class tell(struct base_child *c, const void *p, size_t n, struct base_fail *f)
{
    struct base_fail own = {0};
    enum base_fail_class r = base_child_write(c, p, n, OUT_MAX, &own);
    if (r == BASE_PERMANENT && strcmp(own.code, "child.died") == 0)
        return BASE_OK;
    if (r && f)
        *f = own;
    return r;
}

/* The header's text, with PROFILES (JSON text, may be NULL) spliced in as a member. */
static void header_text(struct base_buf *b, json_t *header, size_t size, const char *profiles)
{
    base_json_setn(header, "v", 1);
    base_json_setn(header, "size", (int64_t)size);
    char *text = base_json_text(header);
    base_buf_init(b, 0);
    if (profiles) {
        base_buf_add(b, text, strlen(text) - 1); /* without the closing brace */
        base_buf_adds(b, ",\"profiles\":");
        base_buf_adds(b, profiles);
        base_buf_adds(b, "}\n");
    } else {
        base_buf_adds(b, text);
        base_buf_adds(b, "\n");
    }
    free(text);
}

static enum base_fail_class start(struct base_child *c, const char *program, json_t *header,
                                  const char *profiles, struct base_bytes in, struct base_fail *f)
{
    struct base_buf line;
    enum base_fail_class r = inspect_spawn(c, program, &limits, f);
    if (r)
        return r;
    header_text(&line, header, in.n, profiles);
    r = tell(c, line.p, line.n, f);
    base_buf_free(&line);
    if (!r)
        r = tell(c, in.p, in.n, f);
    return r;
}

/* Next JSON line of the child; *out NULL at its end. {"error":..} is a failure. */
static enum base_fail_class next(struct base_child *c, json_t **out, struct base_fail *f)
{
    const char *line;
    size_t len;
    *out = NULL;
    enum base_fail_class r = base_child_line(c, OUT_MAX, &line, &len, f);
    if (r || !line)
        return r;
    json_t *j = base_json_parse(line, len, ANSWER_MAX, f);
    if (!j)
        return base_failf(f, BASE_PERMANENT, "inspect.answer", "the inspector wrote no JSON");
    json_t *e = base_json_obj(j, "error");
    if (e) {
        r = base_failf(f, BASE_PERMANENT, "inspect.refused", "%s",
                       base_json_strd(e, "text", "the input breaks a limit"));
        json_decref(j);
        return r;
    }
    *out = j;
    return BASE_OK;
}

/* Reads lines until one has KEY; *out borrows from *holder (caller decrefs). */
static enum base_fail_class await(struct base_child *c, const char *key, json_t **holder,
                                  json_t **out, struct base_fail *f)
{
    for (;;) {
        enum base_fail_class r = next(c, holder, f);
        if (r)
            return r;
        if (!*holder)
            return base_failf(f, BASE_PERMANENT, "inspect.died",
                              "the inspector ended without an answer: %s",
                              c->errbuf.n ? base_buf_str(&c->errbuf) : "killed by its limits");
        *out = json_object_get(*holder, key);
        if (*out)
            return BASE_OK;
        json_decref(*holder);
        *holder = NULL;
    }
}

static const char *status_name(enum inspect_key_status s)
{
    return s == INSPECT_KEY_RECORD ? "record" : s == INSPECT_KEY_NONE ? "none" : "tempfail";
}

/* The child asked for keys: look them up, stop at the first that fails for now. */
static enum base_fail_class answer_keys(struct base_arena *a, struct base_child *c,
                                        const struct inspect_mail_options *o, const json_t *pairs,
                                        struct base_fail *f)
{
    json_t *list = json_array(), *msg = json_object();
    size_t n = json_array_size(pairs) < KEYS_MAX ? json_array_size(pairs) : KEYS_MAX;
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(pairs, i);
        const char *d = base_json_str(p, "d"), *s = base_json_str(p, "s"), *txt = NULL;
        enum inspect_key_status st = INSPECT_KEY_NONE;
        json_t *one = json_object();
        if (d && s)
            st = o->key(o->key_ctx, a, d, s, &txt);
        base_json_set(one, "status", status_name(st));
        if (st == INSPECT_KEY_RECORD)
            base_json_set(one, "txt", txt);
        json_array_append_new(list, one);
        if (st == INSPECT_KEY_TEMPFAIL)
            break;
    }
    json_object_set_new(msg, "answers", list);
    char *text = base_json_text(msg);
    enum base_fail_class r = tell(c, text, strlen(text), f);
    if (!r)
        r = tell(c, "\n", 1, f);
    free(text);
    json_decref(msg);
    return r;
}

enum base_fail_class inspect_mail(struct base_arena *a, const struct inspect_mail_options *o,
                                  struct base_bytes raw, struct policy_facts **out,
                                  struct base_fail *f)
{
    struct base_child c;
    json_t *header = json_object(), *msg = NULL;
    base_json_set(header, "input", "mail");
    base_json_setn(header, "now", o->now);
    base_json_setb(header, "force", o->force);
    if (!o->profiles_text)
        json_object_set(header, "profiles", (json_t *)o->profiles);
    enum base_fail_class r = start(&c, o->program, header, o->profiles_text, raw, f);
    json_decref(header);
    while (!r) {
        json_t *v;
        r = next(&c, &msg, f);
        if (r)
            break;
        if (!msg) {
            r = base_failf(f, BASE_PERMANENT, "inspect.died",
                           "the inspector ended without facts: %s",
                           c.errbuf.n ? base_buf_str(&c.errbuf) : "killed by its limits");
            break;
        }
        if ((v = base_json_arr(msg, "dns")))
            r = answer_keys(a, &c, o, v, f);
        else if ((v = base_json_obj(msg, "facts"))) {
            r = policy_facts_from_json(a, v, out, f);
            break;
        }
        json_decref(msg);
        msg = NULL;
    }
    json_decref(msg);
    base_child_free(&c);
    return r;
}

enum base_fail_class inspect_page(struct base_arena *a, const char *program,
                                  const struct policy_profile *profile, enum policy_kind kind,
                                  struct base_bytes body, const char *url,
                                  struct policy_page **out, struct base_fail *f)
{
    struct base_child c;
    json_t *header = json_object(), *profiles = json_array(), *holder = NULL, *v;
    base_json_set(header, "input", "page");
    base_json_set(header, "kind", policy_kind_name(kind));
    base_json_set(header, "url", url);
    json_array_append_new(profiles, policy_profile_to_json(profile));
    json_object_set_new(header, "profiles", profiles);
    enum base_fail_class r = start(&c, program, header, NULL, body, f);
    json_decref(header);
    if (!r)
        r = await(&c, "page", &holder, &v, f);
    if (!r)
        r = policy_page_from_json(a, v, out, f);
    json_decref(holder);
    base_child_free(&c);
    return r;
}

static enum base_fail_class read_chain(struct base_arena *a, const json_t *j,
                                       struct inspect_certificates *out, struct base_fail *f)
{
    const json_t *der = base_json_arr(j, "der");
    out->chain.ok = base_json_bool(j, "ok", false);
    out->chain.reason = base_arena_strdup(a, base_json_strd(j, "reason", "no chain"));
    out->leaf = (int)base_json_int(j, "leaf", -1);
    if (out->leaf >= (int)out->n)
        out->leaf = -1;
    out->chain.n = json_array_size(der);
    if (out->chain.n > CERT_CHAIN_POOL_MAX)
        return base_failf(f, BASE_PERMANENT, "inspect.answer", "chain of %zu certificates",
                          out->chain.n);
    out->chain.der = base_arena_array(a, out->chain.n + 1, sizeof(*out->chain.der));
    for (size_t i = 0; i < out->chain.n; i++) {
        const char *b64 = json_string_value(json_array_get(der, i));
        struct base_bytes *b = &out->chain.der[i];
        b->p = b64 ? base_unbase64(a, b64, strlen(b64), &b->n) : NULL;
        if (!b->p)
            return base_failf(f, BASE_PERMANENT, "inspect.answer", "chain without certificates");
    }
    if (out->chain.ok && out->chain.n == 0)
        return base_failf(f, BASE_PERMANENT, "inspect.answer", "an empty chain can't be good");
    const json_t *k = base_json_obj(j, "issuer");
    if (k) {
        const char *type = base_json_strd(k, "type", "other");
        for (int t = CERT_KEY_OTHER; t <= CERT_KEY_ED448; t++)
            if (strcmp(type, cert_key_type_name((enum cert_key_type)t)) == 0)
                out->chain.issuer.type = (enum cert_key_type)t;
        out->chain.issuer.bits = (int)base_json_int(k, "bits", 0);
        out->chain.issuer.curve = base_arena_strdup(a, base_json_str(k, "curve"));
        out->chain.issuer.rsa_exponent_ok = base_json_bool(k, "exponent_ok", false);
    }
    return BASE_OK;
}

static enum base_fail_class read_certificates(struct base_arena *a, const json_t *answer,
                                              struct inspect_certificates *out,
                                              struct base_fail *f)
{
    const json_t *list = base_json_arr(answer, "certificates");
    memset(out, 0, sizeof(*out));
    out->n = json_array_size(list);
    out->v = base_arena_array(a, out->n + 1, sizeof(*out->v));
    for (size_t i = 0; i < out->n; i++) {
        enum base_fail_class r =
            cert_fields_from_json(a, json_array_get(list, i), &out->v[i], f);
        if (r)
            return r;
    }
    return read_chain(a, base_json_obj(answer, "chain"), out, f);
}

enum base_fail_class inspect_certificates(struct base_arena *a, const char *program,
                                          struct base_bytes in, struct base_bytes roots_pem,
                                          const char *spki, int64_t now,
                                          struct inspect_certificates *out, struct base_fail *f)
{
    struct base_child c;
    json_t *header = json_object(), *holder = NULL, *v;
    base_json_set(header, "input", "certificates");
    base_json_setn(header, "now", now);
    base_json_set(header, "spki_sha256", spki);
    json_object_set_new(header, "roots",
                        json_stringn(roots_pem.n ? (const char *)roots_pem.p : "", roots_pem.n));
    enum base_fail_class r = start(&c, program, header, NULL, in, f);
    json_decref(header);
    if (!r)
        r = await(&c, "certificates", &holder, &v, f);
    if (!r)
        r = read_certificates(a, holder, out, f);
    json_decref(holder);
    base_child_free(&c);
    return r;
}

/* INPUT ("ocsp", "crl") about LEAF; its answer is member KEY. */
static enum base_fail_class about(struct base_arena *a, const char *program, const char *input,
                                  struct base_bytes leaf, struct base_bytes issuer,
                                  struct base_bytes in, int64_t now, const char *key,
                                  json_t **holder, json_t **out, struct base_fail *f)
{
    struct base_child c;
    json_t *header = json_object();
    base_json_set(header, "input", input);
    base_json_setn(header, "now", now);
    base_json_set(header, "leaf", base_base64(a, leaf.p, leaf.n));
    base_json_set(header, "issuer", base_base64(a, issuer.p, issuer.n));
    enum base_fail_class r = start(&c, program, header, NULL, in, f);
    json_decref(header);
    if (!r)
        r = await(&c, key, holder, out, f);
    base_child_free(&c);
    return r;
}

enum base_fail_class inspect_ocsp_request(struct base_arena *a, const char *program,
                                          struct base_bytes leaf, struct base_bytes issuer,
                                          struct base_bytes *out, struct base_fail *f)
{
    json_t *holder = NULL, *v = NULL;
    enum base_fail_class r = about(a, program, "ocsp", leaf, issuer, (struct base_bytes){NULL, 0}, 0,
                                   "request", &holder, &v, f);
    const char *b64 = r ? NULL : json_string_value(v);
    if (!r) {
        out->p = b64 ? base_unbase64(a, b64, strlen(b64), &out->n) : NULL;
        if (!out->p)
            r = base_failf(f, BASE_PERMANENT, "inspect.answer", "the inspector wrote no request");
    }
    json_decref(holder);
    return r;
}

static enum base_fail_class verdict(struct base_arena *a, const char *program, const char *input,
                                    struct base_bytes leaf, struct base_bytes issuer,
                                    struct base_bytes in, int64_t now,
                                    struct inspect_revocation *out, struct base_fail *f)
{
    json_t *holder = NULL, *v = NULL;
    enum base_fail_class r =
        about(a, program, input, leaf, issuer, in, now, "revocation", &holder, &v, f);
    if (!r) {
        out->status = base_arena_strdup(a, base_json_strd(v, "status", "unknown"));
        out->reason = base_arena_strdup(a, base_json_str(v, "reason"));
        out->next_update = base_json_int(v, "next_update", 0);
        out->revoked_at = base_json_int(v, "revoked_at", 0);
    }
    json_decref(holder);
    return r;
}

enum base_fail_class inspect_ocsp_answer(struct base_arena *a, const char *program,
                                         struct base_bytes leaf, struct base_bytes issuer,
                                         struct base_bytes response, int64_t now,
                                         struct inspect_revocation *out, struct base_fail *f)
{
    return verdict(a, program, "ocsp", leaf, issuer, response, now, out, f);
}

enum base_fail_class inspect_crl(struct base_arena *a, const char *program, struct base_bytes leaf,
                                 struct base_bytes issuer, struct base_bytes list, int64_t now,
                                 struct inspect_revocation *out, struct base_fail *f)
{
    return verdict(a, program, "crl", leaf, issuer, list, now, out, f);
}
