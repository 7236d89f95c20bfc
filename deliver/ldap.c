/* deliver/ldap.c - certificates in a directory, where correspondents look for them.
 *
 * Finds the one entry of the mailbox and compares its values byte by byte: what is missing
 * is added, what is to go is deleted as exactly that value, both attributes in one
 * modification; nobody else's value is touched. Owns a connection for one call, no state.
 * A certificate that can't encrypt is not published: a correspondent's program might pick it.
 *
 * userCertificate needs the transfer option ";binary" (RFC 4523 section 2.1); for
 * userSMIMECertificate (RFC 2798 section 2.8) some servers need it and some refuse it: what
 * the entry shows is used, else the one that is taken. Where an attribute has no equality
 * rule (OpenLDAP's userSMIMECertificate) single values can't be named: all that was read
 * is written back with the change, on condition that the entry is still the one that was
 * read (assertion control, RFC 4528). */
#include <stdio.h>
#include <string.h>

#include "cert/bundle.h"
#include "cert/pkcs7.h"
#include "ldap_inner.h"

#define VALUES_MAX 200 /* of one attribute that we look through */

enum { CERTIFICATE, SMIME, ATTRIBUTES };
static const char *const names[ATTRIBUTES] = {"userCertificate", "userSMIMECertificate"};

struct attribute {
    bool wanted;             /* kept in this directory */
    struct base_bytes value; /* ours */
    bool there;
    struct berval others[VALUES_MAX + 1]; /* values that aren't ours; one place is kept for it */
    int nothers;
    bool named; /* the entry shows how it is called; */
    bool plain; /* ... without ";binary" */
    bool whole; /* all values are written, not one */
};
struct run {
    LDAP *ld;
    const struct policy_publisher *t;
    const struct deliver_item *it;
    struct base_arena *a;
    const char *dn, *csn;
    struct attribute at[ATTRIBUTES];
};

static const char *name_of(const struct run *r, int i)
{
    return r->at[i].plain ? names[i] : base_arena_printf(r->a, "%s;binary", names[i]);
}

static enum base_fail_class make_values(struct run *r, struct base_fail *f)
{
    const struct deliver_certificate *c = &r->it->cert;
    struct cert_bundle chain = {.n = 0};
    enum base_fail_class k = BASE_OK;
    r->at[CERTIFICATE] = (struct attribute){.wanted = r->t->user_certificate, .value = c->der};
    r->at[SMIME].wanted = r->t->user_smime;
    if (c->chain_pem)
        k = cert_bundle_split(r->a, c->chain_pem, strlen(c->chain_pem), &chain, f);
    if (!k && chain.n == 0)
        chain = (struct cert_bundle){.der = {c->der}, .n = 1};
    return k ? k : cert_pkcs7_certs_only(r->a, chain.der, chain.n, &r->at[SMIME].value, f);
}

/* ---- looking ------------------------------------------------------------------------ */

static bool is_value(const struct attribute *at, const struct berval *v)
{
    return v->bv_len == at->value.n && memcmp(v->bv_val, at->value.p, at->value.n) == 0;
}

static void keep_value(struct run *r, struct attribute *at, const struct berval *v)
{
    if (is_value(at, v)) {
        at->there = true;
        return;
    }
    char *copy = base_arena_alloc(r->a, v->bv_len + 1);
    memcpy(copy, v->bv_val, v->bv_len);
    at->others[at->nothers++] = (struct berval){.bv_len = v->bv_len, .bv_val = copy};
}

/* The values of one attribute as the server names it: "userCertificate;binary". False: more
 * than can be written back. */
static bool look_at(struct run *r, LDAPMessage *entry, const char *name)
{
    bool good = true;
    for (int i = 0; i < ATTRIBUTES; i++) {
        struct attribute *at = &r->at[i];
        size_t n = strlen(names[i]);
        if (strncasecmp(name, names[i], n) != 0 || (name[n] && strcasecmp(name + n, ";binary") != 0))
            continue;
        struct berval **v = ldap_get_values_len(r->ld, entry, name);
        good = ldap_count_values_len(v) + at->nothers <= VALUES_MAX;
        for (int k = 0; good && v && v[k]; k++)
            keep_value(r, at, v[k]);
        at->named = true;
        at->plain = name[n] == '\0';
        ldap_value_free_len(v);
    }
    if (strcasecmp(name, "entryCSN") == 0) {
        struct berval **v = ldap_get_values_len(r->ld, entry, name);
        if (v && v[0] && v[0]->bv_len < 100)
            r->csn = base_arena_strndup(r->a, v[0]->bv_val, v[0]->bv_len);
        ldap_value_free_len(v);
    }
    return good;
}

