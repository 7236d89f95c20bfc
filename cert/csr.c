/* Reading certificate signing requests (RFC 2986). Owns OpenSSL's X509_REQ for
 * one call; results are copied into the arena. The key's kind and size are
 * checked before its signature, so no odd key is ever computed with. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "csr.h"
#include "inner.h"

static enum base_fail_class no_csr(struct base_fail *f, const char *why)
{
    cert_errors_clear();
    return base_failf(f, BASE_PERMANENT, "csr.syntax", "no certificate request: %s", why);
}

/* The base64 between the markers of LABEL; false if LABEL's BEGIN isn't there. */
static bool pem_body(const char *p, size_t n, const char *label, struct base_bytes *body)
{
    char mark[64];
    int len = snprintf(mark, sizeof mark, "-----BEGIN %s-----", label);
    const char *at = memmem(p, n, mark, (size_t)len);
    if (!at)
        return false;
    at += len;
    len = snprintf(mark, sizeof mark, "-----END %s-----", label);
    const char *end = memmem(at, n - (size_t)(at - p), mark, (size_t)len);
    *body = (struct base_bytes){(const unsigned char *)at, end ? (size_t)(end - at) : 0};
    return true;
}

/* A second request would be dropped unseen, and a private key has no business here. */
static bool holds_more(const void *p, size_t n)
{
    static const char mark[] = "-----BEGIN ";
    const char *at = memmem(p, n, mark, sizeof mark - 1);
    return at && memmem(at + 1, n - (size_t)(at + 1 - (const char *)p), mark, sizeof mark - 1);
}

static enum base_fail_class to_der(struct base_arena *a, const void *p, size_t n,
                                   struct base_bytes *der, struct base_fail *f)
{
    struct base_bytes body;
    if (n == 0)
        return no_csr(f, "it is empty");
    if (holds_more(p, n))
        return no_csr(f, "it holds more than one PEM block: give the request alone");
    if (pem_body(p, n, "NEW CERTIFICATE REQUEST", &body) ||
        pem_body(p, n, "CERTIFICATE REQUEST", &body)) {
        der->p = base_unbase64(a, (const char *)body.p, body.n, &der->n);
        return der->p && der->n > 0 ? BASE_OK : no_csr(f, "the PEM block is damaged");
    }
    unsigned char *copy = base_arena_alloc(a, n);
    memcpy(copy, p, n);
    *der = (struct base_bytes){copy, n};
    return BASE_OK;
}

static const char *key_name(const struct cert_key *k)
{
    if (k->type == CERT_KEY_RSA && k->rsa_exponent_ok)
        return k->bits == 2048   ? "rsa2048"
               : k->bits == 3072 ? "rsa3072"
               : k->bits == 4096 ? "rsa4096"
                                 : NULL;
    if (k->type == CERT_KEY_EC && k->curve)
        return strcmp(k->curve, "P-256") == 0   ? "p256"
               : strcmp(k->curve, "P-384") == 0 ? "p384"
                                                : NULL;
    return NULL;
}

static enum base_fail_class read_key(struct base_arena *a, const X509_REQ *req,
                                     struct cert_csr *out, struct base_fail *f)
{
    const X509_PUBKEY *pub = X509_REQ_get_X509_PUBKEY((X509_REQ *)req);
    if (cert_key_describe(a, pub, &out->key, NULL) || !cert_spki_hex(pub, out->spki_sha256))
        return base_failf(f, BASE_PERMANENT, "csr.key", "the public key can't be read");
    out->key_name = key_name(&out->key);
    if (!out->key_name)
        return base_failf(
            f, BASE_PERMANENT, "csr.key",
            "a key of kind %s, %d bits%s%s: expected RSA 2048, 3072 or 4096, P-256 or "
            "P-384",
            cert_key_type_name(out->key.type), out->key.bits, out->key.curve ? ", curve " : "",
            out->key.curve ? out->key.curve : "");
    return BASE_OK;
}

static enum base_fail_class read_san(struct base_arena *a, const GENERAL_NAMES *names,
                                     struct cert_csr *out, struct base_fail *f)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        struct cert_mailbox m;
        if (i >= CERT_SANS_MAX)
            return no_csr(f, "it asks for too many names");
        if (cert_san_mailbox(a, sk_GENERAL_NAME_value(names, i), &m, NULL))
            return no_csr(f, "a mailbox in it holds bytes that don't belong there");
        if (m.address)
            cert_strings_add(a, &out->emails, m.address, CERT_LIST_MAX);
    }
    return BASE_OK;
}

static enum base_fail_class read_names(struct base_arena *a, X509_REQ *req, struct cert_csr *out,
                                       struct base_fail *f)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(req);
    if (X509_NAME_entry_count(subject) > CERT_LIST_MAX)
        return no_csr(f, "its subject has too many parts");
    out->subject = cert_name_text(a, subject);
    if (cert_name_emails(a, subject, &out->emails, NULL))
        return no_csr(f, "a mailbox in its subject holds bytes that don't belong there");
    STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
    enum base_fail_class c = BASE_OK;
    int crit = -1;
    GENERAL_NAMES *names = X509V3_get_d2i(exts, NID_subject_alt_name, &crit, NULL);
    if (names)
        c = read_san(a, names, out, f);
    else if (crit != -1)
        c = no_csr(f, "its subjectAltName is malformed");
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    cert_errors_clear();
    return c;
}

static enum base_fail_class read_all(struct base_arena *a, X509_REQ *req, struct cert_csr *out,
                                     struct base_fail *f)
{
    enum base_fail_class c;
    if ((c = read_key(a, req, out, f)) || (c = read_names(a, req, out, f)))
        return c;
    int good = X509_REQ_verify(req, X509_REQ_get0_pubkey(req));
    cert_errors_clear();
    if (good != 1)
        return base_failf(f, BASE_PERMANENT, "csr.signature",
                          "the request isn't signed by its own key");
    return BASE_OK;
}

enum base_fail_class cert_csr_parse(struct base_arena *a, const void *p, size_t n,
                                    struct cert_csr *out, struct base_fail *f)
{
    memset(out, 0, sizeof *out);
    if (n > CERT_CSR_MAX)
        return base_failf(f, BASE_PERMANENT, "csr.size", "a request of %zu bytes, at most %d", n,
                          CERT_CSR_MAX);
    enum base_fail_class c = to_der(a, p, n, &out->der, f);
    if (c)
        return c;
    const unsigned char *at = out->der.p;
    X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)out->der.n);
    if (!req)
        return no_csr(f, "it can't be decoded");
    c = at == out->der.p + out->der.n ? read_all(a, req, out, f) : no_csr(f, "bytes follow it");
    X509_REQ_free(req);
    cert_errors_clear();
    return c;
}

char *cert_csr_pem(struct base_arena *a, struct base_bytes der, bool new_tag)
{
    struct base_buf b;
    const char *tag = new_tag ? "NEW CERTIFICATE REQUEST" : "CERTIFICATE REQUEST";
    const char *text = base_base64(a, der.p, der.n);
    base_buf_init(&b, 0);
    base_buf_addf(&b, "-----BEGIN %s-----\n", tag);
    for (size_t at = 0, len = strlen(text); at < len; at += 64)
        base_buf_addf(&b, "%.64s\n", text + at);
    base_buf_addf(&b, "-----END %s-----\n", tag);
    char *pem = base_arena_strndup(a, base_buf_str(&b), b.n);
    base_buf_free(&b);
    return pem;
}
