/* Files and texts with certificates in any form; what is found goes on to the parser. */
#include <stdint.h>
#include <stdlib.h>

#include "cert/bundle.h"
#include "cert/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct cert_bundle b;
    struct cert_fields c;

    for (int text = 0; text < 2; text++) {
        enum base_fail_class r = text ? cert_bundle_from_text(a, data, size, &b, NULL)
                                      : cert_bundle_split(a, data, size, &b, NULL);
        if (b.n > CERT_BUNDLE_CERTS || (r == BASE_OK && !text && b.n == 0))
            abort();
        for (size_t i = 0; r == BASE_OK && i < b.n; i++)
            (void)cert_fields_parse(a, b.der[i].p, b.der[i].n, &c, NULL);
    }
    base_arena_free(a);
    return 0;
}
