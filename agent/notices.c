/* agent/notices.c - mails of our own, to people who never saw this program.
 *
 * A notice is a job in the ledger (so it survives everything) and goes once per
 * key: five copies of one request are one alarm. It leaves over SMTP to the
 * local MTA. No notice ever holds a link or a token. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/smtp.h"

#define ALARMS_A_DAY 20 /* mails about one name */

const char *agent_contact(const struct agent *ag, const char *tenant)
{
    const struct policy_config *cfg = ag->conf->cfg;
    const struct policy_tenant *t = tenant ? policy_config_tenant(cfg, tenant) : NULL;
    if (!t && cfg->ntenants == 1)
        t = &cfg->tenants[0];
    return t ? t->contact : NULL;
}

void agent_notice(struct agent *ag, const char *key, const char *to, const char *subject,
                  const char *body)
{
    struct base_fail f = {0};
    bool fresh = false;
    if (!to || !ag->conf->cfg->smtp || !ledger_in_transaction(ag->ledger)) {
        base_log(LOG_WARNING, "notice.nobody", "key", key, "subject", subject, NULL);
        return;
    }
    if (!agent_ok(ag, ledger_notice_once(ag->ledger, key, base_now(), &fresh, &f), &f, "notice") ||
        !fresh)
        return;
    json_t *data = json_object();
    base_json_set(data, "to", to);
    base_json_set(data, "subject", subject);
    base_json_set(data, "body", body);
    char *text = base_json_text(data);
    json_decref(data);
    char jobkey[BASE_SHA256_HEX + 8] = "notice:";
    base_sha256_hex(key, strlen(key), jobkey + 7);
    agent_job_add(ag, "notice", jobkey, 0, 0, text);
    free(text);
}

/* ---- what is said about a mail ------------------------------------------------------- */

static const char *ids_text(struct base_arena *a, const struct policy_facts *f)
{
    const char *text = "";
    for (size_t i = 0; i < f->nids; i++)
        text = base_arena_printf(a, "%s    %-13s%s\n", text, f->ids[i].name, f->ids[i].value);
    return text;
}

static const char *what_it_is(const struct policy_facts *f)
{
    return f->kind == POLICY_KIND_MAILBOX_VALIDATION
               ? "Somebody asked this certificate authority for a certificate for the mailbox below."
               : "Somebody asked this certificate authority to confirm control of the domain below.";
}

static const char *alarm_body(const struct agent_case *c, const struct policy_decision *d)
{
    const struct policy_facts *f = c->facts;
    struct base_arena *a = c->a;
    char when[BASE_TIME_LEN];
    base_time_rfc5322(c->mail.received, when);
    bool alarm = d->verdict == POLICY_ALARM;
    return base_arena_printf(
        a,
        "%s\n\n    %-13s%s\n%s\n%s\n\n"
        "The mail of the certificate authority:\n\n"
        "    from         %s\n    to           %s\n    received     %s\n    subject      %s\n"
        "    Message-ID   %s\n    queue id     %s\n    signature    %s\n\n%s",
        what_it_is(f), f->mailbox ? "mailbox" : "domain",
        f->mailbox ? f->mailbox : f->domain ? f->domain : "(not named)", ids_text(a, f),
        d->text ? d->text : "", f->nfrom ? f->from[0] : "(none)", c->mail.rcpt, when,
        f->subject ? base_printable(a, f->subject, strlen(f->subject), 200) : "(none)",
        f->message_id ? base_printable(a, f->message_id, strlen(f->message_id), 200) : "(none)",
        c->mail.queue_id && c->mail.queue_id[0] ? c->mail.queue_id : "(unknown)",
        f->auth.domain ? f->auth.domain : "(none)",
        alarm ? "certmilter did not answer it: there is no record that your organization asked for\n"
                "this. Whoever confirms it may give a stranger certificates for your domain.\n\n"
                "What to do:\n"
                "  1. Open no link of that mail, in any of its copies.\n"
                "  2. Ask your colleagues whether one of them ordered a certificate. If so:\n"
                "     \"certmilter expect\" makes it known, and the next mail is answered.\n"
                "  3. If nobody did: call the certificate authority, read the numbers above to\n"
                "     them, and ask them to reject the request.\n"
              : "certmilter did nothing with it.\n");
}

