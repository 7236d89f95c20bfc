/* cli/say.c - how the command talks: to a person, or as one JSON document.
 *
 * Whatever others wrote is made printable first. Owns nothing; an output that
 * takes no more is noticed at the end (run.c). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli.h"

#define TEXT_MAX 2000
#define DAY 86400

void cli_complain(struct cli *c, const char *fmt, ...)
{
    char text[4000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fflush(c->out);
    fprintf(c->err, "certmilter: %s\n", base_printable(c->a, text, strlen(text), sizeof(text)));
}

const char *cli_text(struct cli *c, const char *s)
{
    return s ? base_printable(c->a, s, strlen(s), TEXT_MAX) : "";
}

/* ---- times ------------------------------------------------------------------------ */

/* Hours don't matter to who asks for days. */
static const char *span_of(struct cli *c, int64_t t, bool hours, char *room, size_t n)
{
    char span[BASE_TIME_LEN];
    int64_t d = t - c->now, size = d < 0 ? -d : d;
    if (size < 2)
        return "now";
    base_time_span(hours || size < 2 * DAY ? size : size - size % DAY, span);
    snprintf(room, n, d < 0 ? "%s ago" : "in %s", span);
    return room;
}

static const char *local(struct cli *c, int64_t t, bool minutes)
{
    char text[64], rel[BASE_TIME_LEN + 8];
    struct tm tm;
    time_t tt = (time_t)t;
    if (t == 0)
        return "-";
    if (!localtime_r(&tt, &tm) ||
        (minutes ? strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm)
                 : strftime(text, sizeof(text), "%Y-%m-%d", &tm)) == 0)
        return base_arena_printf(c->a, "%lld", (long long)t);
    return base_arena_printf(c->a, "%s (%s)", text, span_of(c, t, minutes, rel, sizeof(rel)));
}

const char *cli_when(struct cli *c, int64_t t)
{
    return local(c, t, true);
}

const char *cli_day(struct cli *c, int64_t t)
{
    return local(c, t, false);
}

const char *cli_size(struct cli *c, int64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes / 1024;
    size_t u = 0;
    if (bytes < 1024)
        return base_arena_printf(c->a, "%lld B", (long long)bytes);
    for (; v >= 1024 && u < 3; u++)
        v /= 1024;
    return base_arena_printf(c->a, v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

/* ---- JSON, failures ------------------------------------------------------------------ */

void cli_json(struct cli *c, const json_t *v)
{
    /* on a terminal escapes of other people's text must stay escapes, C1 and bidi too */
    char *text = json_dumps(v, JSON_ENCODE_ANY |
                                   (c->tty ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT));
    fprintf(c->out, "%s\n", text ? text : "null");
    free(text);
}

int cli_status_of(enum base_fail_class cls)
{
    return cls == BASE_OK ? CLI_DONE : cls == BASE_TEMPORARY ? CLI_TEMPORARY : CLI_REFUSED;
}

int cli_failed(struct cli *c, const struct base_fail *f)
{
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", false);
        base_json_set(o, "class", base_fail_class_name(f->cls));
        base_json_set(o, "code", f->code);
        base_json_set(o, "text", f->text);
        cli_json(c, o);
        json_decref(o);
    } else
        cli_complain(c, "%s", f->text);
    return cli_status_of(f->cls);
}

int cli_attention(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "attention");
    for (size_t i = 0; !c->json && i < json_array_size(list); i++)
        fprintf(c->out, "! %s\n", cli_text(c, json_string_value(json_array_get(list, i))));
    return json_array_size(list) > 0 ? CLI_ATTENTION : CLI_DONE;
}
