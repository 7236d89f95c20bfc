/* agent/dnsjob.c - a validation by DNS or HTTP, step by step: job "domain.dns".
 *
 * The loop alone touches the ledger: after each step in the pool its outcome is
 * committed before the next one starts, so that a crash repeats at most one step,
 * and each step may be repeated. Nothing is written into a zone or web root but for a
 * controlled domain in mode confirm, or one that a person released in mode hold.
 * Failures wait with back-off; the intent's own life is the limit. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"

#define REMOVE_TRIES 12 /* hours; then a person is told that the record is still there */
#define REWRITE 6       /* looks at the name servers, then it is written once more */

static void run_free(struct agent *ag, struct dns_run *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static bool has_ended(const struct ledger_intent *i)
{
    return i->p.state == POLICY_INTENT_CONFIRMED || i->p.state == POLICY_INTENT_EXPIRED ||
           i->p.state == POLICY_INTENT_CANCELLED || i->p.state == POLICY_INTENT_FAILED;
}

static bool save(struct agent *ag, struct dns_run *k)
{
    struct base_fail f = {0};
    return agent_ok(ag, ledger_job_save(ag->ledger, k->job.id, agent_dns_write(k->a, &k->d), &f),
                    &f, "job");
}

/* TYPE as of DNS: "dns.written" is "http.written" there. */
static void event(struct agent *ag, struct dns_run *k, int priority, const char *type,
                  const char *text)
{
    if (k->d.method == POLICY_METHOD_HTTP)
        type = base_arena_printf(k->a, "http%s", strchr(type, '.'));
    char hash[BASE_SHA256_HEX] = "";
    json_t *data = json_object();
    base_json_set(data, "domain", k->intent.p.domain);
    base_json_set(data, "method", policy_method_name(k->d.method));
    base_json_set(data, "name", k->d.rec.name);
    if (k->d.token) {
        base_sha256_hex(k->d.token, strlen(k->d.token), hash);
        base_json_set(data, "token_hash", hash);
    }
    base_json_set(data, "text", text);
    agent_event(ag, priority, type, k->intent.p.tenant,
                agent_object(k->a, "intent", k->intent.p.id), k->d.released, data);
}

/* Back to waiting with the present data; WHY is shown as the last failure. */
static void later(struct agent *ag, struct dns_run *k, const char *why, int64_t at)
{
    struct base_fail f = {0};
    int64_t run_at = at ? at : base_now() + agent_backoff(k->d.tries);
    k->d.tries++;
    if (save(ag, k))
        agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, run_at, why, false, &f), &f, "job");
}

/* ---- what follows from each step: in the open transaction. True: go on at once ---------- */

static bool step_to(struct dns_run *k, enum dns_step step)
{
    k->d.step = step;
    k->d.tries = 0;
    return true;
}

static void put_domain(struct agent *ag, struct dns_run *k, const char *state, int64_t until)
{
    struct base_fail f = {0};
    struct ledger_domain d = {
        .name = k->intent.p.domain,
        .account = k->intent.p.account,
        .ca_id = k->d.domain_id,
        .state = state,
        .method = k->d.method == POLICY_METHOD_HTTP        ? "http-token"
                  : k->d.method == POLICY_METHOD_DNS_CNAME ? "dns-cname-token"
                                                           : "dns-txt-token",
        .valid_until = until,
        .looked_at = base_now(),
    };
    agent_ok(ag, ledger_domain_put(ag->ledger, &d, &f), &f, "domain");
}

static bool by_hand(const struct dns_run *k)
{
    return k->d.method == POLICY_METHOD_HTTP ? k->http && k->http->webroots.n == 0
                                             : k->section && k->section->manual;
}

static const char *section_id(const struct dns_run *k)
{
    return k->http ? k->http->id : k->section ? k->section->id : NULL;
}

static bool takes_away(const struct dns_run *k)
{
    if (k->d.method == POLICY_METHOD_HTTP)
        return k->d.written && k->http && k->http->remove && k->http->webroots.n > 0;
    return k->d.written && k->section && k->section->remove && !k->section->manual;
}

