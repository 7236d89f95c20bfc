/* inspect/notes.h - what was left out of the facts, and why: their `problems`. */
#ifndef INSPECT_NOTES_H
#define INSPECT_NOTES_H
#include <stddef.h>

#include "base/arena.h"

#define INSPECT_NOTES_MAX 50

struct inspect_notes {
    struct base_arena *a;
    const char *v[INSPECT_NOTES_MAX];
    size_t n;
};

/* A sentence, made printable and cut at 200 bytes; the fifty-first is dropped. */
void inspect_note(struct inspect_notes *notes, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
