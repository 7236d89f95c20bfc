/* policy/config_parties.c - tenants and accounts. */
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"

#define DEFAULT_BASE_URL "https://www.digicert.com/services/v2"

static bool checked_title(const struct policy_sec *s)
{
    if (policy_is_name(s->title)) {
        return true;
    }
    policy_sec_error(s, s->line,
                     "%s: expected a name of letters, digits, \".\", \"_\", \"-\", at most 64",
                     s->name);
    return false;
}

void policy_load_tenants(struct policy_load *l)
{
    struct policy_sec root = policy_conf_root(&l->c);
    size_t n = policy_conf_sections(&l->c, "tenant");
    struct policy_config *c = l->cfg;
    const char *contact = policy_sec_text(&root, "contact", NULL);

    if (contact != NULL) {
        contact = policy_load_address(l, "contact", contact, l->c.path,
                                      policy_sec_line(&root, "contact"));
    }
    c->tenants = base_arena_array(l->a, n + 1, sizeof *c->tenants);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(&l->c, "tenant", i);
        const char *own = policy_sec_text(&s, "contact", NULL);
        if (!checked_title(&s)) {
            continue;
        }
        if (own != NULL) {
            own = policy_load_address(l, "contact", own, l->c.path, policy_sec_line(&s, "contact"));
        } else if (policy_sec_value(&root, "contact") == NULL) {
            policy_sec_error(&s, s.line,
                             "tenant \"%s\": expected contact = ADDRESS here or for the whole file",
                             s.title);
        }
        const char *vouch = policy_sec_text(&s, "attestation", NULL);
        if (vouch != NULL) {
            vouch = policy_load_attestation(l, vouch, l->c.path, policy_sec_line(&s, "attestation"));
        }
        c->tenants[c->ntenants++] =
            (struct policy_tenant){s.title, own != NULL ? own : contact, vouch};
    }
    if (n == 0) {
        c->tenants[c->ntenants++] = (struct policy_tenant){"default", contact, NULL};
    }
}

/* The text of an option that must be there. */
static const char *needed(const struct policy_sec *s, const char *name, const char *what)
{
    const char *v = policy_sec_text(s, name, NULL);

    if (v == NULL && policy_sec_value(s, name) == NULL) {
        policy_sec_error(s, s->line, "%s \"%s\": expected %s = %s", s->name, s->title, name, what);
    }
    return v;
}

static void account_tenant(struct policy_load *l, const struct policy_sec *s,
                           struct policy_account *a)
{
    a->tenant = policy_sec_text(s, "tenant", NULL);
    if (a->tenant == NULL && l->cfg->ntenants == 1) {
        a->tenant = l->cfg->tenants[0].id;
    } else if (a->tenant == NULL) {
        policy_sec_error(s, s->line, "account \"%s\": expected tenant = NAME, as there are several",
                         a->id);
    } else if (policy_config_tenant(l->cfg, a->tenant) == NULL) {
        policy_sec_error(s, policy_sec_line(s, "tenant"), "tenant: there is no tenant \"%s\"",
                         a->tenant);
    }
}

/* A profile and the driver that it goes with. */
static void account_profile(struct policy_load *l, const struct policy_sec *s,
                            struct policy_account *a)
{
    static const char *const drivers[] = {"certcentral", NULL};

    a->profile = needed(s, "profile", "NAME of a CA profile");
    const struct policy_profile *p =
        a->profile != NULL ? policy_config_profile(l->cfg, a->profile) : NULL;
    if (a->profile != NULL && p == NULL) {
        policy_sec_error(s, policy_sec_line(s, "profile"),
                         "profile: there is no profile \"%s\" in %s", a->profile,
                         l->cfg->profile_dir);
    }
    a->driver = p != NULL ? p->driver : NULL;
    if (policy_sec_value(s, "driver") != NULL) {
        a->driver = drivers[policy_sec_enum(s, "driver", drivers, 0)];
    } else if (p != NULL && p->driver == NULL) {
        policy_sec_error(
            s, s->line,
            "account \"%s\": profile \"%s\" knows no API; expected driver = certcentral", a->id,
            a->profile);
    }
}

/* The name of a credential; a pasted key is longer than any name. */
static void account_key(const struct policy_sec *s, struct policy_account *a)
{
    a->api_key = needed(s, "api_key", "NAME of a credential");
    if (a->api_key != NULL && (!policy_is_name(a->api_key) || strlen(a->api_key) > 40)) {
        policy_sec_error(s, policy_sec_line(s, "api_key"),
                         "api_key: expected the name of a credential file (letters, digits, \".\", "
                         "\"_\", \"-\", at most 40), never the key itself");
    }
}

static void account_api(const struct policy_sec *s, struct policy_account *a)
{
    static const char *const payments[] = {"profile", "balance", "card", NULL};
    size_t n;

    a->base_url = policy_sec_text(s, "base_url", DEFAULT_BASE_URL);
    if (!policy_is_base_url(a->base_url)) {
        policy_sec_error(s, policy_sec_line(s, "base_url"),
                         "base_url: expected https://HOST/PATH, found \"%.80s\"", a->base_url);
    }
    n = strlen(a->base_url);
    if (n > 0 && a->base_url[n - 1] == '/') {
        a->base_url = base_arena_strndup(s->c->a, a->base_url, n - 1);
    }
    account_key(s, a);
    a->tls_bundle = policy_sec_path(s, "tls_bundle", NULL, true);
    a->organization = policy_sec_int(s, "organization", 0, INT64_MAX, 0);
    a->payment = payments[policy_sec_enum(s, "payment", payments, 0)];
    a->poll = policy_sec_duration(s, "poll", 1, 86400, 300);
    a->limit.run = policy_sec_int(s, "orders_run", 0, 1000000, 10);
    a->limit.day = policy_sec_int(s, "orders_day", 0, 1000000, 50);
    a->limit.month = policy_sec_int(s, "orders_month", 0, 1000000, 500);
}

const char *const policy_terms[] = {"certificate-services", "master-services", "smime-terms", NULL};

/* agreements = { "smime-terms=2026-01" } */
static void account_agreements(const struct policy_sec *s, struct policy_account *a)
{
    struct policy_strings l = policy_sec_list(s, "agreements");

    for (size_t i = 0; i < l.n; i++) {
        const char *eq = strchr(l.v[i], '=');
        size_t k = 0, n = eq != NULL ? (size_t)(eq - l.v[i]) : 0;
        while (policy_terms[k] != NULL &&
               (strlen(policy_terms[k]) != n || strncmp(policy_terms[k], l.v[i], n) != 0)) {
            k++;
        }
        if (eq == NULL || policy_terms[k] == NULL || !policy_is_name(eq + 1)) {
            policy_sec_error(s, policy_sec_item(s, "agreements", i)->line,
                             "agreements: expected certificate-services, master-services or "
                             "smime-terms, then = and a version, found \"%.80s\"",
                             l.v[i]);
        } else {
            a->agreements[k] = eq + 1;
        }
    }
}

void policy_load_accounts(struct policy_load *l)
{
    size_t n = policy_conf_sections(&l->c, "account");
    struct policy_config *c = l->cfg;

    c->accounts = base_arena_array(l->a, n, sizeof *c->accounts);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(&l->c, "account", i);
        if (!checked_title(&s)) {
            continue;
        }
        struct policy_account *a = &c->accounts[c->naccounts++];
        a->id = s.title;
        account_tenant(l, &s, a);
        account_profile(l, &s, a);
        account_api(&s, a);
        account_agreements(&s, a);
        a->release_by = policy_sec_list(&s, "release_by");
    }
}