/* The intent has ended: what may stand in a zone goes, then the job. */
static bool clear_away(struct agent *ag, struct dns_run *k)
{
    if (takes_away(k))
        return step_to(k, DNS_REMOVE);
    if (k->d.written && by_hand(k))
        event(ag, k, LOG_NOTICE, "dns.unneeded",
              k->d.method == POLICY_METHOD_HTTP ? "the file may be taken away now"
                                                : "the record in the zone may be taken away now");
    agent_job_done(ag, k->job.id);
    return false;
}

/* The CA holds the domain as validated. OURS: by the record that we had written. */
static bool valid(struct agent *ag, struct dns_run *k, int64_t until, bool ours)
{
    put_domain(ag, k, "valid", until);
    if (!ledger_in_transaction(ag->ledger) ||
        !agent_intent_end(ag, &k->intent,
                          ours ? POLICY_INTENT_CONFIRMED : POLICY_INTENT_CANCELLED,
                          ours ? k->d.method == POLICY_METHOD_HTTP ? "confirmed by HTTP" : "confirmed by DNS"
                               : "the CA holds this domain as validated"))
        return false;
    agent_job_add(ag, "account.look", base_arena_printf(k->a, "look:%s", k->intent.p.account), 0,
                  base_now() + 2, NULL);
    return ledger_in_transaction(ag->ledger) && clear_away(ag, k);
}

static bool asked(struct agent *ag, struct dns_run *k)
{
    struct base_fail f = {0};
    char hash[BASE_SHA256_HEX];
    const struct dcv_record *r = &k->record;
    k->d.domain_id = k->asked.domain;
    k->intent.p.domain_id = k->asked.domain;
    if (k->asked.valid)
        return valid(ag, k, k->asked.valid_till, false);
    if (k->d.written && k->d.rec.name && strcmp(k->d.rec.value, r->rr.value) != 0 &&
        k->d.nold < DNS_OLD_MAX)
        k->d.old[k->d.nold++] = k->d.rec;
    k->d.token = k->asked.token;
    k->d.section = section_id(k);
    k->d.rec = (struct dns_record_row){
        .name = r->rr.name,
        .type = k->d.method == POLICY_METHOD_HTTP  ? "FILE"
                : r->rr.type == NET_DNS_CNAME ? "CNAME"
                                              : "TXT",
        .value = r->rr.value,
        .zone = r->zone,
        .ttl = r->rr.ttl,
    };
    base_sha256_hex(k->d.token, strlen(k->d.token), hash);
    k->intent.requested_at = base_now();
    if (!k->intent.p.renews) /* else what is replaced still holds */
        put_domain(ag, k, "pending", 0);
    if (!ledger_in_transaction(ag->ledger) ||
        !agent_ok(ag, ledger_intent_update(ag->ledger, &k->intent, &f), &f, "intent") ||
        !agent_ok(ag, ledger_token_known(ag->ledger, hash, k->intent.p.id, &f), &f, "token"))
        return false;
    event(ag, k, LOG_NOTICE, "dns.asked", NULL);
    return step_to(k, DNS_LOOK);
}

/* Where writing isn't allowed now, the CA may still find what a person put there. */
static bool looked(struct agent *ag, struct dns_run *k)
{
    if (ca_domain_holds(&k->domain, k->intent.p.renews))
        return valid(ag, k, k->domain.valid_till, true);
    later(ag, k, NULL, 0);
    return false;
}

static bool checked(struct agent *ag, struct dns_run *k)
{
    if (k->checked.state == CA_DCV_VALID)
        return valid(ag, k, k->checked.valid_till, true);
    if (k->checked.state == CA_DCV_CHANGED) {
        event(ag, k, LOG_WARNING, "dns.changed", k->checked.reason);
        return step_to(k, DNS_ASK);
    }
    later(ag, k, k->checked.reason, 0);
    return false;
}

