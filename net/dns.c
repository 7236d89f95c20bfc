/* net/dns.c - look-ups by libunbound, bounded in time.
 *
 * libunbound's blocking call can't be bounded, so each look-up runs as an
 * asynchronous one on a context of its own thread's choosing: contexts are kept
 * idle here (each with its cache and its worker thread) and one serves one
 * look-up at a time. That also keeps threads from waiting for each other.
 * Every failure becomes NET_DNS_TEMPFAIL with a reason. */
#include "dns.h"

#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "records.h"

#define CONTEXTS 32
#define TIMEOUT_MS 5000

struct net_resolver {
    struct net_zone *zone; /* answers instead of the DNS */
    char **servers;
    size_t nservers;
    char *trust_anchor;
    int timeout_ms;
    pthread_mutex_t lock; /* guards idle */
    struct ub_ctx *idle[CONTEXTS];
    size_t nidle;
};

/* One running look-up; libunbound's callback fills it in our own thread. */
struct lookup {
    bool done;
    int error;
    struct ub_result *result;
};

/* ---- contexts ----------------------------------------------------------------- */

static int set(struct ub_ctx *ctx, const char *option, const char *value)
{
    return ub_ctx_set_option(ctx, option, value);
}

static int configure(struct ub_ctx *ctx, const struct net_resolver *r)
{
    int rc = 0;

    if (r->nservers == 0) {
        rc = ub_ctx_resolvconf(ctx, NULL);
    }
    for (size_t i = 0; rc == 0 && i < r->nservers; i++) {
        rc = ub_ctx_set_fwd(ctx, r->servers[i]);
    }
    if (rc == 0 && r->trust_anchor != NULL) {
        rc = ub_ctx_add_ta_file(ctx, r->trust_anchor);
    }
    rc = rc != 0 ? rc : set(ctx, "do-not-query-localhost:", "no");
    rc = rc != 0 ? rc : set(ctx, "msg-cache-size:", "262144");
    rc = rc != 0 ? rc : set(ctx, "rrset-cache-size:", "524288");
    rc = rc != 0 ? rc : ub_ctx_async(ctx, 1);
    /* libunbound answers NXDOMAIN for these of its own; a server that we were
     * pointed at knows better. */
    rc = rc != 0 ? rc : ub_ctx_zone_add(ctx, "test.", "transparent");
    rc = rc != 0 ? rc : ub_ctx_zone_add(ctx, "home.arpa.", "transparent");
    return rc;
}

static struct ub_ctx *context_new(const struct net_resolver *r, const char **why)
{
    struct ub_ctx *ctx = ub_ctx_create();
    int rc = ctx != NULL ? configure(ctx, r) : UB_NOMEM;

    if (rc != 0) {
        *why = ub_strerror(rc);
        ub_ctx_delete(ctx);
        return NULL;
    }
    return ctx;
}

static struct ub_ctx *context_take(struct net_resolver *r, const char **why)
{
    struct ub_ctx *ctx = NULL;

    pthread_mutex_lock(&r->lock);
    if (r->nidle > 0) {
        ctx = r->idle[--r->nidle];
    }
    pthread_mutex_unlock(&r->lock);
    return ctx != NULL ? ctx : context_new(r, why);
}

