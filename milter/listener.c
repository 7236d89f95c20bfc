/* milter/listener.c - see listener.h.
 *
 * libmilter always gets "fd:N". Its own way of opening sockets can't drain,
 * sets no mode before bind, and looks up names. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"

static enum base_fail_class bad_spec(const char *spec, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "socket.spec",
                      "\"%s\": expected unix:PATH, inet:PORT@ADDRESS, inet6:PORT@ADDRESS or fd:N",
                      spec);
}

/* "fd:3": it must be listening already. */
static enum base_fail_class open_fd(const char *spec, const char *number,
                                    struct milter_listener *l, struct base_fail *f)
{
    int64_t fd;
    int listening = 0;
    socklen_t n = sizeof listening;
    if (!base_parse_int(number, 3, 1023, &fd))
        return bad_spec(spec, f);
    if (getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 || !listening)
        return base_failf(f, BASE_PERMANENT, "socket.listen",
                          "%s: no listening socket was passed in", spec);
    l->fd = (int)fd;
    return BASE_OK;
}

/* A path that nobody answers at may be taken; false if somebody does, or if it
 * isn't a socket. */
static bool path_is_free(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered = fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof *a) == 0;
    bool refused = !answered && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (refused)
        return unlink(a->sun_path) == 0;
    errno = EADDRINUSE;
    return false;
}

static enum base_fail_class open_unix(const char *path, mode_t mode, struct milter_listener *l,
                                      struct base_fail *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (*path != '/' || strlen(path) >= sizeof a.sun_path || strlen(path) >= sizeof l->path)
        return base_failf(f, BASE_PERMANENT, "socket.spec",
                          "\"%s\": expected an absolute path of less than %zu bytes", path,
                          sizeof a.sun_path);
    strcpy(a.sun_path, path);
    struct stat st;
    int fd = -1;
    mode_t old = umask(0777 & ~mode);
    bool ok = path_is_free(&a) && (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0 &&
              bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, SOMAXCONN) == 0 &&
              lstat(path, &st) == 0;
    int e = errno;
    umask(old);
    if (!ok) {
        if (fd >= 0)
            close(fd);
        errno = e;
        return base_failf(f, BASE_PERMANENT, "socket.listen", "unix:%s: %m", path);
    }
    l->fd = fd;
    strcpy(l->path, path);
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return BASE_OK;
}

static enum base_fail_class open_inet(const char *spec, const char *rest, int family,
                                      struct milter_listener *l, struct base_fail *f)
{
    char port_text[8];
    const char *at = strchr(rest, '@');
    int64_t port;
    if (!at || (size_t)(at - rest) >= sizeof port_text)
        return bad_spec(spec, f);
    memcpy(port_text, rest, (size_t)(at - rest));
    port_text[at - rest] = 0;
    if (!base_parse_int(port_text, 1, 65535, &port))
        return bad_spec(spec, f);

    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const char *host = at + 1;
    if (strcmp(host, "localhost") == 0)
        host = family == AF_INET ? "127.0.0.1" : "::1";
    if (inet_pton(family, host, family == AF_INET ? (void *)&in.sin_addr : (void *)&in6.sin6_addr) != 1)
        return bad_spec(spec, f);

    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
    socklen_t len = family == AF_INET ? sizeof in : sizeof in6;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, sa, len) != 0 || listen(fd, SOMAXCONN) != 0) {
        base_failf(f, BASE_PERMANENT, "socket.listen", "%s: %m", spec);
        if (fd >= 0)
            close(fd);
        return BASE_PERMANENT;
    }
    l->fd = fd;
    return BASE_OK;
}

enum base_fail_class milter_listener_open(const char *spec, mode_t mode,
                                          struct milter_listener *l, struct base_fail *f)
{
    *l = (struct milter_listener){.fd = -1};
    if (strncmp(spec, "fd:", 3) == 0)
        return open_fd(spec, spec + 3, l, f);
    if (strncmp(spec, "unix:", 5) == 0)
        return open_unix(spec + 5, mode, l, f);
    if (strncmp(spec, "local:", 6) == 0)
        return open_unix(spec + 6, mode, l, f);
    if (strncmp(spec, "inet:", 5) == 0)
        return open_inet(spec, spec + 5, AF_INET, l, f);
    if (strncmp(spec, "inet6:", 6) == 0)
        return open_inet(spec, spec + 6, AF_INET6, l, f);
    return bad_spec(spec, f);
}

enum base_fail_class milter_listener_close(struct milter_listener *l, struct base_fail *f)
{
    struct stat st;
    int pair[2];
    if (l->path[0] && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    /* Both ends stay open, nothing is ever written: poll(2) never reports it. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        dup2(pair[0], l->fd) < 0)
        return base_failf(f, BASE_OURS, "socket.close", "can't stop listening: %m");
    return BASE_OK;
}
