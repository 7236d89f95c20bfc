/* net/authority.c - do all servers of a zone show a record?
 *
 * The zone's NS set is found with the resolver, then every address is asked
 * directly, without recursion: what caches know doesn't count. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "records.h"
#include "update.h"
#include "wire.h"

#define SERVERS_MAX 32
#define SERVER_MS 5000

enum shows { SHOWS, SHOWS_NOT, SILENT, NO_ROUTE };

/* ---- whom to ask ------------------------------------------------------------------ */

/* NS of the zone that NAME is in: those of NAME or of its nearest parent that has some. */
static bool name_servers(struct net_resolver *r, const char *name, struct base_arena *a,
                         struct net_dns_answer *out)
{
    for (const char *rest = name; rest != NULL && *rest != '\0';) {
        net_dns_lookup(r, NET_DNS_NS, rest, a, out);
        if (out->status != NET_DNS_NONE) {
            return out->status == NET_DNS_RECORD;
        }
        rest = strchr(rest, '.');
        rest = rest != NULL ? rest + 1 : NULL;
    }
    return false;
}

struct targets {
    const char *v[SERVERS_MAX]; /* addresses */
    size_t n;
};

static void add_target(struct targets *t, const char *address)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i], address) == 0) {
            return;
        }
    }
    if (t->n < SERVERS_MAX) {
        t->v[t->n++] = address;
    }
}

static enum base_fail_class find_targets(struct net_resolver *r, const char *name,
                                         struct base_arena *a, struct targets *t,
                                         struct base_fail *f)
{
    struct net_dns_answer ns = {.status = NET_DNS_NONE};

    if (!name_servers(r, name, a, &ns)) {
        return base_failf(f, BASE_TEMPORARY, "net.authority.unknown",
                          "the name servers of %s can't be found now: %s", name,
                          ns.status == NET_DNS_TEMPFAIL && ns.why != NULL ? ns.why
                                                                          : "there are none");
    }
    for (size_t i = 0; i < ns.n; i++) {
        struct net_dns_answer ips;
        net_dns_addresses(r, ns.records[i].text, a, &ips);
        if (ips.status != NET_DNS_RECORD) {
            return base_failf(f, BASE_TEMPORARY, "net.authority.unknown",
                              "name server %s of %s has no address now", ns.records[i].text, name);
        }
        for (size_t k = 0; k < ips.n; k++) {
            add_target(t, ips.records[k].text);
        }
    }
    return BASE_OK;
}

/* ---- asking one -------------------------------------------------------------------- */

static bool question(const struct net_rr *rr, uint8_t **msg, size_t *n)
{
    ldns_rdf *name = NULL;
    ldns_pkt *pkt = NULL;
    uint16_t id;
    bool ok;

    if (ldns_str2rdf_dname(&name, rr->name) != LDNS_STATUS_OK) {
        return false;
    }
    pkt = ldns_pkt_query_new(name, net_records_type(rr->type), LDNS_RR_CLASS_IN, 0);
    if (pkt == NULL) {
        ldns_rdf_deep_free(name);
        return false;
    }
    base_random(&id, sizeof id);
    ldns_pkt_set_id(pkt, id);
    ok = ldns_pkt2wire(msg, pkt, n) == LDNS_STATUS_OK;
    ldns_pkt_free(pkt);
    return ok;
}

static const char *without_dot(struct base_arena *a, const char *s)
{
    size_t n = strlen(s);
    char *out = base_arena_strndup(a, s, n > 1 && s[n - 1] == '.' ? n - 1 : n);

    base_ascii_lower(out);
    return out;
}

