/* policy/profile_check.c - what a profile may not say.
 *
 * A profile decides what certmilter answers in an organization's name, so
 * whatever could make it answer too much is an error when the file is
 * read, not a surprise when a mail comes. */
#include "profile_check.h"

#include <string.h>

#include "recognise.h"
#include "template.h"

static void check_list(const struct policy_sec *s, const char *name, const char *prefix,
                       const char *prefix2, bool is_url, bool rehearsal)
{
    for (size_t i = 0; i < policy_sec_count(s, name); i++) {
        const struct policy_value *v = policy_sec_item(s, name, i);
        const char *text = v->text, *why;
        if (prefix != NULL && strncmp(text, prefix, strlen(prefix)) == 0) {
            text += strlen(prefix);
        } else if (prefix2 != NULL && strncmp(text, prefix2, strlen(prefix2)) == 0) {
            text += strlen(prefix2);
        } else if (prefix != NULL) {
            policy_sec_error(s, v->line, "%s: expected a pattern that starts with \"%s\"%s%s%s",
                             name, prefix, prefix2 != NULL ? " or \"" : "",
                             prefix2 != NULL ? prefix2 : "", prefix2 != NULL ? "\"" : "");
            continue;
        }
        why = policy_template_check(s->c->a, text, is_url, rehearsal);
        if (why != NULL) {
            policy_sec_error(s, v->line, "%s: %s, in \"%.100s\"", name, why, text);
        }
    }
}

/* Whether some pattern of L has one of the placeholders NAMES (ends with NULL). */
static bool has_any_of(struct base_arena *a, const struct policy_strings *l, const char *prefix,
                       const char *const *names)
{
    const char *why;

    for (size_t i = 0; i < l->n; i++) {
        const char *text = l->v[i];
        if (prefix != NULL && strncmp(text, prefix, strlen(prefix)) == 0) {
            text += strlen(prefix);
        }
        struct policy_template *t = policy_template_parse(a, text, prefix == NULL, true, &why);
        for (size_t j = 0; t != NULL && names[j] != NULL; j++) {
            if (policy_template_has(t, names[j])) {
                return true;
            }
        }
    }
    return false;
}

static bool answers(const struct policy_kind_rules *k)
{
    return k->action != POLICY_ACT_HUMAN && k->action != POLICY_ACT_COLLECT;
}

static void check_from(const struct policy_profile *p, const struct policy_kind_rules *k,
                       const struct policy_sec *s)
{
    int line = policy_sec_line(s, "from");

    if (policy_sec_count(s, "from") == 0) {
        policy_sec_error(s, s->line, "kind \"%s\": expected from = addresses", s->title);
    }
    for (size_t i = 0; i < k->from.n; i++) {
        if (answers(k) && k->from.v[i][0] == '@') {
            policy_sec_error(s, line, "from: a kind that is answered needs exact addresses, not %s",
                             k->from.v[i]);
        }
        if (!policy_profile_from(p, k->from.v[i])) {
            policy_sec_error(s, line, "from: %s is in none of the profile's from_domains",
                             k->from.v[i]);
        }
    }
    if (policy_sec_count(s, "signers") == 0) {
        policy_sec_error(s, s->line, "kind \"%s\": expected signers = the d= of its signatures",
                         s->title);
    }
}

static void check_links(const struct policy_profile *p, const struct policy_kind_rules *k,
                        const struct policy_sec *s)
{
    static const char *const any[] = {"any", NULL}, *const token[] = {"token", "code", NULL};
    bool follows = k->action == POLICY_ACT_GET || k->action == POLICY_ACT_FORM;

    check_list(s, "links", NULL, NULL, true, p->rehearsal);
    check_list(s, "deny", NULL, NULL, true, p->rehearsal);
    for (size_t i = 0; i < k->links.n; i++) {
        struct policy_strings one = {&k->links.v[i], 1};
        int line = policy_sec_item(s, "links", i)->line;
        if (policy_template_check(s->c->a, k->links.v[i], true, p->rehearsal) != NULL) {
            continue; /* told already */
        }
        if (has_any_of(s->c->a, &one, NULL, any)) {
            policy_sec_error(s, line, "links: {any} stands only in deny");
        }
        if (follows && !has_any_of(s->c->a, &one, NULL, token)) {
            policy_sec_error(s, line, "links: a link that is opened needs its {token:...}");
        }
    }
    if (follows && k->links.n == 0 && k->verified) {
        policy_sec_error(s, s->line, "kind \"%s\": verified needs links", s->title);
    }
}

