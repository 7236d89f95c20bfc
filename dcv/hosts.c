/* dcv/hosts.c - every URL of an exchange against the profile's rules.
 *
 * The inspector already chose the link by the same templates; it is judged again
 * here, because between then and now it was text in a database. */
#include "hosts.h"

#include <string.h>

#include "policy/recognise.h"

void dcv_hosts_of(struct base_arena *a, const struct policy_kind_rules *rules, const char *start,
                  struct dcv_hosts *out)
{
    const char *host;
    int start_port = 443;

    out->n = 0;
    if (!policy_url_host(a, start, &host, &start_port)) {
        return;
    }
    for (size_t i = 0; i < rules->links.n && out->n < DCV_HOSTS; i++) {
        struct net_host h = {0};
        /* Port 0 stands for {port} there, but for 443 in a net_host. */
        if (policy_url_host(a, rules->links.v[i], &h.name, &h.port)) {
            h.port = h.port != 0 ? h.port : start_port;
            out->v[out->n++] = h;
        }
    }
}

static bool fits_one(struct base_arena *a, const struct policy_strings *templates, const char *url)
{
    for (size_t i = 0; i < templates->n; i++) {
        struct policy_match m;
        if (policy_template_match(a, templates->v[i], url, true, &m)) {
            return true;
        }
    }
    return false;
}

enum base_fail_class dcv_hosts_check(struct base_arena *a, const struct policy_kind_rules *rules,
                                     const struct dcv_hosts *hosts, const char *url,
                                     struct net_url *out, struct base_fail *f)
{
    struct base_fail why = {0};
    struct net_url parsed;

    if (net_url_check(a, url, hosts->v, hosts->n, &parsed, &why) != BASE_OK) {
        return base_failf(f, BASE_PERMANENT, "dcv.url", "%s", why.text);
    }
    if (fits_one(a, &rules->deny, url) || fits_one(a, &rules->deny, parsed.url)) {
        return base_failf(f, BASE_PERMANENT, "dcv.url",
                          "a URL of %s fits a pattern that is never opened", parsed.host);
    }
    *out = parsed;
    return BASE_OK;
}

enum base_fail_class dcv_hosts_check_link(struct base_arena *a,
                                          const struct policy_kind_rules *rules,
                                          const struct dcv_hosts *hosts, const char *url,
                                          struct net_url *out, struct base_fail *f)
{
    enum base_fail_class cls = dcv_hosts_check(a, rules, hosts, url, out, f);

    if (cls == BASE_OK && !fits_one(a, &rules->links, url)) {
        return base_failf(f, BASE_PERMANENT, "dcv.url", "the link fits no template of the profile");
    }
    return cls;
}
