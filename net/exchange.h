/* net/exchange.h - one exchange while it runs; between http.c and answer.c. */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H
#include <curl/curl.h>

#include "base/bytes.h"
#include "http.h"

#define NET_COOKIES 32

struct net_exchange {
    const struct net_scope *scope;
    struct base_arena *arena;
    struct net_response *resp;
    struct base_buf body;
    size_t header_bytes, header_max;
    bool header_full; /* the answer was cut because its header was too large */
    bool refused;     /* an address was refused */
    char error[CURL_ERROR_SIZE];
};

/* Hooks the counting callbacks and the address checks into EASY. */
void net_exchange_attach(struct net_exchange *x, CURL *easy);

#endif
