/* tests/fuzz/spool_envelope.c - the envelope line: no input may crash the reader,
 * and what it accepts must be written and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spool/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct spool_envelope env, again;
    size_t used, at;
    if (spool_envelope_read(a, data, size, &env, &used, NULL) == BASE_OK) {
        if (used > size || data[used - 1] != '\n')
            abort();
        char *line = spool_envelope_write(a, &env, &at);
        if (line) {
            if (spool_envelope_read(a, line, strlen(line), &again, &used, NULL) != BASE_OK ||
                used != strlen(line) || again.size != env.size || again.time != env.time ||
                strcmp(again.id, env.id) != 0 || strcmp(again.sender, env.sender) != 0 ||
                again.n_recipients != env.n_recipients)
                abort();
            for (size_t i = 0; i < env.n_recipients; i++)
                if (strcmp(again.recipients[i], env.recipients[i]) != 0)
                    abort();
        }
    }
    char name[64] = {0};
    memcpy(name, data, size < 63 ? size : 63);
    if (spool_name_ok(name) && (strlen(name) != SPOOL_NAME_LEN - 1 || strchr(name, '/')))
        abort();
    spool_client_tag(name);
    base_arena_free(a);
    return 0;
}
