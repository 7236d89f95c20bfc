/* tests/fuzz/inspect_zip.c - files of any kind: archives, PKCS#7, certificates. */
#include <stddef.h>
#include <stdint.h>

#include "inspect/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct inspect_notes notes = {.a = a};
    struct inspect_ders ders = {.n = 0};

    inspect_file_read(a, "file", (struct base_bytes){data, size}, &ders, &notes);
    json_decref(inspect_ders_json(a, &ders, &notes));
    base_arena_free(a);
    return 0;
}
