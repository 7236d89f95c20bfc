/* tests/helpers/nettool.c - net/ from a script: setup, http, dns, smtp. For tests/e2e/test_net.py.
 */
#include <pthread.h>

#include "net/smtp.h"
#include "tool.h"

static struct base_arena *setup_arena;
static struct net_resolver *resolver;
static struct net_scope scope;
static struct net_http_conn *kept;

static json_t *run_setup(struct base_arena *a, const json_t *in)
{
    (void)a;
    net_resolver_free(resolver);
    base_arena_free(setup_arena);
    setup_arena = base_arena_new();
    resolver = tool_resolver(setup_arena, in);
    scope = tool_scope(setup_arena, in, resolver);
    return tool_result(BASE_OK, NULL);
}

/* "host" or "host:port" */
static struct net_host *hosts_of(struct base_arena *a, const json_t *in, size_t *n)
{
    const char **v = tool_strings(a, in, "hosts", n);
    struct net_host *h = base_arena_array(a, *n + 1, sizeof *h);

    for (size_t i = 0; i < *n; i++) {
        const char *colon = strchr(v[i], ':');
        h[i].name = base_arena_strndup(a, v[i], strcspn(v[i], ":"));
        h[i].port = colon != NULL ? atoi(colon + 1) : 0;
    }
    return h;
}

static json_t *run_http(struct base_arena *a, const json_t *in)
{
    struct net_request r = {.method = base_json_str(in, "method"),
                            .url = base_json_str(in, "url"),
                            .content_type = base_json_str(in, "type"),
                            .body = base_json_str(in, "body"),
                            .cookies = base_json_str(in, "cookies"),
                            .body_max = (size_t)base_json_int(in, "body_max", 0),
                            .total_ms = (int)base_json_int(in, "total_ms", 0),
                            .connect_ms = (int)base_json_int(in, "connect_ms", 0)};
    bool keep = base_json_bool(in, "keep", false);
    struct net_response resp;
    struct base_fail f = {0};

    r.hosts = hosts_of(a, in, &r.nhosts);
    r.headers = tool_strings(a, in, "headers", &r.nheaders);
    r.nbody = r.body != NULL ? strlen(r.body) : 0;
    if (keep && kept == NULL) {
        kept = net_http_conn_new();
    }
    json_t *o = tool_result(net_http(&scope, &r, keep ? kept : NULL, a, &resp, &f), &f);
    base_json_setn(o, "status", resp.status);
    base_json_setb(o, "sent", resp.sent);
    base_json_set(o, "content_type", resp.content_type);
    base_json_set(o, "location", resp.location);
    base_json_set(o, "redirect", resp.redirect);
    base_json_setn(o, "retry_after", resp.retry_after);
    base_json_setn(o, "size", (int64_t)resp.body.n);
    base_json_set(o, "peer", resp.peer);
    base_json_set(o, "url", resp.url);
    if (resp.body.n < 10000) {
        base_json_set(o, "body", (const char *)resp.body.p);
    }
    json_t *cookies = json_array();
    for (size_t i = 0; i < resp.ncookies; i++) {
        json_array_append_new(cookies, json_string(resp.cookies[i]));
    }
    json_object_set_new(o, "cookies", cookies);
    return o;
}

static enum net_dns_type type_of(const char *s)
{
    static const char *const names[] = {"A", "AAAA", "CNAME", "MX", "TXT", "CAA", "NS"};

    for (int i = 0; i < 7; i++) {
        if (strcmp(names[i], s) == 0) {
            return (enum net_dns_type)i;
        }
    }
    return NET_DNS_TXT;
}

static const char *status_name(enum net_dns_status s)
{
    return s == NET_DNS_RECORD ? "record" : s == NET_DNS_NONE ? "none" : "tempfail";
}

static json_t *run_dns(struct base_arena *a, const json_t *in)
{
    const char *type = base_json_strd(in, "type", "TXT");
    const char *name = base_json_strd(in, "name", "");
    struct net_dns_answer ans;

    if (strcmp(type, "ADDRESSES") == 0) {
        net_dns_addresses(resolver, name, a, &ans);
    } else if (strcmp(type, "CAA-CLIMB") == 0) {
        net_dns_caa(resolver, name, a, &ans);
    } else {
        net_dns_lookup(resolver, type_of(type), name, a, &ans);
    }
    json_t *o = tool_result(BASE_OK, NULL), *list = json_array();
    base_json_set(o, "status", status_name(ans.status));
    base_json_setb(o, "nxdomain", ans.nxdomain);
    base_json_setb(o, "secure", ans.secure);
    base_json_setb(o, "bogus", ans.bogus);
    base_json_setn(o, "ttl", ans.ttl);
    base_json_set(o, "name", ans.name);
    base_json_set(o, "why", ans.why);
    for (size_t i = 0; i < ans.n; i++) {
        json_t *rec = json_object();
        base_json_set(rec, "text", ans.records[i].text);
        base_json_setn(rec, "len", (int64_t)ans.records[i].len);
        base_json_setn(rec, "preference", ans.records[i].preference);
        base_json_setn(rec, "flags", ans.records[i].flags);
        base_json_set(rec, "tag", ans.records[i].tag);
        json_array_append_new(list, rec);
    }
    json_object_set_new(o, "records", list);
    return o;
}

static json_t *run_smtp(struct base_arena *a, const json_t *in)
{
    const char *message = base_json_strd(in, "message", "");
    struct net_mail m = {.server = base_json_strd(in, "server", ""),
                         .helo = base_json_str(in, "helo"),
                         .from = base_json_str(in, "from"),
                         .message = message,
                         .nmessage = strlen(message),
                         .total_ms = (int)base_json_int(in, "total_ms", 0)};
    struct base_fail f = {0};

    m.rcpts = tool_strings(a, in, "rcpts", &m.nrcpts);
    return tool_result(net_smtp_send(&m, &f), &f);
}

/* Many threads ask for NAME at once: how many got records. */
struct storm {
    const char *name;
    int calls, ok;
};

static void *storm_thread(void *arg)
{
    struct storm *s = arg;

    for (int i = 0; i < s->calls; i++) {
        struct base_arena *a = base_arena_new();
        struct net_dns_answer ans;
        net_dns_lookup(resolver, NET_DNS_TXT, s->name, a, &ans);
        s->ok += ans.status == NET_DNS_RECORD;
        base_arena_free(a);
    }
    return NULL;
}

static json_t *run_storm(struct base_arena *a, const json_t *in)
{
    size_t n = (size_t)base_json_int(in, "threads", 4);
    struct storm *s = base_arena_array(a, n, sizeof *s);
    pthread_t *t = base_arena_array(a, n, sizeof *t);
    json_t *o = tool_result(BASE_OK, NULL);
    int ok = 0;

    for (size_t i = 0; i < n; i++) {
        s[i] =
            (struct storm){base_json_strd(in, "name", ""), (int)base_json_int(in, "calls", 1), 0};
        pthread_create(&t[i], NULL, storm_thread, &s[i]);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(t[i], NULL);
        ok += s[i].ok;
    }
    base_json_setn(o, "ok", ok);
    return o;
}

int main(void)
{
    static const struct tool_entry entries[] = {{"setup", run_setup}, {"http", run_http},
                                                {"dns", run_dns},     {"smtp", run_smtp},
                                                {"storm", run_storm}, {NULL, NULL}};
    int rc;

    if (net_init(NULL) != BASE_OK) {
        return 1;
    }
    rc = tool_main(entries);
    net_http_conn_free(kept);
    net_resolver_free(resolver);
    base_arena_free(setup_arena);
    return rc;
}
