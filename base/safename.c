/* base/safename.c - texts as names of files; see the header. */
#include "safename.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"

#define HASH 32

static bool stays(unsigned char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '@' || c == '+' ||
           c == '-' || (c == '.' && !first);
}

char *base_safe_name(struct base_arena *a, const char *text)
{
    char *out = base_arena_alloc(a, strlen(text) * 3 + HASH + 2), hex[BASE_SHA256_HEX];
    size_t n = 0, cut = 0;

    if (text[0] == '\0') {
        return base_arena_strdup(a, "%");
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];
        if (n <= BASE_SAFE_NAME_MAX - HASH - 1) {
            cut = n; /* never within an escape */
        }
        if (stays(c, i == 0)) {
            out[n++] = (char)c;
        } else {
            n += (size_t)snprintf(out + n, 4, "%%%02X", c);
        }
    }
    if (n > BASE_SAFE_NAME_MAX) {
        base_sha256_hex(text, strlen(text), hex);
        out[cut] = '~';
        memcpy(out + cut + 1, hex, HASH);
        n = cut + 1 + HASH;
    }
    out[n] = '\0';
    return out;
}
