/* cli/archive.c - writing a backup.
 *
 * Headers are POSIX ustar (IEEE Std 1003.1, pax: "ustar Interchange Format"), with GNU's
 * base-256 sizes past 8 GiB. Owns the file under its temporary name, locked, and
 * an unnamed file with the digests. */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "tar.h"

struct cli_archive {
    char *file, *dir, *part;
    int fd;
    bool named;   /* PART is ours to remove */
    FILE *sums;   /* unnamed */
    int64_t at;   /* bytes written */
    int64_t head; /* where the open member's header stands; -1 = none is open */
    char name[CLI_ARCHIVE_NAME];
    int64_t size, members, now;
    struct base_digest *digest, *all;
    char sums_sha256[BASE_SHA256_HEX];
};

static enum base_fail_class failed(struct base_fail *f, const char *what)
{
    int e = errno;
    bool full = e == ENOSPC || e == EDQUOT || e == EFBIG;
    return base_failf(f, full ? BASE_TEMPORARY : BASE_OURS, full ? "file.space" : "file.write",
                      "%s: %s; no backup was made", what, strerror(e));
}

enum base_fail_class cli_archive_create(const char *file, struct cli_archive **out,
                                        struct base_fail *f)
{
    struct cli_archive *w = base_xmalloc(sizeof *w);
    char *copy = base_xstrdup(file);
    *w = (struct cli_archive){.fd = -1, .head = -1, .now = base_now()};
    *out = NULL;
    w->file = base_xstrdup(file);
    w->dir = base_xstrdup(dirname(copy));
    free(copy);
    size_t room = strlen(w->dir) + sizeof CLI_ARCHIVE_PART + 1;
    w->part = base_xmalloc(room);
    (void)snprintf(w->part, room, "%s/%s", w->dir, CLI_ARCHIVE_PART);
    w->fd = open(w->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    w->sums = tmpfile();
    w->all = base_digest_new();
    enum base_fail_class c = BASE_OK;
    if (w->fd < 0 || !w->sums)
        c = failed(f, w->fd < 0 ? w->part : "a temporary file");
    else if (flock(w->fd, LOCK_EX | LOCK_NB) != 0)
        c = base_failf(f, BASE_PERMANENT, "backup.busy", "%s: another backup is being written here",
                       w->dir);
    else if ((w->named = true, ftruncate(w->fd, 0) != 0 || fchmod(w->fd, 0600) != 0))
        c = failed(f, w->part);
    if (c)
        cli_archive_drop(w);
    else
        *out = w;
    return c;
}

static enum base_fail_class put(struct cli_archive *w, const void *p, size_t n, struct base_fail *f)
{
    if (!base_write_all(w->fd, p, n))
        return failed(f, w->part);
    w->at += (int64_t)n;
    return BASE_OK;
}

enum base_fail_class cli_archive_begin(struct cli_archive *w, const char *name,
                                       struct base_fail *f)
{
    static const char empty[CLI_TAR_BLOCK];
    w->head = w->at;
    w->size = 0;
    w->digest = base_digest_new();
    (void)snprintf(w->name, sizeof w->name, "%s", name);
    return put(w, empty, sizeof empty, f); /* filled in at the end */
}

enum base_fail_class cli_archive_more(struct cli_archive *w, const void *p, size_t n,
                                      struct base_fail *f)
{
    base_digest_add(w->digest, p, n);
    w->size += (int64_t)n;
    return put(w, p, n, f);
}

enum base_fail_class cli_archive_end(struct cli_archive *w, struct base_fail *f)
{
    static const char zero[CLI_TAR_BLOCK];
    char head[CLI_TAR_BLOCK], hex[BASE_SHA256_HEX], line[CLI_ARCHIVE_NAME + BASE_SHA256_HEX + 4];
    enum base_fail_class c = put(w, zero, (size_t)(-w->size & (CLI_TAR_BLOCK - 1)), f);
    base_digest_end(w->digest, hex);
    w->digest = NULL;
    int n = snprintf(line, sizeof line, "%s  %s\n", hex, w->name);
    if (!c && w->all && fwrite(line, 1, (size_t)n, w->sums) != (size_t)n)
        c = failed(f, "a temporary file");
    if (w->all) /* the two at the end aren't listed */
        base_digest_add(w->all, line, (size_t)n);
    w->members++;
    if (!c && !cli_tar_head(head, w->name, w->size, w->now))
        c = base_failf(f, BASE_OURS, "file.write", "%s can't be a name in a backup", w->name);
    ssize_t put_at = c ? 0 : pwrite(w->fd, head, sizeof head, w->head);
    if (!c && put_at != (ssize_t)sizeof head) {
        if (put_at >= 0) /* done in part: that is how a disk gets full */
            errno = ENOSPC;
        c = failed(f, w->part);
    }
    w->head = -1;
    return c;
}

enum base_fail_class cli_archive_add(struct cli_archive *w, const char *name, const void *p,
                                     size_t n, struct base_fail *f)
{
    enum base_fail_class c = cli_archive_begin(w, name, f);
    if (!c)
        c = cli_archive_more(w, p, n, f);
    return c ? c : cli_archive_end(w, f);
}

static enum base_fail_class add_sums(struct cli_archive *w, struct base_fail *f)
{
    char buf[65536];
    size_t n;
    enum base_fail_class c = BASE_OK;
    base_digest_end(w->all, w->sums_sha256);
    w->all = NULL;
    if (fflush(w->sums) != 0 || fseek(w->sums, 0, SEEK_SET) != 0)
        return failed(f, "a temporary file");
    if ((c = cli_archive_begin(w, "SHA256SUMS", f)))
        return c;
    while (!c && (n = fread(buf, 1, sizeof buf, w->sums)) > 0)
        c = cli_archive_more(w, buf, n, f);
    if (!c && ferror(w->sums))
        c = failed(f, "a temporary file");
    return c ? c : cli_archive_end(w, f);
}

static enum base_fail_class place(struct cli_archive *w, bool replace, struct base_fail *f)
{
    int dir = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned flags = replace ? 0 : RENAME_NOREPLACE;
    enum base_fail_class c = BASE_OK;
    if (dir < 0 || fsync(w->fd) != 0)
        c = failed(f, w->part);
    else if (renameat2(AT_FDCWD, w->part, AT_FDCWD, w->file, flags) != 0)
        c = errno == EEXIST ? base_failf(f, BASE_PERMANENT, "file.exists",
                                         "%s is there already; --force replaces it", w->file)
                            : failed(f, w->file);
    else {
        w->named = false;
        if (fsync(dir) != 0)
            c = failed(f, w->dir);
    }
    if (dir >= 0)
        close(dir);
    return c;
}

enum base_fail_class cli_archive_finish(struct cli_archive *w, json_t *manifest, bool replace,
                                        struct base_fail *f)
{
    static const char end[2 * CLI_TAR_BLOCK];
    char self[BASE_SHA256_HEX];
    int64_t members = w->members;
    enum base_fail_class c = add_sums(w, f);
    base_json_setn(manifest, "members", members);
    base_json_set(manifest, "sums_sha256", w->sums_sha256);
    cli_manifest_digest(manifest, self);
    base_json_set(manifest, "self_sha256", self);
    char *text = json_dumps(manifest, JSON_INDENT(2));
    if (!c)
        c = cli_archive_add(w, "MANIFEST.json", text, strlen(text), f);
    free(text);
    if (!c)
        c = put(w, end, sizeof end, f);
    return c ? c : place(w, replace, f);
}

void cli_archive_drop(struct cli_archive *w)
{
    char hex[BASE_SHA256_HEX];
    if (!w)
        return;
    if (w->named)
        unlink(w->part);
    if (w->fd >= 0)
        close(w->fd);
    if (w->sums)
        (void)fclose(w->sums);
    if (w->digest)
        base_digest_end(w->digest, hex);
    if (w->all)
        base_digest_end(w->all, hex);
    free(w->file);
    free(w->dir);
    free(w->part);
    free(w);
}
