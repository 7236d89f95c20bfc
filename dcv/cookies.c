/* dcv/cookies.c - a jar of cookies as text. What isn't a plain cookie is left out. */
#include "cookies.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define COOKIES_MAX 32
#define COOKIE_MAX 4096
#define JAR_MAX 16384

struct cookie {
    const char *host, *name, *value;
    size_t nhost, nname, nvalue;
};

/* The line at *P; moves *P behind it. False at the end. */
static bool next_line(const char **p, struct cookie *c)
{
    while (**p != '\0') {
        const char *line = *p;
        size_t n = strcspn(line, "\n");
        const char *tab = memchr(line, '\t', n);
        const char *eq = tab != NULL ? memchr(tab, '=', n - (size_t)(tab - line)) : NULL;

        *p = line[n] == '\n' ? line + n + 1 : line + n;
        if (eq != NULL) {
            *c = (struct cookie){line,
                                 tab + 1,
                                 eq + 1,
                                 (size_t)(tab - line),
                                 (size_t)(eq - tab - 1),
                                 (size_t)(line + n - eq - 1)};
            return true;
        }
    }
    return false;
}

/* Characters of RFC 6265 section 4.1.1; quotes are kept as they are. */
static bool plain(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)p[i];
        if (ch <= ' ' || ch >= 0x7f || ch == ';' || ch == ',' || ch == '\\') {
            return false;
        }
    }
    return true;
}

/* Does SET ask to forget the cookie (Max-Age of 0 or less)? */
static bool deletes(const char *set)
{
    for (const char *p = strchr(set, ';'); p != NULL; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " ");
        if (strncasecmp(p, "max-age=", 8) == 0) {
            return p[8] == '-' || p[8] == '0';
        }
    }
    return false;
}

static bool read_set_cookie(const char *set, const char *host, struct cookie *c)
{
    size_t n = strcspn(set, ";");
    const char *eq = memchr(set, '=', n);

    if (eq == NULL || n > COOKIE_MAX) {
        return false;
    }
    while (n > 0 && (set[n - 1] == ' ' || set[n - 1] == '\t')) {
        n--;
    }
    if (set + n < eq + 1) {
        return false;
    }
    *c = (struct cookie){
        host, set, eq + 1, strlen(host), (size_t)(eq - set), (size_t)(set + n - eq - 1)};
    return c->nname > 0 && plain(c->name, c->nname) && plain(c->value, c->nvalue);
}

static bool same(const struct cookie *x, const struct cookie *y)
{
    return x->nhost == y->nhost && x->nname == y->nname &&
           strncasecmp(x->host, y->host, x->nhost) == 0 && memcmp(x->name, y->name, x->nname) == 0;
}

static void put(struct cookie *v, size_t *n, const struct cookie *c, bool forget)
{
    size_t i = 0;

    while (i < *n && !same(&v[i], c)) {
        i++;
    }
    if (forget) {
        if (i < *n) {
            v[i] = v[--*n];
        }
    } else if (i < *n) {
        v[i] = *c;
    } else if (*n < COOKIES_MAX) {
        v[(*n)++] = *c;
    }
}

const char *dcv_cookies_take(struct base_arena *a, const char *jar, const char *host,
                             const char **set, size_t nset)
{
    struct cookie v[COOKIES_MAX], c;
    struct base_buf out;
    size_t n = 0;

    while (next_line(&jar, &c)) {
        put(v, &n, &c, false);
    }
    for (size_t i = 0; i < nset; i++) {
        if (read_set_cookie(set[i], host, &c)) {
            put(v, &n, &c, deletes(set[i]));
        }
    }
    base_buf_init(&out, JAR_MAX);
    for (size_t i = 0; i < n; i++) {
        base_buf_addf(&out, "%.*s\t%.*s=%.*s\n", (int)v[i].nhost, v[i].host, (int)v[i].nname,
                      v[i].name, (int)v[i].nvalue, v[i].value);
    }
    const char *text = base_arena_strndup(a, base_buf_str(&out), out.n);
    base_buf_wipe(&out);
    return text;
}

const char *dcv_cookies_for(struct base_arena *a, const char *jar, const char *host)
{
    struct base_buf out;
    struct cookie c;

    base_buf_init(&out, JAR_MAX);
    while (next_line(&jar, &c)) {
        if (c.nhost == strlen(host) && strncasecmp(c.host, host, c.nhost) == 0) {
            base_buf_addf(&out, "%s%.*s=%.*s", out.n > 0 ? "; " : "", (int)c.nname, c.name,
                          (int)c.nvalue, c.value);
        }
    }
    const char *text = out.n > 0 ? base_arena_strndup(a, base_buf_str(&out), out.n) : NULL;
    base_buf_wipe(&out);
    return text;
}
