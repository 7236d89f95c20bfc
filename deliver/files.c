/* deliver/files.c - certificates as files in a folder per mailbox.
 *
 * What lies there is always the whole of what is current now: the folder is computed from
 * the item's list, so the same item again changes nothing, and a withdrawn certificate
 * is replaced by what is left. Versions of before stay as history, those with a revoked
 * certificate are removed. A PKCS#12 is made once for a certificate and kept; its
 * passphrase stays with the keeper. Keys in clear are written by the keeper itself. */
#include <string.h>

#include "base/file.h"
#include "base/safename.h"
#include "files_tree.h"
#include "keeper/client.h"

#define P12_MAX (4 * 1024 * 1024)
#define WORD_LEN 16 /* of a thumbprint in names */
#define BEGIN_PEM "-----BEGIN CERTIFICATE-----"

struct job {
    const struct deliver_world *w;
    const struct policy_publisher *t;
    const struct deliver_item *it;
    struct base_arena *a;
    struct deliver_tree tree;
    struct deliver_file files[DELIVER_VERSION_FILES];
    size_t nfiles;
    const char *key;   /* of the mailbox: names its folder */
    const char *words; /* of the certificates in the version, for its name */
    const char *note;
};

/* The newest current certificate for each use: both, sign, encrypt. NULL = none. */
static const struct deliver_certificate *newest(const struct job *j, const char *usage)
{
    for (size_t i = 0; i < j->it->ncurrent; i++) {
        if (j->it->current[i].usage != NULL && strcmp(j->it->current[i].usage, usage) == 0) {
            return &j->it->current[i];
        }
    }
    return NULL;
}

static void add(struct job *j, const char *prefix, const char *name, const void *p, size_t n)
{
    if (j->nfiles < DELIVER_VERSION_FILES) {
        j->files[j->nfiles++] = (struct deliver_file){
            base_arena_printf(j->a, "%s%s", prefix, name), {p, n}};
    }
}

/* ---- the sealed key ------------------------------------------------------------------- */

/* Is the certificate the newest beside its key, which is what a PKCS#12 gets? */
static enum base_fail_class at_keeper(struct job *j, const struct deliver_certificate *c, bool *newest_one,
                                      struct base_fail *f)
{
    struct keeper_key k;
    enum base_fail_class cls = keeper_key_info(j->w->keeper_socket, j->a, c->key_id, &k, f);

    *newest_one = false;
    if (cls != BASE_OK) {
        return cls;
    }
    for (size_t i = 0; i < k.n_certs; i++) {
        if (strcmp(k.certs[i].sha256, c->thumbprint) == 0) {
            *newest_one = !k.destroyed && i + 1 == k.n_certs;
            if (k.destroyed) {
                j->note = "no PKCS#12: the key was destroyed";
            }
            return BASE_OK;
        }
    }
    return base_failf(f, BASE_TEMPORARY, "deliver.attach",
                      "the certificate is not beside its key in the keeper yet");
}

static enum base_fail_class seal(struct job *j, const struct deliver_certificate *c,
                                 const char *name, struct base_bytes *out, struct base_fail *f)
{
    struct keeper_export e;
    struct base_fail ignored = {0};
    enum base_fail_class cls = keeper_seal_p12(
        j->w->keeper_socket, j->a, c->key_id, "certmilter",
        base_arena_printf(j->a, "published as a file by \"%s\"", j->t->id), &e, f);

    if (cls != BASE_OK) {
        return cls;
    }
    *out = e.p12;
    cls = strcmp(e.cert_sha256, c->thumbprint) == 0
              ? deliver_tree_write(&j->tree, name, e.p12, f)
              : base_failf(f, BASE_TEMPORARY, "deliver.attach",
                           "the keeper has another certificate for this key now");
    j->note = base_arena_printf(j->a, "PKCS#12 sealed by export %s", e.id);
    /* not the delivery that a key in custody "forget" waits for: others may still come */
    keeper_export_finish(&e, false, &ignored);
    return cls;
}

