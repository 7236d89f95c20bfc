/* base/clock.c - reading clocks, writing and reading times.
 *
 * Always UTC and the C locale, whatever the environment says. Works for the
 * years 0001 to 9999; times outside are written as the nearest of them. */
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIME_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts); /* can't fail for the two clocks used here */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t base_now(void)
{
    return base_now_ms() / 1000;
}

int64_t base_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t base_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static struct tm split(int64_t t)
{
    time_t in = (time_t)(t < TIME_MIN ? TIME_MIN : t > TIME_MAX ? TIME_MAX : t);
    struct tm tm = {0};

    (void)gmtime_r(&in, &tm);
    return tm;
}

char *base_time_rfc3339(int64_t t, char out[BASE_TIME_LEN])
{
    struct tm tm = split(t);

    (void)snprintf(out, BASE_TIME_LEN, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

char *base_time_rfc5322(int64_t t, char out[BASE_TIME_LEN])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = split(t);

    (void)snprintf(out, BASE_TIME_LEN, "%s, %d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday],
                   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
    return out;
}

/* Exactly N digits at *s; moves *s behind them. -1 if there is something else. */
static int digits(const char **s, int n)
{
    int v = 0;

    for (; n > 0; n--) {
        if (**s < '0' || **s > '9') {
            return -1;
        }
        v = v * 10 + (*(*s)++ - '0');
    }
    return v;
}

static bool skip(const char **s, char c)
{
    if (**s != c) {
        return false;
    }
    (*s)++;
    return true;
}

static bool read_date(const char **s, struct tm *tm)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = digits(s, 4);
    int m = y >= 0 && skip(s, '-') ? digits(s, 2) : -1;
    int d = m >= 0 && skip(s, '-') ? digits(s, 2) : -1;

    if (y < 1 || m < 1 || m > 12 || d < 1) {
        return false;
    }
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > lengths[m - 1] + (m == 2 && leap)) {
        return false;
    }
    tm->tm_year = y - 1900;
    tm->tm_mon = m - 1;
    tm->tm_mday = d;
    return true;
}

static bool read_time(const char **s, struct tm *tm)
{
    int h = digits(s, 2);
    int m = h >= 0 && skip(s, ':') ? digits(s, 2) : -1;
    int sec = m >= 0 && skip(s, ':') ? digits(s, 2) : -1;

    /* 60 is a leap second: timegm makes it the first of the next minute */
    if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60) {
        return false;
    }
    tm->tm_hour = h;
    tm->tm_min = m;
    tm->tm_sec = sec;
    if (skip(s, '.')) {
        if (digits(s, 1) < 0) {
            return false;
        }
        *s += strspn(*s, "0123456789");
    }
    return true;
}

/* Z, +hh:mm, -hhmm, or nothing (then UTC); seconds east of Greenwich. */
static bool read_zone(const char **s, int64_t *east)
{
    *east = 0;
    if (**s == '\0' || skip(s, 'Z') || skip(s, 'z')) {
        return true;
    }
    int sign = skip(s, '+') ? 1 : skip(s, '-') ? -1 : 0;
    if (sign == 0) {
        return false;
    }
    int h = digits(s, 2);
    (void)skip(s, ':');
    int m = h >= 0 ? digits(s, 2) : -1;
    if (h < 0 || h > 23 || m < 0 || m > 59) {
        return false;
    }
    *east = sign * (h * INT64_C(3600) + m * INT64_C(60));
    return true;
}

bool base_time_parse(const char *s, int64_t *out)
{
    struct tm tm = {0};
    int64_t east = 0;

    if (s == NULL || !read_date(&s, &tm)) {
        return false;
    }
    if (*s != '\0') {
        if (!skip(&s, 'T') && !skip(&s, 't') && !skip(&s, ' ')) {
            return false;
        }
        if (!read_time(&s, &tm) || !read_zone(&s, &east) || *s != '\0') {
            return false;
        }
    }
    *out = (int64_t)timegm(&tm) - east;
    return true;
}

char *base_time_span(int64_t seconds, char out[BASE_TIME_LEN])
{
    static const struct {
        const char *name;
        uint64_t size;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    const char *sign = seconds < 0 ? "-" : "";
    uint64_t left = seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds;
    size_t i = 0;

    while (i < 3 && left < units[i].size) {
        i++;
    }
    uint64_t first = left / units[i].size;
    uint64_t second = i < 3 ? left % units[i].size / units[i + 1].size : 0;
    if (second > 0) {
        (void)snprintf(out, BASE_TIME_LEN, "%s%" PRIu64 " %s %" PRIu64 " %s", sign, first,
                       units[i].name, second, units[i + 1].name);
    } else {
        (void)snprintf(out, BASE_TIME_LEN, "%s%" PRIu64 " %s", sign, first, units[i].name);
    }
    return out;
}
