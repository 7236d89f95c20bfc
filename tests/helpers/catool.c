/* tests/helpers/catool.c - ca/ from a script. For tests/e2e/test_ca.py. */
#include <pthread.h>

#include "ca/ca.h"
#include "tool.h"

#define ACCOUNTS 4

static struct base_arena *setup_arena;
static struct net_resolver *resolver;
static struct ca_account *accounts[ACCOUNTS];
static size_t naccounts;

static json_t *texts(const struct policy_strings *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n; i++) {
        json_array_append_new(list, json_string(s->v[i]));
    }
    return list;
}

/* resolver and scope as tool.h says, and "accounts": [{id, url, key, organization, skip_approval}] */
static json_t *run_setup(struct base_arena *a, const json_t *in)
{
    json_t *e;
    size_t i;

    (void)a;
    setup_arena = base_arena_new();
    resolver = tool_resolver(setup_arena, in);
    struct net_scope scope = tool_scope(setup_arena, in, resolver);
    json_array_foreach(base_json_arr(in, "accounts"), i, e)
    {
        const char *key = base_json_strd(e, "key", "");
        struct ca_options o = {.id = base_json_strd(e, "id", "ours"),
                               .driver = base_json_strd(e, "driver", "certcentral"),
                               .base_url = base_json_str(e, "url"),
                               .key = key,
                               .nkey = strlen(key),
                               .scope = scope,
                               .organization = base_json_int(e, "organization", 0),
                               .skip_approval = base_json_bool(e, "skip_approval", false)};
        struct base_fail f = {0};
        enum base_fail_class cls = ca_account_new(&o, &accounts[naccounts], &f);
        if (cls != BASE_OK) {
            return tool_result(cls, &f);
        }
        naccounts++;
    }
    return tool_result(BASE_OK, NULL);
}

static struct ca_account *account(const json_t *in)
{
    return accounts[base_json_int(in, "account", 0)];
}

static const char *status_name(enum ca_status s)
{
    static const char *const names[] = {"unknown",    "waiting-us", "waiting-person",
                                        "waiting-ca", "issued",     "failed"};

    return names[s];
}

static json_t *order_json(const struct ca_order *o)
{
    json_t *j = json_object();

    base_json_set(j, "id", o->id);
    base_json_set(j, "certificate", o->certificate);
    base_json_set(j, "request", o->request);
    base_json_set(j, "status", status_name(o->status));
    base_json_set(j, "status_text", o->status_text);
    base_json_set(j, "product", o->product);
    base_json_set(j, "serial", o->serial);
    base_json_set(j, "csr", o->csr);
    base_json_set(j, "reference", o->reference);
    base_json_set(j, "chain", o->chain);
    base_json_setn(j, "created", o->created);
    base_json_setn(j, "valid_till", o->valid_till);
    json_object_set_new(j, "mailboxes", texts(&o->mailboxes));
    return j;
}

static json_t *domain_json(const struct ca_domain *d)
{
    json_t *j = json_object();

    base_json_set(j, "id", d->id);
    base_json_set(j, "name", d->name);
    base_json_set(j, "dcv_method", d->dcv_method);
    base_json_setb(j, "pending", d->pending);
    base_json_setb(j, "valid", d->valid);
    base_json_setn(j, "valid_till", d->valid_till);
    json_object_set_new(j, "recipients", texts(&d->recipients));
    return j;
}

static struct ca_order_request request_of(const json_t *in)
{
    return (struct ca_order_request){.product =
                                         base_json_strd(in, "product", "secure_email_mailbox"),
                                     .mailbox = base_json_strd(in, "mailbox", ""),
                                     .csr = base_json_strd(in, "csr", ""),
                                     .usage = (enum ca_usage)base_json_int(in, "usage", 0),
                                     .profile_type = base_json_str(in, "profile_type"),
                                     .validity_days = base_json_int(in, "days", 365),
                                     .first_name = base_json_str(in, "first_name"),
                                     .last_name = base_json_str(in, "last_name"),
                                     .reference = base_json_str(in, "reference"),
                                     .renewal_of = base_json_str(in, "renewal_of")};
}

static json_t *run_me(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_me me;
    json_t *o = tool_result(ca_me(account(in), a, &me, &f), &f);

    base_json_set(o, "user", me.user);
    base_json_set(o, "account", me.account);
    base_json_set(o, "role", me.role);
    return o;
}

static json_t *run_order(struct base_arena *a, const json_t *in)
{
    struct ca_order_request r = request_of(in);
    struct base_fail f = {0};
    struct ca_order order;
    json_t *o = tool_result(ca_order(account(in), &r, a, &order, &f), &f);

    json_object_set_new(o, "order", order_json(&order));
    return o;
}

