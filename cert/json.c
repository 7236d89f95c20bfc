/* struct cert_fields as JSON and back. The way back reads what a sandboxed
 * process wrote about a hostile certificate, so it believes nothing: each
 * member must be there, of its type, inside its cap. A table of the plain
 * members keeps both ways the same. Owns nothing. */
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "fields.h"

enum kind { BOOL, INT, INT64, UNSIGNED, TEXT, TEXT_OR_NULL, HEX64, STRINGS };

struct member {
    const char *name;
    enum kind kind;
    size_t at;
    int64_t lo, hi; /* numbers; STRINGS: hi is the cap */
};
#define M(name, kind, lo, hi)                                                                      \
    {                                                                                              \
#name, kind, offsetof(struct cert_fields, name), lo, hi                                    \
    }
#define TIME_LO (-62167219200) /* year 0 */
#define TIME_HI 253402300799   /* year 9999 */

static const struct member members[] = {
    M(sha256, HEX64, 0, 0),
    M(version, INT, 1, 3),
    M(serial, TEXT, 0, 0),
    M(serial_bits, INT, 0, 512),
    M(serial_sign, INT, -1, 1),
    M(issuer, TEXT, 0, 0),
    M(subject, TEXT, 0, 0),
    M(cn, TEXT_OR_NULL, 0, 0),
    M(o, TEXT_OR_NULL, 0, 0),
    M(organization_identifier, TEXT_OR_NULL, 0, 0),
    M(given_name, TEXT_OR_NULL, 0, 0),
    M(surname, TEXT_OR_NULL, 0, 0),
    M(pseudonym, TEXT_OR_NULL, 0, 0),
    M(subject_emails, STRINGS, 0, CERT_LIST_MAX),
    M(san_present, BOOL, 0, 0),
    M(san_other, STRINGS, 0, CERT_SANS_MAX),
    M(spki_sha256, HEX64, 0, 0),
    M(sig_alg, TEXT, 0, 0),
    M(sig_key, TEXT, 0, 0),
    M(sig_hash, TEXT, 0, 0),
    M(not_before, INT64, TIME_LO, TIME_HI),
    M(not_after, INT64, TIME_LO, TIME_HI),
    M(eku_present, BOOL, 0, 0),
    M(eku, UNSIGNED, 0, 127),
    M(eku_oids, STRINGS, 0, CERT_LIST_MAX),
    M(ku_present, BOOL, 0, 0),
    M(ku_critical, BOOL, 0, 0),
    M(ku, UNSIGNED, 0, 511),
    M(policy_oids, STRINGS, 0, CERT_LIST_MAX),
    M(bc_present, BOOL, 0, 0),
    M(bc_ca, BOOL, 0, 0),
    M(bc_pathlen, INT, -1, 1000),
    M(aki_present, BOOL, 0, 0),
    M(aki_critical, BOOL, 0, 0),
    M(aki_issuer_or_serial, BOOL, 0, 0),
    M(aki_key_id, TEXT_OR_NULL, 0, 0),
    M(ski, TEXT_OR_NULL, 0, 0),
    M(crldp_present, BOOL, 0, 0),
    M(crl_uris, STRINGS, 0, CERT_LIST_MAX),
    M(ocsp_uris, STRINGS, 0, CERT_LIST_MAX),
    M(ca_issuers_uris, STRINGS, 0, CERT_LIST_MAX),
    M(extensions, INT, 0, CERT_EXTENSIONS_MAX),
};
#define N_MEMBERS (sizeof members / sizeof *members)

static json_t *strings_json(const struct cert_strings *l)
{
    json_t *o = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(o, json_string(l->v[i]));
    return o;
}

static json_t *member_json(const struct cert_fields *c, const struct member *m)
{
    const char *at = (const char *)c + m->at;
    switch (m->kind) {
    case BOOL:
        return json_boolean(*(const bool *)at);
    case INT:
        return json_integer(*(const int *)at);
    case UNSIGNED:
        return json_integer(*(const unsigned *)at);
    case INT64:
        return json_integer(*(const int64_t *)at);
    case HEX64:
        return json_string(at);
    case STRINGS:
        return strings_json((const struct cert_strings *)at);
    default: {
        const char *s = *(const char *const *)at;
        return s ? json_string(s) : json_null();
    }
    }
}

json_t *cert_fields_to_json(const struct cert_fields *c)
{
    json_t *o = json_object();
    for (size_t i = 0; i < N_MEMBERS; i++)
        json_object_set_new(o, members[i].name, member_json(c, &members[i]));
    json_t *boxes = json_array();
    for (size_t i = 0; i < c->n_mailboxes; i++)
        json_array_append_new(
            boxes, json_pack("{s:s,s:s}", "kind",
                             c->mailboxes[i].kind == CERT_MAILBOX_RFC822 ? "rfc822" : "smtputf8",
                             "address", c->mailboxes[i].address));
    json_object_set_new(o, "mailboxes", boxes);
    json_object_set_new(o, "key",
                        json_pack("{s:s,s:i,s:s?,s:b}", "type", cert_key_type_name(c->key.type),
                                  "bits", c->key.bits, "curve", c->key.curve, "exponent_ok",
                                  c->key.rsa_exponent_ok));
    struct base_arena *a = base_arena_new();
    json_object_set_new(o, "der", json_string(base_base64(a, c->der.p, c->der.n)));
    base_arena_free(a);
    return o;
}

