/* policy/jsonio.c - strict reading and short writing of the room's JSON.
 *
 * Owns nothing. Reading fails by the reader's own code; writing can only fail
 * for lack of memory, and then ends the process as base/ does. */
#include "jsonio.h"

#include <string.h>

#include "base/json.h"

void policy_read_bad(struct policy_reader *r, const char *key, const char *expected)
{
    if (!r->bad) {
        r->bad = true;
        base_failf(r->f, BASE_PERMANENT, r->code, "member \"%s\": expected %s", key, expected);
    }
}

enum base_fail_class policy_read_end(const struct policy_reader *r)
{
    return r->bad ? BASE_PERMANENT : BASE_OK;
}

bool policy_read_object(struct policy_reader *r, const json_t *v, const char *key)
{
    if (!r->bad && !json_is_object(v)) {
        policy_read_bad(r, key, "an object");
    }
    return !r->bad;
}

/* The member; NULL if it is absent, null, or the reader has failed before. */
static const json_t *member(struct policy_reader *r, const json_t *o, const char *key)
{
    const json_t *v = r->bad ? NULL : json_object_get(o, key);

    return json_is_null(v) ? NULL : v;
}

static const char *text_of(struct policy_reader *r, const json_t *v, const char *key)
{
    const char *s = json_string_value(v);

    if (s == NULL) {
        policy_read_bad(r, key, "a text");
        return NULL;
    }
    size_t n = json_string_length(v);
    if (n > POLICY_JSON_TEXT || strlen(s) != n) {
        policy_read_bad(r, key, "a text of at most 64 KiB without NUL");
        return NULL;
    }
    return base_arena_strdup(r->a, s);
}

const char *policy_read_str(struct policy_reader *r, const json_t *o, const char *key)
{
    const json_t *v = member(r, o, key);

    return v != NULL ? text_of(r, v, key) : NULL;
}

int64_t policy_read_int(struct policy_reader *r, const json_t *o, const char *key, int64_t lo,
                        int64_t hi)
{
    const json_t *v = member(r, o, key);

    if (v == NULL) {
        return 0;
    }
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < lo || n > hi) {
        policy_read_bad(r, key, "an integer within its range");
        return 0;
    }
    return n;
}

bool policy_read_bool(struct policy_reader *r, const json_t *o, const char *key)
{
    const json_t *v = member(r, o, key);

    if (v != NULL && !json_is_boolean(v)) {
        policy_read_bad(r, key, "true or false");
    }
    return json_is_true(v);
}

static const json_t *array_of(struct policy_reader *r, const json_t *o, const char *key, size_t max,
                              size_t *n)
{
    const json_t *v = member(r, o, key);

    *n = 0;
    if (v == NULL) {
        return NULL;
    }
    if (!json_is_array(v) || json_array_size(v) > max) {
        policy_read_bad(r, key, "a list that is not too long");
        return NULL;
    }
    *n = json_array_size(v);
    return v;
}

struct policy_strings policy_read_strings(struct policy_reader *r, const json_t *o, const char *key,
                                          size_t max)
{
    struct policy_strings out = {NULL, 0};
    size_t n;
    const json_t *v = array_of(r, o, key, max, &n);

    if (n == 0) {
        return out;
    }
    out.v = base_arena_array(r->a, n, sizeof *out.v);
    for (size_t i = 0; i < n; i++) {
        out.v[i] = text_of(r, json_array_get(v, i), key);
        if (out.v[i] == NULL) {
            return (struct policy_strings){NULL, 0};
        }
    }
    out.n = n;
    return out;
}

const json_t *policy_read_objects(struct policy_reader *r, const json_t *o, const char *key,
                                  size_t max, size_t *n)
{
    const json_t *v = array_of(r, o, key, max, n);

    for (size_t i = 0; i < *n; i++) {
        if (!policy_read_object(r, json_array_get(v, i), key)) {
            *n = 0;
            return NULL;
        }
    }
    return v;
}

void policy_put_str(json_t *o, const char *key, const char *v)
{
    base_json_set(o, key, v);
}

void policy_put_int(json_t *o, const char *key, int64_t v)
{
    if (v != 0) {
        base_json_setn(o, key, v);
    }
}

void policy_put_bool(json_t *o, const char *key, bool v)
{
    if (v) {
        base_json_setb(o, key, true);
    }
}

void policy_put_strings(json_t *o, const char *key, const struct policy_strings *l)
{
    json_t *list = policy_new_array();

    for (size_t i = 0; i < l->n; i++) {
        /* through a member, because base/ cleans texts only there */
        json_t *box = policy_new_object();
        base_json_set(box, "v", l->v[i]);
        policy_append_new(list, json_incref(json_object_get(box, "v")));
        json_decref(box);
    }
    policy_put_new(o, key, list);
}

static void *there(void *p)
{
    if (p == NULL) {
        (void)base_xmalloc(SIZE_MAX / 2); /* ends the process the way base/ does */
    }
    return p;
}

json_t *policy_new_object(void)
{
    return there(json_object());
}

json_t *policy_new_array(void)
{
    return there(json_array());
}

void policy_put_new(json_t *o, const char *key, json_t *v)
{
    if (json_is_array(v) && json_array_size(v) == 0) {
        json_decref(v);
    } else if (json_object_set_new(o, key, v) != 0) {
        there(NULL);
    }
}

void policy_append_new(json_t *array, json_t *v)
{
    if (json_array_append_new(array, v) != 0) {
        there(NULL);
    }
}
