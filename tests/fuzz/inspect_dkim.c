/* tests/fuzz/inspect_dkim.c - signatures and key records: the input is a key record,
 * a line end, and a mail. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "inspect/dkim.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return inspect_dkim_open() ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nl = size > 0 ? memchr(data, '\n', size) : NULL;

    if (nl == NULL) {
        return 0;
    }
    struct base_arena *a = base_arena_new();
    struct policy_strings signers = {(const char *[]){"digitalcertvalidation.com"}, 1};
    struct policy_strings known = {NULL, 0};
    struct inspect_header h;
    struct inspect_dkim d;
    struct inspect_key keys[INSPECT_DKIM_PAIRS];
    struct policy_auth auth;

    for (size_t i = 0; i < INSPECT_DKIM_PAIRS; i++) {
        keys[i].status = INSPECT_KEY_RECORD;
        keys[i].txt = base_arena_strndup(a, (const char *)data, (size_t)(nl - data));
    }
    inspect_header_read(a, (struct base_bytes){nl + 1, size - (size_t)(nl + 1 - data)}, &h);
    inspect_dkim_collect(a, &h, &signers, &known, 1795356060, &d);
    inspect_dkim_judge(a, &h, &d, keys, d.npairs, 1024, &auth);
    base_arena_free(a);
    return 0;
}
