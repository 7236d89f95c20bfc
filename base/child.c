/* base/child.c - starting a program in a cage of limits.
 *
 * The process that starts it has threads, so between vfork(2) and execve(2)
 * the child only makes system calls that are async-signal-safe. vfork instead
 * of fork: no copy of the page tables of a large daemon for each mail. Every
 * signal is blocked around it, as a handler must not run in the child, which
 * shares our memory; the child then puts all handlers back to their defaults.
 *
 * PR_SET_PDEATHSIG fires when the *thread* that started the child ends. So
 * children are started from threads that live as long as the process (the main
 * thread, the pool).
 *
 * A struct base_child owns its descriptors, its buffers and the process until
 * base_child_free(). Talking to it is in child_io.c. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define ERR_MAX 4096

/* All that the child needs, made before vfork. */
struct plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    const struct base_child_limits *lim;
    int stdio[3]; /* its ends of the pipes, all above 2 */
    int report;   /* errno goes here if it can't start */
    pid_t parent;
};

/* Async-signal-safe; false with errno. */
static bool set_limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard)
{
    const struct rlimit l = {soft, hard};

    return setrlimit(what, &l) == 0;
}

/* Async-signal-safe; false with errno. */
static bool set_limits(const struct base_child_limits *lim)
{
    if (!set_limit(RLIMIT_CORE, 0, 0)) {
        return false;
    }
#ifndef __SANITIZE_THREAD__
    /* the thread sanitizer writes a file while a program starts */
    if (!lim->keep_files && !set_limit(RLIMIT_FSIZE, 0, 0)) {
        return false;
    }
#endif
    if (lim->cpu_seconds > 0 &&
        !set_limit(RLIMIT_CPU, (rlim_t)lim->cpu_seconds, (rlim_t)lim->cpu_seconds + 1)) {
        return false;
    }
#ifndef CERTMILTER_SANITIZE
    /* a sanitizer reserves terabytes of address space for its shadow */
    if (lim->address_space > 0 &&
        !set_limit(RLIMIT_AS, (rlim_t)lim->address_space, (rlim_t)lim->address_space)) {
        return false;
    }
#endif
    return true;
}

/* Signals as a fresh program expects them. SIGKILL, SIGSTOP and the two that
 * glibc keeps for itself refuse, which is fine. */
static bool reset_signals(void)
{
    struct sigaction dfl;
    sigset_t none;

    memset(&dfl, 0, sizeof dfl);
    dfl.sa_handler = SIG_DFL;
    for (int s = 1; s < NSIG; s++) {
        (void)sigaction(s, &dfl, NULL);
    }
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Runs in the child. Returns only by failing, with errno. */
static void become(const struct plan *p)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != p->parent ||
        setpgid(0, 0) != 0) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(p->stdio[i], i) < 0) {
            return;
        }
    }
    /* at exec, not now: the report pipe must close by a successful exec */
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        return;
    }
    if (reset_signals() && set_limits(p->lim)) {
        (void)execve(p->path, p->argv, p->envp);
    }
}

/* The caller's frame must not change under the child: this function holds
 * nothing but the call. */
static __attribute__((noinline)) pid_t spawn(const struct plan *p)
{
    pid_t pid = vfork();

    if (pid == 0) {
        become(p);
        int e = errno;
        ssize_t ignored = write(p->report, &e, sizeof e);
        (void)ignored;
        _exit(127);
    }
    return pid;
}

/* pipe2 whose ends are both above 2, so that dup2 in the child can't overwrite
 * one that it still needs. */
static bool pipe_above(int fd[2])
{
    int low[2];

    if (pipe2(low, O_CLOEXEC) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fd[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
        if (fd[i] != low[i]) {
            (void)close(low[i]);
        }
    }
    return fd[0] >= 0 && fd[1] >= 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static bool nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Starts PLAN with all signals blocked; 0 or what the child says is wrong. */
static int run(struct base_child *c, struct plan *plan, int report_read)
{
    sigset_t all, before;
    int e = 0;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = spawn(plan);
    int fork_errno = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    close_fd(&plan->report);
    if (pid < 0) {
        return fork_errno;
    }
    ssize_t got;
    do {
        got = read(report_read, &e, sizeof e);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        c->pid = pid;
        return 0;
    }
    (void)waitpid(pid, NULL, 0);
    return got == sizeof e && e != 0 ? e : EIO;
}

/* Both ends of what becomes its descriptors 0 to 2. */
struct ends {
    int in[2], out[2], err[2];
};

static void close_ends(struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&e->in[i]);
        close_fd(&e->out[i]);
        close_fd(&e->err[i]);
    }
}

