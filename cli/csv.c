/* cli/csv.c - comma-separated values, strictly. Owns nothing. */
#include "csv.h"

#include <string.h>

#include "base/bytes.h"

void cli_csv_init(struct cli_csv *r, const void *p, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf";
    *r = (struct cli_csv){.p = p, .n = n, .line = 1};
    if (n >= 3 && memcmp(p, mark, 3) == 0)
        r->at = r->start = 3;
}

/* Bytes of the UTF-8 character (RFC 3629) at P, 0 if there is none. */
static size_t utf8(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* The length of the end of line at AT; 0 = none here. */
static size_t line_end(const struct cli_csv *r)
{
    if (r->at < r->n && r->p[r->at] == '\n')
        return 1;
    return r->at + 1 < r->n && r->p[r->at] == '\r' && r->p[r->at + 1] == '\n' ? 2 : 0;
}

static void next_line(struct cli_csv *r, size_t length)
{
    r->at += length;
    r->start = r->at;
    r->line++;
}

/* Goes on behind the physical line. */
static enum cli_csv_got wrong(struct cli_csv *r, struct cli_csv_error *e, const char *text)
{
    *e = (struct cli_csv_error){r->line, r->at - r->start + 1, text};
    const unsigned char *nl = r->at < r->n ? memchr(r->p + r->at, '\n', r->n - r->at) : NULL;
    if (nl)
        next_line(r, (size_t)(nl - (r->p + r->at)) + 1);
    else
        r->at = r->n;
    return CLI_CSV_ERROR;
}

/* Takes one character of a field into B; NULL or what is wrong with it. */
static const char *take(struct cli_csv *r, struct base_buf *b)
{
    unsigned char c = r->p[r->at];
    size_t n = utf8(r->p + r->at, r->n - r->at);
    if (n == 0)
        return "expected UTF-8";
    if ((c < ' ' && c != '\t') || c == 0x7f)
        return "a control character";
    if (!base_buf_add(b, r->p + r->at, n))
        return "the record is longer than 64 KiB";
    r->at += n;
    return NULL;
}

static const char *quoted(struct cli_csv *r, struct base_buf *b)
{
    struct cli_csv open = *r;
    const char *bad = NULL;
    r->at++;
    while (!bad && r->at < r->n) {
        size_t end = line_end(r);
        if (r->p[r->at] == '"') {
            if (r->at + 1 >= r->n || r->p[r->at + 1] != '"') {
                r->at++;
                return NULL;
            }
            bad = base_buf_add(b, "\"", 1) ? NULL : "the record is longer than 64 KiB";
            r->at += 2;
        } else if (end) {
            bad = base_buf_add(b, "\n", 1) ? NULL : "the record is longer than 64 KiB";
            next_line(r, end);
        } else
            bad = take(r, b);
    }
    if (bad)
        return bad;
    *r = open;
    return "this quotation mark is not closed";
}

static const char *unquoted(struct cli_csv *r, struct base_buf *b)
{
    const char *bad = NULL;
    while (!bad && r->at < r->n && r->p[r->at] != ',' && !line_end(r)) {
        if (r->p[r->at] == '"')
            return "a quotation mark within a field: put the field in quotation marks, and double it";
        bad = take(r, b);
    }
    return bad;
}

/* One field and what ends it; *more: another one follows. */
static const char *field(struct cli_csv *r, struct base_buf *b, bool *more)
{
    bool q = r->at < r->n && r->p[r->at] == '"';
    const char *bad = q ? quoted(r, b) : unquoted(r, b);
    *more = false;
    if (bad)
        return bad;
    size_t end = line_end(r);
    if (end)
        next_line(r, end);
    else if (r->at < r->n && r->p[r->at] == ',') {
        r->at++;
        *more = true;
    } else if (r->at < r->n)
        return "expected a comma or the end of the line behind the quotation mark";
    return NULL;
}

static enum cli_csv_got record(struct cli_csv *r, struct base_arena *a, struct base_buf *b,
                               struct cli_csv_record *out, struct cli_csv_error *e)
{
    bool more = true;
    while (more) {
        size_t from = b->n;
        if (out->n == CLI_CSV_FIELDS)
            return wrong(r, e, "more than 64 fields");
        out->column[out->n] = r->at - r->start + 1;
        const char *bad = field(r, b, &more);
        if (bad)
            return wrong(r, e, bad);
        out->field[out->n++] = base_arena_strndup(a, base_buf_str(b) + from, b->n - from);
    }
    return CLI_CSV_RECORD;
}

enum cli_csv_got cli_csv_next(struct cli_csv *r, struct base_arena *a, struct cli_csv_record *out,
                              struct cli_csv_error *e)
{
    struct base_buf b;
    size_t end;
    while ((end = line_end(r)) > 0)
        next_line(r, end);
    if (r->at >= r->n)
        return CLI_CSV_END;
    out->line = r->line;
    out->n = 0;
    base_buf_init(&b, CLI_CSV_RECORD_MAX);
    enum cli_csv_got got = record(r, a, &b, out, e);
    base_buf_free(&b);
    return got;
}

const char *cli_csv_field(struct base_arena *a, const char *s)
{
    struct base_buf b;
    if (!s || !*s)
        return "";
    bool formula = strspn(s, "=+-@\t") > 0;
    if (!formula && !strpbrk(s, "\",\r\n") && s[0] != ' ' && s[0] != '\xef')
        return base_arena_strdup(a, s);
    base_buf_init(&b, 0);
    base_buf_adds(&b, formula ? "\"'" : "\"");
    for (; *s; s++) {
        if (*s == '"')
            base_buf_add(&b, s, 1);
        base_buf_add(&b, s, 1);
    }
    base_buf_add(&b, "\"", 1);
    const char *out = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return out;
}