static bool holds(struct base_arena *a, const ldns_pkt *pkt, const struct net_rr *rr)
{
    const ldns_rr_list *l = ldns_pkt_answer(pkt);
    const char *value = rr->type == NET_DNS_CNAME ? without_dot(a, rr->value) : rr->value;
    const char *name = without_dot(a, rr->name);

    for (size_t i = 0; i < ldns_rr_list_rr_count(l); i++) {
        const ldns_rr *got = ldns_rr_list_rr(l, i);
        struct net_dns_record rec;
        const char *owner = net_records_name(a, ldns_rr_owner(got));
        if (ldns_rr_get_type(got) == net_records_type(rr->type) && owner != NULL &&
            strcmp(owner, name) == 0 && net_records_take(a, got, &rec) &&
            rec.len == strlen(value) && memcmp(rec.text, value, rec.len) == 0) {
            return true;
        }
    }
    return false;
}

static enum shows judge(struct base_arena *a, const char *server, const struct net_rr *rr,
                        const ldns_pkt *pkt, const char **why)
{
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);

    if ((rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN) || !ldns_pkt_aa(pkt)) {
        *why = base_arena_printf(a, "%s does not answer for the zone (code %d%s)", server,
                                 (int)rcode, ldns_pkt_aa(pkt) ? "" : ", not authoritative");
        return SILENT;
    }
    if (!holds(a, pkt, rr)) {
        *why = base_arena_printf(a, "%s does not show it yet", server);
        return SHOWS_NOT;
    }
    return SHOWS;
}

/* Over UDP, and over TCP if the answer was too long for that. */
static enum shows ask_one(struct base_arena *a, const char *server, const struct net_rr *rr,
                          const char **why)
{
    enum shows s = SILENT;
    uint8_t *msg = NULL, *got = NULL;
    size_t n = 0, ngot = 0;
    struct base_fail f = {0};

    *why = "the name can't be asked for";
    if (!question(rr, &msg, &n)) {
        return SILENT;
    }
    for (int tcp = 0; tcp < 2; tcp++) {
        ldns_pkt *pkt = NULL;
        if (net_wire_exchange(server, tcp != 0, msg, n, SERVER_MS, &got, &ngot, &f) != BASE_OK) {
            s = strcmp(f.code, "net.wire.route") == 0 ? NO_ROUTE : SILENT;
            *why = base_arena_strdup(a, f.text);
            break;
        }
        bool read = ldns_wire2pkt(&pkt, got, ngot) == LDNS_STATUS_OK;
        bool cut = read && ldns_pkt_tc(pkt) && tcp == 0;
        s = read ? judge(a, server, rr, pkt, why) : SILENT;
        ldns_pkt_free(pkt);
        free(got);
        if (!cut) {
            break;
        }
    }
    LDNS_FREE(msg);
    return s;
}

enum base_fail_class net_shown_everywhere(struct net_resolver *r, const char *zone,
                                          const char *const *servers, size_t nservers,
                                          const struct net_rr *rr, struct base_arena *a,
                                          struct net_shown *out, struct base_fail *f)
{
    struct targets t = {.n = 0};
    const char *no_route = NULL;
    enum base_fail_class cls = BASE_OK;

    *out = (struct net_shown){0};
    for (size_t i = 0; i < nservers; i++) {
        add_target(&t, servers[i]);
    }
    if (nservers == 0) {
        cls = find_targets(r, zone != NULL ? zone : rr->name, a, &t, f);
    }
    for (size_t i = 0; cls == BASE_OK && i < t.n; i++) {
        const char *why = NULL;
        enum shows s = ask_one(a, t.v[i], rr, &why);
        if (s == NO_ROUTE) {
            no_route = why;
            continue;
        }
        out->servers++;
        out->shown += s == SHOWS;
        out->without += s == SHOWS_NOT;
        out->silent += s == SILENT;
        out->why = out->why == NULL && s != SHOWS ? why : out->why;
    }
    if (cls == BASE_OK && out->servers == 0) {
        cls = base_failf(f, BASE_TEMPORARY, "net.authority.unknown",
                         "no name server of %s can be reached from here: %s", rr->name,
                         no_route != NULL ? no_route : "there are none");
    }
    return cls;
}
