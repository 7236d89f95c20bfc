/* policy/publishers.h - where certificates are brought, as configured: sections `publisher "NAME"`.
 *
 * One section is one target; a domain names those that serve it (option publish). Names of
 * secrets only, never secrets. Strings belong to the configuration's snapshot. */
#ifndef POLICY_PUBLISHERS_H
#define POLICY_PUBLISHERS_H
#include <stdbool.h>
#include <stdint.h>

enum policy_publisher_kind {
    POLICY_PUBLISHER_FILES = 0,
    POLICY_PUBLISHER_LDAP,
    POLICY_PUBLISHER_MAIL,
    POLICY_PUBLISHER_HOOK
};
const char *policy_publisher_kind_name(enum policy_publisher_kind k); /* "files", "ldap", ... */

/* How the passphrase of a PKCS#12 reaches its owner; never with it. */
enum policy_passphrase {
    POLICY_PASSPHRASE_HOOK = 0, /* a program of the administrator gets it (certmilter passphrase deliver) */
    POLICY_PASSPHRASE_FILE,     /* a file for the help desk (the same command) */
    POLICY_PASSPHRASE_PRESET    /* set beforehand by the owner; without one nothing is sent */
};

struct policy_publisher {
    const char *id;
    enum policy_publisher_kind kind;
    int64_t timeout; /* seconds for one certificate; ldap, hook, mail */
    /* files: DIR/<mailbox>/ with cert.pem, chain.pem, fullchain.pem */
    const char *dir;
    const char *owner, *group;       /* names; NULL = the agent's own */
    unsigned dir_mode, file_mode;
    bool p12;                        /* also a PKCS#12, sealed by the keeper */
    const char *consumer;            /* keys in clear, written by the keeper for this consumer; NULL = none */
    /* hook */
    const char *program;             /* absolute */
    /* ldap */
    const char *uri;                 /* "ldaps://host", "ldap://host:389", "ldapi:///" */
    bool starttls;
    const char *base;                /* search base */
    const char *filter;              /* with %s for the mailbox, escaped as RFC 4515; "(mail=%s)" */
    const char *bind_dn, *secret;    /* NULL = anonymous; secret: name of the credential */
    const char *tls_bundle;          /* PEM; NULL = the system's */
    bool user_certificate, user_smime; /* which attributes are kept */
    /* mail */
    const char *templates;           /* folder; NULL = those of the installation */
    const char *language;            /* "en", "de" */
    enum policy_passphrase passphrase;
    bool history;                    /* older keys of the mailbox go along in the bundle */
    const char *where;               /* "certmilter.conf:41", for messages */
};

#endif
