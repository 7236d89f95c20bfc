/* policy/facts.c - facts of a mail as JSON, and the questions asked of them.
 *
 * Owns nothing: what is read comes from the caller's arena, but the array of
 * certificates, which the caller gives back. Reading fails as permanent
 * "facts.json". */
#include "facts.h"

#include <string.h>

#include "base/bytes.h"
#include "jsonio.h"
#include "pagejson.h"

static const char *const auth_names[] = {"none", "pass", "fail", "tempfail"};
static const char *const link_names[] = {"other", "fits", "denied"};

const char *policy_auth_name(enum policy_auth_result r)
{
    return (size_t)r < sizeof auth_names / sizeof *auth_names ? auth_names[r] : "none";
}

const char *policy_facts_id(const struct policy_facts *f, const char *name)
{
    for (size_t i = 0; i < f->nids; i++) {
        if (strcmp(f->ids[i].name, name) == 0) {
            return f->ids[i].value;
        }
    }
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct policy_link *policy_facts_link(const struct policy_facts *f)
{
    const struct policy_link *found = NULL;

    if (f->kind == POLICY_KIND_OTHER) {
        return NULL;
    }
    for (size_t i = 0; i < f->nlinks; i++) {
        const struct policy_link *l = &f->links[i];
        if (l->state != POLICY_LINK_FITS || l->kind != f->kind) {
            continue;
        }
        if (found == NULL) {
            found = l;
        } else if (!same(found->token, l->token) ||
                   (l->token == NULL && !same(found->url, l->url))) {
            return NULL;
        }
    }
    return found;
}

/* ---- writing ---------------------------------------------------------------- */

static json_t *auth_to_json(const struct policy_auth *a)
{
    json_t *o = policy_new_object();

    policy_put_str(o, "result", policy_auth_name(a->result));
    policy_put_str(o, "domain", a->domain);
    policy_put_str(o, "selector", a->selector);
    policy_put_str(o, "algorithm", a->algorithm);
    policy_put_str(o, "signature", a->signature);
    policy_put_int(o, "key_bits", a->key_bits);
    policy_put_int(o, "signed_at", a->signed_at);
    policy_put_int(o, "expires_at", a->expires_at);
    policy_put_str(o, "reason", a->reason);
    return o;
}

static json_t *link_to_json(const struct policy_link *l)
{
    json_t *o = policy_new_object();

    policy_put_str(o, "url", l->url);
    policy_put_str(o, "where", l->where);
    policy_put_str(o, "state", (size_t)l->state < 3 ? link_names[l->state] : "other");
    if (l->state == POLICY_LINK_FITS) {
        policy_put_str(o, "kind", policy_kind_name(l->kind));
    }
    policy_put_str(o, "token", l->token);
    policy_put_str(o, "mailbox", l->mailbox);
    policy_put_str(o, "order", l->order);
    return o;
}

json_t *policy_facts_to_json(const struct policy_facts *f)
{
    json_t *o = policy_new_object(), *links = policy_new_array();
    struct policy_strings from = {f->from, f->nfrom}, problems = {f->problems, f->nproblems};

    policy_put_int(o, "size", f->size);
    policy_put_str(o, "raw_sha256", f->raw_sha256);
    policy_put_new(o, "auth", auth_to_json(&f->auth));
    policy_put_str(o, "profile", f->profile);
    policy_put_strings(o, "from", &from);
    policy_put_int(o, "from_fields", f->from_fields);
    policy_put_str(o, "subject", f->subject);
    policy_put_str(o, "message_id", f->message_id);
    policy_put_str(o, "to", f->to);
    policy_put_int(o, "date", f->date);
    policy_put_str(o, "kind", policy_kind_name(f->kind));
    policy_put_str(o, "kind_by", f->kind_by);
    policy_put_bool(o, "kind_conflict", f->kind_conflict);
    policy_put_str(o, "domain", f->domain);
    policy_put_bool(o, "domain_conflict", f->domain_conflict);
    policy_put_str(o, "mailbox", f->mailbox);
    policy_put_bool(o, "mailbox_conflict", f->mailbox_conflict);
    policy_put_new(o, "ids", policy_ids_to_json(f->ids, f->nids));
    policy_put_bool(o, "id_conflict", f->id_conflict);
    for (size_t i = 0; i < f->nlinks; i++) {
        policy_append_new(links, link_to_json(&f->links[i]));
    }
    policy_put_new(o, "links", links);
    if (f->certificates != NULL) {
        policy_put_new(o, "certificates", json_incref(f->certificates));
    }
    policy_put_str(o, "code", f->code);
    policy_put_strings(o, "problems", &problems);
    policy_put_bool(o, "parsed", f->parsed);
    return o;
}

/* ---- reading ---------------------------------------------------------------- */

static size_t one_of(struct policy_reader *r, const json_t *o, const char *key,
                     const char *const *names, size_t n)
{
    const char *s = policy_read_str(r, o, key);

    if (s == NULL) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, names[i]) == 0) {
            return i;
        }
    }
    policy_read_bad(r, key, "one of its words");
    return 0;
}

