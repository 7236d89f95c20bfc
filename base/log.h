/* base/log.h - one line per event, key=value.
 *
 * To the journal (as fields CERTMILTER_<KEY>) when stderr is connected to it,
 * to stderr with a priority prefix "<n>" otherwise. Values are made printable
 * and quoted where needed; each is cut at 512 bytes. Never give it a secret
 * or a token. Thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <syslog.h> /* LOG_INFO and its neighbours */

struct base_fail;

/* IDENT (not copied) is the program's name; MAX_PRIORITY e.g. LOG_INFO. Call it
 * before threads start; until then "certmilter" and LOG_INFO hold. */
void base_log_open(const char *ident, int max_priority);
/* Pairs of const char * key, value; ends with NULL. A NULL value is left out:
 * base_log(LOG_INFO, "mail.taken", "id", id, "rcpt", rcpt, NULL). */
void base_log(int priority, const char *event, ...) __attribute__((sentinel));
/* The same, with the class, code and text of a failure added. */
void base_log_fail(int priority, const char *event, const struct base_fail *f, ...)
    __attribute__((sentinel));
/* Decimal text of a number, in a static ring of 8 buffers per thread. */
const char *base_log_num(long long n);

#endif
