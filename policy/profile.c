/* policy/profile.c - reading one CA profile.
 *
 * The file's syntax is libconfuse's; certmilter-profile(5) documents every
 * option. What is read here is checked as a whole in profile_check.c. All
 * memory is the caller's arena; fails through the list of errors. */
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "config_load.h"
#include "profile_check.h"
#include "recognise.h"

#define PROFILE_MAX (256 * 1024)
#define DAY 86400

static cfg_opt_t kind_opts[] = {
    POLICY_VALUE("verified"),    POLICY_VALUE("action"),       POLICY_LIST("from"),
    POLICY_LIST("signers"),      POLICY_LIST("subjects"),      POLICY_LIST("links"),
    POLICY_LIST("deny"),         POLICY_LIST("places"),        POLICY_LIST("page_places"),
    POLICY_VALUE("button"),      POLICY_LIST("choices"),       POLICY_LIST("page_pending"),
    POLICY_LIST("page_success"), POLICY_LIST("page_done"),     POLICY_LIST("page_expired"),
    POLICY_LIST("page_refused"), POLICY_VALUE("bind_on_page"), POLICY_VALUE("bind_by_resend"),
    POLICY_VALUE("lifetime"),    POLICY_VALUE("settle"),       CFG_END()};

static cfg_opt_t profile_opts[] = {POLICY_VALUE("id"),
                                   POLICY_VALUE("title"),
                                   POLICY_VALUE("driver"),
                                   POLICY_VALUE("rehearsal"),
                                   POLICY_LIST("senders"),
                                   POLICY_LIST("from_domains"),
                                   POLICY_LIST("dkim"),
                                   POLICY_LIST("caa"),
                                   POLICY_VALUE("min_key_bits"),
                                   POLICY_TITLED("kind", kind_opts),
                                   CFG_END()};

cfg_opt_t *policy_profile_options(void)
{
    return profile_opts;
}

/* Domains in their comparable form; those that are none are left out. */
static struct policy_strings domains(const struct policy_sec *s, const char *name)
{
    struct policy_strings l = policy_sec_list(s, name);
    size_t o = 0;

    for (size_t i = 0; i < l.n; i++) {
        const char *d = policy_domain_alabel(s->c->a, l.v[i]);
        int line = policy_sec_item(s, name, i)->line;
        if (d == NULL || policy_public_suffix(d)) {
            policy_sec_error(s, line, "%s: expected a domain, found \"%.80s\"", name, l.v[i]);
            continue;
        }
        l.v[o++] = d;
    }
    l.n = o;
    return l;
}

/* Addresses in lower case, or "@domain". */
static struct policy_strings senders(const struct policy_sec *s)
{
    struct policy_strings l = policy_sec_list(s, "from");
    size_t o = 0;

    for (size_t i = 0; i < l.n; i++) {
        bool any = l.v[i][0] == '@';
        const char *probe = any ? base_arena_printf(s->c->a, "any%s", l.v[i]) : l.v[i];
        const char *m = policy_mailbox_normal(s->c->a, probe);
        if (m == NULL) {
            policy_sec_error(s, policy_sec_item(s, "from", i)->line,
                             "from: expected an address or @DOMAIN, found \"%.80s\"", l.v[i]);
            continue;
        }
        char *lower = base_arena_strdup(s->c->a, any ? m + 3 : m);
        base_ascii_lower(lower);
        l.v[o++] = lower;
    }
    l.n = o;
    return l;
}

static enum policy_action read_action(const struct policy_sec *s, enum policy_kind kind)
{
    const struct policy_value *v = policy_sec_value(s, "action");
    enum policy_action a =
        kind == POLICY_KIND_CERTIFICATE_ISSUED ? POLICY_ACT_COLLECT : POLICY_ACT_HUMAN;

    if (v != NULL && !policy_action_parse(v->text, &a)) {
        policy_sec_error(s, v->line,
                         "action: expected one of human, get, form, code, dns, reply, collect, "
                         "found \"%.40s\"",
                         v->text);
    }
    return a;
}

