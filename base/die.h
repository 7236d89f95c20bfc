/* base/die.h - the end of a process that can't go on (no memory, no randomness). */
#ifndef BASE_DIE_H
#define BASE_DIE_H

/* Writes "<2>WHY" to stderr and aborts without a core file. Allocates nothing. */
_Noreturn void base_die(const char *why);

#endif
