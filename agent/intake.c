/* agent/intake.c - from the spool to the ledger.
 *
 * Owns the names of spool files in flight. A file is claimed and inspected in a
 * pool thread; what came out is written in one transaction for a whole batch,
 * then the files go. Killed in between, the file is still in cur/ and is
 * inspected again; its identity makes the second taking change nothing.
 * A key that can't be looked up leaves the file in cur/ for a later try. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "inspect/client.h"
#include "policy/watch.h"

#define IN_FLIGHT 32      /* mails being inspected: bounds memory to 32 x 11 MiB */
#define LIST_MAX 256
#define RCPT_MAX 50       /* recipients of one mail that are looked at */
#define GIVE_UP (12 * 3600)
#define DEATHS 2          /* inspectors that one mail may cost before it goes to dead/ */

struct item { /* one spool file on its way */
    struct agent_task task;
    struct agent_conf *conf;
    struct base_arena *a;
    char name[SPOOL_NAME_LEN];
    bool in_cur;
    int tries; /* that failed before */
    struct spool_reader *reader;
    struct spool_mail *mail;
    struct policy_facts *facts;
    bool waits; /* stays in cur/ for a later try */
    enum base_fail_class cls;
    struct base_fail fail;
    struct item *next;
};

struct wait { /* a file in cur/ that is tried again later */
    char name[SPOOL_NAME_LEN];
    int64_t at; /* base_mono_ms() */
    int tries;
    struct wait *next;
};

struct agent_intake {
    size_t in_flight;
    struct item *ready, **ready_last;
    struct wait *waiting;
    bool more; /* the last listing was cut, or files were passed over */
};

static enum inspect_key_status look_up(void *ctx, struct base_arena *a, const char *domain,
                                       const char *selector, const char **txt)
{
    struct net_dns_answer ans;
    struct agent_conf *conf = ctx;
    net_dns_lookup(conf->resolver, NET_DNS_TXT,
                   base_arena_printf(a, "%s._domainkey.%s", selector, domain), a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL)
        return INSPECT_KEY_TEMPFAIL;
    /* RFC 6376 section 3.6.2.2: several records are undefined; none is trusted */
    if (ans.status == NET_DNS_NONE || ans.n != 1 || strlen(ans.records[0].text) != ans.records[0].len)
        return INSPECT_KEY_NONE;
    *txt = ans.records[0].text;
    return INSPECT_KEY_RECORD;
}

static void run(struct agent_task *t)
{
    struct item *it = (struct item *)t;
    it->cls = it->in_cur ? spool_load(it->reader, it->name, &it->mail, &it->fail)
                         : spool_claim(it->reader, it->name, &it->mail, &it->fail);
    if (it->cls)
        return;
    it->in_cur = true;
    struct inspect_mail_options o = {
        .program = it->conf->inspector,
        .profiles_text = it->conf->profiles,
        .key = look_up,
        .key_ctx = it->conf,
        .now = base_now(),
    };
    it->cls = inspect_mail(it->a, &o, it->mail->raw, &it->facts, &it->fail);
}

static void item_free(struct item *it)
{
    if (it->facts)
        json_decref(it->facts->certificates);
    spool_mail_free(it->mail);
    agent_conf_unref(it->conf);
    base_arena_free(it->a);
    free(it);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct item *it = (struct item *)t;
    it->next = NULL;
    *ag->intake->ready_last = it;
    ag->intake->ready_last = &it->next;
}

static void submit(struct agent *ag, const char *name, bool in_cur, int tries)
{
    struct item *it = base_xmalloc(sizeof(*it));
    memset(it, 0, sizeof(*it));
    it->task.run = run;
    it->task.done = done;
    it->conf = agent_conf_ref(ag->conf);
    it->a = base_arena_new();
    it->reader = ag->reader;
    it->in_cur = in_cur;
    it->tries = tries;
    memcpy(it->name, name, strnlen(name, sizeof(it->name) - 1));
    ag->intake->in_flight++;
    agent_pool_submit(ag->pool, AGENT_LANE_CPU, &it->task);
}

static void wait_for(struct agent *ag, const char *name, int tries, int64_t ms)
{
    struct wait *w = base_xmalloc(sizeof(*w));
    memset(w, 0, sizeof(*w));
    memcpy(w->name, name, strnlen(name, sizeof(w->name) - 1));
    w->tries = tries;
    w->at = base_mono_ms() + ms;
    w->next = ag->intake->waiting;
    ag->intake->waiting = w;
}

