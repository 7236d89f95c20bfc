/* cli/tar.h - one header of a tar archive; pure, so that it can be tested alone. */
#ifndef CLI_TAR_H
#define CLI_TAR_H
#include <stdbool.h>
#include <stdint.h>

#define CLI_TAR_BLOCK 512
#define CLI_TAR_NAME_MAX 100

/* A plain file of root, mode 0600. False if NAME doesn't fit. */
bool cli_tar_head(char head[CLI_TAR_BLOCK], const char *name, int64_t size, int64_t mtime);
/* False if this is no header of a plain file with a correct sum. An empty block is *end. */
bool cli_tar_parse(const char head[CLI_TAR_BLOCK], char name[CLI_TAR_NAME_MAX + 1], int64_t *size,
                   bool *end);

#endif
