/* cert/verdict.h - between cert/check.c and cert/rules.c; nobody else includes it. */
#ifndef CERT_VERDICT_H
#define CERT_VERDICT_H
#include "check.h"

/* Dates on which a rule changes, seconds (00:00 UTC). */
#define CERT_DATE_LEGACY_END 1752537600LL    /* 2025-07-15: no more Legacy leaves */
#define CERT_DATE_RFC822_WANTED 1801440000LL /* 2027-02-01: Apple wants an rfc822Name */
#define CERT_DATE_EKU_NARROW 1814400000LL    /* 2027-07-01: emailProtection and clientAuth only */
#define CERT_DATE_ISSUER_3072 1820966400LL   /* 2027-09-15: issuing RSA keys >= 3072 bits */

/* What the reserved policy OID 2.23.140.1.5.TYPE.GENERATION says. */
struct cert_policy {
    int count;      /* reserved OIDs of this arc; the rest is of the last one */
    int type;       /* 1 mailbox, 2 organization, 3 sponsor, 4 individual */
    int generation; /* 1 legacy, 2 multipurpose, 3 strict */
};
struct cert_policy cert_policy_of(const struct cert_fields *leaf);
/* Does the certificate claim, or the order want, the strict generation? */
bool cert_is_strict(const struct cert_fields *leaf, const struct cert_expect *e);

void cert_finding_set(struct cert_finding *r, enum cert_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

typedef void cert_rule(const struct cert_fields *leaf, const struct cert_expect *e,
                       struct cert_finding *r);
/* The rules about the certificate's own form (cert/rules.c). */
cert_rule cert_rule_san_form, cert_rule_eku, cert_rule_key_usage, cert_rule_key,
    cert_rule_signature, cert_rule_validity, cert_rule_policy, cert_rule_subject, cert_rule_no_ca,
    cert_rule_pointers, cert_rule_serial, cert_rule_issuer_key;

#endif
