/* spool/writer.c - opening the spool for writing, and counting what it holds.
 *
 * Owns the writer: two directory descriptors and the counts. Nothing here but
 * spool_writer_rescan() lists a directory; its lock is never held over a system
 * call, so a callback of the milter never waits for a disk because of a count.
 * Fails when it is opened, then no more: a listing that fails leaves the old
 * counts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "internal.h"

#define RESCAN_MS 2000
#define STALE_S 60

enum base_fail_class spool_open_writer(const char *dir, const struct spool_writer_options *o,
                                       struct spool_writer **out, struct base_fail *f)
{
    int top = spool_top(dir);
    if (top < 0)
        return base_failf(f, BASE_PERMANENT, "spool.dir", "%s: can't open the spool: %m", dir);
    struct spool_writer *w = base_xmalloc(sizeof *w);
    memset(w, 0, sizeof *w);
    w->tmp = spool_subdir(top, "tmp", 02770);
    w->dir_new = w->tmp < 0 ? -1 : spool_subdir(top, "new", 02770);
    if (w->dir_new < 0) {
        base_failf(f, BASE_PERMANENT, "spool.dir", "%s: can't open its tmp/ and new/: %m", dir);
        if (w->tmp >= 0)
            close(w->tmp);
        close(top);
        free(w);
        return BASE_PERMANENT;
    }
    close(top);
    if (o)
        w->o = *o;
    if (w->o.cap_bytes <= 0)
        w->o.cap_bytes = INT64_C(1) << 30;
    if (w->o.small_bytes <= 0)
        w->o.small_bytes = SPOOL_SMALL;
    if (w->o.per_client <= 0)
        w->o.per_client = 2000;
    pthread_mutex_init(&w->lock, NULL);
    spool_writer_rescan(w);
    *out = w;
    return BASE_OK;
}

void spool_close_writer(struct spool_writer *w)
{
    if (!w)
        return;
    close(w->tmp);
    close(w->dir_new);
    spool_tally_free(&w->tally);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static DIR *stream(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d && copy >= 0)
        close(copy);
    return d;
}

/* Counts new/. False if it couldn't be read to its end. */
static bool count(int fd, struct spool_tally *seen, int64_t *bytes, int64_t *files)
{
    DIR *d = stream(fd);
    if (!d)
        return false;
    struct dirent *e;
    while (errno = 0, (e = readdir(d))) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* claimed meanwhile */
        *bytes += st.st_size;
        ++*files;
        if (spool_name_ok(e->d_name))
            spool_tally_at(seen, spool_name_tag(e->d_name))->base++;
    }
    bool ok = errno == 0;
    closedir(d);
    return ok;
}

/* Removes files of tmp/ that are old and whose writer, gone, holds no lock. */
static void sweep(int fd)
{
    DIR *d = stream(fd);
    if (!d)
        return;
    int64_t now = base_now();
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (!spool_name_ok(e->d_name) ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
            now - st.st_mtime < STALE_S)
            continue;
        int file = openat(fd, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0)
            continue;
        if (flock(file, LOCK_EX | LOCK_NB) == 0)
            unlinkat(fd, e->d_name, 0);
        close(file);
    }
    closedir(d);
}

int spool_writer_rescan(struct spool_writer *w)
{
    int64_t start = base_mono_ms(), bytes = 0, files = 0;
    struct spool_tally seen = {0};

    pthread_mutex_lock(&w->lock);
    spool_tally_begin(&w->tally);
    int64_t old_bytes = w->add_bytes, old_files = w->add_files;
    pthread_mutex_unlock(&w->lock);

    if (count(w->dir_new, &seen, &bytes, &files)) {
        pthread_mutex_lock(&w->lock);
        spool_tally_end(&w->tally, &seen);
        w->base_bytes = bytes;
        w->base_files = files;
        w->add_bytes -= old_bytes;
        w->add_files -= old_files;
        pthread_mutex_unlock(&w->lock);
    }
    spool_tally_free(&seen);
    sweep(w->tmp);

    int64_t took = base_mono_ms() - start;
    return took * 50 > RESCAN_MS ? (took > 12000 ? 600000 : (int)took * 50) : RESCAN_MS;
}
