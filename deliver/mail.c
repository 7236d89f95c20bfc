/* deliver/mail.c - the owner gets the certificate, with its key, by mail at the mailbox.
 *
 * The PKCS#12 comes sealed from the keeper; its passphrase goes another way, which starts
 * only when the mail was accepted (keeper/delivery.h). The order: sealed (the keeper keeps
 * the passphrase) - taken by the mail server (250) - the keeper knows - the caller commits.
 * A crash before the keeper knows sends the same mail once more: same Message-ID, same
 * passphrase. After it, nothing is sent again. A key in custody "forget" ends only when
 * mail and passphrase are both out of our hands.
 *
 * A certificate whose key is held elsewhere goes as PKCS#7 with a text of its own. What was
 * sent can't be withdrawn. Owns nothing beyond a call. */
#include <stdio.h>
#include <string.h>

#include "policy/publishers.h"

#include "base/clock.h"
#include "cert/bundle.h"
#include "cert/pkcs7.h"
#include "deliver.h"
#include "keeper/delivery.h"
#include "mail_form.h"
#include "net/smtp.h"
#include "policy/mailtext.h"

static const char *const ways[] = {"hook", "file", "preset"}; /* enum policy_passphrase */

struct letter {
    const struct deliver_world *w;
    const struct policy_publisher *t;
    const struct deliver_item *it;
    struct base_arena *a;
    struct keeper_export export; /* fd -1: no key goes along */
    int64_t older;               /* keys beside the certificate's own */
    struct deliver_form form;
    const char *kind; /* of the template */
};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static enum base_fail_class failed(const struct letter *l, enum base_fail_class c, const char *code,
                                   const struct base_fail *why, struct base_fail *f)
{
    return base_failf(f, c, code, "%s: %s", l->t->id, why->text);
}

/* ---- what is attached ------------------------------------------------------------------ */

static enum base_fail_class seal(struct letter *l, bool *sent, struct base_fail *f)
{
    const struct deliver_item *it = l->it;
    bool history = is(it->reason, "history");
    struct base_fail why = {0};
    int64_t keys = 0;
    struct keeper_bundle b = {
        .mailbox = it->mailbox,
        .exact = !policy_config_folds(l->w->cfg, it->mailbox),
        .key_id = it->cert.key_id,
        .request = base_arena_printf(l->a, "mail:%s:%s%s", l->t->id, it->cert.thumbprint,
                                     history ? ":history" : ""),
        .way = ways[l->t->passphrase],
        .history = l->t->history || history,
        .again = history || is(it->reason, "retry"),
        .who = "certagentd",
        .reason = base_arena_printf(l->a, "mailed to the mailbox (publisher %s)", l->t->id)};
    enum base_fail_class c = keeper_seal_bundle(l->w->keeper_socket, l->a, &b, &l->export, &keys,
                                                sent, &why);
    l->older = keys - 1;
    if (is(why.code, "keeper.nopass"))
        return base_failf(f, BASE_TEMPORARY, "deliver.waiting",
                          "%s: waiting for the owner's passphrase: certmilter passphrase set %s",
                          l->t->id, it->mailbox);
    if (is(why.code, "keeper.destroyed"))
        return base_failf(f, BASE_PERMANENT, "deliver.key",
                          "%s: the private key is gone (%.250s); order a new certificate",
                          l->t->id, why.text);
    return c ? failed(l, c, "deliver.keeper", &why, f) : BASE_OK;
}

static enum base_fail_class attach_key(struct letter *l, bool *sent, struct base_fail *f)
{
    enum base_fail_class c = seal(l, sent, f);
    l->kind = "key";
    l->form.type = "application/x-pkcs12";
    l->form.name = base_arena_printf(l->a, "%s.p12", l->it->mailbox);
    l->form.attachment = l->export.p12;
    return c;
}

static enum base_fail_class attach_certificate(struct letter *l, struct base_fail *f)
{
    const struct deliver_certificate *cert = &l->it->cert;
    struct cert_bundle chain = {.n = 0};
    enum base_fail_class c = BASE_OK;
    l->kind = "certificate";
    l->form.type = "application/x-pkcs7-certificates";
    l->form.name = base_arena_printf(l->a, "%s.p7b", l->it->mailbox);
    if (cert->chain_pem)
        c = cert_bundle_split(l->a, cert->chain_pem, strlen(cert->chain_pem), &chain, f);
    if (!c && chain.n == 0)
        chain = (struct cert_bundle){.der = {cert->der}, .n = 1};
    return c ? c : cert_pkcs7_certs_only(l->a, chain.der, chain.n, &l->form.attachment, f);
}

/* ---- what is written ------------------------------------------------------------------- */

static const char *day(struct base_arena *a, int64_t t)
{
    char when[BASE_TIME_LEN];
    return base_arena_strndup(a, base_time_rfc3339(t, when), 10);
}

static const char *yes(bool on)
{
    return on ? "yes" : "";
}