/* The PKCS#12 of C: what was made before, else a new one. */
static enum base_fail_class add_p12(struct job *j, const struct deliver_certificate *c,
                                    const char *prefix, struct base_fail *f)
{
    const char *name = base_arena_printf(j->a, "sealed-%s.p12", c->thumbprint);
    struct base_bytes p12 = {0};
    struct base_buf b;
    struct base_fail why = {0};
    bool can = false;
    enum base_fail_class cls = base_file_read(j->tree.dirfd, name, P12_MAX, &b, &why);

    if (cls == BASE_OK) {
        unsigned char *copy = base_arena_alloc(j->a, b.n + 1);
        memcpy(copy, b.p, b.n);
        p12 = (struct base_bytes){copy, b.n};
        base_buf_free(&b);
    } else {
        base_buf_free(&b);
        cls = at_keeper(j, c, &can, f);
        if (cls == BASE_OK && can) {
            cls = seal(j, c, name, &p12, f);
        }
    }
    if (cls == BASE_OK && p12.n > 0) {
        add(j, prefix, "key.p12", p12.p, p12.n);
    }
    return cls;
}

/* ---- the version ------------------------------------------------------------------------- */

static enum base_fail_class add_certificate(struct job *j, const struct deliver_certificate *c,
                                            const char *prefix, struct base_fail *f)
{
    const char *pem = c->chain_pem, *rest;

    if (pem == NULL || strncmp(pem, BEGIN_PEM, strlen(BEGIN_PEM)) != 0) {
        return base_failf(f, BASE_OURS, "deliver.files", "the certificate has no PEM in the ledger");
    }
    rest = strstr(pem + 1, BEGIN_PEM);
    size_t n = rest != NULL ? (size_t)(rest - pem) : strlen(pem);
    add(j, prefix, "cert.pem", pem, n);
    add(j, prefix, "chain.pem", rest != NULL ? rest : "", rest != NULL ? strlen(rest) : 0);
    add(j, prefix, "fullchain.pem", pem, strlen(pem));
    j->words = base_arena_printf(j->a, "%s%s%.*s", j->words, j->words[0] ? "." : "", WORD_LEN,
                                 c->thumbprint);
    return j->t->p12 && c->key_id != NULL ? add_p12(j, c, prefix, f) : BASE_OK;
}

/* The version's name says what is in it, so that one that is there is the right one. */
static const char *version_name(struct job *j)
{
    struct base_buf b;
    char hex[BASE_SHA256_HEX], whole[BASE_SHA256_HEX];

    base_buf_init(&b, 0);
    base_buf_addf(&b, "%o %o %s %s\n", j->t->dir_mode, j->t->file_mode,
                  j->t->owner ? j->t->owner : "", j->t->group ? j->t->group : "");
    for (size_t i = 0; i < j->nfiles; i++) {
        base_sha256_hex(j->files[i].data.p, j->files[i].data.n, hex);
        base_buf_addf(&b, "%s %s\n", j->files[i].name, hex);
    }
    base_sha256_hex(b.p, b.n, whole);
    base_buf_free(&b);
    return base_arena_printf(j->a, "v-%s-%.8s", j->words, whole);
}

static enum base_fail_class make_version(struct job *j, const char **name, struct base_fail *f)
{
    static const char *const uses[] = {"both", "sign", "encrypt"};
    static const char *const prefixes[] = {"", "sign-", "encrypt-"};
    enum base_fail_class cls = BASE_OK;

    *name = NULL;
    j->words = "";
    for (size_t i = 0; i < 3 && cls == BASE_OK; i++) {
        const struct deliver_certificate *c = newest(j, uses[i]);
        if (c != NULL) {
            cls = add_certificate(j, c, prefixes[i], f);
        }
    }
    if (cls != BASE_OK || j->nfiles == 0) {
        return cls;
    }
    *name = version_name(j);
    return deliver_tree_version(j->a, &j->tree, *name, j->files, j->nfiles, f);
}

static enum base_fail_class write_folder(struct job *j, struct base_fail *f)
{
    const char *version;
    enum base_fail_class cls =
        deliver_tree_open(j->a, j->t, j->key, j->it->ncurrent > 0, &j->tree, f);