/* False with errno; whatever was opened is the caller's to close. */
static bool open_ends(struct ends *e, const struct base_child_limits *lim)
{
    *e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}};
    if (lim->stdin_fd > 0) {
        e->in[0] = fcntl(lim->stdin_fd, F_DUPFD_CLOEXEC, 3);
        if (e->in[0] < 0) {
            return false;
        }
    } else if (!pipe_above(e->in) || !nonblocking(e->in[1])) {
        return false;
    }
    return pipe_above(e->out) && pipe_above(e->err) && nonblocking(e->out[0]) &&
           nonblocking(e->err[0]);
}

static void init(struct base_child *c)
{
    *c = (struct base_child){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    base_buf_init(&c->outbuf, 0);
    base_buf_init(&c->errbuf, ERR_MAX);
}

/* Our ends become C's. */
static void take_ends(struct base_child *c, struct ends *e, const struct base_child_limits *lim)
{
    c->in = e->in[1];
    c->out = e->out[0];
    c->err = e->err[0];
    e->in[1] = e->out[0] = e->err[0] = -1;
    c->deadline = lim->wall_ms > 0 ? base_mono_ms() + lim->wall_ms : 0;
}

enum base_fail_class base_child_start(struct base_child *c, const char *path, char *const argv[],
                                      const struct base_child_limits *lim, struct base_fail *f)
{
    static char *const no_env[] = {NULL};
    int report[2] = {-1, -1};
    struct ends ends;
    int e = 0;

    init(c);
    if (!open_ends(&ends, lim) || !pipe_above(report)) {
        e = errno;
    } else {
        struct plan plan = {.path = path,
                            .argv = argv,
                            .envp = lim->envp != NULL ? lim->envp : no_env,
                            .lim = lim,
                            .stdio = {ends.in[0], ends.out[1], ends.err[1]},
                            .report = report[1],
                            .parent = getpid()};
        e = run(c, &plan, report[0]);
        report[1] = -1;
    }
    close_fd(&report[0]);
    close_fd(&report[1]);
    if (e == 0) {
        take_ends(c, &ends, lim);
    }
    close_ends(&ends);
    return e == 0 ? BASE_OK
                  : base_failf(f, BASE_OURS, "child.exec", "%s can't be started: %s", path,
                               strerror(e));
}

enum base_fail_class base_child_adopt(struct base_child *c, base_child_maker *start, void *ctx,
                                      const struct base_child_limits *lim, struct base_fail *f)
{
    enum base_fail_class r;
    struct ends ends;

    init(c);
    if (!open_ends(&ends, lim)) {
        r = base_failf(f, BASE_OURS, "child.exec", "no pipes: %s", strerror(errno));
    } else {
        const int theirs[3] = {ends.in[0], ends.out[1], ends.err[1]};

        r = start(ctx, theirs, &c->pidfd, f);
    }
    if (r == BASE_OK) {
        take_ends(c, &ends, lim);
    }
    close_ends(&ends);
    return r;
}

void base_child_close_in(struct base_child *c)
{
    close_fd(&c->in);
}

void base_child_kill(const struct base_child *c)
{
    if (c->pid > 0) {
        (void)kill(-c->pid, SIGKILL);
    } else if (c->pidfd >= 0) {
        (void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
    }
}

static void release(struct base_child *c)
{
    c->pid = -1;
    close_fd(&c->pidfd);
    close_fd(&c->in);
    close_fd(&c->out);
    close_fd(&c->err);
    base_buf_wipe(&c->outbuf);
    base_buf_wipe(&c->errbuf);
}

bool base_child_ended(struct base_child *c)
{
    struct pollfd p = {c->pidfd, POLLIN, 0};

    if (c->pid > 0 ? waitpid(c->pid, NULL, WNOHANG) == 0 : c->pidfd >= 0 && poll(&p, 1, 0) == 0) {
        return false;
    }
    release(c);
    return true;
}

void base_child_free(struct base_child *c)
{
    base_child_kill(c);
    if (c->pid > 0) {
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    release(c);
}
