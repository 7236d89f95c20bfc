/* The verdict on an issued certificate: the table of rules and those rules that
 * compare with what we ordered (P1, P2, P3, P15). Pure and without memory; it
 * can't fail, doubt is the result "unknown". */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "verdict.h"

static const char *const usage_names[] = {"dual_use", "signing", "key_management"};
static const char *const profile_names[] = {"any", "multipurpose", "strict"};
static const char *const result_names[] = {"pass", "fail", "warn", "unknown", "skipped"};

static int index_of(const char *s, const char *const *names, int n)
{
    for (int i = 0; s && i < n; i++)
        if (strcmp(s, names[i]) == 0)
            return i;
    return -1;
}

const char *cert_usage_name(enum cert_usage u)
{
    return usage_names[(unsigned)u < 3 ? u : 0];
}

bool cert_usage_from_name(const char *s, enum cert_usage *out)
{
    int i = index_of(s, usage_names, 3);
    if (i >= 0)
        *out = (enum cert_usage)i;
    return i >= 0;
}

const char *cert_profile_name(enum cert_profile p)
{
    return profile_names[(unsigned)p < 3 ? p : 0];
}

bool cert_profile_from_name(const char *s, enum cert_profile *out)
{
    int i = index_of(s, profile_names, 3);
    if (i >= 0)
        *out = (enum cert_profile)i;
    return i >= 0;
}

const char *cert_result_name(enum cert_result r)
{
    return result_names[(unsigned)r < 5 ? r : CERT_UNKNOWN];
}

void cert_finding_set(struct cert_finding *r, enum cert_result result, const char *fmt, ...)
{
    va_list ap;
    r->result = result;
    va_start(ap, fmt);
    int n = vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    /* a name cut in the middle of a character would not be UTF-8 any more */
    if (n >= (int)sizeof r->detail) {
        size_t at = sizeof r->detail - 4;
        while (at > 0 && (r->detail[at] & 0xc0) == 0x80)
            at--;
        memcpy(r->detail + at, "...", 4);
    }
}

enum cert_mailbox_match cert_mailbox_compare(const char *a, const char *b)
{
    const char *at_a = strrchr(a, '@'), *at_b = strrchr(b, '@');
    if (!at_a || !at_b || !base_ascii_caseeq(at_a + 1, at_b + 1))
        return CERT_MAILBOX_DIFFERENT;
    size_t n = (size_t)(at_a - a);
    if (n == 0 || n != (size_t)(at_b - b))
        return CERT_MAILBOX_DIFFERENT;
    enum cert_mailbox_match m = CERT_MAILBOX_SAME;
    for (size_t i = 0; i < n; i++) {
        char x[2] = {a[i], 0}, y[2] = {b[i], 0};
        if (a[i] == b[i])
            continue;
        if (!base_ascii_caseeq(x, y))
            return CERT_MAILBOX_DIFFERENT;
        m = CERT_MAILBOX_FOLDED;
    }
    return m;
}

enum cert_mailbox_match cert_fields_has_mailbox(const struct cert_fields *leaf, const char *address)
{
    enum cert_mailbox_match best = CERT_MAILBOX_DIFFERENT;
    for (size_t i = 0; i < leaf->n_mailboxes && best != CERT_MAILBOX_SAME; i++) {
        enum cert_mailbox_match m = cert_mailbox_compare(leaf->mailboxes[i].address, address);
        if (m != CERT_MAILBOX_DIFFERENT)
            best = m;
    }
    return best;
}

static void rule_our_key(const struct cert_fields *leaf, const struct cert_expect *e,
                         struct cert_finding *r)
{
    if (!e->spki_sha256)
        cert_finding_set(r, CERT_UNKNOWN, "no key of ours is known for this order");
    else if (!base_ascii_caseeq(leaf->spki_sha256, e->spki_sha256))
        cert_finding_set(r, CERT_FAIL, "the certificate is for another key than ours");
    else
        cert_finding_set(r, CERT_PASS, "the certificate is for our key");
}

static void rule_chain(const struct cert_fields *leaf, const struct cert_expect *e,
                       struct cert_finding *r)
{
    const struct cert_chain *c = e->chain;
    if (!c)
        cert_finding_set(r, CERT_UNKNOWN, "no chain was built");
    else if (!c->ok)
        cert_finding_set(r, CERT_FAIL, "no chain to a configured root: %s",
                         c->reason ? c->reason : "no reason given");
    else if (c->n == 0 || c->der[0].n != leaf->der.n ||
             memcmp(c->der[0].p, leaf->der.p, leaf->der.n) != 0)
        cert_finding_set(r, CERT_FAIL, "the chain belongs to another certificate");
    else
        cert_finding_set(r, CERT_PASS, "a chain of %zu certificates to a configured root", c->n);
}

/* Where case matters, what differs in it is another mailbox. */
static enum cert_mailbox_match allowed(const struct cert_expect *e, size_t i, enum cert_mailbox_match m)
{
    return m == CERT_MAILBOX_FOLDED && e->exact && e->exact[i] ? CERT_MAILBOX_DIFFERENT : m;
}

