/* ca/others.c - asking all our other accounts about a stranger's mail, within bounds.
 *
 * Whose order a mail is about decides between a notice and an alarm, and every account of ours may have
 * it. Anybody can make the CA write such mails, in any number: so an answer "not here" is remembered for
 * some minutes, and all questions together are limited. Owns the memory of both; it holds no more than a
 * hash of what was asked. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "driver.h"

#define SLOTS 8192u       /* a power of two; what falls on the same place replaces */
#define REMEMBERED 600000 /* ms */
#define WINDOW 600000     /* ms */
#define WINDOW_MAX 5000   /* questions to other accounts in one window */

struct slot {
    unsigned char hash[16];
    int64_t until; /* base_mono_ms() */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *slots;
static int64_t window_began, window_used;

static size_t hash_of(const char *account, const char *what, unsigned char hash[16])
{
    unsigned char full[BASE_SHA256_LEN];
    struct base_arena *a = base_arena_new();
    char *text = base_arena_printf(a, "%s\n%s", account, what); /* neither has line ends */

    base_sha256(text, strlen(text), full);
    base_arena_free(a);
    memcpy(hash, full, 16);
    return ((size_t)hash[0] | (size_t)hash[1] << 8) & (SLOTS - 1);
}

bool ca_others_lacked(const char *account, const char *what, int64_t now)
{
    unsigned char hash[16];
    size_t i = hash_of(account, what, hash);

    pthread_mutex_lock(&lock);
    bool known = slots != NULL && slots[i].until > now && memcmp(slots[i].hash, hash, 16) == 0;
    pthread_mutex_unlock(&lock);
    return known;
}

void ca_others_lacks(const char *account, const char *what, int64_t now)
{
    unsigned char hash[16];
    size_t i = hash_of(account, what, hash);

    pthread_mutex_lock(&lock);
    if (slots == NULL) {
        slots = base_xmalloc(SLOTS * sizeof *slots);
        memset(slots, 0, SLOTS * sizeof *slots);
    }
    memcpy(slots[i].hash, hash, 16);
    slots[i].until = now + REMEMBERED;
    pthread_mutex_unlock(&lock);
}

bool ca_others_may_ask(int64_t now)
{
    pthread_mutex_lock(&lock);
    if (window_began == 0 || now - window_began >= WINDOW) {
        window_began = now;
        window_used = 0;
    }
    bool may = window_used < WINDOW_MAX;
    window_used += may;
    pthread_mutex_unlock(&lock);
    return may;
}
