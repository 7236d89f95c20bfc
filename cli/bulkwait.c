/* cli/bulkwait.c - watching a batch: how far it is, how fast, what became of each line.
 *
 * The agent does the work; when this ends, for whatever reason, the batch goes on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "bulk.h"
#include "csv.h"

#define POLL_MS 1000
#define FRESH_MS 10000 /* between two writings of the result file */
#define WINDOW 30      /* seconds over which the rate is taken */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

bool cli_bulk_waits(const struct cli_args *args, bool dflt)
{
    return cli_has(args, "no-wait") ? false : cli_has(args, "wait") || dflt;
}

/* ---- the result file -------------------------------------------------------------------------- */

static enum base_fail_class write_page(struct cli *c, FILE *out, int64_t id, int64_t *after, bool *more,
                                       struct base_fail *f)
{
    json_t *req = cli_request(c, "batch.results"), *answer;
    base_json_setn(req, "batch", id);
    base_json_setn(req, "after", *after);
    enum base_fail_class r = cli_try(c, req, CLI_TIMEOUT_MS, &answer, f);
    const json_t *list = base_json_arr(answer, "results");
    for (size_t i = 0; !r && i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        fprintf(out, "%lld,%s,%s,%s,%s,%s\r\n", (long long)base_json_int(o, "line", 0),
                cli_csv_field(c->a, base_json_str(o, "mailbox")),
                cli_csv_field(c->a, base_json_str(o, "outcome")), cli_cell(c, o, "order"),
                cli_cell(c, o, "certificate"), cli_csv_field(c->a, base_json_str(o, "text")));
    }
    *more = !r && json_object_get(answer, "next") != NULL;
    *after = base_json_int(answer, "next", 0);
    json_decref(answer);
    return r;
}

/* All lines into OUT, page by page. */
static enum base_fail_class write_lines(struct cli *c, FILE *out, int64_t id, struct base_fail *f)
{
    struct base_arena *keep = c->a;
    enum base_fail_class r = BASE_OK;
    int64_t after = 0;
    bool more = true;
    fputs("line,mailbox,outcome,order,certificate,text\r\n", out);
    while (!r && more) {
        c->a = base_arena_new();
        r = write_page(c, out, id, &after, &more, f);
        base_arena_free(c->a);
        c->a = keep;
    }
    return r;
}