static const char *name_of(const struct policy_facts *f)
{
    return f->domain ? f->domain : f->mailbox ? f->mailbox : "?";
}

/* One per request and day: copies of one request name the same id. */
static const char *request_key(const struct agent_case *c, const struct policy_decision *d)
{
    const char *id = policy_facts_id(c->facts, "order");
    char day[BASE_TIME_LEN];
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    if (!id)
        id = c->facts->nids ? c->facts->ids[0].value : "";
    return base_arena_printf(c->a, "mail:%s:%s:%s:%s:%s", policy_verdict_name(d->verdict),
                             d->reason, name_of(c->facts), id, day);
}

bool agent_alarm_fresh(struct agent *ag, const struct agent_case *c,
                       const struct policy_decision *d)
{
    struct base_fail f = {0};
    bool fresh = true;
    const char *key = base_arena_printf(c->a, "event:%s", request_key(c, d));
    if (ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_notice_once(ag->ledger, key, base_now(), &fresh, &f), &f, "notice");
    return fresh;
}

/* A flood of orders must not be a flood of mails to the people who have to act. */
static bool flooded(struct agent *ag, const struct agent_case *c, const char *name,
                    const char *contact)
{
    struct base_fail f = {0};
    int64_t n = 0;
    char day[BASE_TIME_LEN];
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    const char *count = base_arena_printf(c->a, "alarms:%s:%s", name, day);
    if (!ledger_in_transaction(ag->ledger) ||
        !agent_ok(ag, ledger_meta_get(ag->ledger, count, &n, 0, &f), &f, "meta") ||
        !agent_ok(ag, ledger_meta_set(ag->ledger, count, n + 1, &f), &f, "meta"))
        return false;
    if (n == ALARMS_A_DAY)
        agent_notice(ag, base_arena_printf(c->a, "flood:%s:%s", name, day), contact,
                     base_arena_printf(c->a, "certmilter: ALARM: a flood of requests for %s", name),
                     base_arena_printf(
                         c->a,
                         "More than %d requests for\n\n    %s\n\ncame today that nobody of us made. "
                         "Further ones of today are not mailed;\nthey stand in \"certmilter events\". "
                         "None of them is answered.\n\nCall the certificate authority.\n",
                         ALARMS_A_DAY, name));
    return n >= ALARMS_A_DAY;
}

void agent_notice_held(struct agent *ag, const struct agent_case *c,
                       const struct policy_decision *d)
{
    const char *name = name_of(c->facts);
    char day[BASE_TIME_LEN];
    base_time_rfc3339(base_now(), day);
    day[10] = 0;
    agent_notice(
        ag, base_arena_printf(c->a, "held:%s:%s", name, day),
        agent_contact(ag, d->domain ? d->domain->tenant : NULL),
        base_arena_printf(c->a, "certmilter: a mail about %s waits for your decision", name),
        base_arena_printf(
            c->a,
            "A mail of a certificate authority about\n\n    %s\n\nis held. %s\n\n"
            "    certmilter held show %lld       what it is, and each check\n"
            "    certmilter held approve %lld    to go on, where a person may decide\n"
            "    certmilter held deny %lld       to leave it\n\n"
            "Nothing happens until then. At most one such mail a day is sent for a name; all that\n"
            "waits is in \"certmilter held list\".\n",
            name, d->text ? d->text : "", (long long)c->mail.id, (long long)c->mail.id,
            (long long)c->mail.id));
}

void agent_notice_mail_alarm(struct agent *ag, const struct agent_case *c,
                             const struct policy_decision *d)
{
    const char *key = request_key(c, d), *name = name_of(c->facts);
    const char *subject =
        d->verdict == POLICY_ALARM
            ? base_arena_printf(c->a, "certmilter: ALARM: nobody of us asked to validate %s", name)
            : base_arena_printf(c->a, "certmilter: notice about %s", name);
    const char *contact = agent_contact(ag, d->domain ? d->domain->tenant : NULL);
    bool fresh = true;
    struct base_fail f = {0};
    const char *counted = base_arena_printf(c->a, "counted:%s", key);
    if (!ledger_in_transaction(ag->ledger) ||
        !agent_ok(ag, ledger_notice_once(ag->ledger, counted, base_now(), &fresh, &f), &f, "notice"))
        return;
    if (fresh && !flooded(ag, c, name, contact))
        agent_notice(ag, key, contact, subject, alarm_body(c, d));
}