static const char *take_text(struct base_arena *a, const json_t *v)
{
    if (!json_is_string(v) || json_string_length(v) > CERT_TEXT_MAX)
        return NULL;
    return base_arena_strndup(a, json_string_value(v), json_string_length(v));
}

static bool take_int(const json_t *v, const struct member *m, int64_t *out)
{
    if (!json_is_integer(v))
        return false;
    *out = json_integer_value(v);
    return *out >= m->lo && *out <= m->hi;
}

static bool is_hex64(const char *s)
{
    unsigned char bin[BASE_SHA256_LEN];
    return strlen(s) == BASE_SHA256_HEX - 1 && base_unhex(s, bin, sizeof bin);
}

static bool take_strings(struct base_arena *a, const json_t *v, size_t max,
                         struct cert_strings *out)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > max)
        return false;
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    for (size_t i = 0; i < n; i++)
        if (!(out->v[out->n++] = take_text(a, json_array_get(v, i))))
            return false;
    return true;
}

static bool take_member(struct base_arena *a, const json_t *v, const struct member *m,
                        struct cert_fields *out)
{
    char *at = (char *)out + m->at;
    int64_t number = 0;
    const char *text;
    switch (m->kind) {
    case BOOL:
        *(bool *)at = json_is_true(v);
        return json_is_boolean(v);
    case INT:
        if (!take_int(v, m, &number))
            return false;
        *(int *)at = (int)number;
        return true;
    case UNSIGNED:
        if (!take_int(v, m, &number))
            return false;
        *(unsigned *)at = (unsigned)number;
        return true;
    case INT64:
        return take_int(v, m, (int64_t *)at);
    case HEX64:
        text = take_text(a, v);
        if (!text || !is_hex64(text))
            return false;
        memcpy(at, text, BASE_SHA256_HEX);
        return true;
    case STRINGS:
        return take_strings(a, v, (size_t)m->hi, (struct cert_strings *)at);
    default:
        *(const char **)at = text = take_text(a, v);
        return text || (m->kind == TEXT_OR_NULL && json_is_null(v));
    }
}

static bool take_mailboxes(struct base_arena *a, const json_t *v, struct cert_fields *out)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > CERT_SANS_MAX)
        return false;
    out->mailboxes = base_arena_array(a, n + 1, sizeof *out->mailboxes);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        const char *kind = base_json_strd(o, "kind", "");
        struct cert_mailbox *m = &out->mailboxes[out->n_mailboxes++];
        bool rfc822 = strcmp(kind, "rfc822") == 0;
        if (!rfc822 && strcmp(kind, "smtputf8") != 0)
            return false;
        m->kind = rfc822 ? CERT_MAILBOX_RFC822 : CERT_MAILBOX_SMTPUTF8;
        if (!(m->address = take_text(a, json_object_get(o, "address"))) || !*m->address)
            return false;
    }
    return true;
}

static bool take_key(struct base_arena *a, const json_t *o, struct cert_key *out)
{
    const struct member bits = {.lo = 0, .hi = 1 << 20};
    const char *type = take_text(a, json_object_get(o, "type"));
    const json_t *curve = json_object_get(o, "curve");
    const json_t *exponent = json_object_get(o, "exponent_ok");
    int64_t n;
    if (!type || !take_int(json_object_get(o, "bits"), &bits, &n) || !json_is_boolean(exponent))
        return false;
    int t = CERT_KEY_ED448;
    while (t >= 0 && strcmp(type, cert_key_type_name((enum cert_key_type)t)) != 0)
        t--;
    if (t < 0)
        return false;
    out->type = (enum cert_key_type)t;
    out->bits = (int)n;
    out->rsa_exponent_ok = json_is_true(exponent);
    out->curve = take_text(a, curve);
    return out->curve || json_is_null(curve);
}

static bool take_der(struct base_arena *a, const json_t *v, struct cert_fields *out)
{
    char hash[BASE_SHA256_HEX];
    if (!json_is_string(v) || json_string_length(v) > CERT_DER_MAX / 3 * 4 + 8)
        return false;
    out->der.p = base_unbase64(a, json_string_value(v), json_string_length(v), &out->der.n);
    if (!out->der.p || out->der.n > CERT_DER_MAX)
        return false;
    base_sha256_hex(out->der.p, out->der.n, hash);
    return memcmp(hash, out->sha256, sizeof hash) == 0;
}

enum base_fail_class cert_fields_from_json(struct base_arena *a, const json_t *o,
                                           struct cert_fields *out, struct base_fail *f)
{
    memset(out, 0, sizeof *out);
    const char *bad = NULL;
    for (size_t i = 0; i < N_MEMBERS && !bad; i++)
        if (!take_member(a, json_object_get(o, members[i].name), &members[i], out))
            bad = members[i].name;
    if (!bad && !take_mailboxes(a, json_object_get(o, "mailboxes"), out))
        bad = "mailboxes";
    if (!bad && !take_key(a, json_object_get(o, "key"), &out->key))
        bad = "key";
    if (!bad && !take_der(a, json_object_get(o, "der"), out))
        bad = "der";
    if (bad)
        return base_failf(f, BASE_PERMANENT, "cert.json",
                          "fields of a certificate: \"%s\" is missing or out of its bounds", bad);
    return BASE_OK;
}
