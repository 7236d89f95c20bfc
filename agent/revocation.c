/* agent/revocation.c - P15: is a stored certificate revoked? A job per certificate.
 *
 * Asks the OCSP responder that the (verified) certificate names, and where that tells
 * nothing the list of revoked certificates, both through the bounded client, and has the
 * answer judged in the sandbox. Soon after storing, then at every `revocation_check` until
 * the certificate ends. A revoked one is marked, told and replaced; no answer is no news,
 * only a later try. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cert/bundle.h"
#include "cert/ocsp.h"
#include "inspect/client.h"
#include "watching.h"

#define RETRY 3600
#define LISTS_MAX 3

struct check {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_certificate c;
    const char *url; /* of the responder; NULL: it names none */
    const char *lists[LISTS_MAX];
    size_t nlists;
    struct base_bytes leaf, issuer;
    struct inspect_revocation answer;
    const char *asked; /* who told: "ocsp" or "crl" */
    enum base_fail_class cls;
    struct base_fail fail;
};

/* ---- in the pool ------------------------------------------------------------------- */

static enum base_fail_class fetch(struct check *k, struct base_bytes request,
                                  struct base_bytes *body)
{
    struct net_host host = {0};
    struct net_response resp;
    struct net_request r = {
        .method = "POST",
        .url = k->url,
        .hosts = &host,
        .nhosts = 1,
        .plain = true, /* the answer is signed; RFC 6960 appendix A wants HTTP */
        .content_type = "application/ocsp-request",
        .body = request.p,
        .nbody = request.n,
        .body_max = CERT_OCSP_MAX,
        .total_ms = 15000,
    };
    if (!net_plain_host(k->a, k->url, &host))
        return base_failf(&k->fail, BASE_PERMANENT, "ocsp.url",
                          "the responder's address is no plain http URL");
    enum base_fail_class cls = net_http(&k->conf->links, &r, NULL, k->a, &resp, &k->fail);
    if (cls)
        return cls;
    if (resp.status != 200)
        return base_failf(&k->fail, BASE_TEMPORARY, "ocsp.status", "the responder answered %d",
                          resp.status);
    *body = resp.body;
    return BASE_OK;
}

static bool is_known(const struct check *k)
{
    return !k->cls && k->answer.status && strcmp(k->answer.status, "unknown") != 0;
}

static void ask_responder(struct check *k)
{
    struct base_bytes request, body = {0};
    k->asked = "ocsp";
    k->cls = inspect_ocsp_request(k->a, k->conf->inspector, k->leaf, k->issuer, &request, &k->fail);
    if (!k->cls)
        k->cls = fetch(k, request, &body);
    if (!k->cls)
        k->cls = inspect_ocsp_answer(k->a, k->conf->inspector, k->leaf, k->issuer, body, base_now(),
                                     &k->answer, &k->fail);
}

static void ask_list(struct check *k, const char *url)
{
    struct base_buf list;
    k->asked = "crl";
    k->cls = agent_crl_get(k->conf, k->a, url, &list, &k->fail);
    if (!k->cls)
        k->cls = inspect_crl(k->a, k->conf->inspector, k->leaf, k->issuer,
                             (struct base_bytes){(const unsigned char *)list.p, list.n}, base_now(),
                             &k->answer, &k->fail);
    base_buf_free(&list);
}

static void run(struct agent_task *t)
{
    struct check *k = (struct check *)t;
    if (k->url)
        ask_responder(k);
    for (size_t i = 0; i < k->nlists && !is_known(k); i++)
        ask_list(k, k->lists[i]);
}

/* ---- in the loop ---------------------------------------------------------------------- */

