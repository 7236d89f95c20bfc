/* policy/conferr.c - the list of errors that a configuration has.
 *
 * Owns its texts through an arena of its own; freed by
 * policy_config_errors_free(). At most POLICY_CONF_ERRORS are kept. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "confread.h"

void policy_errors_init(struct policy_config_errors *e)
{
    e->arena = base_arena_new();
    e->n = 0;
    e->v = base_arena_array(e->arena, POLICY_CONF_ERRORS + 1, sizeof *e->v);
}

void policy_config_errors_free(struct policy_config_errors *e)
{
    base_arena_free(e->arena);
    memset(e, 0, sizeof *e);
}

/* "PATH:LINE" taken apart. */
static int line_of(const char *where, size_t *pathlen)
{
    const char *colon = strrchr(where, ':');
    int64_t line;

    *pathlen = colon != NULL ? (size_t)(colon - where) : strlen(where);
    return colon != NULL && base_parse_int(colon + 1, 0, INT32_MAX, &line) ? (int)line : 0;
}

/* Behind the last error of the same file that isn't further down. */
static size_t place_for(const struct policy_config_errors *e, const char *path, int line)
{
    size_t at = e->n, len;
    bool same = false;

    for (size_t i = e->n; i-- > 0;) {
        int l = line_of(e->v[i].where, &len);
        bool mine = len == strlen(path) && memcmp(e->v[i].where, path, len) == 0;
        if (mine && l <= line) {
            return i + 1;
        }
        if (mine) {
            at = i;
            same = true;
        }
    }
    return same ? at : e->n;
}

void policy_errors_add(struct policy_config_errors *e, const char *path, int line, const char *fmt,
                       ...)
{
    char text[600];
    va_list ap;

    if (e->n > POLICY_CONF_ERRORS) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (e->n == POLICY_CONF_ERRORS) {
        e->v[e->n++] =
            (struct policy_config_error){base_arena_printf(e->arena, "%s:%d", path, line),
                                         "there are more errors than can be shown"};
        return;
    }
    size_t at = place_for(e, path, line);
    memmove(&e->v[at + 1], &e->v[at], (e->n - at) * sizeof *e->v);
    e->v[at].where = base_arena_printf(e->arena, "%s:%d", path, line);
    e->v[at].text = base_arena_strdup(e->arena, text);
    e->n++;
}

enum base_fail_class policy_errors_end(const struct policy_config_errors *e, const char *code,
                                       struct base_fail *f)
{
    if (e->n == 0) {
        return BASE_OK;
    }
    if (e->n == 1) {
        return base_failf(f, BASE_PERMANENT, code, "%s: %s", e->v[0].where, e->v[0].text);
    }
    return base_failf(f, BASE_PERMANENT, code, "%s: %s (and %zu more)", e->v[0].where, e->v[0].text,
                      e->n - 1);
}
