/* base/mailbox.c - when two spellings of an address are one mailbox; see the header. */
#include "mailbox.h"

#include <string.h>

#include "bytes.h"

char *base_mailbox_key(struct base_arena *a, const char *address, bool fold)
{
    if (address == NULL) {
        return NULL;
    }
    char *key = base_arena_strdup(a, address);
    char *at = strrchr(key, '@');

    base_ascii_lower(fold || at == NULL ? key : at);
    return key;
}

bool base_mailbox_same(const char *x, const char *y, bool fold)
{
    if (x == NULL || y == NULL) {
        return false;
    }
    const char *p = strrchr(x, '@'), *q = strrchr(y, '@');
    size_t n = p != NULL ? (size_t)(p - x) : 0;

    return base_ascii_caseeq(x, y) &&
           (fold || p == NULL || (q != NULL && (size_t)(q - y) == n && memcmp(x, y, n) == 0));
}
