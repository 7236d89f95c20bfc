/* tests/unit/cert_judge.h - a CA, a good certificate, and one case of it judged by the rules P1 to P16. */
#ifndef CERT_JUDGE_H
#define CERT_JUDGE_H
#include "cert_fixture.h"

#include <stdio.h>

#include "cert/bundle.h"
#include "cert/check.h"

static struct base_arena *a;
static struct {
    X509 *root, *mid;
    EVP_PKEY *root_key, *mid_key;
} ca, weak; /* P-384 above P-256; RSA-2048 all the way */

static inline int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    ca.root_key = fx_key("P-384");
    ca.mid_key = fx_key("ca P-256");
    ca.root = fx_ca("Root", ca.root_key, NULL, NULL);
    ca.mid = fx_ca("Issuing CA", ca.mid_key, ca.root, ca.root_key);
    weak.root_key = weak.mid_key = fx_key("rsa2048");
    weak.root = fx_ca("Old root", weak.root_key, NULL, NULL);
    weak.mid = weak.root;
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    X509_free(ca.root);
    X509_free(ca.mid);
    X509_free(weak.root);
    base_arena_free(a);
    return 0;
}

static const char *const alice[] = {"alice@example.test"};

/* One case: what is changed in the certificate or the expectation, and what must come of it. */
struct fx_case {
    const char *name;
    int rule; /* 1..16 */
    enum cert_result result;
    bool ok;         /* the whole verdict */
    unsigned others; /* bits of further rules that may differ from a pass */
    struct fx_spec spec;
    struct cert_expect expect;
    bool no_chain, other_key, weak_ca;
    struct cert_fields patch; /* members that no issued certificate can have here */
    bool patch_key, patch_sig;
};
#define BIT(rule) (1U << ((rule)-1))

static inline struct fx_spec good(void)
{
    return fx_leaf(ca.mid, ca.mid_key, fx_key("rsa3072"));
}

static inline struct cert_expect wanted(void)
{
    return (struct cert_expect){.mailboxes = alice,
                                .n_mailboxes = 1,
                                .now = FX_NOW,
                                .revocation = CERT_REVOCATION_GOOD,
                                .validity_days = 365};
}

static inline struct cert_verdict judge(struct fx_case *t)
{
    struct cert_fields c;
    struct cert_chain chain;
    struct cert_verdict v;
    struct base_bytes der = fx_make(a, &t->spec);
    struct base_bytes pool[] = {fx_der(a, ca.mid)};
    struct base_bytes roots[] = {fx_der(a, ca.root), fx_der(a, weak.root)};
    char *pem = cert_bundle_pem(a, roots, 2);
    assert_int_equal(cert_fields_parse(a, der.p, der.n, &c, NULL), BASE_OK);
    assert_int_equal(cert_chain_build(a, der, pool, 1, pem, strlen(pem),
                                      t->expect.now ? t->expect.now : FX_NOW, &chain, NULL),
                     BASE_OK);
    if (!t->no_chain)
        t->expect.chain = &chain;
    if (!t->expect.spki_sha256)
        t->expect.spki_sha256 = base_arena_strdup(a, c.spki_sha256);
    if (t->other_key)
        t->expect.spki_sha256 = "0000000000000000000000000000000000000000000000000000000000000000";
    if (t->patch_key)
        c.key = t->patch.key;
    if (t->patch_sig) {
        c.sig_alg = t->patch.sig_alg;
        c.sig_key = t->patch.sig_key;
        c.sig_hash = t->patch.sig_hash;
    }
    cert_check(&c, &t->expect, &v);
    return v;
}

static inline void run(struct fx_case t)
{
    struct cert_verdict v = judge(&t);
    for (int i = 1; i <= CERT_RULES; i++) {
        const struct cert_finding *r = &v.rule[i - 1];
        char name[8];
        snprintf(name, sizeof name, "P%d", i);
        assert_string_equal(r->rule, name);
        assert_true(r->detail[0] != '\0');
        if (i == t.rule && r->result != t.result)
            fail_msg("%s: P%d is %s (%s)", t.name, i, cert_result_name(r->result), r->detail);
        if (i != t.rule && !(t.others & BIT(i)) && r->result != CERT_PASS)
            fail_msg("%s: P%d is %s (%s)", t.name, i, cert_result_name(r->result), r->detail);
    }
    if (cert_verdict_ok(&v) != t.ok)
        fail_msg("%s: the verdict is %d", t.name, !t.ok);
    assert_int_equal(cert_verdict_refusal(&v) == NULL, t.ok);
}

/* RUN("name", rule, result, ok, changes...) */
#define RUN(what, p, res, fine, ...)                                                               \
    do {                                                                                           \
        struct fx_case t = {.name = what, .rule = p, .result = res, .ok = fine};                   \
        t.spec = good();                                                                           \
        t.expect = wanted();                                                                       \
        __VA_ARGS__;                                                                               \
        run(t);                                                                                    \
    } while (0)

#endif
