/* deliver/files_tree.c - see the header.
 *
 * A version is built as ".new", everything in it is on disk, then it gets its name; then
 * ".current", a symbolic link, is renamed over "current". A crash between any two of these
 * leaves the old or the new state and a ".new" that the next try removes. */
#include "files_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/safename.h"

#define NEW ".new"
#define LINK ".current"
#define ENTRIES_MAX 10000

/* The failure of errno E while DOING something with NAME. */
static enum base_fail_class failed(const struct deliver_tree *d, const char *doing,
                                   const char *name, int e, struct base_fail *f)
{
    bool space = e == ENOSPC || e == EDQUOT;
    bool passing = e == EIO || e == EMFILE || e == ENFILE || e == ENOMEM || e == EAGAIN ||
                   e == ESTALE || e == ETIMEDOUT || e == EBUSY;

    if (space || passing) {
        return base_failf(f, BASE_TEMPORARY, space ? "deliver.space" : "deliver.io", "%s/%s: %s: %s",
                          d->path, name, doing, strerror(e));
    }
    return base_failf(f, BASE_PERMANENT, "deliver.files", "%s/%s: %s: %s%s", d->path, name, doing,
                      strerror(e),
                      e == EACCES || e == EPERM || e == EROFS
                          ? "; certagentd needs the right to write there (its unit: ReadWritePaths)"
                          : "");
}

/* ---- owners and modes --------------------------------------------------------------- */

static enum base_fail_class find_ids(const struct policy_publisher *t, struct deliver_tree *d,
                                     struct base_fail *f)
{
    char room[16384];
    struct passwd pw, *p = NULL;
    struct group gr, *g = NULL;

    d->uid = (uid_t)-1;
    d->gid = (gid_t)-1;
    if (t->owner != NULL) {
        (void)getpwnam_r(t->owner, &pw, room, sizeof room, &p);
        if (p == NULL) {
            return base_failf(f, BASE_PERMANENT, "deliver.owner", "publisher \"%s\": there is no "
                              "user %s", t->id, t->owner);
        }
        d->uid = pw.pw_uid;
    }
    if (t->group != NULL) {
        (void)getgrnam_r(t->group, &gr, room, sizeof room, &g);
        if (g == NULL) {
            return base_failf(f, BASE_PERMANENT, "deliver.owner", "publisher \"%s\": there is no "
                              "group %s", t->id, t->group);
        }
        d->gid = gr.gr_gid;
    }
    return BASE_OK;
}

/* Mode first, while it is surely ours; an owner that is right already needs no right. */
static enum base_fail_class give(const struct deliver_tree *d, int fd, const char *name, bool folder,
                                 struct base_fail *f)
{
    uid_t uid = folder ? (uid_t)-1 : d->uid; /* folders stay ours: we write in them again */
    mode_t mode = folder ? d->dir_mode : d->file_mode;
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return failed(d, "look", name, errno, f);
    }
    if ((st.st_mode & 0777) != mode && fchmod(fd, mode) != 0) {
        return failed(d, "mode", name, errno, f);
    }
    if ((uid == (uid_t)-1 || uid == st.st_uid) && (d->gid == (gid_t)-1 || d->gid == st.st_gid)) {
        return BASE_OK;
    }
    if (fchown(fd, uid, d->gid) != 0) {
        return base_failf(f, BASE_PERMANENT, "deliver.owner",
                          "%s/%s can't be given to the configured owner or group: %s; certagentd "
                          "must be a member of the group, for another owner have CAP_CHOWN, and "
                          "its unit allow @chown: see certmilter.conf(5)",
                          d->path, name, strerror(errno));
    }
    return BASE_OK;
}

/* ---- opening ------------------------------------------------------------------------- */

