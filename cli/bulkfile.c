/* cli/bulkfile.c - a CSV file as orders: the header names the fields, each line is one order.
 *
 * The file is read whole (at most 64 MiB) and gone through twice: first to find every
 * error and the hash of what it asks for, then to send. Options of the command stand for
 * fields that a line leaves empty. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "bulk.h"
#include "csv.h"
#include "orderform.h"

#define FILE_MAX (64 << 20)
#define LINES_MAX 200000
#define ERRORS_MAX 100

struct pass {
    const struct cli_bulk *b;
    struct cli_csv r;
    const char *name[CLI_CSV_FIELDS]; /* of the columns */
    size_t n, errors;
    json_t *list; /* of errors, with --json */
};

/* ---- errors -------------------------------------------------------------------------------- */

static void say(struct cli *c, struct pass *p, int64_t line, size_t column, const char *text)
{
    const char *file = strcmp(p->b->file, "-") == 0 ? "standard input" : p->b->file;
    if (p->errors++ >= ERRORS_MAX)
        return;
    if (!c->json) {
        cli_complain(c, "%s:%lld:%zu: %s", file, (long long)line, column, text);
        return;
    }
    json_t *e = json_object();
    base_json_setn(e, "line", line);
    base_json_setn(e, "column", (int64_t)column);
    base_json_set(e, "text", text);
    json_array_append_new(p->list, e);
}

static int refuse(struct cli *c, struct pass *p)
{
    const char *text = base_arena_printf(c->a, "%s%zu %s; nothing was sent",
                                         p->errors > ERRORS_MAX ? "more than " : "",
                                         p->errors > ERRORS_MAX ? (size_t)ERRORS_MAX : p->errors,
                                         p->errors == 1 ? "error" : "errors");
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", false);
        base_json_set(o, "class", "permanent");
        base_json_set(o, "code", "csv.errors");
        base_json_set(o, "text", text);
        json_object_set(o, "errors", p->list);
        cli_json(c, o);
        json_decref(o);
    } else
        cli_complain(c, "%s", text);
    return CLI_REFUSED;
}

/* ---- header and lines --------------------------------------------------------------------------- */

static bool is_field(const char *name)
{
    for (size_t i = 0; cli_orderform_names[i]; i++)
        if (strcmp(cli_orderform_names[i], name) == 0)
            return true;
    return false;
}

static const char *field_names(struct cli *c)
{
    const char *all = "";
    for (size_t i = 0; cli_orderform_names[i]; i++)
        all = base_arena_printf(c->a, "%s%s%s", all, i ? ", " : "", cli_orderform_names[i]);
    return all;
}

static void read_header(struct cli *c, struct pass *p, const struct cli_csv_record *rec)
{
    bool mailbox = false;
    for (size_t i = 0; i < rec->n; i++) {
        p->name[p->n++] = base_arena_strdup(c->a, rec->field[i]);
        mailbox = mailbox || strcmp(rec->field[i], "mailbox") == 0;
        if (!is_field(rec->field[i]))
            say(c, p, rec->line, rec->column[i],
                base_arena_printf(c->a, "an order has no field \"%s\"; expected %s",
                                  cli_text(c, rec->field[i]), field_names(c)));
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->name[k], rec->field[i]) == 0)
                say(c, p, rec->line, rec->column[i],
                    base_arena_printf(c->a, "field \"%s\" twice", cli_text(c, rec->field[i])));
    }
    if (!mailbox)
        say(c, p, rec->line, 1, "the first line names the fields; \"mailbox\" is missing");
}

static void set_field(struct cli *c, struct pass *p, json_t *req, const struct cli_csv_record *rec,
                      size_t i)
{
    struct base_fail f = {0};
    if (strcmp(p->name[i], "csr") == 0 && strcmp(rec->field[i], "-") == 0)
        say(c, p, rec->line, rec->column[i], "csr: expected the name of a file");
    else if (!cli_orderform_set(c, req, p->name[i], rec->field[i], &f))
        say(c, p, rec->line, rec->column[i], f.text);
}

