/* net/dns.h - look-ups in the DNS, or in a file of resource records.
 *
 * A resolver is thread-safe; all calls block, no longer than its timeout.
 * Behind it stands libunbound with a cache (TTLs are honoured), or a file that
 * answers instead of the DNS. An answer is one of three things, and callers
 * must keep them apart: records, proof that there are none, or no answer now. */
#ifndef NET_DNS_H
#define NET_DNS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"

struct net_resolver;

struct net_dns_options {
    const char **servers;     /* "127.0.0.1@5353", "192.0.2.53", "2001:db8::53@53" */
    size_t nservers;          /* 0 = those of /etc/resolv.conf */
    const char *trust_anchor; /* file with DS or DNSKEY records; NULL = no validation */
    int timeout_ms;           /* of one look-up; 0 = 5 s */
};

/* Code: net.dns.setup (permanent: a server's text or the anchor file is unusable). */
enum base_fail_class net_resolver_new(const struct net_dns_options *o, struct net_resolver **r,
                                      struct base_fail *f);
/* Answers from the resource records in FILE alone (zone syntax, at most 4 MiB;
 * names that don't end in a dot are taken as absolute; $ORIGIN and $TTL work).
 * What it doesn't hold does not exist. Codes: file.absent, file.size,
 * net.dns.zone (permanent, with the line). */
enum base_fail_class net_dns_zone_load(const char *file, struct net_resolver **r,
                                       struct base_fail *f);
void net_resolver_free(struct net_resolver *r); /* NULL is fine; no call may be under way */

enum net_dns_type {
    NET_DNS_A,
    NET_DNS_AAAA,
    NET_DNS_CNAME, /* the one at this very name; it isn't followed */
    NET_DNS_MX,
    NET_DNS_TXT,
    NET_DNS_CAA, /* RFC 8659 */
    NET_DNS_NS,
};
enum net_dns_status {
    NET_DNS_RECORD = 0,
    NET_DNS_NONE,     /* the name or the type does not exist */
    NET_DNS_TEMPFAIL, /* SERVFAIL, timeout, refused, bogus: no conclusion allowed */
};

struct net_dns_record {
    /* TXT: its strings joined; CAA: the value; MX, CNAME, NS: a host name without
     * final dot, lower case; A, AAAA: the address. Always followed by a NUL that
     * isn't counted; TXT and CAA may hold other NULs, so LEN counts. */
    const char *text;
    size_t len;
    int preference;  /* MX */
    int flags;       /* CAA; 128 = critical */
    const char *tag; /* CAA, lower case: "issuemail" */
};

struct net_dns_answer {
    enum net_dns_status status;
    struct net_dns_record *records; /* at most 256 */
    size_t n;
    bool nxdomain;    /* with NONE: not even the name exists */
    bool secure;      /* DNSSEC proves it; needs a trust anchor */
    bool bogus;       /* with TEMPFAIL: DNSSEC proves it wrong */
    int64_t ttl;      /* seconds; 0 if unknown */
    const char *name; /* where the records stand after CNAMEs, without final dot */
    const char *why;  /* with TEMPFAIL: a sentence */
};

/* NAME in ASCII (A-labels), with or without final dot; a text that is no domain
 * name has no records. CNAMEs are followed (but for NET_DNS_CNAME). Memory from A. */
void net_dns_lookup(struct net_resolver *r, enum net_dns_type t, const char *name,
                    struct base_arena *a, struct net_dns_answer *out);
/* A and AAAA together: records of both; TEMPFAIL only if one failed and the
 * other has no records. */
void net_dns_addresses(struct net_resolver *r, const char *name, struct base_arena *a,
                       struct net_dns_answer *out);
/* The CAA set that is relevant for NAME: that of NAME or of its nearest parent
 * that has one (RFC 8659 section 3); out->name says whose it is. */
void net_dns_caa(struct net_resolver *r, const char *name, struct base_arena *a,
                 struct net_dns_answer *out);

#endif
