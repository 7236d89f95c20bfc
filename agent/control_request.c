/* agent/control_request.c - requests that wait at the CA for a person's approval.
 *
 * The list is asked for over the network and answered later; a decision is an
 * action like any other (acts.c). */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/json.h"

struct listing {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const char *account; /* NULL = all */
    json_t *answer, *list;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void ask(struct listing *k, const struct agent_account *acc)
{
    struct ca_requests l;
    enum base_fail_class r = ca_request_list(acc->ca, "pending", k->a, &l, &k->fail);
    if (r)
        k->cls = r;
    for (size_t i = 0; !r && i < l.n; i++) {
        json_t *o = json_object();
        base_json_set(o, "id", l.v[i].id);
        base_json_set(o, "account", acc->cfg->id);
        base_json_set(o, "type", l.v[i].type);
        base_json_set(o, "status", l.v[i].status);
        base_json_set(o, "order", l.v[i].order);
        base_json_set(o, "mailbox", l.v[i].mailbox);
        base_json_set(o, "requester", l.v[i].requester);
        base_json_set(o, "date", l.v[i].date);
        base_json_set(o, "comments", l.v[i].comments);
        json_array_append_new(k->list, o);
    }
}

static void run(struct agent_task *t)
{
    struct listing *k = (struct listing *)t;
    for (size_t i = 0; i < k->conf->naccounts; i++)
        if (k->conf->accounts[i].ca &&
            (!k->account || strcmp(k->account, k->conf->accounts[i].cfg->id) == 0))
            ask(k, &k->conf->accounts[i]);
}

static void done(struct agent *ag, struct agent_task *t)
{
    struct listing *k = (struct listing *)t;
    json_object_set_new(k->answer, "requests", k->list);
    if (k->cls) {
        base_json_setb(k->answer, "ok", false);
        base_json_set(k->answer, "class", base_fail_class_name(k->cls));
        base_json_set(k->answer, "code", k->fail.code);
        base_json_set(k->answer, "text", k->fail.text);
    }
    agent_control_answer(ag, k->client, k->answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static enum base_fail_class check_account(struct agent *ag, const char *id, struct base_fail *f)
{
    if (id && !policy_config_account(ag->conf->cfg, id))
        return base_failf(f, BASE_PERMANENT, "account.absent", "there is no account \"%s\"", id);
    if (ag->conf->naccounts == 0)
        return base_failf(f, BASE_PERMANENT, "account.absent", "there is no account");
    if (!id && ag->conf->naccounts > 1)
        return base_failf(f, BASE_PERMANENT, "account.which",
                          "there are several accounts: name one with --account");
    return BASE_OK;
}

bool agent_cmd_request_list_start(struct agent *ag, int64_t client, const json_t *req,
                                  struct base_fail *f)
{
    const char *account = base_json_str(req, "account");
    if (account && check_account(ag, account, f))
        return false;
    struct listing *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->account = base_arena_strdup(k->a, account);
    k->answer = json_object();
    k->list = json_array();
    k->task.run = run;
    k->task.done = done;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}

enum base_fail_class agent_cmd_request_decide(struct agent *ag, const json_t *req, const char *by,
                                              json_t *answer, struct base_fail *f)
{
    const char *id = base_json_strd(req, "id", ""), *account = base_json_str(req, "account");
    const char *reason = base_json_strd(req, "reason", "");
    bool approve = base_json_bool(req, "approve", false);
    int64_t n;
    if (check_account(ag, account, f))
        return BASE_PERMANENT;
    if (!base_parse_int(id, 1, INT64_MAX, &n))
        return base_failf(f, BASE_PERMANENT, "request.id",
                          "\"%s\" is no number of a request: certmilter request list", id);
    if (!reason[strspn(reason, " \t")])
        return base_failf(f, BASE_PERMANENT, "life.reason",
                          "a reason is needed; it is kept with your name: --reason TEXT");
    const struct policy_account *acc = account ? policy_config_account(ag->conf->cfg, account)
                                               : ag->conf->accounts[0].cfg;
    struct agent_act act = {.action = approve ? CA_APPROVE : CA_REJECT,
                            .account = acc->id,
                            .tenant = acc->tenant,
                            .id = id,
                            .by = by,
                            .reason = reason};
    if (base_json_bool(req, "dry_run", false))
        return agent_act_preview(ag, &act, answer, f);
    base_json_set(answer, "text", approve ? "the CA is told that the request is approved"
                                          : "the CA is told that the request is rejected");
    return agent_act_start(ag, &act, answer, f);
}
