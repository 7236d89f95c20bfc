/* cli/files.c - reading what the administrator names. "-" is standard input. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli.h"

bool cli_read(struct cli *c, const char *file, size_t max, struct base_buf *out)
{
    struct base_fail f = {0};
    if (strcmp(file, "-") == 0) {
        if (base_read_all(STDIN_FILENO, max, out))
            return true;
        base_failf(&f, BASE_PERMANENT, "file.read", "standard input: %s",
                   errno == EFBIG ? "too large" : strerror(errno));
        base_buf_free(out);
        base_buf_init(out, 0);
    } else {
        int fd = open(file, O_RDONLY | O_CLOEXEC); /* pipes and <(...) too */
        if (fd >= 0 && base_read_all(fd, max, out)) {
            close(fd);
            return true;
        }
        base_failf(&f, BASE_PERMANENT, "file.read", "%s: %s", file,
                   errno == EFBIG ? "too large" : strerror(errno));
        if (fd >= 0) {
            close(fd);
            base_buf_free(out);
        }
        base_buf_init(out, 0);
    }
    cli_failed(c, &f);
    return false;
}

const char *cli_read_text(struct cli *c, const char *file, size_t max)
{
    struct base_buf b;
    struct base_fail f = {0};
    const char *text = NULL;
    if (!cli_read(c, file, max, &b))
        return NULL;
    if (b.n && memchr(b.p, 0, b.n)) {
        base_failf(&f, BASE_PERMANENT, "file.kind", "%s is no text", file);
        cli_failed(c, &f);
    } else
        text = base_arena_strdup(c->a, base_buf_str(&b));
    base_buf_free(&b);
    return text;
}
