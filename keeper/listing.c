/* Ids in order. The smallest ones are kept in a heap with the largest on top while the
 * directory is read, so that memory is bounded by what is asked for. */
#include "listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void keeper_window_init(struct keeper_window *w)
{
    *w = (struct keeper_window){0};
    pthread_mutex_init(&w->lock, NULL);
}

void keeper_window_free(struct keeper_window *w)
{
    free(w->ids);
    pthread_mutex_destroy(&w->lock);
}

void keeper_window_added(struct keeper_window *w)
{
    atomic_fetch_add(&w->added, 1);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void sift(char (*ids)[KEEPER_ID], size_t n, size_t at)
{
    char moved[KEEPER_ID];
    memcpy(moved, ids[at], KEEPER_ID);
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && strcmp(ids[child + 1], ids[child]) > 0)
            child++;
        if (strcmp(moved, ids[child]) >= 0)
            break;
        memcpy(ids[at], ids[child], KEEPER_ID);
    }
    memcpy(ids[at], moved, KEEPER_ID);
}

static void offer(char (*ids)[KEEPER_ID], size_t *n, size_t limit, const char *id)
{
    if (*n < limit) {
        memcpy(ids[(*n)++], id, KEEPER_ID);
        for (size_t i = *n == limit ? limit / 2 : 0; i-- > 0;)
            sift(ids, limit, i);
    } else if (limit > 0 && strcmp(id, ids[0]) < 0) {
        memcpy(ids[0], id, KEEPER_ID);
        sift(ids, limit, 0);
    }
}

static int by_text(const void *x, const void *y)
{
    return strcmp(x, y);
}

void keeper_listing_read(DIR *d, const char *prefix, const char *suffix, const char *after,
                         size_t limit, char (*ids)[KEEPER_ID], size_t *n)
{
    char id[KEEPER_ID];
    size_t skip = strlen(prefix);
    const struct dirent *entry;
    *n = 0;
    while ((entry = readdir(d))) {
        const char *name = entry->d_name;
        if (strncmp(name, prefix, skip) != 0 ||
            strlen(name) != skip + KEEPER_ID_LEN + strlen(suffix))
            continue;
        snprintf(id, sizeof id, "%.*s", KEEPER_ID_LEN, name + skip);
        if (keeper_id_ok(id) && strcmp(name + skip + KEEPER_ID_LEN, suffix) == 0 &&
            (!after || strcmp(id, after) > 0))
            offer(ids, n, limit, id);
    }
    closedir(d);
    qsort(ids, *n, KEEPER_ID, by_text);
}

/* ---- the window ---------------------------------------------------------------------------- */

/* The first that comes after AFTER. */
static size_t place(const struct keeper_window *w, const char *after)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(w->ids[middle], after) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Does it hold the whole page? */
static bool holds(const struct keeper_window *w, const char *after, size_t limit)
{
    return w->ids && after && w->seen == atomic_load(&w->added) && strcmp(after, w->after) >= 0 &&
           (w->last || w->n - place(w, after) >= limit);
}

static bool fill(struct keeper_window *w, DIR *(*open)(int dirfd), int dirfd, const char *after,
                 size_t limit)
{
    size_t room = limit < KEEPER_WINDOW ? KEEPER_WINDOW : limit;
    unsigned long long seen = atomic_load(&w->added); /* before: what comes meanwhile makes it old */
    free(w->ids);
    w->ids = NULL;
    DIR *d = open(dirfd);
    if (!d)
        return false;
    w->ids = base_xmalloc(room * KEEPER_ID);
    keeper_listing_read(d, "", ".json", after, room, w->ids, &w->n);
    w->seen = seen;
    w->last = w->n < room;
    snprintf(w->after, sizeof w->after, "%s", after ? after : "");
    return true;
}

bool keeper_listing_page(struct keeper_window *w, DIR *(*open)(int dirfd), int dirfd,
                         const char *after, size_t limit, char (*ids)[KEEPER_ID], size_t *n)
{
    *n = 0;
    pthread_mutex_lock(&w->lock);
    bool good = holds(w, after, limit) || fill(w, open, dirfd, after, limit);
    int e = errno;
    if (good) {
        size_t at = place(w, after ? after : "");
        *n = w->n - at < limit ? w->n - at : limit;
        memcpy(ids, w->ids[at], *n * KEEPER_ID);
        if (w->last && at + *n == w->n) { /* nobody goes on from here */
            free(w->ids);
            w->ids = NULL;
        }
    }
    pthread_mutex_unlock(&w->lock);
    errno = e;
    return good;
}
