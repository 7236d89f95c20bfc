/* cli/ask.c - asking the agent, and saying what it answered.
 *
 * doc/control.md is the contract. One connection a command; lists come in pages
 * and are printed page by page, so that a million mailboxes need no memory. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ipc.h"
#include "base/json.h"
#include "cli.h"

#define PAGE 500

/* ---- the configuration -------------------------------------------------------------- */

const char *cli_error_line(struct cli *c, const struct policy_config_error *e)
{
    const char *where = e->where ? e->where : "", *text = e->text ? e->text : "";
    size_t n = strlen(where);
    if (n > 2 && strcmp(where + n - 2, ":0") == 0) /* the file as a whole */
        n -= 2;
    return n == 0 || strncmp(text, where, n) == 0
               ? base_arena_strdup(c->a, text)
               : base_arena_printf(c->a, "%.*s: %s", (int)n, where, text);
}

static void say_errors(struct cli *c, const struct policy_config_errors *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->n; i++) {
        json_t *one = json_object();
        base_json_set(one, "where", e->v[i].where);
        base_json_set(one, "text", e->v[i].text);
        json_array_append_new(list, one);
        if (!c->json)
            cli_complain(c, "%s", cli_error_line(c, &e->v[i]));
    }
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", false);
        base_json_set(o, "class", "permanent");
        base_json_set(o, "code", "config.errors");
        base_json_set(o, "text", "the configuration has errors");
        json_object_set(o, "errors", list);
        cli_json(c, o);
        json_decref(o);
    }
    json_decref(list);
}

int cli_config(struct cli *c)
{
    struct policy_config_errors errs;
    struct base_fail f = {0};
    enum base_fail_class r;
    if (c->cfg)
        return CLI_DONE;
    if (!c->config_given && access(c->config_path, F_OK) != 0 && errno == ENOENT) {
        c->cfg_assumed = true;
        r = policy_config_default(&c->cfg, &f);
        return r ? cli_failed(c, &f) : CLI_DONE;
    }
    r = policy_config_load(c->config_path, &c->cfg, &errs, &f);
    if (r && errs.n)
        say_errors(c, &errs);
    else if (r)
        cli_failed(c, &f);
    policy_config_errors_free(&errs);
    return cli_status_of(r);
}

/* ---- one request ----------------------------------------------------------------------- */

const char *cli_who(struct cli *c)
{
    const char *name = NULL;
    if (geteuid() == 0)
        name = getenv("SUDO_USER") ? getenv("SUDO_USER") : getenv("DOAS_USER");
    if (!name || !name[0]) {
        const struct passwd *pw = getpwuid(getuid()); /* NOLINT(concurrency-mt-unsafe) */
        name = pw ? pw->pw_name : "unknown";
    }
    return base_printable(c->a, name, strlen(name), 64);
}

json_t *cli_request(struct cli *c, const char *cmd)
{
    json_t *req = json_object();
    base_json_setn(req, "v", 1);
    base_json_set(req, "cmd", cmd);
    base_json_set(req, "by", cli_who(c));
    return req;
}

static enum base_fail_class class_of(const char *name)
{
    return strcmp(name, "temporary") == 0 ? BASE_TEMPORARY
           : strcmp(name, "ours") == 0    ? BASE_OURS
                                          : BASE_PERMANENT;
}

/* An answer that isn't ok, as a failure; its list of errors stays in *answer. */
static enum base_fail_class refused(const json_t *answer, struct base_fail *f)
{
    return base_failf(f, class_of(base_json_strd(answer, "class", "permanent")),
                      base_json_strd(answer, "code", "agent.refused"), "%s",
                      base_json_strd(answer, "text", "the agent refused without saying why"));
}

/* What of a failed connection a person can use. */
static void explain_connect(struct cli *c, struct base_fail *f)
{
    if (strcmp(f->code, "ipc.connect") != 0)
        return;
    base_failf(f, f->cls, "agent.down", "certagentd can't be reached at %s%s: %s",
               c->cfg->agent_socket, access(c->cfg->agent_socket, F_OK) == 0 ? "" : " (no socket)",
               access(c->cfg->agent_socket, F_OK) == 0 && access(c->cfg->agent_socket, W_OK) != 0
                   ? "this user isn't allowed to; use root or the socket's group"
                   : "is it running? systemctl status certagentd");
}

enum base_fail_class cli_try(struct cli *c, json_t *req, int timeout_ms, json_t **answer,
                             struct base_fail *f)
{
    *answer = NULL;
    enum base_fail_class r = base_ipc_call(c->cfg->agent_socket, req, timeout_ms, answer, f);
    json_decref(req);
    if (r) {
        explain_connect(c, f);
        return r;
    }
    return base_json_bool(*answer, "ok", false) ? BASE_OK : refused(*answer, f);
}

