/* inspect/header.c - lines into fields, and nothing more.
 *
 * Owns nothing. A broken cap stops the reading; an odd line is remembered and
 * left out, so that the rest can still be shown to a person. */
#include "header.h"

#include <string.h>
#include <strings.h>

/* LF -> CRLF, for files that were saved with bare LF throughout. */
static struct base_bytes with_crlf(struct base_arena *a, struct base_bytes raw)
{
    size_t lines = 0;

    for (size_t i = 0; i < raw.n; i++) {
        lines += raw.p[i] == '\n';
    }
    unsigned char *p = base_arena_alloc(a, raw.n + lines + 1);
    size_t n = 0;

    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\n') {
            p[n++] = '\r';
        }
        p[n++] = raw.p[i];
    }
    return (struct base_bytes){p, n};
}

static const unsigned char *find_crlf(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
        if (p + 1 < end && p[1] == '\n') {
            return p;
        }
        p++;
    }
    return NULL;
}

/* "From user@host date" of an mbox file, but not the field "From : ...". */
static struct base_bytes drop_mbox_line(struct base_bytes b)
{
    const unsigned char *nl;

    if (b.n > 6 && memcmp(b.p, "From ", 5) == 0) {
        size_t i = 5;

        while (i < b.n && (b.p[i] == ' ' || b.p[i] == '\t')) {
            i++;
        }
        if (i < b.n && b.p[i] != ':' && (nl = memchr(b.p, '\n', b.n)) != NULL) {
            size_t cut = (size_t)(nl - b.p) + 1;

            return (struct base_bytes){b.p + cut, b.n - cut};
        }
    }
    return b;
}

/* Splits F->raw at its colon; false if what stands before it is no field name. */
static bool split_field(struct inspect_field *f)
{
    const unsigned char *p = f->raw.p;
    const unsigned char *colon = memchr(p, ':', f->raw.n);

    if (colon == NULL || colon == p) {
        return false;
    }
    size_t n = (size_t)(colon - p);

    f->value = (struct base_bytes){colon + 1, f->raw.n - n - 1};
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t')) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 33 || p[i] > 126) {
            return false;
        }
    }
    f->name = (struct base_bytes){p, n};
    return n > 0;
}

/* NUL, or a CR or LF that isn't part of a fold. */
static const char *odd_bytes(struct base_bytes raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\0') {
            return "a NUL byte in the header";
        }
        if (raw.p[i] == '\r' && i + 1 < raw.n && raw.p[i + 1] == '\n') {
            i++;
        } else if (raw.p[i] == '\r' || raw.p[i] == '\n') {
            return "a bare CR or LF in the header";
        }
    }
    return NULL;
}

static void add_field(struct inspect_header *h, const unsigned char *p, const unsigned char *end)
{
    struct inspect_field *f = &h->fields[h->n];
    const char *odd;

    f->raw = (struct base_bytes){p, (size_t)(end - p)};
    if (f->raw.n > INSPECT_FIELD_MAX) {
        h->too_big = "a header field of more than 16 KiB";
    } else if (h->n == INSPECT_FIELDS_MAX) {
        h->too_big = "more than 500 header fields";
    } else if (!split_field(f)) {
        h->malformed = "a line in the header that is no field";
    } else {
        odd = odd_bytes(f->raw);
        if (odd != NULL) {
            h->malformed = odd;
        }
        h->n++;
    }
}

/* End of the field that starts at P: the CRLF that no blank follows. */
static const unsigned char *field_end(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *eol = find_crlf(p, end);

    while (eol != NULL && eol + 2 < end && (eol[2] == ' ' || eol[2] == '\t')) {
        eol = find_crlf(eol + 2, end);
    }
    return eol != NULL ? eol : end;
}

void inspect_header_read(struct base_arena *a, struct base_bytes raw, struct inspect_header *out)
{
    memset(out, 0, sizeof(*out));
    out->fields = base_arena_array(a, INSPECT_FIELDS_MAX + 1, sizeof(*out->fields));
    raw = drop_mbox_line(raw);
    out->mail = raw.n > 0 && find_crlf(raw.p, raw.p + raw.n) == NULL ? with_crlf(a, raw) : raw;
    const unsigned char *p = out->mail.p;
    const unsigned char *end = p + out->mail.n;

    while (p < end && out->too_big == NULL) {
        if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') {
            p += 2;
            out->body = (struct base_bytes){p, (size_t)(end - p)};
            return;
        }
        const unsigned char *eof = field_end(p, end);

        if ((size_t)(eof - out->mail.p) > INSPECT_HEADERS_MAX) {
            out->too_big = "a header of more than 128 KiB";
            return;
        }
        add_field(out, p, eof);
        p = eof < end ? eof + 2 : end;
    }
    out->body = (struct base_bytes){end, 0};
}

bool inspect_field_is(const struct inspect_field *f, const char *name)
{
    return f->name.n == strlen(name) && strncasecmp((const char *)f->name.p, name, f->name.n) == 0;
}

size_t inspect_header_count(const struct inspect_header *h, const char *name,
                            const struct inspect_field **first)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++) {
        if (inspect_field_is(&h->fields[i], name) && n++ == 0 && first != NULL) {
            *first = &h->fields[i];
        }
    }
    return n;
}
