/* cli/status.c - what is going on: status, events; and reload. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "commands.h"

static long long num(const json_t *o, const char *key)
{
    return (long long)base_json_int(o, key, 0);
}

/* "3 waiting, 1 failing": what O has of NAMES (pairs of member and word, ends with NULL). */
static const char *counts(struct cli *c, const json_t *o, const char *const *names)
{
    const char *text = "";
    for (size_t i = 0; names[i]; i += 2)
        if (json_object_get(o, names[i]))
            text = base_arena_printf(c->a, "%s%s%lld %s", text, text[0] ? ", " : "",
                                     num(o, names[i]), names[i + 1]);
    return text;
}

static const char *domains_line(struct cli *c, const json_t *answer)
{
    const json_t *d = base_json_obj(answer, "domains");
    return base_arena_printf(c->a, "%lld (confirm %lld, hold %lld, observe %lld)%s",
                             num(d, "total"), num(d, "confirm"), num(d, "hold"), num(d, "observe"),
                             base_json_bool(answer, "guard", false)
                                 ? "; guard mode: nothing is ordered or answered"
                                 : "");
}

static const char *spool_line(struct cli *c, const json_t *answer)
{
    const json_t *s = base_json_obj(answer, "spool");
    int64_t oldest = base_json_int(s, "oldest", 0);
    return base_arena_printf(c->a, "%lld waiting, %lld at work, %lld dead, %s%s%s", num(s, "new"),
                             num(s, "cur"), num(s, "dead"), cli_size(c, base_json_int(s, "bytes", 0)),
                             oldest ? "; oldest " : "", oldest ? cli_when(c, oldest) : "");
}

static void accounts(struct cli *c, struct cli_table *t, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "accounts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *a = json_array_get(list, i);
        int64_t asked = base_json_int(a, "asked", 0);
        const char *text = base_json_strd(a, "text", "");
        const char *lacks = cli_cell(c, a, "lacks"), *balance = cli_cell(c, a, "balance");
        cli_pair(c, t, i ? " " : "accounts",
                 base_arena_printf(c->a, "%s (%s) %s%s%s%s%s%s%s%s%s%s%s%s", cli_cell(c, a, "id"),
                                   cli_cell(c, a, "ca"), cli_cell(c, a, "state"),
                                   text[0] ? ": " : "", cli_text(c, text),
                                   asked ? ", asked " : "", asked ? cli_when(c, asked) : "",
                                   lacks[0] ? "; its key " : "", lacks,
                                   balance[0] ? "; balance " : "", balance,
                                   balance[0] ? " " : "",
                                   balance[0] ? cli_cell(c, a, "currency") : "",
                                   strcmp(cli_cell(c, a, "payment"), "card") == 0 ? "; pays by card" : ""));
    }
}

static void mails(struct cli *c, struct cli_table *t, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "mails");
    if (json_array_size(list) == 0)
        cli_pair(c, t, "mails, 24 h", "none");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        cli_pair(c, t, i ? " " : "mails, 24 h",
                 base_arena_printf(c->a, "%lld %s: %s", num(m, "n"), cli_cell(c, m, "kind"),
                                   cli_cell(c, m, "verdict")));
    }
}

static void keeper_and_watch(struct cli *c, struct cli_table *t, const json_t *answer)
{
    static const char *const contents[] = {"domains", "domains", "addresses", "addresses", NULL};
    const json_t *k = base_json_obj(answer, "keeper"), *w = base_json_obj(answer, "watch");
    if (k)
        cli_pair(c, t, "keeper",
                 base_arena_printf(c->a, "%s%s%s", base_json_bool(k, "ok", false) ? "ok" : "not ok",
                                   base_json_strd(k, "text", "")[0] ? ": " : "",
                                   cli_cell(c, k, "text")));
    if (w)
        cli_pair(c, t, "watch file",
                 base_arena_printf(c->a, "%s, written %s", counts(c, w, contents),
                                   cli_when(c, base_json_int(w, "written", 0))));
}