static void read_kind(const struct policy_sec *s, struct policy_kind_rules *k)
{
    int64_t life = k->kind == POLICY_KIND_MAILBOX_VALIDATION ? DAY : 30 * DAY;

    k->verified = policy_sec_bool(s, "verified", false);
    k->action = read_action(s, k->kind);
    k->from = senders(s);
    k->signers = domains(s, "signers");
    k->subjects = policy_sec_list(s, "subjects");
    k->links = policy_sec_list(s, "links");
    k->deny = policy_sec_list(s, "deny");
    k->places = policy_sec_list(s, "places");
    k->page_places = policy_sec_list(s, "page_places");
    k->button = policy_sec_text(s, "button", NULL);
    k->choices = policy_sec_list(s, "choices");
    k->page_pending = policy_sec_list(s, "page_pending");
    k->page_success = policy_sec_list(s, "page_success");
    k->page_done = policy_sec_list(s, "page_done");
    k->page_expired = policy_sec_list(s, "page_expired");
    k->page_refused = policy_sec_list(s, "page_refused");
    k->bind_by_resend = policy_sec_bool(s, "bind_by_resend", false);
    k->bind_on_page = policy_sec_bool(s, "bind_on_page", false);
    k->lifetime = policy_sec_duration(s, "lifetime", 60, life, life);
    k->settle = policy_sec_duration(s, "settle", 1, DAY, 600);
}

static void read_kinds(struct policy_conf *c, struct policy_profile *p)
{
    size_t n = policy_conf_sections(c, "kind");

    p->kinds = base_arena_array(c->a, n, sizeof *p->kinds);
    for (size_t i = 0; i < n; i++) {
        struct policy_sec s = policy_conf_section(c, "kind", i);
        struct policy_kind_rules *k = &p->kinds[p->nkinds];
        if (!policy_kind_parse(s.title, &k->kind)) {
            policy_sec_error(&s, s.line,
                             "kind \"%.40s\": expected one of domain-validation, "
                             "mailbox-validation, certificate-issued, csr-invitation, "
                             "renewal-notice, organization-consent, order-approval, other",
                             s.title);
            continue;
        }
        p->nkinds++;
        read_kind(&s, k);
        policy_profile_check_kind(p, k, &s);
    }
}

static void read_head(struct policy_conf *c, struct policy_profile *p)
{
    struct policy_sec s = policy_conf_root(c);
    static const char *const drivers[] = {"certcentral", NULL};

    p->id = policy_sec_text(&s, "id", NULL);
    if (p->id == NULL || !policy_is_name(p->id)) {
        policy_sec_error(&s, policy_sec_line(&s, "id"),
                         "id: expected a name of letters, digits, \".\", \"_\", \"-\"");
    }
    p->title = policy_sec_text(&s, "title", p->id);
    if (policy_sec_value(&s, "driver") != NULL) {
        p->driver = drivers[policy_sec_enum(&s, "driver", drivers, 0)];
    }
    p->rehearsal = policy_sec_bool(&s, "rehearsal", false);
    p->from_domains = domains(&s, "from_domains");
    if (policy_sec_count(&s, "from_domains") == 0) {
        policy_sec_error(&s, 1, "from_domains: expected the domains of the CA's From addresses");
    }
    p->senders = domains(&s, "senders");
    if (p->senders.n == 0) {
        p->senders = p->from_domains;
    }
    p->dkim = policy_sec_list(&s, "dkim");
    p->caa = policy_sec_list(&s, "caa");
    p->min_key_bits =
        (int)policy_sec_int(&s, "min_key_bits", POLICY_MIN_KEY_BITS, 8192, POLICY_MIN_KEY_BITS);
    policy_profile_check_dkim(p, &s);
}

struct policy_profile *policy_profile_read(struct base_arena *a, const char *path,
                                           struct policy_config_errors *errs)
{
    struct policy_profile *p = base_arena_alloc(a, sizeof *p);
    struct policy_conf c;
    struct base_buf b;
    struct base_fail f;
    size_t before = errs->n;

    if (base_file_read(AT_FDCWD, path, PROFILE_MAX, &b, &f) != BASE_OK) {
        policy_errors_add(errs, path, 0, "%s", f.text);
        base_buf_free(&b);
        return NULL;
    }
    policy_conf_read(&c, a, path, (const char *)b.p, b.n, profile_opts, errs);
    base_buf_free(&b);
    read_head(&c, p);
    read_kinds(&c, p);
    policy_conf_end(&c);
    return errs->n == before ? p : NULL;
}

enum base_fail_class policy_profile_load(struct base_arena *a, const char *path,
                                         struct policy_profile **out,
                                         struct policy_config_errors *errs, struct base_fail *f)
{
    policy_errors_init(errs);
    *out = policy_profile_read(a, path, errs);
    enum base_fail_class r = policy_errors_end(errs, "config.errors", f);
    if (r != BASE_OK) {
        *out = NULL;
    }
    return r;
}
