/* dcv/form.c - from a page's form to the one answer that we would give.
 *
 * Strict where a browser is lenient: whatever could widen what is confirmed (a
 * choice, a ticked box) must be named by the profile, else there is no answer.
 * Pure: nothing is sent here. */
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "hosts.h"

#define BODY_MAX 65536

/* "name=value" of a profile cut at the first "="; value NULL if there is none. */
struct pair {
    const char *name, *value;
};

static struct pair split(struct base_arena *a, const char *s)
{
    const char *eq = strchr(s, '=');

    if (eq == NULL) {
        return (struct pair){s, NULL};
    }
    return (struct pair){base_arena_strndup(a, s, (size_t)(eq - s)), eq + 1};
}

static bool same(const char *x, const char *y)
{
    return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static bool is_type(const struct policy_field *fd, const char *type)
{
    return fd->type != NULL && strcasecmp(fd->type, type) == 0;
}

/* A field that a person would type into. Unknown types are text (HTML). */
static bool is_typed(const struct policy_field *fd)
{
    static const char *const others[] = {"hidden", "radio", "checkbox", "select", "submit",
                                         "button", "image", "reset",    "file"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (is_type(fd, others[i])) {
            return false;
        }
    }
    return true;
}

/* ---- which form, which button --------------------------------------------------------- */

static const struct policy_button *button_of(struct base_arena *a,
                                             const struct policy_kind_rules *rules,
                                             const struct policy_form *form)
{
    static const struct policy_button none = {0};

    if (rules->button == NULL) {
        /* The only one; a form without buttons can still be sent. */
        return form->nbuttons == 0 ? &none : form->nbuttons == 1 ? &form->buttons[0] : NULL;
    }
    struct pair want = split(a, rules->button);
    for (size_t i = 0; i < form->nbuttons; i++) {
        const struct policy_button *b = &form->buttons[i];
        if (same(b->name, want.name) && (want.value == NULL || same(b->value, want.value))) {
            return b;
        }
    }
    return NULL;
}

/* One form fits or none: two would be a page that we don't understand. */
static enum base_fail_class choose_form(struct base_arena *a, const struct policy_kind_rules *rules,
                                        const struct policy_page *page, size_t *form,
                                        struct base_fail *f)
{
    size_t n = 0;

    for (size_t i = 0; i < page->nforms; i++) {
        const struct policy_form *candidate = &page->forms[i];
        if (candidate->method != NULL && strcasecmp(candidate->method, "post") == 0 &&
            button_of(a, rules, candidate) != NULL) {
            *form = i;
            n++;
        }
    }
    if (n == 1) {
        return BASE_OK;
    }
    return base_failf(f, BASE_PERMANENT, "dcv.form",
                      n == 0 ? "no form on the page has the button that confirms (%s)"
                             : "more than one form on the page has the button that confirms (%s)",
                      rules->button != NULL ? rules->button : "the only one");
}

/* ---- the choices ------------------------------------------------------------------------- */

static enum base_fail_class not_narrow(const char *name, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "dcv.narrow",
                      "the form doesn't offer the narrow choice of \"%.100s\", or the profile "
                      "doesn't name it",
                      name != NULL ? name : "");
}

/* The choice that the profile names for field NAME; value NULL if none. */
static struct pair choice_of(struct base_arena *a, const struct policy_kind_rules *rules,
                             const char *name)
{
    for (size_t i = 0; i < rules->choices.n; i++) {
        struct pair p = split(a, rules->choices.v[i]);
        if (p.value != NULL && same(p.name, name)) {
            return p;
        }
    }
    return (struct pair){name, NULL};
}

static bool offers(const struct policy_field *fd, const struct pair *want)
{
    if (!same(fd->name, want->name)) {
        return false;
    }
    if (is_type(fd, "radio") || is_type(fd, "checkbox")) {
        return same(fd->value, want->value);
    }
    for (size_t i = 0; is_type(fd, "select") && i < fd->noptions; i++) {
        if (same(fd->options[i].value, want->value)) {
            return true;
        }
    }
    return false;
}

/* Every choice that the profile names must be there, once. */
static enum base_fail_class all_offered(struct base_arena *a, const struct policy_kind_rules *rules,
                                        const struct policy_form *form, struct base_fail *f)
{
    for (size_t i = 0; i < rules->choices.n; i++) {
        struct pair want = split(a, rules->choices.v[i]);
        size_t n = 0;
        for (size_t k = 0; want.value != NULL && k < form->nfields; k++) {
            n += offers(&form->fields[k], &want);
        }
        if (n != 1) {
            return not_narrow(want.name, f);
        }
    }
    return BASE_OK;
}

/* ---- the body ------------------------------------------------------------------------------ */

/* application/x-www-form-urlencoded (WHATWG URL section 5.2), line ends as CRLF. */
static void encode(struct base_buf *b, const char *s)
{
    for (; s != NULL && *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("*-._", c) != NULL) {
            base_buf_add(b, s, 1);
        } else if (c == ' ') {
            base_buf_adds(b, "+");
        } else if (c == '\r' || c == '\n') {
            s += c == '\r' && s[1] == '\n';
            base_buf_adds(b, "%0D%0A");
        } else {
            base_buf_addf(b, "%%%02X", c);
        }
    }
}

