/* agent/control.c - the control socket: who may ask, one request after another.
 *
 * Owns the clients. A request is answered at once, or (what start_slow() names) later by its
 * client's number. doc/control.md is the contract. A
 * client that sends garbage or stalls loses its connection, nobody else does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "backup.h"
#include "batch.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/json.h"
#include "domainlook.h"
#include "owner.h"
#include "publish.h"
#include "trust.h"
#include "catalog.h"

#define CLIENTS_MAX 64
#define SEND_MS 2000
#define RECV_MS 1000

struct agent_client {
    struct agent_watcher watcher;
    struct agent_client *next;
    int64_t number;
    int fd;
    uid_t uid;
    bool busy; /* an answer is still to come */
    char wait_spool[SPOOL_ID_LEN]; /* mail.wait */
    int64_t wait_until;            /* base_mono_ms() */
};

static struct agent_watcher listener;
static int64_t last_number;

static const struct {
    const char *name;
    agent_command *run;
    bool changes; /* runs inside a transaction */
} commands[] = {
    {"status", agent_cmd_status, false},
    {"reload", agent_cmd_reload, false},
    {"events", agent_cmd_events, false},
    {"domain.list", agent_cmd_domain_list, false},
    {"domain.add", agent_cmd_domain_add, true},
    {"domain.release", agent_cmd_domain_release, true},
    {"domain.resend", agent_cmd_domain_resend, true},
    {"domain.plan", agent_cmd_domain_plan, false},
    {"order", agent_order_place, true},
    {"expect", agent_cmd_expect, true},
    {"consent.add", agent_cmd_consent_add, true},
    {"consent.list", agent_cmd_consent_list, false},
    {"consent.withdraw", agent_cmd_consent_withdraw, true},
    {"list", agent_cmd_list, false},
    {"show", agent_cmd_show, false},
    {"certificate.pem", agent_cmd_pem, false},
    {"held.list", agent_cmd_held_list, false},
    {"held.show", agent_cmd_held_show, false},
    {"held.approve", agent_cmd_held_approve, true},
    {"held.deny", agent_cmd_held_deny, true},
    {"ingest", agent_cmd_ingest, false},
    {"record.list", agent_cmd_record_list, false},
    {"record.approve", agent_cmd_record_approve, true},
    {"record.withdraw", agent_cmd_record_withdraw, true},
    {"exported", agent_cmd_exported, false},
    {"forget", agent_cmd_forget, true},
    {"cancel", agent_cmd_cancel, true},
    {"revoke", agent_cmd_revoke, true},
    {"reissue", agent_cmd_reissue, true},
    {"renew", agent_cmd_renew, true},
    {"emails", agent_cmd_emails, true},
    {"agreement.list", agent_cmd_agreement_list, false},
    {"agreement.accept", agent_cmd_agreement_accept, true},
    {"release", agent_cmd_release, true},
    {"release.list", agent_cmd_release_list, false},
    {"request.decide", agent_cmd_request_decide, true},
    {"backup.start", agent_cmd_backup_start, false},
    {"backup.state", agent_cmd_backup_state, false},
    {"backup.end", agent_cmd_backup_end, true},
    {"backup.proved", agent_cmd_backup_proved, true},
    {"restore.report", agent_cmd_restore_report, false},
    {"restore.finish", agent_cmd_restore_finish, false},
    {"batch.open", agent_cmd_batch_open, true},
    {"batch.lines", agent_cmd_batch_lines, true},
    {"batch.fill", agent_cmd_batch_fill, true},
    {"batch.check", agent_cmd_batch_check, false},
    {"batch.start", agent_cmd_batch_start, true},
    {"batch.status", agent_cmd_batch_status, false},
    {"batch.list", agent_cmd_batch_list, false},
    {"batch.pause", agent_cmd_batch_pause, true},
    {"batch.resume", agent_cmd_batch_resume, true},
    {"batch.stop", agent_cmd_batch_stop, true},
    {"batch.results", agent_cmd_batch_results, false},
    {"issued", agent_cmd_issued, false},
    {"reissue.forecast", agent_cmd_reissue_forecast, false},
    {"publish.list", agent_cmd_publish_list, false},
    {"publish.retry", agent_cmd_publish_retry, true},
    {"publish.run", agent_cmd_publish_run, true},
    {"publish.history", agent_cmd_publish_history, true},
    {"organization.add", agent_cmd_organization_add, true},
    {"organization.submit", agent_cmd_organization_submit, true},
};

