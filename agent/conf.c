/* agent/conf.c - from the configuration to a snapshot that threads may share.
 *
 * Owns the configuration, API accounts, resolver and trust bundle of one
 * moment. A reload makes a new one; the old goes when its last task is done.
 * An account whose key is missing doesn't stop the agent: it is told in
 * status, and its domains are guarded only. */
#include "agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

#define BUNDLE_MAX (1024 * 1024)

/* One local record (a link shape that an administrator approved by name) is
 * added to the templates of its kind, so that the inspector can find the link. */
static void apply_record(struct policy_config *cfg, const json_t *rec)
{
    const char *profile = base_json_str(rec, "profile"), *tmpl = base_json_str(rec, "template");
    enum policy_kind kind;
    if (!profile || !tmpl || !policy_kind_parse(base_json_strd(rec, "kind", ""), &kind))
        return;
    for (size_t i = 0; i < cfg->nprofiles; i++) {
        if (strcmp(cfg->profiles[i]->id, profile) != 0)
            continue;
        for (size_t k = 0; k < cfg->profiles[i]->nkinds; k++) {
            struct policy_kind_rules *r = &cfg->profiles[i]->kinds[k];
            if (r->kind != kind || policy_strings_has(&r->links, tmpl))
                continue;
            const char **v = base_arena_array(cfg->arena, r->links.n + 1, sizeof(*v));
            if (r->links.n)
                memcpy(v, r->links.v, r->links.n * sizeof(*v));
            v[r->links.n] = base_arena_strdup(cfg->arena, tmpl);
            r->links.v = v;
            r->links.n++;
        }
    }
}

static int64_t organization_of(const struct policy_config *cfg, const struct policy_account *p)
{
    const struct policy_tenant *t = policy_config_tenant(cfg, p->tenant);
    return p->organization ? p->organization : t ? t->organization : 0;
}

static void open_account(struct agent_conf *c, struct agent_account *acc)
{
    struct base_fail f = {0};
    struct base_buf key;
    const struct policy_account *p = acc->cfg;
    if (base_credential(p->api_key, c->cfg->credentials_dir, &key, &f)) {
        acc->error = base_xstrdup(f.text);
        return;
    }
    struct ca_options o = {
        .id = p->id,
        .driver = p->driver,
        .base_url = p->base_url,
        .key = (const char *)key.p,
        .nkey = key.n,
        .scope = c->links,
        .organization = organization_of(c->cfg, p),
        .payment = p->payment,
        .skip_approval = p->skip_approval,
        .rate_short = p->rate_short,
        .rate_long = p->rate_long,
    };
    o.scope.bundle = p->tls_bundle;
    if (ca_account_new(&o, &acc->ca, &f)) {
        acc->ca = NULL;
        acc->error = base_xstrdup(f.text);
    }
    base_buf_wipe(&key);
}

static void open_accounts(struct agent_conf *c)
{
    c->naccounts = c->cfg->naccounts;
    c->accounts = base_arena_array(c->cfg->arena, c->naccounts + 1, sizeof(*c->accounts));
    c->usable = base_arena_array(c->cfg->arena, c->naccounts + 1, sizeof(struct ca_account *));
    for (size_t i = 0; i < c->naccounts; i++) {
        c->accounts[i].cfg = &c->cfg->accounts[i];
        open_account(c, &c->accounts[i]);
        if (c->accounts[i].ca)
            c->usable[c->nusable++] = c->accounts[i].ca;
        else
            base_log(LOG_ERR, "account.unusable", "account", c->accounts[i].cfg->id, "error",
                     c->accounts[i].error, NULL);
    }
}

static void read_bundle(struct agent_conf *c)
{
    struct base_fail f = {0};
    if (!c->cfg->trust_bundle) {
        c->bundle_error = base_xstrdup("no trust_bundle is configured");
        return;
    }
    if (base_file_read(AT_FDCWD, c->cfg->trust_bundle, BUNDLE_MAX, &c->bundle, &f))
        c->bundle_error = base_xstrdup(f.text);
}

static enum base_fail_class open_resolver(struct agent_conf *c, struct base_fail *f)
{
    struct net_dns_options o = {
        .servers = c->cfg->resolvers.v,
        .nservers = c->cfg->resolvers.n,
        .trust_anchor = c->cfg->dnssec_root,
    };
    return net_resolver_new(&o, &c->resolver, f);
}

enum base_fail_class agent_conf_load(const char *path, const json_t *records,
                                     struct agent_conf **out, struct policy_config_errors *errs,
                                     struct base_fail *f)
{
    struct policy_config *cfg;
    enum base_fail_class r = policy_config_load(path, &cfg, errs, f);
    if (r)
        return r;
    struct agent_conf *c = base_xmalloc(sizeof(*c));
    memset(c, 0, sizeof(*c));
    atomic_init(&c->refs, 1);
    c->cfg = cfg;
    base_buf_init(&c->bundle, BUNDLE_MAX);
    for (size_t i = 0; i < json_array_size(records); i++)
        apply_record(cfg, json_array_get(records, i));
    json_t *profiles = json_array();
    for (size_t i = 0; i < cfg->nprofiles; i++)
        json_array_append_new(profiles, policy_profile_to_json(cfg->profiles[i]));
    c->profiles = base_json_text(profiles);
    json_decref(profiles);
    r = open_resolver(c, f);
    if (r) {
        agent_conf_unref(c);
        return r;
    }
    c->links = (struct net_scope){
        .resolver = c->resolver,
        .private_networks = cfg->private_networks.v,
        .nprivate = cfg->private_networks.n,
        .bundle = cfg->link_bundle,
        .user_agent = cfg->user_agent,
    };
    c->inspector = base_arena_printf(cfg->arena, "%s/certinspect", policy_libexec_dir());
    read_bundle(c);
    open_accounts(c);
    *out = c;
    return BASE_OK;
}

struct agent_conf *agent_conf_ref(struct agent_conf *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void agent_conf_unref(struct agent_conf *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    for (size_t i = 0; i < c->naccounts; i++) {
        ca_account_free(c->accounts[i].ca);
        free(c->accounts[i].error);
    }
    net_resolver_free(c->resolver);
    free(c->profiles);
    base_buf_free(&c->bundle);
    free(c->bundle_error);
    policy_config_free(c->cfg);
    free(c);
}

struct ca_account *agent_conf_ca(const struct agent_conf *c, const char *account)
{
    for (size_t i = 0; account && i < c->naccounts; i++)
        if (strcmp(c->accounts[i].cfg->id, account) == 0)
            return c->accounts[i].ca;
    return NULL;
}