static void say_refusal(struct cli *c, const json_t *answer, const struct base_fail *f)
{
    const json_t *errors = base_json_arr(answer, "errors");
    if (c->json && answer) {
        cli_json(c, answer);
        return;
    }
    cli_failed(c, f);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *e = json_array_get(errors, i);
        cli_complain(c, "%s: %s", base_json_strd(e, "where", ""), base_json_strd(e, "text", ""));
    }
}

int cli_ask(struct cli *c, json_t *req, int timeout_ms, json_t **answer)
{
    struct base_fail f = {0};
    *answer = NULL;
    int r = cli_config(c);
    if (r) {
        json_decref(req);
        return r;
    }
    if (cli_try(c, req, timeout_ms, answer, &f) == BASE_OK)
        return CLI_DONE;
    say_refusal(c, *answer, &f);
    json_decref(*answer);
    *answer = NULL;
    return cli_status_of(f.cls);
}

int cli_do(struct cli *c, json_t *req, cli_show *show)
{
    json_t *answer;
    int r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r)
        return r;
    if (c->json)
        cli_json(c, answer);
    else if (show)
        show(c, answer);
    r = cli_attention(c, answer);
    json_decref(answer);
    return r;
}

/* ---- lists --------------------------------------------------------------------------------- */

struct pages {
    json_t *req;
    const char *member;
    cli_page *page;
    struct cli_table *table;
    size_t n;
    int status;
};

static void json_members(struct cli *c, const json_t *list, size_t n)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *text = json_dumps(json_array_get(list, i),
                                JSON_ENCODE_ANY | (c->tty ? JSON_ENSURE_ASCII : 0) | JSON_COMPACT);
        fprintf(c->out, "%s%s", n + i ? ",\n" : "\n", text ? text : "null");
        free(text);
    }
}

/* One page; false at the end or after a failure (in p->status). */
static bool one_page(struct cli *c, struct pages *p, struct base_fail *f)
{
    json_t *answer = NULL;
    json_incref(p->req);
    enum base_fail_class r = cli_try(c, p->req, CLI_TIMEOUT_MS, &answer, f);
    if (r) {
        p->status = cli_status_of(r);
        json_decref(answer);
        return false;
    }
    const json_t *list = base_json_arr(answer, p->member);
    const json_t *next = json_object_get(answer, "next");
    if (c->json)
        json_members(c, list, p->n);
    else if (json_array_size(list)) {
        p->page(c, list, p->table);
        cli_table_print(c, p->table);
    }
    if (cli_attention(c, answer))
        p->status = CLI_ATTENTION;
    p->n += json_array_size(list);
    /* a page of events may be empty and have a next one: TYPE is filtered behind the paging */
    bool more = next && !json_is_null(next) && !json_equal(next, json_object_get(p->req, "after"));
    if (more)
        json_object_set(p->req, "after", (json_t *)next);
    json_decref(answer);
    return more;
}

int cli_pages(struct cli *c, json_t *req, const char *member, cli_page *page, struct cli_table *t,
              const char *empty)
{
    struct pages p = {req, member, page, t, 0, CLI_DONE};
    struct base_arena *keep = c->a;
    struct base_fail f = {0};
    bool more = true, once = json_object_get(req, "limit") != NULL;
    int r = cli_config(c);
    if (r) {
        json_decref(req);
        return r;
    }
    if (!once)
        base_json_setn(req, "limit", PAGE);
    if (c->json)
        fprintf(c->out, "{\"%s\":[", member);
    while (more) {
        c->a = base_arena_new();
        more = one_page(c, &p, &f) && !once && !ferror(c->out); /* | head */
        base_arena_free(c->a);
        c->a = keep;
    }
    if (c->json)
        fprintf(c->out, "],\"ok\":%s", f.cls ? "false" : "true");
    if (c->json && f.cls) {
        json_t *text = json_object();
        base_json_set(text, "class", base_fail_class_name(f.cls));
        base_json_set(text, "code", f.code);
        base_json_set(text, "text", f.text);
        char *s = base_json_text(text);
        fprintf(c->out, ",%s", s + 1); /* its own closing brace ends the document */
        free(s);
        json_decref(text);
        fputc('\n', c->out);
    } else if (c->json)
        fprintf(c->out, "}\n");
    else if (f.cls)
        cli_failed(c, &f);
    else if (p.n == 0 && empty)
        fprintf(c->out, "%s\n", empty);
    json_decref(req);
    return p.status;
}
