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
        c->tenants[c->ntenants++] = (struct policy_tenant){
            .id = s.title,
            .contact = own != NULL ? own : contact,
            .attestation = vouch,
            .organization = policy_sec_int(&s, "organization", 0, INT64_MAX, 0),
        };
    }
    if (n == 0) {
        c->tenants[c->ntenants++] = (struct policy_tenant){.id = "default", .contact = contact};
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

/* Parts of a TXT record: nothing that its syntax would take for its own. */
static void account_persist(const struct policy_sec *s, struct policy_account *a)
{
    const char *uri = policy_sec_text(s, "persist_account_uri", NULL);
    const char *issuer = policy_sec_text(s, "persist_issuer", NULL);

    if (uri != NULL && (strncmp(uri, "https://", 8) != 0 || strlen(uri) > 300 ||
                        strpbrk(uri, "; \t\"\\") != NULL)) {
        policy_sec_error(s, policy_sec_line(s, "persist_account_uri"),
                         "persist_account_uri: expected the https:// URI of the account as the CA "
                         "tells it, found \"%.80s\"",
                         uri);
    }
    if (issuer != NULL && (strchr(issuer, '.') == NULL || strlen(issuer) > 200 ||
                           strpbrk(issuer, "; \t\"\\") != NULL)) {
        policy_sec_error(s, policy_sec_line(s, "persist_issuer"),
                         "persist_issuer: expected the CA's domain name as in CAA records, found "
                         "\"%.80s\"",
                         issuer);
    }
    a->persist_account_uri = uri;
    a->persist_issuer = issuer;
}

static void account_api(const struct policy_sec *s, struct policy_account *a)
{
    static const char *const payments[] = {"auto", "profile", "balance", "card", NULL};
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
    account_persist(s, a);
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

static bool is_amount(const char *s)
{
    size_t whole = strspn(s, "0123456789"), part = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;

    return whole >= 1 && whole <= 9 && (s[whole] == '\0' || (part == 2 && s[whole + 3] == '\0'));
}

static bool is_currency(const char *s)
{
    return strlen(s) == 3 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

/* "PRODUCT 25.00 USD", each. */
static void account_prices(struct policy_load *l, const struct policy_sec *s,
                           struct policy_account *a)
{
    size_t n = policy_sec_count(s, "prices");

    a->prices = base_arena_array(l->a, n + 1, sizeof *a->prices);
    for (size_t i = 0; i < n; i++) {
        const struct policy_value *v = policy_sec_item(s, "prices", i);
        char *rest = base_arena_strdup(l->a, v->text);
        struct policy_price p = {strsep(&rest, " "), strsep(&rest, " "), rest};
        if (p.each == NULL || p.currency == NULL || !policy_is_name(p.product) ||
            !is_amount(p.each) || !is_currency(p.currency)) {
            policy_sec_error(s, v->line,
                             "prices: expected \"PRODUCT AMOUNT CURRENCY\" such as "
                             "\"secure_email_mailbox 25.00 USD\", found \"%s\"",
                             base_printable(l->a, v->text, strlen(v->text), 80));
            continue;
        }
        a->prices[a->nprices++] = p;
    }
}

static void account_extras(struct policy_load *l, const struct policy_sec *s,
                           struct policy_account *a)
{
    const char *reception = policy_sec_text(s, "reception", NULL);

    a->skip_approval = policy_sec_bool(s, "skip_approval", false);
    if (reception != NULL) {
        a->reception = policy_load_address(l, "reception", reception, l->c.path,
                                           policy_sec_line(s, "reception"));
    }
    a->caa = policy_sec_list(s, "caa");
    for (size_t i = 0; i < a->caa.n; i++) {
        const char *name = a->caa.v[i];
        if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(name) ||
            strchr(name, '.') == NULL) {
            policy_sec_error(s, policy_sec_line(s, "caa"),
                             "caa: expected issuer names such as digicert.com, found \"%s\"",
                             base_printable(l->a, name, strlen(name), 80));
        }
    }
    account_prices(l, s, a);
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
        account_extras(l, &s, a);
    }
}
