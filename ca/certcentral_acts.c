/* ca/certcentral_acts.c - what happens to an order after it was placed: cancel,
 * revoke, reissue, approve; requests; the balance.
 *
 * Each action is one request, sent once; which it is stands in one function, so
 * that a dry run shows exactly what would leave. A certificate is always revoked
 * by its own id: revoking an order revokes every certificate of it. */
#include <string.h>

#include "base/json.h"
#include "certcentral.h"

static json_t *comments(const char *key, const char *text)
{
    json_t *body = json_object();

    base_json_set(body, key, text != NULL ? text : "");
    return body;
}

static json_t *reissue_body(const struct ca_account *c, const struct ca_act *r)
{
    json_t *body = json_object(), *certificate = json_object();

    base_json_set(certificate, "csr", r->csr);
    base_json_set(certificate, "signature_hash",
                  r->signature_hash != NULL ? r->signature_hash : "sha256");
    json_object_set_new(body, "certificate", certificate);
    base_json_set(body, "comments", r->text);
    if (c->skip_approval) {
        base_json_setb(body, "skip_approval", true);
    }
    return body;
}

static json_t *revoke_body(const struct ca_account *c, const struct ca_act *r)
{
    json_t *body = comments("comments", r->text);

    if (c->skip_approval) {
        base_json_setb(body, "skip_approval", true);
    }
    return body;
}

static json_t *status_body(const char *status, const char *note_key, const char *text)
{
    json_t *body = json_object();

    base_json_set(body, "status", status);
    base_json_set(body, note_key, text != NULL ? text : "");
    return body;
}

static json_t *emails_body(const struct ca_act *r)
{
    json_t *body = json_object(), *list = json_array();

    for (size_t i = 0; i < r->emails.n; i++) {
        json_array_append_new(list, json_string(r->emails.v[i]));
    }
    json_object_set_new(body, "additional_emails", list);
    return body;
}

enum base_fail_class cc_act_preview(struct ca_account *c, const struct ca_act *r,
                                    struct base_arena *a, struct ca_preview *out,
                                    struct base_fail *f)
{
    (void)f;
    out->method = "PUT";
    switch (r->action) {
    case CA_CANCEL:
        out->path = base_arena_printf(a, "order/certificate/%s/status", r->id);
        out->body = status_body("CANCELED", "note", r->text);
        break;
    case CA_REVOKE_CERTIFICATE:
        out->path = base_arena_printf(a, "certificate/%s/revoke", r->id);
        out->body = revoke_body(c, r);
        break;
    case CA_REVOKE_ORDER:
        out->path = base_arena_printf(a, "order/certificate/%s/revoke", r->id);
        out->body = revoke_body(c, r);
        break;
    case CA_REISSUE:
        out->method = "POST";
        out->path = base_arena_printf(a, "order/certificate/%s/reissue", r->id);
        out->body = reissue_body(c, r);
        break;
    case CA_APPROVE:
    case CA_REJECT:
        out->path = base_arena_printf(a, "request/%s/status", r->id);
        out->body = status_body(r->action == CA_APPROVE ? "approved" : "rejected",
                                "processor_comment", r->text);
        break;
    case CA_EMAILS:
        out->path = base_arena_printf(a, "order/certificate/%s/additional-emails", r->id);
        out->body = emails_body(r);
        break;
    }
    return BASE_OK;
}

/* The request that the answer names, alone or in a list. */
static void read_request(struct base_arena *a, const struct ca_act *r, const json_t *j,
                         struct ca_acted *out)
{
    const json_t *one =
        r->action == CA_REISSUE ? json_array_get(base_json_arr(j, "requests"), 0) : j;

    out->request = cc_id(a, one, "id");
    out->waits = base_ascii_caseeq(base_json_strd(one, "status", ""), "pending");
}

enum base_fail_class cc_act(struct ca_account *c, const struct ca_act *r, struct base_arena *a,
                            struct ca_acted *out, struct base_fail *f)
{
    struct ca_preview p = {0};
    json_t *j = NULL;
    enum base_fail_class cls = cc_act_preview(c, r, a, &p, f);

    if (cls == BASE_OK) {
        cls = cc_call(c, p.method, p.path, p.body, a, &j, f);
    }
    if (cls == BASE_OK) {
        read_request(a, r, j, out);
    }
    json_decref(j);
    return cls;
}

/* ---- requests and money ------------------------------------------------------------- */

enum base_fail_class cc_request_list(struct ca_account *c, const char *status,
                                     struct base_arena *a, struct ca_requests *out,
                                     struct base_fail *f)
{
    const char *path = base_arena_printf(a, "request?limit=%d%s%s", CC_PAGE,
                                         status != NULL ? "&filters%5Bstatus%5D=" : "",
                                         status != NULL ? status : "");
    json_t *j = NULL, *e;
    size_t i;
    enum base_fail_class cls = cc_get(c, path, a, &j, f);
    const json_t *list = base_json_arr(j, "requests");

    if (cls == BASE_OK && list == NULL) {
        cls = cc_unexpected(false, "a list of requests that is none", f);
    }
    out->v = base_arena_array(a, CC_PAGE, sizeof *out->v);
    json_array_foreach(list, i, e)
    {
        struct ca_request_entry r;
        /* an API that ignores a filter must not mislead us */
        if (cls == BASE_OK && out->n < CC_PAGE && cc_parse_request(a, e, &r) &&
            (status == NULL || r.status == NULL || base_ascii_caseeq(status, r.status))) {
            out->v[out->n++] = r;
        }
    }
    out->more = cc_more(j, json_array_size(list), json_array_size(list));
    json_decref(j);
    return cls;
}

enum base_fail_class cc_request_info(struct ca_account *c, const char *id, struct base_arena *a,
                                     struct ca_request_entry *out, struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, base_arena_printf(a, "request/%s", id), a, &j, f);

    if (cls == BASE_OK && !cc_parse_request(a, j, out)) {
        cls = cc_unexpected(false, "a request without an id", f);
    }
    json_decref(j);
    return cls;
}

enum base_fail_class cc_balance(struct ca_account *c, struct base_arena *a, struct ca_balance *out,
                                struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, "finance/balance", a, &j, f);

    if (cls == BASE_OK) {
        out->available = cc_text(a, j, "total_available_funds");
        out->available = out->available != NULL ? out->available : cc_text(a, j, "balance");
        out->currency = cc_text(a, j, "currency");
    }
    if (cls == BASE_OK && out->available == NULL) {
        cls = cc_unexpected(false, "no balance", f);
    }
    json_decref(j);
    return cls;
}
