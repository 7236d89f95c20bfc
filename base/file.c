/* base/file.c - files that are there whole or not at all; secrets by name.
 *
 * A file is written under a random name beside its place and renamed over it,
 * so readers see the old or the new one, and after a power loss too. What a
 * failed write leaves is removed; a kill between leaves ".NAME.RANDOM.tmp", which
 * base_file_sweep() finds. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL_MAX 65536
#define RANDOM_LEN 16 /* characters in a temporary name */

static enum base_fail_class write_failed(struct base_fail *f, const char *name, const char *what)
{
    int e = errno;

    if (e == ENOSPC || e == EDQUOT) {
        return base_failf(f, BASE_TEMPORARY, "file.space", "%s: no space left (%s)", name, what);
    }
    return base_failf(f, e == EMFILE || e == ENFILE || e == ENOMEM ? BASE_TEMPORARY : BASE_OURS,
                      "file.write", "%s: %s: %s", name, what, strerror(e));
}

bool base_write_all(int fd, const void *p, size_t n)
{
    const unsigned char *s = p;

    while (n > 0) {
        ssize_t done = write(fd, s, n);
        if (done >= 0) {
            s += done;
            n -= (size_t)done;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* The directory that NAME is in, open; *last gets NAME's last part. -1: errno. */
static int open_parent(int dirfd, const char *name, const char **last)
{
    const char *slash = strrchr(name, '/');

    *last = slash != NULL ? slash + 1 : name;
    if (**last == '\0') {
        errno = EISDIR;
        return -1;
    }
    char *dir = base_xstrdup(slash != NULL ? name : ".");
    if (slash != NULL) {
        dir[slash == name ? 1 : slash - name] = '\0';
    }
    int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = errno;
    free(dir);
    errno = e;
    return fd;
}

/* Fills the new file TMP; NULL if it is complete and on disk, else what failed. */
static const char *fill(int dir, const char *tmp, const void *p, size_t n, mode_t mode)
{
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const char *failed = NULL;

    if (fd < 0) {
        return "creating it";
    }
    if (!base_write_all(fd, p, n)) {
        failed = "writing it";
    } else if (fchmod(fd, mode) != 0) {
        failed = "setting its mode";
    } else if (fsync(fd) != 0) {
        failed = "fsync";
    }
    int e = errno;
    if (close(fd) != 0 && failed == NULL) {
        return "closing it";
    }
    errno = e;
    return failed;
}

enum base_fail_class base_file_write(int dirfd, const char *name, const void *p, size_t n,
                                     mode_t mode, struct base_fail *f)
{
    char id[RANDOM_LEN + 1], tmp[NAME_MAX + 1];
    const char *last;
    int dir = open_parent(dirfd, name, &last);

    if (dir < 0) {
        return write_failed(f, name, "opening its directory");
    }
    base_random_id(id, RANDOM_LEN);
    int len = snprintf(tmp, sizeof tmp, ".%.200s.%s.tmp", last, id);
    const char *failed = len < (int)sizeof tmp ? fill(dir, tmp, p, n, mode) : "naming it";
    if (failed == NULL && renameat(dir, tmp, dir, last) != 0) {
        failed = "renaming it into place";
    }
    int e = errno;
    if (failed != NULL) {
        (void)unlinkat(dir, tmp, 0);
    } else if (fsync(dir) != 0) {
        e = errno;
        failed = "fsync of its directory";
    }
    (void)close(dir);
    errno = e;
    return failed != NULL ? write_failed(f, name, failed) : BASE_OK;
}

void base_file_sweep(int dirfd, const char *name)
{
    char mine[NAME_MAX + 1];
    const char *last;
    int dir = open_parent(dirfd, name, &last);
    DIR *d = dir < 0 ? NULL : fdopendir(dir);
    const struct dirent *e;

    if (d == NULL) {
        if (dir >= 0) {
            (void)close(dir);
        }
        return;
    }
    int n = snprintf(mine, sizeof mine, ".%.200s.", last);
    while ((e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, mine, (size_t)n) == 0 &&
            strlen(e->d_name) == (size_t)n + RANDOM_LEN + 4 &&
            strcmp(e->d_name + n + RANDOM_LEN, ".tmp") == 0) {
            (void)unlinkat(dir, e->d_name, 0);
        }
    }
    (void)closedir(d);
}

bool base_read_all(int fd, size_t max, struct base_buf *out)
{
    char one;

    base_buf_init(out, max);
    for (;;) {
        size_t room = max - out->n < 65536 ? max - out->n : 65536;
        /* at the cap, one byte more tells a full file from one too large */
        (void)base_buf_reserve(out, room);
        ssize_t got = room > 0 ? read(fd, out->p + out->n, room) : read(fd, &one, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        if (room == 0) {
            explicit_bzero(&one, 1);
            errno = EFBIG;
            return false;
        }
        out->n += (size_t)got;
        out->p[out->n] = 0;
    }
}

/* Opens NAME as a regular file for reading, never blocking on a FIFO. */
static enum base_fail_class open_regular(int dirfd, const char *name, int *fd, struct stat *st,
                                         struct base_fail *f)
{
    *fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return base_failf(f, BASE_PERMANENT, "file.absent", "%s: there is no such file", name);
        }
        return base_failf(
            f, errno == EMFILE || errno == ENFILE || errno == ENOMEM ? BASE_TEMPORARY : BASE_OURS,
            "file.read", "%s: can't be opened: %s", name, strerror(errno));
    }
    if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode)) {
        return BASE_OK;
    }
    (void)close(*fd);
    *fd = -1;
    return base_failf(f, BASE_PERMANENT, "file.kind", "%s: is no regular file", name);
}

