/* dcv/fetch.c - looking at a validation's file as the CA does.
 *
 * The CA/Browser Forum's rules for this method (baseline requirements 3.2.2.4.18):
 * below /.well-known/pki-validation of the exact name, http or https on an authorized port,
 * redirects by 301, 302, 307 and 308 only. One address of several that shows something else may
 * be the very one that the CA asks, so each is asked. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "http.h"
#include "net/dns.h"

#define TOTAL_MS 10000
#define ADDRESSES 8

const char *dcv_http_url(struct base_arena *a, const char *domain, const char *name)
{
    return base_arena_printf(a, "http://%s/" CA_DCV_DIRECTORY "/%s", domain, name);
}

/* The host of an absolute http or https URL on one of PORTS. */
static bool target_of(struct base_arena *a, struct dcv_ports ports, const char *url, bool *plain,
                      struct net_host *host)
{
    struct net_host https;
    struct net_url parsed;
    char *copy;

    *plain = net_plain_host(a, url, host);
    if (*plain) {
        return host->port == ports.http;
    }
    if (strncmp(url, "https://", 8) != 0 || strlen(url) > NET_URL_MAX) {
        return false;
    }
    /* the name as the URL gives it; net_url_check() then says whether the whole is in order */
    size_t n = strcspn(url + 8, ":/?#");
    copy = base_arena_strndup(a, url + 8, n);
    base_ascii_lower(copy);
    https = (struct net_host){.name = copy, .port = ports.https};
    if (n == 0 || net_url_check(a, url, &https, 1, &parsed, NULL) != BASE_OK) {
        return false;
    }
    *host = https;
    return true;
}

enum base_fail_class dcv_http_step(struct base_arena *a, struct dcv_ports ports, int status,
                                   const char *redirect, int hops, const char **next, bool *plain,
                                   struct net_host *host, struct base_fail *f)
{
    bool moved = status == 301 || status == 302 || status == 307 || status == 308;

    *next = NULL;
    if (status >= 200 && status < 300) {
        return BASE_OK;
    }
    if (!moved) {
        return base_failf(f, BASE_TEMPORARY, "dcv.http", "the answer is %d, expected 200", status);
    }
    if (hops >= DCV_HTTP_REDIRECTS) {
        return base_failf(f, BASE_TEMPORARY, "dcv.http", "more than %d redirects",
                          DCV_HTTP_REDIRECTS);
    }
    if (redirect == NULL || !target_of(a, ports, redirect, plain, host)) {
        return base_failf(f, BASE_TEMPORARY, "dcv.http",
                          "a redirect leads to \"%s\": CAs follow http on port 80 and https on port "
                          "443 to a host's name, nothing else",
                          redirect != NULL ? base_printable(a, redirect, strlen(redirect), 100) : "");
    }
    *next = redirect;
    return BASE_OK;
}

static bool same(const struct base_bytes *body, const char *value)
{
    size_t n = body->n;

    while (n > 0 && strchr(" \t\r\n", body->p[n - 1]) != NULL && body->p[n - 1] != '\0') {
        n--;
    }
    return n == strlen(value) && memcmp(body->p, value, n) == 0;
}

/* One way: from URL on, the first request at ADDRESS. */
static enum base_fail_class follow(const struct net_scope *s, struct dcv_ports ports,
                                   const char *url, const char *address, const char *value,
                                   struct base_arena *a, struct base_fail *f)
{
    struct net_host host;
    bool plain;

    if (!target_of(a, ports, url, &plain, &host)) {
        return base_failf(f, BASE_PERMANENT, "dcv.http", "%.80s can't be asked for a file", url);
    }
    for (int hops = 0;; hops++) {
        struct net_request r = {.url = url,
                                .hosts = &host,
                                .nhosts = 1,
                                .plain = plain,
                                .address = hops == 0 ? address : NULL,
                                .body_max = DCV_HTTP_BODY,
                                .total_ms = TOTAL_MS};
        struct net_response resp;
        const char *next;
        enum base_fail_class cls = net_http(s, &r, NULL, a, &resp, f);
        if (cls == BASE_OK) {
            cls = dcv_http_step(a, ports, resp.status, resp.redirect, hops, &next, &plain, &host, f);
        }
        if (cls != BASE_OK) {
            return cls;
        }
        if (next == NULL) {
            return same(&resp.body, value)
                       ? BASE_OK
                       : base_failf(f, BASE_TEMPORARY, "dcv.http",
                                    "the file there holds something else than the CA's value");
        }
        url = next;
    }
}

/* Both schemes at one address: nobody at port 80 leaves 443. */
static enum base_fail_class at_address(const struct net_scope *s, struct dcv_ports ports,
                                       const char *domain, const char *name, const char *value,
                                       const char *address, struct base_arena *a,
                                       struct base_fail *f)
{
    struct base_fail plain = {0}, tls = {0};
    const char *port = ports.http != 80 ? base_arena_printf(a, ":%d", ports.http) : "";
    const char *tport = ports.https != 443 ? base_arena_printf(a, ":%d", ports.https) : "";
    const char *path = CA_DCV_DIRECTORY;

    if (follow(s, ports, base_arena_printf(a, "http://%s%s/%s/%s", domain, port, path, name), address,
               value, a, &plain) == BASE_OK) {
        return BASE_OK;
    }
    if (strncmp(plain.code, "net.", 4) != 0) {
        return base_failf(f, BASE_TEMPORARY, "dcv.http", "%s at %s: %s", dcv_http_url(a, domain, name),
                          address, plain.text);
    }
    if (follow(s, ports, base_arena_printf(a, "https://%s%s/%s/%s", domain, tport, path, name),
               address, value, a, &tls) == BASE_OK) {
        return BASE_OK;
    }
    return base_failf(f, BASE_TEMPORARY, "dcv.http", "%s at %s: port 80: %s; port 443: %s",
                      dcv_http_url(a, domain, name), address, plain.text, tls.text);
}

/* No way from this host to an IPv6 address: the CA may have one, we can't tell. */
static bool no_way(const char *address)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    int fd;

    if (inet_pton(AF_INET6, address, &six.sin6_addr) != 1) {
        return false;
    }
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* nothing is sent */
    bool none = fd < 0 || (connect(fd, (struct sockaddr *)&six, sizeof six) != 0 &&
                           (errno == ENETUNREACH || errno == EADDRNOTAVAIL));
    if (fd >= 0) {
        close(fd);
    }
    return none;
}

enum base_fail_class dcv_http_shown(const struct net_scope *s, struct dcv_ports ports,
                                    const char *domain, const char *name, const char *value,
                                    struct base_arena *a, struct base_fail *f)
{
    struct net_dns_answer ans;
    enum base_fail_class cls = BASE_OK;
    size_t asked = 0;

    net_dns_addresses(s->resolver, domain, a, &ans);
    if (ans.status != NET_DNS_RECORD) {
        return base_failf(f, BASE_TEMPORARY, "dcv.http", "%s %s", domain,
                          ans.status == NET_DNS_NONE ? "has no address, so no web server"
                                                     : "can't be looked up now");
    }
    for (size_t i = 0; cls == BASE_OK && i < ans.n && asked < ADDRESSES; i++) {
        if (!no_way(ans.records[i].text)) {
            cls = at_address(s, ports, domain, name, value, ans.records[i].text, a, f);
            asked++;
        }
    }
    if (cls == BASE_OK && asked == 0) {
        cls = base_failf(f, BASE_TEMPORARY, "dcv.http",
                         "%s has IPv6 addresses only, and this host has no way to them", domain);
    }
    return cls;
}
