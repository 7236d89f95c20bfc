/* net/records.h - resource records as callers get them; inside net/. */
#ifndef NET_RECORDS_H
#define NET_RECORDS_H
#include <ldns/ldns.h>

#include "dns.h"

#define NET_RECORDS 256

/* Number of the type in the DNS. */
ldns_rr_type net_records_type(enum net_dns_type t);
/* RR's data into REC; false if it isn't what its type says. */
bool net_records_take(struct base_arena *a, const ldns_rr *rr, struct net_dns_record *rec);
/* Text of a domain name, lower case, without final dot; NULL if D is none. */
const char *net_records_name(struct base_arena *a, const ldns_rdf *d);

/* ---- a file of records ------------------------------------------------------------ */
struct net_zone;
enum base_fail_class net_zone_read(const char *file, struct net_zone **z, struct base_fail *f);
void net_zone_free(struct net_zone *z);
/* NAME lower case, without final dot. */
void net_zone_lookup(const struct net_zone *z, enum net_dns_type t, const char *name,
                     struct base_arena *a, struct net_dns_answer *out);

#endif
