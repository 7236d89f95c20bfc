/* spool/dead.c - mails that failed for good: states D1 and D2 of doc/spool.md.
 *
 * Owns nothing. The reason is durable before the mail moves; the wipe goes by
 * the age of the reason and takes the mail first, so that what a crash leaves
 * is a reason without a mail, never a mail without a reason. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "internal.h"

#define REASON_MAX 4096
#define REASON_SUFFIX ".reason"

enum base_fail_class spool_dead(struct spool_reader *r, const char *name, const char *reason,
                                struct base_fail *f)
{
    struct stat st;
    if (!spool_name_ok(name) || fstatat(r->cur, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return base_failf(f, BASE_PERMANENT, "spool.gone", "no such mail in cur/");

    struct base_arena *a = base_arena_new();
    const char *file = base_arena_printf(a, "%s" REASON_SUFFIX, name);
    char *text = base_printable(a, reason, strlen(reason), REASON_MAX);
    text = base_arena_printf(a, "%s\n", text);
    enum base_fail_class c = base_file_write(r->dead, file, text, strlen(text), 0600, f);
    base_arena_free(a);
    if (c != BASE_OK) {
        if (f)
            snprintf(f->code, sizeof f->code, "spool.write");
        return c;
    }
    if (renameat(r->cur, name, r->dead, name) != 0)
        return base_failf(f, BASE_TEMPORARY, "spool.write", "%s can't be moved to dead/: %m",
                          name);
    if (fsync(r->dead) != 0 || fsync(r->cur) != 0)
        return base_failf(f, BASE_TEMPORARY, "spool.write", "can't sync dead/: %m");
    return BASE_OK;
}

/* The spool name in "NAME.reason"; false if it is something else. */
static bool reason_of(const char *file, char name[SPOOL_NAME_LEN])
{
    if (strlen(file) != SPOOL_NAME_LEN - 1 + strlen(REASON_SUFFIX) ||
        strcmp(file + SPOOL_NAME_LEN - 1, REASON_SUFFIX) != 0)
        return false;
    memcpy(name, file, SPOOL_NAME_LEN - 1);
    name[SPOOL_NAME_LEN - 1] = 0;
    return spool_name_ok(name);
}

size_t spool_dead_wipe(struct spool_reader *r, int64_t now, int64_t max_age)
{
    int copy = openat(r->dead, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return 0;
    }
    size_t gone = 0;
    bool any = false;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        char name[SPOOL_NAME_LEN];
        if (!reason_of(e->d_name, name) ||
            fstatat(r->dead, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            now - st.st_mtime <= max_age)
            continue;
        if (unlinkat(r->dead, name, 0) == 0 || (errno == EISDIR && unlinkat(r->dead, name, AT_REMOVEDIR) == 0))
            gone++;
        else if (errno != ENOENT)
            continue;
        unlinkat(r->dead, e->d_name, 0);
        any = true;
    }
    closedir(d);
    if (any)
        fsync(r->dead);
    return gone;
}
