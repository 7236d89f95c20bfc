/* policy/config_options.c - the options of the configuration file, and those
 * that are single values: places, network, notices, timing.
 *
 * etc/certmilter.conf and certmilter.conf(5) document each; a test compares
 * them with the tables here. */
#include <string.h>
#include <unistd.h>

#include "config_load.h"
#include "recognise.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

const char *const policy_domain_keys[] = {"tenant",
                                          "account",
                                          "mode",
                                          "method",
                                          "unexpected",
                                          "mailbox_validation",
                                          "fold_local_part",
                                          "key_type",
                                          "custody_sign",
                                          "custody_encrypt",
                                          "product",
                                          "profile_type",
                                          "validity",
                                          "renew",
                                          "revalidate",
                                          "attestation",
                                          "contacts",
                                          "publish",
                                          "clear_key",
                                          NULL};

static cfg_opt_t tenant_opts[] = {POLICY_VALUE("contact"), POLICY_VALUE("attestation"),
                                  POLICY_VALUE("organization"), CFG_END()};
static cfg_opt_t account_opts[] = {POLICY_VALUE("tenant"),
                                   POLICY_VALUE("profile"),
                                   POLICY_VALUE("driver"),
                                   POLICY_VALUE("base_url"),
                                   POLICY_VALUE("api_key"),
                                   POLICY_VALUE("tls_bundle"),
                                   POLICY_VALUE("organization"),
                                   POLICY_VALUE("payment"),
                                   POLICY_LIST("prices"),
                                   POLICY_VALUE("skip_approval"),
                                   POLICY_VALUE("reception"),
                                   POLICY_LIST("caa"),
                                   POLICY_VALUE("poll"),
                                   POLICY_VALUE("orders_run"),
                                   POLICY_VALUE("orders_day"),
                                   POLICY_VALUE("orders_month"),
                                   POLICY_VALUE("persist_issuer"),
                                   POLICY_VALUE("persist_account_uri"),
                                   POLICY_VALUE("requests_5s"),
                                   POLICY_VALUE("requests_3min"),
                                   POLICY_LIST("release_by"),
                                   POLICY_LIST("agreements"),
                                   CFG_END()};
static cfg_opt_t domain_opts[] = {POLICY_VALUE("tenant"),
                                  POLICY_VALUE("account"),
                                  POLICY_VALUE("mode"),
                                  POLICY_VALUE("method"),
                                  POLICY_VALUE("unexpected"),
                                  POLICY_VALUE("key_type"),
                                  POLICY_VALUE("mailbox_validation"),
                                  POLICY_VALUE("fold_local_part"),
                                  POLICY_VALUE("custody_sign"),
                                  POLICY_VALUE("custody_encrypt"),
                                  POLICY_VALUE("product"),
                                  POLICY_VALUE("profile_type"),
                                  POLICY_VALUE("validity"),
                                  POLICY_VALUE("renew"),
                                  POLICY_VALUE("revalidate"),
                                  POLICY_VALUE("attestation"),
                                  POLICY_LIST("contacts"),
                                  POLICY_LIST("publish"),
                                  POLICY_VALUE("clear_key"),
                                  CFG_END()};
static cfg_opt_t dns_opts[] = {POLICY_VALUE("zone"),
                               POLICY_VALUE("validation_zone"),
                               POLICY_VALUE("label"),
                               POLICY_VALUE("server"),
                               POLICY_VALUE("key"),
                               POLICY_VALUE("algorithm"),
                               POLICY_VALUE("secret"),
                               POLICY_VALUE("hook"),
                               POLICY_VALUE("timeout"),
                               POLICY_VALUE("manual"),
                               POLICY_VALUE("ttl"),
                               POLICY_VALUE("remove"),
                               POLICY_LIST("authoritative"),
                               CFG_END()};
static cfg_opt_t http_opts[] = {POLICY_VALUE("zone"), POLICY_LIST("webroots"), POLICY_VALUE("file"),
                                POLICY_VALUE("remove"), CFG_END()};
static cfg_opt_t publisher_opts[] = {
    POLICY_VALUE("kind"),      POLICY_VALUE("timeout"),   POLICY_VALUE("dir"),
    POLICY_VALUE("owner"),     POLICY_VALUE("group"),     POLICY_VALUE("dir_mode"),
    POLICY_VALUE("file_mode"), POLICY_VALUE("p12"),       POLICY_VALUE("consumer"),
    POLICY_VALUE("program"),   POLICY_VALUE("uri"),       POLICY_VALUE("starttls"),
    POLICY_VALUE("base"),      POLICY_VALUE("filter"),    POLICY_VALUE("bind_dn"),
    POLICY_VALUE("secret"),    POLICY_VALUE("tls_bundle"), POLICY_LIST("attributes"),
    POLICY_VALUE("templates"), POLICY_VALUE("language"),  POLICY_VALUE("passphrase"),
    POLICY_VALUE("history"),   CFG_END()};
