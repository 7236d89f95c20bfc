/* agent/conclude.c - what follows from a final decision on a mail.
 *
 * Writes within the caller's transaction: the mail's row, its token, the event
 * and whatever the verdict asks for (a notice, a job that collects). The link
 * with its token stays in the row only while somebody may still need it. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "form.h"

char *agent_facts_masked(const struct policy_facts *facts)
{
    json_t *j = policy_facts_to_json(facts), *links = base_json_arr(j, "links");
    for (size_t i = 0; i < json_array_size(links); i++) {
        json_t *l = json_array_get(links, i);
        const char *token = base_json_str(l, "token"), *url = base_json_str(l, "url");
        if (!token || !url)
            continue;
        char hash[BASE_SHA256_HEX];
        base_sha256_hex(url, strlen(url), hash);
        base_json_set(l, "url_sha256", hash);
        json_object_del(l, "url");
        json_object_del(l, "token");
    }
    json_object_del(j, "code");
    /* certificates are kept in their own table, not twice */
    json_object_del(j, "certificates");
    char *text = base_json_text(j);
    json_decref(j);
    return text;
}

static int priority_of(const struct policy_decision *d)
{
    switch (d->verdict) {
    case POLICY_ALARM:
        return LOG_ALERT;
    case POLICY_HOLD:
        return LOG_WARNING;
    case POLICY_OBSERVE:
    case POLICY_CONFIRM:
    case POLICY_COLLECT:
        return LOG_NOTICE;
    default:
        return LOG_INFO;
    }
}

static void write_event(struct agent *ag, struct agent_case *c, const struct policy_decision *d)
{
    json_t *data = json_object();
    base_json_set(data, "verdict", policy_verdict_name(d->verdict));
    base_json_set(data, "reason", d->reason);
    base_json_set(data, "text", d->text);
    base_json_set(data, "domain", c->facts->domain);
    base_json_set(data, "mailbox", c->facts->mailbox);
    base_json_set(data, "message_id", c->mail.message_id);
    base_json_set(data, "queue_id", c->mail.queue_id);
    base_json_set(data, "by", c->mail.approved_by);
    /* the other copies of the same request are no further alarms */
    bool alarm = d->verdict == POLICY_ALARM && agent_alarm_fresh(ag, c, d);
    int priority = d->verdict == POLICY_ALARM && !alarm ? LOG_NOTICE : priority_of(d);
    agent_event(ag, priority, alarm ? "alarm.mail" : "mail.decided",
                d->domain ? d->domain->tenant : NULL, agent_object(c->a, "mail", c->mail.id), NULL,
                data);
}

static bool write_mail(struct agent *ag, struct agent_case *c, const struct policy_decision *d)
{
    struct base_fail f = {0};
    bool held = d->verdict == POLICY_HOLD, collect = d->verdict == POLICY_COLLECT;
    json_t *j = policy_decision_to_json(d);
    char *decision = base_json_text(j), *facts = NULL;
    json_decref(j);
    c->mail.state = held ? "held" : "final";
    c->mail.verdict = policy_verdict_name(d->verdict);
    c->mail.reason = d->reason;
    c->mail.text = d->text;
    c->mail.decision = base_arena_strdup(c->a, decision);
    free(decision);
    if (d->intent) {
        c->mail.intent = d->intent->id;
        c->mail.account = d->intent->account;
    }
    /* a certificate's mail is needed whole until it was collected */
    if (!held && !collect) {
        facts = agent_facts_masked(c->facts);
        c->mail.facts = base_arena_strdup(c->a, facts);
        free(facts);
    }
    return agent_ok(ag, ledger_mail_update(ag->ledger, &c->mail, &f), &f, "mail");
}

/* The copies of a confirmed request that come late are counted with their intent. */
static bool count_copy(struct agent *ag, struct agent_case *c, const struct policy_decision *d)
{
    struct base_fail f = {0};
    if (!d->intent || d->intent->state != POLICY_INTENT_CONFIRMED ||
        d->verdict != POLICY_OBSERVE)
        return true;
    for (size_t i = 0; i < c->nintents; i++) {
        if (c->intents[i].p.id != d->intent->id)
            continue;
        c->intents[i].p.confirmed_copies++;
        return agent_ok(ag, ledger_intent_update(ag->ledger, &c->intents[i], &f), &f, "intent");
    }
    return true;
}

