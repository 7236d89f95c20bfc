/* milter/main.c - certmilterd: start, signals, timer, the way out.
 *
 * Owns the process. Threads: this one (signals and the watch file's timer), one
 * that counts the spool, one in smfi_main(), and libmilter's own.
 *
 * libmilter stops on TERM, HUP and INT and then leaves open sessions without
 * answers. So these signals are unblocked in this thread alone, with handlers:
 * the kernel gives a signal of the process to the first thread if that one takes
 * it, and libmilter's sigwait() gets none. The units use USR2, which libmilter
 * doesn't know. Draining: no new connections, wait for the open sessions, then
 * _exit(): nothing of libmilter's own ending is run.
 *
 * Fails before the socket is open, with a line that says why; later only if
 * libmilter itself gives up. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "callbacks.h"
#include "listener.h"
#include "options.h"
#include "session.h"
#include "snapshot.h"

#define TICK_MS 2000
/* A connection that libmilter accepted just before we stopped it needs a moment
 * to become a session. */
#define DRAIN_GRACE_MS 500

static int wake[2]; /* a byte per event: the signal's number, or 0 from smfi_main's end */

static void on_signal(int sig)
{
    int e = errno;
    char c = (char)sig;
    (void)!write(wake[1], &c, 1);
    errno = e;
}

static void *run_libmilter(void *arg)
{
    (void)arg;
    milter_callbacks_run();
    (void)!write(wake[1], "", 1);
    return NULL;
}

static void *count_spool(void *arg)
{
    for (;;) {
        int ms = spool_writer_rescan(arg);
        struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
        nanosleep(&t, NULL);
    }
    return NULL;
}

static bool start_thread(void *(*f)(void *), void *arg)
{
    pthread_t t;
    return pthread_create(&t, NULL, f, arg) == 0 && pthread_detach(t) == 0;
}

/* Out of descriptors, libmilter tries accept() without a pause: have as many as
 * we may. */
static void raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static bool catch_signals(sigset_t *ours)
{
    static const int sigs[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    sigemptyset(ours);
    sigfillset(&sa.sa_mask);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
        sigaddset(ours, sigs[i]);
        sigaction(sigs[i], &sa, NULL);
    }
    return pthread_sigmask(SIG_BLOCK, ours, NULL) == 0; /* in all threads made from now on */
}

/* Waits for an event: a signal's number, 0 when libmilter ended, -1 for none in MS. */
static int next_event(int ms)
{
    struct pollfd p = {.fd = wake[0], .events = POLLIN};
    char c;
    if (poll(&p, 1, ms) > 0 && read(wake[0], &c, 1) == 1)
        return (unsigned char)c;
    return -1;
}

static void drain(struct milter_listener *l, int64_t seconds)
{
    struct base_fail f;
    int64_t start = base_mono_ms(), now = start;
    sd_notify(0, "STOPPING=1");
    base_log(LOG_INFO, "milter.drain", "sessions", base_log_num(milter_sessions()), NULL);
    if (milter_listener_close(l, &f) != BASE_OK)
        base_log_fail(LOG_ERR, "milter.drain_failed", &f, NULL);
    while (now - start < DRAIN_GRACE_MS ||
           (milter_sessions() > 0 && now - start < seconds * 1000)) {
        int e = next_event(20);
        if (e == SIGTERM || e == SIGINT || e == 0) /* asked twice: now */
            break;
        now = base_mono_ms();
    }
    base_log(LOG_INFO, "milter.stopped", "sessions_cut", base_log_num(milter_sessions()), NULL);
}

/* Until we are told to end, or libmilter does. Returns the exit status. */
static int serve(struct milter_listener *l, const struct milter_options *o)
{
    int64_t next = base_mono_ms() + TICK_MS;
    for (;;) {
        int64_t left = next - base_mono_ms();
        int e = next_event(left > 0 ? (int)left : 0);
        if (e == 0) {
            base_log(LOG_CRIT, "milter.failed", "text", "libmilter ended by itself", NULL);
            return 1;
        }
        if (e == SIGUSR2 || e == SIGTERM || e == SIGINT) {
            drain(l, o->drain_seconds);
            return 0;
        }
        if (e == SIGUSR1 || e == SIGHUP)
            milter_snapshot_refresh(o->watch, true);
        if (base_mono_ms() >= next) {
            milter_snapshot_refresh(o->watch, false);
            next = base_mono_ms() + TICK_MS;
        }
    }
}

static int fail(const struct base_fail *f)
{
    base_log_fail(LOG_CRIT, "milter.start", f, NULL);
    return 1;
}

int main(int argc, char **argv)
{
    struct milter_options o;
    switch (milter_options_read(&o, argc, argv, stderr)) {
    case MILTER_OPTIONS_DONE:
        return 0;
    case MILTER_OPTIONS_USAGE:
        return 2;
    case MILTER_OPTIONS_RUN:
        break;
    }
    base_log_open("certmilterd", LOG_INFO);
    struct base_fail f;
    if (geteuid() == 0 || getuid() == 0) {
        base_failf(&f, BASE_PERMANENT, "milter.root", "certmilterd doesn't run as root");
        return fail(&f);
    }
    mallopt(M_ARENA_MAX, 2);
    raise_descriptors();
    sigset_t ours;
    struct milter_listener l;
    struct spool_writer *w = NULL;
    struct spool_writer_options so = {.cap_bytes = o.spool_cap, .per_client = o.per_client};
    if (spool_open_writer(o.spool, &so, &w, &f) != BASE_OK ||
        milter_listener_open(o.socket, o.socket_mode, &l, &f) != BASE_OK) {
        spool_close_writer(w);
        return fail(&f);
    }
    milter_session_spool(w);
    milter_snapshot_refresh(o.watch, true);
    if (!catch_signals(&ours) || !milter_callbacks_register(l.fd) ||
        !start_thread(count_spool, w) || !start_thread(run_libmilter, NULL)) {
        base_failf(&f, BASE_OURS, "milter.start", "can't start: %m");
        return fail(&f);
    }
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    base_log(LOG_INFO, "milter.ready", "socket", o.socket, "version", CERTMILTER_VERSION, NULL);
    sd_notify(0, "READY=1");
    _exit(serve(&l, &o));
}
