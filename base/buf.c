/* base/buf.c - growing buffers with a cap.
 *
 * A buffer owns its memory until base_buf_free() or base_buf_wipe(). Growing
 * wipes the old memory, because a buffer may hold a secret and nobody could
 * wipe the copies that realloc(3) leaves. Fails only at the cap (`full`). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "die.h"

#define FIRST_CAP 128

void base_buf_init(struct base_buf *b, size_t max)
{
    *b = (struct base_buf){.max = max};
}

bool base_buf_reserve(struct base_buf *b, size_t n)
{
    size_t need;

    if (__builtin_add_overflow(b->n, n, &need) || need > SIZE_MAX / 4) {
        base_die("a buffer is larger than any memory");
    }
    if (b->max != 0 && need > b->max) {
        b->full = true;
        return false;
    }
    if (b->p != NULL && need < b->cap) { /* one byte is kept for the NUL */
        return true;
    }
    size_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
    if (cap <= need) {
        cap = need + 1;
    }
    unsigned char *p = base_xmalloc(cap);
    if (b->p != NULL) {
        memcpy(p, b->p, b->n);
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    p[b->n] = 0;
    b->p = p;
    b->cap = cap;
    return true;
}

bool base_buf_add(struct base_buf *b, const void *p, size_t n)
{
    if (!base_buf_reserve(b, n)) {
        return false;
    }
    if (n > 0) {
        memcpy(b->p + b->n, p, n);
    }
    b->n += n;
    b->p[b->n] = 0;
    return true;
}

bool base_buf_adds(struct base_buf *b, const char *s)
{
    return base_buf_add(b, s, strlen(s));
}

bool base_buf_addf(struct base_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        base_die("a text can't be formatted");
    }
    if (!base_buf_reserve(b, (size_t)n)) {
        return false;
    }
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return true;
}

const char *base_buf_str(struct base_buf *b)
{
    return b->p == NULL ? "" : (const char *)b->p;
}

void base_buf_free(struct base_buf *b)
{
    free(b->p);
    base_buf_init(b, b->max);
}

void base_buf_wipe(struct base_buf *b)
{
    if (b->p != NULL) {
        explicit_bzero(b->p, b->cap);
    }
    base_buf_free(b);
}
