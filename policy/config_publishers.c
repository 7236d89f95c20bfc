/* policy/config_publishers.c - sections `publisher "NAME"`: where certificates are brought.
 *
 * Each kind has its own options; one that another kind has is an error, because it
 * would be believed to do something. Owns nothing; strings are the snapshot's. */
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"
#include "mailtext.h"

static const char *const kinds[] = {"files", "ldap", "mail", "hook", NULL};
static const char *const passphrases[] = {"hook", "file", "preset", NULL};
static const char *const languages[] = {"en", "de", NULL};

#define FILES (1u << POLICY_PUBLISHER_FILES)
#define LDAP (1u << POLICY_PUBLISHER_LDAP)
#define MAIL (1u << POLICY_PUBLISHER_MAIL)
#define HOOK (1u << POLICY_PUBLISHER_HOOK)

/* Which kinds an option belongs to. */
static const struct {
    const char *name;
    unsigned kinds;
} options[] = {
    {"timeout", LDAP | MAIL | HOOK},
    {"dir", FILES},        {"owner", FILES},      {"group", FILES},    {"dir_mode", FILES},
    {"file_mode", FILES},  {"p12", FILES},        {"consumer", FILES}, {"program", HOOK},
    {"uri", LDAP},         {"starttls", LDAP},    {"base", LDAP},      {"filter", LDAP},
    {"bind_dn", LDAP},     {"secret", LDAP},      {"tls_bundle", LDAP}, {"attributes", LDAP},
    {"templates", MAIL},   {"language", MAIL},    {"passphrase", MAIL}, {"history", MAIL},
};

const char *policy_publisher_kind_name(enum policy_publisher_kind k)
{
    return (size_t)k < 4 ? kinds[k] : "files";
}

const struct policy_publisher *policy_config_publisher(const struct policy_config *c,
                                                       const char *id)
{
    for (size_t i = 0; id != NULL && i < c->npublishers; i++) {
        if (strcmp(c->publishers[i].id, id) == 0) {
            return &c->publishers[i];
        }
    }
    return NULL;
}

/* Options of other kinds are said, not ignored. */
static void check_kind(const struct policy_sec *s, const struct policy_publisher *p)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if ((options[i].kinds & (1u << p->kind)) == 0 &&
            (policy_sec_value(s, options[i].name) != NULL || policy_sec_count(s, options[i].name) > 0)) {
            policy_sec_error(s, policy_sec_line(s, options[i].name),
                             "%s does not go with kind = %s", options[i].name,
                             policy_publisher_kind_name(p->kind));
        }
    }
}

static void missing(const struct policy_sec *s, const struct policy_publisher *p, const char *what)
{
    policy_sec_error(s, s->line, "publisher \"%s\": expected %s with kind = %s", s->title, what,
                     policy_publisher_kind_name(p->kind));
}

/* A mode in octal; what everybody may write is refused. */
static unsigned mode(const struct policy_sec *s, const char *name, unsigned dflt)
{
    const char *v = policy_sec_text(s, name, NULL);
    unsigned m = 0;
    size_t n = v != NULL ? strlen(v) : 0;

    if (v == NULL) {
        return dflt;
    }
    for (size_t i = 0; i < n && n <= 4; i++) {
        m = m * 8 + (unsigned)(v[i] - '0');
    }
    if (n < 3 || n > 4 || strspn(v, "01234567") != n || m > 0777 || (m & 0002) != 0 ||
        (m & 0400) == 0) {
        policy_sec_error(s, policy_sec_line(s, name),
                         "%s: expected an octal mode such as 0640, readable by its owner and not "
                         "writable by everybody, found \"%.40s\"",
                         name, v);
        return dflt;
    }
    return m;
}

/* NAME as a short word without "/" and the like; NULL if not set or wrong. */
static const char *word(const struct policy_sec *s, const char *name, const char *expected)
{
    const char *v = policy_sec_text(s, name, NULL);

    if (v != NULL && (!policy_is_name(v) || v[0] == '.')) {
        policy_sec_error(s, policy_sec_line(s, name),
                         "%s: expected %s (letters, digits, \".\", \"_\", \"-\"), found \"%.80s\"",
                         name, expected, v);
        return NULL;
    }
    return v;
}

static void load_files(const struct policy_sec *s, struct policy_publisher *p)
{
    p->dir = policy_sec_path(s, "dir", NULL, false);
    p->owner = word(s, "owner", "the name of a user");
    p->group = word(s, "group", "the name of a group");
    p->dir_mode = mode(s, "dir_mode", 0750);
    p->file_mode = mode(s, "file_mode", 0640);
    p->p12 = policy_sec_bool(s, "p12", false);
    p->consumer = word(s, "consumer", "the name that the keeper knows the program by");
    if (policy_sec_value(s, "dir") == NULL) {
        missing(s, p, "dir = PATH");
    }
}

