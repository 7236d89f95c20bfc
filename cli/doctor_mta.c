/* cli/doctor_mta.c - the milter's socket, and how Postfix is set up to use it.
 *
 * The socket is looked at as smtpd does: from its chroot, as its user, in the milter
 * protocol. Owns one connection at a time; every wait has an end. */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "doctor.h"

#define WAIT_MS 3000
#define GROUPS_MAX 64

/* ---- talking to the milter ----------------------------------------------------------------- */

static int connect_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(sa.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        int keep = errno;
        close(fd);
        errno = keep;
        return -1;
    }
    return fd;
}

static int connect_inet(const char *host, int port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char service[8];
    int fd = -1;
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* Reads exactly N bytes before DEADLINE; false with errno. */
static bool read_exactly(int fd, unsigned char *p, size_t n)
{
    while (n > 0) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (poll(&one, 1, WAIT_MS) != 1) {
            errno = ETIMEDOUT;
            return false;
        }
        ssize_t got = read(fd, p, n);
        if (got <= 0) {
            errno = got == 0 ? ECONNRESET : errno;
            return false;
        }
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* Option negotiation, as Postfix opens a conversation. NULL, or what went wrong. */
static const char *negotiate(int fd)
{
    /* length 13, 'O', version 6, all actions, all steps */
    static const unsigned char hello[] = {0, 0, 0, 13, 'O', 0, 0, 0, 6, 0, 0, 1, 0xff,
                                          0, 0x1f, 0xff, 0xff};
    static const unsigned char quit[] = {0, 0, 0, 1, 'Q'};
    unsigned char in[17];
    if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) ||
        !read_exactly(fd, in, sizeof(in)))
        return errno == ETIMEDOUT ? "it takes connections but doesn't answer" : strerror(errno);
    (void)send(fd, quit, sizeof(quit), MSG_NOSIGNAL);
    return in[4] == 'O' && in[8] >= 2 ? NULL : "it doesn't speak the milter protocol";
}

void cli_doctor_milter(struct cli_doctor *d)
{
    const char *text = d->c->cfg->milter_socket, *wrong;
    struct cli_socket s;
    if (strncmp(text, "fd:", 3) == 0) {
        cli_finding(d, "milter", CLI_WARN,
                    "milter_socket is %s: name the socket's path there, as Postfix sees it, so that "
                    "it can be checked",
                    text);
        return;
    }
    if (!cli_socket_read(d->c->a, text, false, &s)) {
        cli_finding(d, "milter", CLI_FAIL, "milter_socket \"%s\" names no socket", text);
        return;
    }
    int fd = s.path ? connect_unix(s.path) : connect_inet(s.host, s.port);
    if (fd < 0) {
        cli_finding(d, "milter", errno == EACCES ? CLI_WARN : CLI_FAIL, "%s: %s%s", text,
                    strerror(errno),
                    errno == EACCES ? "; ask as root" : "; systemctl status certmilterd.socket certmilterd");
        return;
    }
    wrong = negotiate(fd);
    close(fd);
    if (wrong)
        cli_finding(d, "milter", CLI_FAIL, "%s: %s; systemctl status certmilterd", text, wrong);
    else
        cli_finding(d, "milter", CLI_OK, "certmilterd answers at %s", text);
}

/* ---- whose it is --------------------------------------------------------------------------- */

struct user {
    uid_t uid;
    gid_t groups[GROUPS_MAX];
    int n;
};

static bool find_user(const char *name, struct user *u)
{
    const struct passwd *pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe) */
    if (!pw)
        return false;
    u->uid = pw->pw_uid;
    u->n = GROUPS_MAX;
    if (getgrouplist(name, pw->pw_gid, u->groups, &u->n) < 0)
        u->n = u->n > GROUPS_MAX ? GROUPS_MAX : 0;
    return true;
}