static bool succeeded(struct agent *ag, struct dns_run *k)
{
    switch (k->d.step) {
    case DNS_ASK:
        return asked(ag, k);
    case DNS_LOOK:
        return looked(ag, k);
    case DNS_WRITE:
        event(ag, k, LOG_NOTICE, by_hand(k) ? "dns.by_hand" : "dns.written", NULL);
        return step_to(k, DNS_WAIT);
    case DNS_WAIT:
        event(ag, k, LOG_INFO, "dns.shown", NULL);
        return step_to(k, DNS_CHECK);
    case DNS_CHECK:
        return checked(ag, k);
    case DNS_REMOVE:
        event(ag, k, LOG_NOTICE, "dns.removed", NULL);
        agent_job_done(ag, k->job.id);
        return false;
    }
    return false;
}

static bool failed(struct agent *ag, struct dns_run *k)
{
    bool key = agent_key_refused(&k->fail);
    base_log_fail(k->cls == BASE_PERMANENT ? LOG_WARNING : LOG_INFO, "dns.later", &k->fail, "domain",
                  k->intent.p.domain, NULL);
    if (key)
        agent_notice_key(ag, k->a, k->intent.p.account, k->intent.p.tenant);
    if (k->cls == BASE_PERMANENT && k->d.tries == 0 && !key)
        event(ag, k, LOG_WARNING, "dns.trouble", k->fail.text);
    if (k->d.step == DNS_REMOVE && k->d.tries >= REMOVE_TRIES) {
        event(ag, k, LOG_WARNING, "dns.left", k->fail.text);
        agent_job_done(ag, k->job.id);
        return false;
    }
    /* the CA itself refuses the domain: nothing that an administrator changes here helps */
    if (k->d.step == DNS_ASK && k->cls == BASE_PERMANENT && !key &&
        strncmp(k->fail.code, "ca.", 3) == 0)
        return agent_intent_end(ag, &k->intent, POLICY_INTENT_FAILED, k->fail.text) &&
               clear_away(ag, k);
    if (k->d.step == DNS_CHECK && strcmp(k->fail.code, "ca.absent") == 0)
        return step_to(k, DNS_ASK); /* the domain was removed at the CA */
    if (k->d.step == DNS_WAIT && k->d.tries % REWRITE == REWRITE - 1) {
        k->d.step = DNS_WRITE; /* the count goes on */
    }
    int64_t busy = strcmp(k->fail.code, "ca.busy") == 0 && k->ca ? ca_wait_ms(k->ca) / 1000 : 0;
    later(ag, k, k->fail.text, busy > 0 ? base_now() + busy + 1 : 0);
    return false;
}

/* ---- starting a step ---------------------------------------------------------------------- */

static void step_done(struct agent *ag, struct agent_task *t);

/* May a record of this domain be written? The configuration alone says so. */
static bool may_write(struct agent *ag, const struct dns_run *k)
{
    const struct policy_domain *d = policy_config_domain(k->conf->cfg, k->intent.p.domain);
    enum policy_mode mode = d ? agent_domain_mode(ag, d) : POLICY_MODE_OBSERVE;
    return mode == POLICY_MODE_CONFIRM || (mode == POLICY_MODE_HOLD && k->d.released);
}

static void wait_a_minute(struct agent *ag, struct dns_run *k, const char *why)
{
    if (agent_begin(ag)) {
        later(ag, k, why, base_now() + 60);
        agent_commit(ag);
    }
    run_free(ag, k);
}

/* DNS_LOOK and DNS_WRITE are the same place with the gate closed and open. */
static bool pass_gate(struct agent *ag, struct dns_run *k)
{
    bool open = may_write(ag, k);
    if (k->d.step == DNS_WRITE && !open)
        k->d.step = DNS_LOOK;
    if (k->d.step != DNS_LOOK || !open)
        return true;
    step_to(k, DNS_WRITE);
    k->d.written = true; /* before it leaves, so that it is never forgotten */
    if (!agent_begin(ag))
        return false;
    save(ag, k);
    return agent_commit(ag);
}

