/* net/update.h - changing one record of a zone (RFC 2136, signed by TSIG, RFC 8945), and
 * asking a zone's own servers whether they show it.
 *
 * All calls block, no longer than their timeout for each server. Thread-safe. */
#ifndef NET_UPDATE_H
#define NET_UPDATE_H
#include <stdbool.h>
#include <stddef.h>

#include "dns.h"

/* One record, of type NET_DNS_TXT (VALUE is its text, at most 255 bytes) or
 * NET_DNS_CNAME (a host name). Names in ASCII, with or without final dot. */
struct net_rr {
    const char *name;
    enum net_dns_type type;
    const char *value;
    int ttl;
};

struct net_primary {
    const char *server;          /* "IP" or "IP@port" */
    const char *zone;
    const char *key;             /* name of the TSIG key, without final dot */
    const char *algorithm;       /* "hmac-sha256" | "hmac-sha512" */
    const unsigned char *secret; /* base64, as in the server's own key file; blanks around it are fine */
    size_t nsecret;
    int timeout_ms; /* 0 = 10 s */
};

/* Adds or takes away exactly RR; what is so already is no failure, other records of the
 * name stay. The answer's own signature is verified. Our copies of the secret are wiped
 * (ldns frees its decoded one unwiped; core files are off).
 * Codes: net.update.input (permanent: a name, value, algorithm or secret that can't be
 * used), net.update.key (permanent: the signature isn't accepted, or the answer's is
 * wrong; the text says what to compare: key name, secret, clock), net.update.refused
 * (permanent: the server's policy), net.update.zone (permanent: not its zone),
 * net.update.server (temporary: other codes), net.wire* (temporary). */
enum base_fail_class net_update(const struct net_primary *p, const struct net_rr *rr, bool add,
                                struct base_fail *f);

struct net_shown {
    size_t servers; /* addresses that were asked */
    size_t shown;   /* they have the record */
    size_t without; /* they don't */
    size_t silent;  /* no conclusion: no answer, refused, not authoritative */
    const char *why; /* of the first that doesn't show it; NULL */
};
/* Asks every address of every name server of the zone that NAME of RR is in (or of ZONE,
 * if given), found with R, or those of SERVERS alone if NSERVERS isn't 0. Addresses that
 * this host has no route to are left out unless there are no others. At most 32.
 * Temporary net.authority.unknown if the servers can't be found now. Memory from A. */
enum base_fail_class net_shown_everywhere(struct net_resolver *r, const char *zone,
                                          const char *const *servers, size_t nservers,
                                          const struct net_rr *rr, struct base_arena *a,
                                          struct net_shown *out, struct base_fail *f);

#endif
