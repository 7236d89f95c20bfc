/* cli/doctor_files.c - spool, watch file, trust bundle, credentials. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/file.h"
#include "cert/bundle.h"
#include "cert/fields.h"
#include "doctor.h"
#include "policy/watch.h"

#define SPACE_WARN (2LL << 30) /* twice the spool's own cap */
#define SPACE_FAIL (64LL << 20)
#define BUNDLE_MAX (1024 * 1024) /* what the agent reads at most */

/* ---- spool --------------------------------------------------------------------------------- */

static bool check_dirs(struct cli_doctor *d, const char *dir)
{
    static const char *const subs[] = {"", "/tmp", "/new", "/cur", "/dead"};
    struct stat st;
    for (size_t i = 0; i < sizeof(subs) / sizeof(*subs); i++) {
        const char *path = base_arena_printf(d->c->a, "%s%s", dir, subs[i]);
        if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
            cli_finding(d, "spool", errno == EACCES ? CLI_WARN : CLI_FAIL, "%s: %s%s", path,
                        errno ? strerror(errno) : "no directory",
                        errno == EACCES ? "; ask as root"
                                        : "; systemd-tmpfiles --create certmilter.conf makes it");
            return false;
        }
        if (st.st_mode & S_IWOTH || (i >= 3 && st.st_mode & 077)) {
            cli_finding(d, "spool", CLI_FAIL,
                        "%s has mode %04o: others could put mail into it or read it; doc/spool.md has "
                        "the modes",
                        path, st.st_mode & 07777);
            return false;
        }
    }
    return true;
}

