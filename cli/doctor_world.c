/* cli/doctor_world.c - profiles, DNS, clock, keeper. */
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include "doctor.h"
#include "keeper/client.h"
#include "net/dns.h"

#define FIRST_SANE 1767225600 /* 2026-01-01: this program is younger */

/* ---- profiles ------------------------------------------------------------------------------- */

static bool in_use(const struct policy_config *cfg, const struct policy_profile *p)
{
    for (size_t i = 0; i < cfg->naccounts; i++)
        if (strcmp(cfg->accounts[i].profile, p->id) == 0)
            return true;
    return false;
}

/* A rehearsal's profile that nobody uses isn't worth a word. */
static bool looked_at(const struct policy_config *cfg, const struct policy_profile *p)
{
    return !p->rehearsal || in_use(cfg, p);
}

static bool may_answer(const struct policy_kind_rules *k)
{
    return k->action == POLICY_ACT_GET || k->action == POLICY_ACT_FORM || k->action == POLICY_ACT_CODE;
}

void cli_doctor_profiles(struct cli_doctor *d)
{
    const struct policy_config *cfg = d->c->cfg;
    for (size_t i = 0; i < cfg->nprofiles; i++) {
        const struct policy_profile *p = cfg->profiles[i];
        const char *kinds = "";
        for (size_t k = 0; in_use(cfg, p) && k < p->nkinds; k++)
            if (!p->kinds[k].verified && may_answer(&p->kinds[k]))
                kinds = base_arena_printf(d->c->a, "%s%s%s", kinds, kinds[0] ? ", " : "",
                                          policy_kind_name(p->kinds[k].kind));
        if (kinds[0])
            cli_finding(d, "profile", CLI_WARN,
                        "%s: %s: never seen on a real account, so such mail is held at most, unless "
                        "you approved a recorded one (certmilter profile record)",
                        p->id, kinds);
        else if (looked_at(cfg, p))
            cli_finding(d, "profile", CLI_OK, "%s: %s", p->id, p->title ? p->title : "");
    }
    if (cfg->nprofiles == 0)
        cli_finding(d, "profile", CLI_FAIL, "no CA profile in %s: no mail is recognised", cfg->profile_dir);
}

/* ---- DNS ------------------------------------------------------------------------------------- */

static void check_key(struct cli_doctor *d, struct net_resolver *r, const char *name)
{
    struct net_dns_answer ans;
    net_dns_lookup(r, NET_DNS_TXT, name, d->c->a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL)
        cli_finding(d, "dkim", CLI_WARN, "%s can't be looked up now: %s", name, ans.why ? ans.why : "");
    else if (ans.status == NET_DNS_NONE || ans.n != 1)
        cli_finding(d, "dkim", CLI_WARN,
                    "%s has no key any more: the profile is out of date, or the CA changed its keys",
                    name);
    else
        cli_finding(d, "dkim", CLI_OK, "%s has a key", name);
}

/* Any name of a profile that is real: what it answers doesn't matter. */
static const char *some_name(const struct policy_config *cfg)
{
    for (size_t i = 0; i < cfg->nprofiles; i++)
        if (!cfg->profiles[i]->rehearsal && cfg->profiles[i]->from_domains.n)
            return cfg->profiles[i]->from_domains.v[0];
    return cfg->ndomains ? cfg->domains[0].name : "digicert.com";
}

void cli_doctor_dns(struct cli_doctor *d)
{
    const struct policy_config *cfg = d->c->cfg;
    struct net_dns_options o = {.servers = cfg->resolvers.v,
                                .nservers = cfg->resolvers.n,
                                .trust_anchor = cfg->dnssec_root};
    struct net_resolver *r;
    struct net_dns_answer ans;
    struct base_fail f = {0};
    if (net_resolver_new(&o, &r, &f)) {
        cli_finding(d, "dns", CLI_FAIL, "%s", f.text);
        return;
    }
    const char *name = some_name(cfg);
    net_dns_lookup(r, NET_DNS_MX, name, d->c->a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL) {
        cli_finding(d, "dns", CLI_FAIL,
                    "the resolver doesn't answer for %s (%s): no signature can be checked; see "
                    "resolvers and /etc/resolv.conf",
                    name, ans.why ? ans.why : "no reason given");
    } else {
        cli_finding(d, "dns", CLI_OK, "the resolver answers (%s)", name);
        for (size_t i = 0; i < cfg->nprofiles; i++)
            for (size_t k = 0; looked_at(cfg, cfg->profiles[i]) && k < cfg->profiles[i]->dkim.n; k++)
                check_key(d, r, cfg->profiles[i]->dkim.v[k]);
    }
    net_resolver_free(r);
}

/* ---- clock -------------------------------------------------------------------------------------- */

void cli_doctor_clock(struct cli_doctor *d)
{
    struct timex t = {0};
    struct stat st;
    int state = adjtimex(&t);
    if (d->c->now < FIRST_SANE)
        cli_finding(d, "clock", CLI_FAIL, "it is %s by this host's clock: signatures and certificates "
                    "are judged by it", cli_when(d->c, d->c->now));
    else if (stat(d->c->cfg->ledger_path, &st) == 0 && st.st_mtim.tv_sec > d->c->now + 120)
        cli_finding(d, "clock", CLI_FAIL, "the ledger was written in the future (%s): the clock was "
                    "set back", cli_when(d->c, st.st_mtim.tv_sec));
    else if (state == TIME_ERROR || t.status & STA_UNSYNC)
        cli_finding(d, "clock", CLI_WARN,
                    "the clock isn't synchronized: timedatectl set-ntp true (in a container the host's "
                    "clock counts)");
    else
        cli_finding(d, "clock", CLI_OK, "synchronized, off by at most %ld ms", t.maxerror / 1000);
}

/* ---- keeper --------------------------------------------------------------------------------------- */

void cli_doctor_keeper(struct cli_doctor *d)
{
    struct keeper_status s;
    struct base_fail f = {0};
    const char *sock = d->c->cfg->keeper_admin_socket;
    if (d->c->cfg->naccounts == 0) {
        cli_finding(d, "keeper", CLI_OK, "not needed: there is no CA account (guard mode)");
        return;
    }
    if (keeper_ping(sock, d->c->a, &s, &f))
        cli_finding(d, "keeper", CLI_FAIL, "%s: systemctl status certkeeperd (exports are for root and "
                    "its admin group)", f.text);
    else if (!s.locked)
        cli_finding(d, "keeper", CLI_WARN,
                    "its secret memory can be swapped out: raise LimitMEMLOCK of certkeeperd");
    else
        cli_finding(d, "keeper", CLI_OK, "certkeeperd %s answers at %s", s.version ? s.version : "", sock);
}
