/* policy/config_domains.c - the controlled domains.
 *
 * From sections and from tables, by one set of options and checks; sorted by
 * name at the end, where doubles are found. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"
#include "recognise.h"

#define MAX_CONTACTS 50

static const char *const modes[] = {"observe", "hold", "confirm", NULL};
static const char *const methods[] = {"email", "dns-txt", "dns-cname", "http", NULL};
static const char *const unexpected[] = {"alarm", "notify", "count", NULL};
static const char *const mailbox_validation[] = {"off", "consented", NULL};
static const char *const no_yes[] = {"no", "yes", NULL};
static const char *const custody[] = {"keep", "forget", "external", NULL};
static const char *const key_types[] = {"rsa2048", "rsa3072", "rsa4096", "p256", "p384", NULL};
static const char *const profile_types[] = {"strict", "multipurpose", NULL};

const char *policy_mode_name(enum policy_mode m)
{
    return (size_t)m < 3 ? modes[m] : "observe";
}

const char *policy_method_name(enum policy_method m)
{
    return (size_t)m < POLICY_METHODS ? methods[m] : "email";
}

bool policy_method_parse(const char *s, enum policy_method *m)
{
    for (int i = 0; s != NULL && methods[i] != NULL; i++) {
        if (strcmp(s, methods[i]) == 0) {
            *m = (enum policy_method)i;
            return true;
        }
    }
    return false;
}

const char *policy_custody_name(enum policy_custody c)
{
    return (size_t)c < 3 ? custody[c] : "keep";
}

/* Index of VALUE among NAMES; -1 after the error was added. */
static int one_of(struct policy_load *l, const char *key, const char *value,
                  const char *const *names, const char *path, int line)
{
    char all[200] = "";

    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(value, names[i]) == 0) {
            return i;
        }
        if (strlen(all) + strlen(names[i]) + 3 < sizeof all) {
            strcat(strcat(all, i > 0 ? ", " : ""), names[i]);
        }
    }
    policy_errors_add(l->errs, path, line, "%s: expected one of %s, found \"%s\"", key, all,
                      base_printable(l->a, value, strlen(value), 80));
    return -1;
}

static void add_contact(struct policy_load *l, struct policy_domain *d, const char *value,
                        const char *path, int line)
{
    const char *m = policy_load_address(l, "contacts", value, path, line);

    if (m == NULL) {
        return;
    }
    if (d->contacts.n == MAX_CONTACTS) {
        policy_errors_add(l->errs, path, line, "contacts: more than %d", MAX_CONTACTS);
        return;
    }
    const char **v = base_arena_array(l->a, d->contacts.n + 1, sizeof *v);
    if (d->contacts.n > 0) {
        memcpy(v, d->contacts.v, d->contacts.n * sizeof *v);
    }
    v[d->contacts.n] = m;
    d->contacts.v = v;
    d->contacts.n++;
}

static void set_validity(struct policy_load *l, struct policy_domain *d, const char *value,
                         const char *path, int line)
{
    int64_t s;

    if (!base_parse_duration(value, 86400, 825 * 86400LL, &s) || s % 86400 != 0) {
        policy_errors_add(l->errs, path, line,
                          "validity: expected whole days from 1d to 825d, found \"%s\"",
                          base_printable(l->a, value, strlen(value), 40));
        return;
    }
    d->validity_days = s / 86400;
}

static void set_days_before(struct policy_load *l, int64_t *days, const char *key,
                            const char *value, const char *path, int line)
{
    int64_t s = 0;

    if (strcmp(value, "0") != 0 &&
        (!base_parse_duration(value, 0, 400 * 86400LL, &s) || s % 86400 != 0)) {
        policy_errors_add(l->errs, path, line,
                          "%s: expected whole days up to 400d, or 0, found \"%s\"", key,
                          base_printable(l->a, value, strlen(value), 40));
        return;
    }
    *days = s / 86400;
}

static void set_enum(int *slot, int v)
{
    if (v >= 0) {
        *slot = v;
    }
}

