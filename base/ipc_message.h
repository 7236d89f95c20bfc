/* base/ipc_message.h - what one packet of base/ipc.h means; apart from the
 * sockets so that it can be tested and fuzzed alone. */
#ifndef BASE_IPC_MESSAGE_H
#define BASE_IPC_MESSAGE_H
#include <jansson.h>
#include <stddef.h>

#include "fail.h"

struct base_ipc_packet {
    char *text; /* owned; goes out as the packet's n bytes */
    size_t n;
    int memfd; /* owned; sealed, goes along; -1 = none */
};

/* MSG (an object) as a packet. Codes: ipc.message (ours: no object, or more than
 * BASE_IPC_MEMFD_MAX), ipc.io. K may be freed in every case. */
enum base_fail_class base_ipc_encode(const json_t *msg, struct base_ipc_packet *k,
                                     struct base_fail *f);
void base_ipc_packet_free(struct base_ipc_packet *k); /* wipes */

/* The N bytes at P, received with the descriptor FD (-1 = none, stays the
 * caller's). *msg belongs to the caller. Code: ipc.message (permanent). */
enum base_fail_class base_ipc_decode(const void *p, size_t n, int fd, json_t **msg,
                                     struct base_fail *f);

#endif
