/* tests/fuzz/cli_csv.c - the CSV reader: it ends, its places lie within the input, and a field
 * that was read is read again as it was once it is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"

static void again(struct base_arena *a, const char *field)
{
    struct cli_csv r;
    struct cli_csv_record rec;
    struct cli_csv_error e;
    const char *text = cli_csv_field(a, field);
    if (!*field)
        return;
    cli_csv_init(&r, text, strlen(text));
    if (cli_csv_next(&r, a, &rec, &e) != CLI_CSV_RECORD) {
        if (strlen(field) + 1 < CLI_CSV_RECORD_MAX)
            abort();
        return;
    }
    const char *got = rec.field[0];
    if (rec.n != 1 || strcmp(got + (got[0] == '\'' && field[0] != '\''), field) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_csv r;
    struct cli_csv_record rec;
    struct cli_csv_error e;
    enum cli_csv_got got;
    int64_t line = 0;
    cli_csv_init(&r, data, size);
    do {
        struct base_arena *a = base_arena_new();
        size_t before = r.at;
        got = cli_csv_next(&r, a, &rec, &e);
        if (r.at > size || (got != CLI_CSV_END && r.at <= before && r.at < size))
            abort();
        if (got == CLI_CSV_RECORD) {
            if (rec.n == 0 || rec.n > CLI_CSV_FIELDS || rec.line <= line)
                abort();
            line = rec.line;
            for (size_t i = 0; i < rec.n; i++)
                again(a, rec.field[i]);
        }
        if (got == CLI_CSV_ERROR && (e.line < 1 || e.column < 1 || e.column > size + 1))
            abort();
        base_arena_free(a);
    } while (got != CLI_CSV_END);
    return 0;
}
