/* Records in files, the index by mailbox, tombstones. Owns the state directory's
 * descriptors and the locks. An entry of the index without its record (a crash
 * between the two) is passed over when read. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "listing.h"

#define STRIPES 64

struct keeper_store {
    int dir, keys, boxes, lock;
    pthread_mutex_t stripe[STRIPES];
    struct keeper_window window, exports; /* of keys/, of exports/ */
};

static enum base_fail_class no_state(struct base_fail *f, const char *what)
{
    int e = errno;
    return base_failf(f, BASE_PERMANENT, "keeper.state", "%s: %s", what, strerror(e));
}

/* Makes (if need be) and opens a directory of ours, 0700. -1 with errno. */
static int own_dir(int at, const char *name, int flags)
{
    struct stat st = {0};
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
        return -1;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0)
        return -1;
    bool known = fstat(fd, &st) == 0;
    if (known && st.st_uid == geteuid() && fchmod(fd, 0700) == 0 && fsync(fd) == 0)
        return fd;
    int e = known && st.st_uid != geteuid() ? EPERM : errno;
    close(fd);
    errno = e;
    return -1;
}

/* A fresh stream over a directory that stays open under DIRFD. */
static DIR *stream(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    return d;
}

/* Half-written files of a process that was killed (base/file.h names them so). */
static void sweep(int dirfd)
{
    DIR *d = stream(dirfd);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' && n > 4 && strcmp(e->d_name + n - 4, ".tmp") == 0)
            unlinkat(dirfd, e->d_name, 0);
    }
    if (d)
        closedir(d);
}

static enum base_fail_class open_parts(struct keeper_store *s, const char *dir, struct base_fail *f)
{
    int exports;
    if ((s->dir = own_dir(AT_FDCWD, dir, 0)) < 0)
        return no_state(f, dir);
    s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? base_failf(f, BASE_PERMANENT, "keeper.state",
                                                 "%s: another keeper works in it", dir)
                                    : no_state(f, "lock");
    if ((s->keys = own_dir(s->dir, "keys", O_NOFOLLOW)) < 0)
        return no_state(f, "keys");
    if ((s->boxes = own_dir(s->dir, "mailboxes", O_NOFOLLOW)) < 0)
        return no_state(f, "mailboxes");
    if ((exports = own_dir(s->dir, "exports", O_NOFOLLOW)) < 0)
        return no_state(f, "exports");
    if (fsync(s->dir) != 0) {
        close(exports);
        return no_state(f, dir);
    }
    sweep(s->dir);
    sweep(s->keys);
    sweep(exports);
    close(exports);
    return BASE_OK;
}

enum base_fail_class keeper_store_open(const char *dir, struct keeper_store **out,
                                       struct base_fail *f)
{
    struct keeper_store *s = base_xmalloc(sizeof *s);
    *s = (struct keeper_store){.dir = -1, .keys = -1, .boxes = -1, .lock = -1};
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&s->stripe[i], NULL);
    keeper_window_init(&s->window);
    keeper_window_init(&s->exports);
    *out = NULL;
    enum base_fail_class c = open_parts(s, dir, f);
    if (c)
        keeper_store_close(s);
    else
        *out = s;
    return c;
}

void keeper_store_close(struct keeper_store *s)
{
    if (!s)
        return;
    const int fds[] = {s->lock, s->boxes, s->keys, s->dir};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&s->stripe[i]);
    keeper_window_free(&s->window);
    keeper_window_free(&s->exports);
    free(s);
}

int keeper_store_dirfd(const struct keeper_store *s)
{
    return s->dir;
}

static pthread_mutex_t *stripe_of(struct keeper_store *s, const char *id)
{
    unsigned h = 0;
    for (; *id; id++)
        h = h * 31 + (unsigned char)*id;
    return &s->stripe[h % STRIPES];
}

void keeper_store_lock(struct keeper_store *s, const char *id)
{
    pthread_mutex_lock(stripe_of(s, id));
}

void keeper_store_unlock(struct keeper_store *s, const char *id)
{
    pthread_mutex_unlock(stripe_of(s, id));
}

