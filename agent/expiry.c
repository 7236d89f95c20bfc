/* agent/expiry.c - the end of a certificate is a state, not a loss.
 *
 * What ended is marked "expired"; key and certificate stay for the mails of its time. Where
 * the domain has certificates renewed and nothing took its place, a job goes on trying once
 * a day for a week: after that a person is asked by the reports. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "watching.h"

#define DAY 86400
#define LATE (7 * DAY) /* so late a forgotten one is still renewed */
#define PAGE 100
#define LOOK_MS 60000

/* Something else of this mailbox is valid or under way. */
static bool is_followed(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c,
                        bool *followed)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    *followed = false;
    if (c->nmailboxes == 0)
        return true;
    if (!agent_ok(ag, ledger_certificate_of(ag->ledger, a, c->mailboxes[0], 50, &v, &n, &f), &f,
                  "certificates"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].id != c->id && strcmp(v[i].state, "current") == 0 && v[i].not_after > base_now() &&
            v[i].usage && c->usage && strcmp(v[i].usage, c->usage) == 0)
            *followed = true;
    return true;
}

static bool wants_renewal(struct agent *ag, const struct ledger_certificate *c)
{
    int64_t before;
    return c->order_row && c->not_after + LATE > base_now() && agent_renewal_wanted(ag, c, &before);
}

/* One certificate, within the open transaction. */
static bool ended(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c)
{
    struct base_fail f = {0};
    json_t *data = json_object();
    base_json_set(data, "mailbox", c->nmailboxes ? c->mailboxes[0] : NULL);
    base_json_setn(data, "not_after", c->not_after);
    if (!agent_ok(ag, ledger_certificate_state(ag->ledger, c->id, "expired", &f), &f, "state")) {
        json_decref(data);
        return false;
    }
    agent_event(ag, LOG_NOTICE, "certificate.expired", c->tenant,
                agent_object(a, "certificate", c->id), NULL, data);
    return !wants_renewal(ag, c) ||
           agent_job_add(ag, "renew.late", agent_object(a, "late", c->id), c->id, 0, NULL);
}

void agent_expiry_due(struct agent *ag)
{
    struct base_fail f = {0};
    struct ledger_certificate *v;
    size_t n = 0;
    if (base_mono_ms() < ag->next_expiry || ag->ledger_sick)
        return;
    struct base_arena *a = base_arena_new();
    if (!agent_ok(ag, ledger_certificate_expiring(ag->ledger, a, base_now(), 0, 0, PAGE, &v, &n, &f),
                  &f, "certificates"))
        n = 0;
    if (n > 0 && agent_begin(ag)) {
        for (size_t i = 0; i < n && ended(ag, a, &v[i]); i++)
            ;
        agent_commit(ag);
    }
    /* a full page: the rest follows at once, but others first */
    ag->next_expiry = n == PAGE ? 0 : base_mono_ms() + LOOK_MS;
    base_arena_free(a);
}

static void renew_late(struct agent *ag, struct base_arena *a, const struct ledger_job *job,
                       const struct ledger_certificate *c)
{
    struct base_fail f = {0};
    json_t *answer = json_object();
    static const struct agent_renew_how how = {.automatic = true, .timer = true};
    enum base_fail_class r = agent_renew(ag, c, &how, "agent (renewal)", answer, &f);
    json_decref(answer);
    if (!r || strcmp(f.code, "order.under-way") == 0) {
        agent_job_done(ag, job->id);
        return;
    }
    if (r != BASE_PERMANENT) {
        agent_ok(ag, r, &f, "renewal");
        return;
    }
    agent_notice(ag, base_arena_printf(a, "renew-late:%s:%s", c->thumbprint, f.code),
                 agent_contact(ag, c->tenant),
                 base_arena_printf(a, "certmilter: the certificate of %s has ended", c->mailboxes[0]),
                 base_arena_printf(a,
                                   "The certificate of\n\n    %s\n\nhas ended and was not renewed:\n\n"
                                   "    %s\n\nFor a week it is tried again every day. By hand: "
                                   "\"certmilter renew %s\".\n",
                                   c->mailboxes[0], f.text, c->mailboxes[0]));
    agent_job_retry(ag, job, &f, base_now() + DAY);
}

void agent_late_job(struct agent *ag, const struct ledger_job *job)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_certificate c;
    bool followed = true;
    if (ledger_certificate_get(ag->ledger, a, job->ref, &c, &f))
        agent_job_unread(ag, job, &f);
    else if (agent_begin(ag)) {
        if (!is_followed(ag, a, &c, &followed))
            ;
        else if (followed || !wants_renewal(ag, &c))
            agent_job_done(ag, job->id);
        else
            renew_late(ag, a, job, &c);
        agent_commit(ag);
    }
    agent_job_over(ag, job->id);
    base_arena_free(a);
}
