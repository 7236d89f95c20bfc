/* inspect/words.c - header values as text: folding and encoded words (RFC 2047, RFC 2231).
 *
 * Words of one charset that follow each other are joined before they are
 * converted, because mailers split characters between them. A word that is
 * malformed stays as it was written. */
#include <string.h>
#include <strings.h>

#include "charset.h"

struct word {
    char charset[64];
    char encoding; /* 'b' or 'q' */
    const unsigned char *p;
    size_t n;
    size_t len; /* of the whole word with its marks */
};

static bool find_mark(const unsigned char *p, size_t n, size_t *at)
{
    const unsigned char *q = n > 0 ? memchr(p, '?', n) : NULL;

    *at = q != NULL ? (size_t)(q - p) : 0;
    return q != NULL;
}

/* =?charset*lang?B?text?= at P. */
static bool read_word(const unsigned char *p, size_t n, struct word *w)
{
    size_t at;

    if (n < 8 || p[0] != '=' || p[1] != '?' || !find_mark(p + 2, n - 2, &at) || at == 0 ||
        at >= sizeof(w->charset)) {
        return false;
    }
    memcpy(w->charset, p + 2, at);
    w->charset[at] = '\0';
    w->charset[strcspn(w->charset, "*")] = '\0';
    if (strpbrk(w->charset, " \t\r\n\"()<>@,;:") != NULL) {
        return false;
    }
    size_t i = 2 + at + 1;

    if (i + 2 >= n || p[i + 1] != '?') {
        return false;
    }
    w->encoding = (char)(p[i] | 0x20);
    i += 2;
    if ((w->encoding != 'b' && w->encoding != 'q') || !find_mark(p + i, n - i, &at) ||
        i + at + 1 >= n || p[i + at + 1] != '=') {
        return false;
    }
    w->p = p + i;
    w->n = at;
    w->len = i + at + 2;
    return true;
}

static int hex(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static bool decode_word(struct base_arena *a, const struct word *w, struct base_buf *out)
{
    if (w->encoding == 'b') {
        size_t n;
        size_t len = w->n;

        while (len > 0 && w->p[len - 1] == '=') {
            len--;
        }
        /* senders forget the padding */
        char *padded = base_arena_printf(a, "%.*s%s", (int)len, (const char *)w->p,
                                         len % 4 == 2   ? "=="
                                         : len % 4 == 3 ? "="
                                                        : "");
        unsigned char *p = base_unbase64(a, padded, strlen(padded), &n);

        return p != NULL && base_buf_add(out, p, n);
    }
    for (size_t i = 0; i < w->n; i++) {
        unsigned char c = w->p[i];

        if (c == '_') {
            c = ' ';
        } else if (c == '=' && i + 2 < w->n && hex(w->p[i + 1]) >= 0 && hex(w->p[i + 2]) >= 0) {
            c = (unsigned char)(hex(w->p[i + 1]) * 16 + hex(w->p[i + 2]));
            i += 2;
        }
        base_buf_add(out, &c, 1);
    }
    return true;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Collects bytes of one charset, appends them as UTF-8 when it changes. */
struct run {
    struct base_arena *a;
    struct base_buf bytes, out;
    char charset[64];
};

static void flush_run(struct run *r)
{
    if (r->bytes.n > 0) {
        base_buf_adds(&r->out, inspect_charset_text(r->a, r->charset[0] ? r->charset : NULL,
                                                    r->bytes.p, r->bytes.n, NULL));
        r->bytes.n = 0;
    }
}

static void set_charset(struct run *r, const char *charset)
{
    if (strcasecmp(r->charset, charset) != 0) {
        flush_run(r);
        strcpy(r->charset, charset);
    }
}

static void decode_all(struct run *r, const unsigned char *p, size_t n)
{
    bool after_word = false;
    struct word w;

    for (size_t i = 0; i < n;) {
        size_t gap = i;

        while (gap < n && is_blank(p[gap])) {
            gap++;
        }
        if (read_word(p + gap, n - gap, &w)) {
            if (!after_word && gap > i) {
                set_charset(r, "");
                base_buf_adds(&r->bytes, " ");
            }
            set_charset(r, w.charset);
            size_t before = r->bytes.n;

            if (decode_word(r->a, &w, &r->bytes)) {
                after_word = true;
                i = gap + w.len;
                continue;
            }
            r->bytes.n = before;
        }
        after_word = false;
        set_charset(r, "");
        if (gap > i) {
            base_buf_adds(&r->bytes, " ");
            i = gap;
        } else {
            base_buf_add(&r->bytes, p + i, 1);
            i++;
        }
    }
    flush_run(r);
}

const char *inspect_header_text(struct base_arena *a, struct base_bytes value, size_t max)
{
    struct run r = {.a = a};

    base_buf_init(&r.bytes, 0);
    base_buf_init(&r.out, 0);
    decode_all(&r, value.p, value.n);
    const char *s = base_buf_str(&r.out);
    size_t n = r.out.n;

    while (n > 0 && is_blank((unsigned char)*s)) {
        s++;
        n--;
    }
    while (n > 0 && is_blank((unsigned char)s[n - 1])) {
        n--;
    }
    const char *text = base_printable(a, s, n, max);

    base_buf_free(&r.bytes);
    base_buf_free(&r.out);
    return text;
}
