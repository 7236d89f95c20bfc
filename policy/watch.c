/* policy/watch.c - loading the watch file and answering from it.
 *
 * Owns the file's bytes in memory, checked once; look-ups are binary searches
 * in them and allocate nothing. Fails on anything that isn't exactly a watch
 * file of this version: the milter then keeps the last good one. */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch_internal.h"

struct policy_watch {
    unsigned char *data; /* owned */
    const unsigned char *keys[WATCH_LISTS];
    size_t n[WATCH_LISTS];
    int64_t max_mail, written;
};

uint64_t policy_watch_key(const char *text, size_t n)
{
    unsigned char sum[BASE_SHA256_LEN];
    base_sha256(text, n, sum);
    return watch_get64(sum);
}

static bool ascending(const unsigned char *keys, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (watch_get64(keys + 8 * (i - 1)) >= watch_get64(keys + 8 * i))
            return false;
    return true;
}

/* Takes DATA over, in every case. */
static enum base_fail_class take(unsigned char *data, size_t size, struct policy_watch **out,
                                 struct base_fail *f)
{
    const char *why = NULL;
    unsigned char sum[BASE_SHA256_LEN];
    struct policy_watch w = {.data = data};
    if (size < WATCH_HEADER + BASE_SHA256_LEN || watch_get64(data) != WATCH_MAGIC) {
        why = "it doesn't begin like one";
        goto damaged;
    }
    uint64_t version = watch_get64(data + 8);
    if (version != WATCH_VERSION) {
        free(data);
        return base_failf(f, BASE_PERMANENT, "watch.version",
                          "watch file of version %llu, expected %d",
                          (unsigned long long)version, WATCH_VERSION);
    }
    base_sha256(data, size - BASE_SHA256_LEN, sum);
    if (memcmp(sum, data + size - BASE_SHA256_LEN, sizeof sum) != 0) {
        why = "its checksum is wrong";
        goto damaged;
    }
    size_t left = (size - WATCH_HEADER - BASE_SHA256_LEN) / 8;
    const unsigned char *p = data + WATCH_HEADER;
    for (int l = 0; l < WATCH_LISTS; l++) {
        uint64_t n = watch_get64(data + 32 + 8 * l);
        if (n > left || !ascending(p, (size_t)n)) {
            why = "its lists are not as announced";
            goto damaged;
        }
        w.n[l] = (size_t)n;
        w.keys[l] = p;
        p += 8 * n;
        left -= (size_t)n;
    }
    w.max_mail = (int64_t)watch_get64(data + 16);
    w.written = (int64_t)watch_get64(data + 24);
    if (p != data + size - BASE_SHA256_LEN || w.max_mail < 1024 ||
        w.max_mail > POLICY_WATCH_MAX_MAIL || w.written < 0) {
        why = "its header contradicts it";
        goto damaged;
    }
    *out = base_xmalloc(sizeof **out);
    **out = w;
    return BASE_OK;

damaged:
    free(data);
    return base_failf(f, BASE_PERMANENT, "watch.damaged", "no usable watch file: %s", why);
}

enum base_fail_class policy_watch_parse(const void *p, size_t n, struct policy_watch **w,
                                        struct base_fail *f)
{
    if (n > WATCH_FILE_MAX)
        return base_failf(f, BASE_PERMANENT, "watch.damaged", "no usable watch file: too large");
    unsigned char *copy = base_xmalloc(n ? n : 1);
    if (n)
        memcpy(copy, p, n);
    return take(copy, n, w, f);
}

static bool read_exactly(int fd, unsigned char *p, size_t n)
{
    while (n) {
        ssize_t r = read(fd, p, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

enum base_fail_class policy_watch_load(const char *path, struct policy_watch **w,
                                       struct base_fail *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT
                   ? base_failf(f, BASE_PERMANENT, "watch.absent", "%s: there is none", path)
                   : base_failf(f, BASE_TEMPORARY, "watch.read", "%s: %m", path);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
        (uintmax_t)st.st_size > WATCH_FILE_MAX) {
        close(fd);
        return base_failf(f, BASE_PERMANENT, "watch.damaged",
                          "%s: not a regular file of at most %zu MiB", path,
                          WATCH_FILE_MAX >> 20);
    }
    size_t n = (size_t)st.st_size;
    unsigned char *data = base_xmalloc(n ? n : 1);
    bool ok = read_exactly(fd, data, n);
    close(fd);
    if (!ok) {
        free(data);
        return base_failf(f, BASE_TEMPORARY, "watch.read", "%s: can't be read to its end", path);
    }
    return take(data, n, w, f);
}

void policy_watch_free(struct policy_watch *w)
{
    if (!w)
        return;
    free(w->data);
    free(w);
}

int64_t policy_watch_max_mail(const struct policy_watch *w)
{
    return w->max_mail;
}

void policy_watch_info(const struct policy_watch *w, struct policy_watch_info *i)
{
    i->written = w->written;
    i->sender_domains = w->n[WATCH_SENDER];
    i->from_domains = w->n[WATCH_FROM];
    i->domains = w->n[WATCH_DOMAIN];
    i->addresses = w->n[WATCH_ADDRESS];
}

static bool has(const struct policy_watch *w, enum watch_list list, const char *text, size_t n)
{
    size_t lo = 0, hi = w->n[list];
    if (hi == 0)
        return false;
    uint64_t key = policy_watch_key(text, n);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint64_t v = watch_get64(w->keys[list] + 8 * mid);
        if (v == key)
            return true;
        if (v < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

/* DOMAIN (normalised) or a parent of it is in LIST. */
static bool has_suffix(const struct policy_watch *w, enum watch_list list, const char *domain)
{
    size_t n = strlen(domain), labels = 0;
    for (size_t i = n; i > 0 && labels < WATCH_LABELS_MAX; i--) {
        if (i > 1 && domain[i - 2] != '.')
            continue;
        labels++;
        if (has(w, list, domain + i - 1, n - (i - 1)))
            return true;
    }
    return false;
}

bool policy_watch_interest_sender(const struct policy_watch *w, const char *addr)
{
    char a[POLICY_WATCH_ADDR_LEN];
    if (w->n[WATCH_SENDER] == 0 || !policy_watch_normalise_to(addr, strlen(addr), a))
        return false;
    const char *at = strrchr(a, '@');
    return at && has_suffix(w, WATCH_SENDER, at + 1);
}

static bool is_role(const char *local, size_t n)
{
    static const char *const roles[] = {"admin", "administrator", "webmaster", "hostmaster",
                                        "postmaster"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strlen(roles[i]) == n && memcmp(roles[i], local, n) == 0)
            return true;
    return false;
}

bool policy_watch_interest_rcpt(const struct policy_watch *w, const char *addr)
{
    char a[POLICY_WATCH_ADDR_LEN];
    if (!policy_watch_normalise_to(addr, strlen(addr), a))
        return false;
    const char *at = strrchr(a, '@');
    if (!at) /* bare postmaster: of every domain */
        return w->n[WATCH_DOMAIN] > 0;
    if (is_role(a, (size_t)(at - a)) && has(w, WATCH_DOMAIN, at + 1, strlen(at + 1)))
        return true;
    return has(w, WATCH_ADDRESS, a, strlen(a));
}

bool policy_watch_from_domain(const struct policy_watch *w, const char *domain, size_t n)
{
    char d[POLICY_WATCH_ADDR_LEN];
    return policy_watch_domain_to(domain, n, d) && has_suffix(w, WATCH_FROM, d);
}
