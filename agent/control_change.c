/* agent/control_change.c - commands that change something.
 *
 * Each runs inside a transaction that control.c commits before it answers. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "policy/recognise.h"

/* ---- domains and orders -------------------------------------------------------------- */

static json_t *strings(const struct policy_strings *s)
{
    json_t *l = json_array();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(l, json_string(s->v[i]));
    return l;
}

static enum base_fail_class tell_intent(struct agent *ag, int64_t id, const char *text, json_t *out,
                                        struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_intent i;
    enum base_fail_class r = ledger_intent_get(ag->ledger, a, id, &i, f);
    if (!r) {
        base_json_setn(out, "intent", id);
        base_json_set(out, "state", policy_intent_state_name(i.p.state));
        base_json_set(out, "domain", i.p.domain);
        base_json_set(out, "mailbox", i.p.mailbox);
        json_object_set_new(out, "recipients", strings(&i.p.recipients));
        base_json_set(out, "text", text);
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_domain_add(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t id = 0;
    const char *given = base_json_strd(req, "domain", ""), *name = policy_domain_alabel(a, given);
    const char *how = base_json_str(req, "method");
    const struct policy_domain *d = name ? policy_config_domain(ag->conf->cfg, name) : NULL;
    enum policy_method method = d ? d->method : POLICY_METHOD_EMAIL;
    enum base_fail_class r =
        !name ? base_failf(f, BASE_PERMANENT, "domain.name", "\"%s\" is no domain name", given)
        : how && !policy_method_parse(how, &method)
            ? base_failf(f, BASE_PERMANENT, "domain.method",
                         "method \"%.40s\": expected email, dns-txt, dns-cname or http", how)
            : agent_domain_request_by(ag, name, method, by, 0, &id, f);
    if (!r)
        r = tell_intent(ag, id,
                        base_arena_printf(a, "the CA is asked to validate %s; %s", name,
                                          method == POLICY_METHOD_EMAIL
                                              ? "its mails are expected from now on"
                                              : "certmilter domain list tells what happens next"),
                        answer, f);
    if (!r) {
        base_json_set(answer, "method", policy_method_name(method));
        base_json_setb(answer, "by_hand", agent_dns_by_hand(ag->conf->cfg, name, method));
    }
    base_arena_free(a);
    return r;
}

/* A person lets a record be written where the domain's mode is hold. */
static enum base_fail_class release(struct agent *ag, struct base_arena *a,
                                    const struct policy_domain *d, const char *by,
                                    const char *reason, json_t *answer, struct base_fail *f)
{
    struct ledger_intent *v;
    struct ledger_job job;
    struct dns_data data;
    size_t n = 0, i = 0;
    enum base_fail_class r =
        ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, f);
    while (!r && i < n &&
           (v[i].p.state != POLICY_INTENT_REQUESTING ||
            ledger_job_find(ag->ledger, a, agent_dns_key(a, v[i].p.id), &job, NULL) ||
            !agent_dns_read(a, job.data, &data)))
        i++;
    if (!r && (i == n || !data.token))
        return base_failf(f, BASE_PERMANENT, "domain.release",
                          "no record of %s waits to be released", d->name);
    if (r)
        return r;
    data.released = by;
    r = ledger_job_save(ag->ledger, job.id, agent_dns_write(a, &data), f);
    if (!r) {
        json_t *e = json_object();
        base_json_set(e, "domain", d->name);
        base_json_set(e, "reason", reason);
        base_json_set(e, "name", data.rec.name);
        agent_event(ag, LOG_NOTICE, "dns.released", d->tenant,
                    agent_object(a, "intent", v[i].p.id), by, e);
        if (!agent_job_add(ag, job.kind, job.key, job.ref, 0, NULL))
            return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
        base_json_setn(answer, "intent", v[i].p.id);
        base_json_set(answer, "text", "the record is written now");
    }
    return r;
}

enum base_fail_class agent_cmd_domain_release(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *given = base_json_strd(req, "domain", ""), *name = policy_domain_alabel(a, given);
    const char *reason = base_json_strd(req, "reason", "");
    const struct policy_domain *d = name ? policy_config_domain(ag->conf->cfg, name) : NULL;
    enum base_fail_class r;
    if (!d)
        r = base_failf(f, BASE_PERMANENT, "domain.unknown", "%s is no controlled domain of %s", given,
                       ag->conf->cfg->path);
    else if (agent_domain_mode(ag, d) != POLICY_MODE_HOLD)
        r = base_failf(f, BASE_PERMANENT, "domain.release",
                       "%s is in mode %s (%s): only mode hold waits for a person", d->name,
                       policy_mode_name(agent_domain_mode(ag, d)), d->where);
    else if (!reason[0] || strlen(reason) > 500)
        r = base_failf(f, BASE_PERMANENT, "held.reason",
                       "expected a reason of at most 500 bytes; it is kept with your name");
    else
        r = release(ag, a, d, by, reason, answer, f);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_order(struct agent *ag, const json_t *req, const char *by,
                                     json_t *answer, struct base_fail *f)
{
    return agent_order_place(ag, req, by, answer, f);
}

/* ---- expect: something was ordered in the CA's portal ----------------------------------- */

static enum base_fail_class expect_domain(struct agent *ag, struct base_arena *a,
                                          const json_t *req, struct ledger_intent *i,
                                          struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const char *name = base_json_strd(req, "name", "");
    const char *domain = NULL;
    bool mailbox = strcmp(base_json_strd(req, "kind", ""), "mailbox") == 0;
    if (mailbox) {
        i->p.mailbox = policy_mailbox_normal(a, name);
        domain = i->p.mailbox ? strrchr(i->p.mailbox, '@') + 1 : NULL;
    } else
        domain = policy_domain_alabel(a, name);
    if (!domain)
        return base_failf(f, BASE_PERMANENT, "expect.name", "\"%s\" is no %s", name,
                          mailbox ? "mail address" : "domain name");
    const struct policy_domain *d = policy_config_domain(cfg, domain);
    if (!d)
        return base_failf(f, BASE_PERMANENT, "domain.unknown",
                          "%s is no controlled domain of %s", domain, cfg->path);
    const char *account = base_json_strd(req, "account", d->account);
    if (!account || !policy_config_account(cfg, account))
        return base_failf(f, BASE_PERMANENT, "domain.guard",
                          "%s has no account (%s): nothing can be looked up, so nothing is expected",
                          domain, d->where);
    if (strcmp(policy_config_account(cfg, account)->tenant, d->tenant) != 0)
        return base_failf(f, BASE_PERMANENT, "expect.tenant",
                          "account \"%s\" belongs to another tenant than %s", account, domain);
    i->p.kind = mailbox ? POLICY_INTENT_MAILBOX : POLICY_INTENT_DOMAIN;
    i->p.domain = d->name;
    i->p.tenant = d->tenant;
    i->p.account = account;
    return BASE_OK;
}

enum base_fail_class agent_cmd_expect(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    static const char *const roles[] = {"admin", "administrator", "webmaster", "hostmaster",
                                        "postmaster"};
    struct base_arena *a = base_arena_new();
    const struct policy_config *cfg = ag->conf->cfg;
    int64_t now = base_now(), id = 0;
    struct ledger_intent i = {.by = by, .adopted = true};
    const char *box[5];
    enum base_fail_class r = expect_domain(ag, a, req, &i, f);
    if (!r) {
        bool mailbox = i.p.kind == POLICY_INTENT_MAILBOX;
        i.p.state = POLICY_INTENT_OPEN;
        i.p.order = base_json_str(req, "order");
        i.p.created = now;
        i.p.expires = now + (mailbox ? cfg->intent_life_mailbox : cfg->intent_life_domain);
        i.p.copies = mailbox ? 1 : 5;
        for (size_t k = 0; k < 5; k++)
            box[k] = mailbox ? i.p.mailbox : base_arena_printf(a, "%s@%s", roles[k], i.p.domain);
        i.p.recipients = (struct policy_strings){box, mailbox ? 1 : 5};
        i.next_look = i.p.expires;
        r = ledger_intent_add(ag->ledger, &i, &id, f);
    }
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "domain", i.p.domain);
        base_json_set(data, "mailbox", i.p.mailbox);
        base_json_set(data, "order", i.p.order);
        agent_event(ag, LOG_NOTICE, "intent.expected", i.p.tenant, agent_object(a, "intent", id), by,
                    data);
        agent_mails_reconsider(ag, i.p.domain, i.p.mailbox);
        ag->watch_dirty = true;
        r = tell_intent(ag, id,
                        "its mails are expected now; before anything is confirmed the CA is asked "
                        "whether the request is in our account",
                        answer, f);
    }
    base_arena_free(a);
    return r;
}

