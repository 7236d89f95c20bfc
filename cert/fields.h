/* cert/fields.h - what stands in a certificate, as plain data.
 *
 * cert_fields_parse() is the only place that takes an unknown certificate
 * apart (the inspector calls it inside its sandbox); everybody else works on
 * struct cert_fields, carried between processes as JSON. No I/O, no clock.
 * All pointers inside the struct belong to the arena that was given; text is
 * valid UTF-8 without control characters. Lists have n = 0 when absent;
 * strings are NULL when absent. Formats: RFC 5280, RFC 8398 (SmtpUTF8Mailbox),
 * RFC 4514 (names as text). */
#ifndef CERT_FIELDS_H
#define CERT_FIELDS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define CERT_DER_MAX (32 * 1024) /* bytes of one certificate */
#define CERT_RSA_BITS_MAX 8192   /* larger keys are refused before any use */
#define CERT_EXTENSIONS_MAX 50
#define CERT_SANS_MAX 100
#define CERT_LIST_MAX 100  /* members of any other list */
#define CERT_TEXT_MAX 4096 /* bytes of any one text */

enum cert_key_type {
    CERT_KEY_OTHER = 0,
    CERT_KEY_RSA,
    CERT_KEY_EC,
    CERT_KEY_ED25519,
    CERT_KEY_ED448,
};
/* "other", "rsa", "ec", "ed25519", "ed448". */
const char *cert_key_type_name(enum cert_key_type t);

struct cert_key {
    enum cert_key_type type;
    int bits;
    const char *curve; /* "P-256", "P-384", "P-521", another curve's name or OID; NULL if not EC */
    bool rsa_exponent_ok; /* RSA: public exponent odd and >= 3 */
};

enum cert_mailbox_kind {
    CERT_MAILBOX_RFC822 = 0,
    CERT_MAILBOX_SMTPUTF8,
};
struct cert_mailbox {
    enum cert_mailbox_kind kind;
    const char *address; /* as written in the certificate */
};
struct cert_strings {
    size_t n;
    const char **v;
};

/* keyUsage bits, RFC 5280 section 4.2.1.3 (bit 0 first). */
enum cert_ku {
    CERT_KU_DIGITAL_SIGNATURE = 1 << 0,
    CERT_KU_NON_REPUDIATION = 1 << 1,
    CERT_KU_KEY_ENCIPHERMENT = 1 << 2,
    CERT_KU_DATA_ENCIPHERMENT = 1 << 3,
    CERT_KU_KEY_AGREEMENT = 1 << 4,
    CERT_KU_KEY_CERT_SIGN = 1 << 5,
    CERT_KU_CRL_SIGN = 1 << 6,
    CERT_KU_ENCIPHER_ONLY = 1 << 7,
    CERT_KU_DECIPHER_ONLY = 1 << 8,
};
/* The extended key usages that a check asks about. */
enum cert_eku {
    CERT_EKU_EMAIL_PROTECTION = 1 << 0,
    CERT_EKU_CLIENT_AUTH = 1 << 1,
    CERT_EKU_SERVER_AUTH = 1 << 2,
    CERT_EKU_CODE_SIGNING = 1 << 3,
    CERT_EKU_TIME_STAMPING = 1 << 4,
    CERT_EKU_ANY = 1 << 5,
    CERT_EKU_OTHER = 1 << 6, /* at least one that is none of the above */
};

struct cert_fields {
    struct base_bytes der;
    char sha256[BASE_SHA256_HEX]; /* thumbprint: of the whole certificate */
    int version;                  /* 3 for X.509v3 */
    const char *serial;           /* upper-case hex as CAs show it, even length, no sign */
    int serial_bits;              /* of its magnitude */
    int serial_sign;              /* -1, 0, 1 */

    const char *issuer, *subject; /* RFC 4514 text */
    const char *cn, *o, *organization_identifier, *given_name, *surname,
        *pseudonym;                     /* first of each */
    struct cert_strings subject_emails; /* emailAddress attributes */

    bool san_present;
    size_t n_mailboxes;
    struct cert_mailbox *mailboxes;
    /* Other SAN entries by type, once each: "dns", "uri", "ip", "dirname", "rid",
     * "x400", "edi", "othername:<oid>". */
    struct cert_strings san_other;

    char spki_sha256[BASE_SHA256_HEX]; /* of the SubjectPublicKeyInfo DER */
    struct cert_key key;
    const char *sig_alg;  /* "sha256WithRSAEncryption", "ecdsa-with-SHA256", "rsassaPss", ... */
    const char *sig_key;  /* "rsa", "rsa-pss", "ecdsa", "ed25519", "ed448", "other" */
    const char *sig_hash; /* "sha256", "sha384", ... ; "" where the algorithm has none of its own */

    int64_t not_before, not_after; /* seconds since the epoch, both inclusive */

    bool eku_present;
    unsigned eku; /* enum cert_eku */
    struct cert_strings eku_oids;
    bool ku_present, ku_critical;
    unsigned ku; /* enum cert_ku */
    struct cert_strings policy_oids;
    bool bc_present, bc_ca;
    int bc_pathlen; /* -1 = none */
    bool aki_present, aki_critical, aki_issuer_or_serial;
    const char *aki_key_id; /* lower-case hex */
    const char *ski;        /* lower-case hex */
    bool crldp_present;
    struct cert_strings crl_uris;
    struct cert_strings ocsp_uris;
    struct cert_strings ca_issuers_uris;
    int extensions; /* how many */
};

/* Takes exactly one DER certificate apart. OUT->der is a copy in A.
 * Permanent: "cert.size" (CERT_DER_MAX), "cert.der" (no certificate, trailing
 * bytes, BER), "cert.caps" (too many extensions, names, ...), "cert.extension"
 * (twice the same or malformed), "cert.key" (unreadable, or RSA above
 * CERT_RSA_BITS_MAX), "cert.text" (a mailbox with control or foreign bytes). */
enum base_fail_class cert_fields_parse(struct base_arena *a, const void *der, size_t n,
                                       struct cert_fields *out, struct base_fail *f);

/* All members, DER as base64 under "der". Caller decrefs. */
json_t *cert_fields_to_json(const struct cert_fields *c);
/* Strict: every member must be there with its type and within the caps, the
 * thumbprint must be that of "der". Permanent "cert.json" names the member. */
enum base_fail_class cert_fields_from_json(struct base_arena *a, const json_t *o,
                                           struct cert_fields *out, struct base_fail *f);

#endif
