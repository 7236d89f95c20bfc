/* base/ipc.c - sockets, connections and packets of base/ipc.h.
 *
 * A message is one packet; what a packet means is in ipc_message.c. Buffers
 * are wiped, as a message may hold a passphrase. Descriptors that a peer sends
 * along are closed whatever happens. */
#include "ipc.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arena.h"
#include "clock.h"
#include "ipc_message.h"

#define BACKLOG 64
#define FDS_MAX 8 /* room for more descriptors than the one that is allowed */

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static bool address(const char *path, struct sockaddr_un *sa)
{
    size_t n = strlen(path);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof sa->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(sa->sun_path, path, n);
    return true;
}

/* An old socket goes away; false with errno if something else is in its place. */
static bool make_room(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT;
    }
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    return unlink(path) == 0;
}

enum base_fail_class base_ipc_listen(const char *path, mode_t mode, int *fd, struct base_fail *f)
{
    struct sockaddr_un sa;
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    *fd = -1;
    if (s >= 0 && address(path, &sa) && make_room(path)) {
        mode_t before = umask(~mode & 0777);
        int bound = bind(s, (struct sockaddr *)&sa, sizeof sa);
        umask(before);
        if (bound == 0 && listen(s, BACKLOG) == 0) {
            *fd = s;
            return BASE_OK;
        }
    }
    int e = errno;
    if (s >= 0) {
        (void)close(s);
    }
    return base_failf(f, BASE_OURS, "ipc.listen", "can't listen at %s: %s", path, strerror(e));
}

enum base_fail_class base_ipc_connect(const char *path, int timeout_ms, int *fd,
                                      struct base_fail *f)
{
    const struct timeval forever = {0, 0};
    struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000L};
    struct sockaddr_un sa;

    *fd = -1;
    if (timeout_ms <= 0) {
        limit = (struct timeval){.tv_usec = timeout_ms == 0 ? 1000 : 0};
    }
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    /* SO_SNDTIMEO limits the wait for a place in the listener's queue */
    if (s >= 0 && address(path, &sa) &&
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(s, (struct sockaddr *)&sa, sizeof sa) == 0 &&
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof forever) == 0) {
        *fd = s;
        return BASE_OK;
    }
    int e = errno;
    if (s >= 0) {
        (void)close(s);
    }
    return base_failf(f, BASE_TEMPORARY, "ipc.connect", "can't reach %s: %s", path,
                      e == EAGAIN ? "nobody answers" : strerror(e));
}

bool base_ipc_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 || n != sizeof who) {
        return false;
    }
    if (uid != NULL) {
        *uid = who.uid;
    }
    if (gid != NULL) {
        *gid = who.gid;
    }
    if (pid != NULL) {
        *pid = who.pid;
    }
    return true;
}

/* Waits until FD is ready; DEADLINE by base_mono_ms(), negative = none. */
static enum base_fail_class wait_for(int fd, short events, int64_t deadline, struct base_fail *f)
{
    for (;;) {
        struct pollfd p = {fd, events, 0};
        int64_t left = deadline < 0 ? -1 : deadline - base_mono_ms();
        if (deadline >= 0 && left < 0) {
            left = 0;
        }
        int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0) {
            return BASE_OK;
        }
        if (n == 0) {
            return base_failf(f, BASE_TEMPORARY, "ipc.timeout", "the peer did not %s in time",
                              events == POLLIN ? "answer" : "take the message");
        }
        if (errno != EINTR) {
            return base_failf(f, BASE_OURS, "ipc.io", "poll: %s", strerror(errno));
        }
    }
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : base_mono_ms() + timeout_ms;
}

static enum base_fail_class packet_failed(int e, struct base_fail *f)
{
    if (e == EPIPE || e == ECONNRESET || e == ENOTCONN) {
        return base_failf(f, BASE_TEMPORARY, "ipc.closed", "the peer closed the connection");
    }
    return base_failf(f, BASE_OURS, "ipc.io", "the socket failed: %s", strerror(e));
}

