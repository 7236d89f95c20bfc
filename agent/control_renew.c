/* agent/control_renew.c - the command that renews: one mailbox's certificate, or all that end soon.
 *
 * A run orders no more than the brake leaves room for; the rest is told, not ordered. */
#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "show.h"
#include "trust.h"

#define DAY 86400

static void put_renewal(json_t *list, const struct ledger_certificate *c, json_t *one)
{
    base_json_setn(one, "certificate", c->id);
    base_json_set(one, "mailbox", c->nmailboxes ? c->mailboxes[0] : "");
    base_json_setn(one, "not_after", c->not_after);
    json_array_append_new(list, one);
}

/* How many orders account ID may still get in this run; a dry one is counted in USED. */
static int64_t room_of(struct agent *ag, const char *id, int64_t batch, const json_t *used,
                       const char *by)
{
    const struct policy_account *acc = policy_config_account(ag->conf->cfg, id);
    struct base_fail f = {0};
    struct agent_brake b;
    if (!acc || agent_brake_look(ag, acc, batch, by, &b, &f))
        return 0;
    return b.limit[AGENT_BRAKE_RUN] + b.released - b.used[AGENT_BRAKE_RUN] -
           base_json_int(used, id, 0);
}

/* Every certificate that ends within SECONDS: one order each, up to the limits. */
static enum base_fail_class renew_all(struct agent *ag, struct base_arena *a, int64_t seconds,
                                      const struct agent_renew_how *given, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    json_t *list = json_array(), *used = json_object();
    int64_t batch = agent_brake_run();
    struct agent_renew_how how = *given;
    int64_t at = 0, id = 0, ordered = 0, refused = 0, over = 0;
    size_t n = 100;
    enum base_fail_class r = BASE_OK;
    how.automatic = true;
    how.batch = batch;
    while (!r && n == 100 && ordered + refused + over < 2000) {
        struct ledger_certificate *v;
        r = ledger_certificate_expiring(ag->ledger, a, base_now() + seconds, at, id, 100, &v, &n, f);
        for (size_t i = 0; !r && i < n; i++) {
            json_t *one = json_object();
            struct base_fail why = {0};
            const char *acc = v[i].account ? v[i].account : "";
            at = v[i].not_after;
            id = v[i].id;
            if (v[i].order_row && room_of(ag, acc, batch, used, by) <= 0) {
                over++;
                base_json_set(one, "state", "over-limit");
            } else if ((r = agent_renew(ag, &v[i], &how, by, one, &why)) == BASE_PERMANENT) {
                r = BASE_OK;
                refused++;
                base_json_set(one, "state", "refused");
                base_json_set(one, "text", why.text);
            } else if (r)
                *f = why;
            else {
                ordered++;
                if (how.dry_run)
                    base_json_setn(used, acc, base_json_int(used, acc, 0) + 1);
            }
            put_renewal(list, &v[i], one);
        }
    }
    base_json_setn(answer, "ordered", ordered);
    base_json_setn(answer, "refused", refused);
    base_json_setn(answer, "over_limit", over);
    base_json_set(answer, "text",
                  base_arena_printf(a, "%lld %s, %lld refused, %lld over the limit of one run",
                                    (long long)ordered, how.dry_run ? "would be ordered" : "ordered",
                                    (long long)refused, (long long)over));
    json_object_set_new(answer, "renewals", list);
    json_decref(used);
    if (!r && refused + over > 0)
        json_object_set_new(answer, "attention", json_pack("[s]", "not everything was renewed"));
    return r;
}

enum base_fail_class agent_cmd_renew(struct agent *ag, const json_t *req, const char *by,
                                     json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t days = base_json_int(req, "days", -1);
    const struct agent_renew_how how = {.dry_run = base_json_bool(req, "dry_run", false),
                                        .key = base_json_str(req, "key"),
                                        .attestation = json_object_get(req, "attestation")};
    struct ledger_certificate c;
    enum base_fail_class r;
    if (days >= 0)
        r = renew_all(ag, a, (days > 4000 ? 4000 : days) * DAY, &how, by, answer, f);
    else {
        r = agent_current_certificate(ag, a, base_json_strd(req, "mailbox", ""), &c, f);
        if (!r)
            r = agent_renew(ag, &c, &how, by, answer, f);
    }
    base_arena_free(a);
    return r;
}
