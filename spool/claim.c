/* spool/claim.c - taking a mail over: states A1 to A3 of doc/spool.md.
 *
 * Owns the mail it returns (an arena). What the milter wrote is looked at only
 * after the file is in cur/, where nobody else can exchange it. A file that
 * isn't what it should be is permanent "spool.bad" and stays in cur/. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define FILE_MAX ((off_t)SPOOL_MAIL_MAX)

/* A regular file of somebody who may write here, and of sane size? */
static const char *stat_bad(const struct spool_reader *r, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "not a regular file";
    if (st->st_uid != r->milter && st->st_uid != geteuid())
        return "of a foreign owner";
    if (st->st_nlink != 1)
        return "it has another name too";
    if (st->st_size <= 0 || st->st_size > FILE_MAX)
        return "of impossible size";
    return NULL;
}

static bool read_exactly(int fd, unsigned char *p, size_t n)
{
    while (n) {
        ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0) {
            errno = EIO; /* shorter than a moment ago */
            return false;
        }
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static enum base_fail_class parse(struct spool_mail *m, const unsigned char *p, size_t n,
                                  struct base_fail *f)
{
    size_t used = 0;
    enum base_fail_class c = spool_envelope_read(m->arena, p, n, &m->env, &used, f);
    if (c != BASE_OK)
        return c;
    if (memcmp(m->env.id, m->name, SPOOL_ID_LEN - 1) != 0)
        return base_failf(f, BASE_PERMANENT, "spool.bad", "the envelope's id isn't the name's");
    if (m->env.size != (int64_t)(n - used))
        return base_failf(f, BASE_PERMANENT, "spool.bad",
                          "the envelope says %lld bytes, there are %zu", (long long)m->env.size,
                          n - used);
    m->raw = (struct base_bytes){p + used, n - used};
    return BASE_OK;
}

static enum base_fail_class load_fd(const struct spool_reader *r, int fd, struct spool_mail *m,
                                    struct base_fail *f)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return base_failf(f, BASE_TEMPORARY, "spool.read", "%s: %m", m->name);
    const char *bad = stat_bad(r, &st);
    if (bad)
        return base_failf(f, BASE_PERMANENT, "spool.bad", "%s: %s", m->name, bad);
    size_t n = (size_t)st.st_size;
    unsigned char *p = base_arena_alloc(m->arena, n);
    if (!read_exactly(fd, p, n))
        return base_failf(f, BASE_TEMPORARY, "spool.read", "%s: %m", m->name);
    return parse(m, p, n, f);
}

enum base_fail_class spool_load(struct spool_reader *r, const char *name,
                                struct spool_mail **mail, struct base_fail *f)
{
    if (!spool_name_ok(name))
        return base_failf(f, BASE_PERMANENT, "spool.gone", "no such name in a spool");
    int fd = openat(r->cur, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return base_failf(f, BASE_PERMANENT, "spool.gone", "%s isn't in cur/", name);
        if (errno == ELOOP || errno == ENXIO || errno == EACCES || errno == EPERM)
            return base_failf(f, BASE_PERMANENT, "spool.bad", "%s can't be opened: %m", name);
        return base_failf(f, BASE_TEMPORARY, "spool.read", "%s: %m", name);
    }
    struct base_arena *a = base_arena_new();
    struct spool_mail *m = base_arena_alloc(a, sizeof *m);
    m->arena = a;
    memcpy(m->name, name, SPOOL_NAME_LEN);
    enum base_fail_class c = load_fd(r, fd, m, f);
    close(fd);
    if (c == BASE_OK)
        *mail = m;
    else
        base_arena_free(a);
    return c;
}

enum base_fail_class spool_claim(struct spool_reader *r, const char *name,
                                 struct spool_mail **mail, struct base_fail *f)
{
    if (!spool_name_ok(name))
        return base_failf(f, BASE_PERMANENT, "spool.gone", "no such name in a spool");
    if (renameat2(r->dir_new, name, r->cur, name, RENAME_NOREPLACE) != 0) {
        if (errno == ENOENT)
            return base_failf(f, BASE_PERMANENT, "spool.gone", "%s isn't in new/", name);
        return base_failf(f, BASE_TEMPORARY, "spool.read", "%s can't be claimed: %m", name);
    }
    return spool_load(r, name, mail, f);
}

void spool_mail_free(struct spool_mail *m)
{
    if (m)
        base_arena_free(m->arena);
}

/* Whatever it is, a directory too: it must not come back for ever. */
static bool remove_any(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 || errno == ENOENT ||
           (errno == EISDIR && unlinkat(dir, name, AT_REMOVEDIR) == 0);
}

enum base_fail_class spool_done_all(struct spool_reader *r, const char *const *names, size_t n,
                                    struct base_fail *f)
{
    enum base_fail_class c = BASE_OK;
    for (size_t i = 0; i < n; i++)
        if (spool_name_ok(names[i]) && !remove_any(r->cur, names[i]))
            c = base_failf(f, BASE_TEMPORARY, "spool.write", "%s can't be removed: %m", names[i]);
    if (n && fsync(r->cur) != 0)
        c = base_failf(f, BASE_TEMPORARY, "spool.write", "can't sync cur/: %m");
    return c;
}
