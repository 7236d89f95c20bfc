/* cli/tar.c - headers of tar archives: POSIX ustar, sizes past 8 GiB as GNU tar writes them
 * (base 256, the first bit set). */
#include "tar.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, SUM = 148, TYPE = 156,
       MAGIC = 257 };

static unsigned sum_of(const char *head)
{
    unsigned sum = 0;
    for (int i = 0; i < CLI_TAR_BLOCK; i++)
        sum += i >= SUM && i < SUM + 8 ? ' ' : (unsigned char)head[i];
    return sum;
}

static void put_number(char *at, int64_t v)
{
    if (v < (INT64_C(1) << 33)) {
        char text[24];
        (void)snprintf(text, sizeof text, "%011llo", (long long)v);
        memcpy(at, text, 12);
        return;
    }
    memset(at, 0, 12);
    at[0] = (char)0x80;
    for (int i = 11; i > 3; i--, v >>= 8)
        at[i] = (char)(v & 0xff);
}

bool cli_tar_head(char head[CLI_TAR_BLOCK], const char *name, int64_t size, int64_t mtime)
{
    static const char magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    size_t n = strnlen(name, CLI_TAR_NAME_MAX + 1); /* a name that fills its field has no NUL */
    memset(head, 0, CLI_TAR_BLOCK);
    if (n > CLI_TAR_NAME_MAX || size < 0 || mtime < 0)
        return false;
    memcpy(head + NAME, name, n);
    memcpy(head + MODE, "0000600", 8);
    memcpy(head + UID, "0000000", 8);
    memcpy(head + GID, "0000000", 8);
    put_number(head + SIZE, size);
    put_number(head + MTIME, mtime);
    head[TYPE] = '0';
    memcpy(head + MAGIC, magic, sizeof magic);
    (void)snprintf(head + SUM, 8, "%06o", sum_of(head));
    head[SUM + 7] = ' ';
    return true;
}

static bool take_number(const char *at, int len, int64_t *out)
{
    *out = 0;
    if ((unsigned char)at[0] == 0x80) {
        for (int i = 1; i < len; i++) {
            if (*out > (INT64_MAX >> 8))
                return false;
            *out = *out << 8 | (unsigned char)at[i];
        }
        return true;
    }
    int i = 0;
    for (; i < len && at[i] >= '0' && at[i] <= '7'; i++)
        *out = *out << 3 | (at[i] - '0');
    return i > 0 && (i == len || at[i] == '\0' || at[i] == ' ');
}

bool cli_tar_parse(const char head[CLI_TAR_BLOCK], char name[CLI_TAR_NAME_MAX + 1], int64_t *size,
                   bool *end)
{
    static const char empty[CLI_TAR_BLOCK];
    int64_t sum;
    *end = memcmp(head, empty, CLI_TAR_BLOCK) == 0;
    if (*end)
        return true;
    memcpy(name, head + NAME, CLI_TAR_NAME_MAX);
    name[CLI_TAR_NAME_MAX] = '\0';
    return take_number(head + SUM, 8, &sum) && sum == (int64_t)sum_of(head) &&
           take_number(head + SIZE, 12, size) && (head[TYPE] == '0' || head[TYPE] == '\0') &&
           memcmp(head + MAGIC, "ustar", 5) == 0 && name[0] != '\0';
}
