/* inspect/notes.c - a short list of sentences. Texts of the input may stand in them. */
#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

void inspect_note(struct inspect_notes *notes, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    if (notes->n == INSPECT_NOTES_MAX) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    notes->v[notes->n++] = base_printable(notes->a, text, strlen(text), 200);
}