static cfg_opt_t profile_opts[] = {POLICY_VALUE("file"), CFG_END()};
static cfg_opt_t paths_opts[] = {POLICY_VALUE("spool_dir"),
                                 POLICY_VALUE("watch_file"),
                                 POLICY_VALUE("state_dir"),
                                 POLICY_VALUE("ledger"),
                                 POLICY_VALUE("milter_socket"),
                                 POLICY_VALUE("agent_socket"),
                                 POLICY_VALUE("keeper_socket"),
                                 POLICY_VALUE("keeper_admin_socket"),
                                 POLICY_VALUE("credentials_dir"),
                                 POLICY_VALUE("profile_dir"),
                                 POLICY_VALUE("trust_bundle"),
                                 POLICY_VALUE("milter_user"),
                                 CFG_END()};
static cfg_opt_t network_opts[] = {POLICY_LIST("resolvers"), POLICY_VALUE("dnssec_root"),
                                   POLICY_VALUE("user_agent"), CFG_END()};
static cfg_opt_t notices_opts[] = {POLICY_VALUE("smtp"), POLICY_VALUE("from"), CFG_END()};
static cfg_opt_t timing_opts[] = {POLICY_VALUE("resend_after"),
                                  POLICY_VALUE("certificate_mail"),
                                  POLICY_VALUE("intent_life_domain"),
                                  POLICY_VALUE("intent_life_mailbox"),
                                  POLICY_VALUE("give_up_domain"),
                                  POLICY_VALUE("give_up_mailbox"),
                                  POLICY_VALUE("revocation_check"),
                                  POLICY_VALUE("domain_check"),
                                  POLICY_VALUE("reuse"),
                                  CFG_END()};
static cfg_opt_t aliases_opts[] = {POLICY_LIST("maps"), POLICY_VALUE("postmap"), CFG_END()};
static cfg_opt_t watching_opts[] = {POLICY_VALUE("metrics"), POLICY_VALUE("report"),
                                    POLICY_VALUE("report_ahead"), CFG_END()};
static cfg_opt_t agent_opts[] = {POLICY_VALUE("inspectors"), POLICY_VALUE("workers"), CFG_END()};
static cfg_opt_t rehearsal_opts[] = {POLICY_LIST("private_networks"), POLICY_VALUE("link_bundle"),
                                     POLICY_VALUE("http_port"), POLICY_VALUE("https_port"),
                                     CFG_END()};

cfg_opt_t *policy_config_options(void)
{
    static cfg_opt_t opts[] = {POLICY_VALUE("contact"),
                               POLICY_VALUE("hostname"),
                               POLICY_LIST("mx_hosts"),
                               POLICY_LIST("domain_table"),
                               POLICY_TITLED("tenant", tenant_opts),
                               POLICY_TITLED("account", account_opts),
                               POLICY_SECTION("defaults", domain_opts),
                               POLICY_TITLED("domain", domain_opts),
                               POLICY_TITLED("dns", dns_opts),
                               POLICY_TITLED("http", http_opts),
                               POLICY_TITLED("publisher", publisher_opts),
                               POLICY_TITLED("profile", profile_opts),
                               POLICY_SECTION("paths", paths_opts),
                               POLICY_SECTION("network", network_opts),
                               POLICY_SECTION("notices", notices_opts),
                               POLICY_SECTION("timing", timing_opts),
                               POLICY_SECTION("aliases", aliases_opts),
                               POLICY_SECTION("watching", watching_opts),
                               POLICY_SECTION("agent", agent_opts),
                               POLICY_SECTION("rehearsal", rehearsal_opts),
                               CFG_END()};
    return opts;
}

