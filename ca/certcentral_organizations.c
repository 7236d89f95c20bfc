/* ca/certcentral_organizations.c - CertCentral: organizations and their validation for S/MIME.
 *
 * The list is asked for with its validations; where it comes without, each organization is
 * asked for its own, up to a limit. Contacts are read from whatever member shows them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "catalog.h"
#include "certcentral.h"

#define ORGANIZATIONS_MAX 2000
#define ASK_EACH_MAX 50

/* "valid", "pending", "expired" or "none", and until when. */
static const char *smime_state(const json_t *validations, int64_t now, int64_t *until)
{
    const char *state = "none";
    size_t i;
    json_t *e;

    *until = 0;
    json_array_foreach((json_t *)validations, i, e)
    {
        const char *status = base_json_strd(e, "status", "");
        int64_t end = cc_time(e, "validated_until");
        if (!base_ascii_caseeq(base_json_strd(e, "type", ""), "smime")) {
            continue;
        }
        *until = end;
        if (base_ascii_caseeq(status, "pending")) {
            state = "pending";
        } else if (end != 0 && end <= now) {
            state = "expired";
        } else {
            state = base_ascii_caseeq(status, "active") ? "valid" : "expired";
        }
    }
    return state;
}

static void add_contact(json_t *list, const json_t *contact)
{
    const char *email = base_json_str(contact, "email");

    if (email != NULL && strchr(email, '@') != NULL && strlen(email) <= 320 && json_array_size(list) < 10) {
        json_array_append_new(list, json_string(email));
    }
}

static json_t *contacts_of(const json_t *e)
{
    json_t *list = json_array(), *c;
    size_t i;

    add_contact(list, base_json_obj(e, "organization_contact"));
    add_contact(list, base_json_obj(e, "technical_contact"));
    json_array_foreach(base_json_arr(e, "contacts"), i, c)
    {
        add_contact(list, c);
    }
    return list;
}

json_t *cc_parse_organization(const json_t *e, int64_t now)
{
    const json_t *validations = base_json_arr(e, "validations");
    int64_t id = base_json_int(e, "id", 0), until;
    json_t *o;

    if (id <= 0) {
        return NULL;
    }
    o = json_object();
    base_json_setn(o, "id", id);
    base_json_set(o, "name", base_json_str(e, "name"));
    base_json_set(o, "assumed_name", base_json_str(e, "assumed_name"));
    base_json_setb(o, "active", base_json_bool(e, "is_active", true));
    base_json_set(o, "city", base_json_str(e, "city"));
    base_json_set(o, "country", base_json_str(e, "country"));
    if (validations != NULL) {
        base_json_set(o, "smime", smime_state(validations, now, &until));
        base_json_setn(o, "until", until);
    }
    json_object_set_new(o, "contacts", contacts_of(e));
    return o;
}

struct entry {
    json_t *o; /* the list's own */
};

/* Validated ones first, then by name. */
static int by_worth(const void *x, const void *y)
{
    const json_t *a = ((const struct entry *)x)->o, *b = ((const struct entry *)y)->o;
    int va = strcmp(base_json_strd(a, "smime", ""), "valid") != 0;
    int vb = strcmp(base_json_strd(b, "smime", ""), "valid") != 0;

    return va != vb ? va - vb
                    : strcmp(base_json_strd(a, "name", ""), base_json_strd(b, "name", ""));
}

static json_t *sorted(json_t *list)
{
    size_t n = json_array_size(list);
    struct entry *v = base_xmalloc((n + 1) * sizeof *v);
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        v[i].o = json_array_get(list, i);
    }
    qsort(v, n, sizeof *v, by_worth);
    for (size_t i = 0; i < n; i++) {
        json_array_append(out, v[i].o);
    }
    free(v);
    json_decref(list);
    return out;
}

/* The list told nothing of validations: each is asked. */
static void ask_validation(struct ca_account *c, struct base_arena *a, json_t *o)
{
    json_t *j = NULL;
    int64_t until;
    const char *path = base_arena_printf(a, "organization/%lld/validation",
                                         (long long)base_json_int(o, "id", 0));

    if (cc_get(c, path, a, &j, NULL) == BASE_OK) {
        base_json_set(o, "smime", smime_state(base_json_arr(j, "validations"), base_now(), &until));
        base_json_setn(o, "until", until);
    }
    json_decref(j);
}

