/* agent/proof.c - evidence: all that is known of an order, as one file that the keeper signs.
 *
 * The loop reads the ledger and writes the document (canonical: members sorted, no blanks); a
 * thread of the pool asks the keeper, which signs its hash. No link, token or passphrase is in
 * the ledger's rows that are shown here; what a mail's facts hold is picked member by member. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cert/evidence.h"
#include "orderrun.h"
#include "show.h"
#include "trust.h"

#define EVENTS_MAX 5000
#define MAILS_MAX 500
#define LIST_MAX 500

/* ---- the request, when it leaves ---------------------------------------------------------- */

void agent_order_sent(struct agent *ag, struct order_run *k)
{
    struct base_fail f = {0};
    struct ca_preview sends;
    struct ca_act act = {.action = CA_REISSUE,
                         .id = k->o.ca_order,
                         .csr = k->req.csr,
                         .text = base_json_str(k->reissue, "key")};
    enum base_fail_class r = k->reissue ? ca_act_preview(k->ca, &act, k->a, &sends, &f)
                                        : ca_order_preview(k->ca, &k->req, k->a, &sends, &f);
    if (r)
        return; /* the request itself fails with that */
    json_t *data = json_object();
    agent_put_preview(&sends, data);
    agent_event(ag, LOG_INFO, "order.sent", k->o.tenant, agent_object(k->a, "order", k->o.id), NULL,
                data);
}

/* ---- the document ---------------------------------------------------------------------------- */

struct proof {
    struct agent *ag;
    struct base_arena *a;
    const struct ledger_order *o;
    json_t *doc;
    json_t *left_out; /* sentences */
    struct base_fail *f;
};

/* Evidence says what it leaves out: of WHAT of ABOUT the first MAX are shown, if there are so many. */
static void note_full(struct proof *p, size_t n, size_t max, const char *what, const char *about)
{
    if (n >= max)
        json_array_append_new(p->left_out,
                              json_string(base_arena_printf(p->a, "of the %s of %s at most %zu are here: the "
                                                                  "ledger may have more", what, about, max)));
}

/* All events of OBJECT, unlike "show". */
static enum base_fail_class put_events(struct proof *p, const char *object)
{
    struct ledger_event *v;
    size_t n = 0;
    json_t *list = base_json_arr(p->doc, "events");
    enum base_fail_class r =
        ledger_event_list(p->ag->ledger, p->a, object, 0, EVENTS_MAX, &v, &n, p->f);
    for (size_t i = 0; !r && i < n; i++)
        json_array_append_new(list, agent_event_json(&v[i]));
    note_full(p, n, EVENTS_MAX, "events", object);
    return r;
}

static enum base_fail_class put_attestations(struct proof *p)
{
    struct ledger_attestation *v;
    struct ledger_stated text;
    struct base_fail none = {0};
    size_t n = 0;
    json_t *list = json_array();
    enum base_fail_class r = ledger_attestation_list(p->ag->ledger, p->a, p->o->id, &v, &n, p->f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = agent_attest_json(&v[i]);
        base_json_setn(o, "id", v[i].id);
        base_json_setn(o, "recorded_at", v[i].recorded);
        if (!ledger_stated_get(p->ag->ledger, p->a, v[i].text_sha256, &text, &none))
            base_json_set(o, "text", text.body);
        json_array_append_new(list, o);
    }
    json_object_set_new(p->doc, "attestations", list);
    return r;
}

/* Those that were accepted when the order was placed. */
static enum base_fail_class put_agreements(struct proof *p)
{
    json_t *list = json_array();
    enum base_fail_class r = BASE_OK;
    struct ledger_agreement *v;
    size_t n = 0;
    r = ledger_agreement_list(p->ag->ledger, p->a, p->o->account, p->o->created, 0, LIST_MAX, &v, &n,
                              p->f);
    for (size_t i = 0; !r && i < n; i++) {
        struct ledger_stated text;
        struct base_fail none = {0};
        json_t *o = json_object();
        base_json_setn(o, "id", v[i].id);
        base_json_set(o, "what", v[i].what);
        base_json_set(o, "version", v[i].version);
        base_json_set(o, "name", v[i].name);
        base_json_set(o, "entered_by", v[i].entered_by);
        base_json_setn(o, "accepted_at", v[i].at);
        base_json_set(o, "text_sha256", v[i].text_sha256);
        if (v[i].text_sha256 &&
            !ledger_stated_get(p->ag->ledger, p->a, v[i].text_sha256, &text, &none))
            base_json_set(o, "text", text.body);
        json_array_append_new(list, o);
    }
    note_full(p, n, LIST_MAX, "agreements", p->o->account);
    json_object_set_new(p->doc, "agreements", list);
    return r;
}

