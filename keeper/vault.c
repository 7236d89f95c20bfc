/* The key-encryption key: from the credential to the derived keys, and the
 * check file that tells a wrong one before any harm. Owns the derived keys in
 * secret memory; the credential's own bytes are wiped at once. */
#include "vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "kek.h"
#include "memory.h"

#define KEK KEEPER_KEK
#define CHECK_FILE "kek-check.json"
#define CHECK_AAD "certmilter kek check 1"
#define CHECK_TEXT "certmilter"
#define CHECK_FILE_MAX 4096

#define BOTH_FILE "kek-both.json"
#define IDS_AAD "certmilter ids key 1"

/* Two keys while a rewrap goes on: the old one first. What is written is sealed
 * with key[n - 1]. The second is filled in before n says that it is there. */
struct keeper_vault {
    struct keeper_sealer key[2];
    atomic_size_t n;
    unsigned char ids[KEK]; /* makes key ids out of request ids; outlives every KEK */
};

static enum base_fail_class bad_kek(struct base_fail *f, const char *why)
{
    return base_failf(f, BASE_PERMANENT, "keeper.kek", "key-encryption key: %s", why);
}

static enum base_fail_class load(const char *credential, const char *dir, struct keeper_sealer *k,
                                 unsigned char *ids, struct base_fail *f)
{
    struct base_buf text;
    enum base_fail_class c = base_credential(credential, dir, &text, f);
    if (c)
        return c;
    unsigned char *kek = keeper_secret_new(KEK);
    if (!kek)
        c = base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    else if (!keeper_kek_take(&text, kek))
        c = bad_kek(f, "expected 32 bytes or 64 hex characters");
    else
        c = keeper_kek_derive(kek, k, ids, f);
    keeper_secret_free(kek, KEK);
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

static char *sealed_text(struct base_arena *a, const struct keeper_sealer *k, const char *aad,
                         const void *p, size_t n, struct base_fail *f)
{
    struct base_buf sealed;
    char *text = NULL;
    if (keeper_seal(k->wrap, aad, p, n, &sealed, f) == BASE_OK)
        text = base_base64(a, sealed.p, sealed.n);
    base_buf_free(&sealed);
    return text;
}

/* The member KEY of O, unsealed into exactly N bytes. */
static bool unsealed(const struct keeper_sealer *k, const char *aad, const json_t *o, const char *key,
                     unsigned char *out, size_t n)
{
    struct base_arena *a = base_arena_new();
    const char *text = base_json_strd(o, key, "");
    struct base_bytes in = {NULL, 0};
    in.p = base_unbase64(a, text, strlen(text), &in.n);
    bool good = in.p && in.n == n + KEEPER_SEAL_EXTRA &&
                keeper_unseal(k->wrap, aad, in, out, NULL) == BASE_OK;
    base_arena_free(a);
    return good;
}

/* IDS NULL: they follow from the key itself. */
static enum base_fail_class write_check(const struct keeper_sealer *k, const unsigned char *ids, int dirfd,
                                        struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    json_t *o = json_object();
    const char *check = sealed_text(a, k, CHECK_AAD, CHECK_TEXT, sizeof CHECK_TEXT, f);
    const char *sealed = ids ? sealed_text(a, k, IDS_AAD, ids, KEK, f) : NULL;
    enum base_fail_class c = BASE_OURS;
    base_json_setn(o, "format", 1);
    base_json_set(o, "kek_id", k->id);
    base_json_set(o, "check", check);
    base_json_set(o, "ids", sealed);
    if (check && (sealed || !ids)) {
        char *text = base_json_text(o);
        c = base_file_write(dirfd, CHECK_FILE, text, strlen(text), 0600, f);
        free(text);
    }
    json_decref(o);
    base_arena_free(a);
    return c;
}

/* NULL without a failure: there is no such file. */
static json_t *read_object(int dirfd, const char *name, struct base_fail *f)
{
    struct base_buf text;
    struct base_fail why = {0};
    enum base_fail_class c = base_file_read(dirfd, name, CHECK_FILE_MAX, &text, &why);
    json_t *o = c ? NULL : base_json_parse(text.p, text.n, CHECK_FILE_MAX, NULL);
    base_buf_free(&text);
    if (c && strcmp(why.code, "file.absent") != 0)
        base_failf(f, c, why.code, "%s", why.text);
    else if (!c && !o)
        base_failf(f, BASE_PERMANENT, "keeper.kek", "key-encryption key: %s is no JSON", name);
    return o;
}

/* OWN is one of the two that BOTH tells of; fills in the pair, and the ids' key if
 * it came along (*IDS says so). */
static bool take_pair(struct keeper_vault *v, const struct keeper_sealer *own, const json_t *both,
                      bool *ids)
{
    unsigned char *plain = keeper_secret_new(2 * KEK);
    const char *old = base_json_strd(both, "old_id", ""), *new = base_json_strd(both, "new_id", "");
    bool is_old = strcmp(own->id, old) == 0, is_new = strcmp(own->id, new) == 0, good = false;
    struct keeper_sealer *other = &v->key[is_old ? 1 : 0];
    if (plain && (is_old || is_new) && strlen(old) == KEEPER_KEK_ID_LEN &&
        strlen(new) == KEEPER_KEK_ID_LEN)
        good = unsealed(own, BOTH_FILE, both, is_old ? "under_old" : "under_new", plain, 2 * KEK);
    if (good) {
        v->key[is_old ? 0 : 1] = *own;
        memcpy(other->wrap, plain, KEK);
        memcpy(other->id, is_old ? new : old, KEEPER_KEK_ID_LEN + 1);
        memcpy(v->ids, plain + KEK, KEK);
        atomic_store(&v->n, 2);
        *ids = true;
    }
    keeper_secret_free(plain, 2 * KEK);
    return good;
}

static enum base_fail_class compare_check(struct keeper_vault *v, const json_t *o, bool ids_known,
                                          const struct keeper_sealer **matching, struct base_fail *f)
{
    unsigned char plain[sizeof CHECK_TEXT];
    const char *id = base_json_strd(o, "kek_id", "none");
    const struct keeper_sealer *k = NULL;
    if (base_json_int(o, "format", 0) != 1)
        return bad_kek(f, CHECK_FILE " is damaged or of a newer version");
    for (size_t i = 0; i < atomic_load(&v->n); i++)
        if (strcmp(v->key[i].id, id) == 0)
            k = &v->key[i];
    if (!k)
        return base_failf(f, BASE_PERMANENT, "keeper.kek",
                          "the key-encryption key is the wrong one: its id is %s, this state "
                          "directory was made with %s",
                          v->key[atomic_load(&v->n) - 1].id, id);
    if (!unsealed(k, CHECK_AAD, o, "check", plain, sizeof plain) ||
        memcmp(plain, CHECK_TEXT, sizeof plain) != 0)
        return bad_kek(f, CHECK_FILE " is damaged, or the key is the wrong one");
    if (!ids_known && base_json_str(o, "ids") && !unsealed(k, IDS_AAD, o, "ids", v->ids, KEK))
        return bad_kek(f, CHECK_FILE ": its \"ids\" is damaged");
    *matching = k;
    return BASE_OK;
}

/* The two files against the key OWN, whose ids' key stands in V already. *ENDED: OWN is the
 * new key of a rewrap that is through, so the old one has no use any more. */
static enum base_fail_class settle(struct keeper_vault *v, const struct keeper_sealer *own,
                                   const json_t *check, const json_t *both, bool *ended,
                                   struct base_fail *f)
{
    const struct keeper_sealer *match = NULL;
    bool ids_known = false;
    *ended = false;
    v->key[0] = *own;
    atomic_store(&v->n, 1);
    if (both && !take_pair(v, own, both, &ids_known) &&
        strcmp(base_json_strd(check, "kek_id", ""), own->id) != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.kek",
                          "the key-encryption key is the wrong one: its id is %s, this state "
                          "directory is being rewrapped from %s to %s",
                          own->id, base_json_strd(both, "old_id", "?"),
                          base_json_strd(both, "new_id", "?"));
    enum base_fail_class c = compare_check(v, check, ids_known, &match, f);
    if (c || atomic_load(&v->n) != 2 || match != &v->key[1] || strcmp(own->id, match->id) != 0)
        return c;
    v->key[0] = v->key[1];
    memset(&v->key[1], 0, sizeof v->key[1]);
    atomic_store(&v->n, 1);
    *ended = true;
    return BASE_OK;
}

static enum base_fail_class check_files(struct keeper_vault *v, const struct keeper_sealer *own, int dirfd,
                                        struct base_fail *f)
{
    struct base_fail why = {0};
    bool ended = false;
    enum base_fail_class c;
    json_t *check = read_object(dirfd, CHECK_FILE, &why);
    json_t *both = why.cls ? NULL : read_object(dirfd, BOTH_FILE, &why);
    if (why.cls)
        c = base_failf(f, why.cls, why.code, "%s", why.text);
    else if (check)
        c = settle(v, own, check, both, &ended, f);
    else {
        v->key[0] = *own;
        atomic_store(&v->n, 1);
        c = has_keys(dirfd)
                ? bad_kek(f, "there are keys but no " CHECK_FILE ", restore it from the backup")
                : write_check(own, NULL, dirfd, f);
    }
    if (!c && ended && unlinkat(dirfd, BOTH_FILE, 0) == 0)
        (void)fsync(dirfd);
    json_decref(check);
    json_decref(both);
    return c;
}

enum base_fail_class keeper_vault_open(const char *credential, const char *cred_dir, int dirfd,
                                       struct keeper_vault **out, struct base_fail *f)
{
    struct keeper_sealer own;
    *out = NULL;
    struct keeper_vault *v = keeper_secret_new(sizeof *v);
    if (!v)
        return base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    enum base_fail_class c = load(credential, cred_dir, &own, v->ids, f);
    if (!c)
        c = check_files(v, &own, dirfd, f);
    explicit_bzero(&own, sizeof own);
    if (c)
        keeper_vault_close(v);
    else
        *out = v;
    return c;
}

enum base_fail_class keeper_vault_of_copy(const unsigned char kek[KEEPER_KEK], const json_t *check,
                                          const json_t *both, struct keeper_vault **out,
                                          struct base_fail *f)
{
    struct keeper_sealer own;
    bool ended;
    *out = NULL;
    struct keeper_vault *v = keeper_secret_new(sizeof *v);
    if (!v)
        return base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    enum base_fail_class c = keeper_kek_derive(kek, &own, v->ids, f);
    if (!c)
        c = settle(v, &own, check, both, &ended, f);
    explicit_bzero(&own, sizeof own);
    if (c)
        keeper_vault_close(v);
    else
        *out = v;
    return c;
}

/* ---- a second key ---------------------------------------------------------------------- */

static enum base_fail_class write_both(const struct keeper_vault *v, int dirfd, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    unsigned char *plain = keeper_secret_new(2 * KEK);
    const char *under_old = NULL, *under_new = NULL;
    enum base_fail_class c = BASE_OURS;
    if (plain) {
        memcpy(plain + KEK, v->ids, KEK);
        memcpy(plain, v->key[1].wrap, KEK);
        under_old = sealed_text(a, &v->key[0], BOTH_FILE, plain, 2 * KEK, f);
        memcpy(plain, v->key[0].wrap, KEK);
        under_new = sealed_text(a, &v->key[1], BOTH_FILE, plain, 2 * KEK, f);
    } else
        base_failf(f, BASE_OURS, "keeper.internal", "no secret memory");
    if (under_old && under_new) {
        json_t *o = json_object();
        base_json_setn(o, "format", 1);
        base_json_set(o, "old_id", v->key[0].id);
        base_json_set(o, "new_id", v->key[1].id);
        base_json_set(o, "under_old", under_old);
        base_json_set(o, "under_new", under_new);
        char *text = base_json_text(o);
        c = base_file_write(dirfd, BOTH_FILE, text, strlen(text), 0600, f);
        free(text);
        json_decref(o);
    }
    keeper_secret_free(plain, 2 * KEK);
    base_arena_free(a);
    return c;
}

enum base_fail_class keeper_vault_add(struct keeper_vault *v, const unsigned char kek[KEEPER_KEK],
                                      int dirfd, struct base_fail *f)
{
    struct keeper_sealer new;
    enum base_fail_class c = keeper_kek_derive(kek, &new, NULL, f);
    size_t n = atomic_load(&v->n);
    /* begun before, or through: the same again changes nothing */
    bool known = !c && strcmp(v->key[n - 1].id, new.id) == 0;
    if (!c && !known && n == 2)
        c = base_failf(f, BASE_PERMANENT, "keeper.rewrap",
                       "a rewrap from %s to %s is under way: end it with that key first, then put "
                       "the key in place and restart the keeper",
                       v->key[0].id, v->key[1].id);
    if (!c && !known) {
        v->key[1] = new;
        if (!(c = write_both(v, dirfd, f)))
            atomic_store(&v->n, 2);
    }
    explicit_bzero(&new, sizeof new);
    return c;
}

enum base_fail_class keeper_vault_switch(struct keeper_vault *v, int dirfd, struct base_fail *f)
{
    return atomic_load(&v->n) == 2 ? write_check(&v->key[1], v->ids, dirfd, f) : BASE_OK;
}

const char *keeper_vault_old_id(const struct keeper_vault *v)
{
    return atomic_load(&v->n) == 2 ? v->key[0].id : NULL;
}

void keeper_vault_close(struct keeper_vault *v)
{
    keeper_secret_free(v, sizeof *v);
}

const char *keeper_vault_kek_id(const struct keeper_vault *v)
{
    return v->key[atomic_load(&v->n) - 1].id;
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
    return keeper_seal(v->key[atomic_load(&v->n) - 1].wrap, aad, p, n, out, f);
}

enum base_fail_class keeper_vault_open_sealed(const struct keeper_vault *v, const char *aad,
                                              struct base_bytes in, unsigned char *out,
                                              struct base_fail *f)
{
    enum base_fail_class c = BASE_PERMANENT;
    for (size_t i = atomic_load(&v->n); c && i-- > 0;) /* the newer one first; the seal tells */
        c = keeper_unseal(v->key[i].wrap, aad, in, out, f);
    return c;
}
