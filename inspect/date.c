/* inspect/date.c - RFC 5322 3.3 date-time, the obsolete zone names included. */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "header.h"

static int month_of(const char *s)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (int i = 0; i < 12; i++) {
        if (strlen(s) == 3 && strncasecmp(names + (size_t)i * 3, s, 3) == 0) {
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

/* "14:03" or "14:03:07" */
static bool time_of(char *s, struct tm *tm)
{
    char *colon = strchr(s, ':');
    char *second = colon != NULL ? strchr(colon + 1, ':') : NULL;
    int64_t h, m, sec = 0;

    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    if (second != NULL) {
        *second = '\0';
    }
    if (!base_parse_int(s, 0, 23, &h) || !base_parse_int(colon + 1, 0, 59, &m) ||
        (second != NULL && !base_parse_int(second + 1, 0, 60, &sec))) {
        return false;
    }
    tm->tm_hour = (int)h;
    tm->tm_min = (int)m;
    tm->tm_sec = (int)sec;
    return true;
}

/* Day, month, year, time, zone; a missing zone is UTC. */
static bool read_parts(char *s, struct tm *tm, long *offset)
{
    char *part[5] = {NULL}, *rest = s;
    int64_t day, year;
    size_t n = 0;

    while (n < 5 && (part[n] = strtok_r(n == 0 ? s : NULL, " \t\r\n", &rest)) != NULL) {
        n++;
    }
    if (n < 4 || !base_parse_int(part[0], 1, 31, &day) || (tm->tm_mon = month_of(part[1])) < 0 ||
        !base_parse_int(part[2], 0, 9999, &year) || !time_of(part[3], tm) ||
        !zone_of(n == 5 ? part[4] : "GMT", offset)) {
        return false;
    }
    tm->tm_mday = (int)day;
    tm->tm_year = (int)(year < 50 ? year + 2000 : year < 1000 ? year + 1900 : year) - 1900;
    return true;
}

int64_t inspect_date(struct base_bytes value)
{
    char text[80];
    struct tm tm = {0};
    long offset;
    size_t n = 0;

    for (size_t i = 0; i < value.n && value.p[i] != '(' && n + 1 < sizeof(text); i++) {
        text[n++] = value.p[i] != '\0' ? (char)value.p[i] : ' ';
    }
    text[n] = '\0';
    char *comma = strchr(text, ',');

    if (!read_parts(comma != NULL ? comma + 1 : text, &tm, &offset)) {
        return 0;
    }
    return (int64_t)timegm(&tm) - offset;
}
