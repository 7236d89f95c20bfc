/* spool/name.c - names of spool files: ID "." TAG. Pure; fails by saying no. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool spool_name_ok(const char *name)
{
    for (int i = 0; i < SPOOL_NAME_LEN - 1; i++) {
        char c = name[i];
        bool ok = i < 12    ? is_hex(c)
                  : i == 12 ? c == '-'
                  : i < 29  ? (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')
                  : i == 29 ? c == '.'
                            : is_hex(c);
        if (!ok) /* also at an early NUL */
            return false;
    }
    return name[SPOOL_NAME_LEN - 1] == 0;
}

uint32_t spool_name_tag(const char *name)
{
    return (uint32_t)strtoul(name + SPOOL_ID_LEN, NULL, 16);
}

uint32_t spool_client_tag(const char *client)
{
    unsigned char net[16], sum[BASE_SHA256_LEN];
    size_t n;
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, client, net) == 1) {
        n = 4;
    } else if (inet_pton(AF_INET6, client, net) == 1) {
        n = 8;
        if (memcmp(net, mapped, 12) == 0) { /* ::ffff:192.0.2.1 is 192.0.2.1 */
            memmove(net, net + 12, 4);
            n = 4;
        }
    } else { /* one class for all that have no address */
        net[0] = 0;
        n = 1;
    }
    base_sha256(net, n, sum);
    return (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3];
}
