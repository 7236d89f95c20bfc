/* agent/evidence.c - what the ledger and the configuration say about one mail.
 *
 * Reads only. A case lives in one arena; the pool threads get copies of what
 * they need, never the case. */
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "dcv/dcv.h"
#include "policy/recognise.h"

#define FACTS_MAX (16 * 1024 * 1024)
#define WEEK (7 * 86400)

static bool read_facts(struct agent_case *c)
{
    struct base_fail f = {0};
    json_t *j;
    if (c->facts)
        return true;
    if (!c->mail.facts)
        return false;
    j = base_json_parse(c->mail.facts, strlen(c->mail.facts), FACTS_MAX, &f);
    if (!j || policy_facts_from_json(c->a, j, &c->facts, &f)) {
        base_log_fail(LOG_ERR, "mail.facts", &f, "mail", base_log_num(c->mail.id), NULL);
        json_decref(j);
        return false;
    }
    json_decref(j);
    return true;
}

static const char *mailbox_of(const struct agent_case *c)
{
    return c->facts->mailbox;
}

static const char *domain_of(const struct agent_case *c)
{
    if (c->facts->domain)
        return c->facts->domain;
    const char *at = c->facts->mailbox ? strrchr(c->facts->mailbox, '@') : NULL;
    return at ? at + 1 : NULL;
}

/* A request that is shown in the DNS or by a file expects no mail, nor did one that ended
 * without that the CA was ever asked for a mail. */
static bool expects_mail(struct agent *ag, struct agent_case *c, const struct ledger_intent *i)
{
    bool ended = i->p.state != POLICY_INTENT_REQUESTING && i->p.state != POLICY_INTENT_OPEN &&
                 i->p.state != POLICY_INTENT_CONFIRMING && i->p.state != POLICY_INTENT_UNKNOWN;
    if (i->p.kind != POLICY_INTENT_DOMAIN)
        return true;
    if (ended && i->p.copies == 0 && !i->adopted && i->order_row == 0)
        return false;
    return agent_dns_method(ag, c->a, i->p.id) == POLICY_METHOD_EMAIL;
}

static bool read_intents(struct agent *ag, struct agent_case *c)
{
    struct base_fail f = {0};
    bool mailbox_kind = c->facts->kind == POLICY_KIND_MAILBOX_VALIDATION;
    const char *domain = mailbox_kind ? NULL : c->facts->domain;
    const char *mailbox = mailbox_of(c), *at = c->mail.rcpt ? strrchr(c->mail.rcpt, '@') : NULL;
    /* a validation mail that names no domain may still be the answer to a request of ours */
    if (!domain && at && c->facts->kind == POLICY_KIND_DOMAIN_VALIDATION)
        domain = at + 1;
    if (!domain && !mailbox)
        return true;
    if (!agent_ok(ag,
                  ledger_intent_match(ag->ledger, c->a, domain, mailbox, c->ev.now, &c->intents,
                                      &c->nintents, &f),
                  &f, "intents"))
        return false;
    size_t left = 0;
    for (size_t i = 0; i < c->nintents; i++)
        if (expects_mail(ag, c, &c->intents[i]))
            c->intents[left++] = c->intents[i];
    c->nintents = left;
    struct policy_intent *p = base_arena_array(c->a, c->nintents + 1, sizeof(*p));
    for (size_t i = 0; i < c->nintents; i++)
        p[i] = c->intents[i].p;
    c->ev.intents = p;
    c->ev.nintents = c->nintents;
    return true;
}

static bool read_token(struct agent *ag, struct agent_case *c)
{
    struct base_fail f = {0};
    enum ledger_token_state st;
    int64_t mail;
    const struct policy_link *link = policy_facts_link(c->facts);
    if (!link || !link->token)
        return true;
    c->token = link->token;
    base_sha256_hex(c->token, strlen(c->token), c->token_hash);
    if (!agent_ok(ag, ledger_token_get(ag->ledger, c->token_hash, &st, &mail, &f), &f, "token"))
        return false;
    /* a run of this very mail that was killed after the commit is its intent's
     * business (state confirming), any other use of the token is a replay */
    c->ev.token_used = st == LEDGER_TOKEN_USED || st == LEDGER_TOKEN_CLOSED;
    for (size_t i = 0; i < c->nintents && !c->ev.token_known; i++)
        if (!agent_ok(ag,
                      ledger_token_is_known(ag->ledger, c->token_hash, c->intents[i].p.id,
                                            &c->ev.token_known, &f),
                      &f, "token"))
            return false;
    return true;
}

