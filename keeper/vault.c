/* The key-encryption key: from the credential to the derived keys, and the
 * check file that tells a wrong one before any harm. Owns the derived keys in
 * secret memory; the credential's own bytes are wiped at once. */
#include "vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "memory.h"

#define KEK 32
#define CHECK_FILE "kek-check.json"
#define CHECK_AAD "certmilter kek check 1"
#define CHECK_TEXT "certmilter"
#define CHECK_FILE_MAX 4096

struct keeper_vault {
    unsigned char wrap[KEK]; /* seals */
    unsigned char ids[KEK];  /* makes key ids out of request ids */
    char kek_id[KEEPER_KEK_ID_LEN + 1];
};

static enum base_fail_class bad_kek(struct base_fail *f, const char *why)
{
    return base_failf(f, BASE_PERMANENT, "keeper.kek", "key-encryption key: %s", why);
}

static bool derive(const unsigned char *kek, const char *use, unsigned char out[KEK])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM p[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)kek, KEK),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)use, strlen(use)),
        OSSL_PARAM_construct_end()};
    bool ok = c && EVP_KDF_derive(c, out, KEK, p) == 1;
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok;
}

/* The credential's text as 32 bytes. */
static bool take_kek(const struct base_buf *text, unsigned char kek[KEK])
{
    if (text->n == KEK) {
        memcpy(kek, text->p, KEK);
        return true;
    }
    if (text->n == KEK - 1) { /* 32 bytes whose last is a newline lose it when read as a text */
        memcpy(kek, text->p, KEK - 1);
        kek[KEK - 1] = '\n';
        return true;
    }
    return text->n == 2 * KEK && base_unhex((const char *)text->p, kek, KEK);
}

static enum base_fail_class load(const char *credential, const char *dir, struct keeper_vault *v,
                                 struct base_fail *f)
{
    struct base_buf text;
    char hash[BASE_SHA256_HEX];
    enum base_fail_class c = base_credential(credential, dir, &text, f);
    if (c)
        return c;
    unsigned char *kek = keeper_secret_new(2 * KEK);
    if (!kek)
        c = base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    else if (!take_kek(&text, kek))
        c = bad_kek(f, "expected 32 bytes or 64 hex characters");
    else if (!derive(kek, "certmilter wrap 1", v->wrap) ||
             !derive(kek, "certmilter ids 1", v->ids) ||
             !derive(kek, "certmilter kek id 1", kek + KEK))
        c = base_failf(f, BASE_OURS, "keeper.internal", "HKDF is not available");
    else {
        base_sha256_hex(kek + KEK, KEK, hash);
        memcpy(v->kek_id, hash, KEEPER_KEK_ID_LEN);
    }
    keeper_secret_free(kek, 2 * KEK);
    base_buf_wipe(&text);
    return c;
}

