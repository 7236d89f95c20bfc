/* dcv/file.c - the file that shows control of a domain, below its web roots.
 *
 * Others may write below a web root, so nothing there is trusted: each directory
 * is opened from the one before without following links, and what isn't a
 * regular file is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "http.h"

#define FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* The directory NAME in DIR (which is closed); made if MAKE. -1: F is set. */
static int enter(int dir, const char *root, const char *name, bool make, struct base_fail *f)
{
    int fd = openat(dir, name, FLAGS | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT && make && mkdirat(dir, name, 0755) == 0) {
        fd = openat(dir, name, FLAGS | O_NOFOLLOW);
        if (fd >= 0 && fchmod(fd, 0755) != 0) { /* whatever our umask is */
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0) {
        base_failf(f, BASE_PERMANENT, errno == ENOENT ? "dcv.file.absent" : "dcv.file.place",
                   "%s: \"%s\" can't be used as a directory (%m): let certagent write there, or make "
                   "it a directory of its own (links aren't followed)",
                   root, name);
    }
    close(dir);
    return fd;
}

static int open_place(const char *root, bool make, struct base_fail *f)
{
    char parts[] = CA_DCV_DIRECTORY, *save = NULL;
    int fd = open(root, FLAGS);

    if (fd < 0) {
        base_failf(f, BASE_PERMANENT, "dcv.file.root",
                   "the web root %s can't be opened: %m (under systemd it must be in ReadWritePaths "
                   "of certagentd.service)",
                   root);
        return -1;
    }
    for (char *p = strtok_r(parts, "/", &save); p != NULL && fd >= 0;
         p = strtok_r(NULL, "/", &save)) {
        fd = enter(fd, root, p, make, f);
    }
    return fd;
}

/* Is there nothing, or a regular file? */
static bool is_free(int dir, const char *name, bool *present)
{
    struct stat st;

    *present = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return *present ? S_ISREG(st.st_mode) : errno == ENOENT;
}

static enum base_fail_class put_one(const char *root, const char *name, const char *value,
                                    struct base_fail *f)
{
    bool present;
    int dir = open_place(root, true, f);
    enum base_fail_class cls;

    if (dir < 0) {
        return BASE_PERMANENT;
    }
    if (!is_free(dir, name, &present)) {
        cls = base_failf(f, BASE_PERMANENT, "dcv.file.place",
                         "%s/" CA_DCV_DIRECTORY "/%s is no regular file: it is left as it is", root,
                         name);
    } else {
        struct base_fail why = {0};
        cls = base_file_write(dir, name, value, strlen(value), 0644, &why);
        if (cls != BASE_OK) {
            cls = base_failf(f, cls == BASE_TEMPORARY ? cls : BASE_PERMANENT, "dcv.file.place",
                             "%s/" CA_DCV_DIRECTORY "/%s can't be written: %s", root, name, why.text);
        }
    }
    close(dir);
    return cls;
}

static enum base_fail_class name_refused(const char *name, struct base_fail *f)
{
    (void)name; /* it may be anything: not shown */
    return base_failf(f, BASE_PERMANENT, "dcv.file.name", "the CA's file name is no plain name");
}

enum base_fail_class dcv_file_put(const struct policy_strings *roots, const char *name,
                                  const char *value, struct base_fail *f)
{
    enum base_fail_class cls = ca_dcv_file_ok(name) ? BASE_OK : name_refused(name, f);

    for (size_t i = 0; cls == BASE_OK && i < roots->n; i++) {
        cls = put_one(roots->v[i], name, value, f);
    }
    return cls;
}

/* Does the open regular file hold VALUE and nothing else? */
static bool holds(int dir, const char *name, const char *value)
{
    char text[256];
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;

    if (fd >= 0) {
        close(fd);
    }
    return n >= 0 && (size_t)n == strlen(value) && memcmp(text, value, (size_t)n) == 0;
}

static enum base_fail_class remove_one(const char *root, const char *name, const char *value,
                                       struct base_fail *f)
{
    struct base_fail why = {0};
    bool present;
    int dir = open_place(root, false, &why);
    enum base_fail_class cls = BASE_OK;

    if (dir < 0) {
        return strcmp(why.code, "dcv.file.absent") == 0
                   ? BASE_OK
                   : base_failf(f, BASE_PERMANENT, why.code, "%s", why.text);
    }
    if (is_free(dir, name, &present) && present && holds(dir, name, value) &&
        unlinkat(dir, name, 0) != 0 && errno != ENOENT) {
        cls = base_failf(f, BASE_PERMANENT, "dcv.file.place",
                         "%s/" CA_DCV_DIRECTORY "/%s can't be taken away: %m", root, name);
    }
    close(dir);
    return cls;
}

enum base_fail_class dcv_file_remove(const struct policy_strings *roots, const char *name,
                                     const char *value, struct base_fail *f)
{
    enum base_fail_class cls = ca_dcv_file_ok(name) ? BASE_OK : name_refused(name, f);

    for (size_t i = 0; cls == BASE_OK && i < roots->n; i++) {
        cls = remove_one(roots->v[i], name, value, f);
    }
    return cls;
}
