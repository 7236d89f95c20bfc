/* agent/later.c - orders without a CSR: the recipient makes the key at the CA's page.
 *
 * The CA's invitation goes to the first address and is a person's alone: it is never
 * opened here. What this program can do is to say that it came and is genuine, to know
 * that the order waits for it, and to store the certificate without its key afterwards.
 * The certificate is believed from the API only, because no key is known to hold it against. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cert/check.h"
#include "form.h"
#include "policy/watch.h"

static json_t *request_of(const struct ledger_order *o)
{
    struct base_fail f = {0};
    return o->request ? base_json_parse(o->request, strlen(o->request), 1 << 20, &f) : NULL;
}

/* Ordered without a CSR, and its certificate is not here? */
static bool waits(const struct ledger_order *o)
{
    json_t *req = request_of(o);
    bool is = agent_form_later(req) && !o->spki && !agent_order_ended(o);
    json_decref(req);
    return is;
}

const char *agent_later_waits(struct base_arena *a, const struct ledger_order *o,
                              const json_t *request)
{
    return base_arena_printf(a, "waiting for pick-up: %s %s the CA's invitation and makes the key in a "
                                "browser; if the CA sends it again, the old link is void",
                             o->mailbox,
                             base_json_int(request, "invited", 0) ? "has" : "will get");
}

/* The order that invitation C belongs to: by the CA's number, else by the mailbox. */
static bool find(struct agent *ag, struct agent_case *c, struct ledger_order *out)
{
    struct base_fail f = {0};
    struct ledger_order *v;
    size_t n = 0;
    const char *id = policy_facts_id(c->facts, "order"), *box = c->facts->mailbox;
    if (!box)
        box = c->mail.rcpt;
    if (!box || ledger_order_list(ag->ledger, c->a, box, 0, 500, &v, &n, &f))
        return false;
    for (size_t i = n; i > 0; i--)
        if (waits(&v[i - 1]) && (!id || !v[i - 1].ca_order || strcmp(v[i - 1].ca_order, id) == 0)) {
            *out = v[i - 1];
            return true;
        }
    return false;
}

/* Only the CA's number of the order ties a mail to it; a mailbox may have been named by others. */
static bool is_certain(const struct agent_case *c, const struct ledger_order *o)
{
    const char *id = policy_facts_id(c->facts, "order");
    return id && o->ca_order && strcmp(id, o->ca_order) == 0;
}

static void tell(struct agent *ag, struct agent_case *c, const struct ledger_order *o)
{
    const char *body = base_arena_printf(
        c->a,
        "A mail of the certificate authority came for\n\n    %s\n\n"
        "with which the key and the certificate of order %lld are made. The CA signed it%s\n\n"
        "    subject      %s\n    Message-ID   %s\n\n"
        "Its link must be opened by the owner of this mailbox, in the browser of the computer\n"
        "where the certificate shall be used: the key is made there, and nobody else ever\n"
        "gets it. certmilter does not open it. If the CA sends the invitation again, the link\n"
        "of this mail is void and only the newest works.\n",
        o->mailbox, (long long)o->id,
        is_certain(c, o) ? ", and it names the order that we placed."
                         : ".\nIt names no order that we could compare: we placed one, and nothing says "
                           "that this\nmail is about another, but look at its page before you go on.",
        c->facts->subject ? c->facts->subject : "",
        c->mail.message_id ? c->mail.message_id : "");
    const char *subject =
        base_arena_printf(c->a, "certmilter: %s is invited to make a certificate", o->mailbox);
    agent_notice(ag, base_arena_printf(c->a, "invited:%lld", (long long)c->mail.id), o->mailbox, subject,
                 body);
    agent_notice(ag, base_arena_printf(c->a, "invited-contact:%lld", (long long)c->mail.id),
                 agent_contact(ag, o->tenant), subject, body);
}

void agent_later_invited(struct agent *ag, struct agent_case *c)
{
    struct base_fail f = {0};
    struct ledger_order o;
    if (!ledger_in_transaction(ag->ledger) || !find(ag, c, &o))
        return;
    json_t *req = request_of(&o), *data = json_object();
    bool again = base_json_int(req, "invited", 0) != 0;
    base_json_setn(req, "invited", base_now());
    char *text = base_json_text(req);
    o.request = base_arena_strdup(c->a, text);
    free(text);
    if (strcmp(o.state, "person") == 0)
        o.reason = agent_later_waits(c->a, &o, req);
    base_json_set(data, "mailbox", o.mailbox);
    base_json_set(data, "mail", agent_object(c->a, "mail", c->mail.id));
    base_json_set(data, "reason",
                  again ? "the CA invited the recipient again: the link of before is void"
                        : "the CA invited the recipient to make the key");
    json_decref(req);
    if (!agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order")) {
        json_decref(data);
        return;
    }
    agent_event(ag, LOG_NOTICE, "order.invited", o.tenant, agent_object(c->a, "order", o.id), NULL,
                data);
    tell(ag, c, &o);
}

bool agent_later_adopt(struct agent *ag, struct base_arena *a, int64_t order,
                       const struct cert_fields *c, struct ledger_order *out)
{
    struct base_fail f = {0};
    struct ledger_order o;
    if (ledger_order_get(ag->ledger, a, order, &o, &f) || !waits(&o))
        return true;
    enum cert_mailbox_match m = cert_fields_has_mailbox(c, o.mailbox);
    if (m == CERT_MAILBOX_DIFFERENT ||
        (m == CERT_MAILBOX_FOLDED && !policy_config_folds(ag->conf->cfg, o.mailbox)))
        return true;
    o.spki = c->spki_sha256;
    *out = o;
    return agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order");
}

static bool awaited_for(struct agent *ag, struct base_arena *a, const char *mailbox)
{
    struct base_fail f = {0};
    struct ledger_order *v;
    size_t n = 0;
    if (ledger_order_list(ag->ledger, a, mailbox, 0, 500, &v, &n, &f))
        return false;
    for (size_t i = 0; i < n; i++)
        if (waits(&v[i]) && v[i].ca_order &&
            agent_job_add(ag, "order", agent_object(a, "order", v[i].id), v[i].id, 0, NULL))
            return true;
    return false;
}

bool agent_later_awaited(struct agent *ag, struct base_arena *a, const struct cert_fields *c)
{
    for (size_t i = 0; i < c->n_mailboxes; i++) {
        const char *m = policy_config_address(ag->conf->cfg, a, c->mailboxes[i].address);
        if (m && awaited_for(ag, a, m))
            return true;
    }
    return false;
}

/* ---- whose certificate it is, where no key tells -------------------------------------------- */

bool agent_certificate_known(struct agent *ag, struct base_arena *a, const struct cert_fields *c)
{
    struct base_fail f = {0};
    struct ledger_certificate have;
    return !ledger_certificate_find(ag->ledger, a, c->sha256, &have, &f);
}

bool agent_portal_adopt(struct agent *ag, struct base_arena *a, int64_t order,
                        const struct cert_fields *c, struct ledger_order *out)
{
    struct base_fail f = {0};
    struct ledger_order o;
    if (ledger_order_get(ag->ledger, a, order, &o, &f) || o.spki ||
        (!agent_order_is_portal(&o) && !agent_order_after_backup(&o)))
        return true;
    for (size_t i = 0; i < c->n_mailboxes; i++)
        if (policy_config_same_mailbox(ag->conf->cfg, c->mailboxes[i].address, o.mailbox)) {
            o.spki = c->spki_sha256;
            *out = o;
            return agent_ok(ag, ledger_order_update(ag->ledger, &o, &f), &f, "order");
        }
    return true;
}
