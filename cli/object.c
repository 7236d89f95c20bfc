/* cli/object.c - the agent's objects as text, whatever members they have.
 *
 * Members are shown in the order in which they came; names tell what is a time.
 * Owns nothing. */
#include <string.h>

#include "base/json.h"
#include "cli.h"

#define DEPTH_MAX 4

static bool is_time(const char *key)
{
    static const char *const times[] = {
        "at",         "given",     "withdrawn", "received", "created", "changed",   "expires",
        "asked",     "written",   "oldest",     "started",
        "not_before",  "not_after", "next_look", "next_try",   "until",     NULL};
    for (size_t i = 0; times[i]; i++)
        if (strcmp(times[i], key) == 0)
            return true;
    size_t n = strlen(key);
    return (n > 3 && strcmp(key + n - 3, "_at") == 0) || (n > 6 && strcmp(key + n - 6, "_until") == 0);
}

static const char *joined(struct cli *c, const json_t *list)
{
    struct base_buf b;
    base_buf_init(&b, 4000);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const char *s = json_is_string(v) ? cli_text(c, json_string_value(v)) : NULL;
        if (s)
            base_buf_addf(&b, "%s%s", i ? ", " : "", s);
        else if (json_is_integer(v))
            base_buf_addf(&b, "%s%lld", i ? ", " : "", (long long)json_integer_value(v));
    }
    const char *text = base_arena_strdup(c->a, base_buf_str(&b));
    base_buf_free(&b);
    return text;
}

static const char *scalar(struct cli *c, const char *key, const json_t *v, bool day)
{
    if (json_is_string(v))
        return cli_text(c, json_string_value(v));
    if (json_is_integer(v) && is_time(key))
        return json_integer_value(v) == 0 ? ""
               : day                      ? cli_day(c, json_integer_value(v))
                                          : cli_when(c, json_integer_value(v));
    if (json_is_integer(v))
        return base_arena_printf(c->a, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v))
        return base_arena_printf(c->a, "%g", json_real_value(v));
    return json_is_true(v) ? "yes" : json_is_false(v) ? "no" : json_is_array(v) ? joined(c, v) : "";
}

const char *cli_cell(struct cli *c, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v ? scalar(c, key, v, true) : "";
}

static bool left_out(const char *key, const char *const *skip)
{
    static const char *const always[] = {"ok", "attention", NULL};
    for (size_t i = 0; always[i]; i++)
        if (strcmp(always[i], key) == 0)
            return true;
    for (size_t i = 0; skip && skip[i]; i++)
        if (strcmp(skip[i], key) == 0)
            return true;
    return false;
}

static const char *label(struct cli *c, const char *key, int depth)
{
    char *s = base_arena_printf(c->a, "%*s%s", 2 * depth, "", cli_text(c, key));
    for (char *p = s; *p; p++)
        if (*p == '_')
            *p = ' ';
    return s;
}

static void add_members(struct cli *c, struct cli_table *t, const json_t *o,
                        const char *const *skip, int depth)
{
    const char *key;
    json_t *v;
    if (depth > DEPTH_MAX)
        return;
    json_object_foreach((json_t *)o, key, v)
    {
        if (left_out(key, skip))
            continue;
        if (json_is_object(v) && json_object_size(v) > 0) {
            cli_table_row(c, t, label(c, key, depth), "");
            add_members(c, t, v, NULL, depth + 1);
        } else if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
            for (size_t i = 0; i < json_array_size(v); i++) {
                cli_table_row(c, t,
                              label(c, base_arena_printf(c->a, "%s %zu", key, i + 1), depth), "");
                add_members(c, t, json_array_get(v, i), NULL, depth + 1);
            }
        } else
            cli_pair(c, t, label(c, key, depth), scalar(c, key, v, false));
    }
}

void cli_object(struct cli *c, const json_t *o, const char *const *skip)
{
    struct cli_table t = {.ncol = 2, .headed = true, .wrap = true};
    add_members(c, &t, o, skip, 0);
    cli_table_print(c, &t);
}

void cli_checks(struct cli *c, const json_t *list)
{
    struct cli_table t = {.ncol = 3, .headed = true, .wrap = true};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *k = json_array_get(list, i);
        const char *name = base_json_strd(k, "rule", base_json_strd(k, "name", ""));
        const char *text = base_json_strd(k, "detail", base_json_strd(k, "text", ""));
        cli_table_row(c, &t, cli_text(c, base_json_strd(k, "result", "")), cli_text(c, name),
                      cli_text(c, text));
    }
    cli_table_print(c, &t);
}
