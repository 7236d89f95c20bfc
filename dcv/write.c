/* dcv/write.c - having a record written or taken away: by update, by program, by hand.
 *
 * The key's secret is read when it is needed and wiped at once. A hook gets the
 * record in its environment, nothing on its standard input, and what it prints
 * to its standard error becomes the text of its failure. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/file.h"
#include "dns.h"

#define HOOK_OUT 65536
#define HOOK_LATER 75 /* EX_TEMPFAIL */

static enum base_fail_class by_update(const struct policy_dns *d, const char *credentials,
                                      const struct dcv_record *rec, bool add, struct base_fail *f)
{
    struct base_buf secret;
    enum base_fail_class cls = base_credential(d->secret, credentials, &secret, f);

    if (cls != BASE_OK) {
        return cls;
    }
    struct net_primary p = {.server = d->server,
                            .zone = rec->zone,
                            .key = d->key,
                            .algorithm = d->algorithm,
                            .secret = secret.p,
                            .nsecret = secret.n,
                            .timeout_ms = (int)d->timeout * 1000};
    cls = net_update(&p, &rec->rr, add, f);
    base_buf_wipe(&secret);
    return cls;
}

/* Last line that the hook wrote to its standard error, for the failure. */
static const char *last_words(struct base_arena *a, struct base_child *c)
{
    size_t n = c->errbuf.n, from;

    while (n > 0 && (c->errbuf.p[n - 1] == '\n' || c->errbuf.p[n - 1] == '\r')) {
        n--;
    }
    for (from = n; from > 0 && c->errbuf.p[from - 1] != '\n'; from--) {
    }
    return n > from ? base_printable(a, c->errbuf.p + from, n - from, 200) : "it said nothing";
}

static enum base_fail_class judge(const struct policy_dns *d, struct base_arena *a,
                                  struct base_child *c, int status, struct base_fail *f)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return BASE_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == HOOK_LATER) {
        return base_failf(f, BASE_TEMPORARY, "dcv.hook.later", "%s asks to be called later: %s",
                          d->hook, last_words(a, c));
    }
    return base_failf(f, BASE_PERMANENT, "dcv.hook", "%s failed (%s %d): %s", d->hook,
                      WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                      last_words(a, c));
}

static enum base_fail_class by_hook(const struct policy_dns *d, const struct dcv_record *rec,
                                    bool add, struct base_arena *a, struct base_fail *f)
{
    char *argv[] = {base_arena_strdup(a, d->hook), NULL};
    char *env[] = {
        base_arena_strdup(a, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
        base_arena_printf(a, "CERTMILTER_DNS_ACTION=%s", add ? "add" : "remove"),
        base_arena_printf(a, "CERTMILTER_DNS_NAME=%s", rec->rr.name),
        base_arena_printf(a, "CERTMILTER_DNS_TYPE=%s",
                          rec->rr.type == NET_DNS_CNAME ? "CNAME" : "TXT"),
        base_arena_printf(a, "CERTMILTER_DNS_VALUE=%s", rec->rr.value),
        base_arena_printf(a, "CERTMILTER_DNS_TTL=%d", rec->rr.ttl),
        NULL,
    };
    struct base_child_limits lim = {.wall_ms = (int)d->timeout * 1000, .keep_files = true,
                                    .envp = env};
    struct base_child c;
    int status = 0;
    enum base_fail_class cls = base_child_start(&c, d->hook, argv, &lim, f);

    if (cls != BASE_OK) {
        return cls;
    }
    base_child_close_in(&c);
    cls = base_child_end(&c, HOOK_OUT, &status, f);
    if (c.late) {
        cls = base_failf(f, BASE_TEMPORARY, "dcv.hook.later", "%s ran longer than %lld s", d->hook,
                         (long long)d->timeout);
    } else if (cls == BASE_OK) {
        cls = judge(d, a, &c, status, f);
    }
    base_child_free(&c);
    return cls;
}

enum base_fail_class dcv_record_put(const struct policy_dns *d, const char *credentials,
                                    const struct dcv_record *rec, bool add, struct base_arena *a,
                                    struct base_fail *f)
{
    if (d->manual) {
        return BASE_OK;
    }
    return d->server != NULL ? by_update(d, credentials, rec, add, f) : by_hook(d, rec, add, a, f);
}
