/* cli/out_file.c - files of results: reserved first, replaced as a whole. */
#include "out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int cli_file_reserve(struct cli *c, const char *file, bool force, bool *reserved)
{
    struct base_fail f = {0};
    struct stat st;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    *reserved = fd >= 0;
    if (fd >= 0) {
        close(fd);
        return CLI_DONE;
    }
    if (errno != EEXIST)
        base_failf(&f, BASE_PERMANENT, "file.write", "%s: %s", file, strerror(errno));
    else if (!force)
        base_failf(&f, BASE_PERMANENT, "file.exists", "%s is there already; --force replaces it",
                   file);
    else if (lstat(file, &st) != 0 || !S_ISREG(st.st_mode))
        base_failf(&f, BASE_PERMANENT, "file.kind", "%s is no plain file", file);
    else
        return CLI_DONE;
    return cli_failed(c, &f);
}

void cli_file_release(const char *file, bool reserved)
{
    if (reserved)
        unlink(file);
}

int cli_file_fill(struct cli *c, const char *file, const void *p, size_t n)
{
    struct base_fail f = {0};
    base_file_sweep(AT_FDCWD, file); /* of a call before that was killed: it may hold a passphrase */
    if (base_file_write(AT_FDCWD, file, p, n, 0600, &f) == BASE_OK)
        return CLI_DONE;
    cli_failed(c, &f);
    return CLI_REFUSED;
}
