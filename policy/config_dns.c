/* policy/config_dns.c - where records that validate domains are written, and how.
 *
 * One section for each way to a zone: the primary server with a TSIG key, a
 * program, or a person. A domain belongs to the section whose zone is nearest
 * above it. */
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"
#include "recognise.h"

size_t policy_zone_covers(const char *zone, const char *name)
{
    size_t z = strlen(zone), n = strlen(name);

    if (n < z || strcmp(name + n - z, zone) != 0 || (n > z && name[n - z - 1] != '.')) {
        return 0;
    }
    return z;
}

const struct policy_dns *policy_config_dns(const struct policy_config *c, const char *name)
{
    const struct policy_dns *best = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < c->ndns; i++) {
        const struct policy_dns *d = &c->dns[i];
        size_t n = d->zone != NULL ? policy_zone_covers(d->zone, name) : 0;
        if (n > longest || (best == NULL && d->zone == NULL)) {
            best = d;
            longest = n;
        }
    }
    return best;
}

const char *policy_dns_unfit(const struct policy_dns *d, enum policy_method method)
{
    if (method == POLICY_METHOD_EMAIL || method == POLICY_METHOD_HTTP) {
        return NULL;
    }
    if (d == NULL) {
        return "no dns section covers it; expected one with a zone at or above it, or without zone";
    }
    if (method == POLICY_METHOD_DNS_CNAME && d->validation_zone != NULL) {
        return "a delegated name is a CNAME already, only dns-txt goes with a validation_zone";
    }
    if (method == POLICY_METHOD_DNS_CNAME && d->label[0] == '\0') {
        return "a domain can't be a CNAME itself, label = \"@\" goes with dns-txt only";
    }
    return NULL;
}

/* ---- reading ------------------------------------------------------------------ */

const char *policy_load_zone(struct policy_load *l, const struct policy_sec *s, const char *key)
{
    const char *v = policy_sec_text(s, key, NULL), *name;
    size_t n = v != NULL ? strlen(v) : 0;

    if (v == NULL) {
        return NULL;
    }
    name = policy_domain_alabel(l->a, n > 1 && v[n - 1] == '.' ? base_arena_strndup(l->a, v, n - 1)
                                                               : v);
    if (name == NULL) {
        policy_sec_error(s, policy_sec_line(s, key), "%s: expected the name of a zone, found \"%s\"",
                         key, base_printable(l->a, v, n, 80));
    }
    return name;
}