void policy_config_defaults(struct policy_config *c)
{
    char host[256] = "";

    c->milter_socket = "unix:/run/certmilter/milter.sock";
    c->spool_dir = "/var/spool/certmilter";
    c->state_dir = "/var/lib/certmilter";
    c->watch_file = "/var/lib/certmilter/watch";
    c->ledger_path = "/var/lib/certmilter/ledger.db";
    c->agent_socket = "/run/certagent/control.sock";
    c->keeper_socket = "/run/certkeeper/agent.sock";
    c->keeper_admin_socket = "/run/certkeeper/admin.sock";
    c->credentials_dir = CERTMILTER_SYSCONFDIR "/credentials";
    c->profile_dir = policy_default_profile_dir();
    c->trust_bundle = "/etc/ssl/certs/ca-certificates.crt";
    c->milter_user = "certmilter";
    c->user_agent = "certmilter/" CERTMILTER_VERSION;
    c->smtp = "127.0.0.1:25";
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
        memcpy(host, "localhost", 10);
    }
    c->hostname = base_arena_strdup(c->arena, host);
    c->notice_from = base_arena_printf(c->arena, "certmilter@%s", host);
    c->resend_after = 30 * MINUTE;
    c->certificate_mail = 30;
    c->intent_life_domain = 30 * DAY;
    c->intent_life_mailbox = DAY;
    c->give_up_domain = 3 * DAY;
    c->give_up_mailbox = 12 * HOUR;
    c->revocation_check = DAY;
    c->domain_check = DAY;
    c->reuse = 199 * DAY;
    c->http_port = 80;
    c->https_port = 443;
    c->postmap = "/usr/sbin/postmap";
    c->report = 7 * DAY;
    c->report_ahead = 30 * DAY;
}

/* milter_socket as Postfix and libmilter write it. */
static const char *milter_socket(const struct policy_sec *s, const char *dflt)
{
    const char *v = policy_sec_text(s, "milter_socket", NULL);

    if (v == NULL) {
        return dflt;
    }
    if (strncmp(v, "unix:/", 6) != 0 && strncmp(v, "inet:", 5) != 0 &&
        strncmp(v, "inet6:", 6) != 0 && strncmp(v, "fd:", 3) != 0) {
        policy_sec_error(s, policy_sec_line(s, "milter_socket"),
                         "milter_socket: expected unix:/PATH, inet:PORT@HOST, inet6:PORT@HOST or "
                         "fd:3, found \"%s\"",
                         v);
    }
    return v;
}

static void load_paths(struct policy_load *l)
{
    struct policy_sec s = policy_conf_single(&l->c, "paths");
    struct policy_config *c = l->cfg;

    c->milter_socket = milter_socket(&s, c->milter_socket);
    c->spool_dir = policy_sec_path(&s, "spool_dir", c->spool_dir, false);
    if (policy_sec_value(&s, "state_dir") != NULL) {
        c->state_dir = policy_sec_path(&s, "state_dir", c->state_dir, false);
        c->watch_file = base_arena_printf(l->a, "%s/watch", c->state_dir);
        c->ledger_path = base_arena_printf(l->a, "%s/ledger.db", c->state_dir);
    }
    c->watch_file = policy_sec_path(&s, "watch_file", c->watch_file, false);
    c->ledger_path = policy_sec_path(&s, "ledger", c->ledger_path, false);
    c->agent_socket = policy_sec_path(&s, "agent_socket", c->agent_socket, false);
    c->keeper_socket = policy_sec_path(&s, "keeper_socket", c->keeper_socket, false);
    c->keeper_admin_socket =
        policy_sec_path(&s, "keeper_admin_socket", c->keeper_admin_socket, false);
    c->credentials_dir = policy_sec_path(&s, "credentials_dir", c->credentials_dir, true);
    c->profile_dir = policy_sec_path(&s, "profile_dir", c->profile_dir, true);
    c->trust_bundle = policy_sec_path(&s, "trust_bundle", c->trust_bundle, true);
    c->milter_user = policy_sec_text(&s, "milter_user", c->milter_user);
}

/* A list whose members must be of one form; those that aren't are left out. */
static struct policy_strings checked_list(const struct policy_sec *s, const char *name,
                                          bool (*is)(const char *), const char *expected)
{
    struct policy_strings l = policy_sec_list(s, name);
    size_t o = 0;

    for (size_t i = 0; i < l.n; i++) {
        if (is(l.v[i])) {
            l.v[o++] = l.v[i];
        } else {
            policy_sec_error(s, policy_sec_item(s, name, i)->line,
                             "%s: expected %s, found \"%.80s\"", name, expected, l.v[i]);
        }
    }
    l.n = o;
    return l;
}

static void load_network(struct policy_load *l)
{
    struct policy_sec s = policy_conf_single(&l->c, "network");
    struct policy_sec r = policy_conf_single(&l->c, "rehearsal");
    struct policy_sec n = policy_conf_single(&l->c, "notices");
    struct policy_config *c = l->cfg;

    c->resolvers = checked_list(&s, "resolvers", policy_is_resolver,
                                "an IP address, with @PORT where it isn't 53");
    c->dnssec_root = policy_sec_path(&s, "dnssec_root", NULL, true);
    c->user_agent = policy_sec_text(&s, "user_agent", c->user_agent);
    c->private_networks =
        checked_list(&r, "private_networks", policy_is_network, "a network such as 127.0.0.0/8");
    c->link_bundle = policy_sec_path(&r, "link_bundle", NULL, true);
    c->http_port = (int)policy_sec_int(&r, "http_port", 1, 65535, 80);
    c->https_port = (int)policy_sec_int(&r, "https_port", 1, 65535, 443);
    c->smtp = policy_sec_text(&n, "smtp", c->smtp);
    if (!policy_is_host_port(c->smtp)) {
        policy_sec_error(&n, policy_sec_line(&n, "smtp"), "smtp: expected HOST:PORT, found \"%s\"",
                         c->smtp);
    }
    const char *from = policy_sec_text(&n, "from", NULL);
    if (from != NULL) {
        c->notice_from =
            policy_load_address(l, "from", from, l->c.path, policy_sec_line(&n, "from"));
    }
}