static void add(struct base_buf *b, const char *name, const char *value)
{
    if (name == NULL || name[0] == '\0') {
        return; /* a field without a name is never sent */
    }
    if (b->n > 0) {
        base_buf_adds(b, "&");
    }
    encode(b, name);
    base_buf_adds(b, "=");
    encode(b, value);
}

/* A radio button, box or list: the named value or nothing. */
static enum base_fail_class add_choice(struct base_arena *a, const struct policy_kind_rules *rules,
                                       const struct policy_field *fd, struct base_buf *body,
                                       struct base_fail *f)
{
    struct pair want = choice_of(a, rules, fd->name);

    if (want.value != NULL) {
        if (offers(fd, &want)) {
            add(body, fd->name, want.value);
        }
        return BASE_OK;
    }
    if (is_type(fd, "checkbox") && !fd->checked) {
        return BASE_OK;
    }
    return not_narrow(fd->name, f);
}

static enum base_fail_class add_field(struct base_arena *a, const struct policy_kind_rules *rules,
                                      const struct policy_field *fd, const char *code,
                                      struct base_buf *body, struct base_fail *f)
{
    if (is_type(fd, "file") || (is_type(fd, "password") && code == NULL)) {
        return base_failf(f, BASE_PERMANENT, "dcv.form", "the form asks for a password or a file");
    }
    if (is_type(fd, "radio") || is_type(fd, "checkbox") || is_type(fd, "select")) {
        return add_choice(a, rules, fd, body, f);
    }
    if (choice_of(a, rules, fd->name).value != NULL && (is_type(fd, "hidden") || is_typed(fd))) {
        return not_narrow(fd->name, f); /* a second value beside the choice */
    }
    if (is_type(fd, "hidden")) {
        add(body, fd->name, fd->value);
    } else if (is_typed(fd)) {
        add(body, fd->name, code != NULL ? code : fd->value);
    }
    return BASE_OK;
}

static size_t count_typed(const struct policy_form *form)
{
    size_t n = 0;

    for (size_t i = 0; i < form->nfields; i++) {
        n += is_typed(&form->fields[i]);
    }
    return n;
}

static enum base_fail_class build_body(struct base_arena *a, const struct policy_kind_rules *rules,
                                       const struct policy_form *form, const char *code,
                                       const char **out, struct base_fail *f)
{
    const struct policy_button *button = button_of(a, rules, form);
    enum base_fail_class cls = all_offered(a, rules, form, f);
    struct base_buf body;

    base_buf_init(&body, BODY_MAX);
    for (size_t i = 0; cls == BASE_OK && i < form->nfields; i++) {
        cls = add_field(a, rules, &form->fields[i], code, &body, f);
    }
    if (cls == BASE_OK) {
        add(&body, button->name, button->value);
        *out = base_arena_strndup(a, base_buf_str(&body), body.n);
    }
    if (cls == BASE_OK && body.full) {
        cls = base_failf(f, BASE_PERMANENT, "dcv.form", "the form is too large");
    }
    base_buf_wipe(&body);
    return cls;
}

enum base_fail_class dcv_form_build(struct base_arena *a, const struct policy_kind_rules *rules,
                                    const struct policy_page *page, const char *page_url,
                                    const char *code, struct dcv_post *out, struct base_fail *f)
{
    const struct policy_form *form;
    struct dcv_hosts hosts;
    struct net_url checked;
    const char *action;
    enum base_fail_class cls;

    *out = (struct dcv_post){0};
    if ((page->password_field && code == NULL) || page->captcha) {
        return base_failf(f, BASE_PERMANENT, "dcv.form", "the page asks for a log-in or a captcha");
    }
    cls = choose_form(a, rules, page, &out->form, f);
    if (cls != BASE_OK) {
        return cls;
    }
    form = &page->forms[out->form];
    if (form->enctype != NULL && form->enctype[0] != '\0' &&
        strcasecmp(form->enctype, "application/x-www-form-urlencoded") != 0) {
        return base_failf(f, BASE_PERMANENT, "dcv.form", "the form wants the encoding %.60s",
                          form->enctype);
    }
    if (code != NULL && count_typed(form) != 1) {
        return base_failf(f, BASE_PERMANENT, "dcv.code",
                          "the form has %zu fields to type into, the code needs exactly one",
                          count_typed(form));
    }
    dcv_hosts_of(a, rules, page_url, &hosts);
    if (net_url_resolve(a, page_url, form->action != NULL ? form->action : "", &action, NULL) !=
        BASE_OK) {
        return base_failf(f, BASE_PERMANENT, "dcv.url", "the form's target can't be read");
    }
    cls = dcv_hosts_check(a, rules, &hosts, action, &checked, f);
    if (cls == BASE_OK) {
        out->url = checked.url;
        cls = build_body(a, rules, form, code, &out->body, f);
    }
    return cls;
}