static void kind_of(struct policy_reader *r, const json_t *o, enum policy_kind *k)
{
    const char *s = policy_read_str(r, o, "kind");

    if (s != NULL && !policy_kind_parse(s, k)) {
        policy_read_bad(r, "kind", "the name of a kind");
    }
}

static void auth_from_json(struct policy_reader *r, const json_t *o, struct policy_auth *a)
{
    if (o == NULL || json_is_null(o) || !policy_read_object(r, o, "auth")) {
        return;
    }
    a->result = (enum policy_auth_result)one_of(r, o, "result", auth_names, 4);
    a->domain = policy_read_str(r, o, "domain");
    a->selector = policy_read_str(r, o, "selector");
    a->algorithm = policy_read_str(r, o, "algorithm");
    a->signature = policy_read_str(r, o, "signature");
    a->key_bits = (int)policy_read_int(r, o, "key_bits", 0, 65536);
    a->signed_at = policy_read_int(r, o, "signed_at", 0, INT64_MAX);
    a->expires_at = policy_read_int(r, o, "expires_at", 0, INT64_MAX);
    a->reason = policy_read_str(r, o, "reason");
}

static void link_from_json(struct policy_reader *r, const json_t *o, struct policy_link *l)
{
    l->url = policy_read_str(r, o, "url");
    l->where = policy_read_str(r, o, "where");
    l->state = (enum policy_link_state)one_of(r, o, "state", link_names, 3);
    kind_of(r, o, &l->kind);
    l->token = policy_read_str(r, o, "token");
    l->mailbox = policy_read_str(r, o, "mailbox");
    l->order = policy_read_str(r, o, "order");
    if (l->url == NULL) {
        policy_read_bad(r, "links", "a link with its URL");
    }
}

static void links_from_json(struct policy_reader *r, const json_t *o, struct policy_facts *f)
{
    const json_t *v = policy_read_objects(r, o, "links", POLICY_FACTS_LINKS, &f->nlinks);

    f->links = base_arena_array(r->a, f->nlinks, sizeof *f->links);
    for (size_t i = 0; i < f->nlinks; i++) {
        link_from_json(r, json_array_get(v, i), &f->links[i]);
    }
}

static void fields_from_json(struct policy_reader *r, const json_t *j, struct policy_facts *f)
{
    f->size = policy_read_int(r, j, "size", 0, INT64_MAX);
    f->raw_sha256 = policy_read_str(r, j, "raw_sha256");
    auth_from_json(r, json_object_get(j, "auth"), &f->auth);
    f->profile = policy_read_str(r, j, "profile");
    struct policy_strings l = policy_read_strings(r, j, "from", POLICY_FACTS_FROM);
    f->from = l.v;
    f->nfrom = l.n;
    f->from_fields = (int)policy_read_int(r, j, "from_fields", 0, 100000);
    f->subject = policy_read_str(r, j, "subject");
    f->message_id = policy_read_str(r, j, "message_id");
    f->to = policy_read_str(r, j, "to");
    f->date = policy_read_int(r, j, "date", INT64_MIN, INT64_MAX);
    kind_of(r, j, &f->kind);
    f->kind_by = policy_read_str(r, j, "kind_by");
    f->kind_conflict = policy_read_bool(r, j, "kind_conflict");
    f->domain = policy_read_str(r, j, "domain");
    f->domain_conflict = policy_read_bool(r, j, "domain_conflict");
    f->mailbox = policy_read_str(r, j, "mailbox");
    f->mailbox_conflict = policy_read_bool(r, j, "mailbox_conflict");
    f->ids = policy_ids_from_json(r, j, &f->nids);
    f->id_conflict = policy_read_bool(r, j, "id_conflict");
    links_from_json(r, j, f);
    f->code = policy_read_str(r, j, "code");
    l = policy_read_strings(r, j, "problems", POLICY_FACTS_PROBLEMS);
    f->problems = l.v;
    f->nproblems = l.n;
    f->parsed = policy_read_bool(r, j, "parsed");
}

enum base_fail_class policy_facts_from_json(struct base_arena *a, const json_t *j,
                                            struct policy_facts **out, struct base_fail *f)
{
    struct policy_reader r = {.a = a, .code = "facts.json", .f = f};
    struct policy_facts *facts = base_arena_alloc(a, sizeof *facts);
    size_t n;

    *out = NULL;
    if (policy_read_object(&r, j, "facts")) {
        fields_from_json(&r, j, facts);
    }
    const json_t *certs = policy_read_objects(&r, j, "certificates", POLICY_FACTS_CERTIFICATES, &n);
    if (policy_read_end(&r) != BASE_OK) {
        return policy_read_end(&r);
    }
    facts->certificates = json_incref((json_t *)certs);
    *out = facts;
    return BASE_OK;
}