void agent_intake_start(struct agent *ag)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    const char **names;
    size_t n;
    ag->intake = base_xmalloc(sizeof(*ag->intake));
    memset(ag->intake, 0, sizeof(*ag->intake));
    ag->intake->ready_last = &ag->intake->ready;
    if (spool_list_cur(ag->reader, a, 1000000, &names, &n, &f))
        base_log_fail(LOG_ERR, "spool.list", &f, NULL);
    else
        for (size_t i = n; i-- > 0;)
            wait_for(ag, names[i], 0, 0);
    base_arena_free(a);
}

static void start_waiting(struct agent *ag)
{
    int64_t now = base_mono_ms();
    struct wait **w = &ag->intake->waiting;
    while (*w && ag->intake->in_flight < IN_FLIGHT) {
        struct wait *one = *w;
        if (one->at > now) {
            w = &one->next;
            continue;
        }
        *w = one->next;
        submit(ag, one->name, true, one->tries);
        free(one);
    }
}

void agent_intake_scan(struct agent *ag)
{
    struct base_arena *a;
    struct base_fail f = {0};
    const char **names;
    size_t n;
    if (ag->stopping || ag->ledger_sick)
        return;
    start_waiting(ag);
    ag->intake->more = false;
    if (ag->intake->in_flight > IN_FLIGHT / 2) {
        ag->intake->more = true;
        return;
    }
    a = base_arena_new();
    if (spool_list_new(ag->reader, a, LIST_MAX, &names, &n, &f)) {
        base_log_fail(LOG_ERR, "spool.list", &f, NULL);
        n = 0;
    }
    /* a name may be listed twice while its thread hasn't claimed it yet: the
     * second claim then finds it gone, which is no news */
    for (size_t i = 0; i < n && ag->intake->in_flight < IN_FLIGHT; i++)
        submit(ag, names[i], false, 0);
    ag->intake->more = n > 0;
    base_arena_free(a);
}

bool agent_intake_idle(struct agent *ag)
{
    return ag->intake->in_flight == 0 && !ag->intake->more;
}

/* ---- what was found, into the ledger -------------------------------------------- */

static struct ledger_mail new_mail(struct item *it, const char *rcpt)
{
    const struct policy_facts *fa = it->facts;
    const struct policy_link *link = policy_facts_link(fa);
    struct ledger_mail m = {0};
    m.identity = fa->auth.result == POLICY_AUTH_PASS && fa->auth.signature
                     ? base_arena_printf(it->a, "b:%s", fa->auth.signature)
                     : base_arena_printf(it->a, "sha256:%s", fa->raw_sha256 ? fa->raw_sha256 : "");
    m.rcpt = rcpt;
    m.sender = it->mail->env.sender;
    m.client = it->mail->env.client;
    m.queue_id = it->mail->env.queue_id;
    m.spool_id = it->mail->env.id;
    m.source = "milter";
    m.message_id = fa->message_id;
    m.subject = fa->subject;
    m.profile = fa->profile;
    m.kind = policy_kind_name(fa->kind);
    m.domain = fa->domain;
    m.mailbox = fa->mailbox;
    m.received = it->mail->env.time;
    m.taken = base_now();
    m.state = "working";
    if (link && link->token) {
        char *hex = base_arena_alloc(it->a, BASE_SHA256_HEX);
        base_sha256_hex(link->token, strlen(link->token), hex);
        m.token_hash = hex;
    }
    json_t *j = policy_facts_to_json(fa);
    char *text = base_json_text(j);
    m.facts = base_arena_strdup(it->a, text);
    free(text);
    json_decref(j);
    return m;
}

/* Decides at once what needs nobody else; everything else becomes a job. */
static bool decide_now(struct agent *ag, struct item *it, struct ledger_mail *m)
{
    struct agent_case c;
    struct policy_decision d;
    bool final;
    if (!agent_case_build(ag, it->a, m, it->facts, &c))
        return false;
    policy_decide(it->a, POLICY_GATE_ASK, &c.ev, ag->conf->cfg, &d);
    final = (d.verdict == POLICY_PASS || d.verdict == POLICY_OBSERVE || d.verdict == POLICY_ALARM ||
             d.verdict == POLICY_HOLD) &&
            !(d.ask_api && ag->conf->nusable > 0);
    if (final) {
        agent_mail_conclude(ag, &c, &d);
        return true;
    }
    return agent_job_add(ag, "mail", agent_object(it->a, "mail", m->id), m->id, 0, NULL);
}

