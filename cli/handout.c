/* cli/handout.c - passphrases on their way to the owners.
 *
 * What was sealed with a passphrase of the keeper's and has reached its mailbox waits
 * here. One at a time: the keeper gives it out, a program gets it on its standard input
 * or a file of mode 0600 holds it, and only then the keeper hears that it arrived, and
 * wipes it. A crash in between hands the same passphrase out once more, never none. For
 * root, from certmilter-passphrases.timer; the agent has no part in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands.h"
#include "keeper/delivery.h"

#define LATER 75 /* EX_TEMPFAIL of sysexits.h */
#define OUTPUT_MAX 65536
#define TIMEOUT_DEFAULT 60

struct handout {
    struct cli *c;
    const char *hook, *dir;
    int64_t timeout;
    json_t *handed, *failed;
    size_t other; /* of a way that this call doesn't serve */
    bool refused; /* somebody has to look */
};

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
}

/* ---- the two ways ----------------------------------------------------------------------- */

static char **environment(const struct handout *h, const struct keeper_handout *x)
{
    struct base_arena *a = h->c->a;
    char **env = base_arena_array(a, 7, sizeof *env), when[BASE_TIME_LEN];
    env[0] = base_arena_strdup(a, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    env[1] = base_arena_printf(a, "CERTMILTER_MAILBOX=%s", x->mailbox);
    env[2] = base_arena_printf(a, "CERTMILTER_TENANT=%s", x->tenant);
    env[3] = base_arena_printf(a, "CERTMILTER_EXPORT=%s", x->id);
    env[4] = base_arena_printf(a, "CERTMILTER_SINCE=%s", base_time_rfc3339(x->accepted, when));
    env[5] = base_arena_printf(a, "CERTMILTER_AGAIN=%s", x->given ? "yes" : "");
    return env;
}

static enum base_fail_class judge(const struct handout *h, const struct base_child *child,
                                  int status, struct base_fail *f)
{
    bool later = WIFEXITED(status) && WEXITSTATUS(status) == LATER;
    if (child->late)
        return base_failf(f, BASE_TEMPORARY, "handout.timeout",
                          "%s ran longer than %lld s and was ended", h->hook,
                          (long long)h->timeout);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return BASE_OK;
    const struct base_buf *said = &child->errbuf;
    return base_failf(f, later ? BASE_TEMPORARY : BASE_PERMANENT,
                      later ? "handout.later" : "handout.hook", "%s ended with %s %d: %s", h->hook,
                      WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                      said->n ? base_printable(h->c->a, said->p, said->n, 200) : "it said nothing");
}

/* The passphrase is the one line of its standard input. */
static enum base_fail_class by_hook(const struct handout *h, const struct keeper_handout *x,
                                    const char *line, struct base_fail *f)
{
    char *argv[] = {base_arena_strdup(h->c->a, h->hook), NULL};
    struct base_child_limits lim = {
        .wall_ms = (int)h->timeout * 1000, .keep_files = true, .envp = environment(h, x)};
    struct base_child child;
    struct base_fail why = {0};
    int status = 0;
    enum base_fail_class r = base_child_start(&child, h->hook, argv, &lim, f);
    if (r)
        return r;
    (void)base_child_write(&child, line, strlen(line), OUTPUT_MAX, &why);
    base_child_close_in(&child);
    r = base_child_end(&child, OUTPUT_MAX, &status, &why);
    if (r && !child.late)
        base_failf(f, r, why.code, "%s: %s", h->hook, why.text);
    else
        r = judge(h, &child, status, f);
    base_child_free(&child);
    return r;
}

static const char *file_name(struct base_arena *a, const struct keeper_handout *x)
{
    char *name = base_arena_strdup(a, x->mailbox);
    for (char *p = name; *p; p++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._+-", *p))
            *p = '_';
    return base_arena_printf(a, "%s%.120s.%s.txt", name[0] == '.' ? "_" : "", name, x->id);
}

static enum base_fail_class by_file(const struct handout *h, const struct keeper_handout *x,
                                    const char *line, struct base_fail *f)
{
    char when[BASE_TIME_LEN];
    const char *path = base_arena_printf(h->c->a, "%s/%s", h->dir, file_name(h->c->a, x));
    char *text = base_arena_printf(h->c->a, "mailbox     %s\nsent        %s\nexport      %s\n"
                                            "passphrase  %s",
                                   x->mailbox, base_time_rfc3339(x->accepted, when), x->id, line);
    base_file_sweep(AT_FDCWD, path); /* we alone write here: folder_open() */
    enum base_fail_class r = base_file_write(AT_FDCWD, path, text, strlen(text), 0600, f);
    wipe(text);
    return r;
}

/* ---- one, all --------------------------------------------------------------------------- */

static void note(struct handout *h, const struct keeper_handout *x, bool hook,
                 const struct base_fail *f)
{
    json_t *o = json_object();
    base_json_set(o, "mailbox", x->mailbox);
    base_json_set(o, "export", x->id);
    base_json_set(o, "way", hook ? "hook" : "file");
    if (f) {
        base_json_set(o, "code", f->code);
        base_json_set(o, "text", f->text);
        h->refused = h->refused || f->cls != BASE_TEMPORARY;
    }
    json_array_append_new(f ? h->failed : h->handed, o);
    if (!h->c->json && f)
        cli_complain(h->c, "%s: %s", cli_text(h->c, x->mailbox), f->text);
    else if (!h->c->json)
        fprintf(h->c->out, "%s: its passphrase was handed out (%s)\n", cli_text(h->c, x->mailbox),
                hook ? "hook" : "file");
}

static void one(struct handout *h, const struct keeper_handout *x)
{
    struct cli *c = h->c;
    struct base_fail f = {0};
    char *pass = NULL;
    bool hook = x->way && strcmp(x->way, "hook") == 0;
    if (!(hook ? h->hook : h->dir)) {
        h->other++;
        return;
    }
    enum base_fail_class r =
        keeper_handout_take(c->cfg->keeper_admin_socket, c->a, x->id, cli_who(c),
                            hook ? "handed to the owner by the administrator's program"
                                 : "handed to the help desk",
                            &pass, &f);
    if (!r) {
        char *line = base_arena_printf(c->a, "%s\n", pass);
        wipe(pass);
        r = hook ? by_hook(h, x, line, &f) : by_file(h, x, line, &f);
        wipe(line);
    }
    if (!r)
        r = keeper_handout_done(c->cfg->keeper_admin_socket, x->id, &f);
    note(h, x, hook, r ? &f : NULL);
}

/* PAGE(arg, list, n) for each page of what waits. */
static int pages(struct cli *c, void (*page)(void *arg, const struct keeper_handout *v, size_t n),
                 void *arg)
{
    char after[KEEPER_ID] = "", next[KEEPER_ID];
    struct base_fail f = {0};
    do {
        struct keeper_handout *v;
        size_t n;
        if (keeper_handouts(c->cfg->keeper_admin_socket, c->a, after[0] ? after : NULL, &v, &n, next,
                            &f))
            return cli_failed(c, &f);
        page(arg, v, n);
        memcpy(after, next, sizeof after);
    } while (next[0]);
    return CLI_DONE;
}

static void hand_out(void *arg, const struct keeper_handout *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        one(arg, &v[i]);
}

/* Whoever could write there could swap what the help desk reads. *FD is locked: a second
 * call that goes on at the same time waits. */
static bool folder_open(struct cli *c, const char *dir, int *fd)
{
    struct stat st;
    struct base_fail f = {0};
    *fd = open(dir, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        base_failf(&f, BASE_PERMANENT, "handout.dir", "%s: %s", dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode) || (st.st_mode & S_IWOTH))
        base_failf(&f, BASE_PERMANENT, "handout.dir",
                   "%s: expected a folder that not everybody can write", dir);
    else
        (void)flock(*fd, LOCK_EX); /* a file system without locks has one writer, we hope */
    if (f.code[0])
        cli_failed(c, &f);
    return !f.code[0];
}

static void folder_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

static int result(struct handout *h)
{
    struct cli *c = h->c;
    size_t failed = json_array_size(h->failed);
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        json_object_set(o, "handed", h->handed);
        json_object_set(o, "failed", h->failed);
        base_json_setn(o, "other", (int64_t)h->other);
        cli_json(c, o);
        json_decref(o);
    } else if (h->other && c->tty)
        fprintf(c->out, "%zu wait for another way: %s\n", h->other,
                h->hook ? "--dir" : "--hook");
    return !failed ? CLI_DONE : h->refused ? CLI_ATTENTION : CLI_TEMPORARY;
}

int cli_cmd_passphrase_deliver(struct cli *c, const struct cli_args *args)
{
    struct handout h = {.c = c, .hook = cli_opt(args, "hook"), .dir = cli_opt(args, "dir")};
    if (!h.hook && !h.dir)
        return cli_misused(c, args, "passphrase deliver: give --hook PROGRAM, --dir DIR or both");
    if (h.hook && h.hook[0] != '/')
        return cli_misused(c, args, "--hook: expected an absolute path");
    if (!cli_opt_duration(c, args, "timeout", TIMEOUT_DEFAULT, &h.timeout))
        return CLI_USAGE;
    int folder = -1, r = cli_config(c);
    if (r)
        return r;
    if (h.dir && !folder_open(c, h.dir, &folder)) {
        folder_close(folder);
        return CLI_REFUSED;
    }
    h.timeout = h.timeout < 1 ? 1 : h.timeout > 3600 ? 3600 : h.timeout;
    h.handed = json_array();
    h.failed = json_array();
    r = pages(c, hand_out, &h);
    if (!r)
        r = result(&h);
    json_decref(h.handed);
    json_decref(h.failed);
    folder_close(folder);
    return r;
}

/* ---- looking ---------------------------------------------------------------------------- */

struct listing {
    struct cli *c;
    struct cli_table t;
    json_t *list;
};

static void add_rows(void *arg, const struct keeper_handout *v, size_t n)
{
    struct listing *l = arg;
    for (size_t i = 0; i < n; i++) {
        const char *way = v[i].way ? v[i].way : "file";
        json_t *o = json_object();
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "way", way);
        base_json_setn(o, "since", v[i].accepted);
        base_json_setb(o, "tried", v[i].given != 0);
        base_json_set(o, "export", v[i].id);
        json_array_append_new(l->list, o);
        cli_table_row(l->c, &l->t, v[i].mailbox, way, cli_when(l->c, v[i].accepted),
                      v[i].given ? "yes" : "", v[i].id);
    }
}

int cli_cmd_passphrase_list(struct cli *c, const struct cli_args *args)
{
    struct listing l = {.c = c};
    (void)args;
    int r = cli_config(c);
    if (r)
        return r;
    l.list = json_array();
    cli_table_init(&l.t, "MAILBOX", "WAY", "WAITS SINCE", "TRIED", "EXPORT", NULL);
    r = pages(c, add_rows, &l);
    if (!r && c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        json_object_set(o, "waiting", l.list);
        cli_json(c, o);
        json_decref(o);
    } else if (!r && json_array_size(l.list) > 0)
        cli_table_print(c, &l.t);
    else if (!r)
        fprintf(c->out, "no passphrase waits\n");
    json_decref(l.list);
    return r;
}
