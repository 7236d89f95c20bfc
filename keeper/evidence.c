/* keeper/evidence.c - the evidence key: made once, sealed, used for nothing else. */
#include "evidence.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "keys.h"
#include "memory.h"

#define FILE_NAME "evidence.json"
#define FILE_MAX 65536
#define LOCK "evidence" /* no key has this id */
#define YEARS 30

struct evidence {
    EVP_PKEY *key;
    X509 *cert;
    const char *pem;
    int64_t created;
    bool present; /* sealed with the present KEK */
};

static enum base_fail_class internal(struct base_fail *f, const char *what)
{
    ERR_clear_error();
    return base_failf(f, BASE_OURS, "keeper.internal", "%s", what);
}

static void evidence_free(struct evidence *e)
{
    EVP_PKEY_free(e->key);
    X509_free(e->cert);
}

/* The certificate is tied to the sealed key: another one beside it opens nothing. */
static const char *aad(struct base_arena *a, const char *pem)
{
    return base_arena_printf(a, "certmilter evidence 1\n%s", pem);
}

static const char *pem_of(struct base_arena *a, X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    const char *pem = NULL;
    if (b && PEM_write_bio_X509(b, x) == 1) {
        long n = BIO_get_mem_data(b, &p);
        pem = base_arena_strndup(a, p, (size_t)n);
    }
    BIO_free(b);
    return pem;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key)
{
    unsigned char serial[16];
    base_random(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40;
    BIGNUM *n = BN_bin2bn(serial, sizeof(serial), NULL);
    X509_NAME *name = X509_get_subject_name(x);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) && X509_set_version(x, 2) == 1 &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                         (const unsigned char *)"certmilter evidence", -1, -1,
                                         0) == 1 &&
              X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
              X509_time_adj_ex(X509_getm_notAfter(x), 365 * YEARS, 0, NULL) &&
              add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(x, NID_key_usage, "critical,digitalSignature,nonRepudiation") &&
              add_extension(x, NID_subject_key_identifier, "hash") &&
              X509_sign(x, key, EVP_sha256()) > 0;
    BN_free(n);
    return ok;
}

static enum base_fail_class save(struct keeper_store *s, struct keeper_vault *v,
                                 struct base_arena *a, const struct evidence *e,
                                 struct base_fail *f)
{
    unsigned char *pkcs8 = NULL;
    size_t n = 0;
    struct base_buf sealed;
    /* asked for before sealing: if a rewrap begins between, the file counts as the old KEK's and
     * is sealed once more, never the other way round */
    const char *kek_id = keeper_vault_kek_id(v);
    enum base_fail_class r = keeper_keys_write(e->key, &pkcs8, &n, f);
    base_buf_init(&sealed, 0);
    if (!r)
        r = keeper_vault_seal(v, aad(a, e->pem), pkcs8, n, &sealed, f);
    keeper_secret_free(pkcs8, KEEPER_PKCS8_MAX);
    if (!r) {
        json_t *j = json_object();
        base_json_setn(j, "v", 1);
        base_json_setn(j, "created", e->created);
        base_json_set(j, "kek_id", kek_id);
        base_json_set(j, "certificate", e->pem);
        base_json_set(j, "sealed", base_base64(a, sealed.p, sealed.n));
        char *text = base_json_text(j);
        r = base_file_write(keeper_store_dirfd(s), FILE_NAME, text, strlen(text), 0600, f);
        free(text);
        json_decref(j);
    }
    base_buf_free(&sealed);
    return r;
}

static enum base_fail_class make(struct keeper_store *s, struct keeper_vault *v,
                                 struct base_arena *a, struct evidence *e, struct base_fail *f)
{
    enum base_fail_class r = keeper_keys_make("p256", &e->key, f);
    if (r)
        return r;
    e->created = base_now();
    e->cert = X509_new();
    if (!e->cert || !fill_certificate(e->cert, e->key) || !(e->pem = pem_of(a, e->cert)))
        return internal(f, "the evidence certificate can't be made");
    r = save(s, v, a, e, f);
    if (!r)
        base_log(LOG_NOTICE, "keeper.evidence-key", "made", "p256", NULL);
    return r;
}

static enum base_fail_class damaged(struct base_fail *f, const char *why)
{
    ERR_clear_error();
    return base_failf(f, BASE_PERMANENT, "keeper.damaged", "%s: %s; restore it from the backup",
                      FILE_NAME, why);
}

static enum base_fail_class open_key(struct keeper_vault *v, struct base_arena *a, const json_t *j,
                                     struct evidence *e, struct base_fail *f)
{
    const char *sealed = base_json_strd(j, "sealed", "");
    size_t n = 0;
    unsigned char *in = base_unbase64(a, sealed, strlen(sealed), &n);
    if (!in || n <= KEEPER_SEAL_EXTRA || n > KEEPER_PKCS8_MAX + KEEPER_SEAL_EXTRA)
        return damaged(f, "its sealed part has a wrong size");
    unsigned char *pkcs8 = keeper_secret_new(KEEPER_PKCS8_MAX);
    if (!pkcs8)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    enum base_fail_class r = BASE_OK;
    if (keeper_vault_open_sealed(v, aad(a, e->pem), (struct base_bytes){in, n}, pkcs8, NULL))
        r = damaged(f, "it was changed, or belongs to another key-encryption key");
    if (!r)
        r = keeper_keys_read(pkcs8, n - KEEPER_SEAL_EXTRA, &e->key, f);
    keeper_secret_free(pkcs8, KEEPER_PKCS8_MAX);
    if (!r && X509_check_private_key(e->cert, e->key) != 1)
        r = damaged(f, "the certificate is another key's");
    return r;
}

