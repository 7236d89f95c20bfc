/* spool/put.c - writing one file: states W1 to W4 of doc/spool.md.
 *
 * Owns the open file in tmp/ and its share of the writer's counts. Every
 * failure is temporary: the MTA still has the mail and tells the sender to come
 * back. Bytes are counted before they are written, so that many writers together
 * can't pass the cap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "internal.h"

struct spool_put {
    struct spool_writer *w;
    int fd;
    char name[SPOOL_NAME_LEN];
    uint32_t tag;
    bool sender_in_profile;
    off_t size_at;   /* where the size goes */
    int64_t size;    /* raw bytes so far */
    int64_t counted; /* in w->open_bytes */
};

/* Adds N bytes to the counts, or says which limit forbids it. */
static enum base_fail_class reserve(struct spool_put *p, int64_t n, struct base_fail *f)
{
    struct spool_writer *w = p->w;
    enum base_fail_class c = BASE_OK;
    pthread_mutex_lock(&w->lock);
    int64_t after = w->base_bytes + w->add_bytes + w->open_bytes + n;
    if (after > w->o.cap_bytes)
        c = base_failf(f, BASE_TEMPORARY, "spool.full", "the spool holds its cap of %lld bytes",
                       (long long)w->o.cap_bytes);
    else if (after > w->o.cap_bytes / 4 * 3 &&
             (!p->sender_in_profile || p->counted + n > w->o.small_bytes))
        c = base_failf(f, BASE_TEMPORARY, "spool.full",
                       "the spool takes only small mail from senders of a profile now");
    if (c == BASE_OK) {
        w->open_bytes += n;
        p->counted += n;
    }
    pthread_mutex_unlock(&w->lock);
    return c;
}

static bool client_may(struct spool_put *p)
{
    struct spool_writer *w = p->w;
    pthread_mutex_lock(&w->lock);
    bool ok = spool_tally_of(&w->tally, p->tag) < w->o.per_client;
    if (ok)
        spool_tally_at(&w->tally, p->tag)->open++;
    pthread_mutex_unlock(&w->lock);
    return ok;
}

/* The file is no longer being written: it is in new/ (DONE) or gone. */
static void release(struct spool_put *p, bool done)
{
    struct spool_writer *w = p->w;
    pthread_mutex_lock(&w->lock);
    struct spool_tally_entry *e = spool_tally_at(&w->tally, p->tag);
    e->open--;
    w->open_bytes -= p->counted;
    if (done) {
        e->add_new++;
        w->add_bytes += p->counted;
        w->add_files++;
    }
    pthread_mutex_unlock(&w->lock);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

static enum base_fail_class write_failed(struct base_fail *f, const char *what)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return base_failf(f, BASE_TEMPORARY, full ? "spool.full" : "spool.write", "%s: %m", what);
}

static void make_name(struct spool_put *p, struct spool_envelope *env)
{
    char random[17];
    base_random_id(random, 16);
    snprintf(env->id, sizeof env->id, "%012llx-%s",
             (unsigned long long)base_now_ms() & 0xffffffffffffULL, random);
    snprintf(p->name, sizeof p->name, "%s.%08x", env->id, p->tag);
}

static enum base_fail_class start_file(struct spool_put *p, struct spool_envelope *env,
                                       struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    size_t size_at = 0;
    env->size = 0;
    const char *line = spool_envelope_write(a, env, &size_at);
    enum base_fail_class c =
        line ? reserve(p, (int64_t)strlen(line), f)
             : base_failf(f, BASE_TEMPORARY, "spool.write", "the envelope is past its caps");
    if (c == BASE_OK) {
        p->fd = openat(p->w->tmp, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0640);
        if (p->fd < 0)
            c = write_failed(f, "can't make a file in tmp/");
        else if (fchmod(p->fd, 0640) != 0 || flock(p->fd, LOCK_EX | LOCK_NB) != 0 ||
                 !base_write_all(p->fd, line, strlen(line)))
            c = write_failed(f, "can't write to tmp/");
        p->size_at = (off_t)size_at;
    }
    base_arena_free(a);
    return c;
}

enum base_fail_class spool_put_begin(struct spool_writer *w, struct spool_envelope *env,
                                     struct spool_put **put, struct base_fail *f)
{
    struct spool_put *p = base_xmalloc(sizeof *p);
    *p = (struct spool_put){.w = w,
                            .fd = -1,
                            .tag = spool_client_tag(env->client),
                            .sender_in_profile = env->sender_in_profile};
    if (!client_may(p)) {
        free(p);
        return base_failf(f, BASE_TEMPORARY, "spool.client",
                          "%lld mails of this client wait already", (long long)w->o.per_client);
    }
    make_name(p, env);
    enum base_fail_class c = start_file(p, env, f);
    if (c != BASE_OK) {
        spool_put_abort(p);
        return c;
    }
    *put = p;
    return BASE_OK;
}

enum base_fail_class spool_put_append(struct spool_put *p, const void *data, size_t n,
                                      struct base_fail *f)
{
    if (n == 0)
        return BASE_OK;
    if (n > SPOOL_MAIL_MAX || p->size + (int64_t)n > SPOOL_MAIL_MAX - SPOOL_ENVELOPE_MAX)
        return base_failf(f, BASE_TEMPORARY, "spool.full", "a mail too large for readers");
    enum base_fail_class c = reserve(p, (int64_t)n, f);
    if (c == BASE_OK && !base_write_all(p->fd, data, n))
        c = write_failed(f, "can't write to tmp/");
    if (c == BASE_OK)
        p->size += (int64_t)n;
    return c;
}

/* W1 -> W4. On failure nothing is left in new/. */
static enum base_fail_class hand_over(struct spool_put *p, struct base_fail *f)
{
    char size[16];
    int n = snprintf(size, sizeof size, "%10lld", (long long)p->size);
    if (pwrite(p->fd, size, (size_t)n, p->size_at) != n)
        return write_failed(f, "can't write to tmp/");
    if (fsync(p->fd) != 0)
        return write_failed(f, "can't sync a file in tmp/");
    if (renameat2(p->w->tmp, p->name, p->w->dir_new, p->name, RENAME_NOREPLACE) != 0)
        return write_failed(f, "can't rename into new/");
    if (fsync(p->w->dir_new) != 0) {
        enum base_fail_class c = write_failed(f, "can't sync new/");
        unlinkat(p->w->dir_new, p->name, 0);
        return c;
    }
    return BASE_OK;
}

enum base_fail_class spool_put_commit(struct spool_put *p, struct base_fail *f)
{
    enum base_fail_class c = hand_over(p, f);
    if (c != BASE_OK) {
        spool_put_abort(p);
        return c;
    }
    release(p, true);
    return BASE_OK;
}

void spool_put_abort(struct spool_put *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        unlinkat(p->w->tmp, p->name, 0);
    release(p, false);
}

enum base_fail_class spool_put(struct spool_writer *w, struct spool_envelope *env,
                               const struct base_bytes *pieces, size_t n, struct base_fail *f)
{
    struct spool_put *p;
    enum base_fail_class c = spool_put_begin(w, env, &p, f);
    if (c != BASE_OK)
        return c;
    for (size_t i = 0; i < n; i++) {
        if ((c = spool_put_append(p, pieces[i].p, pieces[i].n, f)) != BASE_OK) {
            spool_put_abort(p);
            return c;
        }
        env->size += (int64_t)pieces[i].n;
    }
    return spool_put_commit(p, f);
}
