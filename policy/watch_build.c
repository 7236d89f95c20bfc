/* policy/watch_build.c - compiling the watch file.
 *
 * Owns four growing lists of keys; they are sorted and made unique when the
 * file is written. Fails as base_file_write() does; a list that would make the
 * file larger than readers accept is refused, the old file stays. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "watch.h"
#include "watch_internal.h"

struct keys {
    uint64_t *v;
    size_t n, cap;
};

struct policy_watch_build {
    struct keys lists[WATCH_LISTS];
    int64_t max_mail;
};

struct policy_watch_build *policy_watch_build_new(void)
{
    struct policy_watch_build *b = base_xmalloc(sizeof *b);
    memset(b, 0, sizeof *b);
    b->max_mail = POLICY_WATCH_MAX_MAIL;
    return b;
}

void policy_watch_build_free(struct policy_watch_build *b)
{
    if (!b)
        return;
    for (int i = 0; i < WATCH_LISTS; i++)
        free(b->lists[i].v);
    free(b);
}

void policy_watch_build_max_mail(struct policy_watch_build *b, int64_t bytes)
{
    b->max_mail = bytes < 1024 ? 1024 : bytes > POLICY_WATCH_MAX_MAIL ? POLICY_WATCH_MAX_MAIL : bytes;
}

static void add_key(struct keys *k, const char *text)
{
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 64;
        k->v = base_xrealloc(k->v, k->cap * sizeof *k->v);
    }
    k->v[k->n++] = policy_watch_key(text, strlen(text));
}

static bool add_domain(struct policy_watch_build *b, enum watch_list list, const char *domain)
{
    char d[POLICY_WATCH_ADDR_LEN];
    if (!domain || !policy_watch_domain_to(domain, strlen(domain), d))
        return false;
    size_t labels = 1;
    for (const char *p = d; *p; p++)
        labels += *p == '.';
    if (list != WATCH_DOMAIN && labels > WATCH_LABELS_MAX)
        return false;
    add_key(&b->lists[list], d);
    return true;
}

bool policy_watch_build_add_sender_domain(struct policy_watch_build *b, const char *domain)
{
    return add_domain(b, WATCH_SENDER, domain);
}

bool policy_watch_build_add_from_domain(struct policy_watch_build *b, const char *domain)
{
    return add_domain(b, WATCH_FROM, domain);
}

bool policy_watch_build_add_domain(struct policy_watch_build *b, const char *domain)
{
    return add_domain(b, WATCH_DOMAIN, domain);
}

bool policy_watch_build_add_address(struct policy_watch_build *b, const char *addr)
{
    char a[POLICY_WATCH_ADDR_LEN];
    if (!addr || !policy_watch_normalise_to(addr, strlen(addr), a))
        return false;
    add_key(&b->lists[WATCH_ADDRESS], a);
    return true;
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static void sort_unique(struct keys *k)
{
    if (k->n < 2)
        return;
    qsort(k->v, k->n, sizeof *k->v, by_value);
    size_t n = 1;
    for (size_t i = 1; i < k->n; i++)
        if (k->v[i] != k->v[n - 1])
            k->v[n++] = k->v[i];
    k->n = n;
}

static unsigned char *serialise(struct policy_watch_build *b, size_t size)
{
    unsigned char *out = base_xmalloc(size), *p = out + WATCH_HEADER;
    watch_put64(out, WATCH_MAGIC);
    watch_put64(out + 8, WATCH_VERSION);
    watch_put64(out + 16, (uint64_t)b->max_mail);
    watch_put64(out + 24, (uint64_t)base_now());
    for (int l = 0; l < WATCH_LISTS; l++) {
        watch_put64(out + 32 + 8 * l, b->lists[l].n);
        for (size_t i = 0; i < b->lists[l].n; i++, p += 8)
            watch_put64(p, b->lists[l].v[i]);
    }
    base_sha256(out, (size_t)(p - out), p);
    return out;
}

enum base_fail_class policy_watch_build_write(struct policy_watch_build *b, const char *path,
                                              mode_t mode, struct base_fail *f)
{
    size_t n = 0;
    for (int l = 0; l < WATCH_LISTS; l++) {
        sort_unique(&b->lists[l]);
        n += b->lists[l].n;
    }
    if (n > (WATCH_FILE_MAX - WATCH_HEADER - BASE_SHA256_LEN) / 8)
        return base_failf(f, BASE_PERMANENT, "watch.size",
                          "the watch file would have %zu entries, more than milters accept", n);

    const char *slash = strrchr(path, '/');
    int dir = AT_FDCWD;
    if (slash) {
        char *d = base_xstrdup(path);
        d[slash == path ? 1 : slash - path] = 0;
        dir = open(d, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        free(d);
        if (dir < 0)
            return base_failf(f, BASE_TEMPORARY, "file.write", "%s: can't open its directory: %m",
                              path);
    }
    size_t size = WATCH_HEADER + 8 * n + BASE_SHA256_LEN;
    unsigned char *data = serialise(b, size);
    enum base_fail_class c =
        base_file_write(dir, slash ? slash + 1 : path, data, size, mode, f);
    free(data);
    if (dir != AT_FDCWD)
        close(dir);
    return c;
}