static bool is_dns_name(const char *s, size_t max)
{
    size_t n = strlen(s);

    return n >= 1 && n <= max && s[0] != '.' && strstr(s, "..") == NULL &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* The key's name as it stands in the server's configuration, without the final dot. */
static const char *key_name(struct policy_load *l, const struct policy_sec *s)
{
    const char *v = policy_sec_text(s, "key", NULL);
    size_t n = v != NULL ? strlen(v) : 0;

    if (v != NULL && n > 1 && v[n - 1] == '.') {
        v = base_arena_strndup(l->a, v, n - 1);
    }
    if (v != NULL && !is_dns_name(v, 253)) {
        policy_sec_error(s, policy_sec_line(s, "key"),
                         "key: expected the name of a TSIG key such as \"certmilter\", found \"%s\"",
                         base_printable(l->a, v, strlen(v), 80));
    }
    return v;
}

static void load_server(struct policy_load *l, const struct policy_sec *s, struct policy_dns *d)
{
    static const char *const algorithms[] = {"hmac-sha256", "hmac-sha512", NULL};

    d->key = key_name(l, s);
    d->algorithm = algorithms[policy_sec_enum(s, "algorithm", algorithms, 0)];
    d->secret = policy_sec_text(s, "secret", NULL);
    if (d->server == NULL) {
        static const char *const alone[] = {"key", "algorithm", "secret", NULL};
        for (size_t i = 0; alone[i] != NULL; i++) {
            if (policy_sec_value(s, alone[i]) != NULL) {
                policy_sec_error(s, policy_sec_line(s, alone[i]), "%s goes with a server only",
                                 alone[i]);
            }
        }
        return;
    }
    if (!policy_is_resolver(d->server)) {
        policy_sec_error(s, policy_sec_line(s, "server"),
                         "server: expected the IP address of the zone's primary, with @PORT where "
                         "it isn't 53, found \"%s\"",
                         base_printable(l->a, d->server, strlen(d->server), 80));
    }
    if (policy_sec_value(s, "key") == NULL || policy_sec_value(s, "secret") == NULL) {
        policy_sec_error(s, s->line, "dns \"%s\": expected key and secret with the server: updates "
                         "without a TSIG key are never sent", s->title);
    }
    if (d->secret != NULL && (!policy_is_name(d->secret) || strlen(d->secret) > 40)) {
        policy_sec_error(s, policy_sec_line(s, "secret"),
                         "secret: expected the name of a credential file (letters, digits, \".\", "
                         "\"_\", \"-\", at most 40), never the secret itself");
    }
    if (d->zone == NULL && d->validation_zone == NULL && policy_sec_value(s, "zone") == NULL &&
        policy_sec_value(s, "validation_zone") == NULL) {
        policy_sec_error(s, s->line, "dns \"%s\": expected zone or validation_zone: an update names "
                         "the zone that it changes", s->title);
    }
}

static void load_label(struct policy_load *l, const struct policy_sec *s, struct policy_dns *d)
{
    d->label = policy_sec_text(s, "label", "_dnsauth");
    if (strcmp(d->label, "@") == 0) {
        d->label = "";
        if (d->validation_zone != NULL) {
            policy_sec_error(s, policy_sec_line(s, "label"),
                             "label: a domain itself can't be delegated, expected a label such as "
                             "_dnsauth with a validation_zone");
        }
    } else if (!is_dns_name(d->label, 63) || strchr(d->label, '.') != NULL) {
        policy_sec_error(s, policy_sec_line(s, "label"),
                         "label: expected one label such as _dnsauth, or \"@\", found \"%s\"",
                         base_printable(l->a, d->label, strlen(d->label), 80));
    }
}

static void load_authoritative(const struct policy_sec *s, struct policy_dns *d)
{
    d->authoritative = policy_sec_list(s, "authoritative");
    for (size_t i = 0; i < d->authoritative.n; i++) {
        if (!policy_is_resolver(d->authoritative.v[i])) {
            policy_sec_error(s, policy_sec_item(s, "authoritative", i)->line,
                             "authoritative: expected an IP address, with @PORT where it isn't 53, "
                             "found \"%.80s\"",
                             d->authoritative.v[i]);
        }
    }
}

static void load_section(struct policy_load *l, const struct policy_sec *s, struct policy_dns *d)
{
    d->id = s->title;
    d->where = policy_sec_where(s, "zone");
    d->zone = policy_load_zone(l, s, "zone");
    d->validation_zone = policy_load_zone(l, s, "validation_zone");
    d->server = policy_sec_text(s, "server", NULL);
    d->hook = policy_sec_path(s, "hook", NULL, false);
    d->manual = policy_sec_bool(s, "manual", false);
    d->timeout = policy_sec_duration(s, "timeout", 1, 600, d->hook != NULL ? 60 : 10);
    d->ttl = policy_sec_int(s, "ttl", 1, 86400, 60);
    d->remove = policy_sec_bool(s, "remove", true);
    load_label(l, s, d);
    load_server(l, s, d);
    load_authoritative(s, d);
    int ways = (policy_sec_value(s, "server") != NULL) + (policy_sec_value(s, "hook") != NULL) +
               d->manual;
    if (ways != 1) {
        policy_sec_error(s, s->line,
                         "dns \"%s\": expected one of server, hook and manual = yes, found %s",
                         s->title, ways == 0 ? "none" : "several");
    }
}

static bool same_zone(const struct policy_dns *a, const struct policy_dns *b)
{
    return a->zone == NULL || b->zone == NULL ? a->zone == b->zone : strcmp(a->zone, b->zone) == 0;
}

void policy_load_dns(struct policy_load *l)
{
    size_t n = policy_conf_sections(&l->c, "dns");
    struct policy_config *c = l->cfg;

    c->dns = base_arena_array(l->a, n, sizeof *c->dns);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(&l->c, "dns", i);
        struct policy_dns *d = &c->dns[c->ndns];
        load_section(l, &s, d);
        for (size_t k = 0; k < c->ndns; k++) {
            if (same_zone(d, &c->dns[k])) {
                policy_sec_error(&s, s.line, "dns \"%s\" covers the same domains as dns \"%s\" at %s",
                                 s.title, c->dns[k].id, c->dns[k].where);
                break;
            }
        }
        c->ndns++;
    }
}
