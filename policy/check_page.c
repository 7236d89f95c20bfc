/* policy/check_page.c - the CA's page before the button is pressed.
 *
 * It must wait, name what we asked for and nothing else, and offer one form
 * with the narrow choice. */
#include <string.h>

#include "base/bytes.h"
#include "case.h"
#include "recognise.h"

static void all(struct policy_case *k, enum policy_result r, const char *why)
{
    policy_check_put(k, POLICY_RULE_PAGE, r, "%s", why);
    policy_check_put(k, POLICY_RULE_PAGE_NAME, r, "%s", why);
    policy_check_put(k, POLICY_RULE_PAGE_IDS, r, "%s", why);
    policy_check_put(k, POLICY_RULE_FORM, r, "%s", why);
}

static void check_name(struct policy_case *k, const struct policy_page *p)
{
    bool mailbox = k->f->kind == POLICY_KIND_MAILBOX_VALIDATION;
    const char *shown = mailbox ? p->mailbox : p->domain;
    const char *wanted = k->open == NULL ? NULL : mailbox ? k->open->mailbox : k->open->domain;
    const char *other = mailbox ? p->domain : NULL;
    bool same = shown != NULL && wanted != NULL &&
                (mailbox ? policy_config_same_mailbox(k->c, wanted, shown) : strcmp(shown, wanted) == 0);

    if (p->domain_conflict || p->mailbox_conflict) {
        policy_check_put(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_FAIL,
                         "the page names more than one %s", mailbox ? "mailbox" : "domain");
    } else if (shown != NULL && !same) {
        policy_check_put(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_FAIL, "the page names %s", shown);
    } else if (other != NULL && k->open != NULL && k->open->domain != NULL &&
               strcmp(other, k->open->domain) != 0) {
        policy_check_put(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_FAIL, "the page names %s", other);
    } else if (same) {
        policy_check_put(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_PASS, "the page names %s", shown);
    } else {
        policy_check_put(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_UNKNOWN,
                         "the page does not name the %s at a known place",
                         mailbox ? "mailbox" : "domain");
    }
}

static void check_ids(struct policy_case *k, const struct policy_page *p)
{
    k->page_ids = policy_ids_say(k, p->ids, p->nids, p->id_conflict, k->open);
    switch (k->page_ids) {
    case POLICY_IDS_MIXED:
        policy_check_put(k, POLICY_RULE_PAGE_IDS, POLICY_CHECK_FAIL,
                         "the page shows two different ids");
        break;
    case POLICY_IDS_FOREIGN:
        policy_check_put(k, POLICY_RULE_PAGE_IDS, POLICY_CHECK_FAIL,
                         "the page shows an id that is none of our request's");
        break;
    case POLICY_IDS_UNKNOWN:
        policy_check_put(k, POLICY_RULE_PAGE_IDS, POLICY_CHECK_UNKNOWN,
                         "the page shows an id that nothing can be said of");
        break;
    case POLICY_IDS_OURS:
    case POLICY_IDS_NONE:
        policy_check_put(k, POLICY_RULE_PAGE_IDS, POLICY_CHECK_PASS,
                         "the page shows no id but our request's");
        break;
    }
}

/* ---- the form ---------------------------------------------------------------- */

static bool text_is(const char *a, const char *b, size_t n)
{
    return strlen(a != NULL ? a : "") == n && memcmp(a != NULL ? a : "", b, n) == 0;
}

/* "name=value" cut at its first "=". */
static bool pair_is(const char *pair, const char *name, const char *value)
{
    const char *eq = strchr(pair, '=');

    return eq != NULL && text_is(name, pair, (size_t)(eq - pair)) &&
           text_is(value, eq + 1, strlen(eq + 1));
}

static bool has_button(const struct policy_kind_rules *r, const struct policy_form *f)
{
    if (r->button == NULL) {
        return f->nbuttons <= 1;
    }
    for (size_t i = 0; i < f->nbuttons; i++) {
        if (pair_is(r->button, f->buttons[i].name, f->buttons[i].value)) {
            return true;
        }
    }
    return false;
}

static bool type_is(const struct policy_field *f, const char *type)
{
    return f->type != NULL && base_ascii_caseeq(f->type, type);
}

static bool offers(const struct policy_form *f, const char *choice)
{
    for (size_t i = 0; i < f->nfields; i++) {
        const struct policy_field *d = &f->fields[i];
        if ((type_is(d, "radio") || type_is(d, "checkbox")) && pair_is(choice, d->name, d->value)) {
            return true;
        }
        for (size_t j = 0; type_is(d, "select") && j < d->noptions; j++) {
            if (pair_is(choice, d->name, d->options[j].value)) {
                return true;
            }
        }
    }
    return false;
}

