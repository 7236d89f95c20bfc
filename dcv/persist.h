/* dcv/persist.h - the persistent TXT record that lets a CA validate a domain again and again.
 *
 * _validation-persist.DOMAIN TXT "ISSUER; accounturi=URI; policy=wildcard; persistUntil=SECONDS"
 * (CA/Browser Forum baseline requirements 3.2.2.4.22; the value has the form of an
 * "issue" property of RFC 8659, persistUntil counts seconds since the epoch). It is printed and
 * looked at, never written: whoever holds the account could validate the domain by it. */
#ifndef DCV_PERSIST_H
#define DCV_PERSIST_H
#include "base/arena.h"
#include "net/dns.h"

struct dcv_persist {
    const char *issuer, *account_uri;
    const char *policy; /* "wildcard"; NULL = for this name alone */
    int64_t until;      /* 0 = without an end */
};
const char *dcv_persist_name(struct base_arena *a, const char *domain);
/* The record's value, without quotes. */
const char *dcv_persist_value(struct base_arena *a, const struct dcv_persist *p);
/* Reads one value; false if it isn't of that form. Unknown parameters are passed over, a known
 * one that stands there twice or can't be read makes it no record (RFC 8659 section 4.2). */
bool dcv_persist_parse(struct base_arena *a, const char *text, size_t n, struct dcv_persist *out);

enum dcv_persist_state {
    DCV_PERSIST_OK = 0,
    DCV_PERSIST_ABSENT,  /* no record of this issuer */
    DCV_PERSIST_ACCOUNT, /* of this issuer, but for other accounts */
    DCV_PERSIST_ENDED,   /* persistUntil is over */
    DCV_PERSIST_UNKNOWN, /* can't be looked up, or DNSSEC proves the answer wrong */
};
struct dcv_persist_found {
    enum dcv_persist_state state;
    bool secure, bogus;
    int64_t until;    /* of the record that counts, the longest of several; 0 = without an end */
    const char *text; /* a sentence for a person */
};
/* Judges an answer for the TXT records of WANT at NOW. */
void dcv_persist_judge(struct base_arena *a, const struct net_dns_answer *ans,
                       const struct dcv_persist *want, int64_t now, struct dcv_persist_found *out);
/* Looks it up and judges; blocks. */
void dcv_persist_look(struct net_resolver *r, const char *domain, const struct dcv_persist *want,
                      int64_t now, struct base_arena *a, struct dcv_persist_found *out);
#endif
