/* inspect/mime.c - GMime's tree walked once, leaves decoded into the arena.
 *
 * Owns GMime's objects for the length of a call. GMime gets the content fields
 * of the header only, so it never parses the mail's addresses. GLib ends the
 * process when memory runs out: the sandbox's limit is what stops a bomb here. */
#include "mime.h"

#include <gmime/gmime.h>
#include <string.h>

struct walk {
    struct base_arena *a;
    struct inspect_mime *out;
    struct inspect_notes *notes;
    size_t parts;
};

void inspect_mime_open(void)
{
    g_mime_init();
}

const char *inspect_leaf_name(const struct inspect_leaf *l)
{
    return l->name != NULL ? l->name : l->type;
}

/* The content fields of the header and the body, as one part. */
static GMimeObject *parse(const struct inspect_header *h)
{
    static const char *const names[] = {"Content-Type", "Content-Transfer-Encoding",
                                        "Content-Disposition"};
    GByteArray *bytes = g_byte_array_sized_new((guint)h->body.n + 4096);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct inspect_field *f;

        if (inspect_header_count(h, names[i], &f) > 0) {
            g_byte_array_append(bytes, f->raw.p, (guint)f->raw.n);
            g_byte_array_append(bytes, (const guint8 *)"\r\n", 2);
        }
    }
    g_byte_array_append(bytes, (const guint8 *)"\r\n", 2);
    g_byte_array_append(bytes, h->body.p, (guint)h->body.n);
    GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeObject *o = g_mime_parser_construct_part(parser, NULL);

    g_object_unref(parser);
    g_object_unref(stream);
    return o;
}

static struct base_bytes decode(struct base_arena *a, GMimePart *part)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    struct base_bytes out = {(const unsigned char *)"", 0};

    if (content == NULL) {
        return out;
    }
    GMimeStream *mem = g_mime_stream_mem_new();

    if (g_mime_data_wrapper_write_to_stream(content, mem) >= 0) {
        const GByteArray *b = g_mime_stream_mem_get_byte_array((GMimeStreamMem *)mem);

        if (b->len > 0) {
            unsigned char *copy = base_arena_alloc(a, (size_t)b->len + 1);

            memcpy(copy, b->data, b->len);
            out = (struct base_bytes){copy, b->len};
        }
    }
    g_object_unref(mem);
    return out;
}

static const char *parameter(struct base_arena *a, GMimeObject *o, const char *name)
{
    const char *v = g_mime_object_get_content_type_parameter(o, name);

    return v != NULL ? base_printable(a, v, strlen(v), 128) : NULL;
}

static const char *type_of(struct base_arena *a, GMimeObject *o)
{
    GMimeContentType *ct = g_mime_object_get_content_type(o);
    const char *type = ct != NULL ? g_mime_content_type_get_media_type(ct) : "text";
    const char *subtype = ct != NULL ? g_mime_content_type_get_media_subtype(ct) : "plain";
    char *s = base_arena_printf(a, "%s/%s", type != NULL ? type : "text",
                                subtype != NULL ? subtype : "plain");

    base_ascii_lower(s);
    return base_printable(a, s, strlen(s), 128);
}

static bool says(const char *v, const char *what)
{
    return v != NULL && base_ascii_caseeq(v, what);
}

static void take_leaf(struct walk *w, GMimeObject *o)
{
    struct inspect_leaf *l = &w->out->leaf[w->out->n++];
    const char *disposition = g_mime_object_get_disposition(o);
    const char *name = g_mime_part_get_filename((GMimePart *)o);

    l->type = type_of(w->a, o);
    l->name = name != NULL ? base_printable(w->a, name, strlen(name), 128) : NULL;
    l->charset = parameter(w->a, o, "charset");
    l->flowed = says(parameter(w->a, o, "format"), "flowed");
    l->delsp = says(parameter(w->a, o, "delsp"), "yes");
    if (says(disposition, "attachment") || strncmp(l->type, "text/", 5) != 0) {
        l->kind = INSPECT_LEAF_FILE;
    } else {
        l->kind = strcmp(l->type, "text/html") == 0 ? INSPECT_LEAF_HTML : INSPECT_LEAF_TEXT;
    }
    l->data = decode(w->a, (GMimePart *)o);
}

/* Recursion is bounded by INSPECT_DEPTH_MAX. */
static void walk(struct walk *w, GMimeObject *o, int depth)
{
    if (++w->parts > INSPECT_PARTS_MAX) {
        if (w->parts == INSPECT_PARTS_MAX + 1) {
            inspect_note(w->notes, "more than %d parts: the rest was left out", INSPECT_PARTS_MAX);
        }
        return;
    }
    if (GMIME_IS_MULTIPART(o)) {
        int n = g_mime_multipart_get_count((GMimeMultipart *)o);

        if (depth >= INSPECT_DEPTH_MAX) {
            inspect_note(w->notes, "parts nested deeper than %d levels were left out",
                         INSPECT_DEPTH_MAX);
            return;
        }
        /* the second part of multipart/signed holds the signer's certificates, not the mail's */
        if (GMIME_IS_MULTIPART_SIGNED(o) && n > 1) {
            n = 1;
        }
        for (int i = 0; i < n && w->parts <= INSPECT_PARTS_MAX; i++) {
            walk(w, g_mime_multipart_get_part((GMimeMultipart *)o, i), depth + 1);
        }
    } else if (GMIME_IS_PART(o) && !GMIME_IS_MESSAGE_PARTIAL(o)) {
        take_leaf(w, o);
    } else {
        inspect_note(w->notes, "an attached message was left out");
    }
}

void inspect_mime_read(struct base_arena *a, const struct inspect_header *h,
                       struct inspect_mime *out, struct inspect_notes *notes)
{
    struct walk w = {.a = a, .out = out, .notes = notes};
    GMimeObject *o = parse(h);

    out->n = 0;
    if (o == NULL) {
        inspect_note(notes, "the mail's structure could not be read");
        return;
    }
    walk(&w, o, 0);
    g_object_unref(o);
}
