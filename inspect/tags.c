/* inspect/tags.c - tag=value lists of signatures and key records (RFC 6376 3.2). */
#include <string.h>
#include <strings.h>

#include "dkim.h"

static bool is_fws(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name(const char *s)
{
    if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))) {
        return false;
    }
    for (; *s != '\0'; s++) {
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              *s == '_')) {
            return false;
        }
    }
    return true;
}

/* P[0..N) without any white space; NULL if it holds other control characters.
 * No value that we look at may have blanks inside that mean something. */
static char *squeeze(struct base_arena *a, const unsigned char *p, size_t n)
{
    char *s = base_arena_alloc(a, n + 1);
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_fws(p[i])) {
            continue;
        }
        if (p[i] < ' ' || p[i] == 127) {
            return NULL;
        }
        s[len++] = (char)p[i];
    }
    s[len] = '\0';
    return s;
}

static bool add_tag(struct base_arena *a, struct inspect_tags *t, const unsigned char *p, size_t n)
{
    const unsigned char *eq = memchr(p, '=', n);

    if (eq == NULL || t->n == INSPECT_TAGS_MAX) {
        return false;
    }
    const char *name = squeeze(a, p, (size_t)(eq - p));
    const char *value = squeeze(a, eq + 1, n - (size_t)(eq - p) - 1);

    if (name == NULL || value == NULL || !is_name(name) || inspect_tag(t, name) != NULL) {
        return false;
    }
    t->v[t->n].name = name;
    t->v[t->n++].value = value;
    return true;
}

bool inspect_tags_read(struct base_arena *a, struct base_bytes text, struct inspect_tags *out)
{
    const unsigned char *p = text.p;
    const unsigned char *end = p + text.n;

    out->n = 0;
    while (p < end) {
        const unsigned char *semi = memchr(p, ';', (size_t)(end - p));
        const unsigned char *stop = semi != NULL ? semi : end;

        while (p < stop && is_fws(*p)) {
            p++;
        }
        if (p == stop) { /* only behind the last ";" */
            if (semi != NULL) {
                return false;
            }
            break;
        }
        if (!add_tag(a, out, p, (size_t)(stop - p))) {
            return false;
        }
        p = stop + (semi != NULL);
    }
    return out->n > 0;
}

const char *inspect_tag(const struct inspect_tags *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i].name, name) == 0) {
            return t->v[i].value;
        }
    }
    return NULL;
}

bool inspect_tag_lists(const char *list, const char *item)
{
    size_t n = strlen(item);

    while (list != NULL) {
        if (strncasecmp(list, item, n) == 0 && (list[n] == ':' || list[n] == '\0')) {
            return true;
        }
        list = strchr(list, ':');
        list = list != NULL ? list + 1 : NULL;
    }
    return false;
}
