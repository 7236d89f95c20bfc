/* cli/postfix.c - asking postconf(1) what Postfix does with milters. */
#include "postfix.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/child.h"

#define OUT_MAX (256 * 1024)

/* ---- lists of milters -------------------------------------------------------------------- */

static bool separator(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' || ch == ',';
}

/* "{ unix:x, default_action=accept }" without its braces. */
static void read_braced(struct base_arena *a, const char *s, size_t n, struct cli_milter *m)
{
    static const char key[] = "default_action=";
    for (size_t i = 0; i < n;) {
        size_t from;
        while (i < n && separator(s[i]))
            i++;
        for (from = i; i < n && !separator(s[i]) && s[i] != '='; i++)
            ;
        if (i < n && s[i] == '=') { /* blanks may stand around the value */
            for (i++; i < n && (s[i] == ' ' || s[i] == '\t'); i++)
                ;
            while (i < n && !separator(s[i]))
                i++;
        }
        const char *word = base_arena_strndup(a, s + from, i - from);
        if (!word[0])
            continue;
        if (!m->socket)
            m->socket = word;
        else if (strncmp(word, key, sizeof(key) - 1) == 0)
            m->default_action = word + sizeof(key) - 1 + strspn(word + sizeof(key) - 1, " \t");
    }
}

size_t cli_milters_read(struct base_arena *a, const char *value,
                        struct cli_milter v[CLI_MILTERS_MAX])
{
    size_t n = 0;
    const char *s = value ? value : "";
    while (*s && n < CLI_MILTERS_MAX) {
        if (separator(*s)) {
            s++;
            continue;
        }
        v[n] = (struct cli_milter){0};
        size_t len = *s == '{' ? strcspn(s, "}") : strcspn(s, " \t\r\n,");
        if (*s == '{') {
            read_braced(a, s + 1, len - 1, &v[n]);
            s += len + (s[len] == '}');
        } else {
            v[n].socket = base_arena_strndup(a, s, len);
            s += len;
        }
        n += v[n].socket != NULL;
    }
    return n;
}

static bool read_port(const char *s, int *port)
{
    int64_t v;
    if (!base_parse_int(s, 1, 65535, &v))
        return false;
    *port = (int)v;
    return true;
}

bool cli_socket_read(struct base_arena *a, const char *text, bool postfix, struct cli_socket *out)
{
    const char *colon = strchr(text, ':'), *rest = colon ? colon + 1 : "";
    *out = (struct cli_socket){0};
    if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "local:", 6) == 0) {
        out->path = rest;
        return rest[0] != 0;
    }
    if (strncmp(text, "inet:", 5) != 0 && strncmp(text, "inet6:", 6) != 0)
        return false;
    const char *at = postfix ? strrchr(rest, ':') : strchr(rest, '@');
    if (!at) {
        out->host = "localhost";
        return read_port(rest, &out->port);
    }
    const char *first = base_arena_strndup(a, rest, (size_t)(at - rest));
    char *host = base_arena_strdup(a, postfix ? first : at + 1);
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = 0;
        host++;
    }
    out->host = host;
    return read_port(postfix ? at + 1 : first, &out->port) && host[0];
}

/* ---- lines of postconf --------------------------------------------------------------------- */

/* The next line of *s (copied), NULL at the end. */
static char *next_line(struct base_arena *a, const char **s)
{
    if (!**s)
        return NULL;
    size_t n = strcspn(*s, "\n");
    char *line = base_arena_strndup(a, *s, n);
    *s += n + ((*s)[n] == '\n');
    return line;
}

