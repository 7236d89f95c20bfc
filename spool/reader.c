/* spool/reader.c - the agent's handle: lock, inotify, listing, counting.
 *
 * Owns the directory descriptors; the lock is flock(2) on cur/ and goes with
 * them. Fails when it is opened; a failing listing is temporary. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

void spool_close_reader(struct spool_reader *r)
{
    if (!r)
        return;
    int fds[] = {r->tmp, r->dir_new, r->cur, r->dead, r->inotify};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(r);
}

/* An inotify watch on an open directory, which has no other name for it. */
static int watch(int fd)
{
    char path[40];
    int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (in >= 0 && inotify_add_watch(in, path, IN_MOVED_TO | IN_ONLYDIR) < 0) {
        close(in);
        in = -1;
    }
    return in;
}

enum base_fail_class spool_open_reader(const char *dir, struct spool_reader **out,
                                       struct base_fail *f)
{
    int top = spool_top(dir);
    if (top < 0)
        return base_failf(f, BASE_PERMANENT, "spool.dir", "%s: can't open the spool: %m", dir);
    struct spool_reader *r = base_xmalloc(sizeof *r);
    *r = (struct spool_reader){-1, -1, -1, -1, -1, 0};
    struct stat st;
    enum base_fail_class c = BASE_OK;
    if ((r->tmp = spool_subdir(top, "tmp", 02770)) < 0 || fstat(r->tmp, &st) != 0 ||
        (r->dir_new = spool_subdir(top, "new", 02770)) < 0 ||
        (r->cur = spool_subdir(top, "cur", 0700)) < 0 ||
        (r->dead = spool_subdir(top, "dead", 0700)) < 0)
        c = base_failf(f, BASE_PERMANENT, "spool.dir", "%s: can't open its directories: %m", dir);
    else if (flock(r->cur, LOCK_EX | LOCK_NB) != 0)
        c = errno == EWOULDBLOCK
                ? base_failf(f, BASE_TEMPORARY, "spool.locked",
                             "%s: another agent works on this spool", dir)
                : base_failf(f, BASE_PERMANENT, "spool.dir", "%s: can't lock cur/: %m", dir);
    close(top);
    if (c != BASE_OK) {
        spool_close_reader(r);
        return c;
    }
    r->milter = st.st_uid;
    r->inotify = watch(r->dir_new);
    *out = r;
    return BASE_OK;
}

int spool_reader_fd(const struct spool_reader *r)
{
    return r->inotify;
}

void spool_reader_drain(struct spool_reader *r)
{
    char buf[4096];
    while (r->inotify >= 0 && read(r->inotify, buf, sizeof buf) > 0)
        ;
}

static enum base_fail_class list(int fd, const char *what, struct base_arena *a, size_t max,
                                 const char ***names, size_t *n, struct base_fail *f)
{
    if (spool_list_dir(fd, a, max, names, n, NULL))
        return BASE_OK;
    return base_failf(f, BASE_TEMPORARY, "spool.dir", "can't list %s: %m", what);
}

enum base_fail_class spool_list_new(struct spool_reader *r, struct base_arena *a, size_t max,
                                    const char ***names, size_t *n, struct base_fail *f)
{
    return list(r->dir_new, "new/", a, max, names, n, f);
}

enum base_fail_class spool_list_cur(struct spool_reader *r, struct base_arena *a, size_t max,
                                    const char ***names, size_t *n, struct base_fail *f)
{
    return list(r->cur, "cur/", a, max, names, n, f);
}

static void count(int fd, int64_t *files, int64_t *bytes, int64_t *oldest, int64_t *strange)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        *bytes += st.st_size;
        if (!spool_name_ok(e->d_name)) {
            if (strange)
                ++*strange;
            continue;
        }
        ++*files;
        if (oldest && (*oldest == 0 || st.st_mtime < *oldest))
            *oldest = st.st_mtime;
    }
    closedir(d);
}

void spool_count(struct spool_reader *r, struct spool_counts *c)
{
    memset(c, 0, sizeof *c);
    count(r->dir_new, &c->new_files, &c->new_bytes, &c->oldest_new, &c->strange);
    count(r->cur, &c->cur_files, &c->cur_bytes, NULL, NULL);
    count(r->dead, &c->dead_files, &c->dead_bytes, NULL, NULL);
}
