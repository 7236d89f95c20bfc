/* net/address.c - which addresses may be connected to.
 *
 * The rule for IPv6 is the other way round than for IPv4: only 2000::/3 is
 * handed out to the world, so everything else is refused without a list.
 * Fails by saying no. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "http.h"

struct network {
    unsigned char addr[16];
    int bits;
};

/* IANA's IPv4 special-purpose registry, what isn't globally reachable, and
 * 192.88.99.0/24 (6to4 relays), multicast and the reserved end. */
static const struct network special4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 3},
};

/* Inside 2000::/3: protocol assignments with Teredo and ORCHID, documentation
 * (twice), 6to4. */
static const struct network special6[] = {
    {{0x20, 0x01}, 23},
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x20, 0x02}, 16},
    {{0x3f, 0xff}, 20},
};
static const struct network global6 = {{0x20}, 3};
static const struct network nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

static bool inside(const unsigned char *addr, const struct network *n)
{
    int whole = n->bits / 8;
    int rest = n->bits % 8;

    if (memcmp(addr, n->addr, (size_t)whole) != 0) {
        return false;
    }
    if (rest == 0) {
        return true;
    }
    unsigned mask = 0xffU << (8 - rest);
    return ((addr[whole] ^ n->addr[whole]) & mask & 0xffU) == 0;
}

static bool special(const unsigned char *addr, const struct network *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (inside(addr, &list[i])) {
            return true;
        }
    }
    return false;
}

static bool allowed4(const unsigned char *addr)
{
    return !special(addr, special4, sizeof special4 / sizeof *special4);
}

static bool allowed6(const unsigned char *addr)
{
    if (inside(addr, &nat64)) {
        return allowed4(addr + 12);
    }
    return inside(addr, &global6) && !special(addr, special6, sizeof special6 / sizeof *special6);
}

/* Reads "ADDRESS[/BITS]"; *family gets AF_INET or AF_INET6. */
static bool cidr(const char *text, struct network *n, int *family)
{
    char buf[64];
    size_t len = strcspn(text, "/");
    int64_t bits;

    if (len >= sizeof buf) {
        return false;
    }
    memcpy(buf, text, len);
    buf[len] = '\0';
    memset(n, 0, sizeof *n);
    if (inet_pton(AF_INET, buf, n->addr) == 1) {
        *family = AF_INET;
    } else if (inet_pton(AF_INET6, buf, n->addr) == 1) {
        *family = AF_INET6;
    } else {
        return false;
    }
    bits = *family == AF_INET ? 32 : 128;
    if (text[len] == '/' && !base_parse_int(text + len + 1, 0, bits, &bits)) {
        return false;
    }
    n->bits = (int)bits;
    return true;
}

bool net_address_allowed(const struct sockaddr *sa, const char **cidrs, size_t ncidrs)
{
    unsigned char addr[16];
    struct network n;
    int family;

    if (sa->sa_family == AF_INET) {
        memcpy(addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    } else {
        return false;
    }
    for (size_t i = 0; i < ncidrs; i++) {
        if (cidr(cidrs[i], &n, &family) && family == sa->sa_family && inside(addr, &n)) {
            return true;
        }
    }
    return sa->sa_family == AF_INET ? allowed4(addr) : allowed6(addr);
}