/* ---- consents ----------------------------------------------------------------------------- */

enum base_fail_class agent_cmd_consent_add(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *given = base_json_strd(req, "mailbox", "");
    struct ledger_consent c = {
        .mailbox = policy_mailbox_normal(a, given),
        .what = base_json_strd(req, "what", ""),
        .who = base_json_strd(req, "who", ""),
        .how = base_json_strd(req, "how", ""),
        .text = base_json_strd(req, "text", ""),
        .entered_by = by,
        .given = base_now(),
    };
    int64_t id = 0;
    enum base_fail_class r;
    if (!c.mailbox || !policy_config_mailbox_domain(ag->conf->cfg, c.mailbox))
        r = base_failf(f, BASE_PERMANENT, "consent.mailbox",
                       "\"%s\" is no address in a controlled domain", given);
    else if (strcmp(c.what, "mailbox-validation") != 0 && strcmp(c.what, "custody") != 0)
        r = base_failf(f, BASE_PERMANENT, "consent.what",
                       "\"%s\": expected mailbox-validation or custody", c.what);
    else if (!c.who[0] || !c.how[0] || !c.text[0])
        r = base_failf(f, BASE_PERMANENT, "consent.fields",
                       "a consent says who gave it, how, and to which text: --who, --how, --text");
    else
        r = ledger_consent_add(ag->ledger, &c, &id, f);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "mailbox", c.mailbox);
        base_json_set(data, "what", c.what);
        base_json_set(data, "who", c.who);
        base_json_set(data, "how", c.how);
        agent_event(ag, LOG_NOTICE, "consent.given", NULL, agent_object(a, "consent", id), by, data);
        agent_mails_reconsider(ag, NULL, c.mailbox);
        base_json_setn(answer, "consent", id);
    }
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_consent_withdraw(struct agent *ag, const json_t *req, const char *by,
                                                json_t *answer, struct base_fail *f)
{
    int64_t id = base_json_int(req, "id", 0);
    char object[40];
    (void)answer;
    enum base_fail_class r = ledger_consent_withdraw(ag->ledger, id, base_now(), by, f);
    if (r) {
        if (strcmp(f->code, "ledger.absent") == 0)
            return base_failf(f, BASE_PERMANENT, "consent.absent", "there is no consent %lld",
                              (long long)id);
        return r;
    }
    snprintf(object, sizeof(object), "consent:%lld", (long long)id);
    agent_event(ag, LOG_NOTICE, "consent.withdrawn", NULL, object, by, NULL);
    return BASE_OK;
}

