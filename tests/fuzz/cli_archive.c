/* The file of a backup, as anybody might have changed it: opened, listed, every member read. Headers are
 * summed anew, so that more than the first look is reached. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/archive.h"
#include "cli/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sum_again(char *p, size_t n)
{
    for (size_t at = 0; at + CLI_TAR_BLOCK <= n; at += CLI_TAR_BLOCK) {
        unsigned sum = 0;
        if (memcmp(p + at + 257, "ustar", 5) != 0)
            continue;
        memset(p + at + 148, ' ', 8);
        for (size_t i = 0; i < CLI_TAR_BLOCK; i++)
            sum += (unsigned char)p[at + i];
        (void)snprintf(p + at + 148, 8, "%06o", sum);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[40], *copy = malloc(size + 1);
    struct cli_reader *r = NULL;
    struct cli_member m;
    bool more = true;
    int fd = memfd_create("backup", MFD_CLOEXEC);
    if (!copy || fd < 0)
        abort();
    memcpy(copy, data, size);
    sum_again(copy, size);
    if (!base_write_all(fd, copy, size))
        abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (cli_reader_open(path, &r, NULL) == BASE_OK)
        while (more && cli_reader_next(r, &m, &more, NULL) == BASE_OK && more) {
            struct base_buf text;
            if (m.size < 0 || m.name[0] == '/' || strstr(m.name, ".."))
                abort();
            (void)cli_reader_text(r, &m, 4096, &text, NULL);
            base_buf_free(&text);
        }
    cli_reader_close(r);
    close(fd);
    free(copy);
    return 0;
}