static void drop(struct agent *ag, struct agent_client *c)
{
    for (struct agent_client **p = &ag->clients; *p; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            break;
        }
    agent_unwatch_fd(ag, c->fd);
    close(c->fd);
    /* an event of this round may still name it */
    c->fd = -1;
    c->next = ag->gone;
    ag->gone = c;
}

void agent_control_reap(struct agent *ag)
{
    while (ag->gone) {
        struct agent_client *c = ag->gone;
        ag->gone = c->next;
        free(c);
    }
}

static void fail_answer(json_t *answer, const struct base_fail *f)
{
    base_json_setb(answer, "ok", false);
    base_json_set(answer, "class", base_fail_class_name(f->cls));
    base_json_set(answer, "code", f->code);
    base_json_set(answer, "text", f->text);
}

static bool answer(struct agent *ag, struct agent_client *c, json_t *msg)
{
    struct base_fail f = {0};
    if (!json_object_get(msg, "ok"))
        base_json_setb(msg, "ok", true);
    enum base_fail_class r = base_ipc_send(c->fd, msg, SEND_MS, &f);
    json_decref(msg);
    if (r) {
        base_log_fail(LOG_NOTICE, "control.send", &f, NULL);
        drop(ag, c);
    }
    return r == BASE_OK;
}

void agent_control_answer(struct agent *ag, int64_t number, json_t *msg)
{
    for (struct agent_client *c = ag->clients; c; c = c->next)
        if (c->number == number) {
            c->busy = false;
            answer(ag, c, msg);
            return;
        }
    json_decref(msg); /* gone in between */
}

/* ---- mail.wait ------------------------------------------------------------------------ */

static bool wait_answer(struct agent *ag, struct agent_client *c)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_mail *m;
    size_t n = 0;
    bool done = true, any = false;
    json_t *msg = json_object(), *list = json_array();
    if (ledger_mail_list(ag->ledger, a, NULL, 0, 200, &m, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!m[i].spool_id || strcmp(m[i].spool_id, c->wait_spool) != 0)
            continue;
        json_t *o = json_object();
        any = true;
        done = done && strcmp(m[i].state, "working") != 0;
        base_json_setn(o, "id", m[i].id);
        base_json_set(o, "rcpt", m[i].rcpt);
        base_json_set(o, "kind", m[i].kind);
        base_json_set(o, "state", m[i].state);
        base_json_set(o, "verdict", m[i].verdict);
        base_json_set(o, "reason", m[i].reason);
        base_json_set(o, "text", m[i].text);
        json_array_append_new(list, o);
    }
    base_arena_free(a);
    json_object_set_new(msg, "mails", list);
    if ((any && done) || base_mono_ms() >= c->wait_until) {
        c->wait_spool[0] = 0;
        c->busy = false;
        answer(ag, c, msg);
        return true;
    }
    json_decref(msg);
    return false;
}

void agent_control_waiters(struct agent *ag)
{
    ag->mails_changed = false;
    for (struct agent_client *c = ag->clients; c;) {
        struct agent_client *next = c->next;
        if (c->wait_spool[0])
            wait_answer(ag, c);
        c = next;
    }
}

/* ---- requests ---------------------------------------------------------------------------- */

static enum base_fail_class run_command(struct agent *ag, size_t i, const json_t *req,
                                        const char *by, json_t *msg, struct base_fail *f)
{
    enum base_fail_class r;
    if (agent_fence_refuses(ag, commands[i].name, f))
        return BASE_PERMANENT;
    if (!commands[i].changes)
        return commands[i].run(ag, req, by, msg, f);
    if (!agent_begin(ag))
        return base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    r = commands[i].run(ag, req, by, msg, f);
    if (r) {
        agent_rollback(ag);
        return r;
    }
    if (!agent_commit(ag))
        return base_failf(f, BASE_TEMPORARY, "ledger.io",
                          "the ledger can't be written now: nothing was changed");
    agent_jobs_run(ag);
    return BASE_OK;
}

