/* base/arena.c - arenas and the malloc family that never returns NULL.
 *
 * An arena is a list of zeroed chunks that double in size from 1 KiB to
 * 256 KiB; what is larger gets a chunk of its own. An arena without
 * allocations costs one small struct (the milter keeps one per connection).
 * One arena belongs to one thread at a time. The only failure is the end of
 * the process. */
#include "arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "die.h"

#define ALIGN 16
#define CHUNK_FIRST 1024
#define CHUNK_LARGEST ((size_t)256 * 1024)

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(ALIGN) unsigned char data[];
};

struct base_arena {
    struct chunk *chunks; /* the head is the one that is being filled */
    size_t next_size;
};

_Noreturn void base_die(const char *why)
{
    const struct rlimit none = {0, 0};
    ssize_t ignored;

    (void)setrlimit(RLIMIT_CORE, &none);
    ignored = write(STDERR_FILENO, "<2>", 3);
    ignored = write(STDERR_FILENO, why, strlen(why));
    ignored = write(STDERR_FILENO, "\n", 1);
    (void)ignored;
    abort();
}

void *base_xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (p == NULL) {
        base_die("out of memory");
    }
    return p;
}

void *base_xrealloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);

    if (q == NULL) {
        base_die("out of memory");
    }
    return q;
}

char *base_xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(base_xmalloc(n), s, n);
}

struct base_arena *base_arena_new(void)
{
    struct base_arena *a = base_xmalloc(sizeof *a);

    *a = (struct base_arena){.next_size = CHUNK_FIRST};
    return a;
}

void base_arena_free(struct base_arena *a)
{
    if (a == NULL) {
        return;
    }
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c = calloc(1, sizeof *c + size);

    if (c == NULL) {
        base_die("out of memory");
    }
    c->size = size;
    return c;
}

#ifdef CERTMILTER_SANITIZE
/* One chunk for each allocation, not rounded: the sanitizer sees every overrun. */
static struct chunk *chunk_for(struct base_arena *a, size_t *size)
{
    struct chunk *c = chunk_new(*size);

    c->next = a->chunks;
    a->chunks = c;
    return c;
}
#else
/* A chunk for *ROUNDED bytes, which are rounded up. One made for a single large
 * allocation goes behind the head, so that the rest of the head isn't lost. */
static struct chunk *chunk_for(struct base_arena *a, size_t *rounded)
{
    struct chunk *c = a->chunks;
    size_t size = (*rounded + ALIGN - 1) / ALIGN * ALIGN;

    *rounded = size;
    if (c != NULL && c->size - c->used >= size) {
        return c;
    }
    if (size > a->next_size / 4 && c != NULL) {
        struct chunk *own = chunk_new(size);
        own->next = c->next;
        c->next = own;
        return own;
    }
    c = chunk_new(size > a->next_size ? size : a->next_size);
    if (a->next_size < CHUNK_LARGEST) {
        a->next_size *= 2;
    }
    c->next = a->chunks;
    a->chunks = c;
    return c;
}
#endif

void *base_arena_alloc(struct base_arena *a, size_t size)
{
    if (size > PTRDIFF_MAX / 2) {
        base_die("an allocation is larger than any memory");
    }
    struct chunk *c = chunk_for(a, &size);
    void *p = c->data + c->used;
    c->used += size;
    return p;
}

void *base_arena_array(struct base_arena *a, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total)) {
        base_die("the size of an array overflows");
    }
    return base_arena_alloc(a, total);
}

char *base_arena_strndup(struct base_arena *a, const char *s, size_t n)
{
    char *p;

    if (s == NULL) {
        return NULL;
    }
    n = strnlen(s, n);
    p = base_arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *base_arena_strdup(struct base_arena *a, const char *s)
{
    return s == NULL ? NULL : base_arena_strndup(a, s, strlen(s));
}

char *base_arena_printf(struct base_arena *a, const char *fmt, ...)
{
    va_list ap;
    char small[256];

    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        base_die("a text can't be formatted");
    }
    char *p = base_arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof small) {
        memcpy(p, small, (size_t)n);
        return p;
    }
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}
