/* dcv/persist.c - the persistent TXT record: its text, and what the DNS shows of it.
 *
 * Owns nothing; texts are from the caller's arena. Values come from anybody's
 * zone: they are read with lengths and caps. */
#include "persist.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

#define VALUE_MAX 1024

const char *dcv_persist_name(struct base_arena *a, const char *domain)
{
    return base_arena_printf(a, "_validation-persist.%s", domain);
}

const char *dcv_persist_value(struct base_arena *a, const struct dcv_persist *p)
{
    const char *v = base_arena_printf(a, "%s; accounturi=%s", p->issuer, p->account_uri);

    if (p->policy != NULL) {
        v = base_arena_printf(a, "%s; policy=%s", v, p->policy);
    }
    return p->until > 0 ? base_arena_printf(a, "%s; persistUntil=%lld", v, (long long)p->until) : v;
}

/* White space around S goes. */
static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) {
        s[--n] = '\0';
    }
    return s;
}

static bool set_once(const char **slot, const char *value)
{
    bool fresh = *slot == NULL && value[0] != '\0';

    *slot = value;
    return fresh;
}

static bool take_parameter(struct dcv_persist *out, char *part)
{
    char *eq = strchr(part, '=');
    const char *value;

    if (eq == NULL) {
        return part[0] == '\0'; /* "issuer;" has an empty one */
    }
    *eq = '\0';
    value = trim(eq + 1);
    part = trim(part);
    if (base_ascii_caseeq(part, "accounturi")) {
        return set_once(&out->account_uri, value);
    }
    if (base_ascii_caseeq(part, "policy")) {
        return set_once(&out->policy, value);
    }
    if (base_ascii_caseeq(part, "persistUntil")) {
        return out->until == 0 && base_parse_int(value, 1, INT64_C(253402300799), &out->until);
    }
    return true;
}

bool dcv_persist_parse(struct base_arena *a, const char *text, size_t n, struct dcv_persist *out)
{
    *out = (struct dcv_persist){0};
    if (n == 0 || n > VALUE_MAX || memchr(text, '\0', n) != NULL) {
        return false;
    }
    char *copy = base_arena_strndup(a, text, n), *next = strchr(copy, ';');
    if (next != NULL) {
        *next++ = '\0';
    }
    char *issuer = trim(copy);
    if (issuer[0] == '\0' || strpbrk(issuer, " \t=") != NULL) {
        return false;
    }
    base_ascii_lower(issuer);
    out->issuer = issuer;
    while (next != NULL) {
        char *part = next;
        next = strchr(part, ';');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (!take_parameter(out, trim(part))) {
            return false;
        }
    }
    return true;
}

static const char *proof(const struct net_dns_answer *ans)
{
    return ans->secure ? "DNSSEC proves it" : "it is not signed (DNSSEC), or nothing here checks that";
}

/* Does A hold longer than B? */
static bool longer(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && a > b);
}

static void none_fits(struct base_arena *a, const struct net_dns_answer *ans, bool issuer,
                      const struct dcv_persist *want, struct dcv_persist_found *out)
{
    out->state = issuer ? DCV_PERSIST_ACCOUNT : DCV_PERSIST_ABSENT;
    out->text = issuer ? base_arena_printf(a, "there is a record for %s, but of another account",
                                           want->issuer)
                       : base_arena_printf(a, "there is no record for %s; %s", want->issuer, proof(ans));
}

void dcv_persist_judge(struct base_arena *a, const struct net_dns_answer *ans,
                       const struct dcv_persist *want, int64_t now, struct dcv_persist_found *out)
{
    bool issuer = false, fits = false;
    char when[BASE_TIME_LEN];

    *out = (struct dcv_persist_found){.secure = ans->secure, .bogus = ans->bogus};
    if (ans->status == NET_DNS_TEMPFAIL) {
        out->state = DCV_PERSIST_UNKNOWN;
        out->text = ans->bogus
                        ? "DNSSEC proves the answer wrong (bogus): the CA takes nothing of this zone"
                        : base_arena_printf(a, "it can't be looked up now: %s",
                                            ans->why != NULL ? ans->why : "");
        return;
    }
    for (size_t i = 0; ans->status == NET_DNS_RECORD && i < ans->n; i++) {
        struct dcv_persist p;
        if (!dcv_persist_parse(a, ans->records[i].text, ans->records[i].len, &p) ||
            !base_ascii_caseeq(p.issuer, want->issuer)) {
            continue;
        }
        issuer = true;
        if (p.account_uri == NULL || strcmp(p.account_uri, want->account_uri) != 0) {
            continue;
        }
        if (!fits || longer(p.until, out->until)) {
            out->until = p.until;
        }
        fits = true;
    }
    if (!fits) {
        none_fits(a, ans, issuer, want, out);
    } else if (out->until != 0 && out->until <= now) {
        out->state = DCV_PERSIST_ENDED;
        out->text = base_arena_printf(a, "its persistUntil is over since %s",
                                      base_time_rfc3339(out->until, when));
    } else {
        out->text = base_arena_printf(a, "the record is there, %s; %s",
                                      out->until ? base_arena_printf(a, "until %s",
                                                                     base_time_rfc3339(out->until, when))
                                                 : "without an end",
                                      proof(ans));
    }
}

void dcv_persist_look(struct net_resolver *r, const char *domain, const struct dcv_persist *want,
                      int64_t now, struct base_arena *a, struct dcv_persist_found *out)
{
    struct net_dns_answer ans;

    net_dns_lookup(r, NET_DNS_TXT, dcv_persist_name(a, domain), a, &ans);
    dcv_persist_judge(a, &ans, want, now, out);
}
