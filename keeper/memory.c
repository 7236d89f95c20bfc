/* Secret memory: OpenSSL's secure heap, and wiping of whatever OpenSSL keeps
 * in the ordinary one (its decoders copy private keys there for a moment).
 * Owns nothing; a heap that can't be locked is reported, not fatal. */
#include "memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEAP (1024 * 1024) /* for 16 threads that make RSA-4096 keys at once */
#define HEAP_MIN 32

static void *wiping_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void wiping_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

static void *wiping_realloc(void *p, size_t n, const char *file, int line)
{
    if (n == 0) {
        wiping_free(p, file, line);
        return NULL;
    }
    void *q = malloc(n);
    if (q && p) {
        size_t old = malloc_usable_size(p);
        memcpy(q, p, old < n ? old : n);
        wiping_free(p, file, line);
    }
    return q;
}

bool keeper_memory_init(bool *locked)
{
    *locked = false;
    if (CRYPTO_set_mem_functions(wiping_malloc, wiping_realloc, wiping_free) != 1)
        return false;
    int r = CRYPTO_secure_malloc_init(HEAP, HEAP_MIN);
    *locked = r == 1;
    return r != 0;
}

void *keeper_secret_new(size_t n)
{
    return OPENSSL_secure_zalloc(n);
}

void keeper_secret_free(void *p, size_t n)
{
    OPENSSL_secure_clear_free(p, n);
}

void keeper_json_wipe(json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v)) /* our own copy of the text, about to be freed */
        explicit_bzero((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}