static void context_give(struct net_resolver *r, struct ub_ctx *ctx)
{
    pthread_mutex_lock(&r->lock);
    if (r->nidle < CONTEXTS) {
        r->idle[r->nidle++] = ctx;
        ctx = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    ub_ctx_delete(ctx);
}

enum base_fail_class net_resolver_new(const struct net_dns_options *o, struct net_resolver **out,
                                      struct base_fail *f)
{
    struct net_resolver *r = base_xmalloc(sizeof *r);
    const char *why = NULL;
    struct ub_ctx *first;

    *r = (struct net_resolver){.nservers = o->nservers};
    r->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    r->trust_anchor = o->trust_anchor != NULL ? base_xstrdup(o->trust_anchor) : NULL;
    r->servers = base_xmalloc(o->nservers * sizeof *r->servers);
    for (size_t i = 0; i < o->nservers; i++) {
        r->servers[i] = base_xstrdup(o->servers[i]);
    }
    pthread_mutex_init(&r->lock, NULL);
    first = context_new(r, &why);
    if (first == NULL) {
        net_resolver_free(r);
        return base_failf(f, BASE_PERMANENT, "net.dns.setup",
                          "the resolver can't be set up (servers as ADDRESS or ADDRESS@PORT, "
                          "a readable trust anchor): %s",
                          why);
    }
    context_give(r, first);
    *out = r;
    return BASE_OK;
}

enum base_fail_class net_dns_zone_load(const char *file, struct net_resolver **out,
                                       struct base_fail *f)
{
    struct net_zone *z = NULL;
    enum base_fail_class cls = net_zone_read(file, &z, f);

    if (cls == BASE_OK) {
        *out = base_xmalloc(sizeof **out);
        **out = (struct net_resolver){.zone = z};
        pthread_mutex_init(&(*out)->lock, NULL);
    }
    return cls;
}

void net_resolver_free(struct net_resolver *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->nidle; i++) {
        ub_ctx_delete(r->idle[i]);
    }
    for (size_t i = 0; i < r->nservers; i++) {
        free(r->servers[i]);
    }
    free(r->servers);
    free(r->trust_anchor);
    net_zone_free(r->zone);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- one look-up ----------------------------------------------------------------- */

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;

    l->done = true;
    l->error = error;
    l->result = result;
}

/* Waits for L until DEADLINE; NULL or why there is no answer. */
static const char *wait_for(struct ub_ctx *ctx, struct lookup *l, int64_t deadline)
{
    while (!l->done) {
        struct pollfd p = {.fd = ub_fd(ctx), .events = POLLIN};
        int64_t left = deadline - base_mono_ms();
        if (left <= 0) {
            return "no answer in time";
        }
        if (poll(&p, 1, (int)left) > 0) {
            int rc = ub_process(ctx);
            if (rc != 0) {
                return ub_strerror(rc);
            }
        }
    }
    return l->error != 0 ? ub_strerror(l->error) : NULL;
}

static void tempfail(struct net_dns_answer *out, const char *why)
{
    out->status = NET_DNS_TEMPFAIL;
    out->why = why;
    out->n = 0;
}

static void read_records(struct base_arena *a, enum net_dns_type t, const struct ub_result *res,
                         struct net_dns_answer *out)
{
    ldns_pkt *pkt = NULL;
    size_t n = 0;

    if (ldns_wire2pkt(&pkt, res->answer_packet, (size_t)res->answer_len) != LDNS_STATUS_OK) {
        tempfail(out, "the answer can't be read");
        return;
    }
    const ldns_rr_list *rrs = ldns_pkt_answer(pkt);
    n = ldns_rr_list_rr_count(rrs);
    out->records = base_arena_array(a, n < NET_RECORDS ? n + 1 : NET_RECORDS, sizeof *out->records);
    for (size_t i = 0; i < n && out->n < NET_RECORDS; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(rrs, i);
        if (ldns_rr_get_type(rr) != net_records_type(t)) {
            continue;
        }
        const char *owner = net_records_name(a, ldns_rr_owner(rr));
        if (t == NET_DNS_CNAME && (owner == NULL || strcmp(owner, out->name) != 0)) {
            continue; /* further links of the chain */
        }
        if (net_records_take(a, rr, &out->records[out->n])) {
            out->n++;
            out->name = owner;
        }
    }
    ldns_pkt_free(pkt);
    out->status = out->n > 0 ? NET_DNS_RECORD : NET_DNS_NONE;
}

static void read_result(struct base_arena *a, enum net_dns_type t, const struct ub_result *res,
                        struct net_dns_answer *out)
{
    out->secure = res->secure != 0;
    out->ttl = res->ttl;
    if (res->bogus) {
        out->bogus = true;
        tempfail(out, base_arena_printf(a, "DNSSEC: %.200s",
                                        res->why_bogus != NULL ? res->why_bogus : "bogus"));
    } else if (res->rcode == LDNS_RCODE_NXDOMAIN) {
        out->status = NET_DNS_NONE;
        out->nxdomain = true;
    } else if (res->rcode != LDNS_RCODE_NOERROR) {
        tempfail(out, base_arena_printf(a, "the server answered with code %d", res->rcode));
    } else if (!res->havedata) {
        out->status = NET_DNS_NONE;
    } else {
        read_records(a, t, res, out);
    }
}

