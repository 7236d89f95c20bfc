/* base/clock.h - time. Seconds since the epoch are int64_t; "ms" says milliseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t base_now(void);     /* seconds, real time */
int64_t base_now_ms(void);  /* milliseconds, real time */
int64_t base_mono_ms(void); /* milliseconds, monotonic */

#define BASE_TIME_LEN 40
/* "2026-11-22T14:03:07Z" (RFC 3339, UTC). Returns OUT. */
char *base_time_rfc3339(int64_t t, char out[BASE_TIME_LEN]);
/* "Sun, 22 Nov 2026 14:03:07 +0000" (RFC 5322). Returns OUT. */
char *base_time_rfc5322(int64_t t, char out[BASE_TIME_LEN]);
/* RFC 3339 date or date-time ("2026-11-22", "2026-11-22T14:03:07Z", offsets,
 * a blank in place of T, fractions ignored, no zone means UTC); false if it is none. */
bool base_time_parse(const char *s, int64_t *out);
/* "3 d 4 h", "25 min", "8 s": two units at the most. Returns OUT. */
char *base_time_span(int64_t seconds, char out[BASE_TIME_LEN]);

#endif