/* Reads FD to its end and closes it. */
static enum base_fail_class slurp(int fd, const char *name, size_t max, struct base_buf *out,
                                  struct base_fail *f)
{
    bool good = base_read_all(fd, max, out);
    int e = errno;

    (void)close(fd);
    if (good) {
        return BASE_OK;
    }
    if (e == EFBIG) {
        return base_failf(f, BASE_PERMANENT, "file.size", "%s: has more than %zu bytes", name, max);
    }
    return base_failf(f, BASE_OURS, "file.read", "%s: can't be read: %s", name, strerror(e));
}

enum base_fail_class base_file_read(int dirfd, const char *name, size_t max, struct base_buf *out,
                                    struct base_fail *f)
{
    struct stat st;
    int fd;

    base_buf_init(out, max);
    enum base_fail_class r = open_regular(dirfd, name, &fd, &st, f);
    return r != BASE_OK ? r : slurp(fd, name, max, out, f);
}

/* DIR/NAME with the codes of credentials; SHARED: group and others may read. */
static enum base_fail_class read_credential(const char *dir, const char *name, bool shared,
                                            struct base_buf *out, struct base_fail *f)
{
    struct base_fail low = {0};
    struct stat st;
    int fd, d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (d < 0) {
        return base_failf(f, BASE_PERMANENT, "cred.absent", "credential %s: %s: %s", name, dir,
                          strerror(errno));
    }
    enum base_fail_class r = open_regular(d, name, &fd, &st, &low);
    (void)close(d);
    if (r != BASE_OK) {
        return base_failf(f, r, "cred.absent", "credential in %s: %s", dir, low.text);
    }
    if (!shared && (st.st_mode & 077) != 0) {
        (void)close(fd);
        return base_failf(f, BASE_PERMANENT, "cred.mode",
                          "credential %s/%s: mode %04o lets others in; 0600 or 0400 is expected",
                          dir, name, (unsigned)st.st_mode & 07777);
    }
    r = slurp(fd, name, CREDENTIAL_MAX, out, &low);
    if (r != BASE_OK) {
        base_buf_wipe(out);
        return base_failf(f, r, r == BASE_PERMANENT ? "cred.size" : "cred.absent",
                          "credential in %s: %s", dir, low.text);
    }
    if (out->n > 0 && out->p[out->n - 1] == '\n') {
        out->p[--out->n] = 0;
    }
    return BASE_OK;
}

enum base_fail_class base_credential(const char *name, const char *dir, struct base_buf *out,
                                     struct base_fail *f)
{
    const char *given = getenv("CREDENTIALS_DIRECTORY");
    struct base_fail low = {0};

    base_buf_init(out, CREDENTIAL_MAX);
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        return base_failf(
            f, BASE_PERMANENT, "cred.absent",
            "\"%s\" is no name of a credential: a file name without \"/\" is expected", name);
    }
    if (given != NULL && given[0] != '\0') {
        enum base_fail_class r = read_credential(given, name, true, out, &low);
        /* only one that is absent there is looked for in DIR */
        if (r == BASE_OK || dir == NULL || strcmp(low.code, "cred.absent") != 0) {
            return r == BASE_OK ? r : base_failf(f, r, low.code, "%s", low.text);
        }
    }
    if (dir == NULL) {
        return base_failf(
            f, BASE_PERMANENT, "cred.absent",
            "credential %s: CREDENTIALS_DIRECTORY isn't set and no directory is named", name);
    }
    return read_credential(dir, name, false, out, f);
}

void base_no_core(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
