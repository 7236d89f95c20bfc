/* cli/run.c - from main() to one command and its exit status. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands.h"

int cli_cmd_version(struct cli *c, const struct cli_args *args)
{
    (void)args;
    if (c->json) {
        json_t *o = json_object();
        base_json_set(o, "version", CERTMILTER_VERSION);
        cli_json(c, o);
        json_decref(o);
    } else
        fprintf(c->out, "certmilter %s\n", CERTMILTER_VERSION);
    return CLI_DONE;
}

int cli_cmd_help(struct cli *c, const struct cli_args *args)
{
    const char *name = args->npos == 2
                           ? base_arena_printf(c->a, "%s %s", args->pos[0], args->pos[1])
                       : args->npos == 1 ? args->pos[0]
                                         : NULL;
    if (!name) {
        cli_help_all(c, c->out);
        return CLI_DONE;
    }
    for (const struct cli_command *k = cli_commands; k->name; k++)
        if (strcmp(k->name, name) == 0) {
            cli_help_command(c, c->out, k);
            return CLI_DONE;
        }
    if (cli_help_group(c, c->out, name))
        return CLI_DONE;
    const char *near = cli_nearest(c, name);
    cli_complain(c, "there is no command \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
                 near ? near : "", near ? "\"?" : "");
    return CLI_USAGE;
}

static int terminal_width(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40 ? w.ws_col : 0;
}

int cli_main(int argc, char **argv)
{
    struct cli c = {.a = base_arena_new(), .out = stdout, .err = stderr, .now = base_now()};
    struct cli_args args;
    const char *env = getenv("CERTMILTER_CONFIG");
    base_no_core(); /* passphrases pass through */
    signal(SIGPIPE, SIG_IGN); /* an inspector that dies while it is written to */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    c.config_given = env && env[0];
    c.config_path = c.config_given ? env : CERTMILTER_SYSCONFDIR "/certmilter.conf";
    c.tty = isatty(STDOUT_FILENO);
    c.width = c.tty ? terminal_width(STDOUT_FILENO) : 0;
    int r = cli_parse(&c, argc, argv, &args);
    if (r < 0)
        r = args.command->run(&c, &args);
    policy_config_free(c.cfg);
    base_arena_free(c.a);
    /* an answer that nobody got isn't done: a full disk behind > FILE */
    if (fflush(stdout) != 0 && r == CLI_DONE)
        r = CLI_REFUSED;
    return r;
}
