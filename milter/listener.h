/* milter/listener.h - the listening socket: opened by us, so that it can be
 * taken away from libmilter when draining. */
#ifndef MILTER_LISTENER_H
#define MILTER_LISTENER_H
#include <sys/types.h>

#include "base/fail.h"

struct milter_listener {
    int fd;
    char path[108]; /* of a unix socket that we made, else "" */
    dev_t dev;
    ino_t ino;
};

/* SPEC as --socket says; MODE for unix sockets. Single-threaded (sets umask for
 * a moment). Codes (permanent): socket.spec, socket.listen. */
enum base_fail_class milter_listener_open(const char *spec, mode_t mode,
                                          struct milter_listener *l, struct base_fail *f);
/* Puts a descriptor that never becomes readable in place of the listening one:
 * libmilter accepts no more, whoever else holds the socket (systemd, a new
 * process) goes on. Removes the path if it is still our socket. Codes
 * (ours): socket.close. */
enum base_fail_class milter_listener_close(struct milter_listener *l, struct base_fail *f);

#endif