/* ---- held mails ------------------------------------------------------------------------------ */

static enum base_fail_class get_held(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct ledger_mail *m, struct base_fail *f)
{
    int64_t id = base_json_int(req, "id", 0);
    const char *reason = base_json_strd(req, "reason", "");
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, m, f);
    if (r)
        return strcmp(f->code, "ledger.absent") == 0
                   ? base_failf(f, BASE_PERMANENT, "held.absent", "there is no mail %lld",
                                (long long)id)
                   : r;
    if (agent_mail_busy(ag, id))
        return base_failf(f, BASE_TEMPORARY, "held.busy",
                          "mail %lld is just being looked at again: try once more in a moment",
                          (long long)id);
    if (strcmp(m->state, "held") != 0)
        return base_failf(f, BASE_PERMANENT, "held.state", "mail %lld is not held (it is %s: %s)",
                          (long long)id, m->state, m->text ? m->text : "");
    if (!reason[0])
        return base_failf(f, BASE_PERMANENT, "held.reason",
                          "a reason is needed; it is kept with your name: --reason TEXT");
    return BASE_OK;
}

enum base_fail_class agent_cmd_held_approve(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    struct agent_case c = {0};
    struct policy_decision d;
    enum base_fail_class r = get_held(ag, a, req, &m, f);
    if (!r) {
        m.approved_by = by;
        m.approved_why = base_json_str(req, "reason");
        if (!agent_case_build(ag, a, &m, NULL, &c))
            r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the mail can't be read now");
    }
    if (!r) {
        policy_decide(a, POLICY_GATE_ASK, &c.ev, ag->conf->cfg, &d);
        if (d.verdict != POLICY_CONFIRM && d.verdict != POLICY_COLLECT)
            r = base_failf(f, BASE_PERMANENT, "held.refused",
                           "this can't be approved away: %s", d.text ? d.text : d.reason);
    }
    if (!r)
        r = ledger_mail_update(ag->ledger, &m, f);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "reason", m.approved_why);
        agent_event(ag, LOG_NOTICE, "held.approved", NULL, agent_object(a, "mail", m.id), by, data);
        agent_mail_requeue(ag, m.id);
        base_json_set(answer, "state", "working");
        base_json_set(answer, "text", "approved: the CA is asked, and the mail goes on its way");
    }
    agent_case_free(&c);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_held_deny(struct agent *ag, const json_t *req, const char *by,
                                         json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_mail m;
    struct agent_case c = {0};
    enum base_fail_class r = get_held(ag, a, req, &m, f);
    if (!r && !agent_case_build(ag, a, &m, NULL, &c))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the mail can't be read now");
    if (!r) {
        char *masked = agent_facts_masked(c.facts);
        m.facts = base_arena_strdup(a, masked);
        free(masked);
        m.state = "final";
        m.reason = "denied";
        m.text = base_arena_printf(a, "denied by %s: %s", by, base_json_strd(req, "reason", ""));
        r = ledger_mail_update(ag->ledger, &m, f);
    }
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "reason", base_json_str(req, "reason"));
        agent_event(ag, LOG_NOTICE, "held.denied", NULL, agent_object(a, "mail", m.id), by, data);
        base_json_set(answer, "state", "final");
        base_json_set(answer, "text", m.text);
    }
    agent_case_free(&c);
    base_arena_free(a);
    return r;
}

