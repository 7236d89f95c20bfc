/* policy/scan.c - the words and braces of a configuration text, with their lines.
 *
 * Follows libconfuse's lexer: #, // and C comments, single and double quotes
 * with backslashes, bare words. Owns nothing and can't fail: on a text that
 * never closes what it opens it says so. */
#include "scan.h"

#include <stdbool.h>
#include <string.h>

#define NONE ((size_t)-1)

struct scanner {
    struct base_arena *a;
    const char *s;
    size_t n, at, room;
    int line, depth;
    struct policy_scan *out; /* NULL: only comments are wanted */
    char *blank;             /* comments are blanked here; NULL = nowhere */
};

static bool word_char(char c)
{
    return strchr(" \t\r\n\"'(){}=,+#", c) == NULL;
}

static void add(struct scanner *sc, char kind, size_t at, size_t n, int line)
{
    struct policy_scan *o = sc->out;

    if (o == NULL) {
        return;
    }
    if (o->n == sc->room) {
        size_t room = sc->room > 0 ? sc->room * 2 : 256;
        struct policy_token *v = base_arena_array(sc->a, room, sizeof *v);
        if (o->n > 0) {
            memcpy(v, o->v, o->n * sizeof *v);
        }
        o->v = v;
        sc->room = room;
    }
    o->v[o->n++] = (struct policy_token){kind, at, n, line, sc->depth, NONE};
}

/* Moves over what lies between here and END (a text), counting lines. */
static void skip_to(struct scanner *sc, const char *end, const char *what)
{
    int start = sc->line;
    size_t k = strlen(end);

    while (sc->at < sc->n) {
        if (sc->n - sc->at >= k && memcmp(sc->s + sc->at, end, k) == 0) {
            sc->at += k;
            return;
        }
        sc->line += sc->s[sc->at] == '\n';
        sc->at += sc->s[sc->at] == '\\' && k == 1 && sc->at + 1 < sc->n && sc->s[sc->at + 1] != '\n'
                      ? 2
                      : 1;
    }
    sc->at = sc->n;
    if (sc->out != NULL && sc->out->open_line == 0) {
        sc->out->open_line = start;
        sc->out->open_what = what;
    }
}

static void brace(struct scanner *sc, char c)
{
    struct policy_scan *o = sc->out;

    if (c == '{') {
        add(sc, c, sc->at, 1, sc->line);
        sc->depth++;
        return;
    }
    sc->depth -= sc->depth > 0;
    add(sc, c, sc->at, 1, sc->line);
    if (o == NULL) {
        return;
    }
    for (size_t i = o->n - 1; i-- > 0;) {
        if (o->v[i].kind == '{' && o->v[i].match == NONE) {
            o->v[i].match = o->n - 1;
            o->v[o->n - 1].match = i;
            return;
        }
        /* a closed pair can be jumped over */
        if (o->v[i].kind == '}' && o->v[i].match != NONE) {
            i = o->v[i].match;
        }
    }
}

static size_t blank(char *text, size_t from, size_t to);

/* A comment, if one starts here. */
static bool comment(struct scanner *sc)
{
    const char *s = sc->s + sc->at;
    size_t left = sc->n - sc->at, from = sc->at;

    if (*s == '#' || (left > 1 && s[0] == '/' && s[1] == '/')) {
        const char *nl = memchr(s, '\n', left);
        sc->at = nl != NULL ? (size_t)(nl - sc->s) : sc->n;
    } else if (left > 1 && s[0] == '/' && s[1] == '*') {
        sc->at += 2;
        skip_to(sc, "*/", "comment");
    } else {
        return false;
    }
    if (sc->blank != NULL) {
        blank(sc->blank, from, sc->at);
    }
    return true;
}

static void one(struct scanner *sc)
{
    const char *s = sc->s + sc->at;
    size_t from = sc->at;
    int line = sc->line;

    if (comment(sc)) {
        return;
    }
    if (*s == '\n') {
        sc->line++;
        sc->at++;
    } else if (*s == '"' || *s == '\'') {
        const char quote[2] = {*s, '\0'};
        sc->at++;
        skip_to(sc, quote, "string");
        add(sc, 'w', from, sc->at - from, line);
    } else if (*s == '{' || *s == '}') {
        brace(sc, *s);
        sc->at++;
    } else if (strchr("=,+()", *s) != NULL && *s != '\0') {
        if (*s != '+') {
            add(sc, *s, from, 1, line);
        }
        sc->at++;
    } else if (*s != '\0' && word_char(*s)) {
        while (sc->at < sc->n && sc->s[sc->at] != '\0' && word_char(sc->s[sc->at])) {
            sc->at++;
        }
        add(sc, 'w', from, sc->at - from, line);
    } else {
        sc->at++;
    }
}