void keeper_store_barrier(struct keeper_store *s)
{
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_lock(&s->stripe[i]);
        pthread_mutex_unlock(&s->stripe[i]);
    }
}

static void file_name(const char *id, char out[KEEPER_ID + 8])
{
    snprintf(out, KEEPER_ID + 8, "%s.json", id);
}

enum base_fail_class keeper_store_load(struct keeper_store *s, struct base_arena *a, const char *id,
                                       struct keeper_record *r, struct base_fail *f)
{
    char name[KEEPER_ID + 8];
    struct base_buf text;
    struct base_fail why = {0};
    if (!keeper_id_ok(id))
        return base_failf(f, BASE_PERMANENT, "keeper.request", "not a key id");
    file_name(id, name);
    enum base_fail_class c = base_file_read(s->keys, name, KEEPER_RECORD_MAX, &text, &why);
    if (c) {
        base_buf_free(&text);
        if (strcmp(why.code, "file.absent") == 0)
            return base_failf(f, BASE_PERMANENT, "keeper.absent", "there is no key %s", id);
        return base_failf(f, c, c == BASE_PERMANENT ? "keeper.damaged" : why.code, "%s", why.text);
    }
    json_t *o = base_json_parse(text.p, text.n, KEEPER_RECORD_MAX, NULL);
    base_buf_free(&text);
    c = o ? keeper_record_from_json(a, o, r, f)
          : base_failf(f, BASE_PERMANENT, "keeper.damaged", "key %s: its file is no JSON", id);
    json_decref(o);
    if (!c && strcmp(r->k.id, id) != 0)
        c = base_failf(f, BASE_PERMANENT, "keeper.damaged", "key %s: its file names another", id);
    return c;
}

static enum base_fail_class write_record(struct keeper_store *s, const struct keeper_record *r,
                                         struct base_fail *f)
{
    char name[KEEPER_ID + 8];
    file_name(r->k.id, name);
    json_t *o = keeper_record_to_json(r);
    char *text = base_json_text(o);
    enum base_fail_class c = base_file_write(s->keys, name, text, strlen(text), 0600, f);
    free(text);
    json_decref(o);
    return c;
}

/* Shard and prefix in the index: the first 2 and the next 30 hex characters. */
static void index_place(const char *mailbox, char shard[3], char prefix[32])
{
    char hash[BASE_SHA256_HEX];
    char *lower = base_xstrdup(mailbox);
    base_ascii_lower(lower);
    base_sha256_hex(lower, strlen(lower), hash);
    free(lower);
    snprintf(shard, 3, "%.2s", hash);
    snprintf(prefix, 32, "%.30s-", hash + 2);
}

static enum base_fail_class add_to_index(struct keeper_store *s, const struct keeper_record *r,
                                         struct base_fail *f)
{
    char shard[3], prefix[32], name[32 + KEEPER_ID];
    index_place(r->k.mailbox, shard, prefix);
    snprintf(name, sizeof name, "%s%s", prefix, r->k.id);
    int dir = own_dir(s->boxes, shard, O_NOFOLLOW);
    int fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && fsync(fd) == 0 && fsync(dir) == 0 && fsync(s->boxes) == 0;
    int e = errno;
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    if (good)
        return BASE_OK;
    return base_failf(f, e == ENOSPC || e == EDQUOT ? BASE_TEMPORARY : BASE_OURS,
                      e == ENOSPC || e == EDQUOT ? "file.space" : "file.write",
                      "the index of mailboxes: %s", strerror(e));
}

enum base_fail_class keeper_store_save(struct keeper_store *s, const struct keeper_record *r,
                                       struct base_fail *f)
{
    enum base_fail_class c = add_to_index(s, r, f);
    if (!c)
        c = write_record(s, r, f);
    keeper_window_added(&s->window); /* it may be there although writing failed */
    return c;
}

enum base_fail_class keeper_store_replace(struct keeper_store *s, const struct keeper_record *r,
                                          struct base_fail *f)
{
    return write_record(s, r, f);
}

void keeper_store_index_name(const char *mailbox, const char *id, char dir[16],
                             char name[32 + KEEPER_ID])
{
    char shard[3], prefix[32];
    index_place(mailbox, shard, prefix);
    snprintf(dir, 16, "mailboxes/%s", shard);
    snprintf(name, 32 + KEEPER_ID, "%s%s", prefix, id);
}

