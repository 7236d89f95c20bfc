/* From files and texts to single certificates (PEM: RFC 7468, PKCS#7: RFC 2315).
 *
 * One pass over the input: from a BEGIN marker the next row of dashes must be
 * its END, so hostile markers can't make it slow. Decoded bytes live in the
 * arena; OpenSSL's PKCS7 only for the length of one call, and nothing in it is
 * verified. Fails with permanent codes. */
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <string.h>

#include "bundle.h"
#include "fields.h"

static const char dashes[] = "-----";
#define DASHES (sizeof dashes - 1)

static enum base_fail_class add(struct cert_bundle *out, struct base_bytes der, struct base_fail *f)
{
    if (der.n > CERT_DER_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size",
                          "a certificate of %zu bytes, at most %d are read", der.n, CERT_DER_MAX);
    for (size_t i = 0; i < out->n; i++)
        if (out->der[i].n == der.n && memcmp(out->der[i].p, der.p, der.n) == 0)
            return BASE_OK;
    if (out->n == CERT_BUNDLE_CERTS)
        return base_failf(f, BASE_PERMANENT, "cert.caps", "more than %d certificates",
                          CERT_BUNDLE_CERTS);
    out->der[out->n++] = der;
    return BASE_OK;
}

static enum base_fail_class add_x509(struct base_arena *a, struct cert_bundle *out, X509 *x,
                                     struct base_fail *f)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n <= 0)
        return base_failf(f, BASE_PERMANENT, "cert.pkcs7", "a certificate in it can't be written");
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    return add(out, (struct base_bytes){copy, (size_t)n}, f);
}

static enum base_fail_class add_pkcs7(struct base_arena *a, struct cert_bundle *out,
                                      struct base_bytes in, struct base_fail *f)
{
    const unsigned char *p = in.p;
    enum base_fail_class c = BASE_OK;
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)in.n);
    ERR_clear_error();
    if (!p7 || p != in.p + in.n || !PKCS7_type_is_signed(p7) || !p7->d.sign) {
        PKCS7_free(p7);
        return base_failf(f, BASE_PERMANENT, "cert.pkcs7", "no PKCS#7 SignedData");
    }
    STACK_OF(X509) *certs = p7->d.sign->cert;
    for (int i = 0; i < sk_X509_num(certs) && !c; i++)
        c = add_x509(a, out, sk_X509_value(certs, i), f);
    PKCS7_free(p7);
    ERR_clear_error();
    return c;
}

/* Offset of the contents of the SEQUENCE that must be all of IN; 0 if it isn't
 * one. The indefinite length of BER is let through for PKCS#7. */
static size_t sequence(struct base_bytes in)
{
    if (in.n < 4 || in.p[0] != 0x30)
        return 0;
    if (in.p[1] < 0x80)
        return in.n == 2U + in.p[1] ? 2 : 0;
    size_t bytes = in.p[1] & 0x7f, len = 0;
    if (bytes > 3 || in.n < 2 + bytes)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        len = len << 8 | in.p[2 + i];
    return bytes == 0 || in.n == 2 + bytes + len ? 2 + bytes : 0;
}

/* A certificate begins with a SEQUENCE, a PKCS#7 ContentInfo with an OID. */
static enum base_fail_class add_der(struct base_arena *a, struct cert_bundle *out,
                                    struct base_bytes in, struct base_fail *f)
{
    size_t at = sequence(in);
    if (at > 0 && at < in.n && in.p[at] == 0x06)
        return add_pkcs7(a, out, in, f);
    if (at > 0 && at < in.n && in.p[at] == 0x30)
        return add(out, in, f);
    return base_failf(f, BASE_PERMANENT, "cert.none", "neither a certificate nor PKCS#7");
}