enum base_fail_class deliver_tree_open(struct base_arena *a, const struct policy_publisher *t,
                                       const char *key, bool make, struct deliver_tree *out,
                                       struct base_fail *f)
{
    const char *name = base_safe_name(a, key);
    struct deliver_tree d = {.dirfd = -1, .path = t->dir, .dir_mode = t->dir_mode,
                             .file_mode = t->file_mode};
    enum base_fail_class cls = find_ids(t, &d, f);
    bool made = false;

    *out = d;
    if (cls != BASE_OK) {
        return cls;
    }
    int top = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) {
        return failed(&d, "open", "", errno, f);
    }
    if (make && mkdirat(top, name, 0700) == 0) {
        made = true;
    } else if (make && errno != EEXIST) {
        cls = failed(&d, "make", name, errno, f);
    }
    if (cls == BASE_OK) {
        d.dirfd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (cls == BASE_OK && d.dirfd < 0 && (make || errno != ENOENT)) {
        cls = failed(&d, "open", name, errno, f);
    }
    if (made && cls == BASE_OK && fsync(top) != 0) {
        cls = failed(&d, "sync", name, errno, f);
    }
    close(top);
    d.path = base_arena_printf(a, "%s/%s", t->dir, name);
    if (make && cls == BASE_OK) {
        cls = give(&d, d.dirfd, "", true, f);
    }
    *out = d;
    if (cls != BASE_OK) {
        deliver_tree_close(out);
    }
    return cls;
}

void deliver_tree_close(struct deliver_tree *d)
{
    if (d->dirfd >= 0) {
        close(d->dirfd);
    }
    d->dirfd = -1;
}

/* ---- writing and removing ---------------------------------------------------------------- */

static enum base_fail_class put_file(const struct deliver_tree *d, int dirfd, const char *name,
                                     struct base_bytes data, struct base_fail *f)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum base_fail_class cls = BASE_OK;

    if (fd < 0) {
        return failed(d, "make", name, errno, f);
    }
    if (!base_write_all(fd, data.p, data.n)) {
        cls = failed(d, "write", name, errno, f);
    }
    if (cls == BASE_OK) {
        cls = give(d, fd, name, false, f);
    }
    if (cls == BASE_OK && fsync(fd) != 0) {
        cls = failed(d, "sync", name, errno, f);
    }
    close(fd);
    return cls;
}

/* Removes the folder NAME and the files in it; absent is fine. */
static enum base_fail_class remove_folder(const struct deliver_tree *d, const char *name,
                                          struct base_fail *f)
{
    int fd = openat(d->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (dir == NULL) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        if (why == ENOENT || ((why == ENOTDIR || why == ELOOP) && unlinkat(d->dirfd, name, 0) == 0)) {
            return BASE_OK;
        }
        return failed(d, "open", name, why, f);
    }
    for (int i = 0; i < ENTRIES_MAX && (e = readdir(dir)) != NULL; i++) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            (void)unlinkat(fd, e->d_name, 0); /* what stays makes the next call fail */
        }
    }
    closedir(dir);
    return unlinkat(d->dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT
               ? BASE_OK
               : failed(d, "remove", name, errno, f);
}

