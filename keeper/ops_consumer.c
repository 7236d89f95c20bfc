/* A signing key in clear for a program of this host: the one operation by which a key
 * leaves the keeper without a passphrase. It goes into a folder that certkeeperd's
 * command line names, never over a socket; it is in the journal before it is in the
 * folder, and the same key again is neither written nor recorded a second time. */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/safename.h"
#include "cert/bundle.h"
#include "cert/fields.h"
#include "consumers.h"
#include "exact.h"
#include "ops.h"

static const struct keeper_consumer *consumer(struct keeper_ctx *ctx, const json_t *q,
                                              struct base_fail *f)
{
    const char *name = keeper_op_text(q, "consumer", f);
    const struct keeper_consumer *c =
        name ? keeper_consumers_find(ctx->consumers, name) : NULL;
    if (name && !c)
        base_failf(f, BASE_PERMANENT, "keeper.consumer",
                   "the keeper knows no consumer \"%.64s\": certkeeperd --consumer NAME:DIR:GROUP",
                   name);
    return c;
}

/* Is MAILBOX in the certificate, which may sign? */
static enum base_fail_class fits(const struct keeper_ctx *ctx, const json_t *request,
                                 struct base_arena *a, const char *pem, const char *mailbox,
                                 struct base_fail *f)
{
    struct cert_bundle chain;
    struct cert_fields c;
    enum base_fail_class r = cert_bundle_split(a, pem, strlen(pem), &chain, f);
    if (!r)
        r = cert_fields_parse(a, chain.der[0].p, chain.der[0].n, &c, f);
    if (r)
        return r;
    if (c.ku_present && !(c.ku & (CERT_KU_DIGITAL_SIGNATURE | CERT_KU_NON_REPUDIATION)))
        return base_failf(f, BASE_PERMANENT, "keeper.consumer",
                          "the certificate is for encryption alone: its key is given to no program");
    if (c.not_after < base_now())
        return base_failf(f, BASE_PERMANENT, "keeper.consumer", "the certificate has ended");
    for (size_t i = 0; i < c.n_mailboxes; i++)
        if (keeper_exact_same(ctx, request, c.mailboxes[i].address, mailbox))
            return BASE_OK;
    return base_failf(f, BASE_PERMANENT, "keeper.mismatch", "the certificate is not for %s",
                      mailbox);
}

static const char *chain_of(const struct keeper_record *r, const char *sha256)
{
    for (size_t i = 0; i < r->k.n_certs; i++)
        if (strcmp(r->k.certs[i].sha256, sha256) == 0)
            return r->k.certs[i].pem;
    return NULL;
}

/* Key and chain in one file: a reader never has one without the other. *OUT is of the
 * secret heap (BIO_free()). */
static enum base_fail_class make_text(struct keeper_ctx *ctx, const struct keeper_record *r,
                                      const char *chain, BIO **out, struct base_bytes *text,
                                      struct base_fail *f)
{
    EVP_PKEY *key = NULL;
    char *p = NULL;
    *out = BIO_new(BIO_s_secmem());
    if (!*out)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    enum base_fail_class c = keeper_envelope_open(ctx->vault, r, &key, f);
    if (!c && (!PEM_write_bio_PKCS8PrivateKey(*out, key, NULL, NULL, 0, NULL, NULL) ||
               BIO_puts(*out, chain) <= 0))
        c = base_failf(f, BASE_OURS, "keeper.internal", "the key can't be written as PEM");
    EVP_PKEY_free(key);
    long n = BIO_get_mem_data(*out, &p);
    *text = (struct base_bytes){(unsigned char *)p, n > 0 ? (size_t)n : 0};
    return c;
}

static enum base_fail_class record(struct keeper_ctx *ctx, const struct keeper_call *call,
                                   const struct keeper_record *r, struct keeper_journal_entry *e,
                                   const char *name, struct base_fail *f)
{
    e->key_id = r->k.id;
    e->mailbox = base_json_str(call->request, "mailbox");
    e->tenant = r->k.tenant;
    e->uid = call->uid;
    enum base_fail_class c = keeper_journal_add(ctx->journal, e, f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.export", "kind", e->kind, "consumer", name, "key", r->k.id,
                 "mailbox", e->mailbox, "who", e->who, "reason", e->reason, "uid",
                 base_log_num(call->uid), NULL);
    return c;
}

