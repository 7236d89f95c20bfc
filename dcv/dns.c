/* dcv/dns.c - a validation by DNS: the record, its alias, and whether all servers show it.
 *
 * Owns nothing; texts are from the caller's arena. */
#include "dns.h"

#include <string.h>

#include "base/bytes.h"

/* A label for DOMAIN in the validation zone: always the same, of one length, and it tells
 * nobody who reads the zone whose it is. */
static const char *own_label(struct base_arena *a, const char *domain)
{
    char hex[BASE_SHA256_HEX];

    base_sha256_hex(domain, strlen(domain), hex);
    return base_arena_strndup(a, hex, 32);
}

enum base_fail_class dcv_record(struct base_arena *a, const struct policy_dns *d,
                                const char *domain, enum policy_method method, const char *token,
                                const char *verification, struct dcv_record *out,
                                struct base_fail *f)
{
    const char *unfit = policy_dns_unfit(d, method);

    *out = (struct dcv_record){0};
    if (unfit != NULL || method == POLICY_METHOD_EMAIL || method == POLICY_METHOD_HTTP) {
        return base_failf(f, BASE_PERMANENT, "dcv.record", "%s of %s: %s",
                          policy_method_name(method), domain, unfit != NULL ? unfit : "no record");
    }
    const char *place = d->label[0] != '\0' ? base_arena_printf(a, "%s.%s", d->label, domain)
                                            : base_arena_strdup(a, domain);
    out->zone = base_arena_strdup(a, d->validation_zone != NULL ? d->validation_zone : d->zone);
    if (d->validation_zone != NULL) {
        out->alias = place;
        place = base_arena_printf(a, "%s.%s", own_label(a, domain), d->validation_zone);
    }
    out->rr = (struct net_rr){.name = place, .value = "", .ttl = (int)d->ttl};
    out->rr.type = method == POLICY_METHOD_DNS_CNAME ? NET_DNS_CNAME : NET_DNS_TXT;
    if (token != NULL) {
        out->rr.value = method == POLICY_METHOD_DNS_CNAME
                            ? base_arena_printf(a, "%s.%s", token, verification)
                            : base_arena_strdup(a, token);
    }
    if (strlen(place) > 253 || (out->alias != NULL && strlen(out->alias) > 253) ||
        strlen(out->rr.value) > 253) {
        return base_failf(f, BASE_PERMANENT, "dcv.record",
                          "the record for %s would have a name longer than the DNS allows", domain);
    }
    return BASE_OK;
}

enum base_fail_class dcv_alias_check(struct net_resolver *r, const struct dcv_record *rec,
                                     struct base_arena *a, struct base_fail *f)
{
    struct net_dns_answer ans;

    if (rec->alias == NULL) {
        return BASE_OK;
    }
    net_dns_lookup(r, NET_DNS_CNAME, rec->alias, a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL) {
        return base_failf(f, BASE_TEMPORARY, "dcv.alias", "%s can't be looked up now: %s",
                          rec->alias, ans.why != NULL ? ans.why : "");
    }
    if (ans.status == NET_DNS_RECORD && ans.n == 1 &&
        strcmp(ans.records[0].text, rec->rr.name) == 0) {
        return BASE_OK;
    }
    return base_failf(f, BASE_TEMPORARY, "dcv.alias",
                      "the domain's zone needs, once and for good:  %s. CNAME %s.  (%s)", rec->alias,
                      rec->rr.name,
                      ans.n > 0 ? base_arena_printf(a, "now it points to %.80s", ans.records[0].text)
                                : "there is no CNAME now");
}

enum base_fail_class dcv_record_shown(struct net_resolver *r, const struct policy_dns *d,
                                      const struct dcv_record *rec, struct base_arena *a,
                                      struct base_fail *f)
{
    struct net_shown s;
    enum base_fail_class cls = net_shown_everywhere(
        r, rec->zone, d->authoritative.v, d->authoritative.n, &rec->rr, a, &s, f);

    if (cls != BASE_OK || s.shown == s.servers) {
        return cls;
    }
    return base_failf(f, BASE_TEMPORARY, "dcv.dns.waits",
                      "%zu of %zu name servers show %s %s: %s", s.shown, s.servers,
                      rec->rr.type == NET_DNS_CNAME ? "CNAME" : "TXT", rec->rr.name,
                      s.why != NULL ? s.why : "");
}