static void show_status(struct cli *c, const json_t *answer)
{
    static const char *const jobs[] = {"waiting", "waiting", "failing", "failing", NULL};
    static const char *const open[] = {"intents_open", "intents", "orders_open", "orders", NULL};
    static const char *const certs[] = {"current", "current", "expiring", "end within 30 d", NULL};
    struct cli_table t = {0};
    cli_pair(c, &t, "agent",
             base_arena_printf(c->a, "%s, started %s", cli_cell(c, answer, "version"),
                               cli_when(c, base_json_int(answer, "started", 0))));
    cli_pair(c, &t, "configuration", cli_cell(c, answer, "config"));
    cli_pair(c, &t, "domains", domains_line(c, answer));
    accounts(c, &t, answer);
    keeper_and_watch(c, &t, answer);
    cli_pair(c, &t, "spool", spool_line(c, answer));
    cli_pair(c, &t, "jobs", counts(c, base_json_obj(answer, "jobs"), jobs));
    mails(c, &t, answer);
    cli_pair(c, &t, "held", base_arena_printf(c->a, "%lld", num(answer, "held")));
    cli_pair(c, &t, "alarms, 24 h", base_arena_printf(c->a, "%lld", num(answer, "alarms")));
    cli_pair(c, &t, "open", counts(c, answer, open));
    cli_pair(c, &t, "certificates", counts(c, base_json_obj(answer, "certificates"), certs));
    cli_table_print(c, &t);
}

int cli_cmd_status(struct cli *c, const struct cli_args *args)
{
    (void)args;
    return cli_do(c, cli_request(c, "status"), show_status);
}

static void show_reload(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "configuration taken over: %lld domains, %lld accounts\n",
            num(answer, "domains"), num(answer, "accounts"));
    const json_t *warnings = base_json_arr(answer, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *s = json_string_value(json_array_get(warnings, i));
        cli_complain(c, "%s", s ? s : "");
    }
}

int cli_cmd_reload(struct cli *c, const struct cli_args *args)
{
    (void)args;
    return cli_do(c, cli_request(c, "reload"), show_reload);
}

/* ---- events ---------------------------------------------------------------------- */

/* "domain=example.org order=17": members of data on one line. */
static const char *data_line(struct cli *c, const json_t *data)
{
    struct base_buf b;
    const char *key;
    json_t *v;
    base_buf_init(&b, 1000);
    json_object_foreach((json_t *)data, key, v)
    {
        const char *s = cli_cell(c, data, key);
        if (s[0])
            base_buf_addf(&b, "%s%s=%s", b.n ? " " : "", cli_text(c, key), s);
    }
    if (json_is_string(data))
        base_buf_adds(&b, cli_text(c, json_string_value(data)));
    const char *text = base_arena_strdup(c->a, base_buf_str(&b));
    base_buf_free(&b);
    return text;
}

static void page_events(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        cli_table_row(c, t, cli_cell(c, e, "id"), cli_when(c, base_json_int(e, "at", 0)),
                      cli_cell(c, e, "type"), cli_cell(c, e, "object"), cli_cell(c, e, "actor"),
                      data_line(c, json_object_get(e, "data")));
    }
}

int cli_cmd_events(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "events");
    struct cli_table t;
    int64_t n, from = 0;
    const char *limit = cli_opt(args, "limit"), *after = cli_opt(args, "after");
    cli_table_init(&t, "ID", "TIME", "TYPE", "OBJECT", "BY", "DATA", NULL);
    if (limit && !base_parse_int(limit, 1, 500, &n)) {
        json_decref(req);
        return cli_misused(c, args, "--limit: expected 1 to 500, found \"%s\"", limit);
    }
    if (after && !base_parse_int(after, 0, INT64_MAX, &from)) {
        json_decref(req);
        return cli_misused(c, args, "--after: expected the number of an event, found \"%s\"", after);
    }
    if (limit)
        base_json_setn(req, "limit", n);
    base_json_set(req, "prefix", cli_opt(args, "prefix"));
    if (after)
        base_json_setn(req, "after", from);
    else if (!limit)
        base_json_setn(req, "limit", 100);
    return cli_pages(c, req, "events", page_events, &t, "no events");
}
