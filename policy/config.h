/* policy/config.h - the configuration as an immutable snapshot.
 *
 * Read by libconfuse from one file (and the domain tables that it names); a
 * file with any error gives no snapshot but a list of all its errors. Names of
 * secrets only, never secrets. The sample etc/certmilter.conf documents every
 * option. */
#ifndef POLICY_CONFIG_H
#define POLICY_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "publishers.h"
#include "rules.h"

enum policy_mode { POLICY_MODE_OBSERVE = 0, POLICY_MODE_HOLD, POLICY_MODE_CONFIRM };
enum policy_unexpected { POLICY_UNEXPECTED_ALARM = 0, POLICY_UNEXPECTED_NOTIFY, POLICY_UNEXPECTED_COUNT };
enum policy_mailbox_validation { POLICY_MAILBOX_OFF = 0, POLICY_MAILBOX_CONSENTED };
enum policy_custody { POLICY_CUSTODY_KEEP = 0, POLICY_CUSTODY_FORGET, POLICY_CUSTODY_EXTERNAL };
/* How control of a domain is shown to the CA. */
enum policy_method {
    POLICY_METHOD_EMAIL = 0,
    POLICY_METHOD_DNS_TXT,
    POLICY_METHOD_DNS_CNAME,
    POLICY_METHOD_HTTP,
};
#define POLICY_METHODS 4
const char *policy_mode_name(enum policy_mode m);
const char *policy_method_name(enum policy_method m); /* "email", "dns-txt", "dns-cname", "http" */
bool policy_method_parse(const char *s, enum policy_method *m);
const char *policy_custody_name(enum policy_custody c);

struct policy_tenant {
    const char *id;
    const char *contact; /* address for alarms and notices */
    const char *attestation; /* who vouches for the persons of its domains; NULL */
    int64_t organization; /* CA's id of the tenant's own one; 0 = that of its account */
};

struct policy_price {
    const char *product, *each, *currency; /* "25.00", "USD" */
};

#define POLICY_TERMS 3
/* "certificate-services", "master-services", "smime-terms"; NULL at the end. */
extern const char *const policy_terms[];

struct policy_account {
    const char *id, *tenant;
    const char *profile;    /* id of the CA profile whose mails belong to it */
    const char *driver;     /* "certcentral" */
    const char *base_url;   /* https://www.digicert.com/services/v2 */
    const char *api_key;    /* name of the credential */
    const char *tls_bundle; /* PEM file of CAs for the API host; NULL = system bundle */
    int64_t organization;   /* CA's organization id; 0 = none */
    const char *payment;    /* "auto" | "profile" | "balance" | "card" */
    bool skip_approval;     /* requests need no second person at the CA */
    const char *reception;  /* who takes the CA's calls; NULL = nobody is named */
    struct policy_strings caa;    /* issuer names; empty = the profile's */
    struct policy_price *prices;  /* what products cost, where the API does not say */
    size_t nprices;
    int64_t poll;           /* seconds between status look-ups */
    int64_t rate_short, rate_long; /* requests to the API in 5 s and in 3 min */
    struct { int64_t run, day, month; } limit; /* orders: the spending brake */
    const char *persist_issuer, *persist_account_uri; /* of the persistent TXT record; NULL */
    struct policy_strings release_by; /* who may release orders above it; empty = anybody */
    /* version of each of the terms (POLICY_TERMS) that must be accepted; NULL = any */
    const char *agreements[POLICY_TERMS];
};

struct policy_domain {
    const char *name; /* A-label, lower case */
    const char *tenant, *account; /* account NULL: guard only */
    enum policy_mode mode;
    enum policy_method method;
    enum policy_unexpected unexpected;
    enum policy_mailbox_validation mailbox_validation;
    bool exact_local_part; /* spellings that differ in case are two mailboxes (base/mailbox.h) */
    enum policy_custody custody_sign, custody_encrypt; /* key_use dual: the stricter of both */
    const char *key_type; /* "rsa3072" ... */
    const char *product;  /* "secure_email_mailbox" ... */
    const char *profile_type; /* "strict" | "multipurpose" */
    int64_t validity_days;
    int64_t renew_days; /* before its end a certificate is ordered anew; 0 = never by itself */
    int64_t revalidate_days; /* before its end the domain is validated anew; 0 = never by itself */
    struct policy_strings contacts; /* listed addresses that DCV mail may go to */
    struct policy_strings publish;  /* ids of publishers */
    const char *clear_key;          /* consumer that gets signing keys in clear; NULL = none */
    const char *attestation; /* the register that orders are vouched for from; NULL = each says its own */
    const char *where; /* "certmilter.conf:41", for messages */
};

