/* agent/control_show.c - one thing with all that belongs to it. Reads only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"
#include "owner.h"
#include "catalog.h"
#include "policy/recognise.h"
#include "policy/watch.h"
#include "publish.h"
#include "show.h"
#include "trust.h"

static enum base_fail_class show_mail(struct agent *ag, struct base_arena *a, int64_t id,
                                      json_t *answer, struct base_fail *f)
{
    struct ledger_mail m;
    enum base_fail_class r = ledger_mail_get(ag->ledger, a, id, &m, f);
    if (r)
        return r;
    base_json_set(answer, "type", "mail");
    json_object_set_new(answer, "mail", agent_mail_json(&m));
    agent_put_checks(answer, &m);
    agent_put_events(ag, a, answer, agent_object(a, "mail", id));
    return BASE_OK;
}

static enum base_fail_class show_intent(struct agent *ag, struct base_arena *a, int64_t id,
                                        json_t *answer, struct base_fail *f)
{
    struct ledger_intent i;
    enum base_fail_class r = ledger_intent_get(ag->ledger, a, id, &i, f);
    if (r)
        return r;
    base_json_set(answer, "type", "intent");
    json_object_set_new(answer, "intent", agent_intent_json(&i));
    agent_put_events(ag, a, answer, agent_object(a, "intent", id));
    return BASE_OK;
}

static void put_intents_of(struct agent *ag, struct base_arena *a, int64_t order, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    json_t *l = json_array();
    if (ledger_intent_of_order(ag->ledger, a, order, &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l, agent_intent_json(&v[i]));
    json_object_set_new(answer, "intents", l);
}

/* What was asked for, field by field; the CSR is long and tells a person nothing. */
static void put_form(const struct ledger_order *o, json_t *answer)
{
    json_t *form = agent_parsed(o->request);
    if (!json_is_object(form)) {
        json_decref(form);
        return;
    }
    json_object_del(form, "csr");
    json_object_del(form, "reissue");
    json_object_set_new(answer, "form", form);
}

static void show_order(struct agent *ag, struct base_arena *a, const struct ledger_order *o,
                       json_t *answer)
{
    struct ledger_attestation t;
    struct base_fail none = {0};
    base_json_set(answer, "type", "order");
    json_object_set_new(answer, "order", agent_order_json(o));
    base_json_set(base_json_obj(answer, "order"), "price", agent_price_of(ag, a, o->id));
    put_form(o, answer);
    if (!ledger_attestation_of(ag->ledger, a, o->id, &t, &none))
        json_object_set_new(answer, "attestation", agent_attest_json(&t));
    put_intents_of(ag, a, o->id, answer);
    agent_put_timeline(ag, a, o, answer);
    agent_put_events(ag, a, answer, agent_object(a, "order", o->id));
}

static void show_certificate(struct agent *ag, struct base_arena *a,
                             const struct ledger_certificate *c, json_t *answer)
{
    base_json_set(answer, "type", "certificate");
    json_object_set_new(answer, "certificate", agent_certificate_json(c, true));
    agent_put_publications(ag, a, NULL, c->id, answer);
    agent_put_events(ag, a, answer, agent_object(a, "certificate", c->id));
}

static void show_domain(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                        json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_intent *v;
    size_t n = 0;
    json_t *l = json_array();
    base_json_set(answer, "type", "domain");
    json_object_set_new(answer, "domain", agent_domain_json(ag, a, d));
    if (ledger_intent_match(ag->ledger, a, d->name, NULL, base_now(), &v, &n, &f))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(l, agent_intent_json(&v[i]));
        agent_put_events(ag, a, answer, agent_object(a, "intent", v[i].p.id));
    }
    json_object_set_new(answer, "intents", l);
    agent_put_events(ag, a, answer, base_arena_printf(a, "domain:%s", d->name));
}

/* False if nothing is known of this mailbox and it is in no controlled domain. */
static bool show_mailbox(struct agent *ag, struct base_arena *a, const char *box, json_t *answer)
{
    struct base_fail f = {0};
    struct ledger_certificate *c;
    struct ledger_order *o;
    size_t nc = 0, no = 0;
    json_t *certs = json_array(), *orders = json_array(), *m = json_object();
    const struct policy_domain *d = policy_config_mailbox_domain(ag->conf->cfg, box);
    if (ledger_certificate_of(ag->ledger, a, box, 100, &c, &nc, &f))
        nc = 0;
    if (ledger_order_list(ag->ledger, a, box, 0, 100, &o, &no, &f))
        no = 0;
    for (size_t i = 0; i < nc; i++)
        json_array_append_new(certs, agent_certificate_json(&c[i], false));
    for (size_t i = 0; i < no; i++) {
        json_array_append_new(orders, agent_order_json(&o[i]));
        agent_put_events(ag, a, answer, agent_object(a, "order", o[i].id));
    }
    base_json_set(answer, "type", "mailbox");
    base_json_set(m, "mailbox", box);
    base_json_set(m, "tenant", d ? d->tenant : NULL);
    json_object_set_new(answer, "mailbox", m);
    json_object_set_new(answer, "certificates", certs);
    json_object_set_new(answer, "orders", orders);
    agent_put_publications(ag, a, box, 0, answer);
    bool forgotten = agent_put_forgotten(ag, a, box, answer);
    return d || nc || no || forgotten;
}

