/* net/smtp.h - handing one mail to the local MTA.
 *
 * For notices and alarms. Plain SMTP, no TLS, no authentication: the server is
 * the MTA of this machine. Blocks at most TOTAL_MS; thread-safe. */
#ifndef NET_SMTP_H
#define NET_SMTP_H
#include <stddef.h>

#include "base/fail.h"

struct net_mail {
    const char *server; /* "127.0.0.1:25", "[::1]:25" */
    const char *helo;   /* our host name; NULL = "localhost" */
    const char *from;   /* envelope sender; NULL or "" = <> */
    const char **rcpts; /* envelope recipients, 1..100 */
    size_t nrcpts;
    const void *message; /* header and body, lines ended by LF or CRLF; at most 1 MiB */
    size_t nmessage;
    int total_ms; /* 0 = 30 s */
};

/* BASE_OK when the MTA took the mail for all recipients.
 * Temporary: net.connect, net.timeout, net.io, net.smtp.later (4xx, or the answer
 * to the data was lost: it may have been taken).
 * Permanent: net.smtp.refused (5xx; text has the reply code), net.smtp.address
 * (an address with control characters, blanks or angle brackets), net.smtp.size,
 * net.smtp.server (SERVER isn't host:port). */
enum base_fail_class net_smtp_send(const struct net_mail *m, struct base_fail *f);

#endif
