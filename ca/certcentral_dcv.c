/* ca/certcentral_dcv.c - validation of a domain by a record in the DNS or a file by HTTP.
 *
 * CertCentral gives a random value for a domain when it is added with a method,
 * submitted with one, changed to one, or asked for a new value; only the newest
 * counts. So what the CA holds is looked at first, and nothing is asked for
 * that is there. The token is checked before anybody writes it anywhere. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "certcentral.h"

#define FIXED_FILE "fileauth.txt"

static const char *method_name(enum ca_dcv_method m)
{
    static const char *const names[] = {"dns-txt-token", "dns-cname-token", "http-token",
                                        "http-token-dynamic"};

    return names[m];
}

static bool is_token(const char *s)
{
    size_t n = s != NULL ? strlen(s) : 0;

    return n >= 8 && n <= 200 &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static bool is_host(const char *s)
{
    size_t n = s != NULL ? strlen(s) : 0;

    return n >= 3 && n <= 190 && strchr(s, '.') != NULL && strstr(s, "..") == NULL && s[0] != '.' &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") == n;
}

/* A CNAME's token is a label of the target. */
static bool usable(const char *token, const char *verification, enum ca_dcv_method m)
{
    return is_token(token) && (m != CA_DCV_CNAME || (strlen(token) <= 63 && is_host(verification)));
}

/* The name of the file that URL, as the CA tells it, is about: in the one directory that is
 * meant for it, and a plain name. Where it tells none the name is fixed. */
static const char *file_of(struct base_arena *a, const char *url, enum ca_dcv_method m)
{
    const char *name = m == CA_DCV_HTTP ? FIXED_FILE : NULL;

    if (url != NULL) {
        const char *host = strstr(url, "://"), *path = host != NULL ? strchr(host + 3, '/') : NULL;
        size_t n = strlen("/" CA_DCV_DIRECTORY "/");
        name = path != NULL && strncmp(path, "/" CA_DCV_DIRECTORY "/", n) == 0 ? path + n : NULL;
    }
    return ca_dcv_file_ok(name) ? base_arena_strdup(a, name) : NULL;
}

static void take(struct base_arena *a, const char *token, const char *verification,
                 const char *url, enum ca_dcv_method m, struct ca_dcv *out)
{
    bool http = m == CA_DCV_HTTP || m == CA_DCV_HTTP_DYNAMIC;
    const char *file = http ? file_of(a, url, m) : NULL;

    if (usable(token, verification, m) && (!http || file != NULL)) {
        out->token = base_arena_strdup(a, token);
        out->verification = m == CA_DCV_CNAME ? base_arena_strdup(a, verification) : NULL;
        out->file = file;
    }
}

/* A token as an answer holds it: in dcv_token, or bare. */
static void take_answer(struct base_arena *a, const json_t *j, enum ca_dcv_method m,
                        struct ca_dcv *out)
{
    const json_t *t = base_json_obj(j, "dcv_token");

    t = t != NULL ? t : j;
    take(a, base_json_str(t, "token"), base_json_str(t, "verification_value"),
         base_json_str(t, "http_token_url"), m, out);
}

static json_t *submission(enum ca_dcv_method m)
{
    json_t *body = json_object();

    json_object_set_new(body, "validations", json_pack("[{s:s}]", "type", "ov"));
    base_json_set(body, "dcv_method", method_name(m));
    return body;
}

static enum base_fail_class add(struct ca_account *c, const char *name, enum ca_dcv_method m,
                                struct base_arena *a, struct ca_dcv *out, struct base_fail *f)
{
    json_t *body, *j = NULL;
    enum base_fail_class cls;

    if (c->organization <= 0) {
        return base_failf(f, BASE_PERMANENT, "ca.input",
                          "a domain needs the account's organization, account %s names none",
                          c->id);
    }
    body = submission(m);
    base_json_set(body, "name", name);
    json_object_set_new(body, "organization",
                        json_pack("{s:I}", "id", (json_int_t)c->organization));
    cls = cc_call(c, "POST", "domain", body, a, &j, f);
    if (cls == BASE_OK) {
        out->domain = cc_id(a, j, "id");
        take_answer(a, j, m, out);
        if (out->domain == NULL) {
            cls = cc_unexpected(true, "a domain without an id", f);
        }
    }
    json_decref(j);
    return cls;
}

