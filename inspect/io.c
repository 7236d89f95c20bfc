/* inspect/io.c - reading the request, writing the answer.
 *
 * Owns a read-ahead buffer for descriptor 0. Any failure of a descriptor ends
 * the process: nobody is left to talk to. */
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static struct {
    unsigned char p[65536];
    size_t at, n;
} ahead;

static void fill(void)
{
    ssize_t r;

    do {
        r = read(STDIN_FILENO, ahead.p, sizeof(ahead.p));
    } while (r < 0 && errno == EINTR);
    if (r <= 0) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    ahead.at = 0;
    ahead.n = (size_t)r;
}

void inspect_io_line(size_t max, struct base_buf *out)
{
    base_buf_init(out, max);
    for (;;) {
        if (ahead.at == ahead.n) {
            fill();
        }
        const unsigned char *start = ahead.p + ahead.at;
        const unsigned char *nl = memchr(start, '\n', ahead.n - ahead.at);
        size_t len = nl != NULL ? (size_t)(nl - start) : ahead.n - ahead.at;

        if (!base_buf_add(out, start, len)) {
            inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "the line is too long");
        }
        ahead.at += len + (nl != NULL);
        if (nl != NULL) {
            return;
        }
    }
}

void inspect_io_bytes(unsigned char *p, size_t n)
{
    while (n > 0) {
        if (ahead.at == ahead.n) {
            fill();
        }
        size_t len = ahead.n - ahead.at;

        if (len > n) {
            len = n;
        }
        memcpy(p, ahead.p + ahead.at, len);
        ahead.at += len;
        p += len;
        n -= len;
    }
}

void inspect_io_write(json_t *v)
{
    char *text = base_json_text(v);
    size_t n = strlen(text);

    text[n] = '\n';
    if (!base_write_all(STDOUT_FILENO, text, n + 1)) {
        inspect_io_exit(INSPECT_EXIT_PROTOCOL);
    }
    free(text);
    json_decref(v);
}

void inspect_io_refuse(enum inspect_exit status, const char *code, const char *text)
{
    json_t *line = json_object();
    json_t *error = json_object();

    base_json_set(error, "code", code);
    base_json_set(error, "text", text);
    json_object_set_new(line, "error", error);
    inspect_io_write(line);
    inspect_io_exit(status);
}

void inspect_io_exit(enum inspect_exit status)
{
    _exit((int)status);
}
