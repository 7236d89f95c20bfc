/* Peers by what the kernel says (SO_PEERCRED, SO_PEERGROUPS): as the peer was
 * when it connected. Owns nothing; doubt is a no. */
#include "peer.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/ipc.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

static bool in_group(int fd, gid_t gid)
{
    socklen_t size = 64 * sizeof(gid_t);
    gid_t *groups = base_xmalloc(size);
    int r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
    if (r != 0 && size > 64 * sizeof(gid_t) && size <= GROUPS_MAX * sizeof(gid_t)) {
        groups = base_xrealloc(groups, size); /* ERANGE: the kernel said how many */
        r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
    }
    bool found = false;
    for (size_t i = 0; r == 0 && i < size / sizeof(gid_t); i++)
        found |= groups[i] == gid;
    free(groups);
    return found;
}

bool keeper_peer_ok(int fd, const struct keeper_rule *rule, uid_t *uid)
{
    gid_t gid = (gid_t)-1;
    *uid = (uid_t)-1;
    if (!base_ipc_peer(fd, uid, &gid, NULL)) {
        *uid = (uid_t)-1;
        return false;
    }
    if (*uid == 0 || (rule->has_uid && *uid == rule->uid))
        return true;
    return rule->has_group && (gid == rule->gid || in_group(fd, rule->gid));
}

bool keeper_user_id(const char *name, uid_t *out)
{
    int64_t n;
    const struct passwd *p = getpwnam(name);
    if (p)
        *out = p->pw_uid;
    else if (base_parse_int(name, 0, (int64_t)UINT32_MAX - 1, &n))
        *out = (uid_t)n;
    else
        return false;
    return true;
}

bool keeper_group_id(const char *name, gid_t *out)
{
    int64_t n;
    const struct group *g = getgrnam(name);
    if (g)
        *out = g->gr_gid;
    else if (base_parse_int(name, 0, (int64_t)UINT32_MAX - 1, &n))
        *out = (gid_t)n;
    else
        return false;
    return true;
}
