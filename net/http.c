/* net/http.c - one bounded HTTPS exchange with libcurl.
 *
 * Owns the easy handle for the time of the call (or borrows that of a kept
 * connection) and wipes the header lines afterwards, because they may hold an
 * API key. Every way to fail is listed in http.h. */
#include "http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dns.h"
#include "exchange.h"

#define HEADER_MAX 65536
#define ADDRESSES 16

struct net_http_conn {
    CURL *easy;
};

enum base_fail_class net_init(struct base_fail *f)
{
    /* libcurl would write TLS session keys to the file that this names. */
    (void)unsetenv("SSLKEYLOGFILE");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return base_failf(f, BASE_OURS, "net.init", "libcurl can't be initialised");
    }
    return BASE_OK;
}

struct net_http_conn *net_http_conn_new(void)
{
    struct net_http_conn *c = base_xmalloc(sizeof *c);

    c->easy = NULL;
    return c;
}

void net_http_conn_free(struct net_http_conn *c)
{
    if (c != NULL) {
        curl_easy_cleanup(c->easy);
        free(c);
    }
}

int64_t net_retry_after(const char *value, int64_t now)
{
    int64_t n;
    time_t date;

    if (base_parse_int(value, 0, INT64_MAX, &n)) {
        return n > 86400 ? 86400 : n;
    }
    /* Only the three forms of RFC 9110, which all begin with a day's name:
     * curl_getdate() would read far more. */
    if (strcspn(value, " ,") < 3 || strchr("MTWFS", value[0]) == NULL) {
        return -1;
    }
    date = curl_getdate(value, NULL);
    if (date == -1) {
        return -1;
    }
    n = (int64_t)date - now;
    return n < 0 ? 0 : n > 86400 ? 86400 : n;
}

/* ---- name -> addresses ---------------------------------------------------------- */

/* Adds the address of REC to the list "a,b"; false if it is of a refused range. */
static bool pin_address(const struct net_scope *s, const struct net_dns_record *rec,
                        struct base_buf *list, size_t *n)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    bool is4 = inet_pton(AF_INET, rec->text, &four.sin_addr) == 1;
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&four;

    if (!is4) {
        if (inet_pton(AF_INET6, rec->text, &six.sin6_addr) != 1) {
            return false;
        }
        sa = (const struct sockaddr *)(const void *)&six;
    }
    if (!net_address_allowed(sa, s->private_networks, s->nprivate)) {
        return false;
    }
    base_buf_addf(list, is4 ? "%s%s" : "%s[%s]", *n > 0 ? "," : "", rec->text);
    (*n)++;
    return true;
}

/* "host:port:addresses" for CURLOPT_RESOLVE, so that libcurl asks nobody. */
static enum base_fail_class pin(const struct net_scope *s, struct base_arena *a,
                                const struct net_url *u, const char *only, char **entry,
                                struct base_fail *f)
{
    struct net_dns_answer ans;
    struct base_buf list;
    const char *refused = NULL;
    size_t n = 0;

    net_dns_addresses(s->resolver, u->host, a, &ans);
    if (ans.status == NET_DNS_TEMPFAIL) {
        return base_failf(f, BASE_TEMPORARY, "net.dns", "%s can't be looked up: %s", u->host,
                          ans.why);
    }
    if (ans.status == NET_DNS_NONE) {
        return base_failf(f, BASE_TEMPORARY, "net.nohost", "%s has no address", u->host);
    }
    base_buf_init(&list, 4096);
    for (size_t i = 0; i < ans.n && n < ADDRESSES; i++) {
        if (only != NULL && strcmp(only, ans.records[i].text) != 0) {
            continue;
        }
        if (!pin_address(s, &ans.records[i], &list, &n)) {
            refused = ans.records[i].text;
        }
    }
    *entry = base_arena_printf(a, "%s:%d:%s", u->host, u->port, base_buf_str(&list));
    base_buf_free(&list);
    if (n == 0 && refused == NULL) {
        return base_failf(f, BASE_TEMPORARY, "net.nohost", "%s has the address %s no more", u->host,
                          only != NULL ? only : "");
    }
    if (n == 0) {
        return base_failf(f, BASE_PERMANENT, "net.refused-address",
                          "%s has the address %s, which may not be reached", u->host, refused);
    }
    return BASE_OK;
}