static enum base_fail_class fill(const struct deliver_tree *d, const struct deliver_file *files,
                                 size_t n, struct base_fail *f)
{
    int fd = openat(d->dirfd, NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    enum base_fail_class cls = fd >= 0 ? BASE_OK : failed(d, "open", NEW, errno, f);

    for (size_t i = 0; i < n && cls == BASE_OK; i++) {
        cls = put_file(d, fd, files[i].name, files[i].data, f);
    }
    if (cls == BASE_OK) {
        cls = give(d, fd, NEW, true, f);
    }
    if (cls == BASE_OK && fsync(fd) != 0) {
        cls = failed(d, "sync", NEW, errno, f);
    }
    if (fd >= 0) {
        close(fd);
    }
    return cls;
}

enum base_fail_class deliver_tree_version(struct base_arena *a, const struct deliver_tree *d,
                                          const char *name, const struct deliver_file *files,
                                          size_t n, struct base_fail *f)
{
    struct stat st;
    enum base_fail_class cls;

    (void)a;
    if (fstatat(d->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        return S_ISDIR(st.st_mode) ? BASE_OK : failed(d, "open", name, ENOTDIR, f);
    }
    cls = remove_folder(d, NEW, f);
    if (cls == BASE_OK && mkdirat(d->dirfd, NEW, 0700) != 0) {
        cls = failed(d, "make", NEW, errno, f);
    }
    if (cls == BASE_OK) {
        cls = fill(d, files, n, f);
    }
    if (cls == BASE_OK && renameat(d->dirfd, NEW, d->dirfd, name) != 0) {
        cls = failed(d, "rename", name, errno, f);
    }
    if (cls == BASE_OK && fsync(d->dirfd) != 0) {
        cls = failed(d, "sync", name, errno, f);
    }
    if (cls != BASE_OK) {
        remove_folder(d, NEW, NULL); /* a full disk gets its room back at once */
    }
    return cls;
}

enum base_fail_class deliver_tree_switch(const struct deliver_tree *d, const char *name,
                                         struct base_fail *f)
{
    char now[300];
    ssize_t n = readlinkat(d->dirfd, "current", now, sizeof now - 1);

    if (name != NULL && n > 0 && (size_t)n == strlen(name) && memcmp(now, name, (size_t)n) == 0) {
        return BASE_OK;
    }
    if (name == NULL) {
        if (unlinkat(d->dirfd, "current", 0) != 0 && errno != ENOENT) {
            return failed(d, "remove", "current", errno, f);
        }
    } else {
        (void)unlinkat(d->dirfd, LINK, 0);
        if (symlinkat(name, d->dirfd, LINK) != 0) {
            return failed(d, "link", LINK, errno, f);
        }
        if (renameat(d->dirfd, LINK, d->dirfd, "current") != 0) {
            return failed(d, "switch", "current", errno, f);
        }
    }
    return fsync(d->dirfd) == 0 ? BASE_OK : failed(d, "sync", "current", errno, f);
}

enum base_fail_class deliver_tree_remove(struct base_arena *a, const struct deliver_tree *d,
                                         const char *word, struct base_fail *f)
{
    const char *names[64];
    size_t n = 0;
    enum base_fail_class cls = BASE_OK;
    int fd = openat(d->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (dir == NULL) {
        cls = failed(d, "open", "", errno, f);
        if (fd >= 0) {
            close(fd);
        }
        return cls;
    }
    for (int i = 0; i < ENTRIES_MAX && n < 64 && (e = readdir(dir)) != NULL; i++) {
        if ((strncmp(e->d_name, "v-", 2) == 0 || strncmp(e->d_name, "sealed-", 7) == 0) &&
            strstr(e->d_name, word) != NULL) {
            names[n++] = base_arena_strdup(a, e->d_name);
        }
    }
    closedir(dir);
    for (size_t i = 0; i < n && cls == BASE_OK; i++) {
        cls = remove_folder(d, names[i], f);
    }
    if (cls == BASE_OK && fsync(d->dirfd) != 0) {
        cls = failed(d, "sync", "", errno, f);
    }
    return cls;
}

enum base_fail_class deliver_tree_write(const struct deliver_tree *d, const char *name,
                                        struct base_bytes data, struct base_fail *f)
{
    (void)unlinkat(d->dirfd, ".file", 0);
    enum base_fail_class cls = put_file(d, d->dirfd, ".file", data, f);

    if (cls == BASE_OK && renameat(d->dirfd, ".file", d->dirfd, name) != 0) {
        cls = failed(d, "rename", name, errno, f);
    }
    if (cls == BASE_OK && fsync(d->dirfd) != 0) {
        cls = failed(d, "sync", name, errno, f);
    }
    if (cls != BASE_OK) {
        (void)unlinkat(d->dirfd, ".file", 0);
    }
    return cls;
}
