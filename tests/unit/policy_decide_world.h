/* The world in which policy_decide() is tested: a base where all is well, and
 * named steps that each break or change one thing. */
#ifndef POLICY_DECIDE_WORLD_H
#define POLICY_DECIDE_WORLD_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/config.h"
#include "policy/decide.h"

#define NOW 1800000000
#define HOUR 3600
#define DAY 86400
#define TOKEN "abcdefghijklmnopqrstuvwxyz012345"
#define LIST(...)                                                                                  \
    (struct policy_strings)                                                                        \
    {                                                                                              \
        (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)      \
    }

/* Everything that a step may change; the pointers of policy_evidence lead here. */
struct world {
    struct base_arena *a;
    struct policy_config c;
    struct policy_domain domains[2];
    struct policy_account accounts[3];
    struct policy_tenant tenants[2];
    struct policy_profile profile, other_ca, *profiles[2];
    struct policy_kind_rules rules[6], *r; /* r: those of the mail's kind */
    struct policy_facts f;
    const char *from[2];
    struct policy_link links[3];
    struct policy_id ids[4], page_ids[4];
    struct policy_intent intents[3], *i;
    struct policy_page page, answer;
    struct policy_form forms[2];
    struct policy_field fields[6];
    struct policy_button buttons[2];
    struct policy_option options[2];
    struct policy_evidence e;
};

static inline void w_strings(struct world *w, struct policy_strings *out, size_t n, const char **v)
{
    out->v = base_arena_array(w->a, n + 1, sizeof *out->v);
    if (n > 0) {
        memcpy(out->v, v, n * sizeof *v);
    }
    out->n = n;
}
#define SET(w, list, ...)                                                                          \
    w_strings(w, &(list), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                  \
              (const char *[]){__VA_ARGS__})

static inline void w_rules(struct world *w, size_t at, enum policy_kind kind,
                           enum policy_action action)
{
    struct policy_kind_rules *r = &w->rules[at];

    r->kind = kind;
    r->verified = true;
    r->action = action;
    SET(w, r->from, "no-reply@ca.test");
    SET(w, r->signers, "ca.test");
    SET(w, r->links, "https://www.ca.test/v/{token:32:a-z0-9}");
    r->button = "decision=approve";
    r->bind_by_resend = true;
    r->bind_on_page = true;
    r->lifetime = kind == POLICY_KIND_MAILBOX_VALIDATION ? DAY : 30 * DAY;
    r->settle = 600;
    if (kind == POLICY_KIND_DOMAIN_VALIDATION) {
        SET(w, r->choices, "scope=this");
    }
}

static inline void w_config(struct world *w)
{
    w->tenants[0] = (struct policy_tenant){.id = "ours", .contact = "postmaster@example.test"};
    w->tenants[1] = (struct policy_tenant){.id = "others", .contact = "x@other.test"};
    w->accounts[0] = (struct policy_account){.id = "main", .tenant = "ours", .profile = "ca"};
    w->accounts[1] = (struct policy_account){.id = "theirs", .tenant = "others", .profile = "ca"};
    w->accounts[2] = (struct policy_account){.id = "elsewhere", .tenant = "ours", .profile = "ca2"};
    w->domains[0] = (struct policy_domain){.name = "example.test",
                                           .tenant = "ours",
                                           .account = "main",
                                           .mode = POLICY_MODE_CONFIRM,
                                           .mailbox_validation = POLICY_MAILBOX_CONSENTED,
                                           .where = "test.conf:1"};
    w_rules(w, 0, POLICY_KIND_DOMAIN_VALIDATION, POLICY_ACT_FORM);
    w_rules(w, 1, POLICY_KIND_MAILBOX_VALIDATION, POLICY_ACT_FORM);
    w_rules(w, 2, POLICY_KIND_CERTIFICATE_ISSUED, POLICY_ACT_COLLECT);
    w_rules(w, 3, POLICY_KIND_CSR_INVITATION, POLICY_ACT_HUMAN);
    w_rules(w, 4, POLICY_KIND_RENEWAL_NOTICE, POLICY_ACT_HUMAN);
    w_rules(w, 5, POLICY_KIND_ORGANIZATION_CONSENT, POLICY_ACT_HUMAN);
    w->profile = (struct policy_profile){
        .id = "ca", .title = "The CA", .min_key_bits = 1024, .kinds = w->rules, .nkinds = 6};
    SET(w, w->profile.from_domains, "ca.test");
    w->other_ca = (struct policy_profile){.id = "ca2", .min_key_bits = 1024};
    w->profiles[0] = &w->profile;
    w->profiles[1] = &w->other_ca;
    w->c = (struct policy_config){.arena = w->a,
                                  .tenants = w->tenants,
                                  .ntenants = 2,
                                  .accounts = w->accounts,
                                  .naccounts = 3,
                                  .domains = w->domains,
                                  .ndomains = 1,
                                  .profiles = w->profiles,
                                  .nprofiles = 2,
                                  .give_up_domain = 3 * DAY,
                                  .give_up_mailbox = 12 * HOUR};
}