static void ask(struct net_resolver *r, enum net_dns_type t, const char *name, struct base_arena *a,
                struct net_dns_answer *out)
{
    int64_t deadline = base_mono_ms() + r->timeout_ms;
    struct lookup l = {0};
    const char *why = NULL;
    struct ub_ctx *ctx = context_take(r, &why);
    int id = 0;

    if (ctx == NULL) {
        tempfail(out, why);
        return;
    }
    int rc =
        ub_resolve_async(ctx, name, (int)net_records_type(t), LDNS_RR_CLASS_IN, &l, on_result, &id);
    why = rc != 0 ? ub_strerror(rc) : wait_for(ctx, &l, deadline);
    if (rc == 0 && !l.done) {
        (void)ub_cancel(ctx, id); /* the callback will not come any more */
    }
    if (why != NULL) {
        tempfail(out, why);
    } else {
        read_result(a, t, l.result, out);
    }
    ub_resolve_free(l.result);
    context_give(r, ctx);
}

/* NAME in lower case without final dot, NULL if it is no domain name. */
static const char *clean_name(struct base_arena *a, const char *name)
{
    size_t n = strlen(name), label = 0;

    if (n > 1 && name[n - 1] == '.') {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '.') {
            if (label == 0) {
                return NULL;
            }
            label = 0;
        } else if (c >= 0x80 || (!isalnum(c) && strchr("-_*", c) == NULL) || ++label > 63) {
            return NULL;
        }
    }
    if (n > 253 || label == 0) {
        return NULL;
    }
    char *out = base_arena_strndup(a, name, n);
    base_ascii_lower(out);
    return out;
}

void net_dns_lookup(struct net_resolver *r, enum net_dns_type t, const char *name,
                    struct base_arena *a, struct net_dns_answer *out)
{
    const char *clean = clean_name(a, name);

    *out = (struct net_dns_answer){.status = NET_DNS_NONE, .nxdomain = true, .name = clean};
    if (clean == NULL) {
        out->name = "";
    } else if (r->zone != NULL) {
        net_zone_lookup(r->zone, t, clean, a, out);
    } else {
        out->nxdomain = false;
        ask(r, t, clean, a, out);
    }
}

void net_dns_addresses(struct net_resolver *r, const char *name, struct base_arena *a,
                       struct net_dns_answer *out)
{
    struct net_dns_answer four, six;

    net_dns_lookup(r, NET_DNS_A, name, a, &four);
    net_dns_lookup(r, NET_DNS_AAAA, name, a, &six);
    *out = four.n > 0 || four.status == NET_DNS_TEMPFAIL ? four : six;
    if (four.n == 0 && six.n > 0) {
        *out = six;
    }
    if (four.n > 0 && six.n > 0) {
        out->records = base_arena_array(a, four.n + six.n, sizeof *out->records);
        memcpy(out->records, four.records, four.n * sizeof *four.records);
        memcpy(out->records + four.n, six.records, six.n * sizeof *six.records);
        out->n = four.n + six.n;
        out->secure = four.secure && six.secure;
        out->ttl = four.ttl < six.ttl ? four.ttl : six.ttl;
    }
}

void net_dns_caa(struct net_resolver *r, const char *name, struct base_arena *a,
                 struct net_dns_answer *out)
{
    const char *rest = name;

    for (int i = 0; i < 128; i++) {
        net_dns_lookup(r, NET_DNS_CAA, rest, a, out);
        if (out->status != NET_DNS_NONE) {
            /* The set's place is the name asked, also when a CNAME led elsewhere. */
            out->name = rest;
            return;
        }
        const char *dot = strchr(rest, '.');
        if (dot == NULL || dot[1] == '\0') {
            return;
        }
        rest = dot + 1;
    }
}