/* Sends one packet, with a descriptor if PASS >= 0. */
static enum base_fail_class send_packet(int fd, const void *p, size_t n, int pass, int timeout_ms,
                                        struct base_fail *f)
{
    struct iovec iov = {(void *)p, n};
    union control ctl = {0};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int64_t deadline = deadline_of(timeout_ms);

    if (pass >= 0) {
        m.msg_control = ctl.space;
        m.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass, sizeof pass);
    }
    for (;;) {
        if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return BASE_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return packet_failed(errno, f);
        }
        enum base_fail_class r = wait_for(fd, POLLOUT, deadline, f);
        if (r != BASE_OK) {
            return r;
        }
    }
}

enum base_fail_class base_ipc_send(int fd, const json_t *msg, int timeout_ms, struct base_fail *f)
{
    struct base_ipc_packet k;
    enum base_fail_class r = base_ipc_encode(msg, &k, f);

    if (r == BASE_OK) {
        r = send_packet(fd, k.text, k.n, k.memfd, timeout_ms, f);
    }
    base_ipc_packet_free(&k);
    return r;
}

/* Takes the descriptors out of a received message: the first is given, the
 * others are closed. Returns how many there were. */
static size_t take_fds(struct msghdr *m, int *first)
{
    size_t count = 0;

    *first = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count++ == 0) {
                *first = fd;
            } else {
                (void)close(fd);
            }
        }
    }
    return count;
}

/* Receives one packet into BUF (BASE_IPC_MAX bytes). *pass: a descriptor or -1. */
static enum base_fail_class recv_packet(int fd, char *buf, size_t *n, int *pass, int timeout_ms,
                                        struct base_fail *f)
{
    int64_t deadline = deadline_of(timeout_ms);

    *pass = -1;
    for (;;) {
        union control ctl = {0};
        struct iovec iov = {buf, BASE_IPC_MAX};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = ctl.space,
                           .msg_controllen = sizeof ctl.space};
        ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            enum base_fail_class r = wait_for(fd, POLLIN, deadline, f);
            if (r != BASE_OK) {
                return r;
            }
            continue;
        }
        if (got < 0) {
            return packet_failed(errno, f);
        }
        size_t fds = take_fds(&m, pass);
        if (got == 0 && fds == 0) {
            return packet_failed(EPIPE, f);
        }
        *n = (size_t)got;
        if (fds <= 1 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
            return BASE_OK;
        }
        if (*pass >= 0) {
            (void)close(*pass);
            *pass = -1;
        }
        return base_failf(f, BASE_PERMANENT, "ipc.message",
                          "a packet of more than %d bytes or with several descriptors",
                          BASE_IPC_MAX);
    }
}

enum base_fail_class base_ipc_recv(int fd, int timeout_ms, json_t **msg, struct base_fail *f)
{
    char *buf = base_xmalloc(BASE_IPC_MAX);
    size_t n = 0;
    int pass;

    *msg = NULL;
    enum base_fail_class r = recv_packet(fd, buf, &n, &pass, timeout_ms, f);
    if (r == BASE_OK) {
        r = base_ipc_decode(buf, n, pass, msg, f);
    }
    if (pass >= 0) {
        (void)close(pass);
    }
    explicit_bzero(buf, n);
    free(buf);
    return r;
}

enum base_fail_class base_ipc_call(const char *path, const json_t *req, int timeout_ms,
                                   json_t **answer, struct base_fail *f)
{
    int fd;

    *answer = NULL;
    enum base_fail_class r = base_ipc_connect(path, timeout_ms, &fd, f);
    if (r != BASE_OK) {
        return r;
    }
    r = base_ipc_send(fd, req, timeout_ms, f);
    if (r == BASE_OK) {
        r = base_ipc_recv(fd, timeout_ms, answer, f);
    }
    (void)close(fd);
    return r;
}