/* Is there any key that an unknown KEK would be unable to open? */
static bool has_keys(int dirfd)
{
    int fd = openat(dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    bool found = false;
    const struct dirent *e;
    while (d && !found && (e = readdir(d)))
        found = e->d_name[0] != '.';
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return found;
}

static enum base_fail_class write_check(const struct keeper_vault *v, int dirfd,
                                        struct base_fail *f)
{
    struct base_buf sealed;
    enum base_fail_class c =
        keeper_vault_seal(v, CHECK_AAD, CHECK_TEXT, sizeof CHECK_TEXT, &sealed, f);
    if (c)
        return c;
    struct base_arena *a = base_arena_new();
    json_t *o = json_object();
    base_json_setn(o, "format", 1);
    base_json_set(o, "kek_id", v->kek_id);
    base_json_set(o, "check", base_base64(a, sealed.p, sealed.n));
    char *text = base_json_text(o);
    c = base_file_write(dirfd, CHECK_FILE, text, strlen(text), 0600, f);
    free(text);
    json_decref(o);
    base_arena_free(a);
    base_buf_free(&sealed);
    return c;
}

static enum base_fail_class compare_check(const struct keeper_vault *v, const json_t *o,
                                          struct base_fail *f)
{
    unsigned char plain[sizeof CHECK_TEXT];
    const char *text = base_json_strd(o, "check", "");
    struct base_bytes sealed = {NULL, 0};
    if (base_json_int(o, "format", 0) != 1)
        return bad_kek(f, CHECK_FILE " is damaged or of a newer version");
    if (strcmp(base_json_strd(o, "kek_id", ""), v->kek_id) != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.kek",
                          "the key-encryption key is the wrong one: its id is %s, this state "
                          "directory was made with %s",
                          v->kek_id, base_json_strd(o, "kek_id", "none"));
    struct base_arena *a = base_arena_new();
    sealed.p = base_unbase64(a, text, strlen(text), &sealed.n);
    bool good = sealed.p && sealed.n == sizeof plain + KEEPER_SEAL_EXTRA &&
                keeper_vault_open_sealed(v, CHECK_AAD, sealed, plain, NULL) == BASE_OK &&
                memcmp(plain, CHECK_TEXT, sizeof plain) == 0;
    base_arena_free(a);
    return good ? BASE_OK : bad_kek(f, CHECK_FILE " is damaged, or the key is the wrong one");
}

static enum base_fail_class check(const struct keeper_vault *v, int dirfd, struct base_fail *f)
{
    struct base_buf text;
    struct base_fail why = {0};
    enum base_fail_class c = base_file_read(dirfd, CHECK_FILE, CHECK_FILE_MAX, &text, &why);
    if (c && strcmp(why.code, "file.absent") == 0) {
        base_buf_free(&text);
        return has_keys(dirfd)
                   ? bad_kek(f, "there are keys but no " CHECK_FILE ", restore it from the backup")
                   : write_check(v, dirfd, f);
    }
    json_t *o = c ? NULL : base_json_parse(text.p, text.n, CHECK_FILE_MAX, NULL);
    base_buf_free(&text);
    if (c) {
        if (f)
            *f = why;
        return c;
    }
    c = o ? compare_check(v, o, f) : bad_kek(f, CHECK_FILE " is no JSON");
    json_decref(o);
    return c;
}

enum base_fail_class keeper_vault_open(const char *credential, const char *cred_dir, int dirfd,
                                       struct keeper_vault **out, struct base_fail *f)
{
    *out = NULL;
    struct keeper_vault *v = keeper_secret_new(sizeof *v);
    if (!v)
        return base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    enum base_fail_class c = load(credential, cred_dir, v, f);
    if (!c)
        c = check(v, dirfd, f);
    if (c)
        keeper_vault_close(v);
    else
        *out = v;
    return c;
}

void keeper_vault_close(struct keeper_vault *v)
{
    keeper_secret_free(v, sizeof *v);
}

const char *keeper_vault_kek_id(const struct keeper_vault *v)
{
    return v->kek_id;
}

bool keeper_vault_key_id(const struct keeper_vault *v, const char *request, char out[KEEPER_ID])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned int n = sizeof mac;
    if (!HMAC(EVP_sha256(), v->ids, KEK, (const unsigned char *)request, strlen(request), mac, &n))
        return false;
    for (size_t i = 0; i < KEEPER_ID_LEN; i++) { /* 5 bits each, from the left */
        size_t bit = 5 * i;
        unsigned two = (unsigned)mac[bit / 8] << 8 | mac[bit / 8 + 1];
        out[i] = digits[two >> (11 - bit % 8) & 31];
    }
    out[KEEPER_ID_LEN] = '\0';
    return true;
}

enum base_fail_class keeper_vault_seal(const struct keeper_vault *v, const char *aad, const void *p,
                                       size_t n, struct base_buf *out, struct base_fail *f)
{
    return keeper_seal(v->wrap, aad, p, n, out, f);
}

enum base_fail_class keeper_vault_open_sealed(const struct keeper_vault *v, const char *aad,
                                              struct base_bytes in, unsigned char *out,
                                              struct base_fail *f)
{
    return keeper_unseal(v->wrap, aad, in, out, f);
}
