/* agent/mailtask.c - the blocking steps of a validation mail, each one task in the pool.
 *
 * Asks the API, opens the link, sends the form. Each writes what it found into
 * the run and decides nothing; what to do with it, and what has to be committed
 * before, is mailrun.c's. */
#include <stdlib.h>
#include <string.h>

#include "inspect/client.h"
#include "mailrun.h"
#include "policy/recognise.h"

static void run_api(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    memset(&r->api, 0, sizeof(r->api));
    r->cls = ca_evidence(&r->look, r->a, &r->api, &r->fail);
}

static struct dcv_context link_context(const struct agent_run *r)
{
    return (struct dcv_context){.scope = r->conf->links};
}

/* Sorts a failed fetch into "come back" and "the CA's server says no". */
static void fetch_failed(struct agent_run *r)
{
    r->unreachable = r->cls == BASE_TEMPORARY;
    if (r->cls == BASE_PERMANENT)
        r->host_error = base_arena_strdup(r->a, r->fail.text);
}

static void inspect(struct agent_run *r, const struct dcv_page *raw, struct policy_page **out)
{
    const struct policy_profile *p = policy_config_profile(r->conf->cfg, r->c.facts->profile);
    r->cls = inspect_page(r->a, r->conf->inspector, p, r->c.facts->kind, raw->body, raw->url, out,
                          &r->fail);
    if (r->cls)
        r->host_error = base_arena_printf(r->a, "the page can't be read: %s", r->fail.text);
}

/* A page may come with an error status (expired links answer 410): what the
 * profile knows of it says more than the number. */
static void inspect_refusal(struct agent_run *r, const struct dcv_page *raw,
                            struct policy_page **out)
{
    struct policy_page *page = NULL;
    const struct base_fail why = r->fail;
    enum base_fail_class cls = r->cls;
    char *host_error = r->host_error;
    if (raw->body.n == 0)
        return;
    inspect(r, raw, &page);
    if (!r->cls && (page->state == POLICY_PAGE_EXPIRED || page->state == POLICY_PAGE_DONE ||
                    page->state == POLICY_PAGE_REFUSED)) {
        *out = page;
        r->host_error = NULL;
        r->unreachable = false;
        return;
    }
    r->cls = cls;
    r->fail = why;
    r->host_error = host_error;
}

static void run_link(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    struct dcv_context ctx = link_context(r);
    const struct policy_link *link = policy_facts_link(r->c.facts);
    r->cls = dcv_link_open(&ctx, r->d.rules, link->url, r->a, &r->opened, &r->fail);
    if (!r->cls) {
        inspect(r, &r->opened, &r->page);
        return;
    }
    fetch_failed(r);
    inspect_refusal(r, &r->opened, &r->page);
}

static void run_form(struct agent_task *t)
{
    struct agent_run *r = (struct agent_run *)t;
    struct dcv_context ctx = link_context(r);
    const char *code = r->d.rules->action == POLICY_ACT_CODE ? r->c.facts->code : NULL;
    r->cls = dcv_link_submit(&ctx, r->d.rules, r->page, &r->opened, code, r->a, &r->answered,
                             &r->fail);
    if (!r->cls)
        inspect(r, &r->answered, &r->answer);
    else if (r->answered.sent == DCV_ANSWERED)
        inspect_refusal(r, &r->answered, &r->answer);
}

/* What the API is asked: only by tasks that ask it. */
static void set_look(struct agent_run *r)
{
    const char *name = r->c.facts->domain, *mailbox = r->c.facts->mailbox;
    const struct policy_domain *domain = name      ? policy_config_domain(r->conf->cfg, name)
                                         : mailbox ? policy_config_mailbox_domain(r->conf->cfg, mailbox)
                                                   : NULL;
    r->look = (struct ca_look){
        .accounts = r->conf->usable,
        .naccounts = r->conf->nusable,
        .intent = r->d.intent,
        .home = domain ? domain->account : NULL,
        .domain = r->c.facts->domain,
        .mailbox = r->c.facts->mailbox,
        .exact = r->d.intent && !policy_config_folds(r->conf->cfg, r->d.intent->mailbox),
        .ids = r->c.facts->ids,
        .nids = r->c.facts->nids,
    };
}

void agent_run_submit(struct agent *ag, struct agent_run *r, enum agent_run_step step,
                      void (*done)(struct agent *ag, struct agent_task *t))
{
    const struct policy_link *link = policy_facts_link(r->c.facts);
    /* a flood of strangers' mails takes no more of the pool than one account's work */
    const char *host = "", *key = r->d.intent ? r->d.intent->account : "strangers";
    int port;
    r->step = step;
    set_look(r);
    r->task.run = step == STEP_LINK ? run_link : step == STEP_FORM ? run_form : run_api;
    r->task.done = done;
    if ((step == STEP_LINK || step == STEP_FORM) && link)
        if (policy_url_host(r->a, link->url, &host, &port))
            key = host;
    snprintf(r->task.key, sizeof(r->task.key), "%s", key ? key : "");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &r->task);
}