/* Where records that validate domains are written, and how: exactly one of SERVER
 * (RFC 2136), HOOK, MANUAL. */
struct policy_dns {
    const char *id;
    const char *zone;            /* domains at and below it; NULL = all that no other covers */
    const char *validation_zone; /* delegated: records go here; NULL = into the domain's zone */
    const char *label;           /* "_dnsauth"; "" = the domain itself */
    const char *server;          /* "IP" or "IP@port" of the primary */
    const char *key;             /* name of the TSIG key, without final dot */
    const char *algorithm;       /* "hmac-sha256" | "hmac-sha512" */
    const char *secret;          /* name of the credential that holds it in base64 */
    const char *hook;            /* program, absolute */
    int64_t timeout;             /* seconds, of server and hook */
    bool manual;
    int64_t ttl;
    bool remove;                 /* take the record away when it has done its work */
    struct policy_strings authoritative; /* servers to ask instead of the zone's NS; empty = NS */
    const char *where;
};

/* Where files that validate domains are put: below every one of the web roots. */
struct policy_http {
    const char *id;
    const char *zone;               /* domains at and below it; NULL = all that no other covers */
    struct policy_strings webroots; /* absolute; empty: a person puts the file there */
    bool dynamic;                   /* the CA gives each file a name of its own */
    bool remove;                    /* take the file away when it has done its work */
    const char *where;
};

struct policy_config {
    struct base_arena *arena; /* owns everything below */
    const char *path;
    struct policy_tenant *tenants;
    size_t ntenants;
    struct policy_account *accounts;
    size_t naccounts;
    struct policy_domain *domains; /* sorted by name */
    size_t ndomains;
    struct policy_dns *dns;
    size_t ndns;
    struct policy_http *http;
    size_t nhttp;
    struct policy_publisher *publishers;
    size_t npublishers;
    struct policy_profile **profiles;
    size_t nprofiles;
    /* places */
    const char *milter_socket, *spool_dir, *watch_file, *state_dir, *ledger_path;
    const char *agent_socket, *keeper_socket, *keeper_admin_socket, *credentials_dir;
    const char *profile_dir, *trust_bundle; /* S/MIME roots and intermediates, PEM */
    const char *milter_user;                /* owner that spool files must have */
    /* network */
    struct policy_strings resolvers;        /* "127.0.0.1@5353"; empty = /etc/resolv.conf */
    const char *dnssec_root;                /* trust anchor file; NULL = no validation */
    struct policy_strings private_networks; /* for a rehearsal only: CIDRs that links may reach */
    int http_port, https_port;              /* for a rehearsal only: instead of 80 and 443 */
    const char *link_bundle;                /* PEM of CAs for link hosts; NULL = system bundle */
    const char *user_agent;
    /* notices */
    const char *smtp; /* "127.0.0.1:25" */
    const char *notice_from, *hostname;
    struct policy_strings mx_hosts; /* names of our mail hosts in MX records; empty = hostname */
    /* timing, seconds */
    int64_t resend_after;   /* an open intent without its mail (default 1800) */
    int64_t certificate_mail; /* an issued order waits so long for its mail: 30 */
    int64_t intent_life_domain, intent_life_mailbox; /* 30 d, 24 h */
    int64_t give_up_domain, give_up_mailbox; /* retry no longer than: 3 d, 12 h */
    int64_t revocation_check; /* 86400 */
    int64_t domain_check;     /* between two looks at a domain's DNS: 86400 */
    int64_t reuse;            /* how long a validation holds where the CA tells no date: 199 d */
    /* aliases */
    struct policy_strings alias_maps; /* Postfix tables, "hash:/etc/postfix/virtual" */
    const char *postmap;
    /* watching */
    const char *metrics;  /* Prometheus text file; NULL = none */
    int64_t report;       /* seconds between two reports of what ends; 0 = none */
    int64_t report_ahead; /* ... within so many seconds */
    int inspectors, workers; /* pool sizes; 0 = automatic */
};

