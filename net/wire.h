/* net/wire.h - one DNS message to one server and its answer, bounded in time; inside net/. */
#ifndef NET_WIRE_H
#define NET_WIRE_H
#include <ldns/ldns.h>
#include <stdbool.h>

#include "base/fail.h"

#define NET_WIRE_MAX 65535

/* Sends the N bytes of MSG to SERVER ("IP" or "IP@port") over TCP or UDP and waits for an
 * answer with its id; at most MS milliseconds in all. *ANSWER (malloc'ed, the caller's)
 * has *NANSWER bytes. Codes: net.wire (temporary, also where nothing came in time;
 * "net.wire.route" if this host has no way to the address at all), net.wire.server
 * (permanent: SERVER is no address). */
enum base_fail_class net_wire_exchange(const char *server, bool tcp, const uint8_t *msg, size_t n,
                                       int ms, uint8_t **answer, size_t *nanswer,
                                       struct base_fail *f);

#endif
