/* ca/certcentral_domains.c - domains and the mails that validate them.
 *
 * CertCentral sends validation mails when a domain is added, submitted or asked
 * to resend; the value in them is unknown to us until a mail comes. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "certcentral.h"

#define FLAGS "include_dcv=true&include_validation=true"

/* Room for N more in OUT; the arena keeps what was there before. */
static void make_room(struct base_arena *a, struct ca_domains *out, size_t *room, size_t n)
{
    struct ca_domain *old = out->v;

    if (old != NULL && out->n + n <= *room) {
        return;
    }
    *room = *room * 2 + n;
    out->v = base_arena_array(a, *room + 1, sizeof *out->v);
    if (out->n > 0) {
        memcpy(out->v, old, out->n * sizeof *old);
    }
}

/* The page at *OFFSET, which is moved behind it; *more: there are further ones. */
static enum base_fail_class list_page(struct ca_account *c, const char *name, size_t *offset,
                                      struct base_arena *a, struct ca_domains *out, size_t *room,
                                      bool *more, struct base_fail *f)
{
    const char *path =
        base_arena_printf(a, "domain?" FLAGS "&limit=%d&offset=%zu", CC_PAGE, *offset);
    enum base_fail_class cls;
    json_t *j = NULL, *e;
    size_t i, got;

    if (name != NULL) {
        path = base_arena_printf(a, "%s&filters%%5Bname%%5D=%s", path, net_url_escape(a, name));
    }
    cls = cc_get(c, path, a, &j, f);
    if (cls == BASE_OK && !json_is_object(j)) {
        cls = cc_unexpected(false, "a list of domains that is none", f);
    }
    got = json_array_size(base_json_arr(j, "domains"));
    make_room(a, out, room, got);
    json_array_foreach(base_json_arr(j, "domains"), i, e)
    {
        struct ca_domain d;
        if (cls == BASE_OK && cc_parse_domain(a, e, base_now(), &d) &&
            (name == NULL || base_ascii_caseeq(d.name, name))) {
            out->v[out->n++] = d;
        }
    }
    *offset += got;
    *more = cc_more(j, got, *offset);
    json_decref(j);
    return cls;
}

enum base_fail_class cc_domain_list(struct ca_account *c, const char *name, struct base_arena *a,
                                    struct ca_domains *out, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;
    size_t offset = 0, room = 0;
    bool more = true;

    while (cls == BASE_OK && more && !out->more) {
        cls = list_page(c, name, &offset, a, out, &room, &more, f);
        out->more = more && offset >= CC_LIST_MAX;
    }
    return cls;
}

enum base_fail_class cc_domain_info(struct ca_account *c, const char *id, struct base_arena *a,
                                    struct ca_domain *out, struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, base_arena_printf(a, "domain/%s?" FLAGS, id), a, &j, f);

    if (cls == BASE_OK && !cc_parse_domain(a, j, base_now(), out)) {
        cls = cc_unexpected(false, "a domain without id or name", f);
    }
    json_decref(j);
    return cls;
}

static json_t *validations(void)
{
    return json_pack("[{s:s}]", "type", "ov");
}

static void set_recipients(json_t *body, const struct policy_strings *recipients)
{
    if (recipients == NULL || recipients->n == 0) {
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < recipients->n; i++) {
        json_array_append_new(list, json_string(recipients->v[i]));
    }
    json_object_set_new(body, "email_array", list);
}

enum base_fail_class cc_domain_add(struct ca_account *c, const char *name,
                                   const struct policy_strings *recipients, struct base_arena *a,
                                   struct ca_domain *out, struct base_fail *f)
{
    json_t *body, *j = NULL;
    enum base_fail_class cls;

    if (c->organization <= 0) {
        return base_failf(f, BASE_PERMANENT, "ca.input",
                          "a domain needs the account's organization, account %s names none",
                          c->id);
    }
    body = json_pack("{s:s, s:{s:I}}", "name", name, "organization", "id",
                     (json_int_t)c->organization);
    json_object_set_new(body, "validations", validations());
    base_json_set(body, "dcv_method", "email");
    set_recipients(body, recipients);
    cls = cc_call(c, "POST", "domain", body, a, &j, f);
    if (cls == BASE_OK) {
        out->id = cc_id(a, j, "id");
        out->name = base_arena_strdup(a, name);
        out->dcv_method = "email";
        out->active = true;
        out->pending = true;
        cc_parse_recipients(a, base_json_obj(j, "validation_emails"), &out->recipients);
        if (recipients != NULL && recipients->n > 0) {
            out->recipients = *recipients;
        }
        if (out->id == NULL) {
            cls = cc_unexpected(true, "a domain without an id", f);
        }
    }
    json_decref(j);
    return cls;
}

enum base_fail_class cc_domain_submit(struct ca_account *c, const char *id, struct base_fail *f)
{
    json_t *body = json_object();
    struct base_arena *a = base_arena_new();

    json_object_set_new(body, "validations", validations());
    base_json_set(body, "dcv_method", "email");
    enum base_fail_class cls =
        cc_change(c, "POST", base_arena_printf(a, "domain/%s/validation", id), body, f);
    base_arena_free(a);
    return cls;
}

enum base_fail_class cc_domain_resend(struct ca_account *c, const char *id, const char *name,
                                      const struct policy_strings *recipients, struct base_fail *f)
{
    json_t *body = json_object();
    struct base_arena *a = base_arena_new();

    base_json_set(body, "name_scope", name);
    set_recipients(body, recipients);
    enum base_fail_class cls =
        cc_change(c, "PUT", base_arena_printf(a, "domain/%s/dcv/emails", id), body, f);
    base_arena_free(a);
    return cls;
}

enum base_fail_class cc_domain_recipients(struct ca_account *c, const char *id,
                                          struct base_arena *a, struct policy_strings *out,
                                          struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls =
        cc_get(c, base_arena_printf(a, "domain/%s/dcv/emails", id), a, &j, f);

    if (cls == BASE_OK) {
        cc_parse_recipients(a, j, out);
    }
    json_decref(j);
    return cls;
}
