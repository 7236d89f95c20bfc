/* cli/args.c - from the words of a command line to a command and its options.
 *
 * getopt_long(3) reads; the tables in table.c say what there is. --config, --json
 * and --help are understood before and behind the command. Owns nothing. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OPTIONS_MAX 64

static const struct cli_option common[] = {
    {"config", "FILE", NULL, CLI_VALUE},
    {"json", NULL, NULL, CLI_FLAG},
    {"help", NULL, NULL, CLI_FLAG},
    {NULL, NULL, NULL, CLI_FLAG},
};

bool cli_has(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->ngiven; i++)
        if (strcmp(args->given[i].name, name) == 0)
            return true;
    return false;
}

const char *cli_opt(const struct cli_args *args, const char *name)
{
    for (size_t i = args->ngiven; i > 0; i--)
        if (strcmp(args->given[i - 1].name, name) == 0)
            return args->given[i - 1].value;
    return NULL;
}

const char *cli_opt_next(const struct cli_args *args, const char *name, size_t *at)
{
    while (*at < args->ngiven) {
        size_t i = (*at)++;
        if (strcmp(args->given[i].name, name) == 0)
            return args->given[i].value;
    }
    return NULL;
}

bool cli_opt_duration(struct cli *c, const struct cli_args *args, const char *name, int64_t dflt,
                      int64_t *out)
{
    const char *v = cli_opt(args, name);
    *out = dflt;
    if (!v || base_parse_duration(v, 0, 100LL * 366 * 86400, out))
        return true;
    cli_misused(c, args, "--%s: expected a time such as 90s, 12h or 30d, found \"%s\"", name, v);
    return false;
}

int cli_misused(struct cli *c, const struct cli_args *args, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cli_complain(c, "%s", text);
    if (args->command)
        fprintf(c->err, "usage: certmilter %s%s%s%s\n", args->command->name,
                args->command->args[0] ? " " : "", args->command->args,
                args->command->options ? " [options]" : "");
    fprintf(c->err, "certmilter help %s says more\n", args->command ? args->command->name : "");
    return CLI_USAGE;
}

static const struct cli_option *option_named(const struct cli_option *o, const char *name)
{
    for (; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static size_t add_options(struct option *to, size_t n, const struct cli_option *from)
{
    for (; from && from->name && n < OPTIONS_MAX - 1; from++, n++)
        to[n] = (struct option){from->name,
                                from->kind == CLI_FLAG    ? no_argument
                                : from->kind == CLI_MAYBE ? optional_argument
                                                          : required_argument,
                                NULL, (int)(256 + n)};
    return n;
}

/* What getopt_long() objects to. */
static int bad_option(struct cli *c, const struct cli_args *args, int code, const char *word)
{
    return code == ':' ? cli_misused(c, args, "%s: a value is missing", word)
                       : cli_misused(c, args, "there is no option %s here (or more than one that "
                                              "starts so, or it takes no value)",
                                     word);
}

static void note(struct cli *c, struct cli_args *args, const char *name, const char *value,
                 bool apart)
{
    if (strcmp(name, "config") == 0) {
        c->config_path = value;
        c->config_given = true;
    } else if (strcmp(name, "json") == 0)
        c->json = true;
    if (args->ngiven < CLI_GIVEN_MAX) {
        args->given[args->ngiven].name = name;
        args->given[args->ngiven].value = value;
        args->given[args->ngiven++].apart = apart;
    }
}

/* Reads options of OPTS out of ARGV; STOP: up to the first other word. -1 or an exit status. */
static int read_options(struct cli *c, int argc, char **argv, const struct cli_option *opts,
                        bool stop, struct cli_args *args)
{
    struct option names[OPTIONS_MAX] = {{0}};
    size_t n = add_options(names, 0, common);
    int code;
    n = add_options(names, n, opts);
    opterr = 0;
    optind = 0; /* glibc: starts anew */
    while ((code = getopt_long(argc, argv, stop ? "+:h" : ":h", names, NULL)) != -1) {
        if (code == 'h') {
            note(c, args, "help", NULL, false);
            continue;
        }
        if (code < 256 || (size_t)code >= 256 + n)
            return bad_option(c, args, code, argv[optind - 1]);
        const char *name = names[code - 256].name, *value = optarg;
        const struct cli_option *o = option_named(opts, name);
        bool apart = o && o->kind == CLI_MAYBE && !value && optind < argc &&
                     (argv[optind][0] != '-' || argv[optind][1] == 0);
        if (apart)
            value = argv[optind++];
        note(c, args, name, value, apart);
    }
    return -1;
}

/* The command that the first one or two words name; *words gets how many. */
static const struct cli_command *find(int argc, char **argv, int *words)
{
    for (*words = 2; *words >= 1; (*words)--) {
        char name[80];
        if (*words > argc)
            continue;
        snprintf(name, sizeof(name), "%s%s%s", argv[0], *words == 2 ? " " : "",
                 *words == 2 ? argv[1] : "");
        for (const struct cli_command *k = cli_commands; k->name; k++)
            if (strcmp(k->name, name) == 0)
                return k;
    }
    return NULL;
}

static int unknown(struct cli *c, int argc, char **argv)
{
    struct base_buf words;
    bool group = false;
    base_buf_init(&words, 200);
    base_buf_adds(&words, argv[0]);
    for (const struct cli_command *k = cli_commands; k->name; k++)
        group = group || (strncmp(k->name, argv[0], strlen(argv[0])) == 0 &&
                          k->name[strlen(argv[0])] == ' ');
    if (group && argc > 1)
        base_buf_addf(&words, " %s", argv[1]);
    if (group && argc == 1) {
        cli_complain(c, "%s: say what to do", argv[0]);
        cli_help_group(c, c->err, argv[0]);
    } else {
        const char *near = cli_nearest(c, base_buf_str(&words));
        cli_complain(c, "there is no command \"%s\"%s%s%s", base_buf_str(&words),
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        if (group)
            cli_help_group(c, c->err, argv[0]);
        else
            fprintf(c->err, "certmilter help lists all\n");
    }
    base_buf_free(&words);
    return CLI_USAGE;
}

int cli_parse(struct cli *c, int argc, char **argv, struct cli_args *args)
{
    int words, r;
    memset(args, 0, sizeof(*args));
    r = read_options(c, argc, argv, NULL, true, args);
    if (r >= 0)
        return r;
    argc -= optind;
    argv += optind;
    if (argc == 0) {
        bool asked = cli_has(args, "help");
        cli_help_all(c, asked ? c->out : c->err);
        return asked ? CLI_DONE : CLI_USAGE;
    }
    args->command = find(argc, argv, &words);
    if (!args->command) {
        if ((cli_has(args, "help") || (argc > 1 && strcmp(argv[1], "--help") == 0)) &&
            cli_help_group(c, c->out, argv[0]))
            return CLI_DONE;
        return unknown(c, argc, argv);
    }
    /* the word before the options plays the program's name for getopt */
    argc -= words - 1;
    argv += words - 1;
    r = read_options(c, argc, argv, args->command->options, false, args);
    if (r >= 0)
        return r;
    if (cli_has(args, "help")) {
        cli_help_command(c, c->out, args->command);
        return CLI_DONE;
    }
    args->pos = (const char *const *)(argv + optind);
    args->npos = (size_t)(argc - optind);
    if (args->npos < (size_t)args->command->min)
        return cli_misused(c, args, "%s: %s is missing", args->command->name, args->command->args);
    if (args->npos > (size_t)args->command->max)
        return cli_misused(c, args, "%s: \"%s\" is one word too many", args->command->name,
                           args->pos[args->command->max]);
    return -1;
}