/* The options that are one word out of a few. False if KEY is none of them. */
static bool word_option(struct policy_load *l, struct policy_domain *d, const char *key,
                        const char *value, const char *path, int line)
{
    int mode = (int)d->mode, unexp = (int)d->unexpected, mbox = (int)d->mailbox_validation;
    int sign = (int)d->custody_sign, encrypt = (int)d->custody_encrypt, i;
    int method = (int)d->method, folds = !d->exact_local_part;

    if (strcmp(key, "mode") == 0) {
        set_enum(&mode, one_of(l, key, value, modes, path, line));
    } else if (strcmp(key, "method") == 0) {
        set_enum(&method, one_of(l, key, value, methods, path, line));
    } else if (strcmp(key, "unexpected") == 0) {
        set_enum(&unexp, one_of(l, key, value, unexpected, path, line));
    } else if (strcmp(key, "mailbox_validation") == 0) {
        set_enum(&mbox, one_of(l, key, value, mailbox_validation, path, line));
    } else if (strcmp(key, "fold_local_part") == 0) {
        set_enum(&folds, one_of(l, key, value, no_yes, path, line));
    } else if (strcmp(key, "custody_sign") == 0) {
        set_enum(&sign, one_of(l, key, value, custody, path, line));
    } else if (strcmp(key, "custody_encrypt") == 0) {
        set_enum(&encrypt, one_of(l, key, value, custody, path, line));
    } else if (strcmp(key, "key_type") == 0) {
        i = one_of(l, key, value, key_types, path, line);
        d->key_type = i >= 0 ? key_types[i] : d->key_type;
    } else if (strcmp(key, "profile_type") == 0) {
        i = one_of(l, key, value, profile_types, path, line);
        d->profile_type = i >= 0 ? profile_types[i] : d->profile_type;
    } else {
        return false;
    }
    d->mode = (enum policy_mode)mode;
    d->method = (enum policy_method)method;
    d->unexpected = (enum policy_unexpected)unexp;
    d->mailbox_validation = (enum policy_mailbox_validation)mbox;
    d->exact_local_part = folds == 0;
    d->custody_sign = (enum policy_custody)sign;
    d->custody_encrypt = (enum policy_custody)encrypt;
    return true;
}

void policy_domain_option(struct policy_load *l, struct policy_domain *d, const char *key,
                          const char *value, const char *path, int line)
{
    if (word_option(l, d, key, value, path, line)) {
        return;
    }
    if (strcmp(key, "tenant") == 0) {
        d->tenant = value;
        if (policy_config_tenant(l->cfg, value) == NULL) {
            policy_errors_add(l->errs, path, line, "tenant: there is no tenant \"%s\"",
                              base_printable(l->a, value, strlen(value), 80));
        }
    } else if (strcmp(key, "account") == 0) {
        d->account = value;
        if (policy_config_account(l->cfg, value) == NULL) {
            policy_errors_add(l->errs, path, line, "account: there is no account \"%s\"",
                              base_printable(l->a, value, strlen(value), 80));
        }
    } else if (strcmp(key, "product") == 0) {
        d->product = value;
        if (!policy_is_name(value)) {
            policy_errors_add(l->errs, path, line,
                              "product: expected a product name such as secure_email_mailbox");
        }
    } else if (strcmp(key, "validity") == 0) {
        set_validity(l, d, value, path, line);
    } else if (strcmp(key, "renew") == 0) {
        set_days_before(l, &d->renew_days, key, value, path, line);
    } else if (strcmp(key, "revalidate") == 0) {
        set_days_before(l, &d->revalidate_days, key, value, path, line);
    } else if (strcmp(key, "publish") == 0) {
        policy_domain_publish(l, d, value, path, line);
    } else if (strcmp(key, "clear_key") == 0) {
        d->clear_key = strcmp(value, "none") != 0 ? value : NULL;
    } else if (strcmp(key, "attestation") == 0) {
        d->attestation = policy_load_attestation(l, value, path, line);
    } else {
        add_contact(l, d, value, path, line);
    }
}

/* What the tenant says for all of its domains. */
static void inherit(const struct policy_load *l, struct policy_domain *d)
{
    const struct policy_tenant *t =
        d->tenant != NULL ? policy_config_tenant(l->cfg, d->tenant) : NULL;

    if (d->attestation == NULL && t != NULL) {
        d->attestation = t->attestation;
    }
}

/* What only shows when all options of a domain are known. */
static void check_domain(struct policy_load *l, struct policy_domain *d, const char *path, int line)
{
    const struct policy_account *a =
        d->account != NULL ? policy_config_account(l->cfg, d->account) : NULL;

    if (d->tenant == NULL && l->cfg->ntenants == 1) {
        d->tenant = l->cfg->tenants[0].id;
    } else if (d->tenant == NULL) {
        policy_errors_add(l->errs, path, line,
                          "domain \"%s\": expected a tenant, as there are several", d->name);
    }
    if (a != NULL && a->tenant != NULL && d->tenant != NULL && strcmp(a->tenant, d->tenant) != 0) {
        policy_errors_add(
            l->errs, path, line,
            "domain \"%s\" of tenant \"%s\" can't use account \"%s\" of tenant \"%s\"", d->name,
            d->tenant, a->id, a->tenant);
    }
    if (d->account == NULL && d->mode == POLICY_MODE_CONFIRM) {
        policy_errors_add(l->errs, path, line,
                          "domain \"%s\": mode confirm needs an account; without one a domain is "
                          "only guarded",
                          d->name);
    }
    const char *unfit = policy_method_unfit(l->cfg, d->name, d->method);
    if (unfit != NULL) {
        policy_errors_add(l->errs, path, line, "domain \"%s\": method %s: %s", d->name,
                          policy_method_name(d->method), unfit);
    }
    if (d->renew_days * 2 > d->validity_days) {
        policy_errors_add(l->errs, path, line,
                          "domain \"%s\": renew = %lldd is more than half of validity = %lldd: "
                          "certificates would be renewed one after another",
                          d->name, (long long)d->renew_days, (long long)d->validity_days);
    }
    policy_check_clear_key(l, d, path, line);
    policy_check_folding(l, d, path, line);
    if (d->account == NULL && d->mailbox_validation != POLICY_MAILBOX_OFF) {
        policy_errors_add(l->errs, path, line,
                          "domain \"%s\": mailbox_validation = consented needs an account",
                          d->name);
    }
}

