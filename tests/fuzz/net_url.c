/* net_url_check() and net_url_resolve(): whatever passes is https on the one allowed host. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct net_host host = {"ca.test", 0};
    struct base_arena *a = base_arena_new();
    char *text = base_arena_strndup(a, (const char *)data, size);
    const char *resolved;
    struct net_url u;

    if (net_url_check(a, text, &host, 1, &u, NULL) == BASE_OK &&
        (strcmp(u.host, "ca.test") != 0 || u.port != 443 || strncmp(u.url, "https://", 8) != 0 ||
         strchr(u.url, '#') != NULL)) {
        abort();
    }
    if (net_url_resolve(a, "https://ca.test/d/p?q", text, &resolved, NULL) == BASE_OK) {
        (void)net_url_check(a, resolved, &host, 1, &u, NULL);
    }
    (void)net_retry_after(text, 1700000000);
    (void)net_url_escape(a, text);
    base_arena_free(a);
    return 0;
}