static enum base_fail_class read_file(struct keeper_vault *v, struct base_arena *a,
                                      const struct base_buf *text, struct evidence *e,
                                      struct base_fail *f)
{
    struct base_fail why = {0};
    json_t *j = base_json_parse((const char *)text->p, text->n, FILE_MAX, &why);
    enum base_fail_class r = BASE_OK;
    e->pem = base_arena_strdup(a, base_json_str(j, "certificate"));
    BIO *b = e->pem ? BIO_new_mem_buf(e->pem, -1) : NULL;
    e->cert = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
    BIO_free(b);
    if (!j || !e->cert)
        r = damaged(f, "it can't be read");
    e->created = base_json_int(j, "created", 0);
    e->present = strcmp(base_json_strd(j, "kek_id", ""), keeper_vault_kek_id(v)) == 0;
    if (!r)
        r = open_key(v, a, j, e, f);
    json_decref(j);
    return r;
}

/* To be called with the lock. Code "file.absent": there is none yet. */
static enum base_fail_class read_locked(struct keeper_store *s, struct keeper_vault *v,
                                        struct base_arena *a, struct evidence *e,
                                        struct base_fail *f)
{
    struct base_buf text;
    memset(e, 0, sizeof(*e));
    enum base_fail_class r = base_file_read(keeper_store_dirfd(s), FILE_NAME, FILE_MAX, &text, f);
    if (!r)
        r = read_file(v, a, &text, e, f);
    base_buf_free(&text);
    return r;
}

/* The key and its certificate, made if this is the first use. */
static enum base_fail_class load(struct keeper_store *s, struct keeper_vault *v,
                                 struct base_arena *a, struct evidence *e, struct base_fail *f)
{
    struct base_fail why = {0};
    keeper_store_lock(s, LOCK);
    enum base_fail_class r = read_locked(s, v, a, e, &why);
    if (r && strcmp(why.code, "file.absent") == 0)
        r = make(s, v, a, e, f);
    else if (r)
        r = base_failf(f, r, why.code, "%s", why.text);
    keeper_store_unlock(s, LOCK);
    if (r)
        evidence_free(e);
    return r;
}

enum base_fail_class keeper_evidence_rewrap(struct keeper_store *s, struct keeper_vault *v,
                                            struct base_fail *f)
{
    struct evidence e;
    struct base_fail why = {0};
    struct base_arena *a = base_arena_new();
    keeper_store_lock(s, LOCK);
    enum base_fail_class r = read_locked(s, v, a, &e, &why);
    if (!r && !e.present && !(r = save(s, v, a, &e, &why)))
        base_log(LOG_NOTICE, "keeper.evidence-key", "rewrapped", keeper_vault_kek_id(v), NULL);
    keeper_store_unlock(s, LOCK);
    evidence_free(&e);
    base_arena_free(a);
    if (!r || strcmp(why.code, "file.absent") == 0)
        return BASE_OK;
    return base_failf(f, r, why.code, "%s", why.text);
}

enum base_fail_class keeper_evidence_certificate(struct keeper_store *s, struct keeper_vault *v,
                                                 struct base_arena *a, const char **pem,
                                                 struct base_fail *f)
{
    struct evidence e;
    enum base_fail_class r = load(s, v, a, &e, f);
    if (r)
        return r;
    *pem = e.pem;
    evidence_free(&e);
    return BASE_OK;
}

/* The content isn't here: its digest goes into the signed attributes, which are what is signed
 * (RFC 5652, 5.4). */
static CMS_ContentInfo *signed_digest(const struct evidence *e,
                                      const unsigned char digest[BASE_SHA256_LEN])
{
    const unsigned flags = CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP;
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    CMS_SignerInfo *si =
        cms ? CMS_add1_signer(cms, e->cert, e->key, EVP_sha256(), flags) : NULL;
    if (si &&
        CMS_signed_add1_attr_by_NID(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest,
                                    BASE_SHA256_LEN) == 1 &&
        CMS_signed_add1_attr_by_NID(si, NID_pkcs9_contentType, V_ASN1_OBJECT,
                                    OBJ_nid2obj(NID_pkcs7_data), -1) == 1 &&
        CMS_SignerInfo_sign(si) == 1)
        return cms;
    CMS_ContentInfo_free(cms);
    return NULL;
}

enum base_fail_class keeper_evidence_sign(struct keeper_store *s, struct keeper_vault *v,
                                          struct base_arena *a,
                                          const unsigned char digest[BASE_SHA256_LEN],
                                          struct base_bytes *der, struct base_fail *f)
{
    struct evidence e;
    unsigned char *out = NULL;
    int n = -1;
    enum base_fail_class r = load(s, v, a, &e, f);
    if (r)
        return r;
    CMS_ContentInfo *cms = signed_digest(&e, digest);
    if (cms)
        n = i2d_CMS_ContentInfo(cms, &out);
    CMS_ContentInfo_free(cms);
    evidence_free(&e);
    if (n <= 0)
        return internal(f, "the evidence can't be signed");
    unsigned char *copy = base_arena_alloc(a, (size_t)n);
    memcpy(copy, out, (size_t)n);
    OPENSSL_free(out);
    *der = (struct base_bytes){copy, (size_t)n};
    return BASE_OK;
}