static json_t *run_info(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_order order;
    json_t *o =
        tool_result(ca_order_info(account(in), base_json_strd(in, "id", ""), a, &order, &f), &f);

    json_object_set_new(o, "order", order_json(&order));
    return o;
}

static json_t *run_list(struct base_arena *a, const json_t *in)
{
    struct ca_order_filter flt = {.mailbox = base_json_str(in, "mailbox"),
                                  .status = base_json_str(in, "status"),
                                  .certificate = base_json_str(in, "certificate"),
                                  .since = base_json_int(in, "since", 0),
                                  .max = (size_t)base_json_int(in, "max", 0)};
    struct base_fail f = {0};
    struct ca_orders l;
    json_t *o = tool_result(ca_order_list(account(in), &flt, a, &l, &f), &f), *list = json_array();

    for (size_t i = 0; i < l.n; i++) {
        json_array_append_new(list, order_json(&l.v[i]));
    }
    json_object_set_new(o, "list", list);
    base_json_setb(o, "more", l.more);
    return o;
}

static json_t *run_changes(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_changes l;
    json_t *o = tool_result(
        ca_status_changes(account(in), base_json_int(in, "seconds", 600), a, &l, &f), &f);
    json_t *list = json_array();

    for (size_t i = 0; i < l.n; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "order", l.v[i].order,
                                              "certificate", l.v[i].certificate, "status",
                                              status_name(l.v[i].status)));
    }
    json_object_set_new(o, "list", list);
    return o;
}

static json_t *run_find(struct base_arena *a, const json_t *in)
{
    static const char *const names[] = {"not", "found", "unsure"};
    struct ca_order_request r = request_of(in);
    struct base_fail f = {0};
    struct ca_order order;
    enum ca_found found;
    json_t *o = tool_result(
        ca_find_order(account(in), &r, base_json_int(in, "since", 0), a, &found, &order, &f), &f);

    base_json_set(o, "found", names[found]);
    json_object_set_new(o, "order", order_json(&order));
    return o;
}

static json_t *run_download(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct base_bytes pem;
    json_t *o = tool_result(ca_download(account(in), base_json_str(in, "certificate"),
                                        base_json_str(in, "order"), a, &pem, &f),
                            &f);

    base_json_set(o, "pem", (const char *)pem.p);
    return o;
}

static json_t *run_validations(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_email_validations l;
    json_t *o = tool_result(
        ca_email_validations(account(in), base_json_strd(in, "order", ""), a, &l, &f), &f);
    json_t *list = json_array();

    for (size_t i = 0; i < l.n; i++) {
        json_array_append_new(list, json_pack("{s:s, s:b}", "mailbox", l.v[i].mailbox, "validated",
                                              l.v[i].validated));
    }
    json_object_set_new(o, "list", list);
    return o;
}

static json_t *run_domains(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_domains l;
    json_t *o = tool_result(ca_domain_list(account(in), base_json_str(in, "name"), a, &l, &f), &f);
    json_t *list = json_array();

    for (size_t i = 0; i < l.n; i++) {
        json_array_append_new(list, domain_json(&l.v[i]));
    }
    json_object_set_new(o, "list", list);
    return o;
}

static json_t *run_domain(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};
    struct ca_domain d = {0};
    const char *verb = base_json_strd(in, "verb", "info");
    const char *id = base_json_strd(in, "id", "");
    const char *name = base_json_str(in, "name");
    struct policy_strings to = {0}, *chosen = base_json_arr(in, "recipients") ? &to : NULL;
    enum base_fail_class cls;

    to.v = tool_strings(a, in, "recipients", &to.n);
    if (strcmp(verb, "add") == 0) {
        cls = ca_domain_add(account(in), name, chosen, a, &d, &f);
    } else if (strcmp(verb, "submit") == 0) {
        cls = ca_domain_submit(account(in), id, &f);
    } else if (strcmp(verb, "resend") == 0) {
        cls = ca_domain_resend(account(in), id, name, chosen, &f);
    } else if (strcmp(verb, "recipients") == 0) {
        cls = ca_domain_recipients(account(in), id, a, &d.recipients, &f);
    } else {
        cls = ca_domain_info(account(in), id, a, &d, &f);
    }
    json_t *o = tool_result(cls, &f);
    json_object_set_new(o, "domain", domain_json(&d));
    return o;
}

static json_t *run_owner(struct base_arena *a, const json_t *in)
{
    static const char *const names[] = {"unknown", "here", "not"};
    struct base_fail f = {0};
    enum ca_owner owner;
    json_t *o = tool_result(ca_id_owner(account(in), base_json_strd(in, "name", ""),
                                        base_json_strd(in, "value", ""), a, &owner, &f),
                            &f);

    base_json_set(o, "owner", names[owner]);
    return o;
}

