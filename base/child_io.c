/* base/child_io.c - talking to a running child until it ends.
 *
 * Reading and writing share one poll(2), so a child that prints before it has
 * read everything never blocks us, nor we it. When the deadline passes or it
 * prints too much, its whole process group is killed at once; base_child_end()
 * still reaps it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"

#define READ_SIZE 16384
#define PIPE_FULL 65536

static enum base_fail_class timed_out(struct base_child *c, struct base_fail *f)
{
    base_child_kill(c);
    c->late = true;
    return base_failf(f, BASE_TEMPORARY, "child.timeout", "the program did not end in time");
}

static enum base_fail_class io_failed(struct base_child *c, const char *what, struct base_fail *f)
{
    base_child_kill(c);
    return base_failf(f, BASE_OURS, "child.io", "%s: %s", what, strerror(errno));
}

/* Takes what is there on stderr; only the first 4 KiB are kept. At most one
 * pipe full at a time, or a child that never stops printing would hold us past
 * the deadline. */
static void take_err(struct base_child *c)
{
    char chunk[READ_SIZE];

    for (int i = 0; i < PIPE_FULL / READ_SIZE; i++) {
        ssize_t got = read(c->err, chunk, sizeof chunk);
        if (got > 0) {
            size_t room = c->errbuf.max - c->errbuf.n;
            (void)base_buf_add(&c->errbuf, chunk, (size_t)got < room ? (size_t)got : room);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            (void)close(c->err);
            c->err = -1;
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

/* Takes what is there on stdout. */
static enum base_fail_class take_out(struct base_child *c, size_t out_max, struct base_fail *f)
{
    for (;;) {
        (void)base_buf_reserve(&c->outbuf, READ_SIZE);
        ssize_t got = read(c->out, c->outbuf.p + c->outbuf.n, READ_SIZE);
        if (got > 0) {
            c->outbuf.n += (size_t)got;
            c->outbuf.p[c->outbuf.n] = 0;
            if (c->outbuf.n > out_max) {
                base_child_kill(c);
                return base_failf(f, BASE_PERMANENT, "child.output",
                                  "the program printed more than %zu bytes", out_max);
            }
        } else if (got == 0) {
            (void)close(c->out);
            c->out = -1;
            c->out_eof = true;
            return BASE_OK;
        } else if (errno == EAGAIN) {
            return BASE_OK;
        } else if (errno != EINTR) {
            return io_failed(c, "reading from the program", f);
        }
    }
}

/* Waits for one round of events on stdout, stderr, and FD for EVENTS (-1:
 * none), and takes the output. *ready tells whether FD is. */
static enum base_fail_class wait_round(struct base_child *c, int fd, short events, bool *ready,
                                       size_t out_max, struct base_fail *f)
{
    struct pollfd p[3] = {{c->out, POLLIN, 0}, {c->err, POLLIN, 0}, {fd, events, 0}};
    int timeout = -1;

    if (c->deadline != 0) {
        int64_t left = c->deadline - base_mono_ms();
        if (left <= 0) {
            return timed_out(c, f);
        }
        timeout = left > INT32_MAX ? INT32_MAX : (int)left;
    }
    if (ready != NULL) {
        *ready = false;
    }
    int n = poll(p, 3, timeout);
    if (n < 0 && errno != EINTR) {
        return io_failed(c, "poll", f);
    }
    if (n <= 0) {
        return BASE_OK; /* the next round sees the deadline */
    }
    if (ready != NULL) {
        *ready = p[2].revents != 0;
    }
    if (p[1].revents != 0) {
        take_err(c);
    }
    return p[0].revents != 0 ? take_out(c, out_max, f) : BASE_OK;
}

/* write(2) whose SIGPIPE, if it raises one, is swallowed for this thread only. */
static ssize_t write_quiet(int fd, const void *p, size_t n)
{
    const struct timespec now = {0, 0};
    sigset_t pipe_only, before, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t done = write(fd, p, n);
    int e = errno;
    if (done < 0 && e == EPIPE && !sigismember(&pending, SIGPIPE)) {
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = e;
    return done;
}

enum base_fail_class base_child_write(struct base_child *c, const void *p, size_t n, size_t out_max,
                                      struct base_fail *f)
{
    const unsigned char *s = p;

    while (n > 0) {
        bool ready;
        if (c->in < 0) {
            return base_failf(f, BASE_OURS, "child.io", "its stdin is closed already");
        }
        enum base_fail_class r = wait_round(c, c->in, POLLOUT, &ready, out_max, f);
        if (r != BASE_OK) {
            return r;
        }
        if (!ready) {
            continue;
        }
        ssize_t done = write_quiet(c->in, s, n);
        if (done > 0) {
            s += done;
            n -= (size_t)done;
        } else if (done < 0 && errno == EPIPE) {
            return base_failf(f, BASE_PERMANENT, "child.died",
                              "the program ended before it had read its input");
        } else if (done < 0 && errno != EAGAIN && errno != EINTR) {
            return io_failed(c, "writing to the program", f);
        }
    }
    return BASE_OK;
}

enum base_fail_class base_child_line(struct base_child *c, size_t out_max, const char **line,
                                     size_t *len, struct base_fail *f)
{
    size_t seen = c->taken; /* nothing before it is a newline */

    *line = NULL;
    *len = 0;
    for (;;) {
        unsigned char *end =
            c->outbuf.n > seen ? memchr(c->outbuf.p + seen, '\n', c->outbuf.n - seen) : NULL;
        if (end != NULL || (c->out_eof && c->outbuf.n > c->taken)) {
            if (end != NULL) {
                *end = '\0';
            } else {
                end = c->outbuf.p + c->outbuf.n; /* a last line without a newline */
            }
            *line = (const char *)c->outbuf.p + c->taken;
            *len = (size_t)(end - c->outbuf.p) - c->taken;
            c->taken += *len + (end < c->outbuf.p + c->outbuf.n);
            return BASE_OK;
        }
        if (c->out_eof) {
            return BASE_OK;
        }
        seen = c->outbuf.n;
        enum base_fail_class r = wait_round(c, -1, 0, NULL, out_max, f);
        if (r != BASE_OK) {
            return r;
        }
    }
}

/* Until the process has ended; it may have closed its output long before. */
static enum base_fail_class drain(struct base_child *c, size_t out_max, struct base_fail *f)
{
    struct pollfd p = {pidfd_open(c->pid, 0), POLLIN, 0};
    enum base_fail_class r = BASE_OK;

    if (p.fd < 0) {
        return io_failed(c, "pidfd_open", f);
    }
    /* one that ended in time isn't late because we come late */
    bool ended = poll(&p, 1, 0) == 1;
    if (c->late) {
        r = timed_out(c, f);
    }
    while (r == BASE_OK && !ended) {
        r = wait_round(c, p.fd, POLLIN, &ended, out_max, f);
    }
    (void)close(p.fd);
    /* what it left in the pipes; a grandchild may still hold their other end */
    if (c->err >= 0) {
        take_err(c);
    }
    if (r == BASE_OK && c->out >= 0) {
        r = take_out(c, out_max, f);
    }
    return r;
}

enum base_fail_class base_child_end(struct base_child *c, size_t out_max, int *status,
                                    struct base_fail *f)
{
    if (c->pid <= 0) {
        return base_failf(f, BASE_OURS, "child.io", "the program has been reaped already");
    }
    base_child_close_in(c);
    enum base_fail_class r = drain(c, out_max, f);
    /* While it is a zombie its number can't be given to another group. */
    base_child_kill(c);
    while (waitpid(c->pid, status, 0) < 0) {
        if (errno != EINTR) {
            *status = 0;
            r = r != BASE_OK ? r
                             : base_failf(f, BASE_OURS, "child.io", "waitpid: %s", strerror(errno));
            break;
        }
    }
    c->pid = -1;
    if (c->out >= 0) {
        (void)close(c->out);
        c->out = -1;
        c->out_eof = true;
    }
    if (c->err >= 0) {
        (void)close(c->err);
        c->err = -1;
    }
    return r;
}