/* ---- the request ------------------------------------------------------------------ */

static bool one_line(const char *s)
{
    return s[strcspn(s, "\r\n")] == '\0';
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = one_line(line) ? curl_slist_append(*list, line) : NULL;

    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

static void wipe_lines(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l != NULL; l = l->next) {
        explicit_bzero(l->data, strlen(l->data));
    }
    curl_slist_free_all(list);
}

/* NULL if a line is unusable. */
static struct curl_slist *header_lines(struct base_arena *a, const struct net_request *r)
{
    struct curl_slist *list = NULL;
    bool ok = add_line(&list, "Expect:");

    /* An empty field keeps libcurl from sending its default type. */
    ok = ok && add_line(&list, r->content_type == NULL
                                   ? "Content-Type:"
                                   : base_arena_printf(a, "Content-Type: %s", r->content_type));
    for (size_t i = 0; ok && i < r->nheaders; i++) {
        ok = add_line(&list, r->headers[i]);
    }
    if (!ok) {
        wipe_lines(list);
        return NULL;
    }
    return list;
}

static void set_method(CURL *easy, const struct net_request *r)
{
    bool get = r->method == NULL || strcmp(r->method, "GET") == 0;

    if (get || (r->body == NULL && strcmp(r->method, "DELETE") == 0)) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->nbody);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body != NULL ? r->body : "");
    }
    if (!get) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
}

/* Everything that is the same for all requests. */
static void harden(CURL *easy, const struct net_scope *s, bool plain)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT,
                     s->user_agent != NULL ? s->user_agent : "certmilter/" CERTMILTER_VERSION);
    if (s->bundle != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, s->bundle);
        /* Else the system's CAs would be trusted besides our bundle. */
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

static enum base_fail_class curl_failure(CURLcode rc, const struct net_exchange *x,
                                         const struct net_url *u, struct base_fail *f)
{
    const char *why = x->error[0] != '\0' ? x->error : curl_easy_strerror(rc);

    if (x->refused) {
        return base_failf(f, BASE_PERMANENT, "net.refused-address",
                          "%s has an address that may not be reached", u->host);
    }
    if (x->body.full) {
        return base_failf(f, BASE_PERMANENT, "net.body-cap", "%s sent more than %zu bytes", u->host,
                          x->body.max);
    }
    if (x->header_full) {
        return base_failf(f, BASE_PERMANENT, "net.header-cap",
                          "%s sent a header of more than %zu bytes", u->host, x->header_max);
    }
    switch (rc) {
    case CURLE_URL_MALFORMAT:
        return base_failf(f, BASE_PERMANENT, "net.url", "the URL can't be requested: %s", why);
    case CURLE_COULDNT_CONNECT:
        return base_failf(f, BASE_TEMPORARY, "net.connect", "%s port %d: %s", u->host, u->port,
                          why);
    case CURLE_OPERATION_TIMEDOUT:
        return base_failf(f, BASE_TEMPORARY, "net.timeout", "%s: %s", u->host, why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return base_failf(f, BASE_TEMPORARY, "net.tls", "%s: %s", u->host, why);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return base_failf(f, BASE_OURS, "net.internal", "%s: %s", u->host, why);
    default:
        return base_failf(f, BASE_TEMPORARY, "net.io", "%s: %s", u->host, why);
    }
}

static void finish(struct net_exchange *x, CURL *easy, const struct net_url *u)
{
    struct net_response *r = x->resp;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    if (x->body.n > 0) {
        unsigned char *copy = base_arena_alloc(x->arena, x->body.n + 1);
        memcpy(copy, x->body.p, x->body.n);
        r->body = (struct base_bytes){copy, x->body.n};
    }
    if (status >= 300 && status < 400 && r->location != NULL) {
        (void)net_url_resolve(x->arena, u->url, r->location, &r->redirect, NULL);
    }
}

/* The transfer itself, on a handle that is in its initial state. */
static enum base_fail_class transfer(CURL *easy, struct net_exchange *x,
                                     const struct net_request *r, const struct net_url *u,
                                     const char *pinned, int64_t deadline, bool kept,
                                     struct base_fail *f)
{
    struct curl_slist *lines = header_lines(x->arena, r);
    struct curl_slist *resolve = curl_slist_append(NULL, pinned);
    bool get = r->method == NULL || strcmp(r->method, "GET") == 0;
    int64_t left = deadline - base_mono_ms();
    enum base_fail_class cls;

    if (lines == NULL || resolve == NULL || (r->cookies != NULL && !one_line(r->cookies))) {
        cls = base_failf(f, BASE_OURS, "net.internal", "a header line of the request is unusable");
    } else if (left <= 0) {
        cls = base_failf(f, BASE_TEMPORARY, "net.timeout", "looking up %s took too long", u->host);
    } else {
        harden(easy, x->scope, r->plain);
        net_exchange_attach(x, easy);
        curl_easy_setopt(easy, CURLOPT_URL, u->url);
        curl_easy_setopt(easy, CURLOPT_RESOLVE, resolve);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
        curl_easy_setopt(easy, CURLOPT_COOKIE, r->cookies);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         (long)(r->connect_ms > 0 ? r->connect_ms : 5000));
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, kept && get ? 0L : 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, kept ? 0L : 1L);
        set_method(easy, r);
        CURLcode rc = curl_easy_perform(easy);
        finish(x, easy, u);
        cls = rc == CURLE_OK ? BASE_OK : curl_failure(rc, x, u, f);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    }
    wipe_lines(lines);
    curl_slist_free_all(resolve);
    return cls;
}