/* {"intent": {kind, account, domain, mailbox, order, domain_id}, "ids": [[name, value]]} */
static json_t *run_evidence(struct base_arena *a, const json_t *in)
{
    static const char *const owners[] = {"not-asked", "nowhere", "intent", "other", "unknown"};
    static const char *const states[] = {"unasked", "ok", "unreachable", "refused"};
    const json_t *j = base_json_obj(in, "intent"), *ids = base_json_arr(in, "ids");
    struct policy_intent intent = {.account = base_json_str(j, "account"),
                                   .domain = base_json_str(j, "domain"),
                                   .mailbox = base_json_str(j, "mailbox"),
                                   .order = base_json_str(j, "order"),
                                   .domain_id = base_json_str(j, "domain_id")};
    struct ca_look look = {.accounts = accounts,
                           .naccounts = naccounts,
                           .intent = j != NULL ? &intent : NULL,
                           .home = base_json_str(in, "home"),
                           .domain = base_json_str(in, "domain"),
                           .mailbox = base_json_str(in, "mailbox")};
    struct policy_id *v = base_arena_array(a, json_array_size(ids) + 1, sizeof *v);
    struct policy_api api;
    struct base_fail f = {0};

    if (strcmp(base_json_strd(j, "kind", "domain"), "domain") != 0) {
        intent.kind = POLICY_INTENT_MAILBOX;
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *pair = json_array_get(ids, i);
        v[i].name = json_string_value(json_array_get(pair, 0));
        v[i].value = json_string_value(json_array_get(pair, 1));
    }
    look.ids = v;
    look.nids = json_array_size(ids);
    json_t *o = tool_result(ca_evidence(&look, a, &api, &f), &f);
    base_json_set(o, "state", states[api.state]);
    base_json_setb(o, "found", api.found);
    base_json_setb(o, "pending", api.pending);
    base_json_setb(o, "by_email", api.by_email);
    base_json_setb(o, "valid", api.valid);
    base_json_set(o, "domain", api.domain);
    base_json_set(o, "id_owner", owners[api.id_owner]);
    base_json_set(o, "owner_account", api.owner_account);
    base_json_setb(o, "pending_elsewhere", api.pending_elsewhere);
    json_object_set_new(o, "ids", texts(&api.ids));
    return o;
}

/* Many threads ask at once: how many got an answer, how the others failed. */
struct storm {
    struct ca_account *account;
    int calls, ok;
    char code[40];
};

static void *storm_thread(void *arg)
{
    struct storm *s = arg;

    for (int i = 0; i < s->calls; i++) {
        struct base_arena *a = base_arena_new();
        struct base_fail f = {0};
        struct ca_me me;
        if (ca_me(s->account, a, &me, &f) == BASE_OK) {
            s->ok++;
        } else {
            memcpy(s->code, f.code, sizeof s->code);
        }
        base_arena_free(a);
    }
    return NULL;
}

static json_t *run_storm(struct base_arena *a, const json_t *in)
{
    size_t n = (size_t)base_json_int(in, "threads", 4);
    struct storm *s = base_arena_array(a, n, sizeof *s);
    pthread_t *t = base_arena_array(a, n, sizeof *t);
    json_t *o = tool_result(BASE_OK, NULL), *codes = json_array();
    int ok = 0;

    for (size_t i = 0; i < n; i++) {
        s[i] = (struct storm){account(in), (int)base_json_int(in, "calls", 1), 0, ""};
        pthread_create(&t[i], NULL, storm_thread, &s[i]);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(t[i], NULL);
        ok += s[i].ok;
        if (s[i].code[0] != '\0') {
            json_array_append_new(codes, json_string(s[i].code));
        }
    }
    base_json_setn(o, "ok", ok);
    base_json_setn(o, "wait", ca_wait_ms(account(in)));
    json_object_set_new(o, "codes", codes);
    return o;
}

int main(void)
{
    static const struct tool_entry entries[] = {{"setup", run_setup},
                                                {"me", run_me},
                                                {"order", run_order},
                                                {"info", run_info},
                                                {"list", run_list},
                                                {"changes", run_changes},
                                                {"find", run_find},
                                                {"download", run_download},
                                                {"domains", run_domains},
                                                {"validations", run_validations},
                                                {"domain", run_domain},
                                                {"owner", run_owner},
                                                {"evidence", run_evidence},
                                                {"storm", run_storm},
                                                {NULL, NULL}};
    int rc;

    if (net_init(NULL) != BASE_OK) {
        return 1;
    }
    rc = tool_main(entries);
    for (size_t i = 0; i < naccounts; i++) {
        ca_account_free(accounts[i]);
    }
    net_resolver_free(resolver);
    base_arena_free(setup_arena);
    return rc;
}
