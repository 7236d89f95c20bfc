/* cli/hidden.c - a line that nobody shall see: typed without echo.
 *
 * Byte by byte, so that no copy stays in a buffer of stdio. Whatever ends the command
 * meanwhile, the terminal echoes again afterwards. */
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

static struct termios before; /* of the one prompt that is open */
static int prompting;

static void on_signal(int number)
{
    (void)tcsetattr(prompting, TCSAFLUSH, &before);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static bool read_line(int fd, char *line, size_t room)
{
    size_t n = 0;
    char one = 0;
    ssize_t got = 0;
    while (n + 1 < room && (got = read(fd, &one, 1)) == 1 && one != '\n')
        line[n++] = one;
    line[n > 0 && line[n - 1] == '\r' ? n - 1 : n] = '\0';
    return n > 0 || got == 1;
}

bool cli_hidden(struct cli *c, int fd, const char *prompt, char *line, size_t room)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction own = {.sa_handler = on_signal}, old[4];
    struct termios quiet;
    if (tcgetattr(fd, &before) != 0)
        return read_line(fd, line, room); /* a pipe or a file: nothing to hide */
    prompting = fd;
    for (size_t i = 0; i < 4; i++)
        (void)sigaction(signals[i], &own, &old[i]);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, c->err);
    fflush(c->err);
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    bool good = read_line(fd, line, room);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    for (size_t i = 0; i < 4; i++)
        (void)sigaction(signals[i], &old[i], NULL);
    fputc('\n', c->err);
    return good;
}