static bool wanted_label(const char *p, size_t n)
{
    static const char *const labels[] = {"CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS",
                                         "PKCS #7 SIGNED DATA"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (strlen(labels[i]) == n && memcmp(labels[i], p, n) == 0)
            return true;
    return false;
}

struct block {
    const char *label; /* of the text between BEGIN and the dashes */
    size_t label_len;
    const char *body;
    size_t body_len;
    bool whole;       /* its END was found */
    const char *next; /* where to go on */
};

static const char *find(const char *p, const char *end, const char *what)
{
    return p < end ? memmem(p, (size_t)(end - p), what, strlen(what)) : NULL;
}

/* The next BEGIN marker at or after P; false if there is none. */
static bool next_block(const char *p, const char *end, struct block *b)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = find(p, end, begin);
    if (!at)
        return false;
    *b = (struct block){.label = at + sizeof begin - 1};
    b->next = b->label;
    const char *close = find(b->label, end, dashes);
    if (!close || close - b->label > 64)
        return true;
    b->label_len = (size_t)(close - b->label);
    b->body = close + DASHES;
    const char *tail = find(b->body, end, dashes);
    b->next = tail ? tail : end;
    if (!tail)
        return true;
    b->body_len = (size_t)(tail - b->body);
    const char *word = tail + DASHES;
    size_t need = 4 + b->label_len + DASHES;
    if ((size_t)(end - word) >= need && memcmp(word, "END ", 4) == 0 &&
        memcmp(word + 4, b->label, b->label_len) == 0 &&
        memcmp(word + 4 + b->label_len, dashes, DASHES) == 0) {
        b->whole = true;
        b->next = word + need;
    }
    return true;
}

static enum base_fail_class add_block(struct base_arena *a, struct cert_bundle *out,
                                      const struct block *b, struct base_fail *f)
{
    if (!b->whole)
        return base_failf(f, BASE_PERMANENT, "cert.pem", "a PEM block without its end");
    if (b->body_len > CERT_BUNDLE_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size", "a PEM block of %zu bytes", b->body_len);
    struct base_bytes der = {NULL, 0};
    der.p = base_unbase64(a, b->body, b->body_len, &der.n);
    if (!der.p)
        return base_failf(f, BASE_PERMANENT, "cert.pem", "a PEM block that isn't base64");
    return add_der(a, out, der, f);
}

/* All wanted blocks. In a text (STRICT false) what is broken is passed over, as
 * people quote and cut; only too many certificates ends the search. */
static enum base_fail_class add_blocks(struct base_arena *a, struct cert_bundle *out, const char *p,
                                       size_t n, bool strict, struct base_fail *f)
{
    const char *end = p + n;
    struct block b;
    while (next_block(p, end, &b)) {
        p = b.next;
        if (!wanted_label(b.label, b.label_len))
            continue;
        struct base_fail why = {0};
        enum base_fail_class c = add_block(a, out, &b, &why);
        if (c && (strict || strcmp(why.code, "cert.caps") == 0)) {
            if (f)
                *f = why;
            return c;
        }
    }
    return BASE_OK;
}

enum base_fail_class cert_bundle_split(struct base_arena *a, const void *p, size_t n,
                                       struct cert_bundle *out, struct base_fail *f)
{
    enum base_fail_class c;
    memset(out, 0, sizeof *out);
    if (n > CERT_BUNDLE_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size",
                          "a file of %zu bytes, at most %d are read", n, CERT_BUNDLE_MAX);
    if (n == 0)
        return base_failf(f, BASE_PERMANENT, "cert.none", "an empty file");
    if (memmem(p, n, "-----BEGIN ", 11)) {
        c = add_blocks(a, out, p, n, true, f);
    } else {
        unsigned char *copy = base_arena_alloc(a, n);
        memcpy(copy, p, n);
        c = add_der(a, out, (struct base_bytes){copy, n}, f);
    }
    if (!c && out->n == 0)
        return base_failf(f, BASE_PERMANENT, "cert.none", "no certificate in it");
    return c;
}

enum base_fail_class cert_bundle_from_text(struct base_arena *a, const void *p, size_t n,
                                           struct cert_bundle *out, struct base_fail *f)
{
    memset(out, 0, sizeof *out);
    if (n > CERT_BUNDLE_TEXT_MAX)
        return base_failf(f, BASE_PERMANENT, "cert.size",
                          "a text of %zu bytes, at most %d are read", n, CERT_BUNDLE_TEXT_MAX);
    return n > 0 ? add_blocks(a, out, p, n, false, f) : BASE_OK;
}

char *cert_bundle_pem(struct base_arena *a, const struct base_bytes *der, size_t n)
{
    struct base_buf b;
    base_buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        const char *text = base_base64(a, der[i].p, der[i].n);
        base_buf_adds(&b, "-----BEGIN CERTIFICATE-----\n");
        for (size_t at = 0, len = strlen(text); at < len; at += 64)
            base_buf_addf(&b, "%.64s\n", text + at);
        base_buf_adds(&b, "-----END CERTIFICATE-----\n");
    }
    char *pem = base_arena_strndup(a, base_buf_str(&b), b.n);
    base_buf_free(&b);
    return pem;
}