/* ---- local records of what a CA's mails and pages look like -------------------------------------- */

static enum base_fail_class rebuild(struct agent *ag, struct base_fail *f)
{
    json_t *req = json_object(), *answer = json_object();
    enum base_fail_class r = agent_cmd_reload(ag, req, "record", answer, f);
    json_decref(req);
    json_decref(answer);
    return r;
}

enum base_fail_class agent_cmd_record_approve(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *profile = base_json_strd(req, "profile", ""), *kn = base_json_strd(req, "kind", "");
    const char *tmpl = base_json_strd(req, "template", ""), *host = NULL;
    const struct policy_profile *p = policy_config_profile(ag->conf->cfg, profile);
    enum policy_kind kind;
    int port;
    enum base_fail_class r = BASE_OK;
    const char *wrong = policy_template_check(a, tmpl, true, p && p->rehearsal);
    (void)answer;
    if (!p || !policy_kind_parse(kn, &kind) || !policy_profile_kind(p, kind))
        r = base_failf(f, BASE_PERMANENT, "record.kind", "profile \"%s\" has no kind \"%s\"",
                       profile, kn);
    else if (wrong || !policy_url_host(a, tmpl, &host, &port))
        r = base_failf(f, BASE_PERMANENT, "record.template", "\"%s\": %s", tmpl,
                       wrong ? wrong : "names no host");
    else if (strcmp(host, base_json_strd(req, "host", "")) != 0)
        r = base_failf(f, BASE_PERMANENT, "record.host",
                       "the template's host is %s: approve it by that name", host);
    if (!r) {
        json_t *rec = json_object();
        char when[BASE_TIME_LEN];
        base_json_set(rec, "profile", profile);
        base_json_set(rec, "kind", kn);
        base_json_set(rec, "host", host);
        base_json_set(rec, "template", tmpl);
        if (base_json_obj(req, "form"))
            json_object_set(rec, "form", base_json_obj(req, "form"));
        base_json_set(rec, "by", by);
        base_json_set(rec, "at", base_time_rfc3339(base_now(), when));
        char *text = base_json_text(rec);
        r = ledger_text_set(ag->ledger, base_arena_printf(a, "record:%s:%s", profile, kn), text, f);
        free(text);
        agent_event(ag, LOG_NOTICE, "record.approved", NULL,
                    base_arena_printf(a, "profile:%s", profile), by, rec);
    }
    base_arena_free(a);
    return r ? r : rebuild(ag, f);
}

enum base_fail_class agent_cmd_record_withdraw(struct agent *ag, const json_t *req, const char *by,
                                               json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *key = base_arena_printf(a, "record:%s:%s", base_json_strd(req, "profile", ""),
                                        base_json_strd(req, "kind", ""));
    const char *old = NULL;
    (void)answer;
    enum base_fail_class r = ledger_text_get(ag->ledger, a, key, &old, f);
    if (!r && (!old || !old[0]))
        r = base_failf(f, BASE_PERMANENT, "record.absent", "nothing of that name is approved");
    if (!r)
        r = ledger_text_set(ag->ledger, key, "", f);
    if (!r)
        agent_event(ag, LOG_NOTICE, "record.withdrawn", NULL, key, by, NULL);
    base_arena_free(a);
    return r ? r : rebuild(ag, f);
}
