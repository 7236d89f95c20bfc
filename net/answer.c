/* net/answer.c - an answer as it arrives: header fields, body, peer.
 *
 * libcurl calls these functions. They count every byte and stop the transfer
 * at the caps; they also refuse addresses, first when a socket is wanted, then
 * when the connection stands and before the request leaves. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "exchange.h"

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct net_exchange *x = arg;

    return base_buf_add(&x->body, p, size * n) ? size * n : 0;
}

/* If LINE is the field NAME, its value without surrounding blanks. */
static const char *field(struct net_exchange *x, const char *line, size_t n, const char *name)
{
    size_t k = strlen(name);

    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0) {
        return NULL;
    }
    for (line += k + 1, n -= k + 1; n > 0 && (*line == ' ' || *line == '\t'); n--) {
        line++;
    }
    while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL) {
        n--;
    }
    return base_arena_strndup(x->arena, line, n);
}

static void start_of_answer(struct net_response *r)
{
    r->content_type = NULL;
    r->location = NULL;
    r->retry_after = -1;
    r->ncookies = 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct net_exchange *x = arg;
    struct net_response *r = x->resp;
    const char *v;

    n *= size;
    x->header_bytes += n;
    if (x->header_bytes > x->header_max) {
        x->header_full = true;
        return 0;
    }
    if (memchr(p, '\0', n) != NULL) {
        return n; /* no field that we take holds a NUL */
    }
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        start_of_answer(r); /* after a 1xx answer the real one follows */
    } else if ((v = field(x, p, n, "content-type")) != NULL) {
        r->content_type = v;
    } else if ((v = field(x, p, n, "location")) != NULL) {
        r->location = v;
    } else if ((v = field(x, p, n, "retry-after")) != NULL) {
        r->retry_after = net_retry_after(v, base_now());
    } else if ((v = field(x, p, n, "set-cookie")) != NULL && r->ncookies < NET_COOKIES) {
        r->cookies[r->ncookies++] = v;
    }
    return n;
}

static bool address_ok(const struct net_exchange *x, const struct sockaddr *sa)
{
    return net_address_allowed(sa, x->scope->private_networks, x->scope->nprivate);
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct net_exchange *x = arg;

    if (purpose != CURLSOCKTYPE_IPCXN || !address_ok(x, &addr->addr)) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

static int on_prereq(void *arg, char *ip, char *local, int port, int local_port)
{
    struct net_exchange *x = arg;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    const struct sockaddr *sa = NULL;

    (void)local;
    (void)local_port;
    if (inet_pton(AF_INET, ip, &four.sin_addr) == 1) {
        sa = (const struct sockaddr *)(const void *)&four;
    } else if (inet_pton(AF_INET6, ip, &six.sin6_addr) == 1) {
        sa = (const struct sockaddr *)(const void *)&six;
    }
    if (sa == NULL || !address_ok(x, sa)) {
        x->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    x->resp->peer = base_arena_printf(x->arena, "%s@%d", ip, port);
    x->resp->sent = true;
    return CURL_PREREQFUNC_OK;
}

void net_exchange_attach(struct net_exchange *x, CURL *easy)
{
    x->resp->cookies = base_arena_array(x->arena, NET_COOKIES, sizeof *x->resp->cookies);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
}