bool agent_key_refused(const struct base_fail *f)
{
    return strcmp(f->code, "ca.key") == 0 || strcmp(f->code, "ca.denied") == 0;
}

void agent_notice_key(struct agent *ag, struct base_arena *a, const char *account,
                      const char *tenant)
{
    char day[BASE_TIME_LEN];
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    agent_notice(ag, base_arena_printf(a, "account:%s:%s", account, day), agent_contact(ag, tenant),
                 base_arena_printf(a, "certmilter: the CA refuses our API key (account %s)", account),
                 base_arena_printf(a,
                                   "The CA refused the API key of account \"%s\".\n\n"
                                   "Nothing is confirmed and nothing is ordered over this "
                                   "account until the key works again.\n"
                                   "What to do: look at the key in the CA's portal, put a "
                                   "valid one into the credential, run \"certmilter doctor\" "
                                   "and reload certagentd.\n",
                                   account));
}

static void tell(struct agent *ag, struct agent_case *c, const struct policy_decision *d)
{
    if (d->verdict == POLICY_ALARM || d->notify)
        agent_notice_mail_alarm(ag, c, d);
    else if (d->verdict == POLICY_HOLD && d->domain)
        agent_notice_held(ag, c, d);
    if (d->account_alarm && d->intent && d->intent->account)
        agent_notice_key(ag, c->a, d->intent->account, d->domain ? d->domain->tenant : NULL);
}

void agent_mail_conclude(struct agent *ag, struct agent_case *c, const struct policy_decision *d)
{
    struct base_fail f = {0};
    if (c->token_hash[0] &&
        !agent_ok(ag,
                  ledger_token_seen(ag->ledger, c->token_hash, c->mail.id,
                                    d->intent ? d->intent->id : 0, &f),
                  &f, "token"))
        return;
    if (!write_mail(ag, c, d) || !count_copy(ag, c, d))
        return;
    write_event(ag, c, d);
    if (c->facts->kind == POLICY_KIND_CSR_INVITATION && d->verdict == POLICY_OBSERVE &&
        strcmp(d->reason, "for-a-person") == 0)
        agent_later_invited(ag, c);
    if (d->verdict == POLICY_COLLECT)
        agent_job_add(ag, "collect", base_arena_printf(c->a, "collect:mail:%lld", (long long)c->mail.id),
                      c->mail.id, 0, NULL);
    tell(ag, c, d);
}

bool agent_mail_requeue(struct agent *ag, int64_t mail)
{
    char key[40];
    snprintf(key, sizeof(key), "mail:%lld", (long long)mail);
    return agent_job_add(ag, "mail", key, mail, base_now(), NULL);
}

#define HELD_PAGES 50 /* of 100: forged mails that are held must not hide ours */

static bool concerns(const struct agent *ag, const struct ledger_mail *m, const char *domain, const char *mailbox)
{
    return (domain && m->domain && strcmp(domain, m->domain) == 0) ||
           (mailbox && policy_config_same_mailbox(ag->conf->cfg, mailbox, m->mailbox));
}

/* Held mails that the new state of an intent may release, newest first. */
void agent_mails_reconsider(struct agent *ag, const char *domain, const char *mailbox)
{
    int64_t before = 0;
    size_t n = 100;
    for (int page = 0; page < HELD_PAGES && n == 100; page++) {
        struct base_arena *a = base_arena_new();
        struct base_fail f = {0};
        struct ledger_mail *m;
        if (!agent_ok(ag, ledger_mail_list(ag->ledger, a, "held", before, 100, &m, &n, &f), &f,
                      "mails"))
            n = 0;
        for (size_t i = 0; i < n; i++) {
            before = m[i].id;
            if (concerns(ag, &m[i], domain, mailbox))
                agent_mail_requeue(ag, m[i].id);
        }
        base_arena_free(a);
    }
}
