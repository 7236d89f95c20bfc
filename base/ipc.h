/* base/ipc.h - JSON messages over AF_UNIX SOCK_SEQPACKET, peers known by SO_PEERCRED.
 *
 * One message = one JSON object of at most 64 KiB, in clear text in one packet.
 * A larger answer travels as {"memfd":size} with a sealed memfd. */
#ifndef BASE_IPC_H
#define BASE_IPC_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fail.h"

/* TIMEOUT_MS < 0 means no limit; 0 doesn't wait. The descriptors are blocking
 * ones, close-on-exec; sending and receiving keep their limits all the same. */
#define BASE_IPC_MAX 65536
#define BASE_IPC_MEMFD_MAX 67108864 /* 64 MiB */

/* Listening socket at PATH (an old socket is replaced; anything else is
 * refused), MODE set before bind by umask: call it before threads start. Code:
 * ipc.listen (ours). Close the descriptor and remove PATH yourself. */
enum base_fail_class base_ipc_listen(const char *path, mode_t mode, int *fd, struct base_fail *f);
/* Connects; absent or refused = temporary "ipc.connect". */
enum base_fail_class base_ipc_connect(const char *path, int timeout_ms, int *fd,
                                      struct base_fail *f);
/* Credentials of the peer. */
bool base_ipc_peer(int fd, uid_t *uid, gid_t *gid, pid_t *pid);
/* Sends one object; a blocked peer past TIMEOUT_MS is temporary "ipc.timeout",
 * one that has gone temporary "ipc.closed"; no object or too large: "ipc.message" (ours). */
enum base_fail_class base_ipc_send(int fd, const json_t *msg, int timeout_ms, struct base_fail *f);
/* Receives one object (caller decrefs). Closed by the peer: temporary "ipc.closed".
 * Too large, no JSON, unsealed memfd: permanent "ipc.message". */
enum base_fail_class base_ipc_recv(int fd, int timeout_ms, json_t **msg, struct base_fail *f);
/* connect, send, receive, close. */
enum base_fail_class base_ipc_call(const char *path, const json_t *req, int timeout_ms,
                                   json_t **answer, struct base_fail *f);

#endif
