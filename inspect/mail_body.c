/* inspect/mail_body.c - what a signed mail shows: texts, links, certificates.
 *
 * Owns nothing beyond the arena. Whatever breaks a cap is left out with a note;
 * the rest is still looked at. */
#include <string.h>

#include "charset.h"
#include "files.h"
#include "gate.h"
#include "html.h"
#include "inputs.h"
#include "mime.h"
#include "policy/recognise.h"

#define TEXT_MAX (1024 * 1024) /* bytes of visible text of a mail */

struct body {
    struct base_arena *a;
    struct inspect_notes *notes;
    struct base_buf text, html;
    bool has_html;
    struct inspect_links links;
    struct inspect_ders ders;
};

/* RFC 3676: lines that end in a blank go on in the next one. */
static void unflow(char *s, bool delsp)
{
    char *out = s;

    for (char *p = s; *p != '\0'; p++) {
        bool signature =
            p - s >= 3 && memcmp(p - 3, "-- ", 3) == 0 && (p - s == 3 || p[-4] == '\n');

        if (*p == '\n' && p > s && p[-1] == ' ' && !signature) {
            if (delsp) {
                out--;
            }
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
}

static void drop_cr(char *s)
{
    char *out = s;

    for (; *s != '\0'; s++) {
        if (s[0] != '\r' || s[1] != '\n') {
            *out++ = *s == '\r' ? '\n' : *s;
        }
    }
    *out = '\0';
}

static void append(struct body *b, struct base_buf *to, const char *text, const char *name)
{
    if (!base_buf_adds(to, text) || !base_buf_adds(to, "\n")) {
        inspect_note(b->notes, "%s: more than 1 MiB of text: left out", name);
    }
}

static void take_text(struct body *b, const struct inspect_leaf *l)
{
    char *s = inspect_charset_text(b->a, l->charset, l->data.p, l->data.n, NULL);

    drop_cr(s);
    if (l->flowed) {
        unflow(s, l->delsp);
    }
    inspect_links_scan(&b->links, s, "text");
    append(b, &b->text, s, inspect_leaf_name(l));
    inspect_file_text(b->a, "text", (struct base_bytes){(const unsigned char *)s, strlen(s)},
                      &b->ders, b->notes);
}

static void take_html(struct body *b, const struct inspect_leaf *l)
{
    struct inspect_html html;
    const char *why =
        inspect_html_read(b->a, l->charset, l->data.p, l->data.n, &b->links, false, &html);

    if (why != NULL) {
        inspect_note(b->notes, "%s: %s", inspect_leaf_name(l), why);
    }
    b->has_html = true;
    append(b, &b->html, html.text, inspect_leaf_name(l));
    inspect_file_text(b->a, "html",
                      (struct base_bytes){(const unsigned char *)html.text, strlen(html.text)},
                      &b->ders, b->notes);
}

static void take_leaf(struct body *b, const struct inspect_leaf *l)
{
    switch (l->kind) {
    case INSPECT_LEAF_TEXT:
        take_text(b, l);
        break;
    case INSPECT_LEAF_HTML:
        take_html(b, l);
        break;
    case INSPECT_LEAF_FILE:
        inspect_file_read(b->a, inspect_leaf_name(l), l->data, &b->ders, b->notes);
        break;
    }
}

static void recognise(struct body *b, const struct policy_profile *profile, struct policy_facts *f)
{
    struct policy_material m = {.text = base_buf_str(&b->text),
                                .html_text = b->has_html ? base_buf_str(&b->html) : NULL,
                                .nlinks = b->links.n};

    m.links = base_arena_array(b->a, b->links.n + 1, sizeof(*m.links));
    for (size_t i = 0; i < b->links.n; i++) {
        m.links[i].url = b->links.v[i].url;
        m.links[i].where = b->links.v[i].where;
    }
    m.ncertificates = json_array_size(f->certificates);
    policy_recognise(b->a, profile, &m, f);
}

void inspect_mail_body(struct base_arena *a, const struct inspect_header *h,
                       const struct policy_profile *profile, struct policy_facts *f,
                       struct inspect_notes *notes)
{
    struct body *b = base_arena_alloc(a, sizeof(*b));
    struct inspect_mime *mime = base_arena_alloc(a, sizeof(*mime));
    const char *refuse = inspect_gate(h);

    b->a = a;
    b->notes = notes;
    b->links.a = a;
    base_buf_init(&b->text, TEXT_MAX);
    base_buf_init(&b->html, TEXT_MAX);
    if (refuse != NULL) {
        inspect_note(notes, "not parsed: %s", refuse);
    } else {
        inspect_mime_read(a, h, mime, notes);
        for (size_t i = 0; i < mime->n; i++) {
            take_leaf(b, &mime->leaf[i]);
        }
        if (b->links.left_out > 0) {
            inspect_note(notes, "%zu links were left out", b->links.left_out);
        }
        f->certificates = inspect_ders_json(a, &b->ders, notes);
        f->parsed = true;
    }
    recognise(b, profile, f);
    base_buf_free(&b->text);
    base_buf_free(&b->html);
}
