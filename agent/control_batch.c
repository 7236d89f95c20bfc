/* agent/control_batch.c - commands about batches: lines come in, the batch is started, paused,
 * resumed, stopped.
 *
 * The key of a batch is a hash of what it asks for, so the same file sent twice is one
 * batch, and a command that was interrupted goes on where it was. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/folding.h"
#include "batch.h"

#define LINES_MAX 200000
#define LINE_MAX_BYTES (256 << 10)

enum base_fail_class agent_batch_of(struct agent *ag, struct base_arena *a, const json_t *req,
                                    struct ledger_batch *b, struct base_fail *f)
{
    int64_t id = base_json_int(req, "batch", 0);
    enum base_fail_class r = ledger_batch_get(ag->ledger, a, id, b, f);
    if (r && strcmp(f->code, "ledger.absent") == 0)
        return base_failf(f, BASE_PERMANENT, "batch.absent",
                          "there is no batch %lld: certmilter batch list", (long long)id);
    return r;
}

static bool is(const struct ledger_batch *b, const char *state)
{
    return strcmp(b->state, state) == 0;
}

/* ---- taking lines ------------------------------------------------------------------------------ */

static bool is_hash(const char *s)
{
    unsigned char bytes[BASE_SHA256_LEN];
    return strlen(s) == 2 * sizeof(bytes) && base_unhex(s, bytes, sizeof(bytes));
}

static enum base_fail_class check_open(const json_t *req, struct base_fail *f)
{
    const char *kind = base_json_strd(req, "kind", "order");
    int64_t wave = base_json_int(req, "wave", 0), every = base_json_int(req, "every", 0);
    if (!is_hash(base_json_strd(req, "key", "")))
        return base_failf(f, BASE_PERMANENT, "batch.key", "a batch needs the hash of its content");
    if (strcmp(kind, "order") != 0 && strcmp(kind, "reissue") != 0 && strcmp(kind, "renew") != 0)
        return base_failf(f, BASE_PERMANENT, "batch.kind",
                          "kind \"%.20s\": expected order, reissue or renew", kind);
    if (wave < 0 || wave > LINES_MAX || every < 0 || every > 366 * 86400 || (every && !wave))
        return base_failf(f, BASE_PERMANENT, "batch.wave",
                          "a wave has 1 to %d lines, and --every needs --wave", LINES_MAX);
    return BASE_OK;
}

static enum base_fail_class open_new(struct agent *ag, const json_t *req, const char *by,
                                     struct ledger_batch *b, struct base_fail *f)
{
    int64_t now = base_now();
    *b = (struct ledger_batch){
        .key = base_json_strd(req, "key", ""),
        .kind = base_json_strd(req, "kind", "order"),
        .name = base_json_str(req, "name"),
        .state = "open",
        .by = by,
        .reason = base_json_str(req, "reason"),
        .wave = base_json_int(req, "wave", 0),
        .every = base_json_int(req, "every", 0),
        .wave_left = base_json_int(req, "wave", 0),
        .deadline = base_json_int(req, "deadline", 0),
        .since = base_json_int(req, "since", 0),
        .until = base_json_int(req, "until", 0),
        .issuer = base_json_str(req, "issuer"),
        .created = now,
    };
    return ledger_batch_add(ag->ledger, b, &b->id, f);
}

enum base_fail_class agent_cmd_batch_open(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_batch b = {0};
    int64_t last = 0;
    bool existing = true;
    enum base_fail_class r = check_open(req, f);
    if (!r) {
        r = ledger_batch_find(ag->ledger, a, base_json_strd(req, "key", ""), &b, f);
        bool absent = r && strcmp(f->code, "ledger.absent") == 0;
        /* a question may be asked again when its answers are through; a file stays the same */
        bool over = !r && !is(&b, "open") && strcmp(b.kind, "order") != 0 &&
                    (is(&b, "done") || is(&b, "stopped"));
        if (absent || over) {
            existing = false;
            r = open_new(ag, req, by, &b, f);
        }
    }
    if (!r)
        r = ledger_batch_line_last(ag->ledger, b.id, &last, f);
    if (!r)
        r = agent_batch_put(ag, &b, answer, f);
    base_json_setb(answer, "existing", existing);
    base_json_setn(answer, "received", last);
    base_arena_free(a);
    return r;
}

/* The line's own key: of what it asks for, whatever the order of its members and the spelling of its
 * mailbox. */