static void check_free(struct agent *ag, struct check *k)
{
    agent_job_over(ag, k->job.id);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static void revoked(struct agent *ag, struct check *k)
{
    struct base_fail f = {0};
    char when[BASE_TIME_LEN];
    const char *box = k->c.nmailboxes ? k->c.mailboxes[0] : "?";
    json_t *data = json_object();
    base_json_set(data, "mailbox", box);
    base_json_set(data, "serial", k->c.serial);
    base_json_set(data, "reason", k->answer.reason);
    base_json_set(data, "told_by", k->asked);
    int64_t asked = 0;
    if (!agent_ok(ag, ledger_certificate_state(ag->ledger, k->c.id, "revoked", &f), &f, "state") ||
        !agent_ok(ag,
                  ledger_meta_get(ag->ledger,
                                  base_arena_printf(k->a, "revoking:%lld", (long long)k->c.id),
                                  &asked, 0, &f),
                  &f, "meta")) {
        json_decref(data);
        return;
    }
    if (asked) { /* by us: no news to anybody */
        agent_event(ag, LOG_NOTICE, "act.done", k->c.tenant,
                    agent_object(k->a, "certificate", k->c.id), NULL, data);
        return;
    }
    agent_event(ag, LOG_ALERT, "alarm.revoked", k->c.tenant,
                agent_object(k->a, "certificate", k->c.id), NULL, data);
    const char *then = "Another one had taken its place already.";
    if (strcmp(k->c.state, "current") == 0) {
        k->c.state = "revoked";
        then = agent_replace_revoked(ag, k->a, &k->c);
    }
    if (!then)
        return;
    agent_notice(ag, base_arena_printf(k->a, "revoked:%s", k->c.thumbprint),
                 agent_contact(ag, k->c.tenant),
                 base_arena_printf(k->a, "certmilter: the certificate of %s was revoked", box),
                 base_arena_printf(
                     k->a,
                     "The certificate authority says that this certificate was revoked on %s:\n\n"
                     "    mailbox     %s\n    serial      %s\n    thumbprint  %s\n    reason      %s\n\n"
                     "It should sign and receive nothing any more. %s\n\n"
                     "If nobody of yours asked for the revocation, ask the certificate authority\n"
                     "why it happened.\n",
                     base_time_rfc5322(k->answer.revoked_at, when), box, k->c.serial,
                     k->c.thumbprint, k->answer.reason ? k->answer.reason : "none given", then));
}

/* The next look is a job of its own time: never later than the answer's own end. */
static int64_t next_time(const struct agent *ag, const struct check *k)
{
    int64_t now = base_now(), wait = ag->conf->cfg->revocation_check;
    if (!is_known(k))
        return now + RETRY;
    if (k->answer.next_update > now && k->answer.next_update < now + wait)
        return k->answer.next_update;
    return now + (wait > 0 ? wait : 86400);
}

static void conclude(struct agent *ag, struct check *k)
{
    struct base_fail f = {0};
    const char *status = is_known(k) ? k->answer.status : "unknown";
    int64_t next = next_time(ag, k);
    if (!agent_ok(ag,
                  ledger_certificate_revocation(ag->ledger, k->c.id, status, base_now(), next, &f),
                  &f, "revocation"))
        return;
    if (strcmp(status, "revoked") == 0) {
        revoked(ag, k);
        agent_job_done(ag, k->job.id);
        return;
    }
    if (!is_known(k))
        base_log(LOG_NOTICE, "certificate.unchecked", "certificate", base_log_num(k->c.id), "why",
                 k->cls          ? k->fail.text
                 : !k->asked     ? "it names neither a responder nor a list"
                                 : k->answer.reason,
                 NULL);
    if (next >= k->c.not_after || (!k->url && k->nlists == 0))
        agent_job_done(ag, k->job.id);
    else if (ledger_in_transaction(ag->ledger))
        agent_ok(ag, ledger_job_later(ag->ledger, k->job.id, next, k->cls ? k->fail.text : NULL, false, &f),
                 &f, "job");
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct check *k = (struct check *)t;
    if (!ag->stopping && agent_begin(ag)) {
        conclude(ag, k);
        agent_commit(ag);
    }
    check_free(ag, k);
}

static bool prepare(struct check *k)
{
    struct base_fail f = {0};
    struct cert_bundle b;
    json_t *fields =
        k->c.fields ? base_json_parse(k->c.fields, strlen(k->c.fields), 1 << 20, &f) : NULL;
    const char *url = json_string_value(json_array_get(base_json_arr(fields, "ocsp_uris"), 0));
    const json_t *lists = base_json_arr(fields, "crl_uris");
    k->url = base_arena_strdup(k->a, url);
    for (size_t i = 0; i < json_array_size(lists) && k->nlists < LISTS_MAX; i++) {
        const char *list = json_string_value(json_array_get(lists, i));
        if (list && strncmp(list, "http://", 7) == 0)
            k->lists[k->nlists++] = base_arena_strdup(k->a, list);
    }
    json_decref(fields);
    k->leaf = (struct base_bytes){k->c.der, k->c.der_len};
    if (!k->c.chain_pem ||
        cert_bundle_from_text(k->a, k->c.chain_pem, strlen(k->c.chain_pem), &b, &f) || b.n < 2)
        return false; /* issued by a root itself: nobody to ask for */
    k->issuer = b.der[1];
    return true;
}

void agent_revocation_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_fail f = {0};
    struct check *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->job = agent_job_copy(k->a, job);
    if (ledger_certificate_get(ag->ledger, k->a, job->ref, &k->c, &f)) {
        agent_job_unread(ag, job, &f);
        check_free(ag, k);
        return;
    }
    if (strcmp(k->c.state, "revoked") == 0 || k->c.not_after < base_now() || !prepare(k)) {
        agent_job_done(ag, job->id);
        check_free(ag, k);
        return;
    }
    if (!k->url && k->nlists == 0) {
        if (agent_begin(ag)) {
            conclude(ag, k);
            agent_commit(ag);
        }
        check_free(ag, k);
        return;
    }
    k->task.run = run;
    k->task.done = done;
    snprintf(k->task.key, sizeof(k->task.key), "ocsp");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
