/* cli/postfix.h - what Postfix is configured to do with milters. Reads postconf(1)'s
 * output; the parsing is pure. Memory from the caller's arena. */
#ifndef CLI_POSTFIX_H
#define CLI_POSTFIX_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/fail.h"

#define CLI_MILTERS_MAX 32
#define CLI_SERVICES_MAX 64

struct cli_milter {
    const char *socket; /* as written: "unix:certmilter/milter.sock", "inet:host:port" */
    const char *default_action; /* its own; NULL = milter_default_action */
};
/* The value of smtpd_milters. How many are in V. */
size_t cli_milters_read(struct base_arena *a, const char *value,
                        struct cli_milter v[CLI_MILTERS_MAX]);

struct cli_smtpd {
    const char *name;    /* "smtp/inet" */
    const char *milters; /* own -o smtpd_milters; NULL = the global ones */
    bool chroot, no_milters;
};
struct cli_postfix {
    const char *milters, *default_action, *queue_directory, *bare_newline, *version;
    bool no_milters;
    struct cli_smtpd smtpd[CLI_SERVICES_MAX]; /* services that run smtpd */
    size_t nsmtpd;
};
/* Lines "name = value" of parameters, "SERVICE TYPE PRIVATE ..." of services (postconf -M)
 * and "SERVICE/TYPE/PARAMETER = value" (postconf -P). */
void cli_postfix_params(struct base_arena *a, const char *text, struct cli_postfix *p);
void cli_postfix_services(struct base_arena *a, const char *text, struct cli_postfix *p);
void cli_postfix_overrides(struct base_arena *a, const char *text, struct cli_postfix *p);

/* A milter's socket in Postfix's or libmilter's writing. */
struct cli_socket {
    const char *path;  /* unix */
    const char *host;  /* inet */
    int port;
};
/* POSTFIX: "inet:host:port", "unix:path"; else libmilter's "inet:port@host". */
bool cli_socket_read(struct base_arena *a, const char *text, bool postfix, struct cli_socket *out);

/* Asks postconf. Permanent "postfix.absent" if there is none. DIR: -c; NULL = default. */
enum base_fail_class cli_postfix_ask(struct base_arena *a, const char *dir, struct cli_postfix *p,
                                     struct base_fail *f);

#endif
