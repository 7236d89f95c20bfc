/* inspect/spawn.c - the agent's end of the spawner.
 *
 * Owns, for the process, the spawner in use and those whose time is over but
 * whose last children still run. A mutex is held for a request: the time of a fork, or,
 * for the first request, of loading. A spawner that fails costs nothing but
 * time: the input at hand is given to a program that is executed, and a new
 * spawner is started, at most once a second. */
#include "spawn.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "client.h"
#include "spawner.h"

#define PAUSE_MS 1000 /* between two starts, unless the one before served its time */
#define ANSWER_SECONDS 5

struct spawner {
    struct base_child child;
    int socket;
    struct spawner *next;
};

static struct {
    pthread_mutex_t lock;
    char *program;        /* NULL: there are no spawners */
    struct spawner *live; /* NULL: none now */
    struct spawner *old;  /* each ends by itself, at the latest when its children's time is up */
    int64_t not_before;   /* base_mono_ms() */
} s = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void bury_old(void)
{
    for (struct spawner **p = &s.old; *p != NULL;) {
        struct spawner *one = *p;

        if (base_child_ended(&one->child)) {
            *p = one->next;
            free(one);
        } else {
            p = &one->next;
        }
    }
}

/* Its children may still talk to somebody: it is left to end by itself. */
static void retire(void)
{
    (void)close(s.live->socket);
    s.live->next = s.old;
    s.old = s.live;
    s.live = NULL;
}

static void drop_hanging(void)
{
    (void)close(s.live->socket);
    base_child_free(&s.live->child);
    free(s.live);
    s.live = NULL;
}

static void begin(void)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    char *const argv[] = {(char *)"certinspect", (char *)INSPECT_SPAWNER_ARGUMENT, NULL};
    int ends[2];
    struct base_fail f;

    if (base_mono_ms() < s.not_before) {
        return;
    }
    s.not_before = base_mono_ms() + PAUSE_MS;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    struct spawner *new = base_xmalloc(sizeof(*new));
    const struct base_child_limits lim = {.stdin_fd = ends[1]};
    enum base_fail_class r = base_child_start(&new->child, s.program, argv, &lim, &f);

    (void)close(ends[1]);
    if (r != BASE_OK) {
        base_log_fail(LOG_ERR, "inspect.spawner", &f, NULL);
        (void)close(ends[0]);
        free(new);
        return;
    }
    (void)setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    new->socket = ends[0];
    s.live = new;
}

/* Sends the request; false with errno. */
static bool request(int fd, const int theirs[3])
{
    char byte = 0;
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control = {.room = {0}};
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    ssize_t n;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(3 * sizeof(int));
    memcpy(CMSG_DATA(c), theirs, 3 * sizeof(int));
    do {
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

/* The answer byte, 0 if the socket is closed, -1 with errno. */
static int response(int fd, int *pidfd)
{
    unsigned char byte = 0;
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n;

    *pidfd = -1;
    do {
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return (int)n;
    }
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(pidfd, CMSG_DATA(c), sizeof(int));
    }
    return byte;
}

/* With the lock held. */
static void ask(const int theirs[3], int *pidfd)
{
    int what = request(s.live->socket, theirs) ? response(s.live->socket, pidfd) : -1;

    if (what < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        base_log(LOG_ERR, "inspect.spawner", "reason", "no answer", NULL);
        drop_hanging();
    } else if (what == INSPECT_SPAWNED_LAST) {
        retire();
        s.not_before = 0;
    } else if (what <= 0) {
        base_log(LOG_WARNING, "inspect.spawner", "reason", "it ended", NULL);
        retire();
    }
}

static enum base_fail_class make(void *ctx, const int theirs[3], int *pidfd, struct base_fail *f)
{
    const char *program = ctx;

    *pidfd = -1;
    (void)pthread_mutex_lock(&s.lock);
    bury_old();
    if (s.program != NULL && strcmp(s.program, program) == 0) {
        if (s.live == NULL) {
            begin();
        }
        if (s.live != NULL) {
            ask(theirs, pidfd);
        }
    }
    (void)pthread_mutex_unlock(&s.lock);
    return *pidfd >= 0 ? BASE_OK : base_failf(f, BASE_TEMPORARY, "inspect.spawner", "no spawner");
}

enum base_fail_class inspect_spawn(struct base_child *c, const char *program,
                                   const struct base_child_limits *lim, struct base_fail *f)
{
    char *const argv[] = {(char *)"certinspect", NULL};

    if (base_child_adopt(c, make, (void *)program, lim, NULL) == BASE_OK) {
        return BASE_OK;
    }
    base_child_free(c);
    return base_child_start(c, program, argv, lim, f);
}

void inspect_spawner_start(const char *program)
{
    (void)pthread_mutex_lock(&s.lock);
    if (s.program == NULL) {
        s.program = base_xstrdup(program);
        begin();
    }
    (void)pthread_mutex_unlock(&s.lock);
}
