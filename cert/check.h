/* cert/check.h - may this issued certificate be used? The rules P1 to P16.
 *
 * Pure: fields and expectation in, verdict out; no I/O, no clock, no memory.
 * Rules: CA/Browser Forum S/MIME Baseline Requirements 7.1 and 6, RFC 8550.
 *   P1 our key            P2 chain              P3 mailboxes of the order
 *   P4 SAN form           P5 extended key usage P6 key usage
 *   P7 key                P8 signature          P9 validity
 *   P10 policy OID        P11 subject form      P12 no CA
 *   P13 AKI, CRL points   P14 serial, version   P15 revocation  P16 issuer's key */
#ifndef CERT_CHECK_H
#define CERT_CHECK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain.h"
#include "fields.h"

#define CERT_RULES 16
#define CERT_VALIDITY_MAX_DAYS 825 /* S/MIME BR 6.3.2 */

enum cert_usage {
    CERT_USAGE_DUAL = 0, /* sign and encrypt */
    CERT_USAGE_SIGNING,
    CERT_USAGE_KEY_MANAGEMENT,
};
/* "dual_use", "signing", "key_management"; the second gives false if it is none. */
const char *cert_usage_name(enum cert_usage u);
bool cert_usage_from_name(const char *s, enum cert_usage *out);

enum cert_profile {
    CERT_PROFILE_ANY = 0,
    CERT_PROFILE_MULTIPURPOSE,
    CERT_PROFILE_STRICT,
};
/* "any", "multipurpose", "strict". */
const char *cert_profile_name(enum cert_profile p);
bool cert_profile_from_name(const char *s, enum cert_profile *out);

enum cert_revocation {
    CERT_REVOCATION_NOT_ASKED = 0, /* P15 skipped */
    CERT_REVOCATION_GOOD,
    CERT_REVOCATION_REVOKED,
    CERT_REVOCATION_UNKNOWN, /* asked, no usable answer */
};

/* What the certificate is held against. Zero-initialised members expect nothing. */
struct cert_expect {
    const char *spki_sha256;      /* of our key or the CSR from outside; NULL: P1 unknown */
    const char *const *mailboxes; /* of the order: all, and no others, must be in it */
    size_t n_mailboxes;           /* 0: P3 unknown */
    const bool *exact; /* of each of them: in other case it is another's; NULL = of none */
    enum cert_usage usage;
    enum cert_profile profile;
    int64_t validity_days; /* ordered; 0 = not known. Shorter or longer by > 2 days: warning */
    int64_t now;           /* seconds */
    const struct cert_chain *chain;  /* P2, P8, P16; NULL: P2 unknown */
    enum cert_revocation revocation; /* P15 */
    bool rehearsal; /* the account's CA is not public: P10 warns and says so instead of failing */
};

enum cert_result {
    CERT_PASS = 0,
    CERT_FAIL,
    CERT_WARN,
    CERT_UNKNOWN, /* never passes where the rule is hard */
    CERT_SKIPPED,
};
/* "pass", "fail", "warn", "unknown", "skipped". */
const char *cert_result_name(enum cert_result r);

struct cert_finding {
    const char *rule; /* "P1" .. "P16", static */
    enum cert_result result;
    bool hard;        /* a fail or unknown here refuses the certificate */
    char detail[256]; /* a sentence for a person */
};
struct cert_verdict {
    struct cert_finding rule[CERT_RULES]; /* rule[0] is P1 */
};

void cert_check(const struct cert_fields *leaf, const struct cert_expect *expect,
                struct cert_verdict *v);
/* No hard rule failed or is unknown. (P15 unknown or skipped isn't hard: storing
 * may go on, publishing must ask again.) */
bool cert_verdict_ok(const struct cert_verdict *v);
/* The first finding that refuses, NULL if none. */
const struct cert_finding *cert_verdict_refusal(const struct cert_verdict *v);
/* [{rule,result,hard,detail}...]; caller decrefs. */
json_t *cert_verdict_to_json(const struct cert_verdict *v);

enum cert_mailbox_match {
    CERT_MAILBOX_DIFFERENT = 0,
    CERT_MAILBOX_SAME,   /* local part exactly, domain case-insensitive */
    CERT_MAILBOX_FOLDED, /* local parts differ in ASCII case only (RFC 8550 section 3) */
};
enum cert_mailbox_match cert_mailbox_compare(const char *a, const char *b);
/* The best match of any SAN mailbox of LEAF with ADDRESS. */
enum cert_mailbox_match cert_fields_has_mailbox(const struct cert_fields *leaf,
                                                const char *address);

#endif
