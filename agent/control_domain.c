/* agent/control_domain.c - commands that begin or release the validation of a domain.
 *
 * Each runs inside a transaction that control.c commits before it answers. */
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "policy/recognise.h"
#include "show.h"

/* ---- domains ------------------------------------------------------------------------ */

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
        json_object_set_new(out, "recipients", agent_string_list(i.p.recipients.v, i.p.recipients.n));
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