/* One %s and no other percent sign: it is put together with nothing else. */
static void check_filter(const struct policy_sec *s, const struct policy_publisher *p)
{
    const char *at = strstr(p->filter, "%s");
    size_t n = strlen(p->filter);

    if (at == NULL || strchr(p->filter, '%') != at || strchr(at + 1, '%') != NULL ||
        p->filter[0] != '(' || p->filter[n - 1] != ')' || n > 500) {
        policy_sec_error(s, policy_sec_line(s, "filter"),
                         "filter: expected one such as (mail=%%s), with %%s once for the mailbox, "
                         "found \"%.80s\"",
                         p->filter);
    }
}

static void load_attributes(const struct policy_sec *s, struct policy_publisher *p)
{
    struct policy_strings l = policy_sec_list(s, "attributes");

    p->user_certificate = p->user_smime = l.n == 0;
    for (size_t i = 0; i < l.n; i++) {
        if (base_ascii_caseeq(l.v[i], "userCertificate")) {
            p->user_certificate = true;
        } else if (base_ascii_caseeq(l.v[i], "userSMIMECertificate")) {
            p->user_smime = true;
        } else {
            policy_sec_error(s, policy_sec_item(s, "attributes", i)->line,
                             "attributes: expected userCertificate or userSMIMECertificate, found "
                             "\"%.80s\"",
                             l.v[i]);
        }
    }
}

static void load_secret(const struct policy_sec *s, struct policy_publisher *p)
{
    p->bind_dn = policy_sec_text(s, "bind_dn", NULL);
    p->secret = policy_sec_text(s, "secret", NULL);
    if ((p->bind_dn == NULL) != (p->secret == NULL)) {
        policy_sec_error(s, s->line, "publisher \"%s\": bind_dn and secret go together", s->title);
    }
    if (p->secret != NULL && (!policy_is_name(p->secret) || strlen(p->secret) > 40)) {
        policy_sec_error(s, policy_sec_line(s, "secret"),
                         "secret: expected the name of a credential file (letters, digits, \".\", "
                         "\"_\", \"-\", at most 40), never the secret itself");
    }
    if (p->secret != NULL && p->uri != NULL && strncmp(p->uri, "ldap://", 7) == 0 && !p->starttls) {
        policy_sec_error(s, policy_sec_line(s, "secret"),
                         "secret: a password never goes over plain ldap://, not even to this machine; "
                         "expected an ldaps:// or ldapi:// uri, or starttls = yes");
    }
}

static void load_ldap(const struct policy_sec *s, struct policy_publisher *p)
{
    p->uri = policy_sec_text(s, "uri", NULL);
    p->starttls = policy_sec_bool(s, "starttls", false);
    p->base = policy_sec_text(s, "base", NULL);
    p->filter = policy_sec_text(s, "filter", "(mail=%s)");
    p->tls_bundle = policy_sec_path(s, "tls_bundle", NULL, true);
    if (policy_sec_value(s, "uri") == NULL) {
        missing(s, p, "uri = ldaps://HOST");
    } else if (p->uri == NULL || (strncmp(p->uri, "ldap://", 7) != 0 &&
                                  strncmp(p->uri, "ldaps://", 8) != 0 &&
                                  strncmp(p->uri, "ldapi://", 8) != 0)) {
        policy_sec_error(s, policy_sec_line(s, "uri"),
                         "uri: expected ldaps://HOST, ldap://HOST:PORT or ldapi://SOCKET, found "
                         "\"%.80s\"",
                         p->uri != NULL ? p->uri : "");
    } else if (p->starttls && strncmp(p->uri, "ldap://", 7) != 0) {
        policy_sec_error(s, policy_sec_line(s, "starttls"), "starttls goes with an ldap:// uri only");
    }
    if (policy_sec_value(s, "base") == NULL) {
        missing(s, p, "base = DN");
    }
    check_filter(s, p);
    load_attributes(s, p);
    load_secret(s, p);
}

static void load_mail(const struct policy_sec *s, struct policy_publisher *p)
{
    p->templates = policy_sec_path(s, "templates", NULL, true);
    p->language = languages[policy_sec_enum(s, "language", languages, 0)];
    p->passphrase = (enum policy_passphrase)policy_sec_enum(s, "passphrase", passphrases,
                                                            POLICY_PASSPHRASE_HOOK);
    p->history = policy_sec_bool(s, "history", false);
    policy_mailtext_check(p->templates, p->language, s->c->errs);
}

