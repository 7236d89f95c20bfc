/* spool/envelope.c - the first line of a spool file.
 *
 * Pure. Writing fails on an envelope that breaks a cap, reading on anything
 * that writing doesn't make: a damaged line is never half believed. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "internal.h"

#define CLIENT_MAX 64
#define QUEUE_ID_MAX 128
#define SIZE_COLUMNS 10

static bool id_ok(const char *id)
{
    char name[SPOOL_NAME_LEN];
    if (strlen(id) != SPOOL_ID_LEN - 1)
        return false;
    memcpy(name, id, SPOOL_ID_LEN - 1);
    memcpy(name + SPOOL_ID_LEN - 1, ".00000000", 10);
    return spool_name_ok(name);
}

char *spool_envelope_write(struct base_arena *a, const struct spool_envelope *env,
                           size_t *size_at)
{
    if (!id_ok(env->id) || !env->client || strlen(env->client) > CLIENT_MAX || !env->sender ||
        strlen(env->sender) > SPOOL_ADDRESS_MAX || env->n_recipients == 0 ||
        env->n_recipients > SPOOL_RECIPIENTS_MAX || env->time < 0)
        return NULL;
    json_t *o = json_object(), *r = json_array();
    base_json_setn(o, "v", 1);
    base_json_set(o, "id", env->id);
    base_json_setn(o, "time", env->time);
    base_json_set(o, "client", env->client);
    base_json_set(o, "queue_id", env->queue_id && strlen(env->queue_id) <= QUEUE_ID_MAX
                                     ? env->queue_id
                                     : "");
    base_json_set(o, "sender", env->sender);
    base_json_setb(o, "in_profile", env->sender_in_profile);
    bool ok = true;
    json_t *one = json_object(); /* base_json_set() repairs what isn't UTF-8 */
    for (size_t i = 0; i < env->n_recipients && ok; i++) {
        ok = env->recipients[i] && strlen(env->recipients[i]) <= SPOOL_ADDRESS_MAX;
        if (ok) {
            base_json_set(one, "r", env->recipients[i]);
            json_array_append(r, json_object_get(one, "r"));
        }
    }
    json_decref(one);
    json_object_set_new(o, "recipients", r);
    char *text = ok ? base_json_text(o) : NULL;
    json_decref(o);
    char *line = NULL;
    size_t n = text ? strlen(text) : 0;
    if (n > 1 && n + 32 < SPOOL_ENVELOPE_MAX) {
        text[n - 1] = 0; /* the closing brace */
        line = base_arena_printf(a, "%s,\"size\":%*lld}\n", text, SIZE_COLUMNS,
                                 (long long)env->size);
        *size_at = strlen(line) - 2 - SIZE_COLUMNS;
    }
    free(text);
    return line;
}

/* A string member of at most MAX bytes without NUL, copied into A; NULL if it is none. */
static const char *text(struct base_arena *a, const json_t *v, size_t max)
{
    if (!json_is_string(v) || json_string_length(v) > max ||
        strlen(json_string_value(v)) != json_string_length(v))
        return NULL;
    return base_arena_strdup(a, json_string_value(v));
}

static const char *fill(struct base_arena *a, const json_t *o, struct spool_envelope *env)
{
    const json_t *v = json_object_get(o, "v"), *time = json_object_get(o, "time"),
                 *size = json_object_get(o, "size"), *rcpts = json_object_get(o, "recipients"),
                 *in_profile = json_object_get(o, "in_profile");
    if (!json_is_integer(v) || json_integer_value(v) != 1)
        return "version";
    const char *id = text(a, json_object_get(o, "id"), SPOOL_ID_LEN - 1);
    if (!id || !id_ok(id))
        return "id";
    memcpy(env->id, id, SPOOL_ID_LEN);
    if (!json_is_integer(time) || json_integer_value(time) < 0 ||
        json_integer_value(time) > INT64_C(253402300799)) /* the year 9999 */
        return "time";
    env->time = json_integer_value(time);
    if (!json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > SPOOL_MAIL_MAX)
        return "size";
    env->size = json_integer_value(size);
    if (!json_is_boolean(in_profile))
        return "in_profile";
    env->sender_in_profile = json_is_true(in_profile);
    if (!(env->client = text(a, json_object_get(o, "client"), CLIENT_MAX)))
        return "client";
    if (!(env->queue_id = text(a, json_object_get(o, "queue_id"), QUEUE_ID_MAX)))
        return "queue_id";
    if (!(env->sender = text(a, json_object_get(o, "sender"), SPOOL_ADDRESS_MAX)))
        return "sender";
    size_t n = json_is_array(rcpts) ? json_array_size(rcpts) : 0;
    if (n == 0 || n > SPOOL_RECIPIENTS_MAX)
        return "recipients";
    env->recipients = base_arena_array(a, n, sizeof *env->recipients);
    env->n_recipients = n;
    for (size_t i = 0; i < n; i++)
        if (!(env->recipients[i] = text(a, json_array_get(rcpts, i), SPOOL_ADDRESS_MAX)))
            return "recipients";
    return NULL;
}

enum base_fail_class spool_envelope_read(struct base_arena *a, const void *p, size_t n,
                                         struct spool_envelope *env, size_t *used,
                                         struct base_fail *f)
{
    size_t look = n < SPOOL_ENVELOPE_MAX ? n : SPOOL_ENVELOPE_MAX;
    const unsigned char *nl = look ? memchr(p, '\n', look) : NULL;
    if (!nl)
        return base_failf(f, BASE_PERMANENT, "spool.bad", "no envelope line");
    size_t len = (size_t)(nl - (const unsigned char *)p);
    json_t *o = base_json_parse(p, len, SPOOL_ENVELOPE_MAX, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return base_failf(f, BASE_PERMANENT, "spool.bad", "the envelope is no JSON object");
    }
    struct spool_envelope e = {0};
    const char *bad = fill(a, o, &e);
    json_decref(o);
    if (bad)
        return base_failf(f, BASE_PERMANENT, "spool.bad", "envelope: bad or missing \"%s\"", bad);
    *env = e;
    *used = len + 1;
    return BASE_OK;
}
