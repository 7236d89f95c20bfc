/* net/records.c - ldns' resource records to plain data.
 *
 * Owns nothing: what it returns is from the caller's arena. A record whose data
 * doesn't have the shape of its type is left out. */
#include "records.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

ldns_rr_type net_records_type(enum net_dns_type t)
{
    switch (t) {
    case NET_DNS_A:
        return LDNS_RR_TYPE_A;
    case NET_DNS_AAAA:
        return LDNS_RR_TYPE_AAAA;
    case NET_DNS_CNAME:
        return LDNS_RR_TYPE_CNAME;
    case NET_DNS_MX:
        return LDNS_RR_TYPE_MX;
    case NET_DNS_TXT:
        return LDNS_RR_TYPE_TXT;
    case NET_DNS_CAA:
        return LDNS_RR_TYPE_CAA;
    case NET_DNS_NS:
        return LDNS_RR_TYPE_NS;
    }
    return LDNS_RR_TYPE_TXT;
}

const char *net_records_name(struct base_arena *a, const ldns_rdf *d)
{
    char *text = d != NULL ? ldns_rdf2str(d) : NULL;
    char *out = NULL;

    if (text != NULL) {
        size_t n = strlen(text);
        out = base_arena_strndup(a, text, n > 1 && text[n - 1] == '.' ? n - 1 : n);
        base_ascii_lower(out);
    }
    free(text);
    return out;
}

static void set_bytes(struct base_arena *a, struct net_dns_record *rec, const void *p, size_t n)
{
    char *copy = base_arena_alloc(a, n + 1);

    if (n > 0) {
        memcpy(copy, p, n);
    }
    rec->text = copy;
    rec->len = n;
}

static bool take_text(struct base_arena *a, const ldns_rr *rr, struct net_dns_record *rec)
{
    struct base_buf all;

    base_buf_init(&all, 65536);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *s = ldns_rr_rdf(rr, i);
        size_t n = ldns_rdf_size(s);
        if (n > 0) { /* a length byte and the string */
            base_buf_add(&all, ldns_rdf_data(s) + 1, n - 1);
        }
    }
    set_bytes(a, rec, all.p, all.n);
    base_buf_free(&all);
    return true;
}

static bool take_address(struct base_arena *a, const ldns_rdf *d, int family, size_t size,
                         struct net_dns_record *rec)
{
    char text[INET6_ADDRSTRLEN];

    if (ldns_rdf_size(d) != size ||
        inet_ntop(family, ldns_rdf_data(d), text, sizeof text) == NULL) {
        return false;
    }
    set_bytes(a, rec, text, strlen(text));
    return true;
}

static bool take_caa(struct base_arena *a, const ldns_rr *rr, struct net_dns_record *rec)
{
    const ldns_rdf *tag = ldns_rr_rdf(rr, 1);
    const ldns_rdf *value = ldns_rr_rdf(rr, 2);

    if (ldns_rr_rd_count(rr) != 3 || ldns_rdf_size(tag) < 2) {
        return false;
    }
    rec->flags = ldns_rdf2native_int8(ldns_rr_rdf(rr, 0));
    char *lower =
        base_arena_strndup(a, (const char *)ldns_rdf_data(tag) + 1, ldns_rdf_size(tag) - 1);
    base_ascii_lower(lower);
    rec->tag = lower;
    set_bytes(a, rec, ldns_rdf_data(value), ldns_rdf_size(value));
    return true;
}

static bool take_name(struct base_arena *a, const ldns_rdf *d, struct net_dns_record *rec)
{
    rec->text = net_records_name(a, d);
    rec->len = rec->text != NULL ? strlen(rec->text) : 0;
    return rec->text != NULL;
}

bool net_records_take(struct base_arena *a, const ldns_rr *rr, struct net_dns_record *rec)
{
    *rec = (struct net_dns_record){0};
    if (ldns_rr_rd_count(rr) == 0) {
        return false;
    }
    switch (ldns_rr_get_type(rr)) {
    case LDNS_RR_TYPE_A:
        return take_address(a, ldns_rr_rdf(rr, 0), AF_INET, 4, rec);
    case LDNS_RR_TYPE_AAAA:
        return take_address(a, ldns_rr_rdf(rr, 0), AF_INET6, 16, rec);
    case LDNS_RR_TYPE_CNAME:
    case LDNS_RR_TYPE_NS:
        return take_name(a, ldns_rr_rdf(rr, 0), rec);
    case LDNS_RR_TYPE_MX:
        if (ldns_rr_rd_count(rr) != 2) {
            return false;
        }
        rec->preference = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
        return take_name(a, ldns_rr_rdf(rr, 1), rec);
    case LDNS_RR_TYPE_TXT:
        return take_text(a, rr, rec);
    case LDNS_RR_TYPE_CAA:
        return take_caa(a, rr, rec);
    default:
        return false;
    }
}
