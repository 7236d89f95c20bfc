/* inspect/header.h - the header of a mail, by a small parser of our own.
 *
 * Runs before any signature was checked, so it does as little as it can: fields
 * with their bytes, and the few values that facts show. Everything is within
 * the caps of the security reference 1g. Pointers go into the mail or A. */
#ifndef INSPECT_HEADER_H
#define INSPECT_HEADER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

#define INSPECT_FIELD_MAX (16 * 1024)    /* bytes of one field */
#define INSPECT_FIELDS_MAX 500           /* fields */
#define INSPECT_HEADERS_MAX (128 * 1024) /* bytes of all fields */
#define INSPECT_ADDRESSES_MAX 50         /* addresses taken out of the From fields */
#define INSPECT_NESTING_MAX 10           /* comments and groups in an address field */

struct inspect_field {
    struct base_bytes raw;   /* whole field without its last line break, folding kept */
    struct base_bytes name;  /* without blanks */
    struct base_bytes value; /* behind the colon */
};

struct inspect_header {
    struct base_bytes mail; /* lines end in CRLF */
    struct base_bytes body;
    struct inspect_field *fields;
    size_t n;
    const char *too_big;   /* a cap was broken: nothing behind it was read; NULL if none */
    const char *malformed; /* what no honest mail has: NUL, bare CR or LF, no field name */
};

/* A mail as SMTP had it (CRLF). If it holds no CRLF at all, each LF is taken as
 * one (a copy in A); an mbox "From " line is dropped. */
void inspect_header_read(struct base_arena *a, struct base_bytes raw, struct inspect_header *out);
/* How many fields are called NAME (ASCII case-folded); *first is the first of them. */
size_t inspect_header_count(const struct inspect_header *h, const char *name,
                            const struct inspect_field **first);
bool inspect_field_is(const struct inspect_field *f, const char *name);

/* Every address (addr-spec) of an address field, lower case, appended to V (room
 * for INSPECT_ADDRESSES_MAX). False if it is malformed or nests too deep. */
bool inspect_addresses(struct base_arena *a, struct base_bytes value, const char **v, size_t *n);
/* RFC 5322 date-time to seconds; 0 if it is none. */
int64_t inspect_date(struct base_bytes value);

#endif
