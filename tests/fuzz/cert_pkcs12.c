/* PKCS#12 files of other programs, with the passphrase "fuzz". What opens must be a whole key with its
 * certificate. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cert/pkcs12.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cert_foreign_key key;
    struct base_arena *a = base_arena_new();
    struct cert_bundle b;

    memset(&key, 0, sizeof key);
    if (cert_pkcs12_read_foreign(a, data, size, "fuzz", &key, &b, NULL) == BASE_OK &&
        (key.n == 0 || key.n > sizeof key.pkcs8 || b.n == 0))
        abort();
    base_arena_free(a);
    return 0;
}