static inline void w_mail(struct world *w, enum policy_kind kind)
{
    bool mailbox = kind == POLICY_KIND_MAILBOX_VALIDATION;

    w->from[0] = "no-reply@ca.test";
    w->links[0] = (struct policy_link){.url = "https://www.ca.test/v/" TOKEN,
                                       .where = "text",
                                       .state = POLICY_LINK_FITS,
                                       .kind = kind,
                                       .token = TOKEN};
    w->ids[0] = (struct policy_id){"order", "1001", "text:Order: {order}"};
    w->ids[1] = (struct policy_id){"support", "S-1", "text:Support ID: {support}"};
    w->f = (struct policy_facts){
        .size = 4000,
        .auth = {.result = POLICY_AUTH_PASS,
                 .domain = "ca.test",
                 .algorithm = "rsa-sha256",
                 .key_bits = 2048,
                 .signed_at = NOW - 120},
        .profile = "ca",
        .from = w->from,
        .nfrom = 1,
        .from_fields = 1,
        .kind = kind,
        .kind_by = "link",
        .domain = mailbox ? NULL : "example.test",
        .mailbox = mailbox ? "alice@example.test" : NULL,
        .ids = w->ids,
        .nids = 2,
        .links = w->links,
        .nlinks = 1,
        .parsed = true,
    };
}

static inline void w_intent(struct world *w, enum policy_kind kind, enum policy_gate gate)
{
    bool mailbox = kind == POLICY_KIND_MAILBOX_VALIDATION;

    w->i = &w->intents[0];
    *w->i = (struct policy_intent){
        .id = 7,
        .kind = mailbox ? POLICY_INTENT_MAILBOX : POLICY_INTENT_DOMAIN,
        .state = gate == POLICY_GATE_DONE ? POLICY_INTENT_CONFIRMING : POLICY_INTENT_OPEN,
        .tenant = "ours",
        .account = "main",
        .domain = "example.test",
        .mailbox = mailbox ? "alice@example.test" : NULL,
        .order = "1001",
        .created = NOW - HOUR,
        .expires = NOW + 20 * DAY,
        .copies = mailbox ? 1 : 5,
    };
    if (mailbox) {
        SET(w, w->i->recipients, "alice@example.test");
    } else {
        SET(w, w->i->recipients, "admin@example.test", "postmaster@example.test");
    }
    w->intents[1] = *w->i;
    w->intents[1].id = 8;
    w->intents[2] = *w->i;
    w->intents[2].id = 9;
}

static inline void w_page(struct world *w, bool mailbox)
{
    w->fields[0] = (struct policy_field){.name = "csrf", .type = "hidden", .value = "x"};
    w->fields[1] = (struct policy_field){.name = "scope", .type = "radio", .value = "this"};
    w->fields[2] = (struct policy_field){.name = "scope", .type = "radio", .value = "all"};
    w->buttons[0] = (struct policy_button){"decision", "approve", "I approve"};
    w->buttons[1] = (struct policy_button){"decision", "contact", "I don't know"};
    w->forms[0] = (struct policy_form){.action = "/submit",
                                       .method = "post",
                                       .fields = w->fields,
                                       .nfields = mailbox ? 1 : 3,
                                       .buttons = w->buttons,
                                       .nbuttons = 2};
    w->forms[1] = w->forms[0];
    w->page_ids[0] = (struct policy_id){"order", "1001", "page:Order: {order}"};
    w->page = (struct policy_page){.text = "Validate",
                                   .forms = w->forms,
                                   .nforms = 1,
                                   .state = POLICY_PAGE_PENDING,
                                   .domain = mailbox ? NULL : "example.test",
                                   .mailbox = mailbox ? "alice@example.test" : NULL,
                                   .ids = w->page_ids,
                                   .nids = 1};
    w->answer = (struct policy_page){.text = "Thank you", .state = POLICY_PAGE_SUCCESS};
}

static inline void w_api(struct world *w, struct policy_api *api, bool valid)
{
    *api = (struct policy_api){.state = POLICY_API_OK,
                               .found = true,
                               .pending = !valid,
                               .by_email = true,
                               .valid = valid,
                               .domain = "example.test",
                               .id_owner = POLICY_ID_INTENT_ACCOUNT};
    SET(w, api->ids, "1001", "2002", "3003");
}

/* All is well, for a mail of KIND at GATE. */
static inline struct world *w_new(enum policy_kind kind, enum policy_gate gate)
{
    struct base_arena *a = base_arena_new();
    struct world *w = base_arena_alloc(a, sizeof *w);
    bool mailbox = kind == POLICY_KIND_MAILBOX_VALIDATION;

    w->a = a;
    w_config(w);
    for (size_t i = 0; i < 6; i++) {
        if (w->rules[i].kind == kind) {
            w->r = &w->rules[i];
        }
    }
    w_mail(w, kind);
    w_intent(w, kind, gate);
    w_page(w, mailbox);
    w->e = (struct policy_evidence){.now = NOW,
                                    .received = NOW - 60,
                                    .facts = &w->f,
                                    .rcpt = mailbox ? "alice@example.test" : "admin@example.test",
                                    .intents = w->intents,
                                    .nintents = 1,
                                    .consent = true,
                                    .has_accounts = true};
    if (gate >= POLICY_GATE_OPEN) {
        w_api(w, &w->e.before, false);
    }
    if (gate >= POLICY_GATE_SUBMIT) {
        w->e.page = &w->page;
    }
    if (gate == POLICY_GATE_DONE) {
        w->e.answer = &w->answer;
        w_api(w, &w->e.after, true);
    }
    return w;
}

#endif