static void load_section(const struct policy_sec *s, struct policy_publisher *p)
{
    p->id = s->title;
    p->where = policy_sec_where(s, "kind");
    p->kind = (enum policy_publisher_kind)policy_sec_enum(s, "kind", kinds, POLICY_PUBLISHER_FILES);
    if (policy_sec_value(s, "kind") == NULL) {
        policy_sec_error(s, s->line, "publisher \"%s\": expected kind = files, ldap, mail or hook",
                         s->title);
        return;
    }
    if (!policy_is_name(p->id) || strcmp(p->id, "none") == 0) {
        policy_sec_error(s, s->line, "publisher: expected a name of letters, digits, \".\", \"_\", "
                         "\"-\", at most 64, and not \"none\"");
    }
    check_kind(s, p);
    p->timeout = policy_sec_duration(s, "timeout", 1, 3600,
                                     p->kind == POLICY_PUBLISHER_LDAP ? 30 : 60);
    switch (p->kind) {
    case POLICY_PUBLISHER_FILES:
        load_files(s, p);
        break;
    case POLICY_PUBLISHER_LDAP:
        load_ldap(s, p);
        break;
    case POLICY_PUBLISHER_MAIL:
        load_mail(s, p);
        break;
    case POLICY_PUBLISHER_HOOK:
        p->program = policy_sec_path(s, "program", NULL, false);
        if (policy_sec_value(s, "program") == NULL) {
            missing(s, p, "program = PATH");
        }
        break;
    }
}

/* Two publishers in one folder would undo each other's work. */
static void check_folder(const struct policy_sec *s, const struct policy_config *c,
                         const struct policy_publisher *p)
{
    for (size_t k = 0; p->dir != NULL && k < c->npublishers; k++) {
        if (c->publishers[k].dir != NULL && strcmp(c->publishers[k].dir, p->dir) == 0) {
            policy_sec_error(s, policy_sec_line(s, "dir"),
                             "dir: publisher \"%s\" at %s writes there already",
                             c->publishers[k].id, c->publishers[k].where);
        }
    }
}

void policy_load_publishers(struct policy_load *l)
{
    size_t n = policy_conf_sections(&l->c, "publisher");
    struct policy_config *c = l->cfg;

    c->publishers = base_arena_array(l->a, n, sizeof *c->publishers);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(&l->c, "publisher", i);
        struct policy_publisher *p = &c->publishers[c->npublishers];
        load_section(&s, p);
        check_folder(&s, c, p);
        c->npublishers++;
    }
}

void policy_domain_publish(struct policy_load *l, struct policy_domain *d, const char *value,
                           const char *path, int line)
{
    if (strcmp(value, "none") == 0) {
        return; /* an empty list in place of the defaults */
    }
    if (policy_config_publisher(l->cfg, value) == NULL) {
        policy_errors_add(l->errs, path, line, "publish: there is no publisher \"%s\"",
                          base_printable(l->a, value, strlen(value), 80));
        return;
    }
    for (size_t i = 0; i < d->publish.n; i++) {
        if (strcmp(d->publish.v[i], value) == 0) {
            return;
        }
    }
    const char **v = base_arena_array(l->a, d->publish.n + 1, sizeof *v);
    if (d->publish.n > 0) {
        memcpy(v, d->publish.v, d->publish.n * sizeof *v);
    }
    v[d->publish.n] = value;
    d->publish.v = v;
    d->publish.n++;
}

void policy_check_folding(struct policy_load *l, const struct policy_domain *d, const char *path,
                          int line)
{
    for (size_t i = 0; d->exact_local_part && i < d->publish.n; i++) {
        const struct policy_publisher *p = policy_config_publisher(l->cfg, d->publish.v[i]);
        if (p != NULL && p->kind == POLICY_PUBLISHER_LDAP && strcasestr(p->filter, ":caseExact") == NULL) {
            policy_errors_add(l->errs, path, line,
                              "domain \"%s\": fold_local_part = no: LDAP compares addresses without "
                              "case, so publisher \"%s\" would mix up two mailboxes; expected a "
                              "filter such as (mail:caseExactIA5Match:=%%s), found %s",
                              d->name, p->id, p->filter);
        }
    }
}

void policy_check_clear_key(struct policy_load *l, const struct policy_domain *d, const char *path,
                            int line)
{
    for (size_t i = 0; d->clear_key != NULL && i < d->publish.n; i++) {
        const struct policy_publisher *p = policy_config_publisher(l->cfg, d->publish.v[i]);
        if (p != NULL && p->consumer != NULL && strcmp(p->consumer, d->clear_key) == 0) {
            return;
        }
    }
    if (d->clear_key != NULL) {
        policy_errors_add(l->errs, path, line,
                          "domain \"%s\": clear_key = %s: expected a publisher of kind files with "
                          "this consumer in publish",
                          d->name, d->clear_key);
    }
}