static bool take_recipient(struct agent *ag, struct item *it, const char *rcpt)
{
    struct base_fail f = {0};
    struct ledger_mail m = new_mail(it, rcpt);
    enum base_fail_class r = ledger_mail_add(ag->ledger, &m, &m.id, &f);
    if (r && strcmp(f.code, "ledger.exists") == 0) {
        /* the second taking of the same mail changes nothing */
        base_log(LOG_INFO, "mail.known", "spool", it->mail->env.id, "mail",
                 base_log_num(m.id), NULL);
        return true;
    }
    if (!agent_ok(ag, r, &f, "mail"))
        return false;
    json_t *data = json_object();
    base_json_set(data, "kind", m.kind);
    base_json_set(data, "auth", policy_auth_name(it->facts->auth.result));
    base_json_set(data, "rcpt", rcpt);
    base_json_set(data, "queue_id", m.queue_id);
    base_json_set(data, "message_id", m.message_id);
    agent_event(ag, LOG_INFO, "mail.taken", NULL, agent_object(it->a, "mail", m.id), NULL, data);
    return decide_now(ag, it, &m);
}

static bool take(struct agent *ag, struct item *it)
{
    const struct spool_envelope *env = &it->mail->env;
    size_t n = 0;
    for (size_t i = 0; i < env->n_recipients && n < RCPT_MAX; i++) {
        const char *rcpt = policy_config_address(ag->conf->cfg, it->a, env->recipients[i]);
        if (!rcpt)
            continue;
        n++;
        if (!take_recipient(ag, it, rcpt))
            return false;
    }
    return true;
}

/* Key not to be had now, or the machine failed: the file stays in cur/. */
static bool try_later(struct agent *ag, struct item *it)
{
    bool tempfail = !it->cls && it->facts->auth.result == POLICY_AUTH_TEMPFAIL &&
                    base_now() - it->mail->env.time < GIVE_UP;
    bool failed = it->cls == BASE_TEMPORARY || it->cls == BASE_OURS;
    /* killed: by what the mail does to it, or because the machine had no time or memory */
    bool died = it->cls == BASE_PERMANENT && strcmp(it->fail.code, "inspect.died") == 0 &&
                it->tries < DEATHS;
    failed = failed || died;
    if (!tempfail && !failed)
        return false;
    base_log(LOG_WARNING, "mail.later", "spool", it->name, "why",
             tempfail ? it->facts->auth.reason : it->fail.text, NULL);
    it->waits = true;
    wait_for(ag, it->name, it->tries + 1, tempfail ? 60000 : 5000);
    return true;
}

static void bury(struct agent *ag, struct item *it)
{
    struct base_fail f = {0};
    if (strcmp(it->fail.code, "spool.gone") == 0)
        return;
    if (spool_dead(ag->reader, it->name, it->fail.text, &f))
        base_log_fail(LOG_ERR, "spool.dead", &f, "name", it->name, NULL);
    if (agent_begin(ag)) {
        json_t *data = json_object();
        base_json_set(data, "spool", it->name);
        base_json_set(data, "reason", it->fail.text);
        agent_event(ag, LOG_ERR, "mail.dead", NULL, "spool", NULL, data);
        agent_commit(ag);
    }
}

void agent_intake_flush(struct agent *ag)
{
    struct item *list = ag->intake->ready, *it;
    const char *names[LIST_MAX];
    size_t n = 0;
    if (!list)
        return;
    ag->intake->ready = NULL;
    ag->intake->ready_last = &ag->intake->ready;
    bool open = agent_begin(ag), ok = open;
    for (it = list; it; it = it->next) {
        ag->intake->in_flight--;
        if (try_later(ag, it) || it->cls == BASE_PERMANENT)
            continue;
        if (ok && n < LIST_MAX && (ok = take(ag, it)))
            names[n++] = it->name;
    }
    if (open)
        ok = agent_commit(ag) && ok;
    if (ok && n) {
        struct base_fail f = {0};
        if (spool_done_all(ag->reader, names, n, &f))
            base_log_fail(LOG_ERR, "spool.done", &f, NULL);
        ag->mails_changed = true;
    }
    for (it = list; it;) {
        struct item *next = it->next;
        if (!it->waits && it->cls == BASE_PERMANENT)
            bury(ag, it);
        else if (!it->waits && !ok)
            wait_for(ag, it->name, it->tries, 2000); /* the ledger couldn't be written: all again */
        item_free(it);
        it = next;
    }
}
