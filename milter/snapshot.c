/* milter/snapshot.c - see snapshot.h. Owns the watch in force. A failure to load
 * is logged once per state of the file and changes nothing. */
#include "snapshot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"

struct milter_snapshot {
    struct policy_watch *w; /* owned */
    unsigned long refs;     /* guarded by lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct milter_snapshot *current; /* guarded by lock; holds one reference */

struct milter_snapshot *milter_snapshot_get(void)
{
    pthread_mutex_lock(&lock);
    struct milter_snapshot *s = current;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&lock);
    return s;
}

void milter_snapshot_put(struct milter_snapshot *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    policy_watch_free(s->w);
    free(s);
}

const struct policy_watch *milter_snapshot_watch(const struct milter_snapshot *s)
{
    return s->w;
}

void milter_snapshot_set(struct policy_watch *w)
{
    struct milter_snapshot *s = base_xmalloc(sizeof *s);
    s->w = w;
    s->refs = 1;
    pthread_mutex_lock(&lock);
    struct milter_snapshot *old = current;
    current = s;
    pthread_mutex_unlock(&lock);
    milter_snapshot_put(old);
}

/* What identifies one state of the file; all zero when there is none. */
struct mark {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
};

static struct mark mark_of(const char *path)
{
    struct mark m;
    struct stat st;
    memset(&m, 0, sizeof m);
    if (stat(path, &st) == 0) {
        m.dev = st.st_dev;
        m.ino = st.st_ino;
        m.size = st.st_size;
        m.mtime = st.st_mtim;
    }
    return m;
}

static bool same(const struct mark *a, const struct mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static void log_loaded(const struct policy_watch *w)
{
    struct policy_watch_info i;
    char written[BASE_TIME_LEN];
    policy_watch_info(w, &i);
    base_log(LOG_INFO, "watch.loaded", "written", base_time_rfc3339(i.written, written),
             "sender_domains", base_log_num((long long)i.sender_domains), "from_domains",
             base_log_num((long long)i.from_domains), "domains",
             base_log_num((long long)i.domains), "addresses",
             base_log_num((long long)i.addresses), NULL);
}

void milter_snapshot_refresh(const char *path, bool force)
{
    static struct mark seen;
    static enum base_fail_class last = BASE_OURS; /* how the last attempt ended */
    static bool again;                            /* there was one */
    struct mark now = mark_of(path);
    struct policy_watch *w = NULL;
    struct base_fail f;

    bool unchanged = again && !force && same(&now, &seen);
    if (unchanged && last != BASE_TEMPORARY)
        return;
    again = true;
    seen = now;
    last = policy_watch_load(path, &w, &f);
    if (last == BASE_OK) {
        log_loaded(w);
        milter_snapshot_set(w);
    } else if (!unchanged) {
        struct milter_snapshot *s = milter_snapshot_get();
        base_log_fail(LOG_ERR, "watch.unusable", &f, "effect",
                      s ? "the last good one stays in force"
                        : "no mail is of interest: all of it is accepted untouched",
                      NULL);
        milter_snapshot_put(s);
    }
}
