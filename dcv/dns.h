/* dcv/dns.h - a validation by DNS: which record, and how it gets where it belongs.
 *
 * The agent commits between the steps, so every function here is one step and
 * may be repeated: writing what is there and removing what is gone change
 * nothing. All but dcv_record() block; run them in the pool. */
#ifndef DCV_DNS_H
#define DCV_DNS_H
#include "base/arena.h"
#include "base/fail.h"
#include "ca/ca.h"
#include "net/update.h"
#include "policy/config.h"

struct dcv_record {
    struct net_rr rr;
    const char *zone;  /* that the update names; NULL with hook or manual and no zone configured */
    const char *alias; /* delegated: must be a CNAME to rr.name in the domain's zone; else NULL */
};
/* The record that shows control of DOMAIN (an A-label) by way of D. Without a TOKEN its
 * place only: rr.value is "". VERIFICATION as in struct ca_dcv. Codes: dcv.record
 * (permanent: D can't be used with METHOD, or a name would get too long). */
enum base_fail_class dcv_record(struct base_arena *a, const struct policy_dns *d,
                                const char *domain, enum policy_method method, const char *token,
                                const char *verification, struct dcv_record *out,
                                struct base_fail *f);

/* Delegated: is the domain's own name pointed at ours? Nothing to do otherwise. Codes:
 * dcv.alias (temporary: not (yet); the text is what has to be put where). */
enum base_fail_class dcv_alias_check(struct net_resolver *r, const struct dcv_record *rec,
                                     struct base_arena *a, struct base_fail *f);

/* Has the record written or taken away: by an update with the key's secret from
 * CREDENTIALS (a directory) or systemd, or by the hook. By hand: nothing happens.
 * Codes: net.update.*, net.wire*, cred.*; dcv.hook.later (temporary: it said 75, or ran
 * too long), dcv.hook (permanent: any other status), child.* */
enum base_fail_class dcv_record_put(const struct policy_dns *d, const char *credentials,
                                    const struct dcv_record *rec, bool add, struct base_arena *a,
                                    struct base_fail *f);

/* Do all name servers of its zone show the record? Codes: dcv.dns.waits (temporary: not
 * all; the text says how many and why), net.authority.* */
enum base_fail_class dcv_record_shown(struct net_resolver *r, const struct policy_dns *d,
                                      const struct dcv_record *rec, struct base_arena *a,
                                      struct base_fail *f);
#endif