static enum base_fail_class write_text(struct letter *l, struct base_fail *f)
{
    const struct deliver_item *it = l->it;
    const struct deliver_certificate *c = &it->cert;
    const struct policy_tenant *tenant = policy_config_tenant(l->w->cfg, it->tenant);
    const char *at = strrchr(it->mailbox, '@'), *way = ways[l->t->passphrase];
    const struct policy_mailtext_value v[] = {
        {"mailbox", it->mailbox},
        {"domain", at ? at + 1 : ""},
        {"tenant", it->tenant},
        {"contact", tenant ? tenant->contact : ""},
        {"serial", c->serial},
        {"issuer", c->issuer},
        {"subject", c->subject},
        {"thumbprint", c->thumbprint},
        {"valid_from", day(l->a, c->not_before)},
        {"valid_to", day(l->a, c->not_after)},
        {"attachment", l->form.name},
        {"older", l->older > 0 ? base_arena_printf(l->a, "%lld", (long long)l->older) : ""},
        {"history", yes(l->older > 0)},
        {"renewed", yes(is(it->reason, "renewed"))},
        {"sign", yes(!is(c->usage, "encrypt"))},
        {"encrypt", yes(!is(c->usage, "sign"))},
        {"passphrase_hook", yes(is(way, "hook"))},
        {"passphrase_file", yes(is(way, "file"))},
        {"passphrase_preset", yes(is(way, "preset"))},
    };
    struct policy_mailtext text;
    struct base_fail why = {0};
    enum base_fail_class k =
        policy_mailtext_render(l->a, l->t->templates, l->t->language, l->kind, v,
                               sizeof v / sizeof *v, &text, &why);
    if (k)
        return failed(l, k, "deliver.template", &why, f);
    l->form.subject = text.subject;
    l->form.text = text.text;
    l->form.html = text.html;
    return BASE_OK;
}

/* The same mail again has the same id: a second copy after a crash can be recognised. */
static void name_it(struct letter *l)
{
    const struct policy_config *cfg = l->w->cfg;
    char hash[BASE_SHA256_HEX];
    const char *what = base_arena_printf(l->a, "%s\n%s\n%s\n%s\n", l->t->id, l->it->mailbox,
                                         l->it->cert.thumbprint, l->export.id);
    base_sha256_hex(what, strlen(what), hash);
    l->form.id = base_arena_printf(l->a, "certificate.%.32s@%s", hash,
                                   cfg->hostname ? cfg->hostname : "localhost");
    l->form.from = cfg->notice_from;
    l->form.to = l->it->mailbox;
    l->form.date = base_now();
    l->form.language = l->t->language;
}

/* ---- sending --------------------------------------------------------------------------- */

/* Its sender is ours and not "<>": a bounce of a mail that holds a key must reach somebody. */
static enum base_fail_class send_it(struct letter *l, struct base_fail *f)
{
    const struct policy_config *cfg = l->w->cfg;
    const char *to = l->it->mailbox;
    struct base_buf raw;
    struct base_fail why = {0};
    deliver_form_write(l->a, &l->form, &raw);
    struct net_mail mail = {.server = cfg->smtp,
                            .helo = cfg->hostname,
                            .from = cfg->notice_from,
                            .rcpts = &to,
                            .nrcpts = 1,
                            .message = raw.p,
                            .nmessage = raw.n,
                            .total_ms = (int)l->t->timeout * 1000};
    enum base_fail_class c = net_smtp_send(&mail, &why);
    base_buf_free(&raw);
    return c ? failed(l, c, c == BASE_PERMANENT ? "deliver.refused" : "deliver.unreachable", &why, f)
             : BASE_OK;
}

static enum base_fail_class finish(struct letter *l, bool delivered, struct base_fail *f)
{
    struct base_fail why = {0};
    enum base_fail_class c = keeper_export_finish(&l->export, delivered, &why);
    return c ? failed(l, c, "deliver.keeper", &why, f) : BASE_OK;
}

static enum base_fail_class compose_and_send(struct letter *l, struct base_fail *f)
{
    name_it(l);
    enum base_fail_class c = write_text(l, f);
    return c ? c : send_it(l, f);
}

enum base_fail_class deliver_mail(const struct deliver_world *w, const struct policy_publisher *t,
                                  const struct deliver_item *it, struct base_arena *a,
                                  struct deliver_done *out, struct base_fail *f)
{
    struct letter l = {.w = w, .t = t, .it = it, .a = a, .export = {.fd = -1}};
    bool sent = false;
    *out = (struct deliver_done){.where = it->mailbox};
    if (it->withdraw) {
        out->note = "a mail that was sent can't be taken back";
        return BASE_OK;
    }
    if (!w->cfg->smtp || !w->cfg->notice_from)
        return base_failf(f, BASE_PERMANENT, "deliver.smtp",
                          "%s: no mail server is configured (section notices, option smtp)", t->id);
    enum base_fail_class c =
        it->cert.key_id ? attach_key(&l, &sent, f) : attach_certificate(&l, f);
    if (!c && !sent)
        c = compose_and_send(&l, f);
    if (sent || c) {
        (void)finish(&l, false, NULL);
        return c;
    }
    out->where = base_arena_printf(a, "<%s>", l.form.id);
    out->note = l.older > 0 ? base_arena_printf(a, "with %lld older keys", (long long)l.older) : NULL;
    return it->cert.key_id ? finish(&l, true, f) : BASE_OK;
}
