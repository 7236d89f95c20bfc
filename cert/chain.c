/* Chains: OpenSSL's path validation with everything that it could fetch, guess
 * or be lenient about switched off. Owns its store for one call. A leaf that
 * leads nowhere is a result with a reason; unreadable input is a failure. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "chain.h"
#include "inner.h"

#define SECURITY_LEVEL 2 /* 112 bit: RSA 2048, SHA-256 */
#define DEPTH_MAX 6      /* intermediates */
#define ROOTS_COUNT_MAX 1000

/* Every root of the bundle into STORE; the count, or -1 if a block is broken. */
static int add_roots(X509_STORE *store, const void *pem, size_t n)
{
    int count = 0;
    X509 *x;
    BIO *b = BIO_new_mem_buf(pem, (int)n);
    while (b && count < ROOTS_COUNT_MAX && (x = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
        int added = X509_STORE_add_cert(store, x);
        X509_free(x);
        if (added != 1)
            break;
        count++;
    }
    unsigned long e = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    BIO_free(b);
    cert_errors_clear();
    return at_end ? count : -1;
}

static STACK_OF(X509) * pool_stack(const struct base_bytes *pool, size_t n)
{
    STACK_OF(X509) *s = sk_X509_new_null();
    for (size_t i = 0; s && i < n && i < CERT_CHAIN_POOL_MAX; i++) {
        X509 *x = NULL;
        if (cert_x509_read(pool[i].p, pool[i].n, &x, NULL) == BASE_OK && !sk_X509_push(s, x))
            X509_free(x);
    }
    return s;
}

/* OpenSSL's S/MIME purposes want a signing or an RSA encryption key; a leaf that
 * is for key agreement only fits neither. Its own usages are checked as P5 and
 * P6; what matters here is that every CA above may issue for S/MIME. */
static int leaf_purpose(X509 *leaf)
{
    uint32_t ku = X509_get_key_usage(leaf); /* all ones when absent */
    if (ku & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION))
        return X509_PURPOSE_SMIME_SIGN;
    return ku & KU_KEY_ENCIPHERMENT ? X509_PURPOSE_SMIME_ENCRYPT : X509_PURPOSE_ANY;
}

static bool cas_may_issue(STACK_OF(X509) * chain)
{
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_purpose(sk_X509_value(chain, i), X509_PURPOSE_SMIME_SIGN, 1) <= 0)
            return false;
    return true;
}

static void set_rules(X509_STORE_CTX *ctx, X509 *leaf, int64_t at)
{
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_clear_flags(p, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK);
    X509_VERIFY_PARAM_set_purpose(p, leaf_purpose(leaf));
    X509_VERIFY_PARAM_set_trust(p, X509_TRUST_EMAIL);
    X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(p, DEPTH_MAX);
    X509_VERIFY_PARAM_set_time(p, (time_t)at);
}

static void take_chain(struct base_arena *a, STACK_OF(X509) * chain, struct cert_chain *out)
{
    int n = sk_X509_num(chain);
    out->der = base_arena_array(a, (size_t)n, sizeof *out->der);
    for (int i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        if (len > 0) {
            unsigned char *copy = base_arena_alloc(a, (size_t)len);
            memcpy(copy, der, (size_t)len);
            out->der[out->n++] = (struct base_bytes){copy, (size_t)len};
        }
        OPENSSL_free(der);
    }
    X509 *issuer = sk_X509_value(chain, n > 1 ? 1 : 0);
    cert_key_describe(a, X509_get_X509_PUBKEY(issuer), &out->issuer, NULL);
}

static void run(struct base_arena *a, X509_STORE_CTX *ctx, struct cert_chain *out)
{
    int good = X509_verify_cert(ctx);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    if (good != 1) {
        int depth = X509_STORE_CTX_get_error_depth(ctx);
        out->reason =
            base_arena_printf(a, "%s (certificate %d counted from the leaf)",
                              X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)), depth);
    } else if (!cas_may_issue(chain)) {
        out->reason = "a CA of the chain may not issue for S/MIME";
    } else {
        out->ok = true;
        out->reason = "ok";
        take_chain(a, chain, out);
    }
    cert_errors_clear();
}

enum base_fail_class cert_chain_build(struct base_arena *a, struct base_bytes leaf,
                                      const struct base_bytes *pool, size_t n_pool,
                                      const void *roots_pem, size_t roots_len, int64_t at,
                                      struct cert_chain *out, struct base_fail *f)
{
    X509 *x = NULL;
    memset(out, 0, sizeof *out);
    out->reason = "not checked";
    if (roots_len > CERT_CHAIN_ROOTS_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.roots", "a bundle of %zu bytes, at most %d",
                          roots_len, CERT_CHAIN_ROOTS_MAX);
    enum base_fail_class c = cert_x509_read(leaf.p, leaf.n, &x, f);
    if (c)
        return c;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = pool_stack(pool, n_pool);
    if (!store || !ctx || !untrusted)
        c = base_failf(f, BASE_OURS, "cert.chain", "no memory for a chain");
    else if (add_roots(store, roots_pem, roots_len) <= 0)
        c = base_failf(f, BASE_PERMANENT, "cert.roots",
                       "the bundle of root certificates is empty or damaged");
    else if (X509_STORE_CTX_init(ctx, store, x, untrusted) != 1)
        c = base_failf(f, BASE_OURS, "cert.chain", "the chain can't be started");
    else {
        set_rules(ctx, x, at);
        run(a, ctx, out);
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(untrusted, X509_free);
    X509_free(x);
    cert_errors_clear();
    return c;
}
