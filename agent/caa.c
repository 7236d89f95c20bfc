/* agent/caa.c - does the owner of a domain allow this CA to issue S/MIME certificates?
 *
 * CAA with the property issuemail (RFC 9495), found by climbing the tree (RFC 8659 section 3).
 * Records without issuemail restrict nothing; several are alternatives; one that names nobody
 * (";") forbids all. A domain that can't be looked up proves nothing. */
#include <string.h>

#include "catalog.h"

/* The issuer's domain name of a record's value, without parameters and blanks. */
static const char *issuer_of(struct base_arena *a, const struct net_dns_record *r)
{
    size_t start = 0, n = strnlen(r->text, r->len);
    while (start < n && (r->text[start] == ' ' || r->text[start] == '\t'))
        start++;
    size_t len = 0;
    while (start + len < n && !strchr("; \t", r->text[start + len]))
        len++;
    char *name = base_arena_strndup(a, r->text + start, len);
    base_ascii_lower(name);
    return base_printable(a, name, len, 80);
}

struct policy_strings agent_caa_issuers(const struct policy_config *cfg,
                                        const struct policy_account *acc)
{
    const struct policy_profile *p = policy_config_profile(cfg, acc->profile);
    return acc->caa.n ? acc->caa : p ? p->caa : (struct policy_strings){0};
}

static enum agent_caa judge(const struct net_dns_answer *ans, const char *domain,
                            const struct policy_strings *issuers, struct base_arena *a,
                            const char **text)
{
    const char *names = "", *at = ans->name ? ans->name : domain;
    bool restricts = false;
    for (size_t i = 0; i < ans->n; i++) {
        const struct net_dns_record *r = &ans->records[i];
        if (!r->tag || strcmp(r->tag, "issuemail") != 0)
            continue;
        const char *issuer = issuer_of(a, r);
        restricts = true;
        for (size_t k = 0; k < issuers->n; k++)
            if (strcmp(issuers->v[k], issuer) == 0) {
                *text = base_arena_printf(a, "CAA issuemail at %s names this CA (%s)", at, issuer);
                return AGENT_CAA_NAMED;
            }
        names = base_arena_printf(a, "%s%sissuemail \"%s\"", names, names[0] ? ", " : "",
                                  issuer[0] ? issuer : ";");
    }
    if (!restricts) {
        *text = "no CAA issuemail record restricts who may issue (RFC 9495)";
        return AGENT_CAA_OPEN;
    }
    if (!issuers->n) {
        *text = base_arena_printf(a, "CAA at %s restricts S/MIME certificates (%s), and the names of "
                                     "this CA are not known: set caa in its account section",
                                  at, names);
        return AGENT_CAA_UNKNOWN;
    }
    *text = base_arena_printf(a, "the CAA records at %s (%s) do not allow this CA to issue S/MIME "
                                 "certificates for %s: add  %s. CAA 0 issuemail \"%s\"",
                              at, names, domain, at, issuers->v[0]);
    return AGENT_CAA_EXCLUDED;
}

enum agent_caa agent_caa_look(struct net_resolver *r, const char *domain,
                              const struct policy_strings *issuers, struct base_arena *a,
                              const char **text)
{
    struct net_dns_answer ans;
    net_dns_caa(r, domain, a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL) {
        *text = base_arena_printf(a, "the CAA records of %s can't be looked up now (%s); the CA looks "
                                     "itself, and refuses if it can't either",
                                  domain, ans.why ? ans.why : "no answer");
        return AGENT_CAA_UNKNOWN;
    }
    return judge(&ans, domain, issuers, a, text);
}