/* Two mailboxes that differ in case alone never share a file, whatever the file system. */
static const char *file_name(const struct keeper_ctx *ctx, struct base_arena *a, const json_t *q,
                             const char *mailbox)
{
    bool fold = keeper_exact_folds(ctx, q, mailbox);
    return base_arena_printf(a, "%s.pem", base_safe_name(a, base_mailbox_key(a, mailbox, fold)));
}

static enum base_fail_class write_key(struct keeper_ctx *ctx, struct keeper_call *call,
                                      const struct keeper_consumer *k, int fd,
                                      struct base_arena *a, struct keeper_journal_entry *e,
                                      struct base_fail *f)
{
    struct keeper_record r;
    BIO *bio = NULL;
    struct base_bytes text = {0};
    const char *mailbox = e->mailbox, *id = base_json_strd(call->request, "key_id", "");
    const char *name = file_name(ctx, a, call->request, mailbox);
    enum base_fail_class c = keeper_store_load(ctx->store, a, id, &r, f);
    if (c)
        return c;
    const char *chain = chain_of(&r, base_json_strd(call->request, "cert_sha256", ""));
    if (!chain)
        return base_failf(f, BASE_PERMANENT, "keeper.nocert",
                          "that certificate is not beside key %s", r.k.id);
    c = fits(ctx, call->request, a, chain, mailbox, f);
    if (!c)
        c = make_text(ctx, &r, chain, &bio, &text, f);
    if (!c && !keeper_consumer_same(k, fd, name, text)) {
        e->cert_sha256 = base_json_str(call->request, "cert_sha256");
        c = record(ctx, call, &r, e, k->name, f);
        if (!c)
            c = keeper_consumer_put(k, fd, name, text, f);
    }
    BIO_free(bio);
    return c;
}

enum base_fail_class keeper_op_consumer(struct keeper_ctx *ctx, struct keeper_call *call,
                                        struct base_arena *a, json_t *answer, struct base_fail *f)
{
    const json_t *q = call->request;
    const struct keeper_consumer *k = consumer(ctx, q, f);
    struct keeper_journal_entry e = {.kind = "consumer"};
    const char *action = base_json_strd(q, "action", "");
    int fd = -1;
    bool was = false;
    (void)answer;
    if (!k || !(e.who = keeper_op_text(q, "who", f)) || !(e.reason = keeper_op_text(q, "reason", f)) ||
        !(e.mailbox = keeper_op_text(q, "mailbox", f)))
        return BASE_PERMANENT;
    enum base_fail_class c = keeper_consumer_open(k, &fd, f);
    if (c)
        return c;
    const char *name = file_name(ctx, a, q, e.mailbox);
    const char *former = base_arena_printf(a, "%s.pem", base_safe_name(a, base_mailbox_key(a, e.mailbox, false)));
    keeper_store_lock(ctx->store, k->name); /* one at a time in a folder */
    c = keeper_consumer_sweep(k, fd, f);
    if (!c && strcmp(action, "write") == 0)
        c = write_key(ctx, call, k, fd, a, &e, f);
    else if (!c && strcmp(action, "remove") == 0)
        c = keeper_consumer_drop(k, fd, name, &was, f);
    else if (!c)
        c = base_failf(f, BASE_PERMANENT, "keeper.request", "\"action\" must be write or remove");
    /* of a time when this spelling was a mailbox of its own; nobody else's now */
    if (!c && keeper_exact_folds(ctx, q, e.mailbox) && strcmp(former, name) != 0)
        c = keeper_consumer_drop(k, fd, former, &was, f);
    keeper_store_unlock(ctx->store, k->name);
    close(fd);
    if (!c && was)
        base_log(LOG_NOTICE, "keeper.consumer.removed", "consumer", k->name, "mailbox", e.mailbox,
                 NULL);
    return c;
}