static bool read_domain(struct agent *ag, struct agent_case *c)
{
    struct base_fail f = {0};
    struct ledger_domain ld;
    const char *domain = domain_of(c);
    const struct policy_domain *pd = domain ? policy_config_domain(ag->conf->cfg, domain) : NULL;
    if (!pd)
        return true;
    struct ledger_domain_look look;
    if (!agent_ok(ag, ledger_domain_look_get(ag->ledger, c->a, pd->name, &look, &f), &f, "domain"))
        return false;
    c->ev.mx_elsewhere = look.dropped != 0;
    if (!agent_ok(ag,
                  ledger_mail_unexplained(ag->ledger, domain, c->ev.now - WEEK,
                                          &c->ev.unexplained_mails_7d, &f),
                  &f, "mails"))
        return false;
    if (pd->account) {
        enum base_fail_class r =
            ledger_domain_get(ag->ledger, c->a, domain, pd->account, &ld, &f);
        if (r == BASE_OK)
            c->ev.domain_validated = strcmp(ld.state, "valid") == 0 &&
                                     (!ld.valid_until || ld.valid_until > c->ev.now);
        else if (strcmp(f.code, "ledger.absent") != 0)
            return agent_ok(ag, r, &f, "domain");
    }
    if (c->facts->kind == POLICY_KIND_MAILBOX_VALIDATION && mailbox_of(c))
        return agent_ok(ag,
                        ledger_consent_valid(ag->ledger, mailbox_of(c), "mailbox-validation",
                                             &c->ev.consent, &f),
                        &f, "consent");
    return true;
}

/* A local approval by name of an unverified kind; a page that differs from what
 * was approved is judged when the page is there, below. */
static bool read_record(struct agent *ag, struct agent_case *c)
{
    struct base_fail f = {0};
    const char *text = NULL;
    if (!c->facts->profile)
        return true;
    const char *key = base_arena_printf(c->a, "record:%s:%s", c->facts->profile,
                                        policy_kind_name(c->facts->kind));
    if (!agent_ok(ag, ledger_text_get(ag->ledger, c->a, key, &text, &f), &f, "record"))
        return false;
    c->ev.record_approved = text && text[0];
    return true;
}

bool agent_case_record_differs(struct agent *ag, const struct agent_case *c,
                               const struct policy_kind_rules *rules,
                               const struct policy_page *page, const char *page_url)
{
    struct base_fail f = {0};
    const char *text = NULL;
    const char *key = base_arena_printf(c->a, "record:%s:%s", c->facts->profile,
                                        policy_kind_name(c->facts->kind));
    if (!c->ev.record_approved || !page)
        return false;
    if (ledger_text_get(ag->ledger, c->a, key, &text, &f) || !text)
        return true;
    json_t *rec = base_json_parse(text, strlen(text), 65536, &f), *form = base_json_obj(rec, "form");
    struct dcv_post post;
    bool differs = true;
    if (!form)
        differs = page->nforms > 0;
    else if (!dcv_form_build(c->a, rules, page, page_url, NULL, &post, &f)) {
        const char *want = base_json_strd(form, "action", ""), *host, *path = NULL;
        int port;
        if (policy_url_host(c->a, post.url, &host, &port))
            path = strchr(post.url + strlen("https://"), '/');
        differs = !path || strncmp(path, want, strlen(want)) != 0;
    }
    json_decref(rec);
    return differs;
}

bool agent_case_build(struct agent *ag, struct base_arena *a, const struct ledger_mail *mail,
                      struct policy_facts *facts, struct agent_case *out)
{
    memset(out, 0, sizeof(*out));
    out->a = a;
    out->mail = *mail;
    out->facts = facts;
    if (!read_facts(out))
        return false;
    out->ev.now = base_now();
    out->ev.received = mail->received;
    out->ev.facts = out->facts;
    out->ev.rcpt = mail->rcpt;
    out->ev.has_accounts = ag->conf->nusable > 0;
    if (mail->approved_by) {
        out->ev.approval.given = true;
        out->ev.approval.who = mail->approved_by;
        out->ev.approval.reason = mail->approved_why;
    }
    return read_intents(ag, out) && read_token(ag, out) && read_domain(ag, out) &&
           read_record(ag, out);
}

void agent_case_free(struct agent_case *c)
{
    if (c->facts)
        json_decref(c->facts->certificates);
}
