/* policy/confask.c - what the values of a read configuration mean.
 *
 * Each question checks, adds what is wrong to the list of errors, and then
 * answers with the default so that the rest can be checked too. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "confread.h"

struct policy_sec policy_conf_root(struct policy_conf *c)
{
    return (struct policy_sec){c, c->root, NULL, NULL, 1};
}

size_t policy_conf_sections(struct policy_conf *c, const char *name)
{
    return cfg_size(c->root, name);
}

struct policy_sec policy_conf_section(struct policy_conf *c, const char *name, size_t i)
{
    cfg_t *cfg = cfg_getnsec(c->root, name, (unsigned)i);
    const char *title = cfg != NULL ? cfg_title(cfg) : NULL;

    return (struct policy_sec){c, cfg, name, base_arena_strdup(c->a, title),
                               policy_scan_section(&c->scan, c->text, name, i)};
}

struct policy_sec policy_conf_single(struct policy_conf *c, const char *name)
{
    size_t n = policy_conf_sections(c, name);
    struct policy_sec none = {c, NULL, name, NULL, 0};

    for (size_t i = 1; i < n; i++) {
        struct policy_sec s = policy_conf_section(c, name, i);
        policy_sec_error(&s, s.line, "section \"%s\" stands here a second time", name);
    }
    return n > 0 ? policy_conf_section(c, name, 0) : none;
}

void policy_sec_error(const struct policy_sec *s, int line, const char *fmt, ...)
{
    char text[500];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    policy_errors_add(s->c->errs, s->c->path, line, "%s", text);
}

const struct policy_value *policy_sec_item(const struct policy_sec *s, const char *name, size_t i)
{
    return i < policy_sec_count(s, name) ? cfg_getnptr(s->cfg, name, (unsigned)i) : NULL;
}

size_t policy_sec_count(const struct policy_sec *s, const char *name)
{
    if (s->cfg == NULL || cfg_size(s->cfg, name) == 0 || cfg_getnptr(s->cfg, name, 0) == NULL) {
        return 0;
    }
    return cfg_size(s->cfg, name);
}

const struct policy_value *policy_sec_value(const struct policy_sec *s, const char *name)
{
    return policy_sec_item(s, name, 0);
}

int policy_sec_line(const struct policy_sec *s, const char *name)
{
    const struct policy_value *v = policy_sec_value(s, name);

    return v != NULL ? v->line : s->line;
}

const char *policy_sec_where(const struct policy_sec *s, const char *name)
{
    return base_arena_printf(s->c->a, "%s:%d", s->c->path, policy_sec_line(s, name));
}

/* A value as it may be shown in a message. */
static const char *shown(const struct policy_sec *s, const struct policy_value *v)
{
    return base_printable(s->c->a, v->text, strlen(v->text), 80);
}

const char *policy_sec_text(const struct policy_sec *s, const char *name, const char *dflt)
{
    const struct policy_value *v = policy_sec_value(s, name);

    if (v == NULL) {
        return dflt;
    }
    for (const char *p = v->text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            policy_sec_error(s, v->line, "%s: expected a text without control characters", name);
            return dflt;
        }
    }
    if (*v->text == '\0') {
        policy_sec_error(s, v->line, "%s: expected a text, found nothing", name);
        return dflt;
    }
    return v->text;
}

bool policy_sec_bool(const struct policy_sec *s, const char *name, bool dflt)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
    const struct policy_value *v = policy_sec_value(s, name);

    for (size_t i = 0; v != NULL && i < 3; i++) {
        if (base_ascii_caseeq(v->text, yes[i])) {
            return true;
        }
        if (base_ascii_caseeq(v->text, no[i])) {
            return false;
        }
    }
    if (v != NULL) {
        policy_sec_error(s, v->line, "%s: expected yes or no, found \"%s\"", name, shown(s, v));
    }
    return dflt;
}

int64_t policy_sec_int(const struct policy_sec *s, const char *name, int64_t lo, int64_t hi,
                       int64_t dflt)
{
    const struct policy_value *v = policy_sec_value(s, name);
    int64_t n;

    if (v == NULL) {
        return dflt;
    }
    if (!base_parse_int(v->text, lo, hi, &n)) {
        policy_sec_error(s, v->line, "%s: expected a number from %lld to %lld, found \"%s\"", name,
                         (long long)lo, (long long)hi, shown(s, v));
        return dflt;
    }
    return n;
}

int64_t policy_sec_duration(const struct policy_sec *s, const char *name, int64_t lo, int64_t hi,
                            int64_t dflt)
{
    const struct policy_value *v = policy_sec_value(s, name);
    char low[BASE_TIME_LEN], high[BASE_TIME_LEN];
    int64_t n;

    if (v == NULL) {
        return dflt;
    }
    if (!base_parse_duration(v->text, lo, hi, &n)) {
        policy_sec_error(s, v->line,
                         "%s: expected a time such as 90s, 30m, 24h, 30d from %s to %s, found "
                         "\"%s\"",
                         name, base_time_span(lo, low), base_time_span(hi, high), shown(s, v));
        return dflt;
    }
    return n;
}

int policy_sec_enum(const struct policy_sec *s, const char *name, const char *const *names,
                    int dflt)
{
    const struct policy_value *v = policy_sec_value(s, name);
    char all[300] = "";
    size_t n = 0;

    if (v == NULL) {
        return dflt;
    }
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(v->text, names[i]) == 0) {
            return i;
        }
        if (n < sizeof all) {
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", names[i]);
        }
    }
    policy_sec_error(s, v->line, "%s: expected one of %s, found \"%s\"", name, all, shown(s, v));
    return dflt;
}

const char *policy_conf_beside(struct base_arena *a, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (path[0] == '/' || slash == NULL) {
        return path;
    }
    return base_arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

const char *policy_sec_path(const struct policy_sec *s, const char *name, const char *dflt,
                            bool relative)
{
    const char *p = policy_sec_text(s, name, NULL);

    if (p == NULL) {
        return dflt;
    }
    if (p[0] != '/' && !relative) {
        policy_sec_error(s, policy_sec_line(s, name), "%s: expected an absolute path, found \"%s\"",
                         name, p);
        return dflt;
    }
    return policy_conf_beside(s->c->a, s->c->path, p);
}

struct policy_strings policy_sec_list(const struct policy_sec *s, const char *name)
{
    struct policy_strings l = {NULL, policy_sec_count(s, name)};

    l.v = base_arena_array(s->c->a, l.n, sizeof *l.v);
    for (size_t i = 0; i < l.n; i++) {
        l.v[i] = policy_sec_item(s, name, i)->text;
    }
    return l;
}
