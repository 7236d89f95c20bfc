/* policy/check_ours.c - what must be ours: domain, request, account, recipient,
 * and the consent that answering a mailbox's mail needs. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "case.h"
#include "recognise.h"
#include "watch.h"

static const char *const roles[] = {"admin", "administrator", "webmaster", "hostmaster",
                                    "postmaster"};

static const char *host_of(const char *addr)
{
    const char *at = addr != NULL ? strrchr(addr, '@') : NULL;

    return at != NULL ? at + 1 : NULL;
}

/* The controlled domain of NAME, or the nearest one above it. */
static const struct policy_domain *domain_or_above(const struct policy_config *c, const char *name,
                                                   bool *exact)
{
    *exact = true;
    for (const char *s = name; s != NULL; s = strchr(s, '.') != NULL ? strchr(s, '.') + 1 : NULL) {
        const struct policy_domain *d = policy_config_domain(c, s);
        if (d != NULL) {
            return d;
        }
        *exact = false;
    }
    return NULL;
}

/* What the mail is about, and whose it is. A mail that doesn't say is taken for
 * its recipient's domain: enough to tell somebody, never to answer. */
void policy_find_domain(struct policy_case *k)
{
    const struct policy_facts *f = k->f;
    const char *host;

    if (f->kind == POLICY_KIND_DOMAIN_VALIDATION) {
        k->name = f->domain;
        host = f->domain;
    } else {
        k->name = f->mailbox != NULL ? f->mailbox : f->domain;
        host = f->mailbox != NULL ? host_of(f->mailbox) : f->domain;
    }
    if (host == NULL) {
        host = host_of(k->e->rcpt);
    }
    k->d->domain = domain_or_above(k->c, host, &k->exact);
}

static void check_domain(struct policy_case *k)
{
    const struct policy_facts *f = k->f;

    if (f->domain_conflict || f->mailbox_conflict) {
        policy_check_put(k, POLICY_RULE_DOMAIN, POLICY_CHECK_FAIL,
                         "the mail names more than one %s",
                         f->domain_conflict ? "domain" : "mailbox");
    } else if (k->name == NULL) {
        policy_check_put(k, POLICY_RULE_DOMAIN, POLICY_CHECK_UNKNOWN,
                         "the mail does not name the %s at a known place",
                         f->kind == POLICY_KIND_DOMAIN_VALIDATION ? "domain" : "mailbox");
    } else if (!k->exact) {
        policy_check_put(k, POLICY_RULE_DOMAIN, POLICY_CHECK_FAIL,
                         "%s is not controlled itself, only %s above it", k->name,
                         k->d->domain->name);
    } else {
        policy_check_put(k, POLICY_RULE_DOMAIN, POLICY_CHECK_PASS, "%s is controlled (%s)", k->name,
                         k->d->domain->where != NULL ? k->d->domain->where : "configuration");
    }
}

static void check_intent(struct policy_case *k)
{
    if (k->nopen == 0) {
        policy_check_put(k, POLICY_RULE_INTENT, POLICY_CHECK_FAIL, "we have no open request for %s",
                         k->name != NULL ? k->name : "what the mail is about");
    } else if (k->nopen > 1) {
        policy_check_put(k, POLICY_RULE_INTENT, POLICY_CHECK_UNKNOWN,
                         "%zu open requests of ours fit, expected one", k->nopen);
    } else {
        policy_check_put(k, POLICY_RULE_INTENT, POLICY_CHECK_PASS,
                         "request %lld of ours is open for %s", (long long)k->open->id,
                         k->name != NULL ? k->name : "what this mail doesn't name");
    }
}

static void check_account(struct policy_case *k)
{
    const struct policy_account *a =
        k->open != NULL ? policy_config_account(k->c, k->open->account) : NULL;
    const char *tenant = k->d->domain->tenant;

    if (k->open == NULL) {
        policy_check_put(k, POLICY_RULE_ACCOUNT, POLICY_CHECK_UNKNOWN, "no request, so no account");
    } else if (a == NULL) {
        policy_check_put(k, POLICY_RULE_ACCOUNT, POLICY_CHECK_FAIL,
                         "the request's account \"%s\" is not configured",
                         k->open->account != NULL ? k->open->account : "");
    } else if (tenant == NULL || a->tenant == NULL || k->open->tenant == NULL ||
               strcmp(a->tenant, tenant) != 0 || strcmp(k->open->tenant, tenant) != 0) {
        policy_check_put(k, POLICY_RULE_ACCOUNT, POLICY_CHECK_FAIL,
                         "request, account \"%s\" and domain are not all of one tenant", a->id);
    } else {
        policy_check_put(k, POLICY_RULE_ACCOUNT, POLICY_CHECK_PASS, "requested in account \"%s\"",
                         a->id);
    }
}