void policy_domain_take(struct policy_load *l, struct policy_domain *d, const char *name,
                        const char *path, int line)
{
    d->name = policy_domain_alabel(l->a, name);
    if (d->name == NULL) {
        policy_errors_add(l->errs, path, line, "\"%s\" is no domain name",
                          base_printable(l->a, name, strlen(name), 80));
        return;
    }
    if (policy_public_suffix(d->name)) {
        policy_errors_add(l->errs, path, line,
                          "\"%s\" is a public suffix, under which others have their domains",
                          d->name);
        return;
    }
    check_domain(l, d, path, line);
    inherit(l, d);
    d->where = base_arena_printf(l->a, "%s:%d", path, line);
    if (l->ndomains == l->room) {
        l->room = l->room > 0 ? l->room * 2 : 64;
        struct policy_domain_entry *v = base_arena_array(l->a, l->room, sizeof *v);
        if (l->ndomains > 0) {
            memcpy(v, l->domains, l->ndomains * sizeof *v);
        }
        l->domains = v;
    }
    l->domains[l->ndomains++] = (struct policy_domain_entry){*d, path, line};
}

static void read_section(struct policy_load *l, const struct policy_sec *s, struct policy_domain *d)
{
    for (size_t k = 0; policy_domain_keys[k] != NULL; k++) {
        const char *key = policy_domain_keys[k];
        if (strcmp(key, "publish") == 0 && policy_sec_count(s, key) > 0) {
            d->publish = (struct policy_strings){0}; /* in place of the defaults */
        }
        for (size_t i = 0; i < policy_sec_count(s, key); i++) {
            const struct policy_value *v = policy_sec_item(s, key, i);
            policy_domain_option(l, d, key, v->text, l->c.path, v->line);
        }
    }
}

static int by_name(const void *x, const void *y)
{
    const struct policy_domain_entry *a = x, *b = y;
    int c = strcmp(a->d.name, b->d.name);

    if (c == 0) {
        c = strcmp(a->path, b->path);
    }
    return c != 0 ? c : a->line - b->line;
}

static void sort_domains(struct policy_load *l)
{
    struct policy_config *c = l->cfg;

    c->domains = base_arena_array(l->a, l->ndomains, sizeof *c->domains);
    if (l->ndomains == 0) {
        return;
    }
    qsort(l->domains, l->ndomains, sizeof *l->domains, by_name);
    for (size_t i = 0; i < l->ndomains; i++) {
        if (i > 0 && strcmp(l->domains[i].d.name, l->domains[i - 1].d.name) == 0) {
            policy_errors_add(l->errs, l->domains[i].path, l->domains[i].line,
                              "domain \"%s\" stands already at %s", l->domains[i].d.name,
                              l->domains[i - 1].d.where);
            continue;
        }
        c->domains[c->ndomains++] = l->domains[i].d;
    }
}

void policy_load_domains(struct policy_load *l)
{
    struct policy_sec root = policy_conf_root(&l->c);
    struct policy_sec defaults = policy_conf_single(&l->c, "defaults");
    struct policy_domain base = {.key_type = "rsa3072",
                                 .product = "secure_email_mailbox",
                                 .profile_type = "strict",
                                 .validity_days = 365,
                                 .revalidate_days = 30};

    read_section(l, &defaults, &base);
    for (size_t i = 0; i < policy_conf_sections(&l->c, "domain"); i++) {
        struct policy_sec s = policy_conf_section(&l->c, "domain", i);
        struct policy_domain d = base;
        read_section(l, &s, &d);
        policy_domain_take(l, &d, s.title, l->c.path, s.line);
    }
    for (size_t i = 0; i < policy_sec_count(&root, "domain_table"); i++) {
        const struct policy_value *v = policy_sec_item(&root, "domain_table", i);
        policy_load_table(l, policy_conf_beside(l->a, l->c.path, v->text), l->c.path, v->line,
                          &base);
    }
    sort_domains(l);
}