static bool start_slow(struct agent *ag, struct agent_client *c, const char *cmd, const json_t *req,
                       const char *by, struct base_fail *f, bool *known)
{
    *known = true;
    if (strcmp(cmd, "domain.check") == 0)
        return agent_cmd_domain_check_start(ag, c->number, req, f);
    if (strcmp(cmd, "domain.persist") == 0)
        return agent_cmd_domain_persist_start(ag, c->number, req, f);
    if (strcmp(cmd, "doctor") == 0)
        return agent_cmd_doctor_start(ag, c->number, f);
    if (strcmp(cmd, "alias") == 0)
        return agent_cmd_alias_start(ag, c->number, req, f);
    if (strcmp(cmd, "import") == 0)
        return agent_cmd_import_start(ag, c->number, req, by, f);
    if (strcmp(cmd, "evidence") == 0)
        return agent_cmd_evidence_start(ag, c->number, req, by, f);
    if (strcmp(cmd, "request.list") == 0)
        return agent_cmd_request_list_start(ag, c->number, req, f);
    if (strcmp(cmd, "quote") == 0)
        return agent_cmd_quote_start(ag, c->number, req, f);
    if (strcmp(cmd, "product.list") == 0)
        return agent_cmd_catalog_start(ag, c->number, "products", req, f);
    if (strcmp(cmd, "organization.list") == 0)
        return agent_cmd_catalog_start(ag, c->number, "organizations", req, f);
    if (strcmp(cmd, "mail.wait") == 0) {
        int64_t s = base_json_int(req, "timeout", 30);
        snprintf(c->wait_spool, sizeof(c->wait_spool), "%s", base_json_strd(req, "spool", "-"));
        c->wait_until = base_mono_ms() + (s < 0 ? 0 : s > 600 ? 600 : s) * 1000;
        return true;
    }
    *known = false;
    return false;
}

static void handle(struct agent *ag, struct agent_client *c, const json_t *req)
{
    struct base_fail f = {0};
    const char *cmd = base_json_strd(req, "cmd", ""), *by = base_json_strd(req, "by", NULL);
    char who[AGENT_PEER_LEN];
    bool known;
    agent_peer_name(c->uid, by, who);
    json_t *msg = json_object();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, cmd) == 0) {
            if (run_command(ag, i, req, who, msg, &f))
                fail_answer(msg, &f);
            answer(ag, c, msg);
            return;
        }
    if (start_slow(ag, c, cmd, req, who, &f, &known)) {
        json_decref(msg);
        c->busy = true;
        if (c->wait_spool[0])
            wait_answer(ag, c);
        return;
    }
    if (!known)
        base_failf(&f, BASE_PERMANENT, "control.command", "unknown command \"%.40s\"", cmd);
    fail_answer(msg, &f);
    answer(ag, c, msg);
}

static void on_client(struct agent *ag, void *arg, unsigned events)
{
    struct agent_client *c = arg;
    struct base_fail f = {0};
    json_t *req = NULL;
    if (c->fd < 0)
        return;
    if (!(events & EPOLLIN) || c->busy) {
        /* gone, or talking before it was answered: neither is a conversation */
        drop(ag, c);
        return;
    }
    if (base_ipc_recv(c->fd, RECV_MS, &req, &f)) {
        if (strcmp(f.code, "ipc.closed") != 0)
            base_log_fail(LOG_NOTICE, "control.request", &f, NULL);
        drop(ag, c);
        return;
    }
    handle(ag, c, req);
    json_decref(req);
}

static void on_connect(struct agent *ag, void *arg, unsigned events)
{
    size_t n = 0;
    (void)arg;
    (void)events;
    int fd = accept4(ag->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (struct agent_client *c = ag->clients; c; c = c->next)
        n++;
    struct agent_client *c = base_xmalloc(sizeof(*c));
    memset(c, 0, sizeof(*c));
    c->fd = fd;
    c->number = ++last_number;
    c->watcher = (struct agent_watcher){on_client, c};
    if (n >= CLIENTS_MAX || !base_ipc_peer(fd, &c->uid, NULL, NULL) ||
        !agent_watch_fd(ag, fd, EPOLLIN, &c->watcher)) {
        close(fd);
        free(c);
        return;
    }
    c->next = ag->clients;
    ag->clients = c;
}

bool agent_control_open(struct agent *ag)
{
    struct base_fail f = {0};
    /* the directory and the socket's group say who may connect */
    if (base_ipc_listen(ag->conf->cfg->agent_socket, 0660, &ag->control_fd, &f)) {
        base_log_fail(LOG_CRIT, "control.listen", &f, NULL);
        return false;
    }
    listener = (struct agent_watcher){on_connect, NULL};
    return agent_watch_fd(ag, ag->control_fd, EPOLLIN, &listener);
}

void agent_control_close(struct agent *ag)
{
    while (ag->clients)
        drop(ag, ag->clients);
    agent_control_reap(ag);
    if (ag->control_fd >= 0) {
        agent_unwatch_fd(ag, ag->control_fd);
        close(ag->control_fd);
        ag->control_fd = -1;
        unlink(ag->conf->cfg->agent_socket);
    }
}