void policy_scan(struct base_arena *a, const char *text, size_t n, struct policy_scan *out)
{
    struct scanner sc = {.a = a, .s = text, .n = n, .line = 1, .out = out};

    memset(out, 0, sizeof *out);
    while (sc.at < n) {
        one(&sc);
    }
}

void policy_scan_comments(char *text, size_t n)
{
    struct scanner sc = {.s = text, .n = n, .line = 1, .blank = text};

    while (sc.at < n) {
        one(&sc);
    }
}

static bool is_word(const struct policy_token *t, const char *text, const char *name)
{
    return t->kind == 'w' && t->n == strlen(name) && memcmp(text + t->at, name, t->n) == 0;
}

int policy_scan_section(const struct policy_scan *s, const char *text, const char *name, size_t nth)
{
    for (size_t i = 0; i + 1 < s->n; i++) {
        const struct policy_token *t = &s->v[i];
        bool opens = t[1].kind == '{' || (i + 2 < s->n && t[1].kind == 'w' && t[2].kind == '{');
        if (t->depth == 0 && opens && is_word(t, text, name) && (i == 0 || t[-1].kind != '=') &&
            nth-- == 0) {
            return t->line;
        }
    }
    return 0;
}

/* Spaces over everything but line ends, so that lines keep their numbers. */
static size_t blank(char *text, size_t from, size_t to)
{
    size_t changed = 0;

    for (size_t i = from; i < to; i++) {
        if (text[i] != '\n' && text[i] != ' ') {
            text[i] = ' ';
            changed++;
        }
    }
    return changed;
}

static size_t end_of(const struct policy_token *t)
{
    return t->at + t->n;
}

/* Index of the last token of the statement that starts at I. */
static size_t statement_end(const struct policy_scan *s, size_t i)
{
    size_t j = i + 1;

    bool valued = j < s->n && s->v[j].kind == '=';
    bool titled = j + 1 < s->n && s->v[j].kind == 'w' && s->v[j + 1].kind == '{';
    if (valued || titled) {
        j++;
    } else if (j >= s->n || s->v[j].kind != '{') {
        return i;
    }
    if (j >= s->n || s->v[j].kind == '}') {
        return j - 1;
    }
    if (s->v[j].kind == '{') {
        return s->v[j].match != NONE ? s->v[j].match : s->n - 1;
    }
    return j;
}

size_t policy_scan_blank_word(const struct policy_scan *s, char *text, const char *name, int line)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct policy_token *t = &s->v[i];
        bool value = i > 0 && (t[-1].kind == '=' || t[-1].kind == ',' || t[-1].kind == '(');
        if (t->line != line || value || t->kind != 'w') {
            continue;
        }
        /* libconfuse names a quoted word without its quotes */
        bool quoted = t->n == strlen(name) + 2 && memcmp(text + t->at + 1, name, t->n - 2) == 0;
        if (is_word(t, text, name) || quoted) {
            size_t last = statement_end(s, i);
            return last > i ? blank(text, t->at, end_of(&s->v[last])) : 0;
        }
    }
    return 0;
}

const struct policy_token *policy_scan_bare(const struct policy_scan *s, const char *text,
                                            const char *name, int line)
{
    for (size_t i = s->n; i-- > 0;) {
        const struct policy_token *t = &s->v[i];
        bool valued = i + 1 < s->n && t[1].kind == '=';
        if (t->line <= line && !valued && is_word(t, text, name)) {
            return t;
        }
    }
    return NULL;
}

size_t policy_scan_blank_token(char *text, const struct policy_token *t)
{
    return blank(text, t->at, end_of(t));
}

size_t policy_scan_blank_line(const struct policy_scan *s, char *text, size_t n, int line)
{
    int first = line, last = line;
    size_t from = 0, to;

    for (size_t i = 0; i < s->n; i++) {
        const struct policy_token *t = &s->v[i];
        if (t->line != line || (t->kind != '{' && t->kind != '}')) {
            continue;
        }
        if (t->match == NONE) {
            continue;
        }
        int other = s->v[t->match].line;
        first = other < first ? other : first;
        last = other > last ? other : last;
    }
    for (int l = 1; l < first && from < n; from++) {
        l += text[from] == '\n';
    }
    to = from;
    for (int l = first; l <= last && to < n; to++) {
        l += text[to] == '\n';
    }
    return blank(text, from, to);
}
