/* base/random.c - randomness from the kernel, by getrandom(2).
 *
 * Without randomness no id, token or key is safe: the process ends. */
#include <errno.h>
#include <sys/random.h>

#include "bytes.h"
#include "die.h"

void base_random(void *p, size_t n)
{
    unsigned char *o = p;

    while (n > 0) {
        ssize_t got = getrandom(o, n, 0);
        if (got > 0) {
            o += got;
            n -= (size_t)got;
        } else if (errno != EINTR) {
            base_die("getrandom failed");
        }
    }
}

uint64_t base_random_below(uint64_t limit)
{
    if (limit < 2) {
        return 0;
    }
    /* 2^64 mod limit: numbers below it would make small results likelier. */
    uint64_t skip = -limit % limit;
    for (;;) {
        uint64_t v;
        base_random(&v, sizeof v);
        if (v >= skip) {
            return v % limit;
        }
    }
}

void base_random_id(char *out, size_t len)
{
    static const char chars[32] = "abcdefghijklmnopqrstuvwxyz234567";

    base_random(out, len);
    for (size_t i = 0; i < len; i++) {
        out[i] = chars[(unsigned char)out[i] & 31];
    }
    out[len] = '\0';
}