static bool look(struct run *r, LDAPMessage *entry)
{
    BerElement *ber = NULL;
    bool good = true;
    for (char *name = ldap_first_attribute(r->ld, entry, &ber); name;
         name = ldap_next_attribute(r->ld, entry, ber)) {
        good = look_at(r, entry, name) && good;
        ldap_memfree(name);
    }
    ber_free(ber, 0);
    return good;
}

static const char *dn_of(struct run *r, LDAPMessage *entry)
{
    char *dn = ldap_get_dn(r->ld, entry);
    char *out = dn ? base_printable(r->a, dn, strlen(dn), 200) : NULL;
    if (r->dn == NULL && dn)
        r->dn = base_arena_strdup(r->a, dn);
    ldap_memfree(dn);
    return out ? out : "?";
}

static enum base_fail_class several(struct run *r, LDAPMessage *list, struct base_fail *f)
{
    const char *text = "";
    for (LDAPMessage *e = ldap_first_entry(r->ld, list); e; e = ldap_next_entry(r->ld, e))
        text = base_arena_printf(r->a, "%s%s\"%s\"", text, text[0] ? ", " : "", dn_of(r, e));
    return base_failf(f, BASE_PERMANENT, "deliver.ambiguous",
                      "%s: several entries belong to %s: %s; make the filter narrower, then "
                      "\"certmilter publish retry\"",
                      r->t->id, r->it->mailbox, text);
}

static enum base_fail_class find(struct run *r, struct base_fail *f)
{
    char *attrs[] = {"userCertificate;binary", "userCertificate", "userSMIMECertificate;binary",
                     "userSMIMECertificate", "entryCSN", NULL};
    struct timeval limit = {.tv_sec = (time_t)r->t->timeout};
    LDAPMessage *list = NULL;
    r->dn = r->csn = NULL;
    for (int i = 0; i < ATTRIBUTES; i++) {
        r->at[i].there = r->at[i].named = false;
        r->at[i].nothers = 0;
    }
    const char *filter = deliver_ldap_filter(r->a, r->t->filter, r->it->mailbox);
    int rc = ldap_search_ext_s(r->ld, r->t->base, LDAP_SCOPE_SUBTREE, filter, attrs, 0, NULL, NULL,
                               &limit, DELIVER_LDAP_NAMED, &list);
    int n = list ? ldap_count_entries(r->ld, list) : 0;
    enum base_fail_class c = BASE_OK;
    if (rc == LDAP_SIZELIMIT_EXCEEDED || (rc == LDAP_SUCCESS && n > 1))
        c = several(r, list, f);
    else if (rc != LDAP_SUCCESS)
        c = deliver_ldap_failed(r->ld, r->t, rc, "the search", f);
    else if (n == 1) {
        (void)dn_of(r, ldap_first_entry(r->ld, list));
        if (!look(r, ldap_first_entry(r->ld, list)))
            c = base_failf(f, BASE_PERMANENT, "deliver.values",
                           "%s: the entry of %s has more than %d certificates: remove old ones",
                           r->t->id, r->it->mailbox, VALUES_MAX);
        else if (!r->dn)
            c = base_failf(f, BASE_OURS, "deliver.internal", "%s: an entry without a name", r->t->id);
    }
    ldap_msgfree(list);
    return c;
}

/* ---- changing ------------------------------------------------------------------------ */

/* The attributes whose value has to change; the plan is a function of what FIND saw. */
static bool needs(const struct run *r, int i)
{
    return r->at[i].there ? r->it->withdraw : r->at[i].wanted && !r->it->withdraw;
}

static void make_mod(struct run *r, int i, LDAPMod *mod, struct berval *own, struct berval **list)
{
    struct attribute *at = &r->at[i];
    int n = 0, op = at->whole          ? LDAP_MOD_REPLACE
                    : r->it->withdraw ? LDAP_MOD_DELETE
                                      : LDAP_MOD_ADD;
    *own = (struct berval){.bv_len = at->value.n, .bv_val = (char *)(uintptr_t)at->value.p};
    for (int k = 0; at->whole && k < at->nothers; k++)
        list[n++] = &at->others[k];
    if (!at->whole || !r->it->withdraw)
        list[n++] = own;
    list[n] = NULL;
    *mod = (LDAPMod){.mod_op = LDAP_MOD_BVALUES | op,
                     .mod_type = (char *)(uintptr_t)name_of(r, i),
                     .mod_vals.modv_bvals = list};
}

/* "Only if the entry is still the one that was read." *CONTROL is freed by the caller. */
static void condition(struct run *r, LDAPControl **control)
{
    const char *filter = r->csn ? base_arena_printf(r->a, "(entryCSN=%s)", r->csn) : NULL;
    *control = NULL;
    if (filter && (r->at[CERTIFICATE].whole || r->at[SMIME].whole) &&
        ldap_create_assertion_control(r->ld, (char *)(uintptr_t)filter, 1, control) != LDAP_SUCCESS)
        *control = NULL;
}

