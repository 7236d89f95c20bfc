/* inspect/mail.c - one mail: header, signature, and only then its body.
 *
 * Owns nothing beyond the arena. The authentication result is written before
 * anything else is parsed, so that a mail that kills the parser still has one. */
#include <string.h>

#include "base/json.h"
#include "charset.h"
#include "dkim.h"
#include "inputs.h"
#include "io.h"
#include "policy/recognise.h"

#define TEXT_MAX 1000 /* bytes of a header value that facts show */

static const char *header_value(struct base_arena *a, const struct inspect_header *h,
                                const char *name)
{
    const struct inspect_field *f;

    return inspect_header_count(h, name, &f) > 0 ? inspect_header_text(a, f->value, TEXT_MAX)
                                                 : NULL;
}

static void read_from(struct base_arena *a, const struct inspect_header *h, struct policy_facts *f,
                      struct inspect_notes *notes)
{
    f->from = base_arena_array(a, INSPECT_ADDRESSES_MAX, sizeof(*f->from));
    for (size_t i = 0; i < h->n; i++) {
        if (inspect_field_is(&h->fields[i], "From")) {
            f->from_fields++;
            if (!inspect_addresses(a, h->fields[i].value, f->from, &f->nfrom)) {
                inspect_note(notes, "a From field is malformed");
            }
        }
    }
}

static void header_facts(struct base_arena *a, const struct inspect_header *h,
                         struct base_bytes raw, struct policy_facts *f, struct inspect_notes *notes)
{
    const struct inspect_field *date;
    char *sha = base_arena_alloc(a, BASE_SHA256_HEX);

    memset(f, 0, sizeof(*f));
    base_sha256_hex(raw.p, raw.n, sha);
    f->size = (int64_t)raw.n;
    f->raw_sha256 = sha;
    read_from(a, h, f, notes);
    f->subject = header_value(a, h, "Subject");
    f->message_id = header_value(a, h, "Message-ID");
    f->to = header_value(a, h, "To");
    f->date = inspect_header_count(h, "Date", &date) > 0 ? inspect_date(date->value) : 0;
    if (h->too_big != NULL) {
        inspect_note(notes, "%s: the rest was left out", h->too_big);
    }
    if (h->malformed != NULL) {
        inspect_note(notes, "%s", h->malformed);
    }
}

static bool fits_from(const struct policy_profile *p, const struct policy_facts *f)
{
    for (size_t i = 0; i < f->nfrom; i++) {
        if (policy_profile_from(p, f->from[i])) {
            return true;
        }
    }
    return false;
}

/* Signers and known keys of all profiles that the From fits. */
static void gather(struct base_arena *a, const struct inspect_request *q,
                   const struct policy_facts *f, struct policy_strings *signers,
                   struct policy_strings *known)
{
    size_t ns = 0, nk = 0;

    for (size_t i = 0; i < q->nprofiles; i++) {
        nk += q->profiles[i]->dkim.n;
        for (size_t k = 0; k < q->profiles[i]->nkinds; k++) {
            ns += q->profiles[i]->kinds[k].signers.n;
        }
    }
    *signers = (struct policy_strings){base_arena_array(a, ns + 1, sizeof(char *)), 0};
    *known = (struct policy_strings){base_arena_array(a, nk + 1, sizeof(char *)), 0};
    for (size_t i = 0; i < q->nprofiles; i++) {
        const struct policy_profile *p = q->profiles[i];

        if (!fits_from(p, f)) {
            continue;
        }
        for (size_t k = 0; k < p->dkim.n; k++) {
            known->v[known->n++] = p->dkim.v[k];
        }
        for (size_t k = 0; k < p->nkinds; k++) {
            for (size_t s = 0; s < p->kinds[k].signers.n; s++) {
                signers->v[signers->n++] = p->kinds[k].signers.v[s];
            }
        }
    }
}

/* Asks for the keys of the pairs and reads the answer. */
static size_t ask_keys(struct base_arena *a, const struct inspect_dkim *d,
                       struct inspect_key keys[INSPECT_DKIM_PAIRS])
{
    json_t *line = json_object(), *list = json_array();
    struct base_buf in;

