/* policy/lines.c - visible text line by line, white space made one blank.
 *
 * White space is ASCII's, the no-break space and Unicode's other blanks, as
 * HTML shows them all alike. Owns nothing, can't fail. */
#include "lines.h"

#include <string.h>

/* Bytes of the blank at S: 0 if there is none. LF isn't one. */
static size_t blank(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;

    if (*u == ' ' || (*u >= '\t' && *u <= '\r' && *u != '\n')) {
        return 1;
    }
    if (u[0] == 0xc2 && u[1] == 0xa0) { /* U+00A0 */
        return 2;
    }
    if (u[0] == 0xe2 && u[1] == 0x80 && ((u[2] >= 0x80 && u[2] <= 0x8a) || u[2] == 0xaf)) {
        return 3; /* U+2000 to U+200A, U+202F */
    }
    if (u[0] == 0xe3 && u[1] == 0x80 && u[2] == 0x80) { /* U+3000 */
        return 3;
    }
    return 0;
}

/* One line from S into OUT (ROOM bytes and a NUL); gives its end (LF or NUL).
 * *n is its length, ROOM + 1 if it didn't go in. */
static const char *squeeze(const char *s, char *out, size_t room, size_t *n)
{
    bool pending = false;
    size_t o = 0, b;

    for (; *s != '\0' && *s != '\n'; s += b > 0 ? b : 1) {
        b = blank(s);
        if (b > 0) {
            pending = o > 0;
            continue;
        }
        if (o + pending + 1 > room) {
            *n = room + 1;
            return strchrnul(s, '\n');
        }
        if (pending) {
            out[o++] = ' ';
            pending = false;
        }
        out[o++] = *s;
    }
    out[o] = '\0';
    *n = o;
    return s;
}

void policy_lines_start(struct policy_lines *l, const char *text)
{
    l->next = text;
    l->apart = true;
    l->line[0] = '\0';
}

bool policy_lines_next(struct policy_lines *l)
{
    if (l->line[0] != '\0') {
        l->apart = false;
    }
    while (l->next != NULL && *l->next != '\0') {
        size_t n;
        const char *end = squeeze(l->next, l->line, sizeof l->line - 1, &n);
        l->next = *end == '\n' ? end + 1 : end;
        if (n > 0 && n < sizeof l->line) {
            return true;
        }
        l->apart = l->apart || n == 0;
    }
    return false;
}

char *policy_one_line(struct base_arena *a, const char *text)
{
    size_t n = strlen(text), got;
    char *in = base_arena_strndup(a, text, n), *out = base_arena_alloc(a, n + 1);

    for (size_t i = 0; i < n; i++) {
        if (in[i] == '\n') {
            in[i] = ' ';
        }
    }
    squeeze(in, out, n, &got);
    return out;
}
