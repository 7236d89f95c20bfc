/* inspect/files.c - telling kinds of files by their bytes, and handing them to cert/.
 *
 * Owns nothing. A file that is none of these is silently none: mails carry logos. */
#include "files.h"

#include <string.h>

#include "cert/bundle.h"
#include "cert/fields.h"

static void add_ders(const struct cert_bundle *b, const char *name, struct inspect_ders *out,
                     struct inspect_notes *notes)
{
    for (size_t i = 0; i < b->n; i++) {
        bool known = false;

        for (size_t k = 0; k < out->n && !known; k++) {
            known = out->der[k].n == b->der[i].n &&
                    memcmp(out->der[k].p, b->der[i].p, b->der[i].n) == 0;
        }
        if (!known && out->n == INSPECT_CERTIFICATES_MAX) {
            inspect_note(notes, "%s: more than %d certificates", name, INSPECT_CERTIFICATES_MAX);
            return;
        }
        if (!known) {
            out->der[out->n++] = b->der[i];
        }
    }
}

static const void *find(struct base_bytes b, const char *what)
{
    return b.n > 0 ? memmem(b.p, b.n, what, strlen(what)) : NULL;
}

void inspect_file_text(struct base_arena *a, const char *name, struct base_bytes text,
                       struct inspect_ders *out, struct inspect_notes *notes)
{
    struct cert_bundle b;
    struct base_fail f;

    if (find(text, "-----BEGIN ") == NULL) {
        return;
    }
    if (cert_bundle_from_text(a, text.p, text.n, &b, &f) == BASE_OK) {
        add_ders(&b, name, out, notes);
    } else {
        inspect_note(notes, "%s: %s", name, f.text);
    }
}

/* Base64 and nothing else, as .p7b files without armour are. */
static bool base64_only(struct base_bytes b)
{
    size_t letters = 0;

    for (size_t i = 0; i < b.n; i++) {
        unsigned char c = b.p[i];

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' || c == '/' || c == '=') {
            letters++;
        } else if (c != '\r' && c != '\n' && c != ' ' && c != '\t') {
            return false;
        }
    }
    return letters > 100 && b.p[0] == 'M'; /* what a DER SEQUENCE begins with */
}

static void read_der(struct base_arena *a, const char *name, struct base_bytes file,
                     struct inspect_ders *out, struct inspect_notes *notes)
{
    struct cert_bundle b;
    struct base_fail f;

    if (cert_bundle_split(a, file.p, file.n, &b, &f) == BASE_OK) {
        add_ders(&b, name, out, notes);
    } else {
        inspect_note(notes, "%s: %s", name, f.text);
    }
}

void inspect_file_read(struct base_arena *a, const char *name, struct base_bytes file,
                       struct inspect_ders *out, struct inspect_notes *notes)
{
    if (file.n >= 3 && memcmp(file.p, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        file.p += 3;
        file.n -= 3;
    }
    if (inspect_zip_is(file)) {
        inspect_zip_read(a, name, file, out, notes);
    } else if (file.n > 4 && file.p[0] == 0x30 && file.p[1] >= 0x80) {
        read_der(a, name, file, out, notes);
    } else if (find(file, "-----BEGIN ") != NULL) {
        inspect_file_text(a, name, file, out, notes);
    } else if (file.n > 0 && file.n <= CERT_BUNDLE_MAX && base64_only(file)) {
        size_t n;
        const unsigned char *p = base_unbase64(a, (const char *)file.p, file.n, &n);

        if (p != NULL) {
            read_der(a, name, (struct base_bytes){p, n}, out, notes);
        }
    }
}

json_t *inspect_ders_json(struct base_arena *a, struct inspect_ders *out,
                          struct inspect_notes *notes)
{
    json_t *list = json_array();
    size_t n = out->n;

    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct cert_fields *c = base_arena_alloc(a, sizeof(*c));
        struct base_fail f;

        if (cert_fields_parse(a, out->der[i].p, out->der[i].n, c, &f) == BASE_OK) {
            json_array_append_new(list, cert_fields_to_json(c));
            out->der[out->n++] = c->der;
        } else {
            inspect_note(notes, "a certificate was left out: %s", f.text);
        }
    }
    return list;
}
