/* policy/config_load.h - what the files that read the configuration share. */
#ifndef POLICY_CONFIG_LOAD_H
#define POLICY_CONFIG_LOAD_H
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "confread.h"

/* A domain while it is being read, and where it stands. */
struct policy_domain_entry {
    struct policy_domain d;
    const char *path;
    int line;
};

struct policy_load {
    struct policy_config *cfg;
    struct base_arena *a; /* cfg's */
    struct policy_conf c;
    struct policy_config_errors *errs;
    struct policy_domain_entry *domains;
    size_t ndomains, room;
};

/* The options of the whole file (config_options.c); each caller gets its own copy. */
cfg_opt_t *policy_config_options(void);
extern const char *const policy_domain_keys[]; /* options of a domain, NULL at the end */

void policy_config_defaults(struct policy_config *cfg); /* config_options.c */
void policy_load_settings(struct policy_load *l);       /* config_options.c */
void policy_load_tenants(struct policy_load *l);        /* config_parties.c */
void policy_load_accounts(struct policy_load *l);       /* config_parties.c */
void policy_load_profiles(struct policy_load *l);       /* config_profiles.c; before the accounts */
void policy_check_profiles(struct policy_load *l);      /* ... and what accounts make of them */
void policy_load_dns(struct policy_load *l);            /* config_dns.c; before the domains */
void policy_load_http(struct policy_load *l);           /* config_http.c; before the domains */
void policy_load_publishers(struct policy_load *l);     /* config_publishers.c; before the domains */
void policy_load_domains(struct policy_load *l);        /* config_domains.c */
void policy_load_table(struct policy_load *l, const char *path, const char *from, int line,
                       const struct policy_domain *defaults); /* config_table.c */

/* One option of a domain, wherever it stands (config_domains.c). */
void policy_domain_option(struct policy_load *l, struct policy_domain *d, const char *key,
                          const char *value, const char *path, int line);
/* Takes a domain that is read; NAME as written. */
void policy_domain_take(struct policy_load *l, struct policy_domain *d, const char *name,
                        const char *path, int line);

/* NAME at or below ZONE: how long ZONE is, else 0 (config_dns.c). */
size_t policy_zone_covers(const char *zone, const char *name);
/* The name of a zone as A-label; NULL if not set or wrong (then said). */
const char *policy_load_zone(struct policy_load *l, const struct policy_sec *s, const char *key);
/* A member of a domain's `publish`, and what its `clear_key` needs (config_publishers.c). */
void policy_domain_publish(struct policy_load *l, struct policy_domain *d, const char *value,
                           const char *path, int line);
/* ... and what fold_local_part = no needs of them. */
void policy_check_folding(struct policy_load *l, const struct policy_domain *d, const char *path,
                          int line);
void policy_check_clear_key(struct policy_load *l, const struct policy_domain *d, const char *path,
                            int line);

/* Small checks (config_values.c): true, or false after the error was added. */
bool policy_is_name(const char *s); /* [A-Za-z0-9._-]{1,64} */
/* "IP" or "IP@port". */
bool policy_is_resolver(const char *s);
/* "10.0.0.0/8", "fd00::/8". */
bool policy_is_network(const char *s);
/* "127.0.0.1:25", "[::1]:25", "mail.example.test:25". */
bool policy_is_host_port(const char *s);
/* "https://host[:port]/path" without anything else. */
bool policy_is_base_url(const char *s);
/* Normal form of an address, NULL after the error was added. */
const char *policy_load_address(struct policy_load *l, const char *what, const char *value,
                                const char *path, int line);

/* Who vouches for persons; NULL after the error was added. */
const char *policy_load_attestation(struct policy_load *l, const char *value, const char *path,
                                    int line);

/* A profile file into ERRS, which is initialised already (profile.c). */
struct policy_profile *policy_profile_read(struct base_arena *a, const char *path,
                                           struct policy_config_errors *errs);

#endif
