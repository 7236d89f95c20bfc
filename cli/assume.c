/* cli/assume.c - what explain takes for granted.
 *
 * The snapshot without a file is ours alone, so its domains may be set; memory
 * comes from its arena. */
#include "assume.h"

#include <stdlib.h>
#include <string.h>

#include "policy/recognise.h"

#define TENANT "assumed"
#define HOUR 3600

/* KIND:NAME[:ID]; false if it isn't that. */
static bool read_intent(struct cli *c, const char *text, struct policy_intent *i)
{
    const char *name = strchr(text, ':'), *id;
    if (!name)
        return false;
    const char *kind = base_arena_strndup(c->a, text, (size_t)(name - text));
    id = strchr(++name, ':');
    if (id) {
        name = base_arena_strndup(c->a, name, (size_t)(id - name));
        id = id[1] ? id + 1 : NULL;
    }
    if (!policy_intent_kind_parse(kind, &i->kind))
        return false;
    if (i->kind == POLICY_INTENT_DOMAIN)
        i->domain = policy_domain_alabel(c->a, name);
    else if ((i->mailbox = policy_mailbox_normal(c->a, name)) != NULL)
        i->domain = strrchr(i->mailbox, '@') + 1;
    i->order = i->certificate = i->domain_id = i->support = id;
    i->state = POLICY_INTENT_OPEN;
    return i->domain != NULL;
}

int cli_read_intents(struct cli *c, const struct cli_args *args, struct cli_assumed *as)
{
    const char *text;
    size_t at = 0;
    memset(as, 0, sizeof(*as));
    while ((text = cli_opt_next(args, "intent", &at)) != NULL && as->n < CLI_INTENTS_MAX) {
        struct policy_intent *i = &as->intent[as->n++];
        if (!read_intent(c, text, i))
            return cli_misused(c, args,
                               "--intent %s: expected domain:NAME, mailbox:ADDRESS or order:ADDRESS, "
                               "and then :ID if wanted",
                               text);
        i->id = (int64_t)as->n;
        as->consent = as->consent || i->kind == POLICY_INTENT_MAILBOX;
    }
    return CLI_DONE;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct policy_domain *)a)->name, ((const struct policy_domain *)b)->name);
}

static void add_domain(struct policy_config *cfg, const char *name, bool consented)
{
    for (size_t i = 0; i < cfg->ndomains; i++)
        if (strcmp(cfg->domains[i].name, name) == 0)
            return;
    cfg->domains[cfg->ndomains++] = (struct policy_domain){
        .name = base_arena_strdup(cfg->arena, name),
        .tenant = TENANT,
        .account = cfg->naccounts ? TENANT : NULL,
        .mode = POLICY_MODE_CONFIRM,
        .unexpected = POLICY_UNEXPECTED_ALARM,
        .mailbox_validation = consented ? POLICY_MAILBOX_CONSENTED : POLICY_MAILBOX_OFF,
        .custody_sign = POLICY_CUSTODY_KEEP,
        .custody_encrypt = POLICY_CUSTODY_KEEP,
        .where = "assumed",
    };
}

const char *cli_assume_domains(struct cli *c, const struct cli_assumed *as, const char *rcpt,
                               const char *profile)
{
    struct policy_config *cfg = c->cfg;
    const char *host = rcpt ? strrchr(rcpt, '@') : NULL, *names = "";
    cfg->tenants = base_arena_array(cfg->arena, 1, sizeof(*cfg->tenants));
    cfg->tenants[0] = (struct policy_tenant){.id = TENANT, .contact = rcpt};
    cfg->ntenants = 1;
    cfg->accounts = base_arena_array(cfg->arena, 1, sizeof(*cfg->accounts));
    cfg->accounts[0] = (struct policy_account){.id = TENANT, .tenant = TENANT, .profile = profile};
    cfg->naccounts = profile ? 1 : 0;
    cfg->domains = base_arena_array(cfg->arena, as->n + 1, sizeof(*cfg->domains));
    cfg->ndomains = 0;
    for (size_t i = 0; i < as->n; i++)
        add_domain(cfg, as->intent[i].domain, as->consent);
    if (as->n == 0 && host && (host = policy_domain_alabel(c->a, host + 1)) != NULL)
        add_domain(cfg, host, false);
    qsort(cfg->domains, cfg->ndomains, sizeof(*cfg->domains), by_name);
    for (size_t i = 0; i < cfg->ndomains; i++)
        names = base_arena_printf(c->a, "%s%s%s", names, i ? ", " : "", cfg->domains[i].name);
    return base_arena_printf(c->a,
                             "there is no configuration: judged as if %s were controlled, in mode "
                             "confirm, with an account at the CA%s",
                             names[0] ? names : "no domain",
                             as->consent ? ", and the mailbox's owner had consented" : "");
}

void cli_complete_intents(struct cli *c, struct cli_assumed *as, int64_t at)
{
    for (size_t i = 0; i < as->n; i++) {
        struct policy_intent *p = &as->intent[i];
        const struct policy_domain *d = policy_config_domain(c->cfg, p->domain);
        bool box = p->kind == POLICY_INTENT_MAILBOX;
        p->tenant = d ? d->tenant : NULL;
        p->account = d ? d->account : NULL;
        p->created = at - HOUR;
        p->expires = at + (box ? c->cfg->intent_life_mailbox : c->cfg->intent_life_domain);
        p->copies = box ? 1 : 5;
    }
}
