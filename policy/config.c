/* policy/config.c - the configuration as an immutable snapshot.
 *
 * Owns everything through the snapshot's arena. A file with any error gives no
 * snapshot: the one that runs stays. */
#include "config.h"

#include <fcntl.h>
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mailbox.h"
#include "config_load.h"
#include "recognise.h"
#include "watch.h"

#define FILE_MAX (4 * 1024 * 1024)

static struct policy_config *config_new(const char *path)
{
    struct base_arena *a = base_arena_new();
    struct policy_config *c = base_arena_alloc(a, sizeof *c);

    c->arena = a;
    c->path = base_arena_strdup(a, path);
    policy_config_defaults(c);
    return c;
}

void policy_config_free(struct policy_config *c)
{
    if (c != NULL) {
        base_arena_free(c->arena);
    }
}

static void load_text(struct policy_load *l, const struct base_buf *b)
{
    policy_conf_read(&l->c, l->a, l->cfg->path, (const char *)b->p, b->n, policy_config_options(),
                     l->errs);
    policy_load_settings(l);
    policy_load_tenants(l);
    policy_load_profiles(l);
    policy_load_accounts(l);
    policy_check_profiles(l);
    policy_load_dns(l);
    policy_load_http(l);
    policy_load_publishers(l);
    policy_load_domains(l);
    policy_conf_end(&l->c);
}

enum base_fail_class policy_config_load(const char *path, struct policy_config **out,
                                        struct policy_config_errors *errs, struct base_fail *f)
{
    struct base_buf b;
    struct base_fail why;
    struct policy_load l = {.cfg = config_new(path), .errs = errs};

    *out = NULL;
    l.a = l.cfg->arena;
    policy_errors_init(errs);
    if (base_file_read(AT_FDCWD, path, FILE_MAX, &b, &why) != BASE_OK) {
        policy_errors_add(errs, path, 0, "%s", why.text);
    } else {
        load_text(&l, &b);
    }
    base_buf_free(&b);
    enum base_fail_class r = policy_errors_end(errs, "config.errors", f);
    if (r == BASE_OK) {
        *out = l.cfg;
    } else {
        policy_config_free(l.cfg);
    }
    return r;
}

enum base_fail_class policy_config_default(struct policy_config **out, struct base_fail *f)
{
    /* every profile of the installation, the rehearsal's too */
    static const char text[] = "profile \"rehearsal\" {}\n";
    struct policy_config_errors errs;
    struct policy_load l = {.cfg = config_new("(no configuration)"), .errs = &errs};

    *out = NULL;
    l.a = l.cfg->arena;
    policy_errors_init(&errs);
    load_text(&l, &(struct base_buf){.p = (unsigned char *)base_arena_strdup(l.a, text),
                                     .n = sizeof text - 1});
    enum base_fail_class r = policy_errors_end(&errs, "config.errors", f);
    if (r == BASE_OK) {
        *out = l.cfg;
    } else {
        policy_config_free(l.cfg);
    }
    policy_config_errors_free(&errs);
    return r;
}

/* ---- asking ------------------------------------------------------------------ */

static int compare_domain(const void *key, const void *member)
{
    return strcmp(key, ((const struct policy_domain *)member)->name);
}

const struct policy_domain *policy_config_domain(const struct policy_config *c, const char *name)
{
    if (name == NULL || c->ndomains == 0) {
        return NULL;
    }
    return bsearch(name, c->domains, c->ndomains, sizeof *c->domains, compare_domain);
}

const struct policy_domain *policy_config_mailbox_domain(const struct policy_config *c,
                                                         const char *mailbox)
{
    const char *at = mailbox != NULL ? strrchr(mailbox, '@') : NULL;
    char name[256];

    if (at == NULL || strlen(at + 1) >= sizeof name) {
        return NULL;
    }
    memcpy(name, at + 1, strlen(at + 1) + 1);
    base_ascii_lower(name);
    return policy_config_domain(c, name);
}

bool policy_config_folds(const struct policy_config *c, const char *mailbox)
{
    const struct policy_domain *d = policy_config_mailbox_domain(c, mailbox);

    return d == NULL || !d->exact_local_part;
}

bool policy_config_same_mailbox(const struct policy_config *c, const char *x, const char *y)
{
    return base_mailbox_same(x, y, policy_config_folds(c, x));
}

const char *policy_config_mailbox_key(const struct policy_config *c, struct base_arena *a,
                                      const char *mailbox)
{
    return base_mailbox_key(a, mailbox, policy_config_folds(c, mailbox));
}

const char *policy_config_address(const struct policy_config *c, struct base_arena *a,
                                  const char *address)
{
    return policy_config_mailbox_key(c, a, policy_watch_normalise_exact(a, address));
}

const struct policy_account *policy_config_account(const struct policy_config *c, const char *id)
{
    for (size_t i = 0; id != NULL && i < c->naccounts; i++) {
        if (strcmp(c->accounts[i].id, id) == 0) {
            return &c->accounts[i];
        }
    }
    return NULL;
}

const struct policy_tenant *policy_config_tenant(const struct policy_config *c, const char *id)
{
    for (size_t i = 0; id != NULL && i < c->ntenants; i++) {
        if (strcmp(c->tenants[i].id, id) == 0) {
            return &c->tenants[i];
        }
    }
    return NULL;
}

const struct policy_profile *policy_config_profile(const struct policy_config *c, const char *id)
{
    for (size_t i = 0; id != NULL && i < c->nprofiles; i++) {
        if (strcmp(c->profiles[i]->id, id) == 0) {
            return c->profiles[i];
        }
    }
    return NULL;
}

bool policy_public_suffix(const char *domain)
{
    const psl_ctx_t *psl = psl_builtin();

    /* without a list only a name of one label is surely one */
    return psl != NULL ? psl_is_public_suffix(psl, domain) != 0 : strchr(domain, '.') == NULL;
}
