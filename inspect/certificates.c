/* inspect/certificates.c - certificates of a file, and the chain of the leaf among them. */
#include <string.h>

#include "base/json.h"
#include "cert/bundle.h"
#include "cert/chain.h"
#include "cert/fields.h"
#include "files.h"
#include "inputs.h"
#include "io.h"

/* The one with the wanted key, else the first that is no CA; -1 if none. */
static int find_leaf(const json_t *list, const char *spki)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(list, i);

        if (spki != NULL ? base_ascii_caseeq(base_json_strd(c, "spki_sha256", ""), spki)
                         : !base_json_bool(c, "bc_ca", false)) {
            return (int)i;
        }
    }
    return -1;
}

/* All other certificates of the input, and those that came as intermediates. */
static size_t gather_pool(struct base_arena *a, const struct inspect_ders *d, int leaf,
                          const char *pem, struct base_bytes pool[CERT_CHAIN_POOL_MAX],
                          struct inspect_notes *notes)
{
    struct inspect_ders more = {.n = 0};
    size_t n = 0;

    for (size_t i = 0; i < d->n && n < CERT_CHAIN_POOL_MAX; i++) {
        if ((int)i != leaf) {
            pool[n++] = d->der[i];
        }
    }
    if (pem != NULL) {
        inspect_file_text(a, "intermediates",
                          (struct base_bytes){(const unsigned char *)pem, strlen(pem)}, &more,
                          notes);
    }
    for (size_t i = 0; i < more.n && n < CERT_CHAIN_POOL_MAX; i++) {
        pool[n++] = more.der[i];
    }
    return n;
}

static json_t *chain_json(struct base_arena *a, const struct cert_chain *chain, int leaf)
{
    json_t *o = json_object(), *ders = json_array();

    base_json_setb(o, "ok", chain->ok);
    base_json_set(o, "reason", chain->reason);
    base_json_setn(o, "leaf", leaf);
    for (size_t i = 0; i < chain->n; i++) {
        json_array_append_new(ders, json_string(base_base64(a, chain->der[i].p, chain->der[i].n)));
    }
    json_object_set_new(o, "der", ders);
    if (chain->ok) {
        json_t *k = json_object();

        base_json_set(k, "type", cert_key_type_name(chain->issuer.type));
        base_json_setn(k, "bits", chain->issuer.bits);
        base_json_set(k, "curve", chain->issuer.curve);
        base_json_setb(k, "exponent_ok", chain->issuer.rsa_exponent_ok);
        json_object_set_new(o, "issuer", k);
    }
    return o;
}

static void build(struct base_arena *a, const struct inspect_request *q,
                  const struct inspect_ders *d, int leaf, struct cert_chain *chain,
                  struct inspect_notes *notes)
{
    struct base_bytes pool[CERT_CHAIN_POOL_MAX];
    const char *roots = base_json_str(q->header, "roots");
    struct base_fail f;

    memset(chain, 0, sizeof(*chain));
    if (leaf < 0) {
        chain->reason = "the certificate that was expected is not among these";
    } else if (roots == NULL || *roots == '\0') {
        chain->reason = "no root certificates are configured";
    } else {
        size_t n = gather_pool(a, d, leaf, base_json_str(q->header, "intermediates"), pool, notes);

        if (cert_chain_build(a, d->der[leaf], pool, n, roots, strlen(roots), q->now, chain, &f)) {
            memset(chain, 0, sizeof(*chain));
            chain->reason = base_arena_strdup(a, f.text);
        }
    }
}

void inspect_answer_certificates(struct base_arena *a, const struct inspect_request *q,
                                 struct base_bytes raw)
{
    struct inspect_notes *notes = base_arena_alloc(a, sizeof(*notes));
    struct inspect_ders *d = base_arena_alloc(a, sizeof(*d));
    struct cert_chain chain;

    notes->a = a;
    inspect_file_read(a, "input", raw, d, notes);
    json_t *list = inspect_ders_json(a, d, notes);

    if (json_array_size(list) == 0) {
        inspect_io_refuse(INSPECT_EXIT_REFUSED, "input.none",
                          notes->n > 0 ? notes->v[0] : "no certificate was found");
    }
    int leaf = find_leaf(list, base_json_str(q->header, "spki_sha256"));

    build(a, q, d, leaf, &chain, notes);
    json_t *line = json_object(), *problems = json_array();

    for (size_t i = 0; i < notes->n; i++) {
        json_array_append_new(problems, json_string(notes->v[i]));
    }
    json_object_set_new(line, "certificates", list);
    json_object_set_new(line, "chain", chain_json(a, &chain, leaf));
    json_object_set_new(line, "problems", problems);
    inspect_io_write(line);
}
