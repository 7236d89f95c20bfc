/* agent/watch.c - compiles the watch file that tells the milter what to look at. */
#include "policy/watch.h"

#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "domainlook.h"

#define PAGE 500

static void add_profiles(struct policy_watch_build *b, const struct policy_config *cfg)
{
    for (size_t i = 0; i < cfg->nprofiles; i++) {
        const struct policy_profile *p = cfg->profiles[i];
        for (size_t k = 0; k < p->senders.n; k++)
            policy_watch_build_add_sender_domain(b, p->senders.v[k]);
        for (size_t k = 0; k < p->from_domains.n; k++)
            policy_watch_build_add_from_domain(b, p->from_domains.v[k]);
    }
}

static void add_domains(struct policy_watch_build *b, const struct policy_config *cfg)
{
    for (size_t i = 0; i < cfg->ndomains; i++) {
        policy_watch_build_add_domain(b, cfg->domains[i].name);
        for (size_t k = 0; k < cfg->domains[i].contacts.n; k++)
            policy_watch_build_add_address(b, cfg->domains[i].contacts.v[k]);
    }
}

/* Mailboxes and recipients of intents that still wait for a mail. */
static bool add_intents(struct agent *ag, struct policy_watch_build *b, size_t *addresses)
{
    const unsigned open = 1u << POLICY_INTENT_REQUESTING | 1u << POLICY_INTENT_OPEN |
                          1u << POLICY_INTENT_CONFIRMING | 1u << POLICY_INTENT_UNKNOWN;
    struct ledger_intent *v;
    size_t n = PAGE;
    int64_t after = 0;
    while (n == PAGE) {
        struct base_arena *a = base_arena_new();
        struct base_fail f = {0};
        if (!agent_ok(ag, ledger_intent_list(ag->ledger, a, open, after, PAGE, &v, &n, &f), &f,
                      "intents")) {
            base_arena_free(a);
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            after = v[i].p.id;
            *addresses += v[i].p.recipients.n + (v[i].p.mailbox != NULL);
            if (v[i].p.mailbox)
                policy_watch_build_add_address(b, v[i].p.mailbox);
            for (size_t k = 0; k < v[i].p.recipients.n; k++)
                policy_watch_build_add_address(b, v[i].p.recipients.v[k]);
        }
        base_arena_free(a);
    }
    return true;
}

/* Addresses that the DNS of a controlled domain names for validation mails. */
static bool add_contacts(struct agent *ag, struct policy_watch_build *b, size_t *addresses)
{
    const char *after = "";
    char last[256] = "";
    size_t n = PAGE;
    while (n == PAGE) {
        struct base_arena *a = base_arena_new();
        struct base_fail f = {0};
        struct ledger_domain_look *v;
        bool ok = agent_ok(ag,
                           ledger_domain_look_list(ag->ledger, a, LEDGER_DOMAIN_CONTACTS, after, PAGE,
                                                   &v, &n, &f),
                           &f, "domains");
        for (size_t i = 0; ok && i < n; i++) {
            snprintf(last, sizeof(last), "%s", v[i].name);
            if (!policy_config_domain(ag->conf->cfg, v[i].name))
                continue;
            *addresses += v[i].ncontacts;
            for (size_t k = 0; k < v[i].ncontacts; k++)
                policy_watch_build_add_address(b, v[i].contacts[k]);
        }
        base_arena_free(a);
        after = last;
        if (!ok)
            return false;
    }
    return true;
}

void agent_watch_write(struct agent *ag)
{
    struct base_fail f = {0};
    size_t addresses = 0;
    struct policy_watch_build *b = policy_watch_build_new();
    add_profiles(b, ag->conf->cfg);
    add_domains(b, ag->conf->cfg);
    if (add_intents(ag, b, &addresses) && add_contacts(ag, b, &addresses)) {
        if (policy_watch_build_write(b, ag->conf->cfg->watch_file, 0644, &f)) {
            base_log_fail(LOG_ERR, "watch.write", &f, NULL);
            ag->watch_retry = base_now() + 30;
        } else {
            ag->watch_dirty = false;
            ag->watch_written = base_now();
            ag->watch_addresses = addresses;
        }
    }
    policy_watch_build_free(b);
}
