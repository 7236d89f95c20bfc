/* cli/csv.h - a strict reader of comma-separated values (RFC 4180, UTF-8).
 *
 * Reads records out of bytes that the caller keeps; knows nothing of what they mean.
 * Tolerated: a byte order mark, lines that end in LF alone, empty lines. Everything else
 * that RFC 4180 does not allow is an error with its place; reading goes on behind it, so
 * that all errors of a file can be told at once. */
#ifndef CLI_CSV_H
#define CLI_CSV_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define CLI_CSV_RECORD_MAX 65536 /* bytes */
#define CLI_CSV_FIELDS 64

struct cli_csv {
    const unsigned char *p; /* borrowed */
    size_t n, at;
    size_t start;           /* of the physical line that AT is in */
    int64_t line;           /* its number, from 1 */
};
struct cli_csv_record {
    int64_t line; /* where it starts */
    size_t n;
    const char *field[CLI_CSV_FIELDS]; /* in the arena of the call */
    size_t column[CLI_CSV_FIELDS];     /* bytes from the start of its line, from 1 */
};
struct cli_csv_error {
    int64_t line;
    size_t column;
    const char *text; /* static: what was expected */
};
enum cli_csv_got { CLI_CSV_END, CLI_CSV_RECORD, CLI_CSV_ERROR };

void cli_csv_init(struct cli_csv *r, const void *p, size_t n);
enum cli_csv_got cli_csv_next(struct cli_csv *r, struct base_arena *a, struct cli_csv_record *out,
                              struct cli_csv_error *e);
/* S as one field, in quotes where it needs them. A text that a spreadsheet would take for a
 * formula gets an apostrophe before it. */
const char *cli_csv_field(struct base_arena *a, const char *s);
#endif
