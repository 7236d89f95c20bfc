/* inspect/date.c - RFC 5322 3.3 date-time, the obsolete zone names included. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "header.h"

static int month_of(const char *s)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (int i = 0; i < 12; i++) {
        if (strncasecmp(names + (size_t)i * 3, s, 3) == 0) {
            return i;
        }
    }
    return -1;
}

/* "+0200", "GMT", "EST" -> seconds; false if it is none. */
static bool zone_of(const char *s, long *seconds)
{
    static const struct {
        const char *name;
        int hours;
    } names[] = {{"GMT", 0},  {"UT", 0},   {"UTC", 0},  {"Z", 0},    {"EST", -5}, {"EDT", -4},
                 {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    int64_t v;

    if ((s[0] == '+' || s[0] == '-') && strlen(s) == 5 && base_parse_int(s + 1, 0, 9999, &v)) {
        *seconds = (long)(v / 100 * 3600 + v % 100 * 60) * (s[0] == '-' ? -1 : 1);
        return v / 100 < 24 && v % 100 < 60;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i].name, s) == 0) {
            *seconds = names[i].hours * 3600L;
            return true;
        }
    }
    return false;
}

int64_t inspect_date(struct base_bytes value)
{
    char text[80], month[4], zone[8] = "GMT";
    struct tm tm = {0};
    long offset;
    size_t n = 0;
    int year;

    for (size_t i = 0; i < value.n && value.p[i] != '(' && n + 1 < sizeof(text); i++) {
        text[n++] = isspace(value.p[i]) || value.p[i] == '\0' ? ' ' : (char)value.p[i];
    }
    text[n] = '\0';
    const char *s = strchr(text, ',') != NULL ? strchr(text, ',') + 1 : text;

    if (sscanf(s, " %2d %3s %4d %2d:%2d:%2d %7s", &tm.tm_mday, month, &year, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, zone) < 6) {
        tm.tm_sec = 0;
        if (sscanf(s, " %2d %3s %4d %2d:%2d %7s", &tm.tm_mday, month, &year, &tm.tm_hour,
                   &tm.tm_min, zone) < 5) {
            return 0;
        }
    }
    tm.tm_mon = month_of(month);
    tm.tm_year = (year < 50 ? year + 2000 : year < 1000 ? year + 1900 : year) - 1900;
    if (tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
        tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60 || year < 0 ||
        !zone_of(zone, &offset)) {
        return 0;
    }
    return (int64_t)timegm(&tm) - offset;
}
