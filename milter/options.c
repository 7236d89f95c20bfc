/* milter/options.c - see options.h. All mistakes of a command line are told in
 * one run. */
#include "options.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static const char help[] =
    "Usage: certmilterd --socket SOCKET --spool DIR --watch FILE [OPTION]...\n"
    "Hands copies of certificate authorities' mails from the MTA to certagentd.\n"
    "\n"
    "  --socket SOCKET        unix:PATH, inet:PORT@ADDRESS, inet6:PORT@ADDRESS, or\n"
    "                         fd:N for a listening socket passed in (systemd: fd:3)\n"
    "  --socket-mode MODE     mode of a unix socket, octal (0660)\n"
    "  --spool DIR            the spool\n"
    "  --watch FILE           the watch file that certagentd writes\n"
    "  --spool-cap SIZE       most bytes that wait for the agent (1G)\n"
    "  --spool-per-client N   most mails of one client that wait (2000)\n"
    "  --drain-seconds N      longest wait for open sessions when stopping (60)\n"
    "  --help, --version\n"
    "\n"
    "Signals: USR2 and TERM finish open sessions and end; USR1 and HUP read the\n"
    "watch file now (it is looked at every 2 s anyway).\n";

enum { O_SOCKET = 256, O_MODE, O_SPOOL, O_WATCH, O_CAP, O_CLIENT, O_DRAIN, O_HELP, O_VERSION };

static const struct option names[] = {
    {"socket", required_argument, NULL, O_SOCKET},
    {"socket-mode", required_argument, NULL, O_MODE},
    {"spool", required_argument, NULL, O_SPOOL},
    {"watch", required_argument, NULL, O_WATCH},
    {"spool-cap", required_argument, NULL, O_CAP},
    {"spool-per-client", required_argument, NULL, O_CLIENT},
    {"drain-seconds", required_argument, NULL, O_DRAIN},
    {"help", no_argument, NULL, O_HELP},
    {"version", no_argument, NULL, O_VERSION},
    {NULL, 0, NULL, 0},
};

static bool parse_mode(const char *s, mode_t *mode)
{
    size_t n = strlen(s);
    if (n < 3 || n > 4 || strspn(s, "01234567") != n)
        return false;
    *mode = (mode_t)strtoul(s, NULL, 8);
    return *mode <= 0777;
}

/* One option; false if its value is no good. */
static bool take(struct milter_options *o, int opt, const char *value)
{
    switch (opt) {
    case O_SOCKET:
        o->socket = value;
        return true;
    case O_SPOOL:
        o->spool = value;
        return true;
    case O_WATCH:
        o->watch = value;
        return true;
    case O_MODE:
        return parse_mode(value, &o->socket_mode);
    case O_CAP:
        return base_parse_size(value, 1 << 20, INT64_C(1) << 50, &o->spool_cap);
    case O_CLIENT:
        return base_parse_int(value, 1, 100000000, &o->per_client);
    default:
        return base_parse_int(value, 0, 86400, &o->drain_seconds);
    }
}

enum milter_options_result milter_options_read(struct milter_options *o, int argc, char **argv,
                                               FILE *out)
{
    *o = (struct milter_options){.socket_mode = 0660, .drain_seconds = 60};
    bool bad = false;
    int opt, index = 0;
    optind = 0; /* start over: tests call this more than once */
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":", names, &index)) != -1) {
        if (opt == O_HELP) {
            fputs(help, out);
            return MILTER_OPTIONS_DONE;
        }
        if (opt == O_VERSION) {
            fprintf(out, "certmilterd %s\n", CERTMILTER_VERSION);
            return MILTER_OPTIONS_DONE;
        }
        if (opt == '?' || opt == ':') {
            fprintf(out, "certmilterd: %s: %s\n", argv[optind - 1],
                    opt == '?' ? "no such option" : "needs a value");
            bad = true;
        } else if (!take(o, opt, optarg)) {
            fprintf(out, "certmilterd: --%s: \"%s\" is no good value, see --help\n",
                    names[index].name, optarg);
            bad = true;
        }
    }
    for (; optind < argc; optind++, bad = true)
        fprintf(out, "certmilterd: \"%s\": unexpected\n", argv[optind]);
    const struct {
        const char *name, *value;
    } needed[] = {{"socket", o->socket}, {"spool", o->spool}, {"watch", o->watch}};
    for (size_t i = 0; i < 3; i++) {
        if (!needed[i].value || !*needed[i].value) {
            fprintf(out, "certmilterd: --%s is missing, see --help\n", needed[i].name);
            bad = true;
        }
    }
    return bad ? MILTER_OPTIONS_USAGE : MILTER_OPTIONS_RUN;
}
