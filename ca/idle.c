/* ca/idle.c - kept connections, of all accounts together.
 *
 * A connection costs some 100 kB with its TLS state, and there may be hundreds of
 * accounts: never more than IDLE_MAX wait here, and the one that waited longest goes
 * first. Thread-safe. A connection belongs to one account, whose host it talks to. */
#include <pthread.h>

#include "driver.h"

#define IDLE_MAX 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct ca_account *owner;
    struct net_http_conn *conn;
} idle[IDLE_MAX]; /* the longest waiting first */
static size_t nidle;

static struct net_http_conn *take(size_t i)
{
    struct net_http_conn *conn = idle[i].conn;

    nidle--;
    for (; i < nidle; i++) {
        idle[i] = idle[i + 1];
    }
    return conn;
}

struct net_http_conn *ca_idle_borrow(const struct ca_account *c)
{
    struct net_http_conn *conn = NULL;

    pthread_mutex_lock(&lock);
    for (size_t i = nidle; conn == NULL && i > 0; i--) {
        if (idle[i - 1].owner == c) {
            conn = take(i - 1);
        }
    }
    pthread_mutex_unlock(&lock);
    return conn != NULL ? conn : net_http_conn_new();
}

void ca_idle_return(const struct ca_account *c, struct net_http_conn *conn)
{
    struct net_http_conn *old = NULL;

    pthread_mutex_lock(&lock);
    if (nidle == IDLE_MAX) {
        old = take(0);
    }
    idle[nidle].owner = c;
    idle[nidle].conn = conn;
    nidle++;
    pthread_mutex_unlock(&lock);
    if (old != NULL) {
        net_http_conn_free(old);
    }
}

void ca_idle_drop(const struct ca_account *c)
{
    struct net_http_conn *gone[IDLE_MAX];
    size_t n = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = nidle; i > 0; i--) {
        if (idle[i - 1].owner == c) {
            gone[n++] = take(i - 1);
        }
    }
    pthread_mutex_unlock(&lock);
    while (n > 0) {
        net_http_conn_free(gone[--n]);
    }
}
