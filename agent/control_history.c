/* agent/control_history.c - "publish history": the keys of a mailbox once more by mail.
 *
 * For an owner with a new device. The newest certificate that can decrypt goes again to
 * each publisher of kind mail that has it, with reason "history": deliver/mail.c sends the
 * older keys along and does so although the mail was sent before. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "policy/watch.h"
#include "publish.h"

/* Could it be sent: wanted, by a publisher of mails, able to decrypt? */
static bool is_one(struct agent *ag, struct base_arena *a, const struct ledger_publication *p)
{
    struct base_fail f = {0};
    struct ledger_certificate c;
    const struct policy_publisher *t = policy_config_publisher(ag->conf->cfg, p->publisher);
    return p->want && t && t->kind == POLICY_PUBLISHER_MAIL && strcmp(p->state, "waiting") != 0 &&
           !ledger_certificate_get(ag->ledger, a, p->certificate, &c, &f) &&
           strcmp(c.usage, "sign") != 0 && !agent_publish_barred(&c);
}

static bool is_newest(const struct ledger_publication *v, size_t n, const bool *fits, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (fits[k] && strcmp(v[k].publisher, v[i].publisher) == 0 &&
            v[k].certificate > v[i].certificate)
            return false;
    return true;
}

static enum base_fail_class start(struct agent *ag, struct base_arena *a,
                                  struct ledger_publication *p, struct base_fail *f)
{
    p->state = "wanted";
    p->reason = "history";
    p->tries = 0;
    p->next = 0;
    p->changed = base_now();
    enum base_fail_class r = ledger_publication_update(ag->ledger, p, f);
    if (!r && !agent_publish_start(ag, a, p->mailbox, p->publisher))
        r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    return r;
}

static enum base_fail_class rows(struct agent *ag, struct base_arena *a, const char *what,
                                 struct ledger_box *box, struct ledger_publication **v, size_t *n,
                                 struct base_fail *f)
{
    const char *name = strchr(what, '@') ? policy_config_address(ag->conf->cfg, a, what) : NULL;
    if (!name)
        return base_failf(f, BASE_PERMANENT, "publish.mailbox",
                          "expected a mailbox, found \"%.200s\"", what);
    enum base_fail_class r = ledger_box_named(ag->ledger, a, name, box, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        return base_failf(f, r, "publish.absent", "%.200s has no certificate here", what);
    return r ? r : ledger_publication_of(ag->ledger, a, box->id, NULL, v, n, f);
}

enum base_fail_class agent_cmd_publish_history(struct agent *ag, const json_t *req, const char *by,
                                               json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_publication *v = NULL;
    struct ledger_box box;
    size_t n = 0;
    int64_t started = 0;
    enum base_fail_class r = rows(ag, a, base_json_strd(req, "mailbox", ""), &box, &v, &n, f);
    bool *fits = base_arena_array(a, n + 1, sizeof *fits);
    for (size_t i = 0; !r && i < n; i++)
        fits[i] = is_one(ag, a, &v[i]);
    for (size_t i = 0; !r && i < n; i++)
        if (fits[i] && is_newest(v, n, fits, i)) {
            r = start(ag, a, &v[i], f);
            started++;
        }
    if (!r && started == 0)
        r = base_failf(f, BASE_PERMANENT, "publish.absent",
                       "%s has no certificate that a publisher of kind mail can send", box.name);
    if (!r) {
        json_t *data = json_object();
        base_json_set(data, "mailbox", box.name);
        base_json_setn(data, "started", started);
        agent_event(ag, LOG_NOTICE, "publish.history", box.tenant, "publish", by, data);
        base_json_setn(answer, "started", started);
        base_json_set(answer, "text", "the mail is on its way: certmilter show tells how it goes");
    }
    base_arena_free(a);
    return r;
}
