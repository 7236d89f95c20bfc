/* milter/options.h - the command line of certmilterd. */
#ifndef MILTER_OPTIONS_H
#define MILTER_OPTIONS_H
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct milter_options {
    const char *socket, *spool, *watch; /* point into argv */
    mode_t socket_mode;
    int64_t spool_cap, per_client, drain_seconds;
};

enum milter_options_result { MILTER_OPTIONS_RUN, MILTER_OPTIONS_DONE, MILTER_OPTIONS_USAGE };

/* Reads ARGV; prints help, version and every mistake to OUT. */
enum milter_options_result milter_options_read(struct milter_options *o, int argc, char **argv,
                                               FILE *out);

#endif
