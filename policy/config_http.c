/* policy/config_http.c - where files that validate domains are put.
 *
 * A section names the web roots of the hosts behind its domains; without any,
 * a person puts the file there. A domain belongs to the section whose zone is
 * nearest above it. */
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"

#define WEBROOTS_MAX 16

const struct policy_http *policy_config_http(const struct policy_config *c, const char *name)
{
    const struct policy_http *best = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < c->nhttp; i++) {
        const struct policy_http *h = &c->http[i];
        size_t n = h->zone != NULL ? policy_zone_covers(h->zone, name) : 0;
        if (n > longest || (best == NULL && h->zone == NULL)) {
            best = h;
            longest = n;
        }
    }
    return best;
}

const char *policy_method_unfit(const struct policy_config *c, const char *name,
                                enum policy_method method)
{
    if (method == POLICY_METHOD_HTTP) {
        return policy_config_http(c, name) != NULL
                   ? NULL
                   : "no http section covers it; expected one with a zone at or above it, or "
                     "without zone";
    }
    return policy_dns_unfit(policy_config_dns(c, name), method);
}

static void load_webroots(const struct policy_sec *s, struct policy_http *h)
{
    h->webroots = policy_sec_list(s, "webroots");
    if (h->webroots.n > WEBROOTS_MAX) {
        policy_sec_error(s, policy_sec_line(s, "webroots"), "webroots: more than %d", WEBROOTS_MAX);
        h->webroots.n = WEBROOTS_MAX;
    }
    for (size_t i = 0; i < h->webroots.n; i++) {
        const char *v = h->webroots.v[i];
        if (v[0] != '/' || strlen(v) < 2 || strlen(v) > 1000) {
            policy_sec_error(s, policy_sec_item(s, "webroots", i)->line,
                             "webroots: expected the absolute path of a directory, found \"%.80s\"",
                             v);
        }
    }
}

static bool same_zone(const struct policy_http *a, const struct policy_http *b)
{
    return a->zone == NULL || b->zone == NULL ? a->zone == b->zone : strcmp(a->zone, b->zone) == 0;
}

void policy_load_http(struct policy_load *l)
{
    static const char *const names[] = {"fixed", "dynamic", NULL};
    size_t n = policy_conf_sections(&l->c, "http");
    struct policy_config *c = l->cfg;

    c->http = base_arena_array(l->a, n, sizeof *c->http);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(&l->c, "http", i);
        struct policy_http *h = &c->http[c->nhttp];
        h->id = s.title;
        h->where = policy_sec_where(&s, "zone");
        h->zone = policy_load_zone(l, &s, "zone");
        h->dynamic = policy_sec_enum(&s, "file", names, 0) == 1;
        h->remove = policy_sec_bool(&s, "remove", true);
        load_webroots(&s, h);
        for (size_t k = 0; k < c->nhttp; k++) {
            if (same_zone(h, &c->http[k])) {
                policy_sec_error(&s, s.line, "http \"%s\" covers the same domains as http \"%s\" at %s",
                                 s.title, c->http[k].id, c->http[k].where);
                break;
            }
        }
        c->nhttp++;
    }
}
