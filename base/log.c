/* base/log.c - one line per event, to the journal or to stderr.
 *
 * Decides once, at base_log_open(), where lines go: JOURNAL_STREAM names the
 * device and inode of the stream that systemd gave us as stderr. A line that
 * can't be written is lost: logging never fails and never ends the process. */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "bytes.h"
#include "fail.h"
#include "file.h"

#define VALUE_MAX 512
#define PAIRS_MAX 40 /* further ones are left out */

/* Set before the threads start, read by all of them afterwards. */
static const char *log_ident = "certmilter";
static int log_max = LOG_INFO;
static bool to_journal;

struct pair {
    const char *key, *value;
};

static bool stderr_is_journal(void)
{
    const char *given = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat st;

    if (given == NULL || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    (void)snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(given, ours) == 0;
}

void base_log_open(const char *ident, int max_priority)
{
    log_ident = ident;
    log_max = max_priority;
    to_journal = stderr_is_journal();
}

/* VALUE as key=value shows it: quoted if it is empty or has a blank, a quote,
 * a backslash or "=". VALUE is printable already. */
static void add_value(struct base_buf *line, const char *value)
{
    if (value[0] != '\0' && strpbrk(value, " \"\\=") == NULL) {
        (void)base_buf_adds(line, value);
        return;
    }
    (void)base_buf_add(line, "\"", 1);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            (void)base_buf_add(line, "\\", 1);
        }
        (void)base_buf_add(line, value, 1);
    }
    (void)base_buf_add(line, "\"", 1);
}

/* "CERTMILTER_KEY=value": journal fields are upper case, digits and "_". */
static struct iovec journal_field(struct base_arena *a, const char *key, const char *value)
{
    char *s = base_arena_printf(a, "CERTMILTER_%s=%s", key, value);

    for (char *c = s; *c != '='; c++) {
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - 'a' + 'A');
        } else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9')) {
            *c = '_';
        }
    }
    return (struct iovec){s, strlen(s)};
}

static struct iovec text_field(char *s)
{
    return (struct iovec){s, strlen(s)};
}

static void emit(int priority, const char *event, const struct pair *pairs, size_t n)
{
    struct base_arena *a = base_arena_new();
    struct iovec fields[PAIRS_MAX + 4];
    size_t nf = 0;
    struct base_buf line;

    base_buf_init(&line, 0);
    (void)base_buf_adds(&line, event);
    fields[nf++] = journal_field(a, "EVENT", event);
    for (size_t i = 0; i < n; i++) {
        const char *value = base_printable(a, pairs[i].value, strlen(pairs[i].value), VALUE_MAX);
        (void)base_buf_addf(&line, " %s=", pairs[i].key);
        add_value(&line, value);
        fields[nf++] = journal_field(a, pairs[i].key, value);
    }
    if (to_journal) {
        fields[nf++] = text_field(base_arena_printf(a, "MESSAGE=%s", base_buf_str(&line)));
        fields[nf++] = text_field(base_arena_printf(a, "PRIORITY=%d", priority));
        fields[nf++] = text_field(base_arena_printf(a, "SYSLOG_IDENTIFIER=%s", log_ident));
        (void)sd_journal_sendv(fields, (int)nf);
    } else {
        /* one write, so that lines of several threads don't mix */
        char *text = base_arena_printf(a, "<%d>%s: %s\n", priority, log_ident, base_buf_str(&line));
        (void)base_write_all(STDERR_FILENO, text, strlen(text));
    }
    base_buf_free(&line);
    base_arena_free(a);
}

/* Reads pairs up to the NULL key; those without a value are left out. */
static size_t collect(struct pair *pairs, size_t n, va_list ap)
{
    const char *key;

    while ((key = va_arg(ap, const char *)) != NULL) {
        const char *value = va_arg(ap, const char *);
        if (value != NULL && n < PAIRS_MAX) {
            pairs[n++] = (struct pair){key, value};
        }
    }
    return n;
}

void base_log(int priority, const char *event, ...)
{
    struct pair pairs[PAIRS_MAX];
    va_list ap;

    if (priority > log_max) {
        return;
    }
    va_start(ap, event);
    size_t n = collect(pairs, 0, ap);
    va_end(ap);
    emit(priority, event, pairs, n);
}

void base_log_fail(int priority, const char *event, const struct base_fail *f, ...)
{
    struct pair pairs[PAIRS_MAX];
    size_t n = 0;
    va_list ap;

    if (priority > log_max) {
        return;
    }
    pairs[n++] = (struct pair){"class", base_fail_class_name(f->cls)};
    pairs[n++] = (struct pair){"code", f->code};
    pairs[n++] = (struct pair){"text", f->text};
    va_start(ap, f);
    n = collect(pairs, n, ap);
    va_end(ap);
    emit(priority, event, pairs, n);
}

/* The next of this thread's buffers. */
static char *ring(void)
{
    static _Thread_local char buffers[8][32];
    static _Thread_local unsigned next;

    return buffers[next++ % 8];
}

const char *base_log_num(long long n)
{
    char *out = ring();

    (void)snprintf(out, 32, "%lld", n);
    return out;
}