static size_t count_files(const char *path)
{
    size_t n = 0;
    const struct dirent *e;
    DIR *dir = opendir(path);
    while (dir && n < 100000 && (e = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
        n += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

void cli_doctor_spool(struct cli_doctor *d)
{
    const char *dir = d->c->cfg->spool_dir;
    struct statvfs v;
    errno = 0;
    if (!check_dirs(d, dir))
        return;
    if (statvfs(dir, &v) != 0) {
        cli_finding(d, "spool", CLI_FAIL, "%s: %s", dir, strerror(errno));
        return;
    }
    int64_t space = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    size_t waiting = count_files(base_arena_printf(d->c->a, "%s/new", dir));
    cli_finding(d, "spool",
                space < SPACE_FAIL             ? CLI_FAIL
                : space < SPACE_WARN || v.f_ffree < 1000 ? CLI_WARN
                                               : CLI_OK,
                "%s: %s free, %zu mails wait%s", dir, cli_size(d->c, space), waiting,
                space < SPACE_WARN ? "; a full spool makes the CA's mail come later: make room" : "");
}

/* ---- watch file ------------------------------------------------------------------------------ */

void cli_doctor_watch(struct cli_doctor *d)
{
    const char *path = d->c->cfg->watch_file;
    struct policy_watch *w;
    struct policy_watch_info i;
    struct base_fail f = {0};
    struct stat st;
    char span[BASE_TIME_LEN];
    if (policy_watch_load(path, &w, &f)) {
        cli_finding(d, "watch file", CLI_FAIL,
                    "%s; certagentd writes it when it starts; without it certmilterd sees no mail",
                    f.text);
        return;
    }
    policy_watch_info(w, &i);
    policy_watch_free(w);
    base_time_span(d->c->now > i.written ? d->c->now - i.written : 0, span);
    if (i.written > d->c->now + 60)
        cli_finding(d, "watch file", CLI_WARN, "%s was written in the future: set the clock", path);
    else if (!d->c->cfg_assumed && stat(d->c->config_path, &st) == 0 &&
             st.st_mtim.tv_sec > i.written)
        cli_finding(d, "watch file", CLI_WARN,
                    "%s is older than the configuration: certmilter reload", path);
    else if (i.domains < d->c->cfg->ndomains)
        cli_finding(d, "watch file", CLI_WARN, "%s has %zu domains, the configuration %zu: certmilter "
                    "reload", path, i.domains, d->c->cfg->ndomains);
    else
        cli_finding(d, "watch file", CLI_OK, "%zu domains, %zu addresses, written %s ago", i.domains,
                    i.addresses, span);
}

/* ---- trust bundle ------------------------------------------------------------------------------ */

struct counted {
    size_t n, expired, unreadable;
    int64_t soonest; /* end of the one that ends next */
};

static void count_one(struct cli *c, const char *pem, size_t n, struct counted *k)
{
    struct base_arena *a = base_arena_new();
    struct cert_bundle b;
    struct cert_fields x;
    k->n++;
    if (cert_bundle_split(a, pem, n, &b, NULL) || b.n == 0 ||
        cert_fields_parse(a, b.der[0].p, b.der[0].n, &x, NULL))
        k->unreadable++;
    else if (x.not_after < c->now)
        k->expired++;
    else if (k->soonest == 0 || x.not_after < k->soonest)
        k->soonest = x.not_after;
    base_arena_free(a);
}

static void count_all(struct cli *c, const char *pem, struct counted *k)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    const char *p = pem, *e;
    while ((p = strstr(p, begin)) != NULL && (e = strstr(p, end)) != NULL) {
        e += strlen(end);
        count_one(c, p, (size_t)(e - p), k);
        p = e;
    }
}

void cli_doctor_bundle(struct cli_doctor *d)
{
    const char *path = d->c->cfg->trust_bundle;
    struct base_buf b;
    struct base_fail f = {0};
    struct counted k = {0};
    enum cli_finding_result bad = d->c->cfg->naccounts ? CLI_FAIL : CLI_WARN;
    if (!path) {
        cli_finding(d, "trust bundle", bad, "no trust_bundle is configured: no issued certificate can be checked");
        return;
    }
    if (base_file_read(AT_FDCWD, path, BUNDLE_MAX, &b, &f)) {
        cli_finding(d, "trust bundle", bad, "%s: no issued certificate can be checked", f.text);
        base_buf_free(&b);
        return;
    }
    count_all(d->c, base_buf_str(&b), &k);
    base_buf_free(&b);
    if (k.n == k.expired + k.unreadable)
        cli_finding(d, "trust bundle", bad, "%s has no certificate that is valid now", path);
    else if (k.unreadable > 0 || 2 * k.expired >= k.n)
        cli_finding(d, "trust bundle", CLI_WARN,
                    "%s: of %zu certificates %zu have ended and %zu can't be read: bring it up to date",
                    path, k.n, k.expired, k.unreadable);
    else
        cli_finding(d, "trust bundle", CLI_OK, "%s: %zu certificates are valid, the next one ends %s",
                    path, k.n - k.expired, cli_day(d->c, k.soonest));
}

/* ---- credentials --------------------------------------------------------------------------------- */

/* One secret file; true if it is there. */
static bool check_secret(struct cli_doctor *d, const char *name, bool *bad)
{
    struct stat st;
    const char *path = base_arena_printf(d->c->a, "%s/%s", d->c->cfg->credentials_dir, name);
    if (stat(path, &st) != 0)
        return false;
    if (st.st_mode & 077) {
        cli_finding(d, "credentials", CLI_FAIL, "%s can be read by others (mode %04o): chmod 600, and "
                    "make a new secret if that lasted", path, st.st_mode & 07777);
        *bad = true;
    } else if (st.st_size == 0) {
        cli_finding(d, "credentials", CLI_FAIL, "%s is empty", path);
        *bad = true;
    }
    return true;
}

/* Secrets may also come from systemd's own store: then only the daemons can tell. */
void cli_doctor_credentials(struct cli_doctor *d)
{
    const struct policy_config *cfg = d->c->cfg;
    struct stat st;
    size_t seen = 0;
    bool bad = false;
    if (stat(cfg->credentials_dir, &st) == 0 && st.st_mode & 022) {
        cli_finding(d, "credentials", CLI_FAIL, "%s can be written by others than root (mode %04o)",
                    cfg->credentials_dir, st.st_mode & 07777);
        return;
    }
    bool kek = check_secret(d, "kek", &bad);
    for (size_t i = 0; i < cfg->naccounts; i++)
        seen += check_secret(d, cfg->accounts[i].api_key, &bad);
    if (bad)
        return;
    if (cfg->naccounts && !kek)
        cli_finding(d, "credentials", CLI_WARN,
                    "%s/kek isn't there: unless the keeper's key-encryption key comes from elsewhere, "
                    "certkeeperd can't start (certkeeperd(8) says how to make it)",
                    cfg->credentials_dir);
    else
        cli_finding(d, "credentials", CLI_OK,
                    "%s: key-encryption key %s, %zu of %zu API keys; modes are right",
                    cfg->credentials_dir, kek ? "there" : "not needed yet", seen, cfg->naccounts);
}
