/* cli/bulk.c - order --csv: the file's lines go to the agent as one batch, in pages.
 *
 * The batch's key is the hash of what the file asks for: the same file once more is the
 * same batch, which goes on where it was. */
#include "bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "commands.h"
#include "quote.h"

#define PAGE 200
#define PAGE_BYTES (256 << 10)

struct sending {
    int64_t batch, after, sent;
    json_t *page;
    size_t bytes;
    bool check; /* the agent only says what it would do */
    bool shown; /* the first request */
    int64_t refused;
};

static void show_refused(struct cli *c, struct sending *s, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "refused");
    const json_t *sends = base_json_obj(answer, "sends");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        if (++s->refused <= 100 && !c->json)
            fprintf(c->out, "line %s would be refused: %s\n", cli_cell(c, e, "line"),
                    cli_cell(c, e, "text"));
    }
    if (sends && !s->shown) {
        s->shown = true;
        if (!c->json) {
            fprintf(c->out, "the first request:\n");
            cli_object(c, sends, NULL);
        }
    }
}

static int flush(struct cli *c, struct sending *s)
{
    json_t *answer;
    if (json_array_size(s->page) == 0)
        return CLI_DONE;
    json_t *req = cli_request(c, s->check ? "batch.check" : "batch.lines");
    if (s->check)
        base_json_setb(req, "first", !s->shown);
    else
        base_json_setn(req, "batch", s->batch);
    s->sent += (int64_t)json_array_size(s->page);
    json_object_set_new(req, "lines", s->page);
    s->page = json_array();
    s->bytes = 0;
    int r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r)
        return r;
    if (s->check)
        show_refused(c, s, answer);
    json_decref(answer);
    return CLI_DONE;
}

static int send_line(struct cli *c, void *arg, json_t *line)
{
    struct sending *s = arg;
    if (base_json_int(line, "line", 0) <= s->after) { /* the agent has it already */
        s->sent++;
        json_decref(line);
        return CLI_DONE;
    }
    char *text = base_json_text(line);
    s->bytes += strlen(text);
    free(text);
    json_array_append_new(s->page, line);
    return json_array_size(s->page) >= PAGE || s->bytes >= PAGE_BYTES ? flush(c, s) : CLI_DONE;
}

static int send_all(struct cli *c, const struct cli_bulk *b, struct sending *s)
{
    s->page = json_array();
    int r = cli_bulk_each(c, b, send_line, s);
    if (!r)
        r = flush(c, s);
    json_decref(s->page);
    return r;
}

#define FIRST_SEEN (-1)

static int take_first(struct cli *c, void *arg, json_t *line)
{
    json_t **first = arg;
    (void)c;
    *first = json_incref(json_object_get(line, "request"));
    json_decref(line);
    return FIRST_SEEN;
}

/* Price, balance and room for N lines, as if each were like the file's first. */
static int quote(struct cli *c, const struct cli_bulk *b, int64_t n)
{
    json_t *first = NULL;
    int r = n > 0 ? cli_bulk_each(c, b, take_first, &first) : CLI_DONE;
    if (r == FIRST_SEEN)
        r = cli_quote(c, first, n);
    json_decref(first);
    return r;
}

static int dry_run(struct cli *c, const struct cli_bulk *b)
{
    struct sending s = {.check = true};
    int r = send_all(c, b, &s);
    if (!r)
        r = quote(c, b, s.sent - s.refused);
    if (r)
        return r;
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_set(o, "state", "dry-run");
        base_json_setn(o, "lines", s.sent);
        base_json_setn(o, "refused", s.refused);
        cli_json(c, o);
        json_decref(o);
    } else
        fprintf(c->out, "%lld lines: %lld would be ordered, %lld refused; nothing was written or sent\n",
                (long long)s.sent, (long long)(s.sent - s.refused), (long long)s.refused);
    return s.refused ? CLI_REFUSED : CLI_DONE;
}

/* ---- the batch -------------------------------------------------------------------------------- */

static int open_batch(struct cli *c, const struct cli_args *args, const struct cli_bulk *b,
                      json_t **answer)
{
    int64_t wave = 0, every = 0;
    const char *text = cli_opt(args, "wave");
    if ((text && !base_parse_int(text, 1, 200000, &wave)) ||
        !cli_opt_duration(c, args, "every", 0, &every))
        return text ? cli_misused(c, args, "--wave: expected a number of lines, found \"%s\"", text)
                    : CLI_USAGE;
    if (every && !wave)
        return cli_misused(c, args, "--every needs --wave N");
    json_t *req = cli_request(c, "batch.open");
    base_json_set(req, "key", b->key);
    base_json_set(req, "kind", "order");
    base_json_set(req, "name", b->file);
    base_json_setn(req, "wave", wave);
    base_json_setn(req, "every", every);
    return cli_ask(c, req, CLI_TIMEOUT_MS, answer);
}

static int start(struct cli *c, int64_t id, int64_t lines)
{
    json_t *req = cli_request(c, "batch.start"), *answer;
    base_json_setn(req, "batch", id);
    base_json_setn(req, "lines", lines);
    int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    if (!r)
        json_decref(answer);
    return r;
}

static int run(struct cli *c, const struct cli_args *args, const struct cli_bulk *b, int64_t *id)
{
    json_t *answer;
    int r = open_batch(c, args, b, &answer);
    if (r)
        return r;
    struct sending s = {.batch = base_json_int(answer, "batch", 0),
                        .after = base_json_int(answer, "received", 0)};
    bool open = strcmp(base_json_strd(answer, "state", ""), "open") == 0;
    *id = s.batch;
    if (!c->json && base_json_bool(answer, "existing", false))
        fprintf(c->out, "this was asked for before, as batch %lld (%s): nothing is ordered twice\n",
                (long long)s.batch, cli_cell(c, answer, "state"));
    else if (!c->json)
        fprintf(c->out, "batch %lld: %lld orders\n", (long long)s.batch, (long long)b->lines);
    json_decref(answer);
    if (open) /* nothing of it is ordered yet */
        r = quote(c, b, b->lines);
    if (open && !r && (r = send_all(c, b, &s)) == CLI_DONE)
        r = start(c, s.batch, s.sent);
    return r;
}

int cli_bulk_order(struct cli *c, const struct cli_args *args)
{
    struct cli_bulk b;
    const char *result = cli_opt(args, "result"), *file = cli_opt(args, "csv");
    int64_t seconds, id;
    if (args->npos > 0)
        return cli_misused(c, args, "order: a mailbox or --csv FILE, not both");
    if (!cli_opt_duration(c, args, "timeout", 0, &seconds))
        return CLI_USAGE;
    int r = cli_config(c);
    if (!r)
        r = cli_bulk_read(c, args, &b);
    if (r)
        return r;
    if (cli_has(args, "dry-run"))
        r = dry_run(c, &b);
    else {
        r = run(c, args, &b, &id);
        if (!result && strcmp(file, "-") != 0)
            result = base_arena_printf(c->a, "%s.result.csv", file);
        if (!r)
            r = cli_bulk_watch(c, id, cli_bulk_waits(args, true), seconds, result);
    }
    cli_bulk_free(&b);
    return r;
}
