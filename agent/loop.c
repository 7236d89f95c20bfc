/* agent/loop.c - the one thread that decides: events in, tasks out.
 *
 * Wakes for: new spool files, finished tasks, the control socket, signals, and
 * once a second for what is due. SIGTERM/SIGINT stop (running tasks get 20 s,
 * everything else is in the ledger), SIGHUP reloads. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent.h"
#include "batch.h"
#include "ledger/checkpoint.h"
#include "base/clock.h"
#include "publish.h"
#include "watching.h"

#define SCAN_MS 30000
#define EXPORTS_MS 5000
#define WIPE_MS 3600000
#define STOP_MS 20000
#define WAKE_MS 40

bool agent_watch_fd(struct agent *ag, int fd, unsigned events, struct agent_watcher *w)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    return epoll_ctl(ag->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ||
           (errno == EEXIST && epoll_ctl(ag->epoll, EPOLL_CTL_MOD, fd, &e) == 0);
}

void agent_unwatch_fd(struct agent *ag, int fd)
{
    epoll_ctl(ag->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* The results of what the pool did. Each may cost a commit: for a while, then others get their
 * turn; the first of those that came stays the first. */
static void on_wake(struct agent *ag, void *arg, unsigned events)
{
    uint64_t n = 1;
    int64_t began = base_mono_ms();
    (void)arg;
    (void)events;
    if (read(ag->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        base_log(LOG_ERR, "loop.wake", "error", strerror(errno), NULL);
    struct agent_task **last = &ag->finished;
    while (*last)
        last = &(*last)->next;
    *last = agent_pool_take_done(ag->pool);
    do {
        struct agent_task *t = ag->finished;
        if (!t)
            break;
        ag->finished = t->next;
        t->done(ag, t);
    } while (base_mono_ms() - began < WAKE_MS);
    n = 1;
    if (ag->finished && write(ag->wake_fd, &n, sizeof(n)) < 0)
        base_log(LOG_ERR, "loop.wake", "error", strerror(errno), NULL);
    agent_intake_flush(ag);
}

static void reload(struct agent *ag)
{
    struct base_fail f = {0};
    json_t *req = json_object(), *answer = json_object();
    if (agent_cmd_reload(ag, req, "signal", answer, &f))
        base_log_fail(LOG_ERR, "config.refused", &f, "kept", "the running configuration", NULL);
    json_decref(req);
    json_decref(answer);
}

static void on_signal(struct agent *ag, void *arg, unsigned events)
{
    struct signalfd_siginfo si;
    (void)arg;
    (void)events;
    while (read(ag->signal_fd, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo == SIGHUP)
            reload(ag);
        else
            ag->stopping = true;
    }
}

static void on_spool(struct agent *ag, void *arg, unsigned events)
{
    (void)arg;
    (void)events;
    spool_reader_drain(ag->reader);
    agent_intake_scan(ag);
}

static void due(struct agent *ag)
{
    int64_t now = base_mono_ms();
    if (ag->ledger_sick) {
        if (now < ag->ledger_retry)
            return;
        ag->ledger_sick = false; /* try once more; a failure sets it again */
    }
    if (!ag->fenced)
        agent_intents_due(ag);
    agent_orders_due(ag);
    agent_batches_due(ag);
    agent_publish_due(ag);
    agent_expiry_due(ag);
    agent_report_due(ag);
    agent_metrics_due(ag);
    agent_prune_due(ag);
    agent_jobs_run(ag);
    agent_mail_wake(ag);
    if (now >= ag->next_scan || !agent_intake_idle(ag)) {
        ag->next_scan = now + SCAN_MS;
        agent_intake_scan(ag);
    }
    if (now >= ag->next_exports) {
        ag->next_exports = now + EXPORTS_MS;
        agent_exports_poll(ag);
    }
    if (now >= ag->next_wipe) {
        ag->next_wipe = now + WIPE_MS;
        spool_dead_wipe(ag->reader, base_now(), SPOOL_DEAD_AGE);
    }
    agent_control_waiters(ag); /* their time may be over */
    if (ag->watch_dirty && base_now() > ag->watch_written + 1 && base_now() >= ag->watch_retry)
        agent_watch_write(ag);
}

static bool set_up(struct agent *ag, struct agent_watcher w[3])
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ag->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    w[0] = (struct agent_watcher){on_wake, NULL};
    w[1] = (struct agent_watcher){on_signal, NULL};
    w[2] = (struct agent_watcher){on_spool, NULL};
    return ag->signal_fd >= 0 && agent_watch_fd(ag, ag->wake_fd, EPOLLIN, &w[0]) &&
           agent_watch_fd(ag, ag->signal_fd, EPOLLIN, &w[1]) &&
           (spool_reader_fd(ag->reader) < 0 ||
            agent_watch_fd(ag, spool_reader_fd(ag->reader), EPOLLIN, &w[2]));
}

int agent_loop(struct agent *ag)
{
    struct agent_watcher own[3];
    struct epoll_event ev[64];
    int64_t last = 0;
    if (!set_up(ag, own)) {
        base_log(LOG_CRIT, "loop.setup", "error", strerror(errno), NULL);
        return 1;
    }
    ledger_log_count(ag->ledger);
    agent_publish_configured(ag);
    agent_intake_start(ag);
    agent_watch_write(ag);
    sd_notify(0, "READY=1");
    while (!ag->stopping) {
        /* jobs that a batch just made start at once, everything else once a second */
        int n = epoll_wait(ag->epoll, ev, 64, agent_intake_idle(ag) ? 250 : 50);
        if (n < 0 && errno != EINTR) {
            base_log(LOG_CRIT, "loop.wait", "error", strerror(errno), NULL);
            return 1;
        }
        for (int i = 0; i < n; i++) {
            struct agent_watcher *w = ev[i].data.ptr;
            w->cb(ag, w->arg, ev[i].events);
        }
        if (n > 0 && !ag->ledger_sick) {
            agent_intake_scan(ag);
            agent_jobs_run(ag);
            agent_mail_wake(ag);
        }
        agent_checkpoint_due(ag);
        if (ag->mails_changed)
            agent_control_waiters(ag);
        agent_control_reap(ag);
        if (base_mono_ms() - last >= 250) {
            last = base_mono_ms();
            due(ag);
        }
    }
    sd_notify(0, "STOPPING=1");
    agent_control_close(ag);
    agent_pool_stop(ag->pool, STOP_MS);
    return 0;
}