static enum base_fail_class put_consents(struct proof *p)
{
    struct ledger_consent *v;
    size_t n = 0;
    json_t *list = json_array();
    enum base_fail_class r =
        ledger_consent_list(p->ag->ledger, p->a, p->o->mailbox, 0, LIST_MAX, &v, &n, p->f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "id", v[i].id);
        base_json_set(o, "what", v[i].what);
        base_json_set(o, "who", v[i].who);
        base_json_set(o, "how", v[i].how);
        base_json_set(o, "text", v[i].text);
        base_json_set(o, "entered_by", v[i].entered_by);
        base_json_setn(o, "given_at", v[i].given);
        base_json_setn(o, "withdrawn_at", v[i].withdrawn);
        base_json_set(o, "withdrawn_by", v[i].withdrawn_by);
        json_array_append_new(list, o);
    }
    note_full(p, n, LIST_MAX, "consents", p->o->mailbox);
    json_object_set_new(p->doc, "consents", list);
    return r;
}

/* Of a mail's facts: who signed it and what it named; never a link. */
static void put_facts(json_t *o, const struct ledger_mail *m)
{
    static const char *const shown[] = {"raw_sha256", "auth", "ids", "kind_by", "size", "date"};
    json_t *facts = agent_parsed(m->facts);
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
        if (json_object_get(facts, shown[i]))
            json_object_set(o, shown[i], json_object_get(facts, shown[i]));
    json_decref(facts);
}

static enum base_fail_class put_mail(struct proof *p, json_t *list, int64_t id)
{
    struct ledger_mail m;
    enum base_fail_class r = ledger_mail_get(p->ag->ledger, p->a, id, &m, p->f);
    if (r)
        return r;
    json_t *o = agent_mail_json(&m);
    put_facts(o, &m);
    agent_put_checks(o, &m);
    json_array_append_new(list, o);
    return BASE_OK;
}

static bool has_id(const json_t *list, int64_t id)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (base_json_int(json_array_get(list, i), "id", 0) == id)
            return true;
    return false;
}

static enum base_fail_class put_intent(struct proof *p, json_t *intents, json_t *mails,
                                       const struct ledger_intent *i)
{
    int64_t *ids;
    size_t n = 0;
    if (has_id(intents, i->p.id))
        return BASE_OK;
    json_array_append_new(intents, agent_intent_json(i));
    const char *object = agent_object(p->a, "intent", i->p.id);
    enum base_fail_class r = put_events(p, object);
    if (!r)
        r = ledger_mails_of_intent(p->ag->ledger, p->a, i->p.id, MAILS_MAX, &ids, &n, p->f);
    note_full(p, n, MAILS_MAX, "mails", object);
    for (size_t k = 0; !r && k < n; k++)
        if (!has_id(mails, ids[k]))
            r = put_mail(p, mails, ids[k]);
    return r;
}

/* The order's own requests, and those that validated its domain. */
static enum base_fail_class put_intents(struct proof *p, json_t *mails)
{
    struct ledger_intent *v;
    size_t n = 0;
    const char *at = strrchr(p->o->mailbox, '@');
    json_t *list = json_array();
    json_object_set_new(p->doc, "intents", list);
    enum base_fail_class r =
        ledger_intent_of_order(p->ag->ledger, p->a, p->o->id, &v, &n, p->f);
    for (size_t i = 0; !r && i < n; i++)
        r = put_intent(p, list, mails, &v[i]);
    if (!r)
        r = ledger_intent_match(p->ag->ledger, p->a, at ? at + 1 : "", NULL, base_now(), &v, &n,
                                p->f);
    for (size_t i = 0; !r && i < n; i++)
        if (v[i].p.account && strcmp(v[i].p.account, p->o->account) == 0)
            r = put_intent(p, list, mails, &v[i]);
    return r;
}

static enum base_fail_class put_certificates(struct proof *p, json_t *mails)
{
    struct ledger_certificate *v, c;
    size_t n = 0;
    int64_t mail;
    json_t *list = json_array();
    json_object_set_new(p->doc, "certificates", list);
    enum base_fail_class r =
        ledger_certificate_of(p->ag->ledger, p->a, p->o->mailbox, LIST_MAX, &v, &n, p->f);
    note_full(p, n, LIST_MAX, "certificates", p->o->mailbox);
    for (size_t i = 0; !r && i < n; i++) {
        if (v[i].order_row != p->o->id)
            continue;
        r = ledger_certificate_get(p->ag->ledger, p->a, v[i].id, &c, p->f);
        if (r)
            break;
        json_t *o = agent_certificate_json(&c, true);
        base_json_set(o, "chain_pem", c.chain_pem);
        json_array_append_new(list, o);
        r = put_events(p, agent_object(p->a, "certificate", c.id));
        if (!r && c.source && strncmp(c.source, "mail:", 5) == 0 &&
            base_parse_int(c.source + 5, 1, INT64_MAX, &mail) && !has_id(mails, mail))
            r = put_mail(p, mails, mail);
    }
    return r;
}

