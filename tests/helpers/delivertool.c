/* tests/helpers/delivertool.c - the publishers ldap and mail from a script. For tests/e2e/test_publishers.py.
 *
 * {"do":"ldap"|"mail", "publisher":{...}, "item":{...}, "config":{"smtp","from","hostname"}, "keeper":PATH,
 *  "secrets":{NAME:TEXT}} */
#include "policy/publishers.h"

#include "deliver/deliver.h"
#include "policy/confread.h"
#include "policy/mailtext.h"
#include "tool.h"

static const json_t *secrets;

static char *secret(const struct deliver_world *w, const char *name)
{
    (void)w;
    const char *s = base_json_str(secrets, name);
    return s != NULL ? base_xstrdup(s) : NULL;
}

static struct policy_publisher publisher(struct base_arena *a, const json_t *o)
{
    static const char *const ways[] = {"hook", "file", "preset"};
    struct policy_publisher t = {
        .id = "test",
        .timeout = base_json_int(o, "timeout", 5),
        .uri = base_json_str(o, "uri"),
        .starttls = base_json_bool(o, "starttls", false),
        .base = base_json_str(o, "base"),
        .filter = base_json_strd(o, "filter", "(mail=%s)"),
        .bind_dn = base_json_str(o, "bind_dn"),
        .secret = base_json_str(o, "secret"),
        .tls_bundle = base_json_str(o, "tls_bundle"),
        .user_certificate = base_json_bool(o, "user_certificate", true),
        .user_smime = base_json_bool(o, "user_smime", true),
        .templates = base_json_str(o, "templates"),
        .language = base_json_strd(o, "language", "en"),
        .history = base_json_bool(o, "history", false),
        .where = "test",
    };

    (void)a;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(base_json_strd(o, "passphrase", "file"), ways[i]) == 0) {
            t.passphrase = (enum policy_passphrase)i;
        }
    }
    return t;
}

static struct deliver_item item(struct base_arena *a, const json_t *o)
{
    const char *der = base_json_strd(o, "der", "");
    struct deliver_item it = {
        .mailbox = base_json_str(o, "mailbox"),
        .tenant = base_json_strd(o, "tenant", "main"),
        .cert = {.thumbprint = base_json_strd(o, "thumbprint", "00"),
                 .chain_pem = base_json_str(o, "chain"),
                 .key_id = base_json_str(o, "key_id"),
                 .usage = base_json_strd(o, "usage", "both"),
                 .serial = base_json_strd(o, "serial", "01"),
                 .issuer = base_json_strd(o, "issuer", "CN=Test <CA> & Co"),
                 .subject = base_json_strd(o, "subject", "CN=x"),
                 .not_before = base_json_int(o, "not_before", 1700000000),
                 .not_after = base_json_int(o, "not_after", 1800000000)},
        .withdraw = base_json_bool(o, "withdraw", false),
        .reason = base_json_strd(o, "reason", "issued"),
    };

    it.cert.der.p = base_unbase64(a, der, strlen(der), &it.cert.der.n);
    return it;
}

static json_t *run(deliver_publisher *p, struct base_arena *a, const json_t *in)
{
    const json_t *c = base_json_obj(in, "config");
    struct policy_config cfg = {.smtp = base_json_str(c, "smtp"),
                                .notice_from = base_json_strd(c, "from", "certmilter@mx.example.test"),
                                .hostname = base_json_strd(c, "hostname", "mx.example.test")};
    struct policy_tenant tenant = {.id = "main", .contact = base_json_str(c, "contact")};
    struct deliver_world w = {.cfg = &cfg, .keeper_socket = base_json_str(in, "keeper"), .secret = secret};
    struct policy_publisher t = publisher(a, base_json_obj(in, "publisher"));
    struct deliver_item it = item(a, base_json_obj(in, "item"));
    struct deliver_done done = {0};
    struct base_fail f = {0};

    secrets = base_json_obj(in, "secrets");
    cfg.tenants = &tenant;
    cfg.ntenants = 1;
    json_t *o = tool_result(p(&w, &t, &it, a, &done, &f), &f);
    base_json_set(o, "where", done.where);
    base_json_set(o, "note", done.note);
    return o;
}

static json_t *run_ldap(struct base_arena *a, const json_t *in)
{
    return run(deliver_ldap, a, in);
}

static json_t *run_mail(struct base_arena *a, const json_t *in)
{
    return run(deliver_mail, a, in);
}

/* {"do":"texts","dir":FOLDER,"language":"en"}: every error of the templates. */
static json_t *run_texts(struct base_arena *a, const json_t *in)
{
    struct policy_config_errors errs;
    json_t *o = tool_result(BASE_OK, NULL), *list = json_array();

    (void)a;
    policy_errors_init(&errs);
    policy_mailtext_check(base_json_str(in, "dir"), base_json_strd(in, "language", "en"), &errs);
    for (size_t i = 0; i < errs.n; i++) {
        char line[1000];
        snprintf(line, sizeof line, "%s: %s", errs.v[i].where, errs.v[i].text);
        json_array_append_new(list, json_string(line));
    }
    json_object_set_new(o, "errors", list);
    policy_config_errors_free(&errs);
    return o;
}

int main(void)
{
    static const struct tool_entry entries[] = {
        {"ldap", run_ldap}, {"mail", run_mail}, {"texts", run_texts}, {NULL, NULL}};

    base_no_core();
    return tool_main(entries);
}
