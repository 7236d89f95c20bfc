/* inspect/spawner.c - the loop that forks a child for each request.
 *
 * One thread; owns the socket on descriptor 0, a signalfd and its children.
 * Nothing that comes over the socket is data: a request is the three
 * descriptors. It must fork, so no system-call filter fits it; it gives up files
 * (Landlock) and new privileges, and keeps nothing that a child could learn. Any
 * failure of the socket ends it, and the caller falls back to executing. */
#include "spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "io.h"
#include "sandbox.h"

#define FDS 3

static struct {
    void (*converse)(void);
    pid_t self;
    int signals; /* signalfd of SIGCHLD */
    int made, running;
    bool crashed; /* a child died of a fault, not of a limit */
} s;

union control {
    struct cmsghdr h;
    char room[CMSG_SPACE(FDS * sizeof(int))];
};

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
}

/* The descriptors of the next request. Ends the process when there is nobody to
 * ask, or somebody who doesn't speak this protocol. False: nothing there yet. */
static bool receive(int fds[FDS])
{
    char byte;
    union control control;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(STDIN_FILENO, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (n != 1) {
        inspect_io_exit(n == 0 ? INSPECT_EXIT_DONE : INSPECT_EXIT_PROTOCOL);
    }
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(FDS * sizeof(int)) || (m.msg_flags & MSG_CTRUNC) != 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    memcpy(fds, CMSG_DATA(c), FDS * sizeof(int));
    return true;
}

/* False if the answer couldn't be given. */
static bool answer(enum inspect_spawned what, int pidfd)
{
    char byte = (char)what;
    union control control = {.room = {0}};
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (pidfd >= 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pidfd, sizeof(int));
    }
    return sendmsg(STDIN_FILENO, &m, MSG_NOSIGNAL) == 1;
}

/* In the child: as if it had been executed with these descriptors. */
static _Noreturn void become(const int fds[FDS])
{
    sigset_t none;

    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != s.self ||
        setpgid(0, 0) != 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    for (int i = 0; i < FDS; i++) {
        if (dup2(fds[i], i) < 0) { /* they are above 2: 0 to 2 were open */
            inspect_io_exit(INSPECT_EXIT_PROTOCOL);
        }
    }
    if (close_range(FDS, ~0U, 0) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    s.converse();
    inspect_io_exit(INSPECT_EXIT_DONE);
}

static void spawn(void)
{
    int fds[FDS];

    if (!receive(fds)) {
        return;
    }
    pid_t pid = fork();

    if (pid == 0) {
        become(fds);
    }
    close_all(fds, FDS);
    s.made += pid > 0;
    s.running += pid > 0;
    /* not reaped before the pidfd is there, so the number is still its own */
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    bool told = answer(pidfd < 0                             ? INSPECT_SPAWNED_NONE
                       : s.made >= INSPECT_SPAWNER_CHILDREN ? INSPECT_SPAWNED_LAST
                                                            : INSPECT_SPAWNED,
                       pidfd);

    if (pidfd >= 0) {
        (void)close(pidfd);
    } else if (pid > 0) {
        (void)kill(pid, SIGKILL);
    }
    if (!told) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
}

/* A fault may be an attack that guesses at memory, and all children share its
 * layout. SIGKILL and SIGXCPU are limits, and the caller's way to end a child. */
static bool is_crash(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGXCPU;
}

static void reap(int options)
{
    int status;

    while (s.running > 0) {
        pid_t pid = waitpid(-1, &status, options);

        if (pid > 0) {
            s.running--;
            s.crashed = s.crashed || is_crash(status);
        } else if (pid == 0 || errno != EINTR) {
            return;
        }
    }
}

static void harden(void)
{
    /* the socket, the signals, a request and a pidfd; a little for the sandbox */
    const struct rlimit files = {32, 32};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    base_no_core();
    inspect_sandbox_deny_files();
}

static void open_signals(void)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &child, NULL) != 0 ||
        (s.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
}

void inspect_spawner_run(void (*converse)(void))
{
    struct signalfd_siginfo info;

    s.converse = converse;
    s.self = getpid();
    open_signals();
    harden();
    while (s.made < INSPECT_SPAWNER_CHILDREN && !s.crashed) {
        struct pollfd p[2] = {{STDIN_FILENO, POLLIN, 0}, {s.signals, POLLIN, 0}};

        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            inspect_io_exit(INSPECT_EXIT_PROTOCOL);
        }
        if (p[1].revents != 0) {
            (void)!read(s.signals, &info, sizeof(info));
            reap(WNOHANG);
        } else if (p[0].revents != 0) {
            spawn();
        }
    }
    /* children die with their parent, so it stays until the last one is done */
    (void)close(STDIN_FILENO);
    reap(0);
    inspect_io_exit(INSPECT_EXIT_DONE);
}
