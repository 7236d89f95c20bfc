/* cli/table_out.c - aligned columns that fit their content.
 *
 * Cells must be printable already. Rows live in the arena of the moment; widths
 * are kept from page to page so that long lists stay aligned. */
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"
#include "cli.h"

#define GAP "  "
#define MIN_ROOM 20 /* columns for the last cell below which nothing is cut or wrapped */

size_t cli_columns(const char *s)
{
    size_t n = strlen(s), cols = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t len = base_utf8_char((const unsigned char *)s + i, n - i, &cp);
        int w = len ? wcwidth((wchar_t)cp) : 1;
        cols += w > 0 ? (size_t)w : 0;
        i += len ? len : 1;
    }
    return cols;
}

/* Bytes of S that fit into COLS columns. */
static size_t fitting(const char *s, size_t cols)
{
    size_t n = strlen(s), used = 0, i = 0;
    while (i < n) {
        uint32_t cp;
        size_t len = base_utf8_char((const unsigned char *)s + i, n - i, &cp);
        int w = len ? wcwidth((wchar_t)cp) : 1;
        used += w > 0 ? (size_t)w : 0;
        if (used > cols)
            break;
        i += len ? len : 1;
    }
    return i;
}

void cli_table_init(struct cli_table *t, ...)
{
    va_list ap;
    const char *h;
    memset(t, 0, sizeof(*t));
    va_start(ap, t);
    while ((h = va_arg(ap, const char *)) != NULL && t->ncol < CLI_COLUMNS)
        t->head[t->ncol++] = h;
    va_end(ap);
}

static const char **new_row(struct cli *c, struct cli_table *t)
{
    if (t->nrows == t->room) {
        size_t room = t->room ? t->room * 2 : 64;
        const char **v = base_arena_array(c->a, room * CLI_COLUMNS, sizeof(*v));
        if (t->nrows)
            memcpy(v, t->cell, t->nrows * CLI_COLUMNS * sizeof(*v));
        t->cell = v;
        t->room = room;
    }
    return t->cell + CLI_COLUMNS * t->nrows++;
}

void cli_table_row(struct cli *c, struct cli_table *t, ...)
{
    const char **row = new_row(c, t);
    va_list ap;
    va_start(ap, t);
    for (size_t i = 0; i < t->ncol; i++) {
        const char *s = va_arg(ap, const char *);
        row[i] = s ? s : "";
    }
    va_end(ap);
}

void cli_pair(struct cli *c, struct cli_table *t, const char *name, const char *value)
{
    if (t->ncol == 0) {
        t->ncol = 2;
        t->headed = t->wrap = true;
    }
    if (value && value[0])
        cli_table_row(c, t, name, value);
}

static void measure(struct cli_table *t)
{
    for (size_t i = 0; i < t->ncol; i++) {
        size_t w = t->width[i];
        for (size_t r = 0; r < t->nrows; r++) {
            size_t n = cli_columns(t->cell[r * CLI_COLUMNS + i]);
            w = n > w ? n : w;
        }
        if (w > 0 && !t->headed && cli_columns(t->head[i]) > w)
            w = cli_columns(t->head[i]);
        t->width[i] = w;
    }
}

/* Bytes of S for a line of COLS columns: up to the last blank that fits. */
static size_t wrapped(const char *s, size_t cols)
{
    size_t n = fitting(s, cols), i = n;
    if (!s[n])
        return n;
    while (i > 0 && s[i] != ' ')
        i--;
    return i > 0 ? i : n;
}

/* The last cell of a row, at column USED: cut or, where sentences stand, wrapped. */
static void print_last(struct cli *c, const struct cli_table *t, const char *s, size_t used)
{
    size_t room = c->width > 0 && (size_t)c->width > used + MIN_ROOM ? (size_t)c->width - used : 0;
    if (room == 0 || cli_columns(s) <= room) {
        fputs(s, c->out);
        return;
    }
    if (!t->wrap) {
        fprintf(c->out, "%.*s...", (int)fitting(s, room - 3), s);
        return;
    }
    while (*s) {
        size_t n = wrapped(s, room);
        fprintf(c->out, "%.*s", (int)n, s);
        s += n;
        s += strspn(s, " ");
        if (*s)
            fprintf(c->out, "\n%*s", (int)used, "");
    }
}

static void print_row(struct cli *c, const struct cli_table *t, const char *const *row)
{
    size_t used = 0, last = 0;
    for (size_t i = 0; i < t->ncol; i++)
        if (t->width[i] && row[i][0])
            last = i;
    for (size_t i = 0; i < last; i++) {
        if (!t->width[i])
            continue;
        fprintf(c->out, "%s%*s" GAP, row[i], (int)(t->width[i] - cli_columns(row[i])), "");
        used += t->width[i] + strlen(GAP);
    }
    print_last(c, t, row[last], used);
    fputc('\n', c->out);
}

void cli_table_print(struct cli *c, struct cli_table *t)
{
    if (t->nrows == 0)
        return;
    measure(t);
    if (!t->headed)
        print_row(c, t, t->head);
    t->headed = true;
    for (size_t r = 0; r < t->nrows; r++)
        print_row(c, t, t->cell + r * CLI_COLUMNS);
    t->nrows = t->room = 0;
    t->cell = NULL;
}
