/* spool/dirs.c - opening and listing the spool's directories.
 *
 * Owns nothing. Fails with errno; what is there is never changed but by making
 * an absent directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int spool_top(const char *dir)
{
    return open(dir, DIR_FLAGS);
}

int spool_subdir(int dir, const char *name, mode_t mode)
{
    int fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(dir, name, mode & 0700) != 0 && errno != EEXIST)
        return -1;
    fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
    if (fd >= 0 && fchmod(fd, mode) != 0) { /* the set-gid bit survives no umask */
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

/* A heap with the largest name on top, so that the MAX smallest stay. */
static void sift_down(char (*h)[SPOOL_NAME_LEN], size_t n, size_t i)
{
    for (;;) {
        size_t big = i;
        for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
            if (strcmp(h[c], h[big]) > 0)
                big = c;
        if (big == i)
            return;
        char t[SPOOL_NAME_LEN];
        memcpy(t, h[i], sizeof t);
        memcpy(h[i], h[big], sizeof t);
        memcpy(h[big], t, sizeof t);
        i = big;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A stream of its own over the directory, from its beginning. */
static DIR *reopen(int fd)
{
    int copy = openat(fd, ".", DIR_FLAGS);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d && copy >= 0)
        close(copy);
    return d;
}

bool spool_list_dir(int fd, struct base_arena *a, size_t max, const char ***names, size_t *n,
                    int64_t *strange)
{
    DIR *d = reopen(fd);
    if (!d)
        return false;
    char(*heap)[SPOOL_NAME_LEN] = NULL;
    size_t have = 0, cap = 0;
    bool heaped = false;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        if (!spool_name_ok(e->d_name)) {
            if (strange && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                ++*strange;
            continue;
        }
        if (have < max) {
            if (have == cap) {
                cap = cap ? cap * 2 : 64;
                heap = base_xrealloc(heap, cap * sizeof *heap);
            }
            memcpy(heap[have++], e->d_name, SPOOL_NAME_LEN);
            continue;
        }
        for (size_t i = have / 2; !heaped && i > 0; i--)
            sift_down(heap, have, i - 1);
        heaped = true;
        if (have && strcmp(e->d_name, heap[0]) < 0) {
            memcpy(heap[0], e->d_name, SPOOL_NAME_LEN);
            sift_down(heap, have, 0);
        }
    }
    bool ok = errno == 0;
    closedir(d);
    if (ok && a) {
        if (have)
            qsort(heap, have, sizeof *heap, by_name);
        *names = base_arena_array(a, have + 1, sizeof **names);
        for (size_t i = 0; i < have; i++)
            (*names)[i] = base_arena_strdup(a, heap[i]);
        *n = have;
    }
    free(heap);
    return ok;
}
