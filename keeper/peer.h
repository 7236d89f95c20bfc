/* keeper/peer.h - who is at the other end of a socket. */
#ifndef KEEPER_PEER_H
#define KEEPER_PEER_H
#include <stdbool.h>
#include <sys/types.h>

struct keeper_rule {
    uid_t uid;      /* this user, */
    bool has_group; /* or any member of this group (main or supplementary), */
    gid_t gid;      /* or root */
    bool has_uid;
};

/* May the peer of FD talk here? *UID gets its user in any case ((uid_t)-1 if unknown). */
bool keeper_peer_ok(int fd, const struct keeper_rule *rule, uid_t *uid);
/* A name or a number; false if there is no such user or group. */
bool keeper_user_id(const char *name, uid_t *out);
bool keeper_group_id(const char *name, gid_t *out);

#endif