/* A choice that the profile says nothing of could be the wide one. */
static bool named(const struct policy_kind_rules *r, const struct policy_field *d)
{
    for (size_t i = 0; i < r->choices.n; i++) {
        const char *eq = strchr(r->choices.v[i], '=');
        if (eq != NULL && text_is(d->name, r->choices.v[i], (size_t)(eq - r->choices.v[i]))) {
            return true;
        }
    }
    return type_is(d, "checkbox") && !d->checked;
}

static bool only_named_choices(const struct policy_kind_rules *r, const struct policy_form *f)
{
    for (size_t i = 0; i < f->nfields; i++) {
        const struct policy_field *d = &f->fields[i];
        bool choice = type_is(d, "radio") || type_is(d, "checkbox") || type_is(d, "select");
        if ((choice && !named(r, d)) || type_is(d, "password") || type_is(d, "file")) {
            return false;
        }
    }
    return true;
}

/* Relative, or on a host of the profile's links. */
static bool action_stays(const struct policy_case *k, const char *action)
{
    const char *host, *mine;
    int port;

    if (action == NULL || (strstr(action, "//") != action && strchr(action, ':') == NULL)) {
        return true;
    }
    if (!policy_url_host(k->a, action, &host, &port)) {
        return false;
    }
    for (size_t i = 0; i < k->rules->links.n; i++) {
        if (policy_url_host(k->a, k->rules->links.v[i], &mine, &port) && strcmp(host, mine) == 0) {
            return true;
        }
    }
    return false;
}

static bool narrow(const struct policy_case *k, const struct policy_form *f)
{
    for (size_t i = 0; i < k->rules->choices.n; i++) {
        if (!offers(f, k->rules->choices.v[i])) {
            return false;
        }
    }
    return f->method != NULL && base_ascii_caseeq(f->method, "post") &&
           only_named_choices(k->rules, f) && action_stays(k, f->action);
}

static void check_form(struct policy_case *k, const struct policy_page *p)
{
    size_t with_button = 0, fitting = 0;

    if (k->rules->action == POLICY_ACT_GET) {
        policy_check_put(k, POLICY_RULE_FORM, POLICY_CHECK_PASS, "no form is needed");
        return;
    }
    for (size_t i = 0; i < p->nforms; i++) {
        bool button = has_button(k->rules, &p->forms[i]);
        with_button += button;
        fitting += button && narrow(k, &p->forms[i]);
    }
    if (with_button == 1 && fitting == 1) {
        policy_check_put(k, POLICY_RULE_FORM, POLICY_CHECK_PASS,
                         "one form, with the narrow choice");
    } else if (with_button == 0) {
        policy_check_put(k, POLICY_RULE_FORM, POLICY_CHECK_UNKNOWN,
                         "no form has the button that confirms");
    } else if (with_button > 1) {
        policy_check_put(k, POLICY_RULE_FORM, POLICY_CHECK_UNKNOWN,
                         "%zu forms have the button that confirms", with_button);
    } else {
        policy_check_put(k, POLICY_RULE_FORM, POLICY_CHECK_UNKNOWN,
                         "the form does not offer the narrow choice, or leads elsewhere");
    }
}

static void check_state(struct policy_case *k, const struct policy_page *p)
{
    enum policy_page_state wanted =
        k->rules->action == POLICY_ACT_GET ? POLICY_PAGE_SUCCESS : POLICY_PAGE_PENDING;

    if (p->password_field || p->captcha) {
        policy_check_put(k, POLICY_RULE_PAGE, POLICY_CHECK_UNKNOWN,
                         "the page wants a log-in or a captcha");
        return;
    }
    policy_check_put(k, POLICY_RULE_PAGE,
                     p->state == wanted ? POLICY_CHECK_PASS : POLICY_CHECK_UNKNOWN,
                     "the page is %s", policy_page_state_name(p->state));
}

void policy_check_page(struct policy_case *k)
{
    const struct policy_page *p = k->e->page;

    if (k->gate < POLICY_GATE_SUBMIT) {
        all(k, POLICY_CHECK_LATER, "the page is read when the link may be opened");
    } else if (k->e->page_host_error != NULL) {
        all(k, POLICY_CHECK_FAIL,
            base_arena_printf(k->a, "the link did not lead to a page: %s", k->e->page_host_error));
    } else if (p == NULL) {
        all(k, POLICY_CHECK_UNKNOWN, "the page can't be reached now");
    } else {
        check_state(k, p);
        check_name(k, p);
        check_ids(k, p);
        check_form(k, p);
    }
}
