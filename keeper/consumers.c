/* keeper/consumers.c - the folders of consumers, and the files in them; see the header. */
#include "consumers.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

#define MODE 0640
#define NEW ".new"
#define FILE_MAX (256 * 1024)

static bool name_ok(const char *s, size_t n)
{
    return n > 0 && n <= 64 && s[0] != '.' &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") >= n;
}

enum base_fail_class keeper_consumers_add(struct keeper_consumers *c, const char *text,
                                          struct base_fail *f)
{
    const char *dir = strchr(text, ':'), *group = strrchr(text, ':');
    struct keeper_consumer *k = &c->v[c->n];
    struct group *g;

    if (c->n == KEEPER_CONSUMERS_MAX || dir == NULL || group == dir || dir[1] != '/' ||
        !name_ok(text, (size_t)(dir - text)) || !name_ok(group + 1, strlen(group + 1))) {
        return base_failf(f, BASE_PERMANENT, "keeper.option",
                          "--consumer: expected NAME:DIR:GROUP with an absolute DIR, at most %d of "
                          "them, found \"%.200s\"", KEEPER_CONSUMERS_MAX, text);
    }
    snprintf(k->name, sizeof k->name, "%.*s", (int)(dir - text), text);
    snprintf(k->group, sizeof k->group, "%s", group + 1);
    g = getgrnam(k->group);
    if (g == NULL || keeper_consumers_find(c, k->name) != NULL) {
        return base_failf(f, BASE_PERMANENT, "keeper.option",
                          g == NULL ? "--consumer %s: there is no group %s"
                                    : "--consumer %s: named twice (group %s)", k->name, k->group);
    }
    k->gid = g->gr_gid;
    k->dir = strndup(dir + 1, (size_t)(group - dir - 1));
    if (k->dir == NULL) {
        return base_failf(f, BASE_OURS, "keeper.internal", "no memory");
    }
    c->n++;
    return BASE_OK;
}

void keeper_consumers_free(struct keeper_consumers *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free((void *)(uintptr_t)c->v[i].dir);
    }
    c->n = 0;
}

const struct keeper_consumer *keeper_consumers_find(const struct keeper_consumers *c,
                                                    const char *name)
{
    for (size_t i = 0; c != NULL && i < c->n; i++) {
        if (strcmp(c->v[i].name, name) == 0) {
            return &c->v[i];
        }
    }
    return NULL;
}

/* ---- files -------------------------------------------------------------------------- */

static enum base_fail_class failed(const struct keeper_consumer *c, const char *doing,
                                   const char *name, int e, struct base_fail *f)
{
    if (e == ENOSPC || e == EDQUOT) {
        return base_failf(f, BASE_TEMPORARY, "file.space", "%s/%s: %s: %s", c->dir, name, doing,
                          strerror(e));
    }
    return base_failf(f, BASE_PERMANENT, "keeper.consumer", "consumer %s: %s/%s: %s: %s; see "
                      "certkeeperd(8), CONSUMERS", c->name, c->dir, name, doing, strerror(e));
}

enum base_fail_class keeper_consumer_open(const struct keeper_consumer *c, int *fd,
                                          struct base_fail *f)
{
    struct stat st;

    *fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0) {
        enum base_fail_class cls = failed(c, "open", "", errno, f);
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = -1;
        return cls;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 0027) != 0) {
        close(*fd);
        *fd = -1;
        return base_failf(f, BASE_PERMANENT, "keeper.consumer",
                          "consumer %s: %s must belong to the keeper's user and be closed to others "
                          "(mode 2750, group %s)", c->name, c->dir, c->group);
    }
    return BASE_OK;
}

bool keeper_consumer_same(const struct keeper_consumer *c, int fd, const char *name,
                          struct base_bytes data)
{
    struct stat st;
    struct base_buf b;
    bool same = false;
    int file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (file < 0) {
        return false;
    }
    if (fstat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == MODE &&
        st.st_gid == c->gid && (size_t)st.st_size == data.n) {
        same = base_read_all(file, FILE_MAX, &b) && b.n == data.n && memcmp(b.p, data.p, b.n) == 0;
        base_buf_wipe(&b);
    }
    close(file);
    return same;
}

enum base_fail_class keeper_consumer_put(const struct keeper_consumer *c, int fd, const char *name,
                                         struct base_bytes data, struct base_fail *f)
{
    struct stat st;
    enum base_fail_class cls = keeper_consumer_sweep(c, fd, f);

    if (cls != BASE_OK) {
        return cls;
    }
    int file = openat(fd, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return failed(c, "make", name, errno, f);
    }
    /* in a folder with the set-group-id bit the group is right already, and needs no right */
    if (fstat(file, &st) != 0 || (st.st_gid != c->gid && fchown(file, (uid_t)-1, c->gid) != 0)) {
        cls = failed(c, "give it to the group", name, errno, f);
    } else if (!base_write_all(file, data.p, data.n) || fchmod(file, MODE) != 0 ||
               fsync(file) != 0) {
        cls = failed(c, "write", name, errno, f);
    }
    close(file);
    if (cls == BASE_OK && (renameat(fd, NEW, fd, name) != 0 || fsync(fd) != 0)) {
        cls = failed(c, "rename", name, errno, f);
    }
    if (cls != BASE_OK) {
        (void)keeper_consumer_sweep(c, fd, NULL);
    }
    return cls;
}

enum base_fail_class keeper_consumer_sweep(const struct keeper_consumer *c, int fd,
                                           struct base_fail *f)
{
    bool was;

    return keeper_consumer_drop(c, fd, NEW, &was, f);
}

enum base_fail_class keeper_consumer_drop(const struct keeper_consumer *c, int fd, const char *name,
                                          bool *was, struct base_fail *f)
{
    static const unsigned char zeros[4096];
    struct stat st;
    int file = openat(fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    *was = file >= 0;
    if (unlinkat(fd, name, 0) != 0 && errno != ENOENT) {
        int why = errno;
        if (file >= 0) {
            close(file);
        }
        return failed(c, "remove", name, why, f);
    }
    if (file >= 0) { /* no reader can open it any more: its place on disk is overwritten */
        if (fstat(file, &st) == 0 && S_ISREG(st.st_mode)) {
            for (off_t at = 0; at < st.st_size && at < FILE_MAX; at += (off_t)sizeof zeros) {
                size_t n = st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at)
                                                                : sizeof zeros;
                (void)!pwrite(file, zeros, n, at);
            }
            (void)fdatasync(file);
        }
        close(file);
    }
    return !*was || fsync(fd) == 0 ? BASE_OK : failed(c, "sync", name, errno, f);
}
