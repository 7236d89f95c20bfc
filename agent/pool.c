/* agent/pool.c - threads, two queues, one list of finished tasks.
 *
 * Owns its threads and the queues. A task whose key has two tasks running
 * already is passed over until one of them is done, so that one slow host
 * can't take all threads. Fails only by ending the process (no threads). */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

#define PER_KEY 2

struct lane {
    struct agent_task *first, **last;
    pthread_cond_t wake;
    int threads;
    const char **running; /* key of the task that each thread runs; NULL = idle */
};

struct agent_pool {
    pthread_mutex_t lock;
    struct lane lane[AGENT_LANES];
    struct agent_task *done_first, **done_last;
    int wake_fd;
    bool stopping;
    int alive;
    pthread_cond_t gone;
};

struct start {
    struct agent_pool *p;
    struct lane *lane;
    int slot;
};

static bool key_free(const struct lane *l, const char *key)
{
    int n = 0;
    if (!key[0])
        return true;
    for (int i = 0; i < l->threads; i++)
        if (l->running[i] && strcmp(l->running[i], key) == 0)
            n++;
    return n < PER_KEY;
}

/* Oldest task whose key has room, taken out of the queue. */
static struct agent_task *next_task(struct lane *l)
{
    for (struct agent_task **t = &l->first; *t; t = &(*t)->next) {
        struct agent_task *found = *t;
        if (!key_free(l, found->key))
            continue;
        *t = found->next;
        if (!*t)
            l->last = t;
        found->next = NULL;
        return found;
    }
    return NULL;
}

static void finish(struct agent_pool *p, struct agent_task *t)
{
    uint64_t one = 1;
    *p->done_last = t;
    p->done_last = &t->next;
    /* the counter can't overflow: the loop reads it whole */
    while (write(p->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *thread_main(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    pthread_mutex_lock(&s.p->lock);
    while (!s.p->stopping) {
        struct agent_task *t = next_task(s.lane);
        if (!t) {
            pthread_cond_wait(&s.lane->wake, &s.p->lock);
            continue;
        }
        s.lane->running[s.slot] = t->key;
        pthread_mutex_unlock(&s.p->lock);
        t->run(t);
        pthread_mutex_lock(&s.p->lock);
        s.lane->running[s.slot] = NULL;
        finish(s.p, t);
        /* another task of this key may have waited for us */
        pthread_cond_signal(&s.lane->wake);
    }
    s.p->alive--;
    pthread_cond_signal(&s.p->gone);
    pthread_mutex_unlock(&s.p->lock);
    return NULL;
}

static void start_thread(struct agent_pool *p, struct lane *l, int slot)
{
    pthread_t id;
    pthread_attr_t attr;
    struct start *s = base_xmalloc(sizeof(*s));
    *s = (struct start){p, l, slot};
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int e = pthread_create(&id, &attr, thread_main, s);
    pthread_attr_destroy(&attr);
    if (e) {
        base_log(LOG_CRIT, "pool.thread", "error", strerror(e), NULL);
        _exit(1);
    }
    p->alive++;
}

struct agent_pool *agent_pool_new(int cpu_threads, int net_threads, int wake_fd)
{
    struct agent_pool *p = base_xmalloc(sizeof(*p));
    int count[AGENT_LANES] = {cpu_threads, net_threads};
    sigset_t all, old;
    memset(p, 0, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->gone, NULL);
    p->done_last = &p->done_first;
    p->wake_fd = wake_fd;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are the loop's */
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < AGENT_LANES; i++) {
        struct lane *l = &p->lane[i];
        pthread_cond_init(&l->wake, NULL);
        l->last = &l->first;
        l->threads = count[i];
        l->running = base_xmalloc(sizeof(*l->running) * (size_t)count[i]);
        memset(l->running, 0, sizeof(*l->running) * (size_t)count[i]);
        for (int k = 0; k < count[i]; k++)
            start_thread(p, l, k);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p;
}

void agent_pool_submit(struct agent_pool *p, enum agent_lane lane, struct agent_task *t)
{
    struct lane *l = &p->lane[lane];
    t->next = NULL;
    pthread_mutex_lock(&p->lock);
    *l->last = t;
    l->last = &t->next;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&p->lock);
}

struct agent_task *agent_pool_take_done(struct agent_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct agent_task *t = p->done_first;
    p->done_first = NULL;
    p->done_last = &p->done_first;
    pthread_mutex_unlock(&p->lock);
    return t;
}

size_t agent_pool_pending(struct agent_pool *p, enum agent_lane lane)
{
    pthread_mutex_lock(&p->lock);
    size_t n = 0;
    for (struct agent_task *t = p->lane[lane].first; t; t = t->next)
        n++;
    for (int i = 0; i < p->lane[lane].threads; i++)
        n += p->lane[lane].running[i] != NULL;
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool agent_pool_stop(struct agent_pool *p, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    for (int i = 0; i < AGENT_LANES; i++)
        pthread_cond_broadcast(&p->lane[i].wake);
    int e = 0;
    while (p->alive > 0 && e == 0)
        e = pthread_cond_timedwait(&p->gone, &p->lock, &until);
    bool all = p->alive == 0;
    pthread_mutex_unlock(&p->lock);
    if (all) {
        for (int i = 0; i < AGENT_LANES; i++) {
            pthread_cond_destroy(&p->lane[i].wake);
            free(p->lane[i].running);
        }
        pthread_cond_destroy(&p->gone);
        pthread_mutex_destroy(&p->lock);
        free(p);
    }
    return all;
}
