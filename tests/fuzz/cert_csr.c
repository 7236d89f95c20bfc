/* Certificate requests in PEM and DER; one that is accepted is accepted again in PEM. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cert/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct cert_csr c, again;

    if (cert_csr_parse(a, data, size, &c, NULL) == BASE_OK) {
        const char *pem = cert_csr_pem(a, c.der, size % 2);
        if (strlen(pem) <= CERT_CSR_MAX &&
            (cert_csr_parse(a, pem, strlen(pem), &again, NULL) != BASE_OK ||
             strcmp(c.spki_sha256, again.spki_sha256) != 0))
            abort();
    }
    base_arena_free(a);
    return 0;
}
