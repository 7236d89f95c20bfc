/* The worker threads. Owns two queues of waiting jobs (short, long) and one of
 * finished ones behind a mutex, and an eventfd that wakes the event loop. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "keys.h"
#include "memory.h"

#define WAITING_MAX 256
#define STACK (1024 * 1024)

struct queue {
    struct keeper_job *first, **end;
    size_t n;
};

struct keeper_pool {
    struct keeper_ctx *ctx;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue brief, slow, done;
    int slow_running, slow_max;
    bool stop;
    int event;
    pthread_t *threads;
    int n_threads;
};

static void push(struct queue *q, struct keeper_job *j)
{
    j->next = NULL;
    *q->end = j;
    q->end = &j->next;
    q->n++;
}

static struct keeper_job *pop(struct queue *q)
{
    struct keeper_job *j = q->first;
    if (!j)
        return NULL;
    q->first = j->next;
    if (!q->first)
        q->end = &q->first;
    q->n--;
    return j;
}

void keeper_job_free(struct keeper_job *j)
{
    if (!j)
        return;
    keeper_json_wipe(j->request, "passphrase");
    keeper_json_wipe(j->request, "kek");
    keeper_json_wipe(j->request, "pkcs8"); /* refused before it was read */
    keeper_json_wipe(j->answer, "passphrase");
    json_decref(j->request);
    json_decref(j->answer);
    free(j);
}

/* The next job that may start now; *SLOW tells its kind. Lock held. */
static struct keeper_job *choose(struct keeper_pool *p, bool *slow)
{
    struct keeper_job *j = pop(&p->brief);
    *slow = false;
    if (!j && p->slow_running < p->slow_max && (j = pop(&p->slow))) {
        *slow = true;
        p->slow_running++;
    }
    return j;
}

static void wake(const struct keeper_pool *p)
{
    const uint64_t one = 1;
    ssize_t n = write(p->event, &one, sizeof one);
    (void)n; /* a full counter wakes as well */
}

static void *work(void *arg)
{
    struct keeper_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        bool slow;
        struct keeper_job *j = choose(p, &slow);
        if (!j) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        j->answer = keeper_ops_run(p->ctx, &j->call);
        pthread_mutex_lock(&p->lock);
        if (slow) {
            p->slow_running--;
            pthread_cond_signal(&p->work); /* another long one may start */
        }
        push(&p->done, j);
        wake(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool start_threads(struct keeper_pool *p, int n)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    p->threads = base_xmalloc((size_t)n * sizeof *p->threads);
    while (p->n_threads < n && pthread_create(&p->threads[p->n_threads], &attr, work, p) == 0)
        p->n_threads++;
    pthread_attr_destroy(&attr);
    return p->n_threads == n;
}

enum base_fail_class keeper_pool_open(struct keeper_ctx *ctx, int slow, struct keeper_pool **out,
                                      struct base_fail *f)
{
    struct keeper_pool *p = base_xmalloc(sizeof *p);
    *p = (struct keeper_pool){.ctx = ctx, .slow_max = slow};
    p->brief.end = &p->brief.first;
    p->slow.end = &p->slow.first;
    p->done.end = &p->done.first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *out = p;
    if (p->event >= 0 && start_threads(p, slow + 1))
        return BASE_OK;
    int e = errno;
    keeper_pool_stop(p);
    keeper_pool_free(p);
    *out = NULL;
    return base_failf(f, BASE_OURS, "keeper.internal", "no worker threads: %s", strerror(e));
}

int keeper_pool_fd(const struct keeper_pool *p)
{
    return p->event;
}

bool keeper_pool_put(struct keeper_pool *p, struct keeper_job *j)
{
    struct queue *q = keeper_ops_slow(j->request) ? &p->slow : &p->brief;
    pthread_mutex_lock(&p->lock);
    bool room = !p->stop && q->n < WAITING_MAX;
    if (room) {
        push(q, j);
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

struct keeper_job *keeper_pool_get(struct keeper_pool *p)
{
    uint64_t count;
    pthread_mutex_lock(&p->lock);
    struct keeper_job *j = pop(&p->done);
    if (!j) { /* nothing left: the counter may go back to zero */
        ssize_t n = read(p->event, &count, sizeof count);
        (void)n;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

void keeper_pool_stop(struct keeper_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    keeper_keys_stop();
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    p->n_threads = 0;
}

void keeper_pool_free(struct keeper_pool *p)
{
    struct keeper_job *j;
    if (!p)
        return;
    while ((j = pop(&p->brief)) || (j = pop(&p->slow)) || (j = pop(&p->done)))
        keeper_job_free(j);
    if (p->event >= 0)
        close(p->event);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}
