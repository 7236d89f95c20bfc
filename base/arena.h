/* base/arena.h - memory that lives and dies together (one mail, one request).
 *
 * Allocation never returns NULL: a process that is out of memory ends with a
 * log line (abort without core), as recovering half a decision is worse. All
 * memory is zeroed, aligned to 16 and freed only by base_arena_free(). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <stddef.h>

struct base_arena;

struct base_arena *base_arena_new(void);
void base_arena_free(struct base_arena *a); /* NULL is fine */
void *base_arena_alloc(struct base_arena *a, size_t size);
/* N members of SIZE bytes; ends the process on overflow of the product. */
void *base_arena_array(struct base_arena *a, size_t n, size_t size);
char *base_arena_strdup(struct base_arena *a, const char *s); /* NULL -> NULL */
char *base_arena_strndup(struct base_arena *a, const char *s, size_t n);
char *base_arena_printf(struct base_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* malloc family with the same contract; free with free(3). */
void *base_xmalloc(size_t size);
void *base_xrealloc(void *p, size_t size);
char *base_xstrdup(const char *s);

#endif