static void check_pages(const struct policy_kind_rules *k, const struct policy_sec *s)
{
    static const char *const name[] = {"domain", "mailbox", NULL};
    static const char *const ids[] = {"order", "certificate", "domain_id", "support", NULL};
    bool opened = k->action == POLICY_ACT_FORM && k->links.n > 0;

    check_list(s, "places", "text:", "subject:", false, false);
    check_list(s, "page_places", "page:", NULL, false, false);
    if (opened && k->page_pending.n == 0) {
        policy_sec_error(s, s->line,
                         "kind \"%s\": a form needs page_pending, texts of a page that waits",
                         s->title);
    }
    if (opened && !has_any_of(s->c->a, &k->page_places, "page:", name)) {
        policy_sec_error(s, s->line,
                         "kind \"%s\": a form needs page_places with {domain} or {mailbox}",
                         s->title);
    }
    if (k->bind_on_page && k->action == POLICY_ACT_GET) {
        policy_sec_error(s, policy_sec_line(s, "bind_on_page"),
                         "bind_on_page: opening the link confirms, there is no page before");
    }
    if (k->bind_on_page && !has_any_of(s->c->a, &k->page_places, "page:", ids)) {
        policy_sec_error(s, policy_sec_line(s, "bind_on_page"),
                         "bind_on_page: needs page_places with {order}, {certificate}, {domain_id} "
                         "or {support}");
    }
}

static void check_pairs(const struct policy_kind_rules *k, const struct policy_sec *s)
{
    if (k->button != NULL && strchr(k->button, '=') == NULL) {
        policy_sec_error(s, policy_sec_line(s, "button"), "button: expected NAME=VALUE");
    }
    for (size_t i = 0; i < k->choices.n; i++) {
        const char *eq = strchr(k->choices.v[i], '=');
        if (eq == NULL || eq == k->choices.v[i]) {
            policy_sec_error(s, policy_sec_item(s, "choices", i)->line,
                             "choices: expected NAME=VALUE, found \"%.60s\"", k->choices.v[i]);
        }
    }
}

static void check_action(const struct policy_kind_rules *k, const struct policy_sec *s)
{
    bool validation =
        k->kind == POLICY_KIND_DOMAIN_VALIDATION || k->kind == POLICY_KIND_MAILBOX_VALIDATION;

    if (answers(k) && !validation) {
        policy_sec_error(s, policy_sec_line(s, "action"),
                         "action: mails of kind \"%s\" are never answered; expected %s", s->title,
                         k->kind == POLICY_KIND_CERTIFICATE_ISSUED ? "collect" : "human");
    }
    if (k->action == POLICY_ACT_COLLECT && k->kind != POLICY_KIND_CERTIFICATE_ISSUED) {
        policy_sec_error(s, policy_sec_line(s, "action"),
                         "action: collect is for kind \"certificate-issued\"");
    }
}

void policy_profile_check_kind(const struct policy_profile *p, const struct policy_kind_rules *k,
                               const struct policy_sec *s)
{
    check_from(p, k, s);
    check_list(s, "subjects", NULL, NULL, false, false);
    check_links(p, k, s);
    check_pages(k, s);
    check_pairs(k, s);
    check_action(k, s);
}

void policy_profile_check_dkim(const struct policy_profile *p, const struct policy_sec *s)
{
    for (size_t i = 0; i < p->dkim.n; i++) {
        const char *mid = strstr(p->dkim.v[i], "._domainkey.");
        if (mid == NULL || mid == p->dkim.v[i] ||
            policy_domain_alabel(s->c->a, mid + strlen("._domainkey.")) == NULL) {
            policy_sec_error(s, policy_sec_item(s, "dkim", i)->line,
                             "dkim: expected SELECTOR._domainkey.DOMAIN, found \"%.100s\"",
                             p->dkim.v[i]);
        }
    }
}
