/* cli/out_file.h - a result that goes into a file of the administrator. */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H
#include "cli.h"

/* Makes sure that FILE can be written before anything is asked for: reserves
 * its name with an empty file of mode 0600. Without FORCE a file that is there
 * is refused. *reserved: our empty file stands there, cli_file_release() removes it.
 * CLI_DONE, or the exit status (said). */
int cli_file_reserve(struct cli *c, const char *file, bool force, bool *reserved);
void cli_file_release(const char *file, bool reserved);
/* Puts the content in its place as a whole, mode 0600. */
int cli_file_fill(struct cli *c, const char *file, const void *p, size_t n);

#endif
