/* ca/rate.c - two rolling windows over one ring of times. Never fails. */
#include "rate.h"

#include <stdbool.h>
#include <string.h>

void ca_rate_init(struct ca_rate *r)
{
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
}

void ca_rate_free(struct ca_rate *r)
{
    pthread_mutex_destroy(&r->lock);
}

/* When the request COUNT places back leaves its window of LENGTH ms. */
static int64_t window(const struct ca_rate *r, size_t count, int64_t length)
{
    int64_t then = r->sent[(r->next + CA_RATE_LONG - count) % CA_RATE_LONG];

    return then == 0 ? 0 : then + length;
}

static int64_t wait_locked(const struct ca_rate *r, int64_t now)
{
    int64_t until = r->closed_until;
    int64_t other = window(r, CA_RATE_SHORT, CA_RATE_SHORT_MS);

    until = other > until ? other : until;
    other = window(r, CA_RATE_LONG, CA_RATE_LONG_MS);
    until = other > until ? other : until;
    return until > now ? until - now : 0;
}

int64_t ca_rate_wait(struct ca_rate *r, int64_t now)
{
    pthread_mutex_lock(&r->lock);
    int64_t ms = wait_locked(r, now);
    pthread_mutex_unlock(&r->lock);
    return ms;
}

int64_t ca_rate_take(struct ca_rate *r, int64_t now)
{
    pthread_mutex_lock(&r->lock);
    int64_t ms = wait_locked(r, now);
    if (ms == 0) {
        r->sent[r->next] = now > 0 ? now : 1;
        r->next = (r->next + 1) % CA_RATE_LONG;
    }
    pthread_mutex_unlock(&r->lock);
    return ms;
}

void ca_rate_close(struct ca_rate *r, int64_t until)
{
    pthread_mutex_lock(&r->lock);
    r->closed_until = until > r->closed_until ? until : r->closed_until;
    pthread_mutex_unlock(&r->lock);
}

/* Those of the last COUNT that are still in their window of LENGTH ms. */
static int64_t inside(const struct ca_rate *r, size_t count, int64_t length, int64_t now)
{
    int64_t n = 0;

    for (size_t i = 1; i <= count; i++) {
        int64_t then = r->sent[(r->next + CA_RATE_LONG - i) % CA_RATE_LONG];
        if (then == 0 || then + length <= now) {
            break;
        }
        n++;
    }
    return n;
}

int64_t ca_rate_room(struct ca_rate *r, int64_t now)
{
    pthread_mutex_lock(&r->lock);
    int64_t near = CA_RATE_SHORT - inside(r, CA_RATE_SHORT, CA_RATE_SHORT_MS, now);
    int64_t far = CA_RATE_LONG - inside(r, CA_RATE_LONG, CA_RATE_LONG_MS, now);
    bool closed = r->closed_until > now;
    pthread_mutex_unlock(&r->lock);
    return closed ? 0 : near < far ? near : far;
}