static bool same_mailbox(const char *a, const char *b, bool fold)
{
    char x[POLICY_WATCH_ADDR_LEN], y[POLICY_WATCH_ADDR_LEN];

    return a != NULL && b != NULL && policy_watch_form_to(a, strlen(a), fold, x) &&
           policy_watch_form_to(b, strlen(b), fold, y) && strcmp(x, y) == 0;
}

/* Addresses that the CA was asked to write to; those that it always may where
 * the request was made by somebody else (in the CA's portal). */
static bool expected(const struct policy_case *k)
{
    const struct policy_intent *i = k->open;
    const char *rcpt = k->e->rcpt;
    char addr[300];

    if (i->kind == POLICY_INTENT_MAILBOX) {
        return same_mailbox(rcpt, i->mailbox, policy_config_folds(k->c, i->mailbox));
    }
    for (size_t n = 0; n < i->recipients.n; n++) {
        if (same_mailbox(rcpt, i->recipients.v[n], true)) {
            return true;
        }
    }
    if (i->recipients.n > 0) {
        return false;
    }
    for (size_t n = 0; n < sizeof roles / sizeof *roles; n++) {
        (void)snprintf(addr, sizeof addr, "%s@%s", roles[n], k->d->domain->name);
        if (same_mailbox(rcpt, addr, true)) {
            return true;
        }
    }
    for (size_t n = 0; n < k->d->domain->contacts.n; n++) {
        if (same_mailbox(rcpt, k->d->domain->contacts.v[n], true)) {
            return true;
        }
    }
    return false;
}

static void check_recipient(struct policy_case *k)
{
    if (k->e->rcpt == NULL) {
        policy_check_put(k, POLICY_RULE_RECIPIENT, POLICY_CHECK_UNKNOWN,
                         "the envelope's recipient is not known");
    } else if (k->open == NULL) {
        policy_check_put(k, POLICY_RULE_RECIPIENT, POLICY_CHECK_UNKNOWN,
                         "no request, so no expected recipient");
    } else if (expected(k)) {
        policy_check_put(k, POLICY_RULE_RECIPIENT, POLICY_CHECK_PASS, "%s was expected to get it",
                         k->e->rcpt);
    } else {
        policy_check_put(k, POLICY_RULE_RECIPIENT, POLICY_CHECK_FAIL,
                         "%s is none of the addresses that the CA was asked to write to",
                         k->e->rcpt);
    }
}

static void check_consent(struct policy_case *k)
{
    if (k->f->kind != POLICY_KIND_MAILBOX_VALIDATION) {
        return;
    }
    if (k->d->domain->mailbox_validation != POLICY_MAILBOX_CONSENTED) {
        policy_check_put(k, POLICY_RULE_CONSENT, POLICY_CHECK_FAIL,
                         "mailbox_validation is off for %s", k->d->domain->name);
    } else if (!k->e->consent) {
        policy_check_put(k, POLICY_RULE_CONSENT, POLICY_CHECK_UNKNOWN,
                         "the owner's consent is not recorded");
    } else {
        policy_check_put(k, POLICY_RULE_CONSENT, POLICY_CHECK_PASS,
                         "the owner's consent is recorded");
    }
}

static void check_mode(struct policy_case *k)
{
    if (k->e->mx_elsewhere) {
        policy_check_put(k, POLICY_RULE_MODE, POLICY_CHECK_FAIL,
                         "the MX of %s names none of our hosts: no more than observed until it does",
                         k->d->domain->name);
        return;
    }
    switch (k->d->domain->mode) {
    case POLICY_MODE_CONFIRM:
        policy_check_put(k, POLICY_RULE_MODE, POLICY_CHECK_PASS, "%s is in mode confirm",
                         k->d->domain->name);
        break;
    case POLICY_MODE_HOLD:
        policy_check_ask(k, POLICY_RULE_MODE, "%s is in mode hold", k->d->domain->name);
        break;
    case POLICY_MODE_OBSERVE:
        policy_check_put(k, POLICY_RULE_MODE, POLICY_CHECK_FAIL, "%s is in mode observe",
                         k->d->domain->name);
        break;
    }
}

void policy_check_ours(struct policy_case *k)
{
    check_domain(k);
    check_intent(k);
    check_account(k);
    check_recipient(k);
    check_consent(k);
    check_mode(k);
}
