/* ca/rate.h - the limit of requests to one account, kept on our side. Thread-safe. */
#ifndef CA_RATE_H
#define CA_RATE_H
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* CertCentral allows 100 requests in 5 s and 1000 in 3 min, both rolling. The
 * windows are a little longer here, because requests bunch up on their way. */
#define CA_RATE_SHORT 100
#define CA_RATE_SHORT_MS 5500
#define CA_RATE_LONG 1000
#define CA_RATE_LONG_MS 183000
#define CA_RATE_MAX 1000000

struct ca_rate {
    pthread_mutex_t lock;
    size_t few, many; /* requests in the short and in the long window */
    int64_t *sent;    /* ring of the last MANY requests, base_mono_ms(); 0 = none yet */
    size_t next;
    int64_t closed_until; /* the CA told us to wait */
};

/* FEW in the short window, MANY in the long one; 0 = what CertCentral allows. */
void ca_rate_init(struct ca_rate *r, int64_t few, int64_t many);
void ca_rate_free(struct ca_rate *r);
/* Milliseconds from NOW until a request may leave; 0 = it may, and is counted. */
int64_t ca_rate_take(struct ca_rate *r, int64_t now);
/* The same without counting one. */
int64_t ca_rate_wait(struct ca_rate *r, int64_t now);
/* Until less than PERCENT of each window is used: work that can wait leaves the rest
 * to what can't. */
int64_t ca_rate_share(struct ca_rate *r, int64_t now, int percent);
/* How many may still leave at once now, of both windows the smaller number. */
int64_t ca_rate_room(struct ca_rate *r, int64_t now);
/* No request before UNTIL. */
void ca_rate_close(struct ca_rate *r, int64_t until);

/* The windows of one account at the CA, named by KEY and its limits, for all who use it at a
 * time: a configuration that is read anew must not forget what was sent before. */
struct ca_rate *ca_rate_shared(const char *key, int64_t few, int64_t many);
void ca_rate_leave(struct ca_rate *r);

#endif
