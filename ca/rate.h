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

struct ca_rate {
    pthread_mutex_t lock;
    int64_t sent[CA_RATE_LONG]; /* ring of the last requests, base_mono_ms(); 0 = none yet */
    size_t next;
    int64_t closed_until; /* the CA told us to wait */
};

void ca_rate_init(struct ca_rate *r);
void ca_rate_free(struct ca_rate *r);
/* Milliseconds from NOW until a request may leave; 0 = it may, and is counted. */
int64_t ca_rate_take(struct ca_rate *r, int64_t now);
/* The same without counting one. */
int64_t ca_rate_wait(struct ca_rate *r, int64_t now);
/* How many may still leave at once now, of both windows the smaller number. */
int64_t ca_rate_room(struct ca_rate *r, int64_t now);
/* No request before UNTIL. */
void ca_rate_close(struct ca_rate *r, int64_t until);

#endif