/* METHOD PATH below the domain; takes the token of the answer, if it holds one. */
static enum base_fail_class change(struct ca_account *c, const char *verb, const char *what,
                                   json_t *body, enum ca_dcv_method m, struct base_arena *a,
                                   struct ca_dcv *out, struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_call(
        c, verb, base_arena_printf(a, "domain/%s/%s", out->domain, what), body, a, &j, f);

    if (cls == BASE_OK) {
        take_answer(a, j, m, out);
    }
    json_decref(j);
    return cls;
}

enum base_fail_class cc_dcv_ask(struct ca_account *c, const char *name, enum ca_dcv_method m,
                                int64_t renews, struct base_arena *a, struct ca_dcv *out,
                                struct base_fail *f)
{
    struct ca_domains have = {0};
    struct ca_domain d;
    enum base_fail_class cls = cc_domain_list(c, name, a, &have, f);

    if (cls == BASE_OK && have.n == 0) {
        cls = add(c, name, m, a, out, f);
    } else if (cls == BASE_OK) {
        cls = cc_domain_info(c, have.v[0].id, a, &d, f);
        if (cls != BASE_OK) {
            return cls;
        }
        out->domain = d.id;
        out->valid = ca_domain_holds(&d, renews);
        out->valid_till = d.valid_till;
        bool same = d.dcv_method != NULL && strcmp(d.dcv_method, method_name(m)) == 0;
        if (out->valid) {
            return BASE_OK;
        }
        if ((d.pending || d.valid) && same && !d.token_done) {
            take(a, d.token, d.verification, d.token_url, m, out);
        }
        if (out->token != NULL || (d.pending && same)) {
            cls = BASE_OK;
        } else if (d.pending) {
            json_t *body = json_object();
            base_json_set(body, "dcv_method", method_name(m));
            cls = change(c, "PUT", "dcv/method", body, m, a, out, f);
        } else {
            cls = change(c, "POST", "validation", submission(m), m, a, out, f);
        }
    }
    if (cls == BASE_OK && out->token == NULL) {
        cls = change(c, "POST", "dcv/token", NULL, m, a, out, f);
    }
    if (cls == BASE_OK && out->token == NULL) {
        cls = cc_unexpected(true, "no random value that can be shown", f);
    }
    return cls;
}

enum base_fail_class cc_dcv_check(struct ca_account *c, const char *domain, enum ca_dcv_method m,
                                  const char *token, int64_t renews, struct base_arena *a,
                                  struct ca_dcv_check *out, struct base_fail *f)
{
    struct ca_domain d;
    struct base_fail why = {0};
    enum base_fail_class cls = cc_domain_info(c, domain, a, &d, f);

    if (cls != BASE_OK) {
        return cls;
    }
    bool other = d.dcv_method != NULL && strcmp(d.dcv_method, method_name(m)) != 0;
    other = other || (d.token != NULL && strcmp(d.token, token) != 0);
    bool holds = ca_domain_holds(&d, renews), accepted = false;
    if (!holds && other) {
        out->state = CA_DCV_CHANGED;
        out->reason = "the CA waits for another value or method now";
        return BASE_OK;
    }
    if (!holds) {
        cls = cc_change(c, "PUT", base_arena_printf(a, "domain/%s/dcv/validate-token", domain),
                        NULL, &why);
        if (cls == BASE_PERMANENT && strcmp(why.code, "ca.refused") == 0) {
            out->state = CA_DCV_NOT_YET;
            out->reason = base_arena_strdup(a, why.text);
            return BASE_OK;
        }
        accepted = cls == BASE_OK;
        if (cls == BASE_OK) { /* what the CA says about itself afterwards counts */
            cls = cc_domain_info(c, domain, a, &d, &why);
        }
        if (cls != BASE_OK) {
            return base_failf(f, cls, why.code, "%s", why.text);
        }
    }
    /* where no date is told, its word is all there is */
    holds = ca_domain_holds(&d, renews) || (accepted && d.valid && d.valid_till == 0);
    out->state = holds ? CA_DCV_VALID : CA_DCV_NOT_YET;
    out->reason = holds ? NULL : "the CA accepted the value, but does not hold the domain as "
                                 "validated yet";
    out->valid_till = d.valid_till;
    return BASE_OK;
}