static bool named(const struct cert_fields *leaf, const struct cert_expect *e, size_t i)
{
    return allowed(e, i, cert_fields_has_mailbox(leaf, e->mailboxes[i])) != CERT_MAILBOX_DIFFERENT;
}

static enum cert_mailbox_match ordered(const struct cert_expect *e, const char *address)
{
    enum cert_mailbox_match best = CERT_MAILBOX_DIFFERENT;
    for (size_t i = 0; i < e->n_mailboxes && best != CERT_MAILBOX_SAME; i++) {
        enum cert_mailbox_match m = allowed(e, i, cert_mailbox_compare(e->mailboxes[i], address));
        if (m != CERT_MAILBOX_DIFFERENT)
            best = m;
    }
    return best;
}

static void rule_mailboxes(const struct cert_fields *leaf, const struct cert_expect *e,
                           struct cert_finding *r)
{
    if (e->n_mailboxes == 0) {
        cert_finding_set(r, CERT_UNKNOWN, "the mailboxes of the order are not known");
        return;
    }
    const char *folded = NULL, *absent = NULL;
    for (size_t i = 0; i < leaf->n_mailboxes; i++) {
        const char *m = leaf->mailboxes[i].address;
        enum cert_mailbox_match match = ordered(e, m);
        if (match == CERT_MAILBOX_DIFFERENT) {
            cert_finding_set(r, CERT_FAIL, "it names %s, which was not ordered", m);
            return;
        }
        if (match == CERT_MAILBOX_FOLDED)
            folded = m;
    }
    if (!named(leaf, e, 0)) {
        cert_finding_set(r, CERT_FAIL, "the ordered mailbox %s is not in it", e->mailboxes[0]);
        return;
    }
    for (size_t i = 1; i < e->n_mailboxes; i++)
        if (!named(leaf, e, i))
            absent = e->mailboxes[i];
    if (absent)
        cert_finding_set(r, CERT_FAIL, "the further mailbox %s of the order is not in it", absent);
    else if (folded)
        cert_finding_set(r, CERT_WARN, "%s differs from the order in upper and lower case only",
                         folded);
    else
        cert_finding_set(r, CERT_PASS, "its mailboxes are those of the order");
}

static void rule_revocation(const struct cert_fields *leaf, const struct cert_expect *e,
                            struct cert_finding *r)
{
    (void)leaf;
    r->hard = e->revocation == CERT_REVOCATION_REVOKED;
    switch (e->revocation) {
    case CERT_REVOCATION_GOOD:
        cert_finding_set(r, CERT_PASS, "the CA says that it isn't revoked");
        break;
    case CERT_REVOCATION_REVOKED:
        cert_finding_set(r, CERT_FAIL, "it is revoked");
        break;
    case CERT_REVOCATION_UNKNOWN:
        cert_finding_set(r, CERT_UNKNOWN, "no usable answer about revocation");
        break;
    default:
        cert_finding_set(r, CERT_SKIPPED, "revocation was not asked for yet");
    }
}

static const struct {
    const char *name;
    bool hard;
    cert_rule *run;
} rules[CERT_RULES] = {
    {"P1", true, rule_our_key},         {"P2", true, rule_chain},
    {"P3", true, rule_mailboxes},       {"P4", true, cert_rule_san_form},
    {"P5", true, cert_rule_eku},        {"P6", true, cert_rule_key_usage},
    {"P7", true, cert_rule_key},        {"P8", true, cert_rule_signature},
    {"P9", true, cert_rule_validity},   {"P10", true, cert_rule_policy},
    {"P11", false, cert_rule_subject},  {"P12", true, cert_rule_no_ca},
    {"P13", false, cert_rule_pointers}, {"P14", false, cert_rule_serial},
    {"P15", true, rule_revocation},     {"P16", false, cert_rule_issuer_key},
};

void cert_check(const struct cert_fields *leaf, const struct cert_expect *expect,
                struct cert_verdict *v)
{
    memset(v, 0, sizeof *v);
    for (size_t i = 0; i < CERT_RULES; i++) {
        v->rule[i].rule = rules[i].name;
        v->rule[i].hard = rules[i].hard;
        rules[i].run(leaf, expect, &v->rule[i]);
    }
}

const struct cert_finding *cert_verdict_refusal(const struct cert_verdict *v)
{
    for (size_t i = 0; i < CERT_RULES; i++)
        if (v->rule[i].hard &&
            (v->rule[i].result == CERT_FAIL || v->rule[i].result == CERT_UNKNOWN))
            return &v->rule[i];
    return NULL;
}

bool cert_verdict_ok(const struct cert_verdict *v)
{
    return cert_verdict_refusal(v) == NULL;
}

json_t *cert_verdict_to_json(const struct cert_verdict *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < CERT_RULES; i++) {
        json_t *o = json_object();
        base_json_set(o, "rule", v->rule[i].rule);
        base_json_set(o, "result", cert_result_name(v->rule[i].result));
        base_json_setb(o, "hard", v->rule[i].hard);
        base_json_set(o, "detail", v->rule[i].detail);
        json_array_append_new(list, o);
    }
    return list;
}
