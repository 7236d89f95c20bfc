/* agent/exports.c - the owner of a mailbox hears of every key that was given out or came in.
 *
 * The keeper's journal is read from where the ledger says that it was read last; a notice for each entry
 * and that place are committed together, so none is told twice or forgotten. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "keeper/client.h"

#define JOURNAL_PAGE 50

struct exports {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t after;
    struct keeper_journal_entry *v;
    size_t n;
    enum base_fail_class cls;
    struct base_fail fail;
};
static bool exports_running; /* the loop's own; one look at a time */

static void exports_run(struct agent_task *t)
{
    struct exports *k = (struct exports *)t;
    k->cls = keeper_exports_since(k->conf->cfg->keeper_socket, k->a, k->after, JOURNAL_PAGE, &k->v,
                                  &k->n, &k->fail);
}

static const char *given_how(const struct keeper_journal_entry *e)
{
    if (strcmp(e->kind, "passphrase") == 0)
        return "made readable (its passphrase was given out)";
    if (strcmp(e->kind, "consumer") == 0)
        return "written without a passphrase to a program on the mail server";
    return "exported in a passphrase-protected file";
}

static void tell_import(struct agent *ag, struct exports *k, const struct keeper_journal_entry *e)
{
    char when[BASE_TIME_LEN];
    agent_notice(ag, base_arena_printf(k->a, "import:%lld:%lld", (long long)e->n, (long long)e->at),
                 e->mailbox, "A private key of your mailbox is kept from now on",
                 base_arena_printf(
                     k->a,
                     "On %s a private key that belongs to your mailbox\n\n    %s\n\n"
                     "was handed in by %s, and is kept by your organization's certificate service from\n"
                     "now on, so that mails encrypted with it stay readable.\n\nReason given: %s\n\n"
                     "If you did not expect this, ask your administrator now.\n",
                     base_time_rfc5322(e->at, when), e->mailbox, e->who ? e->who : "an administrator",
                     e->reason && e->reason[0] ? e->reason : "none"));
}

static void tell_owner(struct agent *ag, struct exports *k, const struct keeper_journal_entry *e)
{
    char when[BASE_TIME_LEN];
    json_t *data = json_object();
    /* a destroyed key's mailbox may be forgotten already */
    if (strcmp(e->kind, "destroy") != 0)
        base_json_set(data, "mailbox", e->mailbox);
    base_json_set(data, "kind", e->kind);
    base_json_set(data, "who", e->who);
    base_json_set(data, "reason", e->reason);
    agent_event(ag, LOG_NOTICE, "key.exported", e->tenant,
                base_arena_printf(k->a, "key:%s", e->key_id ? e->key_id : ""), e->who, data);
    if (strcmp(e->kind, "destroy") == 0 || !e->mailbox)
        return;
    if (strcmp(e->kind, "import") == 0) {
        tell_import(ag, k, e);
        return;
    }
    base_time_rfc5322(e->at, when);
    agent_notice(
        ag, base_arena_printf(k->a, "export:%lld:%lld", (long long)e->n, (long long)e->at),
        e->mailbox, "The private key of your S/MIME certificate was given out",
        base_arena_printf(
            k->a,
            "On %s the private key that belongs to your mailbox\n\n    %s\n\n"
            "was %s by %s.\n\nReason given: %s\n\n"
            "Whoever has this file and its passphrase can read mail that is encrypted to you and\n"
            "sign as you. If you did not expect this, ask your administrator now.\n"
            "(This mail can't be switched off: you are told whenever your key is given out.)\n",
            when, e->mailbox,
            given_how(e),
            e->who ? e->who : "an administrator", e->reason && e->reason[0] ? e->reason : "none"));
}

static void exports_done(struct agent *ag, struct agent_task *t)
{
    struct exports *k = (struct exports *)t;
    struct base_fail f = {0};
    exports_running = false;
    free(ag->keeper_error);
    ag->keeper_error = k->cls ? base_xstrdup(k->fail.text) : NULL;
    ag->keeper_asked = base_now();
    if (k->cls == BASE_OK && k->n > 0 && !ag->stopping && agent_begin(ag)) {
        for (size_t i = 0; i < k->n; i++)
            tell_owner(ag, k, &k->v[i]);
        if (ledger_in_transaction(ag->ledger))
            agent_ok(ag, ledger_meta_set(ag->ledger, "keeper.journal", k->v[k->n - 1].n, &f), &f,
                     "meta");
        agent_commit(ag);
    }
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

void agent_exports_poll(struct agent *ag)
{
    struct base_fail f = {0};
    int64_t after = 0;
    if (exports_running || !ag->conf->cfg->keeper_socket ||
        ledger_meta_get(ag->ledger, "keeper.journal", &after, 0, &f))
        return;
    struct exports *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->conf = agent_conf_ref(ag->conf);
    k->after = after;
    k->task.run = exports_run;
    k->task.done = exports_done;
    snprintf(k->task.key, sizeof(k->task.key), "keeper");
    exports_running = true;
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
}