static int modify_once(struct run *r)
{
    struct berval own[ATTRIBUTES], *list[ATTRIBUTES][VALUES_MAX + 2];
    LDAPMod mods[ATTRIBUTES], *p[ATTRIBUTES + 1];
    LDAPControl *control = NULL;
    int n = 0;
    for (int i = 0; i < ATTRIBUTES; i++)
        if (needs(r, i)) {
            make_mod(r, i, &mods[i], &own[i], list[i]);
            p[n++] = &mods[i];
        }
    p[n] = NULL;
    if (n == 0)
        return LDAP_SUCCESS;
    condition(r, &control);
    LDAPControl *controls[] = {control, NULL};
    int rc = ldap_modify_ext_s(r->ld, r->dn, p, controls, NULL);
    if (rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION)
        rc = ldap_modify_ext_s(r->ld, r->dn, p, NULL, NULL);
    if (control)
        ldap_control_free(control);
    return rc;
}

/* Single values first; whole attributes where the server can't compare values. */
static int modify_values(struct run *r)
{
    int rc = modify_once(r);
    for (int i = ATTRIBUTES - 1; i >= 0 && rc == LDAP_INAPPROPRIATE_MATCHING; i--) {
        r->at[i].whole = true;
        rc = modify_once(r);
    }
    return rc;
}

/* What servers answer that don't take the transfer option for an attribute. */
static bool refuses_option(int rc)
{
    return rc == LDAP_UNDEFINED_TYPE || rc == LDAP_INVALID_SYNTAX || rc == LDAP_PROTOCOL_ERROR ||
           rc == LDAP_NO_SUCH_ATTRIBUTE;
}

/* Where the entry doesn't show it: with the option for both, then without it for the one,
 * the other, both, as the answer doesn't say which attribute is meant. */
static int modify(struct run *r)
{
    static const bool plain[][ATTRIBUTES] = {
        {false, false}, {false, true}, {true, false}, {true, true}};
    int first = LDAP_SUCCESS;
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
        for (int i = 0; i < ATTRIBUTES; i++)
            if (!r->at[i].named)
                r->at[i].plain = plain[k][i];
        int rc = modify_values(r);
        if (k == 0)
            first = rc;
        if (!refuses_option(rc) || (r->at[CERTIFICATE].named && r->at[SMIME].named))
            return rc;
    }
    return first;
}

static enum base_fail_class change(struct run *r, struct base_fail *f)
{
    for (int round = 0;; round++) {
        enum base_fail_class c = find(r, f);
        if (c)
            return c;
        if (!r->dn && r->it->withdraw)
            return BASE_OK; /* the person left: nothing is published any more */
        if (!r->dn)
            return base_failf(f, BASE_PERMANENT, "deliver.unknown",
                              "%s: the directory has no entry for %s below \"%s\"; when there is "
                              "one: \"certmilter publish retry\"",
                              r->t->id, r->it->mailbox, r->t->base);
        int rc = modify(r);
        if (rc == LDAP_SUCCESS)
            return BASE_OK;
        /* somebody changed the entry between look and change: look again, once */
        bool race = rc == LDAP_TYPE_OR_VALUE_EXISTS || rc == LDAP_NO_SUCH_ATTRIBUTE ||
                    rc == LDAP_NO_SUCH_OBJECT || rc == LDAP_ASSERTION_FAILED;
        if (!race || round > 0)
            return deliver_ldap_failed(r->ld, r->t, rc, "the change", f);
    }
}

enum base_fail_class deliver_ldap(const struct deliver_world *w, const struct policy_publisher *t,
                                  const struct deliver_item *it, struct base_arena *a,
                                  struct deliver_done *out, struct base_fail *f)
{
    struct run *r = base_arena_alloc(a, sizeof *r);
    *r = (struct run){.t = t, .it = it, .a = a};
    *out = (struct deliver_done){.where = t->uri};
    if (!it->withdraw && it->cert.usage && strcmp(it->cert.usage, "sign") == 0) {
        out->note = "a certificate that only signs travels with the mails; a directory is for "
                    "those to which one can encrypt";
        return BASE_OK;
    }
    enum base_fail_class c = make_values(r, f);
    if (!c)
        c = deliver_ldap_open(w, t, &r->ld, f);
    if (!c)
        c = change(r, f);
    if (r->ld)
        ldap_unbind_ext_s(r->ld, NULL, NULL);
    if (c)
        return c;
    if (r->dn)
        out->where = base_printable(a, r->dn, strlen(r->dn), 300);
    return BASE_OK;
}
