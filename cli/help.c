/* cli/help.c - what the command can tell about itself.
 *
 * Reads the table of commands; owns nothing, can't fail. */
#include <string.h>

#include "cli.h"

#define LINE_MAX_LEN 80
#define NAME_COLUMN 30 /* what is longer has a line of its own */

/* The words of TEXT (up to N bytes) in lines of at most 80 columns; the first begins at column AT, the
 * others at INDENT. */
static void fold(FILE *to, const char *text, size_t n, size_t at, size_t indent)
{
    const char *end = text + n;
    bool first = true;
    while (text < end) {
        size_t w = strcspn(text, " \n");
        if (w > (size_t)(end - text))
            w = (size_t)(end - text);
        if (w > 0) {
            if (!first && at + 1 + w > LINE_MAX_LEN) {
                fprintf(to, "\n%*s", (int)indent, "");
                at = indent;
            } else if (!first) {
                fputc(' ', to);
                at++;
            }
            fwrite(text, 1, w, to);
            at += w;
            first = false;
        }
        text += w < (size_t)(end - text) ? w + 1 : w;
    }
    fputc('\n', to);
}

/* What a command's help says at its end: paragraphs, but a line that begins with a blank stays as it is. */
static void more(FILE *to, const char *text)
{
    fputc('\n', to);
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (*text == ' ') {
            fprintf(to, "%.*s\n", (int)n, text);
        } else {
            while (text[n] && text[n + 1] && text[n + 1] != ' ')
                n += 1 + strcspn(text + n + 1, "\n");
            fold(to, text, n, 0, 0);
        }
        text += n + (text[n] == '\n');
    }
}

/* NAME ARG in a column of WIDTH, and behind it what it is. */
static void entry(FILE *to, const char *dashes, const char *name, const char *arg, const char *what,
                  size_t width)
{
    size_t n = strlen(dashes) + strlen(name) + (arg[0] ? strlen(arg) + 1 : 0);
    fprintf(to, "  %s%s%s%s", dashes, name, arg[0] ? " " : "", arg);
    if (what[0] && n > width)
        fprintf(to, "\n  %*s", (int)width, "");
    else if (what[0])
        fprintf(to, "%*s", (int)(width - n), "");
    if (what[0])
        fputs("  ", to);
    fold(to, what, strlen(what), width + 4, width + 4);
}

static size_t longest(const char *group)
{
    size_t max = 0;
    for (const struct cli_command *k = cli_commands; k->name; k++)
        if (!group || strncmp(k->name, group, strlen(group)) == 0) {
            size_t n = strlen(k->name) + 1 + strlen(k->args);
            max = n > max ? n : max;
        }
    return max < NAME_COLUMN ? max : NAME_COLUMN;
}

static void line(FILE *to, const struct cli_command *k, size_t width)
{
    entry(to, "", k->name, k->args, k->summary, width);
}

void cli_help_all(struct cli *c, FILE *to)
{
    size_t width = longest(NULL);
    (void)c;
    fprintf(to, "usage: certmilter [--config FILE] [--json] COMMAND [options]\n\n");
    for (const struct cli_command *k = cli_commands; k->name; k++)
        line(to, k, width);
    fprintf(to,
            "\n  --config FILE  instead of $CERTMILTER_CONFIG or\n"
            "                 %s\n"
            "  --json         one JSON document instead of text\n"
            "\ncertmilter help COMMAND tells the options of one command.\n"
            "Exit: 0 done, 1 refused or not found, 2 wrong usage, 3 agent, keeper or CA\n"
            "can't be reached now, 4 done but something needs attention.\n",
            CERTMILTER_SYSCONFDIR "/certmilter.conf");
}

void cli_help_command(struct cli *c, FILE *to, const struct cli_command *cmd)
{
    size_t width = 0;
    (void)c;
    fprintf(to, "usage: certmilter %s%s%s%s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args,
            cmd->options ? " [options]" : "");
    fold(to, cmd->summary, strlen(cmd->summary), 0, 0);
    for (const struct cli_option *o = cmd->options; o && o->name; o++) {
        size_t n = 2 + strlen(o->name) + (o->arg ? strlen(o->arg) + 1 : 0);
        width = n > width ? n : width;
    }
    if (cmd->options)
        fputc('\n', to);
    for (const struct cli_option *o = cmd->options; o && o->name; o++)
        entry(to, "--", o->name, o->arg ? o->arg : "", o->help, width);
    if (cmd->more)
        more(to, cmd->more);
}

bool cli_help_group(struct cli *c, FILE *to, const char *group)
{
    size_t n = strlen(group), width = longest(group);
    bool any = false;
    (void)c;
    for (const struct cli_command *k = cli_commands; k->name; k++)
        if (strncmp(k->name, group, n) == 0 && (k->name[n] == ' ' || k->name[n] == 0)) {
            line(to, k, width);
            any = true;
        }
    return any;
}

/* ---- the nearest name ------------------------------------------------------------ */

#define NAME_MAX_LEN 48

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* How many letters are wrong, missing, too many or swapped (Damerau). */
static size_t distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    size_t d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
    if (na > NAME_MAX_LEN || nb > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (size_t i = 0; i <= na; i++)
        for (size_t k = 0; k <= nb; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = i + k;
                continue;
            }
            d[i][k] = least(d[i - 1][k] + 1, d[i][k - 1] + 1,
                            d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                d[i - 2][k - 2] + 1 < d[i][k])
                d[i][k] = d[i - 2][k - 2] + 1;
        }
    return d[na][nb];
}

const char *cli_nearest(struct cli *c, const char *name)
{
    const char *best = NULL;
    size_t best_d = 1 + strlen(name) / 3;
    for (const struct cli_command *k = cli_commands; k->name; k++) {
        const char *blank = strchr(k->name, ' ');
        const char *first = blank && !strchr(name, ' ')
                                ? base_arena_strndup(c->a, k->name, (size_t)(blank - k->name))
                                : k->name;
        size_t d = distance(name, first);
        if (d < best_d || (d == best_d && !best)) {
            best_d = d;
            best = first;
        }
    }
    return best;
}
