/* milter/callbacks.h - libmilter's side of certmilterd. */
#ifndef MILTER_CALLBACKS_H
#define MILTER_CALLBACKS_H
#include <stdbool.h>

/* Registers the callbacks and names the listening descriptor. False if
 * libmilter refuses. */
bool milter_callbacks_register(int listen_fd);
/* Runs libmilter until it stops; call it in a thread of its own. */
int milter_callbacks_run(void);

#endif
