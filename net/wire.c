/* net/wire.c - one DNS message to one server and its answer.
 *
 * Sockets are non-blocking and every wait ends at one deadline, so that a server
 * that sends a byte now and then can't hold a thread. Fails as wire.h says. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"

struct wire {
    int fd;
    int64_t deadline;
    const char *server;
};

static bool parse_server(const char *s, struct sockaddr_storage *ss, socklen_t *len)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)ss;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)ss;
    char ip[64];
    const char *at = strchr(s, '@');
    size_t n = at != NULL ? (size_t)(at - s) : strlen(s);
    int64_t port = 53;

    if (n >= sizeof ip || (at != NULL && !base_parse_int(at + 1, 1, 65535, &port))) {
        return false;
    }
    memcpy(ip, s, n);
    ip[n] = '\0';
    memset(ss, 0, sizeof *ss);
    if (inet_pton(AF_INET, ip, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *len = sizeof *four;
        return true;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    *len = sizeof *six;
    return inet_pton(AF_INET6, ip, &six->sin6_addr) == 1;
}

static enum base_fail_class failed(const struct wire *w, const char *what, struct base_fail *f)
{
    bool route = errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EAFNOSUPPORT ||
                 errno == EADDRNOTAVAIL;

    return base_failf(f, BASE_TEMPORARY, route ? "net.wire.route" : "net.wire", "%s %s: %s",
                      w->server, what, errno == ETIMEDOUT ? "no answer in time" : strerror(errno));
}

/* Until FD is ready for EVENTS; false with errno at the deadline. */
static bool ready(const struct wire *w, short events)
{
    struct pollfd p = {.fd = w->fd, .events = events};

    for (;;) {
        int64_t left = w->deadline - base_mono_ms();
        int rc = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (rc > 0) {
            return true;
        }
        if (rc == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

static bool send_all(const struct wire *w, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(w->fd, p, n, MSG_NOSIGNAL);
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        } else if (k < 0 && errno != EINTR && (errno != EAGAIN || !ready(w, POLLOUT))) {
            return false;
        }
    }
    return true;
}

static bool receive_all(const struct wire *w, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t k = recv(w->fd, p, n, 0);
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        } else if (k == 0) {
            errno = ECONNRESET;
            return false;
        } else if (errno != EINTR && (errno != EAGAIN || !ready(w, POLLIN))) {
            return false;
        }
    }
    return true;
}

static bool tcp_connect(const struct wire *w, const struct sockaddr_storage *ss, socklen_t len)
{
    int error = 0;
    socklen_t n = sizeof error;

    if (connect(w->fd, (const struct sockaddr *)ss, len) == 0) {
        return true;
    }
    if (errno != EINPROGRESS || !ready(w, POLLOUT)) {
        return false;
    }
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
        errno = error != 0 ? error : errno;
        return false;
    }
    return true;
}

static enum base_fail_class over_tcp(const struct wire *w, const uint8_t *msg, size_t n,
                                     uint8_t **answer, size_t *nanswer, struct base_fail *f)
{
    uint8_t head[2] = {(uint8_t)(n >> 8), (uint8_t)n};

    if (!send_all(w, head, 2) || !send_all(w, msg, n) || !receive_all(w, head, 2)) {
        return failed(w, "doesn't answer", f);
    }
    *nanswer = (size_t)head[0] << 8 | head[1];
    *answer = base_xmalloc(*nanswer + 1);
    if (!receive_all(w, *answer, *nanswer)) {
        return failed(w, "broke off its answer", f);
    }
    if (*nanswer < 12 || memcmp(*answer, msg, 2) != 0) {
        return base_failf(f, BASE_TEMPORARY, "net.wire", "%s answered something else", w->server);
    }
    return BASE_OK;
}

/* Datagrams with another id are somebody's guesses. */
static enum base_fail_class over_udp(const struct wire *w, const uint8_t *msg, size_t n,
                                     uint8_t **answer, size_t *nanswer, struct base_fail *f)
{
    if (!send_all(w, msg, n)) {
        return failed(w, "can't be asked", f);
    }
    *answer = base_xmalloc(NET_WIRE_MAX);
    for (;;) {
        if (!ready(w, POLLIN)) {
            return failed(w, "doesn't answer", f);
        }
        ssize_t k = recv(w->fd, *answer, NET_WIRE_MAX, 0);
        if (k >= 12 && memcmp(*answer, msg, 2) == 0) {
            *nanswer = (size_t)k;
            return BASE_OK;
        }
        if (k < 0 && errno != EAGAIN && errno != EINTR) {
            return failed(w, "doesn't answer", f);
        }
    }
}

enum base_fail_class net_wire_exchange(const char *server, bool tcp, const uint8_t *msg, size_t n,
                                       int ms, uint8_t **answer, size_t *nanswer,
                                       struct base_fail *f)
{
    struct wire w = {.deadline = base_mono_ms() + ms, .server = server};
    struct sockaddr_storage ss;
    socklen_t len = 0;
    enum base_fail_class cls;

    *answer = NULL;
    *nanswer = 0;
    if (!parse_server(server, &ss, &len) || n < 12 || n > NET_WIRE_MAX) {
        return base_failf(f, BASE_PERMANENT, "net.wire.server",
                          "\"%.80s\": expected an IP address or ADDRESS@PORT", server);
    }
    w.fd = socket(ss.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w.fd < 0) {
        return failed(&w, "can't be reached", f);
    }
    if (!tcp_connect(&w, &ss, len)) {
        cls = failed(&w, "can't be reached", f);
    } else {
        cls = tcp ? over_tcp(&w, msg, n, answer, nanswer, f)
                  : over_udp(&w, msg, n, answer, nanswer, f);
    }
    close(w.fd);
    if (cls != BASE_OK) {
        free(*answer);
        *answer = NULL;
    }
    return cls;
}
