/* inspect/html_forms.c - forms as a browser would send them, without scripts.
 *
 * Fields belong to the form around them, to the one that their form= names, or
 * to a form that HTML's rules cut short inside a table. Disabled fields are left
 * out; a button that sends elsewhere (formaction) is left out too. */
#include <string.h>
#include <strings.h>

#include "html_inner.h"

struct builder {
    struct base_arena *a;
    struct inspect_html *out;
    const char *ids[POLICY_PAGE_FORMS]; /* id of each form, NULL if none */
    struct policy_form *stray;          /* a form that was cut short by a table */
};

static char *copy(struct builder *b, const char *s, size_t max)
{
    return s != NULL ? base_arena_strndup(b->a, s, strnlen(s, max)) : NULL;
}

static const char *lower(struct builder *b, const char *s)
{
    char *t = copy(b, s, 100);

    if (t != NULL) {
        base_ascii_lower(t);
    }
    return t;
}

#define VALUE_MAX 8192

static struct policy_form *add_form(struct builder *b, const GumboElement *e)
{
    if (b->out->nforms == POLICY_PAGE_FORMS) {
        return NULL;
    }
    struct policy_form *f = &b->out->forms[b->out->nforms];
    const char *method = inspect_html_attr(e, "method");

    b->ids[b->out->nforms++] = inspect_html_attr(e, "id");
    f->action = copy(b, inspect_html_attr(e, "action"), INSPECT_URL_MAX);
    f->method = method != NULL && base_ascii_caseeq(method, "post") ? "post" : "get";
    f->enctype = lower(b, inspect_html_attr(e, "enctype"));
    f->fields = base_arena_array(b->a, POLICY_PAGE_FIELDS, sizeof(*f->fields));
    f->buttons = base_arena_array(b->a, POLICY_PAGE_BUTTONS, sizeof(*f->buttons));
    return f;
}

static struct policy_form *owner(struct builder *b, const GumboElement *e,
                                 struct policy_form *around)
{
    const char *id = inspect_html_attr(e, "form");

    if (id == NULL) {
        return around != NULL ? around : b->stray;
    }
    for (size_t i = 0; i < b->out->nforms; i++) {
        if (b->ids[i] != NULL && strcmp(b->ids[i], id) == 0) {
            return &b->out->forms[i];
        }
    }
    return NULL;
}

static void add_button(struct builder *b, struct policy_form *f, const GumboElement *e,
                       const char *label)
{
    if (f->nbuttons == POLICY_PAGE_BUTTONS || inspect_html_attr(e, "formaction") != NULL ||
        inspect_html_attr(e, "formmethod") != NULL) {
        return;
    }
    f->buttons[f->nbuttons++] =
        (struct policy_button){copy(b, inspect_html_attr(e, "name"), VALUE_MAX),
                               copy(b, inspect_html_attr(e, "value"), VALUE_MAX), label};
}

static struct policy_field *add_field(struct builder *b, struct policy_form *f,
                                      const GumboElement *e, const char *type, const char *value)
{
    if (f->nfields == POLICY_PAGE_FIELDS) {
        return NULL;
    }
    struct policy_field *field = &f->fields[f->nfields++];

    field->name = copy(b, inspect_html_attr(e, "name"), VALUE_MAX);
    field->type = type;
    field->value = copy(b, value, VALUE_MAX);
    return field;
}

static void read_input(struct builder *b, struct policy_form *f, const GumboElement *e)
{
    const char *type = lower(b, inspect_html_attr(e, "type"));
    const char *value = inspect_html_attr(e, "value");

    if (type == NULL || *type == '\0') {
        type = "text";
    }
    if (strcmp(type, "submit") == 0) {
        add_button(b, f, e, copy(b, value, 200));
    } else if (strcmp(type, "image") == 0) {
        add_button(b, f, e, copy(b, inspect_html_attr(e, "alt"), 200));
    } else if (strcmp(type, "button") != 0 && strcmp(type, "reset") != 0) {
        bool tick = strcmp(type, "checkbox") == 0 || strcmp(type, "radio") == 0;
        struct policy_field *field = add_field(b, f, e, type, tick && value == NULL ? "on" : value);

        if (field != NULL) {
            field->checked = inspect_html_attr(e, "checked") != NULL;
        }
    }
}