struct policy_config_error {
    const char *where; /* "certmilter.conf:17" */
    const char *text;  /* what was expected, what was found */
};
struct policy_config_errors {
    struct policy_config_error *v;
    size_t n;
    struct base_arena *arena; /* owns the texts */
};

/* Reads PATH whole with its tables and profiles. BASE_OK: *out is a snapshot,
 * free with policy_config_free(). Else *errs holds every error (permanent
 * "config.errors"). ERRS is initialised here; free with policy_config_errors_free(). */
enum base_fail_class policy_config_load(const char *path, struct policy_config **out,
                                        struct policy_config_errors *errs, struct base_fail *f);
void policy_config_free(struct policy_config *c);
void policy_config_errors_free(struct policy_config_errors *e);
/* A snapshot with no file: all defaults, no domains, profiles of the
 * installation (explain without a configuration). */
enum base_fail_class policy_config_default(struct policy_config **out, struct base_fail *f);

/* Exact match of an A-label name (binary search); NULL if not controlled. */
const struct policy_domain *policy_config_domain(const struct policy_config *c, const char *name);
/* The section whose zone is nearest above NAME, else the one without a zone; NULL = none. */
const struct policy_dns *policy_config_dns(const struct policy_config *c, const char *name);
/* The same for files. */
const struct policy_http *policy_config_http(const struct policy_config *c, const char *name);
/* NULL, or why METHOD can't be used for the domain NAME as a sentence's end. */
const char *policy_method_unfit(const struct policy_config *c, const char *name,
                                enum policy_method method);
/* NULL, or why METHOD (by DNS) can't be used with section D (NULL = none) as a sentence's end. */
const char *policy_dns_unfit(const struct policy_dns *d, enum policy_method method);
/* Domain of a mailbox, exact; NULL if not controlled. */
const struct policy_domain *policy_config_mailbox_domain(const struct policy_config *c,
                                                         const char *mailbox);
/* Is the case of MAILBOX's local part without meaning, in its domain? True where that is not
 * controlled. */
bool policy_config_folds(const struct policy_config *c, const char *mailbox);
/* Are both one mailbox (base/mailbox.h)? NULL is none. */
bool policy_config_same_mailbox(const struct policy_config *c, const char *x, const char *y);
/* What base_mailbox_key() makes of it. */
const char *policy_config_mailbox_key(const struct policy_config *c, struct base_arena *a,
                                      const char *mailbox);
/* ADDRESS in the form of policy_watch_normalise(), but with the case of its local part as it came
 * where that matters. NULL if it is no address. */
const char *policy_config_address(const struct policy_config *c, struct base_arena *a,
                                  const char *address);
const struct policy_account *policy_config_account(const struct policy_config *c, const char *id);
const struct policy_tenant *policy_config_tenant(const struct policy_config *c, const char *id);
const struct policy_publisher *policy_config_publisher(const struct policy_config *c,
                                                       const char *id); /* NULL: none */
const struct policy_profile *policy_config_profile(const struct policy_config *c, const char *id);
/* True if the host part is a public suffix ("co.uk"): never a controlled domain (libpsl). */
bool policy_public_suffix(const char *domain);

/* ---- profile files ---------------------------------------------------------- */
/* Reads one profile file; all errors at once into ERRS as above. Memory in A. */
enum base_fail_class policy_profile_load(struct base_arena *a, const char *path,
                                         struct policy_profile **out,
                                         struct policy_config_errors *errs, struct base_fail *f);
/* Where profiles, certinspect are: relative to /proc/self/exe
 * (../share/certmilter/profiles, ../libexec/certmilter), else below the
 * compiled-in prefix. Static storage. */
const char *policy_default_profile_dir(void);
const char *policy_libexec_dir(void);

#endif