static enum base_fail_class list_page(struct ca_account *c, size_t offset, struct base_arena *a,
                                      json_t *list, size_t *got, bool *more, struct base_fail *f)
{
    json_t *j = NULL, *e;
    size_t i;
    const char *path = base_arena_printf(a, "organization?limit=%d&offset=%zu&include_validation=true",
                                         CC_PAGE, offset);
    enum base_fail_class cls = cc_get(c, path, a, &j, f);

    if (cls == BASE_OK && base_json_arr(j, "organizations") == NULL) {
        cls = cc_unexpected(false, "a list of organizations that is none", f);
    }
    json_array_foreach(base_json_arr(j, "organizations"), i, e)
    {
        json_t *o = cc_parse_organization(e, base_now());
        if (o != NULL) {
            json_array_append_new(list, o);
        }
    }
    *got = json_array_size(base_json_arr(j, "organizations"));
    *more = cc_more(j, *got, offset + *got);
    json_decref(j);
    return cls;
}

enum base_fail_class cc_organization_list(struct ca_account *c, struct base_arena *a, json_t **out,
                                          struct base_fail *f)
{
    json_t *list = json_array(), *o;
    enum base_fail_class cls;
    size_t offset = 0, got = 0, asked = 0, i;
    bool more = false;

    do {
        cls = list_page(c, offset, a, list, &got, &more, f);
        offset += got;
    } while (cls == BASE_OK && more && offset < ORGANIZATIONS_MAX);
    if (cls != BASE_OK) {
        json_decref(list);
        return cls;
    }
    json_array_foreach(list, i, o)
    {
        if (base_json_str(o, "smime") == NULL && asked < ASK_EACH_MAX) {
            ask_validation(c, a, o);
            asked++;
        }
    }
    *out = sorted(list);
    return BASE_OK;
}

/* ---- changing -------------------------------------------------------------------------- */

static void copy(json_t *to, const json_t *from, const char *key)
{
    base_json_set(to, key, base_json_str(from, key));
}

static json_t *contact_body(const json_t *form, const char *key)
{
    static const char *const keys[] = {"first_name", "last_name", "job_title", "email", "telephone"};
    const json_t *c = base_json_obj(form, key);
    json_t *o;

    if (c == NULL) {
        return NULL;
    }
    o = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        copy(o, c, keys[i]);
    }
    return o;
}

enum base_fail_class cc_organization_preview(struct ca_account *c, const json_t *form,
                                             struct base_arena *a, struct ca_preview *out,
                                             struct base_fail *f)
{
    static const char *const keys[] = {"name", "assumed_name", "address", "address2",
                                       "city", "state",        "zip",     "country", "telephone"};
    static const char *const contacts[] = {"organization_contact", "technical_contact"};
    json_t *body = json_object();

    (void)c;
    (void)a;
    (void)f;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        copy(body, form, keys[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        json_t *o = contact_body(form, contacts[i]);
        if (o != NULL) {
            json_object_set_new(body, contacts[i], o);
        }
    }
    *out = (struct ca_preview){"POST", "organization", body};
    return BASE_OK;
}

enum base_fail_class cc_organization_add(struct ca_account *c, const json_t *form,
                                         struct base_arena *a, const char **id, struct base_fail *f)
{
    struct ca_preview p;
    json_t *j = NULL;
    enum base_fail_class cls = cc_organization_preview(c, form, a, &p, f);

    cls = cls == BASE_OK ? cc_call(c, p.method, p.path, p.body, a, &j, f) : cls;
    if (cls == BASE_OK) {
        *id = cc_id(a, j, "id");
    }
    if (cls == BASE_OK && *id == NULL) {
        cls = cc_unexpected(true, "an organization without an id", f);
    }
    json_decref(j);
    return cls;
}

enum base_fail_class cc_organization_submit(struct ca_account *c, const char *id,
                                            struct base_arena *a, struct base_fail *f)
{
    return cc_change(c, "POST", base_arena_printf(a, "organization/%s/validation", id),
                     json_pack("{s:[{s:s}]}", "validations", "type", "smime"), f);
}
