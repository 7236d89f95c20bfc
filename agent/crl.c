/* agent/crl.c - lists of revoked certificates, fetched once an hour at most.
 *
 * Thousands of certificates name the same few lists, so a list is kept in
 * STATE_DIR/crl under the hash of its URL. The copies are only bytes: what they are worth
 * the inspector says each time (signature, dates, scope), so a damaged or old one does no
 * harm. Losing the folder costs a fetch. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cert/crl.h"
#include "watching.h"

#define FRESH 3600     /* seconds */
#define COPIES_MAX 64  /* a handful of CAs have some lists each */

static enum base_fail_class fetch(const struct agent_conf *conf, struct base_arena *a,
                                  const char *url, struct base_bytes *body, struct base_fail *f)
{
    struct net_host host = {0};
    struct net_response resp;
    struct net_request r = {
        .url = url,
        .hosts = &host,
        .nhosts = 1,
        .plain = true, /* the list is signed; RFC 5280 section 8 warns of https here */
        .body_max = CERT_CRL_MAX,
        .total_ms = 60000,
    };
    if (!net_plain_host(a, url, &host))
        return base_failf(f, BASE_PERMANENT, "crl.url", "the list's address is no plain http URL");
    enum base_fail_class cls = net_http(&conf->links, &r, NULL, a, &resp, f);
    if (!cls && resp.status != 200)
        cls = base_failf(f, BASE_TEMPORARY, "crl.status", "the list's server answered %d", resp.status);
    if (!cls)
        *body = resp.body;
    return cls;
}

/* The folder must not grow with URLs that nobody names any more. */
static void drop_oldest(int dir)
{
    char oldest[BASE_SHA256_HEX] = "";
    time_t when = 0;
    size_t n = 0;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct stat st;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (strlen(e->d_name) != BASE_SHA256_HEX - 1 || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (n++ == 0 || st.st_mtime < when) {
            when = st.st_mtime;
            snprintf(oldest, sizeof(oldest), "%s", e->d_name);
        }
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    if (n > COPIES_MAX)
        (void)unlinkat(dir, oldest, 0);
}

static int open_folder(const struct agent_conf *conf, struct base_arena *a)
{
    const char *path = base_arena_printf(a, "%s/crl", conf->cfg->state_dir);
    (void)mkdir(path, 0700);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static bool read_copy(int dir, const char *name, bool any_age, struct base_buf *out)
{
    struct base_fail f = {0};
    struct stat st;
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
        (!any_age && st.st_mtime + FRESH < base_now()))
        return false;
    if (base_file_read(dir, name, CERT_CRL_MAX, out, &f) == BASE_OK)
        return true;
    base_buf_free(out);
    return false;
}

enum base_fail_class agent_crl_get(const struct agent_conf *conf, struct base_arena *a,
                                   const char *url, struct base_buf *out, struct base_fail *f)
{
    char name[BASE_SHA256_HEX];
    struct base_bytes body = {0};
    struct base_fail own = {0};
    int dir = open_folder(conf, a);
    enum base_fail_class r = BASE_OK;
    base_sha256_hex(url, strlen(url), name);
    base_buf_init(out, 0);
    if (read_copy(dir, name, false, out)) {
        if (dir >= 0)
            close(dir);
        return BASE_OK;
    }
    r = fetch(conf, a, url, &body, f);
    if (!r) {
        base_buf_add(out, body.p, body.n);
        if (dir >= 0 && base_file_write(dir, name, body.p, body.n, 0600, &own) == BASE_OK)
            drop_oldest(dir);
    } else if (r == BASE_TEMPORARY && read_copy(dir, name, true, out))
        r = BASE_OK;
    if (dir >= 0)
        close(dir);
    return r;
}
