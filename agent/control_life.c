/* agent/control_life.c - commands about what was ordered: cancel, revoke, reissue,
 * additional addresses.
 *
 * Each needs a reason where it takes something away; it stands in the event with the
 * name of who asked. A dry run answers with the request that would leave, and changes
 * nothing. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "policy/watch.h"
#include "show.h"
#include "trust.h"

/* ---- what a command is about -------------------------------------------------------------- */

static enum base_fail_class need_reason(const json_t *req, struct base_fail *f)
{
    const char *reason = base_json_strd(req, "reason", "");
    if (!reason[strspn(reason, " \t")])
        return base_failf(f, BASE_PERMANENT, "life.reason",
                          "a reason is needed; it is kept with your name: --reason TEXT");
    return BASE_OK;
}

/* A row, our reference or the CA's number. */
static enum base_fail_class get_order(struct agent *ag, struct base_arena *a, const char *what,
                                      struct ledger_order *o, struct base_fail *f)
{
    int64_t id = agent_row_number(what, "order");
    enum base_fail_class r = id ? ledger_order_get(ag->ledger, a, id, o, f)
                                : ledger_order_find(ag->ledger, a, what, o, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        return base_failf(f, BASE_PERMANENT, "life.order", "there is no order \"%s\"", what);
    return r;
}

enum base_fail_class agent_current_certificate(struct agent *ag, struct base_arena *a,
                                               const char *mailbox, struct ledger_certificate *out,
                                               struct base_fail *f)
{
    struct ledger_certificate *v;
    size_t n = 0, best = 500;
    const char *box = policy_config_address(ag->conf->cfg, a, mailbox);
    if (!box)
        return base_failf(f, BASE_PERMANENT, "order.mailbox",
                          "\"%s\" is no mail address: expected name@domain", mailbox);
    enum base_fail_class r = ledger_certificate_of(ag->ledger, a, box, 500, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (strcmp(v[i].state, "current") == 0 && (best == 500 || v[i].not_after < v[best].not_after))
            best = i;
    if (!r && best == 500)
        return base_failf(f, BASE_PERMANENT, "life.current", "%s has no current certificate here",
                          box);
    if (!r)
        *out = v[best];
    return r;
}

static struct agent_act act_on(enum ca_action action, const struct ledger_order *o, const json_t *req,
                               const char *by)
{
    return (struct agent_act){.action = action,
                              .account = o->account,
                              .tenant = o->tenant,
                              .id = o->ca_order,
                              .ca_order = o->ca_order,
                              .order = o->id,
                              .by = by,
                              .reason = base_json_str(req, "reason")};
}

static enum base_fail_class start(struct agent *ag, const struct agent_act *act, const json_t *req,
                                  const char *text, json_t *answer, struct base_fail *f)
{
    if (base_json_bool(req, "dry_run", false))
        return agent_act_preview(ag, act, answer, f);
    base_json_set(answer, "text", text);
    return agent_act_start(ag, act, answer, f);
}

/* ---- cancel --------------------------------------------------------------------------------- */

enum base_fail_class agent_cmd_cancel(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_order o = {0};
    enum base_fail_class r = need_reason(req, f);
    if (!r)
        r = get_order(ag, a, base_json_strd(req, "order", ""), &o, f);
    if (!r && agent_order_ended(&o))
        r = base_failf(f, BASE_PERMANENT, "cancel.state",
                       "order %lld is %s: there is nothing to cancel%s", (long long)o.id, o.state,
                       strcmp(o.state, "stored") == 0 ? " (to end its certificate: revoke)" : "");
    else if (!r && (strcmp(o.state, "preparing") == 0 || agent_order_unsure(&o)))
        r = agent_cancel_here(ag, a, &o, req, by, answer, f);
    else if (!r && (!o.ca_order || strcmp(o.state, "requesting") == 0 ||
                    strcmp(o.state, "unclear") == 0))
        r = base_failf(f, BASE_TEMPORARY, "cancel.unclear",
                       "it is open whether order %lld arrived at the CA; once that is known it can "
                       "be cancelled: certmilter show order:%lld",
                       (long long)o.id, (long long)o.id);
    else if (!r) {
        struct agent_act act = act_on(CA_CANCEL, &o, req, by);
        r = start(ag, &act, req, "the CA is asked to cancel it", answer, f);
    }
    base_arena_free(a);
    return r;
}

/* ---- revoke ------------------------------------------------------------------------------------ */

/* One certificate of order O: the only one that is current. */
static enum base_fail_class single_of(struct agent *ag, struct base_arena *a,
                                      const struct ledger_order *o, struct ledger_certificate *c,
                                      struct base_fail *f)
{
    struct ledger_certificate *v;
    size_t n = 0, found = 0;
    enum base_fail_class r = ledger_certificate_of(ag->ledger, a, o->mailbox, 500, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++)
        if (v[i].order_row == o->id && strcmp(v[i].state, "revoked") != 0) {
            *c = v[i];
            found++;
        }
    if (!r && found != 1)
        return base_failf(f, BASE_PERMANENT, "revoke.which",
                          "order %lld has %zu certificates that can be revoked: name one of them "
                          "(certificate:N), or all with --whole-order",
                          (long long)o->id, found);
    return r;
}

static enum base_fail_class revoke_one(struct agent *ag, struct base_arena *a,
                                       const struct ledger_certificate *c, const json_t *req,
                                       const char *by, json_t *answer, struct base_fail *f)
{
    struct ledger_order o;
    if (strcmp(c->state, "revoked") == 0)
        return base_failf(f, BASE_PERMANENT, "revoke.state", "certificate %lld is revoked already",
                          (long long)c->id);
    enum base_fail_class r =
        c->order_row ? ledger_order_get(ag->ledger, a, c->order_row, &o, f)
                     : base_failf(f, BASE_PERMANENT, "revoke.order",
                                  "certificate %lld came from no order that is known here",
                                  (long long)c->id);
    if (!r && !o.ca_order)
        r = base_failf(f, BASE_PERMANENT, "revoke.order", "the CA's number of its order is not known");
    if (r)
        return r;
    struct agent_act act = act_on(CA_REVOKE_CERTIFICATE, &o, req, by);
    act.id = c->serial; /* of this certificate alone, whatever else the order has */
    act.certificate = c->id;
    base_json_setn(answer, "certificate", c->id);
    return start(ag, &act, req,
                 base_arena_printf(a, "the CA is asked to revoke certificate %lld (serial %s) of %s",
                                   (long long)c->id, c->serial, o.mailbox),
                 answer, f);
}

enum base_fail_class agent_cmd_revoke(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "what", "");
    bool whole = base_json_bool(req, "whole_order", false);
    int64_t id = agent_row_number(what, "certificate");
    struct ledger_certificate c;
    struct ledger_order o;
    enum base_fail_class r = need_reason(req, f);
    if (!r && agent_row_number(what, "order")) {
        r = get_order(ag, a, what, &o, f);
        if (!r && whole && !o.ca_order)
            r = base_failf(f, BASE_PERMANENT, "revoke.order", "the CA's number of it is not known");
        else if (!r && whole) {
            struct agent_act act = act_on(CA_REVOKE_ORDER, &o, req, by);
            r = start(ag, &act, req,
                      base_arena_printf(a, "the CA is asked to revoke every certificate of order %s",
                                        o.ca_order),
                      answer, f);
        } else if (!r) {
            r = single_of(ag, a, &o, &c, f);
            if (!r)
                r = revoke_one(ag, a, &c, req, by, answer, f);
        }
    } else if (!r && whole)
        r = base_failf(f, BASE_PERMANENT, "revoke.which",
                       "--whole-order needs an order by its name: order:N");
    else if (!r) {
        r = id ? ledger_certificate_get(ag->ledger, a, id, &c, f)
               : ledger_certificate_find(ag->ledger, a, what, &c, f);
        if (r && strcmp(f->code, "ledger.absent") == 0)
            r = base_failf(f, BASE_PERMANENT, "revoke.absent",
                           "there is no certificate \"%s\": expected certificate:N, a thumbprint, a "
                           "serial number or order:N",
                           what);
        if (!r)
            r = revoke_one(ag, a, &c, req, by, answer, f);
    }
    base_arena_free(a);
    return r;
}

/* ---- reissue --------------------------------------------------------------------------------------- */

enum base_fail_class agent_cmd_reissue(struct agent *ag, const json_t *req, const char *by,
                                       json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "what", "");
    struct ledger_certificate c;
    struct ledger_order o;
    enum base_fail_class r = BASE_OK;
    if (strchr(what, '@')) {
        r = agent_current_certificate(ag, a, what, &c, f);
        if (!r && !c.order_row)
            r = base_failf(f, BASE_PERMANENT, "life.order",
                           "its certificate came from no order that is known here");
        if (!r)
            r = ledger_order_get(ag->ledger, a, c.order_row, &o, f);
    } else
        r = get_order(ag, a, what, &o, f);
    if (!r && base_json_bool(req, "dry_run", false)) {
        struct agent_act act = act_on(CA_REISSUE, &o, req, by);
        r = agent_act_preview(ag, &act, answer, f);
    } else if (!r)
        r = agent_reissue_in(ag, &o, base_json_str(req, "csr"), json_object_get(req, "attestation"), by,
                             base_json_str(req, "reason"), answer, f);
    base_arena_free(a);
    return r;
}

/* ---- additional addresses ------------------------------------------------------------------------------ */

enum base_fail_class agent_cmd_emails(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const json_t *list = base_json_arr(req, "emails");
    struct ledger_order o;
    enum base_fail_class r = get_order(ag, a, base_json_strd(req, "order", ""), &o, f);
    for (size_t i = 0; !r && i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (!s || !policy_watch_normalise(a, s))
            r = base_failf(f, BASE_PERMANENT, "emails.address", "\"%s\" is no mail address",
                           s ? s : "");
    }
    if (!r && (!o.ca_order || !list))
        r = base_failf(f, BASE_PERMANENT, "life.order", "the CA does not have this order yet");
    if (!r) {
        struct agent_act act = act_on(CA_EMAILS, &o, req, by);
        act.emails = list;
        r = start(ag, &act, req, "the CA is asked to write to these addresses too, and to no others",
                  answer, f);
    }
    base_arena_free(a);
    return r;
}
