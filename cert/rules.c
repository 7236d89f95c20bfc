/* The rules about a certificate's own form: P4 to P14 and P16, after the S/MIME
 * Baseline Requirements (section 7.1 and 6) with the dates on which they change.
 * Pure; each rule fills exactly one finding. */
#include <stdio.h>
#include <string.h>

#include "verdict.h"

#define DAY 86400
#define LEGACY_MAX_DAYS 1185
#define CLOCK_MARGIN 3600 /* seconds that a CA's clock may be ahead of ours */
#define SERIAL_BITS_MAX 159

struct cert_policy cert_policy_of(const struct cert_fields *leaf)
{
    static const char arc[] = "2.23.140.1.5.";
    struct cert_policy p = {0, 0, 0};
    for (size_t i = 0; i < leaf->policy_oids.n; i++) {
        const char *o = leaf->policy_oids.v[i];
        if (strncmp(o, arc, sizeof arc - 1) != 0)
            continue;
        o += sizeof arc - 1;
        if (strlen(o) != 3 || o[1] != '.' || o[0] < '1' || o[0] > '4' || o[2] < '1' || o[2] > '3')
            continue;
        p.count++;
        p.type = o[0] - '0';
        p.generation = o[2] - '0';
    }
    return p;
}

bool cert_is_strict(const struct cert_fields *leaf, const struct cert_expect *e)
{
    struct cert_policy p = cert_policy_of(leaf);
    return p.count ? p.generation == 3 : e->profile == CERT_PROFILE_STRICT;
}

static bool subject_repeated(const struct cert_fields *leaf, const char **which)
{
    for (size_t i = 0; i < leaf->subject_emails.n; i++) {
        *which = leaf->subject_emails.v[i];
        if (cert_fields_has_mailbox(leaf, *which) == CERT_MAILBOX_DIFFERENT)
            return false;
    }
    return true;
}

/* P4 */
void cert_rule_san_form(const struct cert_fields *leaf, const struct cert_expect *e,
                        struct cert_finding *r)
{
    const char *which = "";
    bool rfc822 = false;
    for (size_t i = 0; i < leaf->n_mailboxes; i++)
        rfc822 |= leaf->mailboxes[i].kind == CERT_MAILBOX_RFC822;
    if (leaf->n_mailboxes == 0) {
        cert_finding_set(r, CERT_FAIL, "no mailbox in subjectAltName");
        return;
    }
    if (!subject_repeated(leaf, &which)) {
        cert_finding_set(r, CERT_FAIL, "%s stands in the subject but not in subjectAltName", which);
        return;
    }
    for (size_t i = 0; i < leaf->san_other.n; i++)
        if (cert_is_strict(leaf, e) && strncmp(leaf->san_other.v[i], "othername:", 10) == 0) {
            cert_finding_set(r, CERT_FAIL, "a strict certificate with a name of type %s",
                             leaf->san_other.v[i]);
            return;
        }
    if (leaf->san_other.n > 0)
        cert_finding_set(r, CERT_WARN, "subjectAltName also holds a name of type %s",
                         leaf->san_other.v[0]);
    else if (!rfc822 && leaf->not_before >= CERT_DATE_RFC822_WANTED)
        cert_finding_set(r, CERT_WARN, "no rfc822Name, which some programs want since 2027-02-01");
    else
        cert_finding_set(r, CERT_PASS, "subjectAltName holds %zu mailboxes", leaf->n_mailboxes);
}