/* Zeroes over what the file under FD held; best effort, its name is gone already. */
static void overwrite(int fd)
{
    static const char zero[4096];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zero) {
        off_t left = st.st_size - at;
        if (pwrite(fd, zero, left < (off_t)sizeof zero ? (size_t)left : sizeof zero, at) < 0)
            return;
    }
    fsync(fd);
}

enum base_fail_class keeper_store_destroy(struct keeper_store *s, struct keeper_record *r,
                                          const char *reason, int64_t now, struct base_fail *f)
{
    char name[KEEPER_ID + 8];
    file_name(r->k.id, name);
    int old = openat(s->keys, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    r->k.destroyed = true;
    r->k.destroyed_at = now;
    r->k.destroyed_reason = reason;
    r->wrapped = r->sealed = (struct base_bytes){NULL, 0};
    enum base_fail_class c = write_record(s, r, f);
    if (!c && old >= 0)
        overwrite(old);
    if (old >= 0)
        close(old);
    return c;
}

static enum base_fail_class unlisted(struct base_fail *f, const char *what, int e)
{
    return base_failf(f, BASE_OURS, "keeper.internal", "the %s can't be listed: %s", what,
                      strerror(e));
}

static enum base_fail_class ids_of_mailbox(struct keeper_store *s, const char *after,
                                           const char *mailbox, size_t limit,
                                           char (*ids)[KEEPER_ID], size_t *n, struct base_fail *f)
{
    char shard[3], prefix[32];
    index_place(mailbox, shard, prefix);
    int boxes = openat(s->boxes, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (boxes < 0 && errno == ENOENT)
        return BASE_OK;
    DIR *d = stream(boxes);
    int e = errno;
    if (boxes >= 0)
        close(boxes);
    if (!d)
        return unlisted(f, "keys", e);
    keeper_listing_read(d, prefix, "", after, limit, ids, n);
    return BASE_OK;
}

enum base_fail_class keeper_store_ids(struct keeper_store *s, const char *after,
                                      const char *mailbox, size_t limit, char (*ids)[KEEPER_ID],
                                      size_t *n, struct base_fail *f)
{
    *n = 0;
    if (mailbox)
        return ids_of_mailbox(s, after, mailbox, limit, ids, n, f);
    return keeper_listing_page(&s->window, stream, s->keys, after, limit, ids, n)
               ? BASE_OK
               : unlisted(f, "keys", errno);
}

void keeper_store_export_added(struct keeper_store *s)
{
    keeper_window_added(&s->exports);
}

/* Opened by its name: the store keeps no descriptor of it. */
static DIR *exports_stream(int dirfd)
{
    int fd = openat(dirfd, "exports", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    return d;
}

enum base_fail_class keeper_store_export_ids(struct keeper_store *s, const char *after,
                                             size_t limit, char (*ids)[KEEPER_ID], size_t *n,
                                             struct base_fail *f)
{
    return keeper_listing_page(&s->exports, exports_stream, s->dir, after, limit, ids, n)
               ? BASE_OK
               : unlisted(f, "exports", errno);
}

enum base_fail_class keeper_store_others(struct keeper_store *s,
                                         char (*names)[KEEPER_OTHER_NAME], size_t *n,
                                         struct base_fail *f)
{
    DIR *d = stream(s->dir);
    const struct dirent *e;
    bool room = true;
    *n = 0;
    if (!d)
        return unlisted(f, "state directory's files", errno);
    while (room && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (len < 6 || len >= KEEPER_OTHER_NAME || e->d_name[0] == '.' ||
            strcmp(e->d_name + len - 5, ".json") != 0 || strncmp(e->d_name, "kek-", 4) == 0)
            continue;
        if ((room = *n < KEEPER_OTHERS_MAX))
            memcpy(names[(*n)++], e->d_name, len + 1);
    }
    closedir(d);
    return room ? BASE_OK : base_failf(f, BASE_PERMANENT, "keeper.state",
                                       "there are files in the state directory that aren't ours");
}
