/* deliver/hook.c - a program of the administrator publishes.
 *
 * It gets an environment of CERTMILTER_* and PATH alone and one JSON object on its
 * standard input, runs in a process group of its own and no longer than `timeout`. Exit 0
 * is done, 75 (EX_TEMPFAIL of sysexits.h) is "later", the rest has failed for good. The
 * first line that it prints is kept as the place; what it says on standard error is
 * logged. It never gets a key. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "deliver.h"

#define HOOK_LATER 75
#define HOOK_OUT 65536
#define CURRENT_MAX 20

static json_t *certificate(const struct deliver_certificate *c)
{
    json_t *o = json_object();

    base_json_set(o, "thumbprint", c->thumbprint);
    base_json_set(o, "serial", c->serial);
    base_json_set(o, "issuer", c->issuer);
    base_json_set(o, "subject", c->subject);
    base_json_set(o, "usage", c->usage);
    base_json_setn(o, "not_before", c->not_before);
    base_json_setn(o, "not_after", c->not_after);
    base_json_set(o, "chain_pem", c->chain_pem);
    return o;
}

static char *input(const struct deliver_item *it, const struct policy_publisher *t)
{
    json_t *o = json_object(), *list = json_array();

    base_json_setn(o, "v", 1);
    base_json_set(o, "action", it->withdraw ? "withdraw" : "publish");
    base_json_set(o, "reason", it->reason);
    base_json_set(o, "publisher", t->id);
    base_json_set(o, "mailbox", it->mailbox);
    base_json_set(o, "tenant", it->tenant);
    json_object_set_new(o, "certificate", certificate(&it->cert));
    for (size_t i = 0; i < it->ncurrent && i < CURRENT_MAX; i++) {
        json_array_append_new(list, certificate(&it->current[i]));
    }
    json_object_set_new(o, "current", list);
    char *text = base_json_text(o);
    json_decref(o);
    return text;
}

/* The last line of what was said, printable. */
static const char *last_words(struct base_arena *a, const struct base_buf *b)
{
    size_t n = b->n, from;

    while (n > 0 && (b->p[n - 1] == '\n' || b->p[n - 1] == '\r')) {
        n--;
    }
    for (from = n; from > 0 && b->p[from - 1] != '\n'; from--) {
    }
    return n > from ? base_printable(a, b->p + from, n - from, 200) : "it said nothing";
}

static enum base_fail_class judge(const struct policy_publisher *t, struct base_arena *a,
                                  const struct base_child *c, int status, struct base_fail *f)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return BASE_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == HOOK_LATER) {
        return base_failf(f, BASE_TEMPORARY, "deliver.hook.later", "%s asks to be called later: %s",
                          t->program, last_words(a, &c->errbuf));
    }
    return base_failf(f, BASE_PERMANENT, "deliver.hook", "%s failed (%s %d): %s", t->program,
                      WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                      last_words(a, &c->errbuf));
}

static void log_output(const struct policy_publisher *t, const struct deliver_item *it,
                       struct base_arena *a, const struct base_child *c, int status)
{
    const char *said = c->errbuf.n ? base_printable(a, c->errbuf.p, c->errbuf.n, 500) : NULL;

    base_log(status != 0 ? LOG_WARNING : LOG_INFO, "publish.hook", "publisher", t->id, "mailbox",
             it->mailbox, "action", it->withdraw ? "withdraw" : "publish", "status",
             base_log_num(WIFEXITED(status) ? WEXITSTATUS(status) : -1), "said", said, NULL);
}

static char **environment(const struct policy_publisher *t, const struct deliver_item *it,
                          struct base_arena *a)
{
    char **env = base_arena_array(a, 16, sizeof *env), when[BASE_TIME_LEN];
    size_t n = 0;

    env[n++] = base_arena_strdup(a, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    env[n++] = base_arena_printf(a, "CERTMILTER_ACTION=%s", it->withdraw ? "withdraw" : "publish");
    env[n++] = base_arena_printf(a, "CERTMILTER_REASON=%s", it->reason ? it->reason : "");
    env[n++] = base_arena_printf(a, "CERTMILTER_PUBLISHER=%s", t->id);
    env[n++] = base_arena_printf(a, "CERTMILTER_MAILBOX=%s", it->mailbox);
    env[n++] = base_arena_printf(a, "CERTMILTER_TENANT=%s", it->tenant ? it->tenant : "");
    env[n++] = base_arena_printf(a, "CERTMILTER_THUMBPRINT=%s", it->cert.thumbprint);
    env[n++] = base_arena_printf(a, "CERTMILTER_SERIAL=%s", it->cert.serial ? it->cert.serial : "");
    env[n++] = base_arena_printf(a, "CERTMILTER_USAGE=%s", it->cert.usage ? it->cert.usage : "");
    env[n++] = base_arena_printf(a, "CERTMILTER_NOT_BEFORE=%s",
                                 base_time_rfc3339(it->cert.not_before, when));
    env[n++] = base_arena_printf(a, "CERTMILTER_NOT_AFTER=%s",
                                 base_time_rfc3339(it->cert.not_after, when));
    env[n] = NULL;
    return env;
}

enum base_fail_class deliver_hook(const struct deliver_world *w, const struct policy_publisher *t,
                                  const struct deliver_item *it, struct base_arena *a,
                                  struct deliver_done *out, struct base_fail *f)
{
    char *argv[] = {base_arena_strdup(a, t->program), NULL};
    struct base_child_limits lim = {.wall_ms = (int)t->timeout * 1000,
                                    .keep_files = true,
                                    .envp = environment(t, it, a)};
    struct base_child c;
    struct base_fail why = {0};
    int status = 0;

    (void)w;
    if (access(t->program, X_OK) != 0) {
        return base_failf(f, BASE_PERMANENT, "deliver.hook.exec",
                          "%s can't be run: %s; the unit of certagentd must name it in ExecPaths",
                          t->program, strerror(errno));
    }
    enum base_fail_class cls = base_child_start(&c, t->program, argv, &lim, f);
    if (cls != BASE_OK) {
        return cls;
    }
    char *text = input(it, t);
    /* a program that does not read its input is none that failed */
    enum base_fail_class written = base_child_write(&c, text, strlen(text), HOOK_OUT, &why);
    free(text);
    base_child_close_in(&c);
    cls = base_child_end(&c, HOOK_OUT, &status, f);
    log_output(t, it, a, &c, status);
    if (c.late) {
        cls = base_failf(f, BASE_TEMPORARY, "deliver.hook.timeout",
                         "%s ran longer than %lld s and was ended", t->program,
                         (long long)t->timeout);
    } else if (strcmp(why.code, "child.output") == 0) {
        cls = base_failf(f, written, "deliver.hook", "%s printed more than %d bytes and was ended",
                         t->program, HOOK_OUT);
    } else if (cls == BASE_OK) {
        cls = judge(t, a, &c, status, f);
    }
    size_t n = c.outbuf.n ? strcspn(base_buf_str(&c.outbuf), "\r\n") : 0;
    out->where = n > 0 ? base_printable(a, c.outbuf.p, n, 200) : t->program;
    base_child_free(&c);
    return cls;
}
