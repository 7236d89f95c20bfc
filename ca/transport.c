/* ca/transport.c - one API call: rate limit, exchange, errors.
 *
 * Connections are kept (idle.c) and lent to one call at a time.
 * Nothing is ever repeated here: whether a call may be made again is for the
 * caller, and the failure class says what is known about the first one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "driver.h"
#include "fence.h"

#define PATIENCE_MS 6000 /* the short window always opens within this */
#define CLOSED_MS 10000  /* after a 429 that names no time */
#define TOTAL_MS 24000
#define REFUSAL_MAX 65536

enum base_fail_class ca_check_id(const char *id, struct base_fail *f)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    if (n == 0 || n > 64 || id[n] != '\0' || id[0] == '.') {
        return base_failf(f, BASE_PERMANENT, "ca.input", "an id that the CA can't have given");
    }
    return BASE_OK;
}

/* ---- refusals --------------------------------------------------------------------- */

static void add_error(struct base_buf *text, const json_t *e)
{
    const char *code = base_json_str(e, "code");
    const char *message = base_json_str(e, "message");

    if (code != NULL || message != NULL) {
        base_buf_addf(text, "%s%s%s%s", text->n > 0 ? "; " : "", code != NULL ? code : "",
                      code != NULL && message != NULL ? ": " : "", message != NULL ? message : "");
    }
}

/* "code: message; ..." of an answer with errors as a list or as one object. */
static const char *error_text(struct base_arena *a, struct base_bytes body)
{
    json_t *j = base_json_parse(body.p, body.n, REFUSAL_MAX, NULL);
    const json_t *errors = json_object_get(j, "errors");
    struct base_buf text;
    size_t i;
    json_t *e;

    base_buf_init(&text, 400);
    if (json_is_object(errors)) {
        add_error(&text, errors);
    }
    json_array_foreach(errors, i, e)
    {
        add_error(&text, e);
    }
    const char *out = text.n > 0 ? base_printable(a, text.p, text.n, 300) : "no reason given";
    base_buf_free(&text);
    json_decref(j);
    return out;
}

enum base_fail_class ca_transport_refusal(int status, struct base_bytes body, bool changes,
                                          struct base_arena *a, struct base_fail *f)
{
    const char *why = error_text(a, body);

    switch (status) {
    case 401:
        return base_failf(f, BASE_PERMANENT, "ca.key", "the CA refuses our key: %s", why);
    case 403:
        return base_failf(f, BASE_PERMANENT, "ca.denied", "our key may not do this: %s", why);
    case 404:
        return base_failf(f, BASE_PERMANENT, "ca.absent", "the CA has no such thing: %s", why);
    case 429:
        return base_failf(f, BASE_TEMPORARY, "ca.busy", "too many requests: %s", why);
    default:
        break;
    }
    if (status >= 400 && status < 500 && status != 408) {
        return base_failf(f, BASE_PERMANENT, "ca.refused", "the CA answered %d: %s", status, why);
    }
    if (changes) {
        return base_failf(f, BASE_TEMPORARY, "ca.lost",
                          "the CA answered %d, it is open whether it acted: %s", status, why);
    }
    return base_failf(f, BASE_TEMPORARY, status >= 500 || status == 408 ? "ca.busy" : "ca.answer",
                      "the CA answered %d: %s", status, why);
}

/* ---- the exchange ------------------------------------------------------------------- */

/* Waits for the rate limit, but not for long. */
static enum base_fail_class wait_turn(struct ca_account *c, struct base_fail *f)
{
    int64_t deadline = base_mono_ms() + PATIENCE_MS;
    int64_t now, ms;

    while ((ms = ca_rate_take(&c->rate, now = base_mono_ms())) > 0) {
        if (now + ms > deadline) {
            return base_failf(f, BASE_TEMPORARY, "ca.busy",
                              "the limit of requests for account %s is reached, open in %lld s",
                              c->id, (long long)(ms + 999) / 1000);
        }
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        (void)nanosleep(&t, NULL);
    }
    return BASE_OK;
}

