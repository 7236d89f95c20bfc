/* Lists of revoked certificates, about a certificate and issuer that stand before them in the input. */
#include <stdint.h>
#include <stdlib.h>

#include "cert/bundle.h"
#include "cert/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: two lengths of 16 bits, leaf, issuer, list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct cert_ocsp o;
    size_t leaf = size >= 4 ? (size_t)data[0] << 8 | data[1] : 0;
    size_t issuer = size >= 4 ? (size_t)data[2] << 8 | data[3] : 0;

    if (size >= 4 && leaf + issuer <= size - 4) {
        struct base_bytes l = {data + 4, leaf}, i = {data + 4 + leaf, issuer};
        struct base_bytes list = {data + 4 + leaf + issuer, size - 4 - leaf - issuer};
        if (cert_crl_check(a, list, l, i, 1763800000, &o, NULL) == BASE_OK &&
            o.status == CERT_REVOCATION_UNKNOWN && o.reason == NULL)
            abort();
    }
    base_arena_free(a);
    return 0;
}
