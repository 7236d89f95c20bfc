/* policy/page.c - what inspection found on a CA's page, as JSON.
 *
 * Owns nothing: what is read comes from the caller's arena. Reading fails as
 * permanent "page.json". */
#include <string.h>

#include "facts.h"
#include "pagejson.h"

static const char *const states[] = {"unknown", "pending", "success", "done", "expired", "refused"};
#define NSTATES (sizeof states / sizeof *states)

const char *policy_page_state_name(enum policy_page_state s)
{
    return (size_t)s < NSTATES ? states[s] : "unknown";
}

json_t *policy_ids_to_json(const struct policy_id *ids, size_t n)
{
    json_t *list = policy_new_array();

    for (size_t i = 0; i < n; i++) {
        json_t *o = policy_new_object();
        policy_put_str(o, "name", ids[i].name);
        policy_put_str(o, "value", ids[i].value);
        policy_put_str(o, "where", ids[i].where);
        policy_append_new(list, o);
    }
    return list;
}

struct policy_id *policy_ids_from_json(struct policy_reader *r, const json_t *o, size_t *n)
{
    const json_t *v = policy_read_objects(r, o, "ids", POLICY_FACTS_IDS, n);
    struct policy_id *ids = base_arena_array(r->a, *n, sizeof *ids);

    for (size_t i = 0; i < *n; i++) {
        const json_t *m = json_array_get(v, i);
        ids[i].name = policy_read_str(r, m, "name");
        ids[i].value = policy_read_str(r, m, "value");
        ids[i].where = policy_read_str(r, m, "where");
        if (ids[i].name == NULL || ids[i].value == NULL) {
            policy_read_bad(r, "ids", "an id with its name and value");
        }
    }
    return ids;
}

/* ---- writing ---------------------------------------------------------------- */

static json_t *field_to_json(const struct policy_field *f)
{
    json_t *o = policy_new_object(), *list = policy_new_array();

    policy_put_str(o, "name", f->name);
    policy_put_str(o, "type", f->type);
    policy_put_str(o, "value", f->value);
    policy_put_bool(o, "checked", f->checked);
    for (size_t i = 0; i < f->noptions; i++) {
        json_t *opt = policy_new_object();
        policy_put_str(opt, "value", f->options[i].value);
        policy_put_str(opt, "label", f->options[i].label);
        policy_put_bool(opt, "selected", f->options[i].selected);
        policy_append_new(list, opt);
    }
    policy_put_new(o, "options", list);
    return o;
}

static json_t *form_to_json(const struct policy_form *f)
{
    json_t *o = policy_new_object(), *fields = policy_new_array(), *buttons = policy_new_array();

    policy_put_str(o, "action", f->action);
    policy_put_str(o, "method", f->method);
    policy_put_str(o, "enctype", f->enctype);
    for (size_t i = 0; i < f->nfields; i++) {
        policy_append_new(fields, field_to_json(&f->fields[i]));
    }
    for (size_t i = 0; i < f->nbuttons; i++) {
        json_t *b = policy_new_object();
        policy_put_str(b, "name", f->buttons[i].name);
        policy_put_str(b, "value", f->buttons[i].value);
        policy_put_str(b, "label", f->buttons[i].label);
        policy_append_new(buttons, b);
    }
    policy_put_new(o, "fields", fields);
    policy_put_new(o, "buttons", buttons);
    return o;
}

json_t *policy_page_to_json(const struct policy_page *p)
{
    json_t *o = policy_new_object(), *forms = policy_new_array();

    policy_put_str(o, "title", p->title);
    policy_put_str(o, "text", p->text);
    for (size_t i = 0; i < p->nforms; i++) {
        policy_append_new(forms, form_to_json(&p->forms[i]));
    }
    policy_put_new(o, "forms", forms);
    policy_put_bool(o, "password_field", p->password_field);
    policy_put_bool(o, "captcha", p->captcha);
    policy_put_str(o, "state", policy_page_state_name(p->state));
    policy_put_str(o, "domain", p->domain);
    policy_put_bool(o, "domain_conflict", p->domain_conflict);
    policy_put_str(o, "mailbox", p->mailbox);
    policy_put_bool(o, "mailbox_conflict", p->mailbox_conflict);
    policy_put_new(o, "ids", policy_ids_to_json(p->ids, p->nids));
    policy_put_bool(o, "id_conflict", p->id_conflict);
    return o;
}