/* The order of one line. */
static json_t *make_request(struct cli *c, struct pass *p, const struct cli_csv_record *rec)
{
    json_t *req = json_object();
    bool given[CLI_CSV_FIELDS] = {false};
    if (rec->n != p->n)
        say(c, p, rec->line, 1,
            base_arena_printf(c->a, "expected %zu fields as in the first line, found %zu", p->n,
                              rec->n));
    for (size_t i = 0; i < rec->n && i < p->n; i++) {
        given[i] = rec->field[i][0] != '\0';
        if (given[i])
            set_field(c, p, req, rec, i);
        else if (strcmp(p->name[i], "mailbox") == 0)
            say(c, p, rec->line, rec->column[i], "the mailbox is missing");
    }
    for (size_t k = 0; cli_orderform_names[k]; k++) {
        const char *name = cli_orderform_names[k], *value = cli_opt(p->b->args, name);
        struct base_fail f = {0};
        size_t i = 0;
        while (i < p->n && strcmp(p->name[i], name) != 0)
            i++;
        if (value && !(i < p->n && given[i]) && !cli_orderform_set(c, req, name, value, &f))
            say(c, p, rec->line, 1, f.text);
    }
    return req;
}

/* ---- a pass ------------------------------------------------------------------------------------- */

/* EACH NULL: only errors are looked for. */
static int go(struct cli *c, struct pass *p, cli_bulk_line *each, void *arg, int64_t *lines)
{
    struct base_arena *keep = c->a;
    bool headed = false, end = false;
    int status = CLI_DONE;
    cli_csv_init(&p->r, p->b->text.p, p->b->text.n);
    while (!end && status == CLI_DONE && p->errors <= ERRORS_MAX) {
        struct cli_csv_record rec;
        struct cli_csv_error e;
        struct base_arena *a = base_arena_new();
        enum cli_csv_got got = cli_csv_next(&p->r, a, &rec, &e);
        if (got == CLI_CSV_ERROR)
            say(c, p, e.line, e.column, e.text);
        else if (got == CLI_CSV_RECORD && !headed) {
            read_header(c, p, &rec);
            end = p->errors > 0; /* without a header lines mean nothing */
            headed = true;
        } else if (got == CLI_CSV_RECORD) {
            c->a = a; /* a million lines need no memory */
            json_t *line = json_object(), *req = make_request(c, p, &rec);
            base_json_setn(line, "line", rec.line);
            json_object_set_new(line, "request", req);
            if (++*lines == LINES_MAX + 1)
                say(c, p, rec.line, 1, base_arena_printf(a, "more than %d lines", LINES_MAX));
            if (p->errors == 0)
                status = each(c, arg, line);
            else
                json_decref(line);
            c->a = keep;
        } else
            end = true;
        base_arena_free(a);
    }
    if (!headed && p->errors == 0)
        say(c, p, 1, 1, "the first line names the fields; there is none");
    return status;
}

/* A chain of hashes: the key of the whole without keeping the whole. */
static int hash(struct cli *c, void *arg, json_t *line)
{
    char *key = arg, *text = json_dumps(base_json_obj(line, "request"), JSON_COMPACT | JSON_SORT_KEYS);
    const char *both = base_arena_printf(c->a, "%s\n%s", key, text ? text : "");
    base_sha256_hex(both, strlen(both), key);
    free(text);
    json_decref(line);
    return CLI_DONE;
}

int cli_bulk_read(struct cli *c, const struct cli_args *args, struct cli_bulk *b)
{
    struct pass p = {.b = b};
    *b = (struct cli_bulk){.file = cli_opt(args, "csv"), .args = args};
    if (!cli_read(c, b->file, FILE_MAX, &b->text))
        return CLI_REFUSED;
    p.list = json_array();
    int status = go(c, &p, hash, b->key, &b->lines);
    if (p.errors == 0 && b->lines == 0)
        say(c, &p, 1, 1, "there is no line behind the first one: nothing to order");
    if (p.errors > 0)
        status = refuse(c, &p);
    json_decref(p.list);
    if (status)
        cli_bulk_free(b);
    return status;
}

int cli_bulk_each(struct cli *c, const struct cli_bulk *b, cli_bulk_line *each, void *arg)
{
    struct pass p = {.b = b, .list = json_array()};
    int64_t lines = 0;
    int status = go(c, &p, each, arg, &lines);
    if (p.errors > 0) /* a file that a line names has changed since */
        status = refuse(c, &p);
    json_decref(p.list);
    return status;
}

void cli_bulk_free(struct cli_bulk *b)
{
    base_buf_free(&b->text);
}