    if (cls != BASE_OK || j->tree.dirfd < 0) {
        return cls;
    }
    cls = make_version(j, &version, f);
    if (cls == BASE_OK) {
        cls = deliver_tree_switch(&j->tree, version, f);
    }
    if (cls == BASE_OK && j->it->withdraw && j->it->reason != NULL &&
        strcmp(j->it->reason, "revoked") == 0) {
        cls = deliver_tree_remove(
            j->a, &j->tree, base_arena_strndup(j->a, j->it->cert.thumbprint, WORD_LEN), f);
    }
    deliver_tree_close(&j->tree);
    return cls;
}

/* What was here under its former name goes: it would be another mailbox's, now or one day. */
static enum base_fail_class leave_former(struct job *j, struct base_fail *f)
{
    struct deliver_tree old;
    enum base_fail_class cls = deliver_tree_open(j->a, j->t, j->it->former, false, &old, f);

    if (cls == BASE_OK && old.dirfd >= 0) {
        cls = deliver_tree_switch(&old, NULL, f);
        if (cls == BASE_OK) {
            cls = deliver_tree_remove(j->a, &old, "", f); /* keys of before are no history of another's */
        }
        deliver_tree_close(&old);
    }
    /* from exact to folded the keeper sees to it itself */
    if (cls == BASE_OK && j->t->consumer != NULL && !policy_config_folds(j->w->cfg, j->it->mailbox)) {
        cls = keeper_consumer_remove(j->w->keeper_socket, j->t->consumer, j->it->former, true,
                                     "certmilter", "its mailbox has a name of its own now", f);
    }
    return cls;
}

/* ---- the key in clear ------------------------------------------------------------------------ */

/* The certificate whose key the consumer signs with; NULL = none. */
static const struct deliver_certificate *signing(const struct job *j)
{
    for (size_t i = 0; i < j->it->ncurrent; i++) {
        const struct deliver_certificate *c = &j->it->current[i];
        if (c->key_id != NULL && c->usage != NULL && strcmp(c->usage, "encrypt") != 0) {
            return c;
        }
    }
    return NULL;
}

static enum base_fail_class clear_key(struct job *j, struct deliver_done *out, struct base_fail *f)
{
    const struct policy_domain *d = policy_config_mailbox_domain(j->w->cfg, j->it->mailbox);
    bool wanted = d != NULL && d->clear_key != NULL && strcmp(d->clear_key, j->t->consumer) == 0;
    const struct deliver_certificate *c = wanted ? signing(j) : NULL;
    const char *why = base_arena_printf(j->a, "consumer \"%s\" of publisher \"%s\"", j->t->consumer,
                                        j->t->id);
    bool can = false, exact = !policy_config_folds(j->w->cfg, j->it->mailbox);
    enum base_fail_class cls;

    if (c == NULL) {
        return keeper_consumer_remove(j->w->keeper_socket, j->t->consumer, j->it->mailbox, exact,
                                      "certmilter", why, f);
    }
    cls = at_keeper(j, c, &can, f);
    if (cls == BASE_OK && can) {
        cls = keeper_consumer_write(j->w->keeper_socket, j->t->consumer, c->key_id, c->thumbprint,
                                    j->it->mailbox, exact, "certmilter", why, f);
    }
    if (cls == BASE_OK && can && !j->it->withdraw) {
        out->clear_key = strcmp(c->thumbprint, j->it->cert.thumbprint) == 0;
    }
    return cls;
}

const char *deliver_files_place(struct base_arena *a, const struct policy_publisher *t,
                                const char *key)
{
    return base_arena_printf(a, "%s/%s", t->dir, base_safe_name(a, key));
}

enum base_fail_class deliver_files(const struct deliver_world *w, const struct policy_publisher *t,
                                   const struct deliver_item *it, struct base_arena *a,
                                   struct deliver_done *out, struct base_fail *f)
{
    struct job j = {.w = w, .t = t, .it = it, .a = a, .tree = {.dirfd = -1}};

    j.key = policy_config_mailbox_key(w->cfg, a, it->mailbox);
    enum base_fail_class cls = write_folder(&j, f);
    if (cls == BASE_OK && it->former != NULL) {
        cls = leave_former(&j, f);
    }
    if (cls == BASE_OK && t->consumer != NULL) {
        cls = clear_key(&j, out, f);
    }
    out->where = deliver_files_place(a, t, j.key);
    out->note = j.note;
    return cls;
}