/* Options below NODE, those in groups too. */
static void read_options(struct builder *b, struct policy_field *field, const GumboElement *e,
                         int depth)
{
    for (unsigned i = 0; i < e->children.length; i++) {
        const GumboNode *n = e->children.data[i];

        if (n->type != GUMBO_NODE_ELEMENT || depth > INSPECT_HTML_DEPTH ||
            inspect_html_attr(&n->v.element, "disabled") != NULL) {
            continue;
        }
        if (n->v.element.tag != GUMBO_TAG_OPTION) {
            read_options(b, field, &n->v.element, depth + 1);
        } else if (field->noptions < POLICY_PAGE_OPTIONS) {
            struct policy_option *o = &field->options[field->noptions++];
            const char *value = inspect_html_attr(&n->v.element, "value");

            o->label = inspect_html_text(b->a, n, 200);
            o->value = value != NULL ? copy(b, value, VALUE_MAX) : o->label;
            o->selected = inspect_html_attr(&n->v.element, "selected") != NULL;
        }
    }
}

static void read_select(struct builder *b, struct policy_form *f, const GumboElement *e)
{
    struct policy_field *field = add_field(b, f, e, "select", NULL);

    if (field == NULL) {
        return;
    }
    field->options = base_arena_array(b->a, POLICY_PAGE_OPTIONS, sizeof(*field->options));
    read_options(b, field, e, 0);
    bool any = inspect_html_attr(e, "multiple") != NULL;

    for (size_t i = 0; i < field->noptions; i++) {
        any = any || field->options[i].selected;
    }
    if (!any && field->noptions > 0) { /* as a browser shows it */
        field->options[0].selected = true;
    }
}

static void read_textarea(struct builder *b, struct policy_form *f, const GumboElement *e)
{
    const GumboNode *n = e->children.length > 0 ? e->children.data[0] : NULL;
    bool text = n != NULL && (n->type == GUMBO_NODE_TEXT || n->type == GUMBO_NODE_WHITESPACE);

    add_field(b, f, e, "textarea", text ? n->v.text.text : "");
}

static void read_button(struct builder *b, struct policy_form *f, const GumboNode *node)
{
    const char *type = inspect_html_attr(&node->v.element, "type");

    if (type == NULL || (!base_ascii_caseeq(type, "button") && !base_ascii_caseeq(type, "reset"))) {
        add_button(b, f, &node->v.element, inspect_html_text(b->a, node, 200));
    }
}

static void read_control(struct builder *b, struct policy_form *f, const GumboNode *node)
{
    const GumboElement *e = &node->v.element;

    switch (e->tag) {
    case GUMBO_TAG_INPUT:
        read_input(b, f, e);
        break;
    case GUMBO_TAG_SELECT:
        read_select(b, f, e);
        break;
    case GUMBO_TAG_TEXTAREA:
        read_textarea(b, f, e);
        break;
    case GUMBO_TAG_BUTTON:
        read_button(b, f, node);
        break;
    default:
        break;
    }
}

static bool in_table(const GumboNode *node)
{
    const GumboNode *p = node->parent;

    return p != NULL && p->type == GUMBO_NODE_ELEMENT && node->v.element.children.length == 0 &&
           (p->v.element.tag == GUMBO_TAG_TABLE || p->v.element.tag == GUMBO_TAG_TBODY ||
            p->v.element.tag == GUMBO_TAG_TR);
}

/* Recursion is bounded by INSPECT_HTML_DEPTH. */
static void visit(struct builder *b, const GumboNode *node, int depth, struct policy_form *around)
{
    if (node->type != GUMBO_NODE_ELEMENT || depth > INSPECT_HTML_DEPTH) {
        return;
    }
    const GumboElement *e = &node->v.element;

    if (e->tag == GUMBO_TAG_FORM) {
        around = add_form(b, e);
        if (in_table(node)) {
            b->stray = around;
            around = NULL;
        }
    } else if (inspect_html_attr(e, "disabled") != NULL &&
               (e->tag == GUMBO_TAG_FIELDSET || e->tag == GUMBO_TAG_INPUT ||
                e->tag == GUMBO_TAG_SELECT || e->tag == GUMBO_TAG_TEXTAREA ||
                e->tag == GUMBO_TAG_BUTTON)) {
        return;
    } else {
        struct policy_form *f = owner(b, e, around);

        if (f != NULL) {
            read_control(b, f, node);
        }
    }
    for (unsigned i = 0; i < e->children.length; i++) {
        visit(b, e->children.data[i], depth + 1, around);
    }
}

void inspect_html_forms(struct base_arena *a, const GumboNode *root, struct inspect_html *out)
{
    struct builder b = {.a = a, .out = out};

    out->forms = base_arena_array(a, POLICY_PAGE_FORMS, sizeof(*out->forms));
    out->nforms = 0;
    visit(&b, root, 0, NULL);
}
