/* tests/helpers/tool.h - what the test programs share: a line of JSON in, a line of JSON out.
 *
 * Every command is an object with "do"; every answer is an object with "class"
 * and, after a failure, "code" and "text". */
#ifndef TESTS_HELPERS_TOOL_H
#define TESTS_HELPERS_TOOL_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "net/dns.h"
#include "net/http.h"

typedef json_t *(*tool_command)(struct base_arena *a, const json_t *in);
struct tool_entry {
    const char *name;
    tool_command run;
};

static inline json_t *tool_result(enum base_fail_class cls, const struct base_fail *f)
{
    json_t *o = json_object();

    base_json_set(o, "class", base_fail_class_name(cls));
    if (cls != BASE_OK) {
        base_json_set(o, "code", f->code);
        base_json_set(o, "text", f->text);
    }
    return o;
}

/* Strings of the array IN[KEY]. */
static inline const char **tool_strings(struct base_arena *a, const json_t *in, const char *key,
                                        size_t *n)
{
    const json_t *array = base_json_arr(in, key);

    *n = json_array_size(array);
    const char **v = base_arena_array(a, *n + 1, sizeof *v);
    for (size_t i = 0; i < *n; i++) {
        v[i] = base_arena_strdup(a, json_string_value(json_array_get(array, i)));
    }
    return v;
}

/* {"servers":[...], "zone":FILE, "timeout":MS, "anchor":FILE} */
static inline struct net_resolver *tool_resolver(struct base_arena *a, const json_t *in)
{
    struct net_dns_options o = {.timeout_ms = (int)base_json_int(in, "timeout", 0),
                                .trust_anchor = base_json_str(in, "anchor")};
    struct net_resolver *r = NULL;
    struct base_fail f = {0};
    const char *zone = base_json_str(in, "zone");

    o.servers = tool_strings(a, in, "servers", &o.nservers);
    if ((zone != NULL ? net_dns_zone_load(zone, &r, &f) : net_resolver_new(&o, &r, &f)) !=
        BASE_OK) {
        fprintf(stderr, "resolver: %s: %s\n", f.code, f.text);
        exit(1);
    }
    return r;
}

/* {"private":[...], "bundle":FILE, "agent":TEXT} */
static inline struct net_scope tool_scope(struct base_arena *a, const json_t *in,
                                          struct net_resolver *r)
{
    struct net_scope s = {.resolver = r,
                          .bundle = base_arena_strdup(a, base_json_str(in, "bundle")),
                          .user_agent = base_arena_strdup(a, base_json_str(in, "agent"))};

    s.private_networks = tool_strings(a, in, "private", &s.nprivate);
    return s;
}

/* Runs the commands of stdin until it ends. */
static inline int tool_main(const struct tool_entry *entries)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    while ((n = getline(&line, &room, stdin)) > 0) {
        struct base_arena *a = base_arena_new();
        json_t *in = base_json_parse(line, (size_t)n, (size_t)n, NULL);
        const char *name = base_json_strd(in, "do", "");
        json_t *out = NULL;
        for (const struct tool_entry *e = entries; e->name != NULL; e++) {
            if (strcmp(e->name, name) == 0) {
                out = e->run(a, in);
            }
        }
        if (out == NULL) {
            fprintf(stderr, "unknown command: %s\n", name);
            return 2;
        }
        char *text = base_json_text(out);
        puts(text);
        fflush(stdout);
        free(text);
        json_decref(out);
        json_decref(in);
        base_arena_free(a);
    }
    free(line);
    return 0;
}

#endif
