/* policy/config_profiles.c - which CA profiles are in use.
 *
 * All of profile_dir, and those that the configuration names by file. A
 * rehearsal profile counts only where an account or a section asks for it. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_load.h"

#define MAX_PROFILES 64

static void add_profile(struct policy_config *c, struct policy_profile *p)
{
    for (size_t i = 0; i < c->nprofiles; i++) {
        if (strcmp(c->profiles[i]->id, p->id) == 0) {
            c->profiles[i] = p;
            return;
        }
    }
    if (c->nprofiles < MAX_PROFILES) {
        c->profiles[c->nprofiles++] = p;
    }
}

static int is_conf(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 5 && d->d_name[0] != '.' && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/* A profile must be called as its file, so that "there is no profile x" can be believed. */
static void load_file(struct policy_load *l, const char *path, const char *id, bool optional)
{
    struct policy_profile *p = policy_profile_read(l->a, path, l->errs);

    if (p == NULL) {
        return;
    }
    if (strcmp(p->id, id) != 0) {
        policy_errors_add(l->errs, path, 1, "this profile's id is \"%s\"; expected \"%s\"", p->id,
                          id);
        return;
    }
    if (!optional || !p->rehearsal) {
        add_profile(l->cfg, p);
    }
}

/* True if an account or a section asks for a profile by its name. */
static bool asked_for(struct policy_load *l, const char *id)
{
    for (size_t i = 0; i < policy_conf_sections(&l->c, "account"); i++) {
        struct policy_sec s = policy_conf_section(&l->c, "account", i);
        const struct policy_value *v = policy_sec_value(&s, "profile");
        if (v != NULL && strcmp(v->text, id) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < policy_conf_sections(&l->c, "profile"); i++) {
        struct policy_sec s = policy_conf_section(&l->c, "profile", i);
        if (strcmp(s.title, id) == 0) {
            return true;
        }
    }
    return false;
}

static void load_dir(struct policy_load *l)
{
    struct dirent **names;
    struct policy_sec paths = policy_conf_single(&l->c, "paths");
    int n = scandir(l->cfg->profile_dir, &names, is_conf, alphasort);

    if (n < 0) {
        policy_errors_add(l->errs, l->c.path, policy_sec_line(&paths, "profile_dir"),
                          "profile_dir: %s can't be read: %s", l->cfg->profile_dir,
                          strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *id = base_arena_strndup(l->a, names[i]->d_name, strlen(names[i]->d_name) - 5);
        const char *path = base_arena_printf(l->a, "%s/%s", l->cfg->profile_dir, names[i]->d_name);
        load_file(l, path, id, !asked_for(l, id));
        free(names[i]);
    }
    free(names);
}

void policy_load_profiles(struct policy_load *l)
{
    l->cfg->profiles = base_arena_array(l->a, MAX_PROFILES, sizeof(struct policy_profile *));
    load_dir(l);
    for (size_t i = 0; i < policy_conf_sections(&l->c, "profile"); i++) {
        struct policy_sec s = policy_conf_section(&l->c, "profile", i);
        const char *file = policy_sec_path(&s, "file", NULL, true);
        if (file != NULL) {
            load_file(l, file, s.title, false);
        } else if (policy_config_profile(l->cfg, s.title) == NULL) {
            policy_sec_error(&s, s.line, "profile: there is no profile \"%s\" in %s", s.title,
                             l->cfg->profile_dir);
        }
    }
}

void policy_check_profiles(struct policy_load *l)
{
    struct policy_sec r = policy_conf_single(&l->c, "rehearsal");

    const char *what = l->cfg->private_networks.n > 0 ? "private_networks"
                       : l->cfg->http_port != 80      ? "http_port"
                       : l->cfg->https_port != 443    ? "https_port"
                                                      : NULL;

    if (what == NULL) {
        return;
    }
    for (size_t i = 0; i < l->cfg->naccounts; i++) {
        const char *id = l->cfg->accounts[i].profile;
        const struct policy_profile *p = id != NULL ? policy_config_profile(l->cfg, id) : NULL;
        if (p != NULL && p->rehearsal) {
            return;
        }
    }
    policy_sec_error(&r, policy_sec_line(&r, what),
                     "%s: only for a rehearsal; no account has a rehearsal profile", what);
}
