/* net/zone.c - a file of resource records that answers instead of the DNS.
 *
 * Read once, immutable afterwards, so any number of threads may ask. Small
 * files are meant (`explain --dns-data`): a look-up goes through all records.
 * Fails with the line that ldns could not read. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "records.h"

#define ZONE_MAX ((size_t)4 * 1024 * 1024)
#define CNAMES 8

struct entry {
    const char *owner;
    ldns_rr *rr;
};

struct net_zone {
    struct base_arena *arena;
    struct entry *v;
    size_t n, cap;
};

void net_zone_free(struct net_zone *z)
{
    if (z == NULL) {
        return;
    }
    for (size_t i = 0; i < z->n; i++) {
        ldns_rr_free(z->v[i].rr);
    }
    free(z->v);
    base_arena_free(z->arena);
    free(z);
}

static void add(struct net_zone *z, ldns_rr *rr)
{
    const char *owner = net_records_name(z->arena, ldns_rr_owner(rr));

    if (owner == NULL) {
        ldns_rr_free(rr);
        return;
    }
    if (z->n == z->cap) {
        z->cap = z->cap > 0 ? z->cap * 2 : 64;
        z->v = base_xrealloc(z->v, z->cap * sizeof *z->v);
    }
    z->v[z->n++] = (struct entry){owner, rr};
}

static enum base_fail_class read_all(struct net_zone *z, FILE *fp, const char *file,
                                     struct base_fail *f)
{
    uint32_t ttl = 3600;
    ldns_rdf *origin = ldns_dname_new_frm_str(".");
    ldns_rdf *previous = NULL;
    enum base_fail_class cls = BASE_OK;
    int line = 0;

    while (cls == BASE_OK && !feof(fp)) {
        ldns_rr *rr = NULL;
        ldns_status s = ldns_rr_new_frm_fp_l(&rr, fp, &ttl, &origin, &previous, &line);
        if (s == LDNS_STATUS_OK) {
            add(z, rr);
        } else if (s != LDNS_STATUS_SYNTAX_EMPTY && s != LDNS_STATUS_SYNTAX_TTL &&
                   s != LDNS_STATUS_SYNTAX_ORIGIN) {
            cls = base_failf(f, BASE_PERMANENT, "net.dns.zone", "%s, line %d: %s", file, line,
                             ldns_get_errorstr_by_id(s));
        }
    }
    ldns_rdf_deep_free(origin);
    ldns_rdf_deep_free(previous);
    return cls;
}

enum base_fail_class net_zone_read(const char *file, struct net_zone **out, struct base_fail *f)
{
    struct base_buf text;
    enum base_fail_class cls = base_file_read(AT_FDCWD, file, ZONE_MAX, &text, f);

    if (cls != BASE_OK) {
        return cls;
    }
    struct net_zone *z = base_xmalloc(sizeof *z);
    *z = (struct net_zone){.arena = base_arena_new()};
    if (text.n > 0) { /* fmemopen() refuses an empty buffer */
        FILE *fp = fmemopen(text.p, text.n, "r");
        cls = fp != NULL ? read_all(z, fp, file, f)
                         : base_failf(f, BASE_OURS, "net.internal", "no memory stream");
        if (fp != NULL) {
            fclose(fp);
        }
    }
    base_buf_free(&text);
    if (cls != BASE_OK) {
        net_zone_free(z);
        return cls;
    }
    *out = z;
    return BASE_OK;
}

void net_zone_lookup(const struct net_zone *z, enum net_dns_type t, const char *name,
                     struct base_arena *a, struct net_dns_answer *out)
{
    ldns_rr_type want = net_records_type(t);
    bool exists = false;

    *out = (struct net_dns_answer){.status = NET_DNS_NONE, .name = name};
    out->records = base_arena_array(a, NET_RECORDS, sizeof *out->records);
    for (int hop = 0; hop < CNAMES && out->n == 0; hop++) {
        const char *next = NULL;
        for (size_t i = 0; i < z->n; i++) {
            const ldns_rr *rr = z->v[i].rr;
            if (strcmp(z->v[i].owner, out->name) != 0) {
                continue;
            }
            exists = true;
            if (ldns_rr_get_type(rr) == want && out->n < NET_RECORDS &&
                net_records_take(a, rr, &out->records[out->n])) {
                out->n++;
                out->ttl = ldns_rr_ttl(rr);
            } else if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && next == NULL) {
                next = net_records_name(a, ldns_rr_rdf(rr, 0));
            }
        }
        if (out->n > 0 || next == NULL) {
            break;
        }
        out->name = next;
    }
    out->status = out->n > 0 ? NET_DNS_RECORD : NET_DNS_NONE;
    out->nxdomain = !exists;
}
