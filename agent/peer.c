/* agent/peer.c - who asks: the name that stands in every record, and when two of them are one person.
 *
 * Only root may say for whom it asks (the command tells the login name behind sudo). Of anybody else
 * the kernel tells the uid, and the system's user database its one name: nobody else's can be claimed. */
#include <pwd.h>
#include <string.h>

#include "agent.h"
#include "trust.h"

#define NAME_MAX_BYTES 64

/* As much of S as a record holds: whole characters, and nothing that could be taken for the uid. */
static void put_name(const char *s, char out[NAME_MAX_BYTES + 1])
{
    size_t n = strnlen(s, NAME_MAX_BYTES + 1);
    if (n > NAME_MAX_BYTES)
        for (n = NAME_MAX_BYTES; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i] == '(' ? '[' : s[i] == ')' ? ']' : s[i];
    out[n] = 0;
}

void agent_peer_name(uid_t uid, const char *claimed, char out[AGENT_PEER_LEN])
{
    char buf[4096], name[NAME_MAX_BYTES + 1];
    struct passwd pw, *found = NULL;
    if (uid != 0 && (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) || !found))
        claimed = NULL;
    else if (uid != 0)
        claimed = found->pw_name;
    put_name(claimed && claimed[0] ? claimed : "unknown", name);
    snprintf(out, AGENT_PEER_LEN, "%s (uid %u)", name, (unsigned)uid);
}

bool agent_same_person(const char *x, const char *y)
{
    const char *u = strstr(x, " (uid "), *v = strstr(y, " (uid ");
    size_t n = u ? (size_t)(u - x) : strlen(x), m = v ? (size_t)(v - y) : strlen(y);
    if (n == m && memcmp(x, y, n) == 0)
        return true;
    return u && v && strcmp(u, v) == 0 && strcmp(u, " (uid 0)") != 0;
}
