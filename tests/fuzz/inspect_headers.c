/* tests/fuzz/inspect_headers.c - the header before any signature: fields, addresses, words, dates.
 */
#include <stddef.h>
#include <stdint.h>

#include "inspect/charset.h"
#include "inspect/gate.h"
#include "inspect/header.h"
#include "inspect/mime.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    inspect_mime_open();
    inspect_charset_open_all();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct inspect_header h;

    inspect_header_read(a, (struct base_bytes){data, size}, &h);
    (void)inspect_gate(&h);
    for (size_t i = 0; i < h.n; i++) {
        const char *v[INSPECT_ADDRESSES_MAX];
        size_t n = 0;

        (void)inspect_addresses(a, h.fields[i].value, v, &n);
        (void)inspect_header_text(a, h.fields[i].value, 1000);
        (void)inspect_date(h.fields[i].value);
    }
    base_arena_free(a);
    return 0;
}
