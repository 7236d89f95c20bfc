/* keeper/memory.h - memory that secrets pass through. */
#ifndef KEEPER_MEMORY_H
#define KEEPER_MEMORY_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* First call of the process, before OpenSSL allocates anything: everything that
 * OpenSSL frees is wiped, and its secrets go to a heap of their own that is kept
 * out of swap and core files. False if there is no such heap at all; *LOCKED says
 * whether it could be locked. */
bool keeper_memory_init(bool *locked);

/* N bytes of the secret heap, zeroed; NULL when it is exhausted. */
void *keeper_secret_new(size_t n);
/* Wipes and frees; NULL is fine. */
void keeper_secret_free(void *p, size_t n);

/* Wipes the text of a string member of O, if there is one. */
void keeper_json_wipe(json_t *o, const char *key);

#endif