static void load_timing(struct policy_load *l)
{
    struct policy_sec t = policy_conf_single(&l->c, "timing");
    struct policy_sec a = policy_conf_single(&l->c, "agent");
    struct policy_config *c = l->cfg;

    c->resend_after = policy_sec_duration(&t, "resend_after", 1, 7 * DAY, c->resend_after);
    c->certificate_mail =
        policy_sec_duration(&t, "certificate_mail", 1, HOUR, c->certificate_mail);
    c->intent_life_domain =
        policy_sec_duration(&t, "intent_life_domain", 1, 30 * DAY, c->intent_life_domain);
    c->intent_life_mailbox =
        policy_sec_duration(&t, "intent_life_mailbox", 1, DAY, c->intent_life_mailbox);
    c->give_up_domain = policy_sec_duration(&t, "give_up_domain", 1, 15 * DAY, c->give_up_domain);
    c->give_up_mailbox =
        policy_sec_duration(&t, "give_up_mailbox", 1, 12 * HOUR, c->give_up_mailbox);
    c->revocation_check =
        policy_sec_duration(&t, "revocation_check", MINUTE, 30 * DAY, c->revocation_check);
    c->domain_check = policy_sec_duration(&t, "domain_check", 1, 7 * DAY, c->domain_check);
    c->reuse = policy_sec_duration(&t, "reuse", DAY, 825 * DAY, c->reuse);
    c->inspectors = (int)policy_sec_int(&a, "inspectors", 0, 256, 0);
    c->workers = (int)policy_sec_int(&a, "workers", 0, 256, 0);
}

/* "TYPE:NAME" as Postfix names a table. */
static bool is_map(const char *s)
{
    const char *colon = strchr(s, ':');

    return colon != NULL && colon > s && colon[1] != '\0' && s[0] != '-' && strpbrk(s, " \t,") == NULL;
}

static void load_aliases(struct policy_load *l)
{
    struct policy_sec s = policy_conf_single(&l->c, "aliases");

    l->cfg->alias_maps =
        checked_list(&s, "maps", is_map, "a Postfix table such as hash:/etc/postfix/virtual");
    l->cfg->postmap = policy_sec_path(&s, "postmap", l->cfg->postmap, false);
}

static void load_watching(struct policy_load *l)
{
    static const char *const reports[] = {"off", "daily", "weekly", NULL};
    static const int64_t spans[] = {0, DAY, 7 * DAY};
    struct policy_sec w = policy_conf_single(&l->c, "watching");
    struct policy_config *c = l->cfg;

    c->metrics = policy_sec_path(&w, "metrics", NULL, false);
    c->report = spans[policy_sec_enum(&w, "report", reports, 2)];
    c->report_ahead = policy_sec_duration(&w, "report_ahead", DAY, 366 * DAY, c->report_ahead);
}

void policy_load_settings(struct policy_load *l)
{
    struct policy_sec root = policy_conf_root(&l->c);

    l->cfg->hostname = policy_sec_text(&root, "hostname", l->cfg->hostname);
    if (policy_sec_value(&root, "hostname") != NULL) {
        l->cfg->notice_from = base_arena_printf(l->a, "certmilter@%s", l->cfg->hostname);
    }
    struct policy_strings mx = policy_sec_list(&root, "mx_hosts");
    l->cfg->mx_hosts.v = base_arena_array(l->a, mx.n + 1, sizeof *mx.v);
    for (size_t i = 0; i < mx.n; i++) {
        const char *name = policy_domain_alabel(l->a, mx.v[i]);
        if (name != NULL) {
            l->cfg->mx_hosts.v[l->cfg->mx_hosts.n++] = name;
        } else {
            policy_sec_error(&root, policy_sec_item(&root, "mx_hosts", i)->line,
                             "mx_hosts: expected names of hosts, found \"%.80s\"", mx.v[i]);
        }
    }
    load_paths(l);
    load_network(l);
    load_timing(l);
    load_aliases(l);
    load_watching(l);
}
