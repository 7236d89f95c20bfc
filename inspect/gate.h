/* inspect/gate.h - what no MIME parser gets to see.
 *
 * GMime overflows its stack on nested address groups and takes gigabytes for
 * hundreds of thousands of parts (security reference 1g). The gate looks at
 * lines only, so it can't be led astray by MIME structure. */
#ifndef INSPECT_GATE_H
#define INSPECT_GATE_H
#include "header.h"

#define INSPECT_BOUNDARY_LINES_MAX 1000 /* lines that start with "--", PEM's left out */
#define INSPECT_FIELD_LINES_MAX 20000   /* lines that look like header fields, anywhere */
#define INSPECT_PARTS_MAX 200           /* MIME parts, counted by the parser's tree */
#define INSPECT_DEPTH_MAX 20            /* levels of multiparts */

/* NULL if H's mail may be parsed, else what is too much of. */
const char *inspect_gate(const struct inspect_header *h);

#endif
