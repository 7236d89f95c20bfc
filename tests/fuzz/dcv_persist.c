/* dcv_persist_parse(): what it takes has an issuer and holds no separator, and its own text reads
 * back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dcv/persist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct dcv_persist p, q;

    if (dcv_persist_parse(a, (const char *)data, size, &p)) {
        if (p.issuer == NULL || p.issuer[0] == '\0' || strpbrk(p.issuer, "; \t=") != NULL || p.until < 0 ||
            (p.account_uri != NULL && strchr(p.account_uri, ';') != NULL)) {
            abort();
        }
        if (p.account_uri != NULL) {
            const char *again = dcv_persist_value(a, &p);
            if (strlen(again) <= 1024 &&
                (!dcv_persist_parse(a, again, strlen(again), &q) || strcmp(q.issuer, p.issuer) != 0 ||
                 strcmp(q.account_uri, p.account_uri) != 0 || q.until != p.until)) {
                abort();
            }
        }
    }
    base_arena_free(a);
    return 0;
}