/* P5 */
void cert_rule_eku(const struct cert_fields *leaf, const struct cert_expect *e,
                   struct cert_finding *r)
{
    static const struct {
        unsigned flag;
        const char *name;
    } never[] = {{CERT_EKU_SERVER_AUTH, "serverAuth"},
                 {CERT_EKU_CODE_SIGNING, "codeSigning"},
                 {CERT_EKU_TIME_STAMPING, "timeStamping"},
                 {CERT_EKU_ANY, "anyExtendedKeyUsage"}};
    if (!leaf->eku_present || !(leaf->eku & CERT_EKU_EMAIL_PROTECTION)) {
        cert_finding_set(r, CERT_FAIL, "extKeyUsage has no emailProtection");
        return;
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (leaf->eku & never[i].flag) {
            cert_finding_set(r, CERT_FAIL,
                             "extKeyUsage has %s, which an S/MIME certificate must not",
                             never[i].name);
            return;
        }
    if (cert_is_strict(leaf, e) && leaf->eku != CERT_EKU_EMAIL_PROTECTION)
        cert_finding_set(r, CERT_FAIL,
                         "a strict certificate with more than emailProtection in extKeyUsage");
    else if ((leaf->eku & CERT_EKU_OTHER) && leaf->not_before >= CERT_DATE_EKU_NARROW)
        cert_finding_set(r, CERT_FAIL,
                         "since 2027-07-01 only clientAuth may stand beside emailProtection");
    else
        cert_finding_set(r, CERT_PASS, "extKeyUsage has emailProtection and nothing forbidden");
}

struct usage_bits {
    unsigned allowed; /* for this kind of key */
    unsigned encrypt; /* the bit by which it encrypts; 0 = it can't */
};

static struct usage_bits usage_bits(const struct cert_fields *leaf, bool strict)
{
    const unsigned sign = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_NON_REPUDIATION;
    switch (leaf->key.type) {
    case CERT_KEY_RSA:
        return (struct usage_bits){sign | CERT_KU_KEY_ENCIPHERMENT |
                                       (strict ? 0 : CERT_KU_DATA_ENCIPHERMENT),
                                   CERT_KU_KEY_ENCIPHERMENT};
    case CERT_KEY_EC:
        return (struct usage_bits){sign | CERT_KU_KEY_AGREEMENT | CERT_KU_ENCIPHER_ONLY |
                                       CERT_KU_DECIPHER_ONLY,
                                   CERT_KU_KEY_AGREEMENT};
    default:
        return (struct usage_bits){sign, 0};
    }
}

/* P6 */
void cert_rule_key_usage(const struct cert_fields *leaf, const struct cert_expect *e,
                         struct cert_finding *r)
{
    struct usage_bits b = usage_bits(leaf, cert_is_strict(leaf, e));
    bool signs = leaf->ku & CERT_KU_DIGITAL_SIGNATURE, encrypts = leaf->ku & b.encrypt;
    bool want_sign = e->usage != CERT_USAGE_KEY_MANAGEMENT;
    bool want_encrypt = e->usage != CERT_USAGE_SIGNING;
    if (!leaf->ku_present || leaf->ku == 0)
        cert_finding_set(r, CERT_FAIL, "no keyUsage");
    else if (leaf->ku & ~b.allowed)
        cert_finding_set(r, CERT_FAIL, "keyUsage has bits that a key of kind %s must not have here",
                         cert_key_type_name(leaf->key.type));
    else if (want_sign && !signs)
        cert_finding_set(r, CERT_FAIL, "it can't sign, but %s was ordered",
                         cert_usage_name(e->usage));
    else if (want_encrypt && !encrypts)
        cert_finding_set(r, CERT_FAIL, "it can't be used to encrypt, but %s was ordered",
                         cert_usage_name(e->usage));
    else if ((signs && !want_sign) || (encrypts && !want_encrypt))
        cert_finding_set(r, CERT_WARN, "it can sign and encrypt, but only %s was ordered",
                         cert_usage_name(e->usage));
    else if (!leaf->ku_critical)
        cert_finding_set(r, CERT_WARN, "keyUsage fits, but isn't marked critical");
    else
        cert_finding_set(r, CERT_PASS, "keyUsage fits %s", cert_usage_name(e->usage));
}

static bool known_curve(const char *curve)
{
    return curve && (strcmp(curve, "P-256") == 0 || strcmp(curve, "P-384") == 0 ||
                     strcmp(curve, "P-521") == 0);
}

/* P7 */
void cert_rule_key(const struct cert_fields *leaf, const struct cert_expect *e,
                   struct cert_finding *r)
{
    (void)e;
    const struct cert_key *k = &leaf->key;
    switch (k->type) {
    case CERT_KEY_RSA:
        if (k->bits < 2048 || k->bits % 8 != 0 || !k->rsa_exponent_ok)
            cert_finding_set(r, CERT_FAIL, "an RSA key of %d bits%s", k->bits,
                             k->rsa_exponent_ok ? "" : " with a bad exponent");
        else
            cert_finding_set(r, CERT_PASS, "an RSA key of %d bits", k->bits);
        break;
    case CERT_KEY_EC:
        cert_finding_set(r, known_curve(k->curve) ? CERT_PASS : CERT_FAIL,
                         "an elliptic curve key on %s", k->curve ? k->curve : "an unknown curve");
        break;
    case CERT_KEY_ED25519:
    case CERT_KEY_ED448:
        cert_finding_set(r, CERT_PASS, "a key of kind %s", cert_key_type_name(k->type));
        break;
    default:
        cert_finding_set(r, CERT_UNKNOWN, "a kind of key that can't be judged");
    }
}

/* The hash that goes with the curve of the key that signed; NULL = any. */
static const char *curve_hash(const struct cert_expect *e)
{
    const char *c = e->chain && e->chain->ok ? e->chain->issuer.curve : NULL;
    if (!c)
        return NULL;
    return strcmp(c, "P-256") == 0   ? "sha256"
           : strcmp(c, "P-384") == 0 ? "sha384"
           : strcmp(c, "P-521") == 0 ? "sha512"
                                     : "none";
}

/* P8 */
void cert_rule_signature(const struct cert_fields *leaf, const struct cert_expect *e,
                         struct cert_finding *r)
{
    const char *k = leaf->sig_key, *h = leaf->sig_hash;
    bool sha2 = strcmp(h, "sha256") == 0 || strcmp(h, "sha384") == 0 || strcmp(h, "sha512") == 0;
    bool ed = strcmp(k, "ed25519") == 0 || strcmp(k, "ed448") == 0;
    bool ec = strcmp(k, "ecdsa") == 0;
    if (!ed && (!sha2 || !(ec || strcmp(k, "rsa") == 0 || strcmp(k, "rsa-pss") == 0)))
        cert_finding_set(r, CERT_FAIL, "signed with %s, which is not allowed", leaf->sig_alg);
    else if (ec && curve_hash(e) && strcmp(curve_hash(e), h) != 0)
        cert_finding_set(r, CERT_FAIL, "signed with %s by a key on %s, which don't go together",
                         leaf->sig_alg, e->chain->issuer.curve);
    else
        cert_finding_set(r, CERT_PASS, "signed with %s", leaf->sig_alg);
}

/* P9 */
void cert_rule_validity(const struct cert_fields *leaf, const struct cert_expect *e,
                        struct cert_finding *r)
{
    /* both ends are inclusive, a day that has begun counts */
    int64_t days = (leaf->not_after - leaf->not_before + 1 + DAY - 1) / DAY;
    bool old_legacy =
        cert_policy_of(leaf).generation == 1 && leaf->not_before < CERT_DATE_LEGACY_END;
    int64_t off = days - e->validity_days;
    if (leaf->not_after < leaf->not_before)
        cert_finding_set(r, CERT_FAIL, "it ends before it begins");
    else if (days > (old_legacy ? LEGACY_MAX_DAYS : CERT_VALIDITY_MAX_DAYS))
        cert_finding_set(r, CERT_FAIL, "valid for %lld days, more than allowed", (long long)days);
    else if (leaf->not_before > e->now + CLOCK_MARGIN)
        cert_finding_set(r, CERT_FAIL, "it is not valid yet");
    else if (leaf->not_after < e->now)
        cert_finding_set(r, CERT_FAIL, "it has expired");
    else if (e->validity_days > 0 && (off > 2 || off < -2))
        cert_finding_set(r, CERT_WARN, "valid for %lld days, ordered were %lld", (long long)days,
                         (long long)e->validity_days);
    else
        cert_finding_set(r, CERT_PASS, "valid for %lld days", (long long)days);
}

/* P10 */
void cert_rule_policy(const struct cert_fields *leaf, const struct cert_expect *e,
                      struct cert_finding *r)
{
    static const char *const types[] = {"", "mailbox", "organization", "sponsor", "individual"};
    static const char *const gens[] = {"", "legacy", "multipurpose", "strict"};
    struct cert_policy p = cert_policy_of(leaf);
    enum cert_result bad = e->rehearsal ? CERT_WARN : CERT_FAIL;
    const char *note = e->rehearsal ? " (let through: rehearsal CA)" : "";
    if (p.count != 1)
        cert_finding_set(r, bad, "%s reserved S/MIME policy%s",
                         p.count == 0 ? "no" : "more than one", note);
    else if (p.generation == 1 && leaf->not_before >= CERT_DATE_LEGACY_END)
        cert_finding_set(r, bad, "a legacy certificate issued after 2025-07-15%s", note);
    else if (p.generation == 1)
        cert_finding_set(r, CERT_WARN, "%s-validated, legacy: no longer issued since 2025-07-15",
                         types[p.type]);
    else if (e->profile != CERT_PROFILE_ANY && p.generation != (int)e->profile + 1)
        cert_finding_set(r, CERT_WARN, "%s-validated, %s, but %s was ordered", types[p.type],
                         gens[p.generation], cert_profile_name(e->profile));
    else
        cert_finding_set(r, CERT_PASS, "%s-validated, %s", types[p.type], gens[p.generation]);
}

/* P11 */
void cert_rule_subject(const struct cert_fields *leaf, const struct cert_expect *e,
                       struct cert_finding *r)
{
    (void)e;
    struct cert_policy p = cert_policy_of(leaf);
    bool person = leaf->given_name || leaf->surname || leaf->pseudonym;
    bool organization = leaf->o && leaf->organization_identifier;
    if (p.count != 1)
        cert_finding_set(r, CERT_SKIPPED, "without a policy the form of the subject is open");
    else if (p.type == 1 && (leaf->o || leaf->organization_identifier || person))
        cert_finding_set(r, CERT_WARN, "mailbox-validated, but the subject names somebody");
    else if ((p.type == 2 || p.type == 3) && !organization)
        cert_finding_set(r, CERT_WARN,
                         "organizationName or organizationIdentifier is missing in the subject");
    else if ((p.type == 3 || p.type == 4) && !person)
        cert_finding_set(r, CERT_WARN, "neither a person's names nor a pseudonym in the subject");
    else
        cert_finding_set(r, CERT_PASS, "the subject fits the kind of validation");
}

/* P12 */
void cert_rule_no_ca(const struct cert_fields *leaf, const struct cert_expect *e,
                     struct cert_finding *r)
{
    (void)e;
    if (leaf->bc_ca || leaf->bc_pathlen >= 0)
        cert_finding_set(r, CERT_FAIL, "it is a CA's certificate");
    else
        cert_finding_set(r, CERT_PASS, "it is no CA's certificate");
}

/* P13 */
void cert_rule_pointers(const struct cert_fields *leaf, const struct cert_expect *e,
                        struct cert_finding *r)
{
    (void)e;
    for (size_t i = 0; i < leaf->crl_uris.n; i++)
        if (strncmp(leaf->crl_uris.v[i], "http:", 5) != 0) {
            cert_finding_set(r, CERT_WARN, "a CRL distribution point that isn't http:");
            return;
        }
    if (!leaf->aki_key_id || leaf->aki_issuer_or_serial || leaf->aki_critical)
        cert_finding_set(r, CERT_WARN,
                         "authorityKeyIdentifier is missing or not of the wanted form");
    else if (leaf->crl_uris.n == 0)
        cert_finding_set(r, CERT_WARN, "no CRL distribution point");
    else
        cert_finding_set(r, CERT_PASS,
                         "authorityKeyIdentifier and CRL distribution points are in order");
}

/* P14 */
void cert_rule_serial(const struct cert_fields *leaf, const struct cert_expect *e,
                      struct cert_finding *r)
{
    (void)e;
    if (leaf->version != 3)
        cert_finding_set(r, CERT_WARN, "X.509 version %d, expected 3", leaf->version);
    else if (leaf->serial_sign <= 0 || leaf->serial_bits > SERIAL_BITS_MAX)
        cert_finding_set(r, CERT_WARN, "a serial number that isn't positive or is too long");
    else
        cert_finding_set(r, CERT_PASS, "version 3, serial number of %d bits", leaf->serial_bits);
}

/* P16 */
void cert_rule_issuer_key(const struct cert_fields *leaf, const struct cert_expect *e,
                          struct cert_finding *r)
{
    const struct cert_key *k = e->chain && e->chain->ok ? &e->chain->issuer : NULL;
    if (!k)
        cert_finding_set(r, CERT_SKIPPED, "without a chain the issuer's key is not known");
    else if (k->type == CERT_KEY_RSA && k->bits < 3072 && leaf->not_before >= CERT_DATE_ISSUER_3072)
        cert_finding_set(r, CERT_WARN,
                         "signed by an RSA key of %d bits, since 2027-09-15 too short", k->bits);
    else
        cert_finding_set(r, CERT_PASS, "the issuer's key is strong enough");
}
