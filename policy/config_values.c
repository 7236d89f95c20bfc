/* policy/config_values.c - small checks of single values. Pure. */
#include <jansson.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "config_load.h"
#include "recognise.h"

bool policy_is_name(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strlen(s);

    return n >= 1 && n <= 64 && strspn(s, allowed) == n && s[0] != '.' && s[0] != '-';
}

static bool is_ip(const char *s, int *bits)
{
    unsigned char raw[16];

    if (inet_pton(AF_INET, s, raw) == 1) {
        *bits = 32;
        return true;
    }
    *bits = 128;
    return inet_pton(AF_INET6, s, raw) == 1;
}

/* S is A SEP NUMBER; the part before goes to OUT. */
static bool split_number(const char *s, char sep, int64_t lo, int64_t hi, char *out, size_t room)
{
    const char *at = strrchr(s, sep);
    int64_t v;

    if (at == NULL || (size_t)(at - s) >= room || !base_parse_int(at + 1, lo, hi, &v)) {
        return false;
    }
    memcpy(out, s, (size_t)(at - s));
    out[at - s] = '\0';
    return true;
}

bool policy_is_resolver(const char *s)
{
    char ip[64];
    int bits;

    if (strchr(s, '@') == NULL) {
        return is_ip(s, &bits);
    }
    return split_number(s, '@', 1, 65535, ip, sizeof ip) && is_ip(ip, &bits);
}

bool policy_is_network(const char *s)
{
    char ip[64];
    int bits;
    int64_t v;

    return split_number(s, '/', 0, 128, ip, sizeof ip) && is_ip(ip, &bits) &&
           base_parse_int(strrchr(s, '/') + 1, 0, bits, &v);
}

bool policy_is_host_port(const char *s)
{
    char host[300];
    size_t n;

    if (!split_number(s, ':', 1, 65535, host, sizeof host)) {
        return false;
    }
    n = strlen(host);
    if (host[0] == '[') {
        int bits;
        if (n < 2 || host[n - 1] != ']') {
            return false;
        }
        host[n - 1] = '\0';
        return is_ip(host + 1, &bits) && bits == 128;
    }
    return n > 0 &&
           strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

bool policy_is_base_url(const char *s)
{
    if (strncmp(s, "https://", 8) != 0 || s[8] == '\0' || s[8] == '/' || s[8] == ':') {
        return false;
    }
    for (const char *p = s + 8; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}@#?", *p) != NULL) {
            return false;
        }
    }
    return true;
}

const char *policy_load_address(struct policy_load *l, const char *what, const char *value,
                                const char *path, int line)
{
    const char *m = policy_mailbox_normal(l->a, value);

    if (m == NULL) {
        policy_errors_add(l->errs, path, line,
                          "%s: expected an address such as postmaster@example.org, found \"%s\"",
                          what, base_printable(l->a, value, strlen(value), 80));
    }
    return m;
}

const char *policy_load_attestation(struct policy_load *l, const char *value, const char *path,
                                    int line)
{
    size_t n = strlen(value);
    json_t *text = json_string(value); /* NULL: no UTF-8 */

    json_decref(text);
    if (n < 3 || n > 300 || text == NULL) {
        policy_errors_add(l->errs, path, line,
                          "attestation: expected who vouches for the persons, such as \"Personnel "
                          "department, Jane Doe\" (3 to 300 bytes), found \"%s\"",
                          base_printable(l->a, value, n, 80));
        return NULL;
    }
    return value;
}
