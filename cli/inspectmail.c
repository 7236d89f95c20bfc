/* cli/inspectmail.c - one mail through the inspector, its DNS answered from the
 * network or from a file. Nothing of the mail is parsed in this process. */
#include "inspectmail.h"

#include <string.h>

#include "base/clock.h"
#include "inspect/client.h"

/* As the agent does it (agent/intake.c). */
static enum inspect_key_status look_up(void *ctx, struct base_arena *a, const char *domain,
                                       const char *selector, const char **txt)
{
    struct net_dns_answer ans;
    net_dns_lookup(ctx, NET_DNS_TXT, base_arena_printf(a, "%s._domainkey.%s", selector, domain), a,
                   &ans);
    if (ans.status == NET_DNS_TEMPFAIL)
        return INSPECT_KEY_TEMPFAIL;
    /* RFC 6376 section 3.6.2.2: several records are undefined; none is trusted */
    if (ans.status == NET_DNS_NONE || ans.n != 1 ||
        strlen(ans.records[0].text) != ans.records[0].len)
        return INSPECT_KEY_NONE;
    *txt = ans.records[0].text;
    return INSPECT_KEY_RECORD;
}

static enum base_fail_class open_resolver(struct cli *c, const char *zone, struct net_resolver **r,
                                          struct base_fail *f)
{
    struct net_dns_options o = {0};
    if (zone)
        return net_dns_zone_load(zone, r, f);
    if (c->cfg) {
        o.servers = c->cfg->resolvers.v;
        o.nservers = c->cfg->resolvers.n;
        o.trust_anchor = c->cfg->dnssec_root;
    }
    return net_resolver_new(&o, r, f);
}

int cli_inspector_open(struct cli *c, const struct cli_args *args,
                       struct policy_profile *const *profiles, size_t nprofiles,
                       struct cli_inspector *in)
{
    struct base_fail f = {0};
    const char *at = cli_opt(args, "at");
    memset(in, 0, sizeof(*in));
    in->profiles = json_array();
    in->at = c->now;
    in->program = base_arena_printf(c->a, "%s/certinspect", policy_libexec_dir());
    for (size_t i = 0; i < nprofiles; i++)
        json_array_append_new(in->profiles, policy_profile_to_json(profiles[i]));
    if (at && !base_time_parse(at, &in->at))
        return cli_misused(c, args, "--at: expected 2026-11-22 or 2026-11-22T14:03:07Z, found \"%s\"",
                           at);
    if (open_resolver(c, cli_opt(args, "dns-data"), &in->resolver, &f)) {
        in->resolver = NULL;
        cli_failed(c, &f);
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

void cli_inspector_free(struct cli_inspector *in)
{
    json_decref(in->profiles);
    net_resolver_free(in->resolver);
}

enum base_fail_class cli_inspect(struct cli *c, const struct cli_inspector *in,
                                 struct base_bytes raw, bool force, struct policy_facts **facts,
                                 struct base_fail *f)
{
    struct inspect_mail_options o = {
        .program = in->program,
        .profiles = in->profiles,
        .key = look_up,
        .key_ctx = in->resolver,
        .now = in->at,
        .force = force,
    };
    *facts = NULL;
    return inspect_mail(c->a, &o, raw, facts, f);
}

bool cli_is_mail(const void *p, size_t n)
{
    const unsigned char *s = p, *end = s + n, *nl;
    if (n > 5 && memcmp(s, "From ", 5) == 0 && (nl = memchr(s, '\n', n)))
        s = nl + 1; /* of an mbox file */
    const unsigned char *name = s;
    while (s < end && *s > 32 && *s < 127 && *s != ':')
        s++;
    if (s == name)
        return false;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    return s < end && *s == ':';
}

int cli_read_mail(struct cli *c, const char *file, struct base_buf *raw)
{
    struct base_fail f = {0};
    if (!cli_read(c, file, CLI_MAIL_MAX, raw))
        return CLI_REFUSED;
    if (raw->n > 0 && cli_is_mail(raw->p, raw->n))
        return CLI_DONE;
    base_failf(&f, BASE_PERMANENT, "mail.none", "%s is no mail: %s", file,
               raw->n ? "it doesn't begin with a header field" : "it is empty");
    return cli_failed(c, &f);
}
