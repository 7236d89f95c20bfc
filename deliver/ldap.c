/* deliver/ldap.c - certificates in a directory, where correspondents look for them.
 *
 * Finds the one entry of the mailbox and compares its values byte by byte: what is missing
 * is added, what is to go is deleted as exactly that value, both attributes in one
 * modification; nobody else's value is touched. Owns a connection for one call, no state.
 * A certificate that can't encrypt is not published: a correspondent's program might pick it.
 *
 * userCertificate needs the transfer option ";binary" (RFC 4523 section 2.1) and
 * userSMIMECertificate takes it in most directories (RFC 2798 section 2.8); a server that
 * refuses it for an attribute gets the plain name for that one. */
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
    bool plain;              /* its name goes without ";binary" */
};
struct run {
    LDAP *ld;
    const struct policy_publisher *t;
    const struct deliver_item *it;
    struct base_arena *a;
    const char *dn;
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

/* The values of one attribute as the server names it: "userCertificate;binary". */
static void look_at(struct run *r, LDAPMessage *entry, const char *name)
{
    for (int i = 0; i < ATTRIBUTES; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(name, names[i], n) != 0 || (name[n] && name[n] != ';'))
            continue;
        struct berval **v = ldap_get_values_len(r->ld, entry, name);
        for (int k = 0; v && v[k] && k < VALUES_MAX; k++)
            if (is_value(&r->at[i], v[k])) {
                r->at[i].there = true;
                r->at[i].plain = name[n] == '\0';
            }
        ldap_value_free_len(v);
    }
}

static void look(struct run *r, LDAPMessage *entry)
{
    BerElement *ber = NULL;
    for (char *name = ldap_first_attribute(r->ld, entry, &ber); name;
         name = ldap_next_attribute(r->ld, entry, ber)) {
        look_at(r, entry, name);
        ldap_memfree(name);
    }
    ber_free(ber, 0);
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
                     "userSMIMECertificate", NULL};
    struct timeval limit = {.tv_sec = (time_t)r->t->timeout};
    LDAPMessage *list = NULL;
    r->dn = NULL;
    r->at[CERTIFICATE].there = r->at[SMIME].there = false;
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
        look(r, ldap_first_entry(r->ld, list));
        if (!r->dn)
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

static int modify_once(struct run *r)
{
    struct berval v[ATTRIBUTES], *list[ATTRIBUTES][2];
    LDAPMod mods[ATTRIBUTES], *p[ATTRIBUTES + 1];
    int n = 0;
    for (int i = 0; i < ATTRIBUTES; i++) {
        if (!needs(r, i))
            continue;
        v[i] = (struct berval){.bv_len = r->at[i].value.n,
                               .bv_val = (char *)(uintptr_t)r->at[i].value.p};
        list[i][0] = &v[i];
        list[i][1] = NULL;
        mods[i] = (LDAPMod){.mod_op = LDAP_MOD_BVALUES |
                                      (r->it->withdraw ? LDAP_MOD_DELETE : LDAP_MOD_ADD),
                            .mod_type = (char *)(uintptr_t)name_of(r, i),
                            .mod_vals.modv_bvals = list[i]};
        p[n++] = &mods[i];
    }
    p[n] = NULL;
    return n ? ldap_modify_ext_s(r->ld, r->dn, p, NULL, NULL) : LDAP_SUCCESS;
}

/* What servers answer that don't take the transfer option for an attribute. */
static bool refuses_option(int rc)
{
    return rc == LDAP_UNDEFINED_TYPE || rc == LDAP_INVALID_SYNTAX || rc == LDAP_PROTOCOL_ERROR ||
           rc == LDAP_NO_SUCH_ATTRIBUTE;
}

/* With the option for both, then without it for the one, the other, both: the answer
 * doesn't say which attribute is meant. Values to delete are named as they were read. */
static int modify(struct run *r)
{
    static const bool plain[][ATTRIBUTES] = {
        {false, false}, {false, true}, {true, false}, {true, true}};
    int first = LDAP_SUCCESS;
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
        for (int i = 0; i < ATTRIBUTES; i++)
            if (!r->at[i].there)
                r->at[i].plain = plain[k][i];
        int rc = modify_once(r);
        if (k == 0)
            first = rc;
        if (!refuses_option(rc) || r->it->withdraw)
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
                    rc == LDAP_NO_SUCH_OBJECT;
        if (!race || round > 0)
            return deliver_ldap_failed(r->ld, r->t, rc, "the change", f);
    }
}

enum base_fail_class deliver_ldap(const struct deliver_world *w, const struct policy_publisher *t,
                                  const struct deliver_item *it, struct base_arena *a,
                                  struct deliver_done *out, struct base_fail *f)
{
    struct run r = {.t = t, .it = it, .a = a};
    *out = (struct deliver_done){.where = t->uri};
    if (!it->withdraw && it->cert.usage && strcmp(it->cert.usage, "sign") == 0) {
        out->note = "a certificate that only signs travels with the mails; a directory is for "
                    "those to which one can encrypt";
        return BASE_OK;
    }
    enum base_fail_class c = make_values(&r, f);
    if (!c)
        c = deliver_ldap_open(w, t, &r.ld, f);
    if (!c)
        c = change(&r, f);
    if (r.ld)
        ldap_unbind_ext_s(r.ld, NULL, NULL);
    if (c)
        return c;
    if (r.dn)
        out->where = base_printable(a, r.dn, strlen(r.dn), 300);
    return BASE_OK;
}