static bool may(const struct user *u, const struct stat *st, mode_t bit)
{
    if (u->uid == 0)
        return true;
    if (u->uid == st->st_uid)
        return st->st_mode & (bit << 6);
    for (int i = 0; i < u->n; i++)
        if (u->groups[i] == st->st_gid)
            return st->st_mode & (bit << 3);
    return st->st_mode & bit;
}

/* Could U connect to PATH, coming from directory ROOT? NULL, or the place in the way. */
static const char *blocked_at(struct cli *c, const char *root, const char *path,
                              const struct user *u)
{
    struct stat st;
    size_t from = strlen(root);
    for (const char *p = strchr(path + from, '/'); p; p = strchr(p + 1, '/')) {
        const char *dir = p == path ? "/" : base_arena_strndup(c->a, path, (size_t)(p - path));
        if (stat(dir, &st) == 0 && !may(u, &st, 1))
            return dir;
    }
    return stat(path, &st) == 0 && !may(u, &st, 2) ? path : NULL;
}

/* ---- Postfix --------------------------------------------------------------------------------- */

/* The path that a service means by PATH. */
static const char *seen_path(struct cli *c, const struct cli_postfix *p, const struct cli_smtpd *s,
                             const char *path)
{
    if (path[0] == '/' && !s->chroot)
        return path;
    return base_arena_printf(c->a, "%s/%s", p->queue_directory, path + strspn(path, "/"));
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool local_host(const char *h)
{
    return strcmp(h, "localhost") == 0 || strcmp(h, "127.0.0.1") == 0 || strcmp(h, "::1") == 0;
}

static bool is_ours(struct cli *c, const struct cli_postfix *p, const struct cli_smtpd *s,
                    const struct cli_milter *m, const struct cli_socket *ours)
{
    struct cli_socket theirs;
    if (!cli_socket_read(c->a, m->socket, true, &theirs))
        return false;
    if (ours->path && theirs.path)
        return same_file(ours->path, seen_path(c, p, s, theirs.path));
    return ours->host && theirs.host && ours->port == theirs.port &&
           (strcmp(ours->host, theirs.host) == 0 ||
            (local_host(ours->host) && local_host(theirs.host)));
}

/* An entry that means us by its name, but leads elsewhere. */
static void misplaced(struct cli_doctor *d, const struct cli_postfix *p, const struct cli_smtpd *s,
                      const struct cli_milter *v, size_t n)
{
    struct cli_socket t;
    for (size_t i = 0; i < n; i++)
        if (strstr(v[i].socket, "certmilter") && cli_socket_read(d->c->a, v[i].socket, true, &t) &&
            t.path) {
            cli_finding(d, "postfix", CLI_FAIL,
                        "%s: %s means %s for it%s, and that isn't %s", s->name, v[i].socket,
                        seen_path(d->c, p, s, t.path),
                        s->chroot ? " (it runs in a chroot)" : "", d->c->cfg->milter_socket);
            return;
        }
    cli_finding(d, "postfix", CLI_WARN,
                "%s doesn't use certmilter: if mail from outside comes in there, add it to "
                "smtpd_milters (see postfix-main.cf.snippet)",
                s->name);
}

static void check_action(struct cli_doctor *d, const struct cli_postfix *p,
                         const struct cli_smtpd *s, const struct cli_milter *m)
{
    const char *act = m->default_action ? m->default_action
                      : p->default_action ? p->default_action
                                          : "tempfail";
    if (strcmp(act, "accept") != 0)
        cli_finding(d, "postfix default action", CLI_WARN,
                    "%s: when certmilterd is down Postfix answers \"%s\" to all mail; give the milter "
                    "default_action=accept of its own",
                    s->name, act);
    else
        cli_finding(d, "postfix default action", CLI_OK, "%s: mail flows on when certmilterd is down",
                    s->name);
}

static void check_order(struct cli_doctor *d, const struct cli_smtpd *s, const struct cli_milter *v,
                        size_t ours)
{
    const char *names = "";
    for (size_t i = 0; i < ours; i++)
        names = base_arena_printf(d->c->a, "%s%s%s", names, i ? ", " : "", v[i].socket);
    if (ours > 0)
        cli_finding(d, "postfix order", CLI_WARN,
                    "%s: before certmilter stands %s; if that changes mail (subject, footer), the CA's "
                    "signature breaks: put certmilter first",
                    s->name, names);
    else
        cli_finding(d, "postfix order", CLI_OK, "%s: certmilter comes first", s->name);
}

static void check_access(struct cli_doctor *d, const struct cli_postfix *p,
                         const struct cli_smtpd *s, const struct cli_milter *m)
{
    struct cli_socket t;
    struct user u;
    if (!cli_socket_read(d->c->a, m->socket, true, &t) || !t.path || !find_user("postfix", &u))
        return;
    const char *at = blocked_at(d->c, s->chroot ? p->queue_directory : "",
                                seen_path(d->c, p, s, t.path), &u);
    if (at)
        cli_finding(d, "postfix access", CLI_FAIL,
                    "%s: the user postfix may not connect: owner, group and mode of %s forbid it",
                    s->name, at);
    else
        cli_finding(d, "postfix access", CLI_OK, "%s: the user postfix may connect", s->name);
}

/* One service; true if it uses certmilter. */
static bool check_service(struct cli_doctor *d, const struct cli_postfix *p,
                          const struct cli_smtpd *s, const struct cli_socket *ours, bool report)
{
    struct cli_milter v[CLI_MILTERS_MAX];
    size_t n = cli_milters_read(d->c->a, s->milters ? s->milters : p->milters, v);
    for (size_t i = 0; i < n; i++) {
        if (!is_ours(d->c, p, s, &v[i], ours))
            continue;
        if (s->no_milters || p->no_milters)
            cli_finding(d, "postfix", CLI_FAIL,
                        "%s: receive_override_options has no_milters: certmilter is never asked",
                        s->name);
        else
            cli_finding(d, "postfix", CLI_OK, "%s uses certmilter (%s)", s->name, v[i].socket);
        check_action(d, p, s, &v[i]);
        check_order(d, s, v, i);
        check_access(d, p, s, &v[i]);
        return true;
    }
    if (report)
        misplaced(d, p, s, v, n);
    return false;
}

static void check_newline(struct cli_doctor *d, const struct cli_postfix *p)
{
    if (p->bare_newline && strcmp(p->bare_newline, "no") != 0)
        cli_finding(d, "postfix newline", CLI_OK, "smtpd_forbid_bare_newline = %s", p->bare_newline);
    else
        cli_finding(d, "postfix newline", CLI_WARN,
                    "smtpd_forbid_bare_newline is off: mail can be smuggled in behind other mail "
                    "(CVE-2023-51764); set it to normalize or yes");
}

void cli_doctor_postfix(struct cli_doctor *d)
{
    struct cli_postfix p;
    struct cli_socket ours;
    struct base_fail f = {0};
    size_t users = 0;
    if (cli_postfix_ask(d->c->a, d->postfix_dir, &p, &f)) {
        bool absent = strcmp(f.code, "postfix.absent") == 0;
        cli_finding(d, "postfix", absent ? CLI_OK : CLI_FAIL, "%s%s", f.text,
                    absent ? ": look yourself whether the MTA uses certmilter, first of all milters, "
                             "and goes on without it"
                           : "");
        return;
    }
    if (!cli_socket_read(d->c->a, d->c->cfg->milter_socket, false, &ours))
        return; /* said by the milter's check */
    for (size_t i = 0; i < p.nsmtpd; i++)
        users += check_service(d, &p, &p.smtpd[i], &ours, false);
    if (p.nsmtpd == 0)
        cli_finding(d, "postfix", CLI_WARN, "no service of master.cf runs smtpd: no mail comes in here");
    else if (users == 0)
        check_service(d, &p, &p.smtpd[0], &ours, true);
    check_newline(d, &p);
}
