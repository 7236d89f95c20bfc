/* keeper/listing.h - the ids in a directory of the store, in order, a page at a time.
 *
 * A directory has no order, so each page means reading all of it. Who goes through all keys
 * would read it once a page: a window of many ids after a page's begin is remembered, and the
 * pages that follow come from it. It is good until a key is added. Thread-safe. */
#ifndef KEEPER_LISTING_H
#define KEEPER_LISTING_H
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "record.h"

#define KEEPER_WINDOW 16384 /* ids: 440 KiB, however many there are */

struct keeper_window {
    pthread_mutex_t lock;
    atomic_ullong added;      /* keys so far: what was remembered before is old */
    unsigned long long seen;  /* ADDED when the window was read */
    char (*ids)[KEEPER_ID];   /* in order; NULL = nothing is remembered */
    size_t n;
    bool last;                /* nothing came after them */
    char after[KEEPER_ID];    /* they are all those after this one */
};

void keeper_window_init(struct keeper_window *w);
void keeper_window_free(struct keeper_window *w);
/* A key was added, its file is there. */
void keeper_window_added(struct keeper_window *w);

/* Reads D to its end and closes it: of the names PREFIX, an id and SUFFIX, the LIMIT smallest
 * ids after AFTER (NULL = from the start), in order. */
void keeper_listing_read(DIR *d, const char *prefix, const char *suffix, const char *after,
                         size_t limit, char (*ids)[KEEPER_ID], size_t *n);
/* The same of NAME.json by way of the window; AFTER NULL reads anew. OPEN gives a fresh stream of
 * the directory, or NULL with errno: then false. */
bool keeper_listing_page(struct keeper_window *w, DIR *(*open)(int dirfd), int dirfd,
                         const char *after, size_t limit, char (*ids)[KEEPER_ID], size_t *n);

#endif
