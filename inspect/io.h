/* inspect/io.h - the only reads and writes of certinspect: descriptors 0 and 1.
 *
 * No stdio, because the sandbox allows read(2) and write(2) only. A broken
 * conversation has no caller to tell: these end the process with status 2. */
#ifndef INSPECT_IO_H
#define INSPECT_IO_H
#include <jansson.h>
#include <stddef.h>

#include "base/bytes.h"

enum inspect_exit { INSPECT_EXIT_DONE = 0, INSPECT_EXIT_REFUSED = 1, INSPECT_EXIT_PROTOCOL = 2 };

/* One line of at most MAX bytes without its newline, into OUT (initialised here). */
void inspect_io_line(size_t max, struct base_buf *out);
/* Exactly N bytes; P holds them. */
void inspect_io_bytes(unsigned char *p, size_t n);
/* Writes V as one line and drops the reference. */
void inspect_io_write(json_t *v);
/* {"error":...} and the end of the process. */
_Noreturn void inspect_io_refuse(enum inspect_exit status, const char *code, const char *text);
_Noreturn void inspect_io_exit(enum inspect_exit status);

#endif
