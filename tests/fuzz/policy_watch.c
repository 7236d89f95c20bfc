/* tests/fuzz/policy_watch.c - the loader of the watch file, addresses, From fields.
 * The first byte chooses. A normalised domain must be its own normal form, and text
 * without quotes and comments can't hide a matching address that follows it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "policy/watch.h"
#include "policy/watch_internal.h"

static struct policy_watch *sample(void)
{
    /* one key in each list: ca.test, ca.test, example.test, alice@example.test */
    static const char *const text[] = {"ca.test", "ca.test", "example.test", "alice@example.test"};
    unsigned char file[WATCH_HEADER + 4 * 8 + BASE_SHA256_LEN] = {0};
    struct policy_watch *w = NULL;
    watch_put64(file, WATCH_MAGIC);
    watch_put64(file + 8, WATCH_VERSION);
    watch_put64(file + 16, POLICY_WATCH_MAX_MAIL);
    for (int i = 0; i < 4; i++) {
        watch_put64(file + 32 + 8 * i, 1);
        watch_put64(file + WATCH_HEADER + 8 * i, policy_watch_key(text[i], strlen(text[i])));
    }
    base_sha256(file, sizeof file - BASE_SHA256_LEN, file + sizeof file - BASE_SHA256_LEN);
    if (policy_watch_parse(file, sizeof file, &w, NULL) != BASE_OK)
        abort();
    return w;
}

static void load(const uint8_t *p, size_t n)
{
    struct policy_watch *w = NULL;
    /* as it is, and with its checksum put right, so that the rest is reached */
    for (int fix = 0; fix < 2; fix++) {
        unsigned char *copy = malloc(n ? n : 1);
        memcpy(copy, p, n);
        if (fix && n >= BASE_SHA256_LEN)
            base_sha256(copy, n - BASE_SHA256_LEN, copy + n - BASE_SHA256_LEN);
        if (policy_watch_parse(copy, n, &w, NULL) == BASE_OK) {
            struct policy_watch_info i;
            policy_watch_info(w, &i);
            policy_watch_interest_rcpt(w, "<admin@example.test>");
            policy_watch_interest_sender(w, "<x@a.b.c.d.e.f.g.h.i.j.k.l.test>");
            policy_watch_from(w, " x@ca.test", 10);
            if (policy_watch_max_mail(w) > POLICY_WATCH_MAX_MAIL)
                abort();
            policy_watch_free(w);
        }
        free(copy);
    }
}

static void address(const struct policy_watch *w, const char *p, size_t n)
{
    char out[POLICY_WATCH_ADDR_LEN], again[POLICY_WATCH_ADDR_LEN];
    if (policy_watch_normalise_to(p, n, out) && strlen(out) >= sizeof out)
        abort();
    if (policy_watch_domain_to(p, n, out) &&
        (!policy_watch_domain_to(out, strlen(out), again) || strcmp(out, again) != 0))
        abort();
    char *text = malloc(n + 1);
    memcpy(text, p, n);
    text[n] = 0;
    policy_watch_interest_rcpt(w, text);
    policy_watch_interest_sender(w, text);
    free(text);
}

static void from(const struct policy_watch *w, const char *p, size_t n)
{
    static const char good[] = ", x@ca.test";
    char *text = malloc(n + sizeof good);
    memcpy(text, p, n);
    policy_watch_from(w, text, n);
    /* letters, digits and blanks before it can't hide an address */
    size_t i = 0;
    while (i < n && (text[i] == ' ' || (text[i] >= '0' && text[i] <= 'z' && text[i] != '\\')))
        i++;
    if (i == n) {
        memcpy(text + n, good, sizeof good);
        if (!policy_watch_from(w, text, n + sizeof good - 1))
            abort();
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy_watch *w;
    if (!w)
        w = sample();
    if (size == 0)
        return 0;
    if (data[0] == 'C')
        load(data, size);
    else if (data[0] == 'a')
        address(w, (const char *)data + 1, size - 1);
    else
        from(w, (const char *)data + 1, size - 1);
    return 0;
}
