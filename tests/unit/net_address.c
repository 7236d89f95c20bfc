/* net_address_allowed() against every special range and odd form, and CIDR texts. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "net/http.h"

static bool allowed(const char *text, const char **cidrs, size_t n)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        return net_address_allowed((const struct sockaddr *)(const void *)&four, cidrs, n);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return net_address_allowed((const struct sockaddr *)(const void *)&six, cidrs, n);
}

static void refused_addresses(void **state)
{
    static const char *const list[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff:ffff::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (allowed(list[i], NULL, 0)) {
            fail_msg("%s is allowed", list[i]);
        }
    }
}

static void public_addresses(void **state)
{
    /* neighbours of each range, and ordinary ones */
    static const char *const list[] = {
        "1.0.0.0",          "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
        "100.128.0.0",      "126.255.255.255", "128.0.0.0",      "169.253.255.255",
        "169.255.0.0",      "172.15.255.255",  "172.32.0.0",     "191.255.255.255",
        "192.0.1.0",        "192.0.3.0",       "192.88.98.255",  "192.88.100.0",
        "192.167.255.255",  "192.169.0.0",     "198.17.255.255", "198.20.0.0",
        "198.51.99.255",    "198.51.101.0",    "203.0.112.255",  "203.0.114.0",
        "223.255.255.255",  "216.168.240.1",   "2001:200::1",    "2001:4860:4860::8888",
        "2003::1",          "2606:4700::1",    "2a00:1450::1",   "3ffe::1",
        "64:ff9b::8.8.8.8",
    };

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!allowed(list[i], NULL, 0)) {
            fail_msg("%s is refused", list[i]);
        }
    }
}

static void other_families(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    (void)state;
    assert_false(net_address_allowed((const struct sockaddr *)(const void *)&un, NULL, 0));
}

static void private_networks(void **state)
{
    const char *nets[] = {"127.0.0.0/8", "10.1.2.0/23", "192.168.1.1", "fd00::/9", "::1", "junk"};

    (void)state;
    assert_true(allowed("127.0.0.1", nets, 6));
    assert_true(allowed("127.255.0.1", nets, 6));
    assert_true(allowed("10.1.3.255", nets, 6));
    assert_false(allowed("10.1.4.0", nets, 6));
    assert_false(allowed("10.1.1.255", nets, 6));
    assert_true(allowed("192.168.1.1", nets, 6));
    assert_false(allowed("192.168.1.2", nets, 6));
    assert_true(allowed("fd00::1", nets, 6));
    assert_true(allowed("fd7f::1", nets, 6));
    assert_false(allowed("fd80::1", nets, 6));
    assert_true(allowed("::1", nets, 6));
    assert_false(allowed("::2", nets, 6));
    /* a network of IPv4 says nothing about mapped addresses */
    assert_false(allowed("::ffff:127.0.0.1", nets, 6));
    const char *all[] = {"0.0.0.0/0"};
    assert_true(allowed("10.0.0.1", all, 1));
    assert_false(allowed("::1", all, 1));
}

/* a text that is no network of its address allows nothing */
static void cidr_texts(void **state)
{
    static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "10.1.2.3"};
    static const char *const six[] = {"::/0", "::1/128", "::1"};
    static const char *const bad[] = {"",          "/8",       "10.1.2.3/",   "10.1.2.3/33",
                                      "::1/129",   "10.1/8",   "10.1.2.3/-1", "10.1.2.3/8x",
                                      "localhost", "0xa.1/8", "10.1.2.3 /8",  "::1%lo"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *one = good[i];
        assert_true(allowed("10.1.2.3", &one, 1));
    }
    for (size_t i = 0; i < sizeof six / sizeof *six; i++) {
        const char *one = six[i];
        assert_true(allowed("::1", &one, 1));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *one = bad[i];
        if (allowed("10.1.2.3", &one, 1) || allowed("::1", &one, 1)) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_addresses), cmocka_unit_test(public_addresses),
        cmocka_unit_test(other_families),    cmocka_unit_test(private_networks),
        cmocka_unit_test(cidr_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