static enum base_fail_class put_order(struct proof *p)
{
    struct ledger_release rel;
    struct base_fail none = {0};
    json_t *o = agent_order_json(p->o), *request = agent_parsed(p->o->request);
    if (p->o->batch)
        base_json_setn(o, "batch", p->o->batch);
    base_json_set(o, "spki_sha256", p->o->spki);
    base_json_setn(o, "issued_at", p->o->issued_at);
    json_object_set_new(o, "request", request ? request : json_object());
    json_object_set_new(p->doc, "order", o);
    enum base_fail_class r = ledger_release_of(p->ag->ledger, p->a, p->o->id, &rel, &none);
    if (!r) {
        json_t *l = json_object();
        base_json_setn(l, "id", rel.id);
        base_json_set(l, "who", rel.who);
        base_json_set(l, "reason", rel.reason);
        base_json_setn(l, "released_at", rel.at);
        json_object_set_new(p->doc, "release", l);
    } else if (strcmp(none.code, "ledger.absent") != 0)
        return base_failf(p->f, r, none.code, "%s", none.text);
    return BASE_OK;
}

static enum base_fail_class document(struct proof *p, const char *by)
{
    json_t *mails = json_array();
    p->left_out = json_array();
    json_object_set_new(p->doc, "left_out", p->left_out);
    json_object_set_new(p->doc, "events", json_array());
    base_json_set(p->doc, "format", "certmilter evidence 1");
    base_json_set(p->doc, "program", CERTMILTER_VERSION);
    base_json_set(p->doc, "host", p->ag->conf->cfg->hostname);
    base_json_setn(p->doc, "written_at", base_now());
    base_json_set(p->doc, "written_for", by);
    enum base_fail_class r = put_order(p);
    if (!r)
        r = put_attestations(p);
    if (!r)
        r = put_agreements(p);
    if (!r)
        r = put_consents(p);
    if (!r)
        r = put_events(p, agent_object(p->a, "order", p->o->id));
    if (!r)
        r = put_intents(p, mails);
    if (!r)
        r = put_certificates(p, mails);
    json_object_set_new(p->doc, "mails", mails);
    if (!r)
        agent_put_timeline(p->ag, p->a, p->o, p->doc);
    return r;
}

/* ---- the command --------------------------------------------------------------------------------- */

struct signing {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    int64_t client;
    const char *about;
    struct base_bytes content;
    const char *pem;
    enum base_fail_class cls;
    struct base_fail fail;
};

static void sign(struct agent_task *t)
{
    struct signing *k = (struct signing *)t;
    char hash[BASE_SHA256_HEX];
    struct base_bytes cms;
    base_sha256_hex(k->content.p, k->content.n, hash);
    k->cls = keeper_sign_evidence(k->conf->cfg->keeper_socket, k->a, hash, k->about, &cms, &k->fail);
    if (!k->cls)
        k->cls = cert_evidence_attach(k->a, cms, k->content, &k->pem, &k->fail);
}

static void signed_done(struct agent *ag, struct agent_task *t)
{
    struct signing *k = (struct signing *)t;
    json_t *answer = json_object();
    if (k->cls) {
        base_json_setb(answer, "ok", false);
        base_json_set(answer, "class", base_fail_class_name(k->cls));
        base_json_set(answer, "code", k->fail.code);
        base_json_set(answer, "text", k->fail.text);
    } else {
        base_json_set(answer, "order", k->about);
        base_json_set(answer, "evidence", k->pem);
    }
    agent_control_answer(ag, k->client, answer);
    agent_conf_unref(k->conf);
    base_arena_free(k->a);
    free(k);
}

static enum base_fail_class find_order(struct agent *ag, struct base_arena *a, const char *what,
                                       struct ledger_order *o, struct base_fail *f)
{
    if (strncmp(what, "order:", 6) == 0)
        what += 6;
    enum base_fail_class r = ledger_order_find(ag->ledger, a, what, o, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        r = base_failf(f, BASE_PERMANENT, "show.absent",
                       "there is no order \"%s\": expected its number here or at the CA, as "
                       "\"certmilter show MAILBOX\" tells", what);
    return r;
}

bool agent_cmd_evidence_start(struct agent *ag, int64_t client, const json_t *req, const char *by,
                              struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_order o;
    struct proof p = {.ag = ag, .a = a, .o = &o, .doc = json_object(), .f = f};
    enum base_fail_class r = find_order(ag, a, base_json_strd(req, "order", ""), &o, f);
    if (!r)
        r = document(&p, by);
    char *text = r ? NULL : json_dumps(p.doc, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(p.doc);
    if (r) {
        base_arena_free(a);
        return false;
    }
    struct signing *k = base_xmalloc(sizeof(*k));
    memset(k, 0, sizeof(*k));
    k->a = a;
    k->conf = agent_conf_ref(ag->conf);
    k->client = client;
    k->about = agent_object(a, "order", o.id);
    k->content = (struct base_bytes){(const unsigned char *)base_arena_strdup(a, text), strlen(text)};
    free(text);
    k->task.run = sign;
    k->task.done = signed_done;
    snprintf(k->task.key, sizeof(k->task.key), "keeper");
    agent_pool_submit(ag->pool, AGENT_LANE_NET, &k->task);
    return true;
}