/* That of the configuration now: at the start the nearest, later the one that was begun with. */
static void find_section(struct dns_run *k)
{
    const struct policy_config *cfg = k->conf->cfg;
    const char *name = k->intent.p.domain;
    bool http = k->d.method == POLICY_METHOD_HTTP, start = k->d.step == DNS_ASK;
    k->section = start && !http ? policy_config_dns(cfg, name) : NULL;
    k->http = start && http ? policy_config_http(cfg, name) : NULL;
    if (start || !k->d.section)
        return;
    for (size_t i = 0; !http && i < cfg->ndns; i++)
        if (strcmp(cfg->dns[i].id, k->d.section) == 0)
            k->section = &cfg->dns[i];
    for (size_t i = 0; http && i < cfg->nhttp; i++)
        if (strcmp(cfg->http[i].id, k->d.section) == 0)
            k->http = &cfg->http[i];
}

static void submit(struct agent *ag, struct dns_run *k)
{
    bool ca = k->d.step == DNS_ASK || k->d.step == DNS_LOOK || k->d.step == DNS_CHECK;
    find_section(k);
    k->ca = agent_conf_ca(k->conf, k->intent.p.account);
    if (ca && !k->ca)
        return wait_a_minute(ag, k, "the account can't be used now (see certmilter status)");
    if (!section_id(k))
        return wait_a_minute(ag, k, k->d.method == POLICY_METHOD_HTTP
                                        ? "the http section of the configuration is gone"
                                        : "the dns section of the configuration is gone");
    if (k->d.step == DNS_REMOVE && !takes_away(k)) {
        agent_job_done(ag, k->job.id);
        return run_free(ag, k);
    }
    if (!pass_gate(ag, k))
        return run_free(ag, k);
    ca = k->d.step == DNS_ASK || k->d.step == DNS_LOOK || k->d.step == DNS_CHECK;
    k->cls = BASE_OK;
    k->fail = (struct base_fail){0};
    k->task.run = agent_dns_task;
    k->task.done = step_done;
    snprintf(k->task.key, sizeof(k->task.key), "%s%s", ca ? "" : "dns:",
             ca ? k->intent.p.account : section_id(k));
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}

/* What a person said while the step was under way stands in the ledger. */
static bool take_news(struct agent *ag, struct dns_run *k)
{
    struct base_fail f = {0};
    struct ledger_job job;
    struct dns_data now;
    if (!agent_ok(ag, ledger_intent_get(ag->ledger, k->a, k->job.ref, &k->intent, &f), &f,
                  "intent") ||
        !agent_ok(ag, ledger_job_find(ag->ledger, k->a, k->job.key, &job, &f), &f, "job"))
        return false;
    if (agent_dns_read(k->a, job.data, &now))
        k->d.released = now.released;
    return true;
}

static void step_done(struct agent *ag, struct agent_task *t)
{
    struct dns_run *k = (struct dns_run *)t;
    bool go_on = false;
    if (!ag->stopping && agent_begin(ag)) {
        const char *released = k->d.released;
        if (take_news(ag, k)) {
            if (has_ended(&k->intent) && k->d.step != DNS_REMOVE)
                go_on = clear_away(ag, k);
            else
                go_on = k->cls ? failed(ag, k) : succeeded(ag, k);
            if (!go_on && k->d.released && !released && ledger_in_transaction(ag->ledger))
                agent_job_add(ag, k->job.kind, k->job.key, k->job.ref, 0, NULL);
        }
        if (go_on && ledger_in_transaction(ag->ledger))
            go_on = save(ag, k);
        go_on = agent_commit(ag) && go_on;
    }
    if (go_on)
        submit(ag, k);
    else
        run_free(ag, k);
}

/* Begins with what was committed last. */
void agent_dns_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct dns_run *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_intent_get(ag->ledger, k->a, job->ref, &k->intent, &f)) {
        agent_job_unread(ag, job, &f);
        return run_free(ag, k);
    }
    if (!agent_dns_read(k->a, job->data, &k->d)) {
        base_log(LOG_ERR, "dns.data", "job", base_log_num(job->id), NULL);
        agent_job_done(ag, job->id);
        return run_free(ag, k);
    }
    if (has_ended(&k->intent) && k->d.step != DNS_REMOVE) {
        if (!k->d.written) {
            agent_job_done(ag, job->id);
            return run_free(ag, k);
        }
        step_to(k, DNS_REMOVE);
    }
    submit(ag, k);
}