static enum base_fail_class exchange(struct ca_account *c, const char *key_field,
                                     const struct ca_call *call, struct base_arena *a,
                                     struct net_response *resp, struct base_fail *f)
{
    struct net_request r = {.method = call->method, .hosts = &c->host, .nhosts = 1};
    size_t n = strlen(key_field) + strlen(c->key) + 3;
    char *key_line = base_xmalloc(n);
    char *body = call->body != NULL ? base_json_text(call->body) : NULL;
    const char *lines[] = {key_line, call->raw ? "Accept: */*" : "Accept: application/json"};
    struct net_http_conn *conn = ca_idle_borrow(c);

    (void)snprintf(key_line, n, "%s: %s", key_field, c->key);
    r.url = base_arena_printf(a, "%s/%s", c->base_url, call->path);
    r.headers = lines;
    r.nheaders = 2;
    r.content_type = "application/json";
    r.body = body;
    r.nbody = body != NULL ? strlen(body) : 0;
    r.body_max = NET_BODY_API;
    r.total_ms = TOTAL_MS;
    enum base_fail_class cls = net_http(&c->scope, &r, conn, a, resp, f);
    ca_idle_return(c, conn);
    explicit_bzero(key_line, n);
    free(key_line);
    free(body);
    return cls;
}

/* No text that we pass on may hold the key, whatever the server echoes. */
static void censor(const struct ca_account *c, struct base_fail *f)
{
    if (f != NULL && strstr(f->text, c->key) != NULL) {
        (void)snprintf(f->text, sizeof f->text, "the CA's answer repeats our key: text withheld");
    }
}

static enum base_fail_class read_answer(const struct ca_call *call, bool changes,
                                        const struct net_response *resp, struct ca_answer *answer,
                                        struct base_fail *f)
{
    answer->bytes = resp->body;
    if (call->raw || resp->body.n == 0) {
        return BASE_OK;
    }
    answer->json = base_json_parse(resp->body.p, resp->body.n, NET_BODY_API, NULL);
    if (answer->json != NULL) {
        return BASE_OK;
    }
    return base_failf(f, BASE_TEMPORARY, changes ? "ca.lost" : "ca.answer",
                      "the CA answered %d with %zu bytes that are no JSON", resp->status,
                      resp->body.n);
}

enum base_fail_class ca_transport(struct ca_account *c, const char *key_field,
                                  const struct ca_call *call, struct base_arena *a,
                                  struct ca_answer *answer, struct base_fail *f)
{
    bool changes = strcmp(call->method, "GET") != 0;
    struct net_response resp;
    enum base_fail_class cls;

    *answer = (struct ca_answer){0};
    cls = ca_fence_check(call->method, f);
    if (cls == BASE_OK) {
        cls = wait_turn(c, f);
    }
    if (cls != BASE_OK) {
        return cls;
    }
    cls = exchange(c, key_field, call, a, &resp, f);
    if (cls != BASE_OK && changes && resp.sent) {
        cls =
            base_failf(f, BASE_TEMPORARY, "ca.lost",
                       "the answer to our request to %s was lost, it is open whether the CA acted",
                       c->host.name);
    } else if (cls == BASE_OK && (resp.status < 200 || resp.status > 299)) {
        if (resp.status == 429) {
            int64_t ms = resp.retry_after >= 0 ? resp.retry_after * 1000 : CLOSED_MS;
            ca_rate_close(&c->rate, base_mono_ms() + ms);
        }
        cls = ca_transport_refusal(resp.status, resp.body, changes, a, f);
    } else if (cls == BASE_OK) {
        cls = read_answer(call, changes, &resp, answer, f);
    }
    if (cls != BASE_OK) {
        censor(c, f);
    }
    return cls;
}