/* Splits "name = value"; NULL if it is no such line. */
static const char *split(char *line)
{
    char *eq = strchr(line, '='), *end;
    if (!eq)
        return NULL;
    for (end = eq; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
        ;
    *end = 0;
    return eq + 1 + strspn(eq + 1, " \t");
}

void cli_postfix_params(struct base_arena *a, const char *text, struct cli_postfix *p)
{
    char *line;
    while ((line = next_line(a, &text)) != NULL) {
        const char *value = split(line);
        if (!value)
            continue;
        if (strcmp(line, "smtpd_milters") == 0)
            p->milters = value;
        else if (strcmp(line, "milter_default_action") == 0)
            p->default_action = value;
        else if (strcmp(line, "queue_directory") == 0)
            p->queue_directory = value;
        else if (strcmp(line, "smtpd_forbid_bare_newline") == 0)
            p->bare_newline = value;
        else if (strcmp(line, "mail_version") == 0)
            p->version = value;
        else if (strcmp(line, "receive_override_options") == 0)
            p->no_milters = strstr(value, "no_milters") != NULL;
    }
}

void cli_postfix_services(struct base_arena *a, const char *text, struct cli_postfix *p)
{
    char *line, *save;
    while ((line = next_line(a, &text)) != NULL && p->nsmtpd < CLI_SERVICES_MAX) {
        const char *f[8] = {0};
        size_t n = 0;
        if (line[0] == ' ' || line[0] == '\t' || line[0] == '#')
            continue;
        for (char *w = strtok_r(line, " \t", &save); w && n < 8; w = strtok_r(NULL, " \t", &save))
            f[n++] = w;
        if (n < 8 || strcmp(f[7], "smtpd") != 0)
            continue;
        /* since Postfix 3.0 "-" means no chroot; Debian writes y */
        p->smtpd[p->nsmtpd++] = (struct cli_smtpd){
            .name = base_arena_printf(a, "%s/%s", f[0], f[1]), .chroot = strcmp(f[4], "y") == 0};
    }
}

void cli_postfix_overrides(struct base_arena *a, const char *text, struct cli_postfix *p)
{
    char *line;
    while ((line = next_line(a, &text)) != NULL) {
        const char *value = split(line);
        char *slash = strrchr(line, '/');
        if (!value || !slash)
            continue;
        *slash = 0;
        for (size_t i = 0; i < p->nsmtpd; i++) {
            if (strcmp(p->smtpd[i].name, line) != 0)
                continue;
            if (strcmp(slash + 1, "smtpd_milters") == 0)
                p->smtpd[i].milters = value;
            else if (strcmp(slash + 1, "receive_override_options") == 0)
                p->smtpd[i].no_milters = strstr(value, "no_milters") != NULL;
        }
    }
}

/* ---- postconf ------------------------------------------------------------------------------- */

static const char *program(void)
{
    static const char *const places[] = {"/usr/sbin/postconf", "/usr/local/sbin/postconf",
                                         "/sbin/postconf", "/opt/postfix/sbin/postconf"};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

/* What postconf prints; "" if it fails. *why: its complaint. */
static const char *run(struct base_arena *a, const char *path, const char *dir,
                       const char *const *args, const char **why)
{
    static const struct base_child_limits limits = {.cpu_seconds = 5, .wall_ms = 10000};
    const char *argv[20] = {"postconf"};
    struct base_child c;
    size_t n = 1;
    int status;
    if (dir) {
        argv[n++] = "-c";
        argv[n++] = dir;
    }
    for (; *args && n < 19; args++)
        argv[n++] = *args;
    if (base_child_start(&c, path, (char *const *)(const void *)argv, &limits, NULL))
        return "";
    base_child_close_in(&c);
    (void)base_child_end(&c, OUT_MAX, &status, NULL);
    const char *text = base_arena_strdup(a, base_buf_str(&c.outbuf)), *err = base_buf_str(&c.errbuf);
    *why = base_arena_strndup(a, err, strcspn(err, "\n"));
    base_child_free(&c);
    return text;
}

enum base_fail_class cli_postfix_ask(struct base_arena *a, const char *dir, struct cli_postfix *p,
                                     struct base_fail *f)
{
    static const char *const params[] = {"-x",
                                         "smtpd_milters",
                                         "milter_default_action",
                                         "queue_directory",
                                         "smtpd_forbid_bare_newline",
                                         "mail_version",
                                         "receive_override_options",
                                         NULL};
    static const char *const services[] = {"-M", NULL}, *const overrides[] = {"-x", "-P", NULL};
    const char *path = program(), *why = "no answer", *unused;
    memset(p, 0, sizeof(*p));
    if (!path)
        return base_failf(f, BASE_PERMANENT, "postfix.absent", "there is no postconf here");
    cli_postfix_params(a, run(a, path, dir, params, &why), p);
    cli_postfix_services(a, run(a, path, dir, services, &unused), p);
    cli_postfix_overrides(a, run(a, path, dir, overrides, &unused), p);
    if (!p->queue_directory)
        return base_failf(f, BASE_PERMANENT, "postfix.silent", "%s", why);
    return BASE_OK;
}
