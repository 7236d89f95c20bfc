/* base/json.c - Jansson with caps, duplicates refused, typed access.
 *
 * Values belong to whom Jansson says. Parsing fails with a place, never with a
 * piece of the input, which may hold a secret. Jansson itself refuses
 * nesting deeper than 2048. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "die.h"
#include "utf8.h"

json_t *base_json_parse(const void *p, size_t n, size_t max, struct base_fail *f)
{
    json_error_t e;

    if (n > max) {
        base_failf(f, BASE_PERMANENT, "json.size", "JSON of %zu bytes, more than %zu", n, max);
        return NULL;
    }
    json_t *v = json_loadb(n > 0 ? p : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (v != NULL) {
        return v;
    }
    if (json_error_code(&e) == json_error_out_of_memory) {
        base_die("out of memory");
    }
    if (json_error_code(&e) == json_error_duplicate_key) {
        base_failf(f, BASE_PERMANENT, "json.syntax",
                   "JSON with a member twice in one object, at line %d, column %d", e.line,
                   e.column);
    } else {
        base_failf(f, BASE_PERMANENT, "json.syntax", "not valid JSON at line %d, column %d", e.line,
                   e.column);
    }
    return NULL;
}

const char *base_json_str(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

const char *base_json_strd(const json_t *o, const char *key, const char *dflt)
{
    const char *s = base_json_str(o, key);

    return s != NULL ? s : dflt;
}

int64_t base_json_int(const json_t *o, const char *key, int64_t dflt)
{
    const json_t *v = json_object_get(o, key);
    int64_t n;

    if (json_is_integer(v)) {
        return json_integer_value(v);
    }
    return base_parse_int(json_string_value(v), INT64_MIN, INT64_MAX, &n) ? n : dflt;
}

bool base_json_bool(const json_t *o, const char *key, bool dflt)
{
    const json_t *v = json_object_get(o, key);

    return json_is_boolean(v) ? json_is_true(v) : dflt;
}

json_t *base_json_obj(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);

    return json_is_object(v) ? v : NULL;
}

json_t *base_json_arr(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);

    return json_is_array(v) ? v : NULL;
}

/* A JSON string of S with "?" for every byte that isn't UTF-8. */
static json_t *clean_string(const char *s)
{
    size_t n = strlen(s);
    unsigned char *copy = base_xmalloc(n + 1);

    memcpy(copy, s, n + 1);
    for (size_t i = 0; i < n;) {
        size_t len = base_utf8_char(copy + i, n - i, NULL);
        if (len == 0) {
            copy[i] = '?';
            len = 1;
        }
        i += len;
    }
    json_t *v = json_stringn((const char *)copy, n);
    explicit_bzero(copy, n);
    free(copy);
    return v;
}

static void set_new(json_t *o, const char *key, json_t *v)
{
    if (v == NULL || json_object_set_new(o, key, v) != 0) {
        base_die("a JSON member can't be set: no memory, no object or a wrong name");
    }
}

void base_json_set(json_t *o, const char *key, const char *value)
{
    if (value != NULL) {
        set_new(o, key, clean_string(value));
    }
}

void base_json_setn(json_t *o, const char *key, int64_t value)
{
    set_new(o, key, json_integer(value));
}

void base_json_setb(json_t *o, const char *key, bool value)
{
    set_new(o, key, json_boolean(value));
}

char *base_json_text(const json_t *v)
{
    if (v == NULL) {
        return base_xstrdup("null");
    }
    char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

    if (s == NULL) {
        base_die("JSON can't be written: no memory, or a value that holds itself");
    }
    return s;
}