    for (size_t i = 0; i < d->npairs; i++) {
        json_t *pair = json_object();

        base_json_set(pair, "d", d->pairs[i].domain);
        base_json_set(pair, "s", d->pairs[i].selector);
        json_array_append_new(list, pair);
    }
    json_object_set_new(line, "dns", list);
    inspect_io_write(line);
    inspect_io_line(INSPECT_ANSWER_MAX, &in);
    json_t *answer = base_json_parse(in.p, in.n, INSPECT_ANSWER_MAX, NULL);
    json_t *answers = base_json_arr(answer, "answers");

    if (answers == NULL) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "no answers to the DNS question");
    }
    size_t n = json_array_size(answers) < d->npairs ? json_array_size(answers) : d->npairs;

    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(answers, i);
        const char *status = base_json_strd(one, "status", "tempfail");

        keys[i].txt = base_arena_strdup(a, base_json_str(one, "txt"));
        keys[i].status = strcmp(status, "record") == 0 ? INSPECT_KEY_RECORD
                         : strcmp(status, "none") == 0 ? INSPECT_KEY_NONE
                                                       : INSPECT_KEY_TEMPFAIL;
    }
    json_decref(answer);
    base_buf_free(&in);
    return n;
}

static int key_floor(const struct inspect_request *q, const struct policy_facts *f)
{
    int bits = POLICY_MIN_KEY_BITS;

    for (size_t i = 0; i < q->nprofiles; i++) {
        if (fits_from(q->profiles[i], f) && q->profiles[i]->min_key_bits > bits) {
            bits = q->profiles[i]->min_key_bits;
        }
    }
    return bits;
}

static void authenticate(struct base_arena *a, const struct inspect_request *q,
                         const struct inspect_header *h, struct policy_facts *f)
{
    struct policy_strings signers, known;
    struct inspect_dkim *d = base_arena_alloc(a, sizeof(*d));
    struct inspect_key keys[INSPECT_DKIM_PAIRS] = {{INSPECT_KEY_TEMPFAIL, NULL}};
    size_t n = 0;

    gather(a, q, f, &signers, &known);
    inspect_dkim_collect(a, h, &signers, &known, q->now, d);
    if (d->npairs > 0) {
        n = ask_keys(a, d, keys);
    }
    inspect_dkim_judge(a, h, d, keys, n, key_floor(q, f), &f->auth);
}

/* The profile that fits From and signature; else the first that fits From. */
static const struct policy_profile *choose(const struct inspect_request *q,
                                           const struct policy_facts *f)
{
    const struct policy_profile *first = NULL;

    for (size_t i = 0; i < q->nprofiles; i++) {
        if (!fits_from(q->profiles[i], f)) {
            continue;
        }
        if (f->auth.result == POLICY_AUTH_PASS &&
            policy_profile_signer(q->profiles[i], f->auth.domain)) {
            return q->profiles[i];
        }
        first = first != NULL ? first : q->profiles[i];
    }
    return first;
}

static void write_auth(const struct policy_facts *f)
{
    json_t *facts = policy_facts_to_json(f), *line = json_object();
    json_t *auth = json_object_get(facts, "auth");

    json_object_set(line, "auth", auth);
    json_decref(facts);
    inspect_io_write(line);
}

void inspect_answer_mail(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw)
{
    struct inspect_notes *notes = base_arena_alloc(a, sizeof(*notes));
    struct inspect_header h;
    struct policy_facts f;

    notes->a = a;
    inspect_header_read(a, raw, &h);
    header_facts(a, &h, raw, &f, notes);
    authenticate(a, q, &h, &f);
    write_auth(&f);
    const struct policy_profile *p = choose(q, &f);

    if (p != NULL && (f.auth.result == POLICY_AUTH_PASS || q->force)) {
        inspect_mail_body(a, &h, p, &f, notes);
    } else if (p != NULL) {
        struct policy_material nothing = {.text = ""};

        policy_recognise(a, p, &nothing, &f);
    }
    f.problems = notes->v;
    f.nproblems = notes->n;
    json_t *line = json_object();

    json_object_set_new(line, "facts", policy_facts_to_json(&f));
    json_decref(f.certificates);
    inspect_io_write(line);
}
