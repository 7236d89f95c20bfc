/* cli/help.c - what the command can tell about itself.
 *
 * Reads the table of commands; owns nothing, can't fail. */
#include <string.h>

#include "cli.h"

static size_t longest(const char *group)
{
    size_t max = 0;
    for (const struct cli_command *k = cli_commands; k->name; k++)
        if (!group || strncmp(k->name, group, strlen(group)) == 0) {
            size_t n = strlen(k->name) + 1 + strlen(k->args);
            max = n > max ? n : max;
        }
    return max < 40 ? max : 40;
}

static void line(FILE *to, const struct cli_command *k, size_t width)
{
    size_t n = strlen(k->name) + 1 + strlen(k->args);
    fprintf(to, "  %s %s", k->name, k->args);
    if (n > width)
        fprintf(to, "\n  %*s", (int)width, "");
    else
        fprintf(to, "%*s", (int)(width - n), "");
    fprintf(to, "  %s\n", k->summary);
}

void cli_help_all(struct cli *c, FILE *to)
{
    size_t width = longest(NULL);
    (void)c;
    fprintf(to, "usage: certmilter [--config FILE] [--json] COMMAND [options]\n\n");
    for (const struct cli_command *k = cli_commands; k->name; k++)
        line(to, k, width);
    fprintf(to,
            "\n  --config FILE  instead of $CERTMILTER_CONFIG or %s\n"
            "  --json         one JSON document instead of text\n"
            "\ncertmilter help COMMAND tells the options of one command.\n"
            "Exit: 0 done, 1 refused or not found, 2 wrong usage, 3 agent, keeper or CA can't be\n"
            "reached now, 4 done but something needs attention.\n",
            CERTMILTER_SYSCONFDIR "/certmilter.conf");
}

void cli_help_command(struct cli *c, FILE *to, const struct cli_command *cmd)
{
    size_t width = 0;
    (void)c;
    fprintf(to, "usage: certmilter %s%s%s%s\n%s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args,
            cmd->options ? " [options]" : "", cmd->summary);
    for (const struct cli_option *o = cmd->options; o && o->name; o++) {
        size_t n = strlen(o->name) + (o->arg ? strlen(o->arg) + 1 : 0);
        width = n > width ? n : width;
    }
    if (cmd->options)
        fputc('\n', to);
    for (const struct cli_option *o = cmd->options; o && o->name; o++) {
        size_t n = strlen(o->name) + (o->arg ? strlen(o->arg) + 1 : 0);
        fprintf(to, "  --%s%s%s%*s  %s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "",
                (int)(width - n), "", o->help);
    }
    if (cmd->more)
        fprintf(to, "\n%s", cmd->more);
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