bool cli_bulk_result(struct cli *c, int64_t id, const char *file)
{
    struct base_fail f = {0};
    const char *tmp = base_arena_printf(c->a, "%s.tmp-%ld", file, (long)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    enum base_fail_class r =
        out ? write_lines(c, out, id, &f)
            : base_failf(&f, BASE_PERMANENT, "file.write", "%s: %s", tmp, strerror(errno));
    if (out) {
        bool whole = fflush(out) == 0 && fsync(fileno(out)) == 0 && !ferror(out);
        if (!r && !whole)
            r = base_failf(&f, BASE_PERMANENT, "file.write", "%s: %s", tmp, strerror(errno));
        fclose(out);
        if (!r && rename(tmp, file) != 0)
            r = base_failf(&f, BASE_PERMANENT, "file.write", "%s: %s", file, strerror(errno));
        if (r)
            unlink(tmp);
    }
    if (r)
        cli_failed(c, &f);
    return r == BASE_OK;
}

/* ---- progress -------------------------------------------------------------------------------------- */

struct watch {
    int64_t id, until; /* base_mono_ms(); 0 = no limit */
    const char *result;
    int64_t written;          /* when the result file was, base_mono_ms() */
    int64_t ended[WINDOW];    /* lines that were over, second by second */
    int64_t at[WINDOW];       /* base_mono_ms() of that */
    size_t seen;
    char state[20];
};

int cli_bulk_status(struct cli *c, int64_t id, json_t **answer)
{
    json_t *req = cli_request(c, "batch.status");
    base_json_setn(req, "batch", id);
    return cli_ask(c, req, CLI_TIMEOUT_MS, answer);
}

static int64_t over(const json_t *s)
{
    return base_json_int(s, "issued", 0) + base_json_int(s, "failed", 0) +
           base_json_int(s, "refused", 0) + base_json_int(s, "duplicate", 0);
}

/* Lines a minute over the last half minute; 0 = not known yet. */
static double rate(struct watch *w, const json_t *s)
{
    size_t i = w->seen++ % WINDOW, first = w->seen > WINDOW ? w->seen % WINDOW : 0;
    w->ended[i] = over(s);
    w->at[i] = base_mono_ms();
    int64_t ms = w->at[i] - w->at[first];
    return ms > 0 ? (double)(w->ended[i] - w->ended[first]) * 60000.0 / (double)ms : 0;
}

static void progress(struct cli *c, struct watch *w, const json_t *s)
{
    char span[BASE_TIME_LEN];
    int64_t lines = base_json_int(s, "lines", 0), left = lines - over(s);
    double speed = rate(w, s);
    const char *eta = speed > 0 && left > 0
                          ? base_arena_printf(c->a, ", %.0f a minute, about %s left", speed,
                                              base_time_span((int64_t)((double)left * 60 / speed), span))
                          : "";
    if (!c->tty || c->json)
        return;
    fprintf(c->out, "\r\033[K%lld of %lld: %lld issued, %lld failed, %lld refused, %lld ordered before, "
                    "%lld under way, %lld left%s",
            (long long)over(s), (long long)lines, (long long)base_json_int(s, "issued", 0),
            (long long)base_json_int(s, "failed", 0), (long long)base_json_int(s, "refused", 0),
            (long long)base_json_int(s, "duplicate", 0), (long long)base_json_int(s, "placed", 0),
            (long long)base_json_int(s, "waiting", 0), eta);
    fflush(c->out);
}

/* Does nothing more happen until a person does something? */
static bool stands(const char *state)
{
    return strcmp(state, "done") == 0 || strcmp(state, "paused") == 0 ||
           strcmp(state, "stopped") == 0 || strcmp(state, "braked") == 0 || strcmp(state, "open") == 0;
}

static bool refresh(struct cli *c, struct watch *w, const json_t *s, bool last)
{
    /* writing a large one takes longer, so it is written less often */
    int64_t pause = FRESH_MS + base_json_int(s, "lines", 0) / 2;
    if (!w->result || (!last && base_mono_ms() - w->written < pause))
        return true;
    bool ok = cli_bulk_result(c, w->id, w->result);
    w->written = base_mono_ms();
    return ok;
}

static void summary(struct cli *c, struct watch *w, const json_t *s)
{
    if (c->json) {
        cli_json(c, s);
        return;
    }
    const char *text = cli_cell(c, s, "text");
    fprintf(c->out, "%sbatch %lld is %s%s%s\n", c->tty ? "\r\033[K" : "", (long long)w->id,
            cli_cell(c, s, "state"), *text ? ": " : "", text);
    fprintf(c->out, "%s lines: %s issued, %s failed, %s refused, %s ordered before, %s under way, %s left\n",
            cli_cell(c, s, "lines"), cli_cell(c, s, "issued"), cli_cell(c, s, "failed"),
            cli_cell(c, s, "refused"), cli_cell(c, s, "duplicate"), cli_cell(c, s, "placed"),
            cli_cell(c, s, "waiting"));
    if (w->result)
        fprintf(c->out, "the outcome of each line: %s\n", cli_text(c, w->result));
    if (strcmp(base_json_strd(s, "state", ""), "done") != 0)
        fprintf(c->out, "certmilter batch show %lld, batch pause|resume|stop %lld\n", (long long)w->id,
                (long long)w->id);
}

static int status_of(const json_t *s, bool waited)
{
    const char *state = base_json_strd(s, "state", "");
    if (strcmp(state, "done") == 0)
        return base_json_int(s, "failed", 0) + base_json_int(s, "refused", 0) ? CLI_ATTENTION
                                                                                : CLI_DONE;
    if (strcmp(state, "braked") == 0 || strcmp(state, "paused") == 0)
        return CLI_ATTENTION;
    return waited && strcmp(state, "stopped") != 0 ? CLI_TEMPORARY : CLI_DONE;
}

/* Asks until the batch stands; *last is the newest answer. */
static int await(struct cli *c, struct watch *w, json_t **last)
{
    struct base_arena *keep = c->a;
    int r = CLI_DONE;
    for (bool end = false; !end;) {
        json_t *answer = NULL;
        c->a = base_arena_new();
        r = cli_bulk_status(c, w->id, &answer);
        if (!r) {
            json_decref(*last);
            *last = answer;
            progress(c, w, answer);
            r = refresh(c, w, answer, false) ? CLI_DONE : CLI_REFUSED;
        }
        end = r || interrupted || stands(base_json_strd(*last, "state", "")) ||
              (w->until && base_mono_ms() >= w->until);
        base_arena_free(c->a);
        c->a = keep;
        if (!end)
            usleep(POLL_MS * 1000);
    }
    return r;
}

int cli_bulk_watch(struct cli *c, int64_t id, bool wait, int64_t seconds, const char *result)
{
    struct watch w = {.id = id, .result = result, .until = 0, .written = base_mono_ms()};
    struct sigaction act = {.sa_handler = on_interrupt}, before;
    json_t *last = NULL;
    int r;
    if (wait) {
        w.until = seconds ? base_mono_ms() + seconds * 1000 : 0;
        sigaction(SIGINT, &act, &before);
        r = await(c, &w, &last);
        sigaction(SIGINT, &before, NULL);
    } else
        r = cli_bulk_status(c, id, &last);
    if (!r && !refresh(c, &w, last, true))
        r = CLI_REFUSED;
    if (!r) {
        summary(c, &w, last);
        r = cli_attention(c, last);
        r = r ? r : status_of(last, wait);
    } else if (last && c->tty && !c->json)
        fputc('\n', c->out);
    json_decref(last);
    return r;
}