/* A plain request's URL, held against its hosts. */
static enum base_fail_class plain_url(struct base_arena *a, const struct net_request *r,
                                      struct net_url *u, struct base_fail *f)
{
    struct net_host h;

    if (!net_plain_host(a, r->url, &h)) {
        return base_failf(f, BASE_PERMANENT, "net.url", "the URL isn't a plain http URL");
    }
    for (size_t i = 0; i < r->nhosts; i++) {
        if (r->hosts[i].port == h.port && base_ascii_caseeq(r->hosts[i].name, h.name)) {
            const char *slash = strchr(r->url + 7, '/');
            *u = (struct net_url){
                .url = r->url, .host = h.name, .port = h.port, .path = slash != NULL ? slash : "/"};
            return BASE_OK;
        }
    }
    return base_failf(f, BASE_PERMANENT, "net.url", "%s port %d isn't one of the allowed hosts",
                      h.name, h.port);
}

enum base_fail_class net_http(const struct net_scope *s, const struct net_request *r,
                              struct net_http_conn *conn, struct base_arena *a,
                              struct net_response *resp, struct base_fail *f)
{
    int64_t deadline = base_mono_ms() + (r->total_ms > 0 ? r->total_ms : 30000);
    struct net_exchange x = {.scope = s, .arena = a, .resp = resp};
    enum base_fail_class cls;
    struct net_url u;
    char *pinned = NULL;
    CURL *easy;

    *resp = (struct net_response){.retry_after = -1, .body = {(const unsigned char *)"", 0}};
    cls = r->plain ? plain_url(a, r, &u, f)
                   : net_url_check(a, r->url, r->hosts, r->nhosts, &u, f);
    if (cls != BASE_OK) {
        return cls;
    }
    resp->url = u.url;
    cls = pin(s, a, &u, r->address, &pinned, f);
    if (cls != BASE_OK) {
        return cls;
    }
    if (conn != NULL && conn->easy != NULL) {
        easy = conn->easy;
        curl_easy_reset(easy);
    } else {
        easy = curl_easy_init();
    }
    if (easy == NULL) {
        return base_failf(f, BASE_OURS, "net.internal", "libcurl has no handle for us");
    }
    base_buf_init(&x.body, r->body_max > 0 ? r->body_max : NET_BODY_PAGE);
    x.header_max = r->header_max > 0 ? r->header_max : HEADER_MAX;
    cls = transfer(easy, &x, r, &u, pinned, deadline, conn != NULL, f);
    base_buf_free(&x.body);
    if (conn != NULL) {
        conn->easy = easy;
    } else {
        curl_easy_cleanup(easy);
    }
    return cls;
}