/* ---- reading ---------------------------------------------------------------- */

static void field_from_json(struct policy_reader *r, const json_t *o, struct policy_field *f)
{
    const json_t *list = policy_read_objects(r, o, "options", POLICY_PAGE_OPTIONS, &f->noptions);

    f->name = policy_read_str(r, o, "name");
    f->type = policy_read_str(r, o, "type");
    f->value = policy_read_str(r, o, "value");
    f->checked = policy_read_bool(r, o, "checked");
    f->options = base_arena_array(r->a, f->noptions, sizeof *f->options);
    for (size_t i = 0; i < f->noptions; i++) {
        const json_t *m = json_array_get(list, i);
        f->options[i].value = policy_read_str(r, m, "value");
        f->options[i].label = policy_read_str(r, m, "label");
        f->options[i].selected = policy_read_bool(r, m, "selected");
    }
}

static void form_from_json(struct policy_reader *r, const json_t *o, struct policy_form *f)
{
    const json_t *fields = policy_read_objects(r, o, "fields", POLICY_PAGE_FIELDS, &f->nfields);
    const json_t *buttons = policy_read_objects(r, o, "buttons", POLICY_PAGE_BUTTONS, &f->nbuttons);

    f->action = policy_read_str(r, o, "action");
    f->method = policy_read_str(r, o, "method");
    f->enctype = policy_read_str(r, o, "enctype");
    f->fields = base_arena_array(r->a, f->nfields, sizeof *f->fields);
    for (size_t i = 0; i < f->nfields; i++) {
        field_from_json(r, json_array_get(fields, i), &f->fields[i]);
    }
    f->buttons = base_arena_array(r->a, f->nbuttons, sizeof *f->buttons);
    for (size_t i = 0; i < f->nbuttons; i++) {
        const json_t *m = json_array_get(buttons, i);
        f->buttons[i].name = policy_read_str(r, m, "name");
        f->buttons[i].value = policy_read_str(r, m, "value");
        f->buttons[i].label = policy_read_str(r, m, "label");
    }
}

static void state_from_json(struct policy_reader *r, const json_t *o, enum policy_page_state *st)
{
    const char *s = policy_read_str(r, o, "state");

    for (size_t i = 0; s != NULL && i < NSTATES; i++) {
        if (strcmp(s, states[i]) == 0) {
            *st = (enum policy_page_state)i;
            return;
        }
    }
    if (s != NULL) {
        policy_read_bad(r, "state", "the name of a page's state");
    }
}

enum base_fail_class policy_page_from_json(struct base_arena *a, const json_t *j,
                                           struct policy_page **out, struct base_fail *f)
{
    struct policy_reader r = {.a = a, .code = "page.json", .f = f};
    struct policy_page *p = base_arena_alloc(a, sizeof *p);

    *out = NULL;
    policy_read_object(&r, j, "page");
    p->title = policy_read_str(&r, j, "title");
    p->text = policy_read_str(&r, j, "text");
    const json_t *forms = policy_read_objects(&r, j, "forms", POLICY_PAGE_FORMS, &p->nforms);
    p->forms = base_arena_array(a, p->nforms, sizeof *p->forms);
    for (size_t i = 0; i < p->nforms; i++) {
        form_from_json(&r, json_array_get(forms, i), &p->forms[i]);
    }
    p->password_field = policy_read_bool(&r, j, "password_field");
    p->captcha = policy_read_bool(&r, j, "captcha");
    state_from_json(&r, j, &p->state);
    p->domain = policy_read_str(&r, j, "domain");
    p->domain_conflict = policy_read_bool(&r, j, "domain_conflict");
    p->mailbox = policy_read_str(&r, j, "mailbox");
    p->mailbox_conflict = policy_read_bool(&r, j, "mailbox_conflict");
    p->ids = policy_ids_from_json(&r, j, &p->nids);
    p->id_conflict = policy_read_bool(&r, j, "id_conflict");
    if (policy_read_end(&r) == BASE_OK) {
        *out = p;
    }
    return policy_read_end(&r);
}
