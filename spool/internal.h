/* spool/internal.h - what the files of this room share and nobody else sees. */
#ifndef SPOOL_INTERNAL_H
#define SPOOL_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "spool.h"
#include "tally.h"

struct spool_writer {
    int tmp, dir_new; /* directories */
    struct spool_writer_options o;
    pthread_mutex_t lock; /* guards the rest; never held over a system call */
    struct spool_tally tally;
    int64_t open_bytes;                /* in files being written */
    int64_t base_bytes, base_files;    /* in new/, as last listed */
    int64_t add_bytes, add_files;      /* committed since that listing began */
};

struct spool_reader {
    int tmp, dir_new, cur, dead; /* directories; cur carries the lock */
    int inotify;                 /* or -1 */
    uid_t milter;                /* owner of tmp/ */
};

/* Opens DIR/NAME as a directory, made with MODE if absent. -1 with errno. */
int spool_subdir(int dir, const char *name, mode_t mode);
/* DIR itself; -1 with errno. */
int spool_top(const char *dir);

/* Names of directory FD that spool_name_ok() likes, the MAX smallest, sorted. */
bool spool_list_dir(int fd, struct base_arena *a, size_t max, const char ***names, size_t *n,
                    int64_t *strange);

/* Eight hex digits for CLIENT's network and its number. */
uint32_t spool_client_tag(const char *client);
/* The number in NAME, which must be spool_name_ok(). */
uint32_t spool_name_tag(const char *name);

#endif