int64_t agent_row_number(const char *what, const char *kind)
{
    int64_t id = 0;
    size_t n = strlen(kind);
    if (strncmp(what, kind, n) != 0 || what[n] != ':' ||
        !base_parse_int(what + n + 1, 1, INT64_MAX, &id))
        return 0;
    return id;
}

static enum base_fail_class show_named(struct agent *ag, struct base_arena *a, const char *what,
                                       json_t *answer, struct base_fail *f)
{
    struct ledger_order o;
    struct ledger_certificate c;
    struct base_fail ignored = {0};
    const char *box = strchr(what, '@') ? policy_config_address(ag->conf->cfg, a, what) : NULL;
    const char *domain = policy_domain_alabel(a, strncmp(what, "domain:", 7) == 0 ? what + 7 : what);
    const struct policy_domain *d = domain ? policy_config_domain(ag->conf->cfg, domain) : NULL;
    if (box && show_mailbox(ag, a, box, answer))
        return BASE_OK;
    if (d) {
        show_domain(ag, a, d, answer);
        return BASE_OK;
    }
    if (!ledger_order_find(ag->ledger, a, what, &o, &ignored)) {
        show_order(ag, a, &o, answer);
        return BASE_OK;
    }
    if (!ledger_certificate_find(ag->ledger, a, what, &c, &ignored)) {
        show_certificate(ag, a, &c, answer);
        return BASE_OK;
    }
    json_object_clear(answer);
    return base_failf(f, BASE_PERMANENT, "show.absent",
                      "nothing is known of \"%s\": expected a mailbox, a controlled domain, order:N, "
                      "intent:N, mail:N, certificate:N, a CA order id, a thumbprint or a serial number",
                      what);
}

enum base_fail_class agent_cmd_show(struct agent *ag, const json_t *req, const char *by,
                                    json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *what = base_json_strd(req, "what", "");
    struct ledger_order o;
    struct ledger_certificate c;
    enum base_fail_class r = BASE_OK;
    int64_t id;
    (void)by;
    if ((id = agent_row_number(what, "mail")))
        r = show_mail(ag, a, id, answer, f);
    else if ((id = agent_row_number(what, "intent")))
        r = show_intent(ag, a, id, answer, f);
    else if ((id = agent_row_number(what, "order"))) {
        r = ledger_order_get(ag->ledger, a, id, &o, f);
        if (!r)
            show_order(ag, a, &o, answer);
    } else if ((id = agent_row_number(what, "certificate"))) {
        r = ledger_certificate_get(ag->ledger, a, id, &c, f);
        if (!r)
            show_certificate(ag, a, &c, answer);
    } else
        r = show_named(ag, a, what, answer, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "show.absent", "there is no %s", what);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_pem(struct agent *ag, const json_t *req, const char *by,
                                   json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_certificate c, *v;
    size_t n = 0;
    const char *what = base_json_strd(req, "what", "");
    const char *box = strchr(what, '@') ? policy_config_address(ag->conf->cfg, a, what) : NULL;
    enum base_fail_class r = BASE_OK;
    (void)by;
    if (box) {
        r = ledger_certificate_of(ag->ledger, a, box, 1, &v, &n, f);
        if (!r && n == 0)
            r = base_failf(f, BASE_PERMANENT, "show.absent", "%s has no certificate here", box);
        else if (!r)
            r = ledger_certificate_get(ag->ledger, a, v[0].id, &c, f);
    } else {
        int64_t id = agent_row_number(what, "certificate");
        r = id ? ledger_certificate_get(ag->ledger, a, id, &c, f)
               : ledger_certificate_find(ag->ledger, a, what, &c, f);
        if (r && strcmp(f->code, "ledger.absent") == 0)
            r = base_failf(f, BASE_PERMANENT, "show.absent", "there is no certificate \"%s\"", what);
    }
    if (!r) {
        base_json_set(answer, "thumbprint", c.thumbprint);
        base_json_set(answer, "pem", c.chain_pem);
        base_json_setn(answer, "not_after", c.not_after);
        json_object_set_new(answer, "mailboxes", agent_string_list(c.mailboxes, c.nmailboxes));
    }
    base_arena_free(a);
    return r;
}
