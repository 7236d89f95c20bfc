/* The export journal. Owns the descriptor of exports.log, its size and last
 * number. A write that fails is cut off again, so that numbers stay without gaps
 * and no half line is ever followed by another. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define FILE_NAME "exports.log"
#define LINE_LIMIT 8192 /* bytes; texts are capped far below */

struct keeper_journal {
    pthread_mutex_t lock;
    int dir; /* borrowed */
    int fd;
    off_t size;
    int64_t last;
};

static enum base_fail_class damaged(struct base_fail *f, const char *why)
{
    return base_failf(f, BASE_PERMANENT, "keeper.journal", FILE_NAME ": %s", why);
}

static int64_t number_of(const char *line, size_t n)
{
    json_t *o = base_json_parse(line, n, LINE_LIMIT, NULL);
    int64_t number = base_json_int(o, "n", -1);
    json_decref(o);
    return number;
}

/* The last LINE_LIMIT bytes hold the last whole line; what follows it was torn. */
static enum base_fail_class find_end(struct keeper_journal *j, struct base_fail *f)
{
    char tail[2 * LINE_LIMIT];
    struct stat st;
    if (fstat(j->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return damaged(f, "it is no file that can be read");
    off_t from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
    ssize_t n = pread(j->fd, tail, sizeof tail, from);
    if (n < 0 || n != st.st_size - from)
        return damaged(f, "it can't be read");
    ssize_t end = n;
    while (end > 0 && tail[end - 1] != '\n')
        end--;
    j->size = from + end;
    if (j->size != st.st_size) {
        base_log(LOG_WARNING, "keeper.journal", "text", "an unfinished last line is cut off", NULL);
        if (ftruncate(j->fd, j->size) != 0 || fsync(j->fd) != 0)
            return damaged(f, "its torn end can't be cut off");
    }
    if (end == 0)
        return j->size == 0 ? BASE_OK : damaged(f, "its last line is too long");
    ssize_t begin = end - 1;
    while (begin > 0 && tail[begin - 1] != '\n')
        begin--;
    j->last = number_of(tail + begin, (size_t)(end - begin));
    return j->last > 0 ? BASE_OK : damaged(f, "its last line is no entry");
}

enum base_fail_class keeper_journal_open(int dirfd, struct keeper_journal **out,
                                         struct base_fail *f)
{
    *out = NULL;
    struct keeper_journal *j = base_xmalloc(sizeof *j);
    *j = (struct keeper_journal){.dir = dirfd, .fd = -1};
    pthread_mutex_init(&j->lock, NULL);
    j->fd = openat(dirfd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum base_fail_class c =
        j->fd >= 0 && fsync(dirfd) == 0 ? find_end(j, f) : damaged(f, strerror(errno));
    if (c)
        keeper_journal_close(j);
    else
        *out = j;
    return c;
}

void keeper_journal_close(struct keeper_journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0)
        close(j->fd);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static json_t *entry_json(const struct keeper_journal_entry *e)
{
    json_t *o = json_object();
    base_json_setn(o, "n", e->n);
    base_json_setn(o, "at", e->at);
    base_json_set(o, "kind", e->kind);
    base_json_set(o, "export", e->export);
    base_json_set(o, "key_id", e->key_id);
    base_json_set(o, "mailbox", e->mailbox);
    base_json_set(o, "tenant", e->tenant);
    base_json_set(o, "cert_sha256", e->cert_sha256);
    base_json_set(o, "who", e->who);
    base_json_set(o, "reason", e->reason);
    base_json_setn(o, "uid", e->uid);
    return o;
}

static enum base_fail_class append(struct keeper_journal *j, const char *line, size_t n,
                                   struct base_fail *f)
{
    if (lseek(j->fd, j->size, SEEK_SET) == j->size && base_write_all(j->fd, line, n) &&
        fdatasync(j->fd) == 0) {
        j->size += (off_t)n;
        return BASE_OK;
    }
    int e = errno;
    /* if this fails as well, the next entry is written over the rest */
    int cut = ftruncate(j->fd, j->size);
    bool full = e == ENOSPC || e == EDQUOT;
    return base_failf(f, full ? BASE_TEMPORARY : BASE_OURS, full ? "file.space" : "file.write",
                      FILE_NAME ": %s%s", strerror(e), cut ? ", and it can't be cut" : "");
}

enum base_fail_class keeper_journal_add(struct keeper_journal *j, struct keeper_journal_entry *e,
                                        struct base_fail *f)
{
    struct base_buf line;
    base_buf_init(&line, LINE_LIMIT);
    pthread_mutex_lock(&j->lock);
    e->n = j->last + 1;
    e->at = base_now();
    json_t *o = entry_json(e);
    char *text = base_json_text(o);
    enum base_fail_class c = BASE_OK;
    if (!base_buf_adds(&line, text) || !base_buf_adds(&line, "\n"))
        c = base_failf(f, BASE_OURS, "keeper.internal", "an entry of the journal is too long");
    else
        c = append(j, (const char *)line.p, line.n, f);
    if (!c)
        j->last = e->n;
    pthread_mutex_unlock(&j->lock);
    free(text);
    json_decref(o);
    base_buf_free(&line);
    return c;
}

/* Reads up to SIZE, an end that was on disk when we looked. */
static enum base_fail_class collect(struct keeper_journal *j, off_t size, int64_t after,
                                    size_t limit, json_t *list, struct base_fail *f)
{
    char *line = NULL;
    size_t room = 0;
    off_t at = 0;
    int fd = openat(j->dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!in) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return base_failf(f, BASE_OURS, "keeper.internal", FILE_NAME ": %s", strerror(e));
    }
    ssize_t n;
    while (at < size && json_array_size(list) < limit && (n = getline(&line, &room, in)) > 0) {
        at += n;
        json_t *o = base_json_parse(line, (size_t)n, LINE_LIMIT, NULL);
        if (base_json_int(o, "n", 0) > after)
            json_array_append(list, o);
        json_decref(o);
    }
    free(line);
    (void)fclose(in);
    return BASE_OK;
}

enum base_fail_class keeper_journal_since(struct keeper_journal *j, int64_t after, size_t limit,
                                          json_t **list, struct base_fail *f)
{
    pthread_mutex_lock(&j->lock);
    off_t size = j->size;
    bool more = after < j->last;
    pthread_mutex_unlock(&j->lock);
    *list = json_array();
    return more ? collect(j, size, after, limit, *list, f) : BASE_OK;
}
