/* ca/rate.c - two rolling windows over one ring of times. Never fails.
 *
 * Owns the list of windows that accounts share. */
#include "rate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static size_t limit(int64_t given, size_t dflt)
{
    return given < 1 ? dflt : given > CA_RATE_MAX ? CA_RATE_MAX : (size_t)given;
}

void ca_rate_init(struct ca_rate *r, int64_t few, int64_t many)
{
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->many = limit(many, CA_RATE_LONG);
    r->few = limit(few, CA_RATE_SHORT);
    r->few = r->few < r->many ? r->few : r->many;
    r->sent = base_xmalloc(r->many * sizeof *r->sent);
    memset(r->sent, 0, r->many * sizeof *r->sent);
}

void ca_rate_free(struct ca_rate *r)
{
    pthread_mutex_destroy(&r->lock);
    free(r->sent);
}

/* When the request COUNT places back leaves its window of LENGTH ms. */
static int64_t window(const struct ca_rate *r, size_t count, int64_t length)
{
    int64_t then = r->sent[(r->next + r->many - count) % r->many];

    return then == 0 ? 0 : then + length;
}

static size_t share(size_t limit, int percent)
{
    size_t n = limit * (size_t)percent / 100;

    return n > 0 ? n : 1;
}

static int64_t wait_locked(const struct ca_rate *r, int64_t now, int percent)
{
    int64_t until = r->closed_until;
    int64_t other = window(r, share(r->few, percent), CA_RATE_SHORT_MS);

    until = other > until ? other : until;
    other = window(r, share(r->many, percent), CA_RATE_LONG_MS);
    until = other > until ? other : until;
    return until > now ? until - now : 0;
}

int64_t ca_rate_share(struct ca_rate *r, int64_t now, int percent)
{
    pthread_mutex_lock(&r->lock);
    int64_t ms = wait_locked(r, now, percent);
    pthread_mutex_unlock(&r->lock);
    return ms;
}

int64_t ca_rate_wait(struct ca_rate *r, int64_t now)
{
    return ca_rate_share(r, now, 100);
}

int64_t ca_rate_take(struct ca_rate *r, int64_t now)
{
    pthread_mutex_lock(&r->lock);
    int64_t ms = wait_locked(r, now, 100);
    if (ms == 0) {
        r->sent[r->next] = now > 0 ? now : 1;
        r->next = (r->next + 1) % r->many;
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
        int64_t then = r->sent[(r->next + r->many - i) % r->many];
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
    int64_t near = (int64_t)r->few - inside(r, r->few, CA_RATE_SHORT_MS, now);
    int64_t far = (int64_t)r->many - inside(r, r->many, CA_RATE_LONG_MS, now);
    bool closed = r->closed_until > now;
    pthread_mutex_unlock(&r->lock);
    return closed ? 0 : near < far ? near : far;
}

/* ---- shared ones ------------------------------------------------------------------- */

struct shared {
    struct ca_rate rate; /* first: what callers hold */
    char *key;
    int64_t few, many; /* as asked for */
    int users;
    struct shared *next;
};
static struct shared *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static int same(const struct shared *s, const char *key, int64_t few, int64_t many)
{
    return s->few == few && s->many == many && strcmp(s->key, key) == 0;
}

struct ca_rate *ca_rate_shared(const char *key, int64_t few, int64_t many)
{
    struct shared *s;

    pthread_mutex_lock(&all_lock);
    for (s = all; s != NULL && !same(s, key, few, many); s = s->next) {
    }
    if (s == NULL) {
        s = base_xmalloc(sizeof *s);
        *s = (struct shared){.key = base_xstrdup(key), .few = few, .many = many, .next = all};
        ca_rate_init(&s->rate, few, many);
        all = s;
    }
    s->users++;
    pthread_mutex_unlock(&all_lock);
    return &s->rate;
}

void ca_rate_leave(struct ca_rate *r)
{
    struct shared *gone = NULL;

    pthread_mutex_lock(&all_lock);
    for (struct shared **p = &all; *p != NULL; p = &(*p)->next) {
        if (&(*p)->rate == r) {
            if (--(*p)->users == 0) {
                gone = *p;
                *p = gone->next;
            }
            break;
        }
    }
    pthread_mutex_unlock(&all_lock);
    if (gone != NULL) {
        ca_rate_free(&gone->rate);
        free(gone->key);
        free(gone);
    }
}