static void line_key(struct agent *ag, const json_t *request, char key[BASE_SHA256_HEX])
{
    struct base_arena *a = base_arena_new();
    json_t *same = json_copy((json_t *)(uintptr_t)request);
    if (base_json_str(request, "mailbox"))
        base_json_set(same, "mailbox", ledger_mailbox_key(ag->ledger, a, base_json_str(request, "mailbox")));
    char *text = json_dumps(same, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(same);
    base_arena_free(a);
    base_sha256_hex(text, text ? strlen(text) : 0, key);
    free(text);
}

static enum base_fail_class take_line(struct agent *ag, const struct ledger_batch *b, const json_t *o,
                                      struct base_fail *f)
{
    const json_t *request = base_json_obj(o, "request");
    char key[BASE_SHA256_HEX], *text = request ? base_json_text(request) : NULL;
    int64_t line = base_json_int(o, "line", 0);
    enum base_fail_class r;
    if (!text || line < 1 || strlen(text) > LINE_MAX_BYTES)
        r = base_failf(f, BASE_PERMANENT, "batch.line",
                       "line %lld: expected an order of at most %d KiB", (long long)line,
                       LINE_MAX_BYTES >> 10);
    else {
        line_key(ag, request, key);
        struct ledger_batch_line l = {
            .batch = b->id,
            .line = line,
            .key = key,
            .mailbox = base_json_str(request, "mailbox"),
            .state = "waiting",
            .changed = base_now(),
            .request = text,
        };
        r = ledger_batch_line_add(ag->ledger, &l, f);
    }
    free(text);
    return r;
}

static enum base_fail_class need_lines(const json_t *list, struct base_fail *f)
{
    if (!list || json_array_size(list) > AGENT_BATCH_PAGE)
        return base_failf(f, BASE_PERMANENT, "batch.lines", "expected at most %d lines at once",
                          AGENT_BATCH_PAGE);
    return BASE_OK;
}

enum base_fail_class agent_cmd_batch_lines(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const json_t *list = base_json_arr(req, "lines");
    struct ledger_batch_counts n = {0};
    struct ledger_batch b;
    enum base_fail_class r = agent_batch_of(ag, a, req, &b, f);
    (void)by;
    (void)answer;
    if (!r && !is(&b, "open"))
        r = base_failf(f, BASE_PERMANENT, "batch.state", "batch %lld takes no more lines: it is %s",
                       (long long)b.id, b.state);
    r = r ? r : need_lines(list, f);
    r = r ? r : ledger_batch_count(ag->ledger, b.id, &n, f);
    if (!r && n.waiting + (int64_t)json_array_size(list) > LINES_MAX)
        r = base_failf(f, BASE_PERMANENT, "batch.lines", "a batch has at most %d lines", LINES_MAX);
    for (size_t i = 0; !r && i < json_array_size(list); i++)
        r = take_line(ag, &b, json_array_get(list, i), f);
    base_arena_free(a);
    return r;
}

/* What the agent would say to each line; nothing is written. */
enum base_fail_class agent_cmd_batch_check(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    const json_t *list = base_json_arr(req, "lines");
    json_t *errors = json_array();
    bool shown = !base_json_bool(req, "first", false);
    enum base_fail_class r = need_lines(list, f);
    for (size_t i = 0; !r && i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i), *request = json_copy(base_json_obj(o, "request"));
        json_t *one = json_object();
        struct base_fail why = {0};
        if (request)
            base_json_setb(request, "dry_run", true);
        if (!request || agent_order_place(ag, request, by, one, &why)) {
            json_t *e = json_object();
            base_json_setn(e, "line", base_json_int(o, "line", 0));
            base_json_set(e, "code", why.code);
            base_json_set(e, "text", request ? why.text : "no order");
            json_array_append_new(errors, e);
        } else if (!shown) {
            json_object_set(answer, "sends", base_json_obj(one, "sends"));
            shown = true;
        }
        json_decref(one);
        json_decref(request);
    }
    json_object_set_new(answer, "refused", errors);
    return r;
}

/* ---- going on ------------------------------------------------------------------------------------- */

enum base_fail_class agent_cmd_batch_start(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_batch_counts n = {0};
    struct ledger_batch b;
    enum base_fail_class r = agent_batch_of(ag, a, req, &b, f);
    r = r ? r : ledger_batch_count(ag->ledger, b.id, &n, f);
    if (!r && is(&b, "open") && n.waiting + n.refused != base_json_int(req, "lines", -1))
        r = base_failf(f, BASE_PERMANENT, "batch.lines",
                       "batch %lld has %lld lines, %lld were sent: send them again", (long long)b.id,
                       (long long)n.waiting + n.refused, (long long)base_json_int(req, "lines", -1));
    if (!r && is(&b, "open")) {
        b.started = base_now();
        if (!agent_batch_move(ag, a, &b, "running", by, NULL))
            r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    }
    r = r ? r : agent_batch_put(ag, &b, answer, f);
    base_arena_free(a);
    return r;
}

/* Moves the batch of REQ, if its state is one of FROM (each followed by a blank). */
static enum base_fail_class change(struct agent *ag, const json_t *req, const char *by,
                                   const char *from, const char *to, const char *done,
                                   const char *after, json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_batch b;
    int64_t retried = 0;
    enum base_fail_class r = agent_batch_of(ag, a, req, &b, f);
    bool again = !r && base_json_bool(req, "failed", false) && strcmp(to, "running") == 0;
    if (again && !is(&b, "open"))
        r = ledger_batch_line_retry(ag->ledger, b.id, base_now(), &retried, f);
    if (!r && !strstr(from, base_arena_printf(a, "%s ", b.state)) && !retried)
        r = base_failf(f, BASE_PERMANENT, "batch.state", "batch %lld is %s%s", (long long)b.id,
                       b.state, strcmp(to, b.state) == 0 ? " already" : "");
    if (!r) {
        b.next_at = 0;
        b.wave_left = b.wave;
        b.ended = strcmp(to, "stopped") == 0 ? base_now() : 0;
        const char *text = done ? base_arena_printf(a, "%s by %s%s", done, by, after) : NULL;
        if (!agent_batch_move(ag, a, &b, to, by, text))
            r = base_failf(f, BASE_TEMPORARY, "ledger.io", "the ledger can't be written now");
    }
    r = r ? r : agent_batch_put(ag, &b, answer, f);
    base_arena_free(a);
    return r;
}

enum base_fail_class agent_cmd_batch_pause(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f)
{
    return change(ag, req, by, "running braked ", "paused", "paused", "", answer, f);
}

enum base_fail_class agent_cmd_batch_resume(struct agent *ag, const json_t *req, const char *by,
                                            json_t *answer, struct base_fail *f)
{
    return change(ag, req, by, "paused stopped braked ", "running", NULL, "", answer, f);
}

enum base_fail_class agent_cmd_batch_stop(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    return change(ag, req, by, "open running paused braked ", "stopped", "stopped",
                  "; what is ordered goes on, nothing more is", answer, f);
}
