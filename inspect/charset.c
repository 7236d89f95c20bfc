/* inspect/charset.c - iconv descriptors that were opened while files could be.
 *
 * Owns one descriptor for each known charset that the input names, until the
 * process ends: opening all of them costs more than everything else together.
 * GMime's name map decides what a mail's name for a charset means to iconv. */
#include "charset.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

/* What the mails of the 11 languages come in, beside UTF-8 and ASCII. */
static const char *const names[] = {
    "iso-8859-1",   "iso-8859-2",   "iso-8859-5",   "iso-8859-7",   "iso-8859-9",   "iso-8859-15",
    "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
    "iso-2022-jp",  "shift_jis",    "euc-jp",       "gb2312",       "gbk",          "gb18030",
    "big5",         "euc-kr",       "koi8-r",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static const struct {
    const char *alias, *name;
} aliases[] = {
    {"latin1", "iso-8859-1"},   {"latin2", "iso-8859-2"},     {"cp1250", "windows-1250"},
    {"cp1251", "windows-1251"}, {"cp1252", "windows-1252"},   {"x-sjis", "shift_jis"},
    {"sjis", "shift_jis"},      {"windows-31j", "shift_jis"}, {"cp932", "shift_jis"},
    {"x-euc-jp", "euc-jp"},     {"hz-gb-2312", NULL},         {"x-gbk", "gbk"},
    {"cp936", "gbk"},           {"big5-hkscs", "big5"},       {"ks_c_5601-1987", "euc-kr"},
    {"ks_c_5601", "euc-kr"},    {"cp949", "euc-kr"},          {"koi8r", "koi8-r"},
};

static struct {
    const char *iconv_name; /* GMime's, static there */
    iconv_t cd;
} table[NAMES];

static void open_one(size_t i)
{
    if (table[i].iconv_name == NULL) {
        table[i].iconv_name = g_mime_charset_iconv_name(names[i]);
        table[i].cd = iconv_open("UTF-8", table[i].iconv_name);
    }
}

static void open_named(const char *name)
{
    for (size_t i = 0; name != NULL && i < NAMES; i++) {
        if (strcasecmp(names[i], name) == 0) {
            open_one(i);
        }
    }
}

/* Does TEXT stand at P? Bytes are compared with our own names, nothing is parsed. */
static bool stands_at(const char *p, size_t n, const char *text)
{
    if (n < 2 || (p[0] | 0x20) != text[0] || (p[1] | 0x20) != (text[1] | 0x20)) {
        return false; /* nearly always, and cheap */
    }
    size_t len = strlen(text);

    return len <= n && strncasecmp(p, text, len) == 0;
}

void inspect_charset_open(const void *input, size_t n)
{
    const char *p = input;
    bool starts[256] = {false};

    g_mime_charset_map_init(); /* pages come without the rest of GMime */

    for (size_t i = 0; i < NAMES; i++) {
        starts[(unsigned char)names[i][0]] = true;
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        starts[(unsigned char)aliases[i].alias[0]] = true;
    }
    for (size_t at = 1; at < n; at++) { /* charset=, =?name?, name'' */
        if (!starts[(unsigned char)(p[at] | 0x20)] || strchr("=\"'? \t\r\n", p[at - 1]) == NULL) {
            continue;
        }
        for (size_t i = 0; i < NAMES; i++) {
            if (stands_at(p + at, n - at, names[i])) {
                open_one(i);
            }
        }
        for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
            if (stands_at(p + at, n - at, aliases[i].alias)) {
                open_named(aliases[i].name);
            }
        }
    }
}

void inspect_charset_open_all(void)
{
    g_mime_charset_map_init();
    for (size_t i = 0; i < NAMES; i++) {
        open_one(i);
    }
}

static iconv_t lookup(const char *charset)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcasecmp(charset, aliases[i].alias) == 0) {
            if (aliases[i].name == NULL) {
                return (iconv_t)-1;
            }
            charset = aliases[i].name;
            break;
        }
    }
    const char *name = g_mime_charset_iconv_name(charset);

    for (size_t i = 0; i < NAMES; i++) {
        if (table[i].iconv_name != NULL &&
            (strcasecmp(names[i], charset) == 0 || strcasecmp(table[i].iconv_name, name) == 0)) {
            return table[i].cd;
        }
    }
    return (iconv_t)-1;
}

static char *finish(struct base_arena *a, struct base_buf *b, size_t *out_n)
{
    char *s = base_arena_strndup(a, base_buf_str(b), b->n);

    if (out_n != NULL) {
        *out_n = strlen(s);
    }
    base_buf_free(b);
    return s;
}

/* Keeps well-formed UTF-8; BAD stands for every other byte, NUL for a blank. */
static char *as_utf8(struct base_arena *a, const unsigned char *p, size_t n, const char *bad,
                     size_t *out_n)
{
    struct base_buf b;

    base_buf_init(&b, 0);
    for (size_t i = 0; i < n;) {
        size_t len = base_utf8_char(p + i, n - i, NULL);

        if (len == 0) {
            base_buf_adds(&b, bad);
            i++;
        } else {
            base_buf_add(&b, p[i] == '\0' ? (const void *)" " : p + i, len);
            i += len;
        }
    }
    return finish(a, &b, out_n);
}

static char *by_iconv(struct base_arena *a, iconv_t cd, const char *p, size_t n, size_t *out_n)
{
    struct base_buf b;
    char *in = (char *)p;

    base_buf_init(&b, 0);
    iconv(cd, NULL, NULL, NULL, NULL);
    while (n > 0) {
        base_buf_reserve(&b, n + 32);
        char *to = (char *)b.p + b.n;
        size_t room = b.cap - b.n - 1;
        size_t before = room;
        size_t r = iconv(cd, &in, &n, &to, &room);
        int why = errno;

        b.n += before - room;
        b.p[b.n] = '\0';
        if (r != (size_t)-1 || why == E2BIG) {
            continue;
        }
        base_buf_adds(&b, "\xef\xbf\xbd");
        if (why != EILSEQ) { /* cut in the middle of a character */
            break;
        }
        in++;
        n--;
        iconv(cd, NULL, NULL, NULL, NULL);
    }
    /* iconv wrote UTF-8, but may have let a NUL through */
    struct base_bytes raw = base_buf_bytes(&b);
    char *s = as_utf8(a, raw.p, raw.n, "?", out_n);

    base_buf_free(&b);
    return s;
}

char *inspect_charset_text(struct base_arena *a, const char *charset, const void *p, size_t n,
                           size_t *out_n)
{
    if (charset != NULL && strcasecmp(charset, "utf-8") != 0 && strcasecmp(charset, "utf8") != 0 &&
        strcasecmp(charset, "us-ascii") != 0) {
        iconv_t cd = lookup(charset);

        if (cd != (iconv_t)-1) {
            return by_iconv(a, cd, p, n, out_n);
        }
        return as_utf8(a, p, n, "?", out_n);
    }
    return as_utf8(a, p, n, "\xef\xbf\xbd", out_n);
}