/* ---- sending -------------------------------------------------------------------------- */

struct notice {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    json_t *data;
    enum base_fail_class cls;
    struct base_fail fail;
};

/* RFC 2047 for what isn't ASCII: subjects may name internationalized mailboxes.
 * Words of at most 75 characters, cut between characters. */
static const char *header_text(struct base_arena *a, const char *s)
{
    const char *clean = base_printable(a, s, strlen(s), 300), *p = clean, *out = "";
    while (*p && (unsigned char)*p < 127)
        p++;
    if (!*p)
        return clean;
    for (p = clean; *p;) {
        size_t n = strnlen(p, 45);
        while (p[n] && ((unsigned char)p[n] & 0xc0) == 0x80)
            n--;
        out = base_arena_printf(a, "%s%s=?utf-8?B?%s?=", out, out[0] ? "\r\n " : "",
                                base_base64(a, p, n));
        p += n;
    }
    return out;
}

static void send_run(struct agent_task *t)
{
    struct notice *k = (struct notice *)t;
    const struct policy_config *cfg = k->conf->cfg;
    char now[BASE_TIME_LEN], id[27];
    const char *to = base_json_strd(k->data, "to", ""), *body = base_json_strd(k->data, "body", "");
    base_time_rfc5322(base_now(), now);
    base_random_id(id, 26);
    const char *from = cfg->notice_from, *host = cfg->hostname ? cfg->hostname : "localhost";
    char *b64 = base_base64(k->a, body, strlen(body));
    struct base_buf m;
    base_buf_init(&m, 1 << 20);
    base_buf_addf(&m,
                  "From: certmilter <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n"
                  "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n"
                  "X-Certmilter-Notice: 1\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n",
                  from, to, header_text(k->a, base_json_strd(k->data, "subject", "certmilter")), now,
                  id, host);
    for (size_t n = strlen(b64), at = 0; at < n; at += 76)
        base_buf_addf(&m, "%.76s\r\n", b64 + at);
    struct net_mail mail = {
        .server = cfg->smtp,
        .helo = host,
        .from = "", /* a bounce of a notice must not come back as a notice */
        .rcpts = &to,
        .nrcpts = 1,
        .message = m.p,
        .nmessage = m.n,
    };
    k->cls = net_smtp_send(&mail, &k->fail);
    base_buf_free(&m);
}

static void send_free(struct agent *ag, struct notice *k)
{
    agent_job_over(ag, k->job.id);
    json_decref(k->data);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void send_done(struct agent *ag, struct agent_task *t)
{
    struct notice *k = (struct notice *)t;
    if (!ag->stopping && agent_begin(ag)) {
        if (k->cls == BASE_TEMPORARY)
            agent_job_retry(ag, &k->job, &k->fail, 0);
        else {
            json_t *data = json_object();
            base_json_set(data, "to", base_json_str(k->data, "to"));
            base_json_set(data, "subject", base_json_str(k->data, "subject"));
            base_json_set(data, "error", k->cls ? k->fail.text : NULL);
            agent_event(ag, k->cls ? LOG_ERR : LOG_INFO, k->cls ? "notice.failed" : "notice.sent",
                        NULL, "notice", NULL, data);
            agent_job_done(ag, k->job.id);
        }
        agent_commit(ag);
    }
    send_free(ag, k);
}

void agent_notice_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct notice *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    k->data = job->data ? base_json_parse(job->data, strlen(job->data), 1 << 20, &f) : NULL;
    if (!k->data || !k->conf->cfg->smtp) {
        agent_job_done(ag, job->id);
        send_free(ag, k);
        return;
    }
    k->task.run = send_run;
    k->task.done = send_done;
    snprintf(k->task.key, sizeof(k->task.key), "smtp");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
