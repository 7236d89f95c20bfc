/* base/text.c - text that may be shown, ASCII helpers, numbers with units.
 *
 * Locale-free. Parsers take the whole string or refuse it; nothing is owned. */
#include <string.h>

#include "bytes.h"
#include "utf8.h"

size_t base_utf8_char(const unsigned char *p, size_t n, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t v;
    size_t len;

    if (n == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        v = p[0];
        len = 1;
    } else if (p[0] >= 0xc2 && p[0] < 0xe0) {
        v = p[0] & 0x1f;
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] < 0xf0) {
        v = p[0] & 0x0f;
        len = 3;
    } else if (p[0] >= 0xf0 && p[0] < 0xf5) {
        v = p[0] & 0x07;
        len = 4;
    } else {
        return 0;
    }
    if (len > n) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (p[i] & 0x3f);
    }
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }
    if (cp != NULL) {
        *cp = v;
    }
    return len;
}

/* Characters that move the cursor, change direction, or can't be seen at all
 * and so could make a log line say something else than it does. */
static bool hidden(uint32_t c)
{
    static const struct {
        uint32_t lo, hi;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},   {0x200b, 0x200b},
        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0xfeff, 0xfeff},
        {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (c >= ranges[i].lo && c <= ranges[i].hi) {
            return true;
        }
    }
    return false;
}

char *base_printable(struct base_arena *a, const void *p, size_t n, size_t max)
{
    const unsigned char *s = p;
    size_t room = n < max ? n : max; /* a character never gets longer */
    char *out = base_arena_alloc(a, room + 1);
    size_t o = 0, dots_at = 0; /* dots_at: last boundary that leaves room for "..." */

    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = base_utf8_char(s + i, n - i, &cp);
        bool show = len > 0 && !hidden(cp);
        size_t put = show ? len : 1;
        if (o + put > room) {
            memcpy(out + dots_at, "...", room - dots_at < 3 ? room - dots_at : 3);
            out[dots_at + (room - dots_at < 3 ? room - dots_at : 3)] = '\0';
            return out;
        }
        if (show) {
            memcpy(out + o, s + i, len);
        } else {
            out[o] = '?';
        }
        o += put;
        i += len > 0 ? len : 1;
        if (o + 3 <= max) {
            dots_at = o;
        }
    }
    out[o] = '\0';
    return out;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool base_ascii_caseeq(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

void base_ascii_lower(char *s)
{
    for (; *s != '\0'; s++) {
        *s = lower(*s);
    }
}

/* Reads [-]digits; gives the place behind them, or NULL (no digits, overflow). */
static const char *read_int(const char *s, int64_t *out)
{
    bool negative = *s == '-';
    int64_t v = 0;

    s += negative;
    if (*s < '0' || *s > '9') {
        return NULL;
    }
    for (; *s >= '0' && *s <= '9'; s++) {
        int d = *s - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -d : d, &v)) {
            return NULL;
        }
    }
    *out = v;
    return s;
}

static bool within(int64_t v, int64_t lo, int64_t hi, int64_t *out)
{
    if (v < lo || v > hi) {
        return false;
    }
    *out = v;
    return true;
}

bool base_parse_int(const char *s, int64_t lo, int64_t hi, int64_t *out)
{
    int64_t v;

    if (s == NULL) {
        return false;
    }
    s = read_int(s, &v);
    return s != NULL && *s == '\0' && within(v, lo, hi, out);
}

struct unit {
    char name;
    int64_t factor;
};

/* A number and at most one unit letter out of UNITS (ends with name 0). */
static bool parse_with_unit(const char *s, const struct unit *units, int64_t lo, int64_t hi,
                            int64_t *out)
{
    int64_t v;

    if (s == NULL || (s = read_int(s, &v)) == NULL) {
        return false;
    }
    if (*s != '\0') {
        while (units->name != 0 && units->name != lower(*s)) {
            units++;
        }
        if (units->name == 0 || s[1] != '\0' || __builtin_mul_overflow(v, units->factor, &v)) {
            return false;
        }
    }
    return within(v, lo, hi, out);
}

bool base_parse_size(const char *s, int64_t lo, int64_t hi, int64_t *out)
{
    static const struct unit units[] = {{'k', 1 << 10}, {'m', 1 << 20}, {'g', 1 << 30}, {0, 0}};

    return parse_with_unit(s, units, lo, hi, out);
}

bool base_parse_duration(const char *s, int64_t lo, int64_t hi, int64_t *out)
{
    static const struct unit units[] = {{'s', 1},     {'m', 60},     {'h', 3600},
                                        {'d', 86400}, {'w', 604800}, {0, 0}};

    return parse_with_unit(s, units, lo, hi, out);
}
