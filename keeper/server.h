/* keeper/server.h - the event loop: two listening sockets, their conversations.
 *
 * A conversation is a row of requests, one at a time, each answered before the
 * next is read. One thread runs the loop; nothing in it blocks: requests go to
 * the pool, answers are sent when the peer's queue has room. */
#ifndef KEEPER_SERVER_H
#define KEEPER_SERVER_H
#include "ops.h"
#include "peer.h"

#define KEEPER_TALKS_AGENT 96 /* conversations at once; further ones wait in the backlog */
#define KEEPER_TALKS_ADMIN 32
#define KEEPER_IDLE_MS 30000    /* without a request */
#define KEEPER_EXPORT_MS 600000 /* with an export under way */
#define KEEPER_SEND_MS 10000    /* for a peer to take an answer */

struct keeper_listen {
    int fd;
    struct keeper_rule rule;
};

/* Serves until STOP_FD (a signalfd) is readable, then lets running requests end
 * and answers them. SLOW as keeper_pool_open(). READY is called once. */
enum base_fail_class keeper_serve(struct keeper_ctx *ctx, const struct keeper_listen *agent,
                                  const struct keeper_listen *admin, int stop_fd, int slow,
                                  void (*ready)(void), struct base_fail *f);

#endif
